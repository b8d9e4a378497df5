//! The command line's one definition: parser, help, man page and completions come from it.
//!
//! It only says what may be typed. What a value means (a machine's name, a size) is the core's to
//! judge, so that every front refuses it in the same words.

use crate::model::{EventType, Severity, Theme};
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
  twarga vm create web-1 --image tiny           make a machine and wait until it runs
  twarga vm list --json                         what there is, for a script
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
    #[command(after_long_help = super::shape::DOCTOR_HELP)]
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
    /// Images that machines are made from
    #[command(subcommand)]
    Image(ImageCommand),
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

/// What to do with machines. A machine is named `NAME` (your own) or `OWNER/NAME`.
#[derive(Debug, Subcommand)]
pub enum VmCommand {
    /// List machines
    #[command(visible_alias = "ls", after_long_help = super::shape::MACHINE_HELP)]
    List {
        /// List domains of this libvirt that twarga did not make (admins and auditors)
        #[arg(long)]
        foreign: bool,
    },
    /// Show one machine
    #[command(after_long_help = super::shape::MACHINE_HELP)]
    Show {
        /// Which machine
        #[arg(value_name = "[OWNER/]NAME")]
        name: String,
    },
    /// Make a machine and start it
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create(CreateArguments),
    /// Power a machine on
    Start(ActArguments),
    /// Ask the guest to power off
    Stop {
        /// Which machine.
        #[command(flatten)]
        act: ActArguments,
        /// Cut the power: the guest loses what it has not written
        #[arg(long)]
        force: bool,
    },
    /// Reboot a machine
    Restart(ActArguments),
    /// Halt a machine's processors; its memory is kept
    Pause(ActArguments),
    /// Let a paused machine go on
    Resume(ActArguments),
    /// Remove a machine and everything it has
    #[command(visible_alias = "rm")]
    Destroy {
        /// Which machine.
        #[command(flatten)]
        act: ActArguments,
        /// Do not ask for the name to be typed (needed where there is no terminal)
        #[arg(long, short = 'y')]
        yes: bool,
    },
}

const CREATE_EXAMPLES: &str = "\
Examples:
  twarga vm create web-1 --image tiny --memory 512 --vcpus 1 --disk 10
  twarga vm create web-1 --ssh-key ~/.ssh/id_ed25519.pub
  pass show web-1 | twarga vm create web-1 --user alice --password-stdin --no-wait";

/// What a machine shall be.
#[derive(Debug, Args)]
pub struct CreateArguments {
    /// Its name: 3 to 63 of a-z, 0-9 and -, starting with a letter
    pub name: String,
    /// Image to make it from (`twarga image list`)
    #[arg(long, short, default_value = "tiny", value_name = "ID")]
    pub image: String,
    /// Memory, MiB
    #[arg(long, short, default_value_t = 512, value_name = "MIB", visible_alias = "ram")]
    pub memory: u64,
    /// Virtual processors
    #[arg(
        long,
        short = 'c',
        default_value_t = 1,
        value_name = "COUNT",
        visible_alias = "cpu"
    )]
    pub vcpus: u32,
    /// Disk, GiB
    #[arg(long, short, default_value_t = 10, value_name = "GIB")]
    pub disk: u64,
    /// Account in the guest instead of the image's own
    #[arg(long, short, value_name = "ACCOUNT")]
    pub user: Option<String>,
    /// Public key that may sign in to that account, or a file of such; may be repeated
    #[arg(long, value_name = "FILE|KEY")]
    pub ssh_key: Vec<String>,
    /// Ask for a password for that account (serial console); else its password stays locked
    #[arg(long, conflicts_with = "password_stdin")]
    pub ask_password: bool,
    /// Take that password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitArguments,
}

/// A machine and whether to wait for what is done to it.
#[derive(Debug, Args)]
pub struct ActArguments {
    /// Which machine
    #[arg(value_name = "[OWNER/]NAME")]
    pub name: String,
    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitArguments,
}

/// Whether to wait for an operation.
#[derive(Clone, Copy, Debug, Args)]
pub struct WaitArguments {
    /// Wait until it is done (the default)
    #[arg(long, overrides_with = "no_wait")]
    pub wait: bool,
    /// Return as soon as it is accepted
    #[arg(long, overrides_with = "wait")]
    pub no_wait: bool,
}

/// What to do with operations.
#[derive(Debug, Subcommand)]
pub enum OpCommand {
    /// List operations, newest first
    #[command(visible_alias = "ls", after_long_help = super::shape::OPERATION_HELP)]
    List {
        /// Only those that are not finished
        #[arg(long)]
        active: bool,
        /// At most so many
        #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT", value_parser = limit())]
        limit: u32,
    },
    /// Show one operation with its steps
    #[command(after_long_help = super::shape::OPERATION_HELP)]
    Show {
        /// Its number
        id: i64,
    },
    /// Wait until an operation is finished
    Wait {
        /// Its number
        id: i64,
    },
    /// Ask for an operation to be stopped and undone
    Cancel {
        /// Its number
        id: i64,
    },
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// List images and whether they can be used here
    #[command(visible_alias = "ls", after_long_help = super::shape::IMAGE_HELP)]
    List,
    /// Show one image
    #[command(after_long_help = super::shape::IMAGE_HELP)]
    Show {
        /// Its id
        id: String,
    },
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List events, newest first
    #[command(visible_alias = "ls", after_long_help = super::shape::EVENT_HELP)]
    List {
        /// Only at least so bad
        #[arg(long, short, value_name = "SEVERITY", value_parser = severity())]
        severity: Option<Severity>,
        /// Only of this type
        #[arg(long = "type", short, value_name = "TYPE", value_parser = event_type())]
        event_type: Option<EventType>,
        /// Only of this machine
        #[arg(long, value_name = "[OWNER/]NAME")]
        vm: Option<String>,
        /// Only events below this number: the next page
        #[arg(long, value_name = "ID")]
        before: Option<i64>,
        /// At most so many
        #[arg(long, short = 'n', default_value_t = 50, value_name = "COUNT", value_parser = limit())]
        limit: u32,
    },
}

/// What to do about the log's integrity.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the hash chain and name the first event that does not fit (admins and auditors)
    #[command(after_long_help = super::shape::AUDIT_HELP)]
    Verify,
}

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

impl WaitArguments {
    /// Whether to wait.
    pub fn waits(self) -> bool {
        !self.no_wait
    }
}

fn conflict(message: &str) -> clap::Error {
    Arguments::command().error(ErrorKind::ArgumentConflict, message)
}

/// A page of a list: the store reads at most so many rows in one view.
fn limit() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=10_000)
}

fn theme() -> impl TypedValueParser<Value = Theme> {
    PossibleValuesParser::new(["dark", "light", "mono"]).map(|word| match word.as_str() {
        "light" => Theme::Light,
        "mono" => Theme::Mono,
        _ => Theme::Dark,
    })
}

fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(Severity::ALL.map(Severity::as_str))
        .map(|word| Severity::parse(&word).unwrap_or(Severity::Info))
}

fn event_type() -> impl TypedValueParser<Value = EventType> {
    PossibleValuesParser::new(EventType::ALL.map(EventType::as_str))
        .map(|word| EventType::parse(&word).unwrap_or(EventType::System))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::read(
            std::iter::once("twarga")
                .chain(line.split_whitespace())
                .map(OsString::from),
        )
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_words_open_the_screen() {
        assert!(read("").unwrap().wants_screen());
        assert!(read("tui").unwrap().wants_screen());
        assert!(!read("vm list").unwrap().wants_screen());
    }

    #[test]
    fn the_screens_flags_stand_before_or_after_tui() {
        assert!(read("--tenant").unwrap().screen.tenant);
        assert!(read("tui --tenant").unwrap().screen.tenant);
        assert!(read("--tenant tui").unwrap().screen.tenant);
        assert_eq!(read("tui --theme mono").unwrap().screen.theme, Some(Theme::Mono));
    }

    #[test]
    fn a_tenant_overrides_nothing() {
        for flag in ["--config x", "--state-dir x", "--uri x", "--demo", "-v"] {
            let refused = read(&format!("tui --tenant {flag}")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ArgumentConflict, "{flag}");
        }
    }

    #[test]
    fn a_tenant_has_no_commands() {
        assert!(read("--tenant vm list").is_err());
    }

    #[test]
    fn the_last_of_wait_and_no_wait_holds() {
        let waits = |line: &str| match read(line).unwrap().command {
            Some(Command::Vm(VmCommand::Start(act))) => act.wait.waits(),
            other => panic!("{other:?}"),
        };
        assert!(waits("vm start web"));
        assert!(!waits("vm start web --no-wait"));
        assert!(waits("vm start web --no-wait --wait"));
    }

    #[test]
    fn a_password_is_never_an_argument() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let takes_value = argument.get_action().takes_values();
                assert!(
                    !(name.contains("password") && takes_value),
                    "{} {name}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Arguments::command());
    }
}
