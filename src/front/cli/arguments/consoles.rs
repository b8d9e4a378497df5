//! Commands about guests' consoles and their recordings.

use crate::front::cli::shape;
use crate::model::RecordingMode;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::time::Duration;

/// A serial console.
#[derive(Debug, Args)]
pub struct ConsoleArguments {
    /// Which machine
    #[arg(value_name = "[OWNER/]NAME")]
    pub name: String,
    /// Take the console from whoever has it, who is told; asks before
    #[arg(long, short)]
    pub force: bool,
    /// With --force: do not ask
    #[arg(long, short = 'y', requires = "force")]
    pub yes: bool,
}

pub(super) const CONSOLE_ABOUT: &str = "\
Put the guest's serial console on this terminal, with what it wrote last. A machine has one serial \
line: whoever has it is named, and --force takes it from them. A machine that is off is waited for.

Every key goes to the guest but the leader, Ctrl-] unless the configuration says otherwise \
(consoles.leader). The leader leaves; pressed twice within 0.4 s it goes to the guest, once. What \
becomes of the line is told in lines that begin with [twarga].

What the guest writes reaches this terminal as it is, as over a real cable: a hostile guest can \
set its title, move its cursor, ask it questions. The console on twarga's screen confines the \
guest to its pane; this does not.";

pub(super) const CONSOLE_EXAMPLES: &str = "\
Examples:
  twarga console web-1
  twarga console web-1 --force

Exit codes: 0 left · 6 somebody has it, or took it over · 1 ended otherwise";

/// A guest by its SSH server.
#[derive(Debug, Args)]
pub struct SshArguments {
    /// Which machine
    #[arg(value_name = "[OWNER/]NAME")]
    pub name: String,
    /// Give the command a terminal in the guest, if there is one here
    #[arg(long, short)]
    pub tty: bool,
    /// Run this there instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

pub(super) const SSH_ABOUT: &str = "\
Sign in to the guest's account over SSH, by twarga's own key.

Without a command: a shell on this terminal, which the leader (Ctrl-]) leaves as it does a console; \
the exit code is the shell's. With a command: it runs with this process's standard streams, so it \
works in pipes, and its exit code is passed on. Its words arrive as they are given, blanks and \
quotes included; for a line of shell, give it to one: -- sh -c 'ls | wc'.";

pub(super) const SSH_EXAMPLES: &str = "\
Examples:
  twarga ssh web-1
  twarga ssh web-1 -- uname -a
  twarga ssh web-1 -t -- top
  tar c site | twarga ssh web-1 -- tar x -C /srv

Exit codes: the remote command's · 255 ssh could not reach the guest";

/// What to do with consoles that are open.
#[derive(Debug, Subcommand)]
pub enum ConsolesCommand {
    /// List consoles that are open: yours, those of your machines, or all (admins and auditors)
    #[command(visible_alias = "ls", after_long_help = shape::CONSOLE_HELP)]
    List,
    /// End a console wherever it is open; whoever has it is told
    #[command(after_long_help = "JSON: ended (how many)")]
    End {
        /// Its number
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<i64>,
        /// Every one that you may end
        #[arg(long)]
        all: bool,
    },
}

/// Whether consoles are recorded.
#[derive(Debug, Args)]
pub struct RecordArguments {
    /// Which machine
    #[arg(value_name = "[OWNER/]NAME")]
    pub name: String,
    /// What is recorded; without it the setting is shown
    #[arg(value_name = "off|output|input", value_parser = recording_mode())]
    pub mode: Option<RecordingMode>,
}

pub(super) const RECORD_ABOUT: &str = "\
Say whether a machine's consoles are recorded, from the next one opened on: nothing (off), what the \
guest writes (output), or also what is typed, passwords included (input). Whoever has a recorded \
console is told. The configuration (consoles.record) can demand more than the machine's own setting.";

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub enum RecordingsCommand {
    /// List recordings you may play, newest first
    #[command(visible_alias = "ls", after_long_help = shape::RECORDING_HELP)]
    List,
    /// Remove a recording
    #[command(visible_alias = "rm", after_long_help = "JSON: removed (its number)")]
    Remove {
        /// Its number
        id: i64,
        /// Do not ask (needed where there is no terminal)
        #[arg(long, short = 'y')]
        yes: bool,
    },
}

/// A recording to be played.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Its number (`twarga recordings list`)
    pub id: i64,
    /// Write the recording as it is, also to a terminal
    #[arg(long)]
    pub raw: bool,
    /// How fast, as a multiple of the time it took (0.1 to 100)
    #[arg(long, short, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    pub speed: f64,
    /// Shorten every pause to so many seconds
    #[arg(long, short, value_name = "SECONDS", default_value = "2", value_parser = idle)]
    pub idle: Duration,
}

pub(super) const REPLAY_ABOUT: &str = "\
Play a recording at its own pace on this terminal, confined to the screen it was made on. Where \
standard output is no terminal, the recording itself is written: an asciicast (version 2), which \
other programs play too.

Keys: space pauses · → or . and ← jump 5 s · + and - change the speed · Home begins again · q, \
Ctrl-C or the leader leaves.";

pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  twarga replay 3 --speed 2
  twarga replay 3 > web-1.cast";

fn recording_mode() -> impl TypedValueParser<Value = RecordingMode> {
    PossibleValuesParser::new(RecordingMode::ALL.iter().map(|mode| mode.as_str()))
        .map(|word| RecordingMode::parse(&word).unwrap_or_default())
}

fn speed(word: &str) -> Result<f64, String> {
    let factor: f64 = word.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=100.0).contains(&factor) {
        Ok(factor)
    } else {
        Err("0.1 to 100".to_owned())
    }
}

fn idle(word: &str) -> Result<Duration, String> {
    let seconds: f64 = word.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(idle) if seconds <= 86_400.0 => Ok(idle),
        _ => Err("0 to 86400".to_owned()),
    }
}
