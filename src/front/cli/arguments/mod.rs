//! The command line's one definition: parser, help, man page and completions come from it.
//!
//! It only says what may be typed. What a value means (a machine's name, a size) is the core's to
//! judge, so that every front refuses it in the same words.

mod consoles;
mod credits;
mod keys;
mod nouns;
mod provision;
mod users;

pub use consoles::*;
pub use credits::*;
pub use keys::*;
pub use nouns::*;
pub use provision::*;
pub use users::*;

use crate::front::cli::shape;
use crate::model::Theme;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

const LONG_ABOUT: &str = "\
A private cloud in one terminal: a small team shares a KVM host, launches virtual machines from \
verified images, watches them and sees every security event.

Without a subcommand, twarga opens its full-screen terminal. The subcommands do the same from \
scripts: tables for people, --json for programs.";

const EXAMPLES: &str = "\
Examples:
  twarga                                        open the screen
  twarga --demo                                 try it on invented machines
  twarga register alice --email alice@host      make an account (the first is the admin)
  twarga vm create web-1 --image tiny           make a machine and wait until it is ready
  twarga vm list --json                         what there is, for a script
  twarga console web-1                          its serial console on this terminal
  twarga ssh web-1 -- uname -a                  a command in it
  twarga doctor                                 what works here and what does not

Exit codes:
  0 done · 2 usage · 3 configuration · 4 not permitted · 5 not found · 6 conflict ·
  7 hypervisor unavailable · 1 anything else

With --json, a refusal is also printed as {\"error\":{\"code\",\"kind\",\"message\"}}.";

/// What was typed.
#[derive(Debug, Parser)]
#[command(name = "twarga", version, about = "A private cloud in one terminal", long_about = LONG_ABOUT)]
#[command(after_long_help = EXAMPLES, max_term_width = 100, infer_subcommands = false)]
pub struct Arguments {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// Flags of the screen.
    #[command(flatten)]
    pub screen: Screen,
    /// What to do; nothing opens the screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Read this configuration file instead of the usual ones
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keep everything in this state directory
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Ask this libvirt: qemu:///system, qemu:///session, or `auto`
    #[arg(long, global = true, value_name = "URI")]
    pub uri: Option<String>,
    /// Run on a simulated hypervisor with invented machines; nothing is kept
    #[arg(long, global = true)]
    pub demo: bool,
    /// Print JSON for scripts instead of tables for people
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more (-v debug, -vv trace)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Flags of the screen.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Screen")]
pub struct Screen {
    /// Serve a colleague let in by a forced command: no files, no overrides, own sign-in
    #[arg(long)]
    pub tenant: bool,
    /// Never lock an idle auditor's screen (a monitor on the wall)
    #[arg(long)]
    pub kiosk: bool,
    /// Colours, if the user has not chosen others
    #[arg(long, value_name = "THEME", value_parser = theme())]
    pub theme: Option<Theme>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the screen (the same as without a subcommand)
    #[command(after_long_help = TUI_EXAMPLE)]
    Tui(Screen),
    /// Run the core without a screen: keeps machines, operations and history going
    #[command(long_about = SERVE_ABOUT)]
    Serve,
    /// Say what works here and what does not, with the command that mends it
    #[command(after_long_help = shape::DOCTOR_HELP)]
    Doctor,
    /// Sign in and keep the session for further commands
    #[command(after_long_help = "Examples:\n  twarga login alice\n  \
        pass show twarga | twarga login alice --password-stdin")]
    Login {
        /// Sign-in name; asked for on a terminal
        username: Option<String>,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// End the session that `login` opened
    Logout,
    /// Say who is signed in
    Whoami,
    /// Make an account and sign in; the first account is the admin
    #[command(after_long_help = "Examples:\n  twarga register alice --email alice@example.org")]
    Register {
        /// Sign-in name; asked for on a terminal
        username: Option<String>,
        /// E-mail address; asked for on a terminal
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change your password; ends your other sessions
    Passwd {
        /// Take the old and the new password from the first two lines of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Virtual machines
    #[command(subcommand, visible_alias = "vms")]
    Vm(VmCommand),
    /// Operations: slow work, running and past
    #[command(subcommand, visible_alias = "operation")]
    Op(OpCommand),
    /// A guest's serial console on this terminal; Ctrl-] leaves
    #[command(long_about = CONSOLE_ABOUT, after_long_help = CONSOLE_EXAMPLES)]
    Console(ConsoleArguments),
    /// A shell or a command in a guest over SSH, by twarga's own key
    #[command(long_about = SSH_ABOUT, after_long_help = SSH_EXAMPLES)]
    Ssh(SshArguments),
    /// Who sits at which console
    #[command(subcommand)]
    Consoles(ConsolesCommand),
    /// Whether a machine's consoles are recorded
    #[command(long_about = RECORD_ABOUT, after_long_help = "JSON: vm, mode (off|output|input)")]
    Record(RecordArguments),
    /// Recordings of consoles
    #[command(subcommand, visible_alias = "recording")]
    Recordings(RecordingsCommand),
    /// Play a recording, or write it as an asciicast
    #[command(long_about = REPLAY_ABOUT, after_long_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
    /// Your SSH keys, which your new machines let in
    #[command(subcommand, visible_alias = "keys")]
    Key(KeyCommand),
    /// Accounts: list, make, deactivate, change role and password (admins)
    #[command(subcommand, visible_alias = "users")]
    User(UserCommand),
    /// Credits: what accounts have and what machines cost
    #[command(subcommand)]
    Credits(CreditsCommand),
    /// Images that machines are made from
    #[command(subcommand)]
    Image(ImageCommand),
    /// libvirt networks that machines can be on (qemu:///system)
    #[command(subcommand, visible_alias = "networks")]
    Network(NetworkCommand),
    /// The log of events
    #[command(subcommand)]
    Event(EventCommand),
    /// The log's integrity
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print a completion script for a shell
    #[command(after_long_help = "Examples:\n  \
        twarga completions bash > ~/.local/share/bash-completion/completions/twarga\n  \
        twarga completions zsh > \"${fpath[1]}/_twarga\"\n  \
        twarga completions fish > ~/.config/fish/completions/twarga.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one per command into a folder
    Man {
        /// The folder, which must exist
        dir: Option<PathBuf>,
    },
}

const TUI_EXAMPLE: &str = "\
For colleagues, in ~/.ssh/authorized_keys:
  restrict,pty,command=\"twarga tui --tenant\" ssh-ed25519 AAAA… alice";

const SERVE_ABOUT: &str = "\
Run the core without a screen: it keeps machines, operations and history going while no screen is \
open, and takes that work over from any screen. Ends in good order on SIGTERM, SIGINT or SIGHUP; \
tells a service manager when it is ready (sd_notify).";

impl Arguments {
    /// Parses and cross-checks a command line (with the program's name as its first word).
    ///
    /// # Errors
    /// clap's: also for `--help` and `--version`, which are to be printed and succeed.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut arguments = Self::try_parse_from(words)?;
        match &mut arguments.command {
            Some(Command::Tui(screen)) => arguments.screen.absorb(std::mem::take(screen)),
            Some(_) if arguments.screen.tenant || arguments.screen.kiosk => {
                return Err(conflict(
                    "--tenant and --kiosk belong to the screen: use them without a subcommand or with `tui`",
                ));
            }
            _ => {}
        }
        if arguments.screen.tenant
            && let Some(flag) = arguments.global.override_flag()
        {
            return Err(conflict(&format!(
                "{flag} cannot be used with --tenant: a tenant names no files and overrides no settings"
            )));
        }
        Ok(arguments)
    }

    /// Whether the full-screen terminal is asked for.
    pub fn wants_screen(&self) -> bool {
        matches!(self.command, None | Some(Command::Tui(_)))
    }
}

impl Screen {
    fn absorb(&mut self, other: Self) {
        self.tenant |= other.tenant;
        self.kiosk |= other.kiosk;
        self.theme = other.theme.or(self.theme.take());
    }
}

impl Global {
    /// The first given flag that names a file or overrides a setting.
    fn override_flag(&self) -> Option<&'static str> {
        [
            (self.config.is_some(), "--config"),
            (self.state_dir.is_some(), "--state-dir"),
            (self.uri.is_some(), "--uri"),
            (self.demo, "--demo"),
            (self.verbose > 0, "--verbose"),
        ]
        .into_iter()
        .find_map(|(given, flag)| given.then_some(flag))
    }
}

fn conflict(message: &str) -> clap::Error {
    Arguments::command().error(ErrorKind::ArgumentConflict, message)
}

fn theme() -> impl TypedValueParser<Value = Theme> {
    PossibleValuesParser::new(["dark", "light", "mono"]).map(|word| match word.as_str() {
        "light" => Theme::Light,
        "mono" => Theme::Mono,
        _ => Theme::Dark,
    })
}

#[cfg(test)]
mod tests;
