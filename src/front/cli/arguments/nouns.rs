//! Commands about machines, operations, images and the log.

use super::ProvisionArguments;
use crate::core::Firmware;
use crate::front::cli::shape;
use crate::model::{EventType, Severity};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

/// What to do with machines. A machine is named `NAME` (your own) or `OWNER/NAME`.
#[derive(Debug, Subcommand)]
pub enum VmCommand {
    /// List machines
    #[command(visible_alias = "ls", after_long_help = shape::MACHINE_HELP)]
    List {
        /// List domains of this libvirt that twarga did not make (admins and auditors)
        #[arg(long)]
        foreign: bool,
    },
    /// Show one machine
    #[command(after_long_help = shape::MACHINE_HELP)]
    Show {
        /// Which machine
        #[arg(value_name = "[OWNER/]NAME")]
        name: String,
    },
    /// Make a machine and start it
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create(Box<CreateArguments>),
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
    /// Forward ports of 127.0.0.1 to a machine's (qemu:///session)
    #[command(long_about = FORWARD_ABOUT, after_long_help = FORWARD_HELP)]
    Forward(ForwardArguments),
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
  twarga vm create web-1 --image debian-12 --timezone Europe/Berlin --package nginx --run 'systemctl enable nginx'
  twarga vm create web-1 --image debian-12 --user-data web.yaml
  pass show web-1 | twarga vm create web-1 --user alice --password-stdin --no-wait";

const FORWARD_ABOUT: &str = "\
Forward ports of 127.0.0.1 to a machine's, all or none. They are kept with the machine: made at once \
if it runs, and again at each start. Without HOST a free port is chosen (hypervisor.first_forward_port \
to last_forward_port) and kept. Ports below 1024 are not to be had: QEMU is not root's there.

On qemu:///system a machine has an address of its own, every port of it can be reached there, and \
nothing is forwarded.";

const FORWARD_HELP: &str = "\
Examples:
  twarga vm forward web-1 8080:80
  twarga vm forward web-1 443 53/udp
  twarga vm forward web-1                  lists them
  twarga vm forward web-1 --remove 8080:80

JSON: an array of the machine's (or the added or removed) forwards, each with
  protocol (tcp|udp), host_port (on 127.0.0.1), guest_port, problem (why it does not work now)";

/// Which ports to forward.
#[derive(Debug, Args)]
pub struct ForwardArguments {
    /// Which machine
    #[arg(value_name = "[OWNER/]NAME")]
    pub name: String,
    /// Ports to forward, or to take back with --remove
    #[arg(value_name = "[HOST:]GUEST[/udp]")]
    pub ports: Vec<String>,
    /// List the machine's forwards (the default without ports)
    #[arg(long, conflicts_with_all = ["ports", "remove"])]
    pub list: bool,
    /// Take these forwards back; connections that stand go on
    #[arg(long, requires = "ports")]
    pub remove: bool,
}

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
    /// Leave your own keys out (`twarga key list`), which go in otherwise
    #[arg(long)]
    pub no_keys: bool,
    /// libvirt network instead of the configured one (`twarga network list`)
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Ask for a password for that account (serial console); else its password stays locked
    #[arg(long, conflicts_with = "password_stdin")]
    pub ask_password: bool,
    /// Take that password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// What its first boot does.
    #[command(flatten)]
    pub provision: ProvisionArguments,
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

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// List the networks that a machine of yours may be on
    #[command(visible_alias = "ls", after_long_help = shape::NETWORK_HELP)]
    List,
}

/// What to do with operations.
#[derive(Debug, Subcommand)]
pub enum OpCommand {
    /// List operations, newest first
    #[command(visible_alias = "ls", after_long_help = shape::OPERATION_HELP)]
    List {
        /// Only those that are not finished
        #[arg(long)]
        active: bool,
        /// At most so many
        #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT", value_parser = limit())]
        limit: u32,
    },
    /// Show one operation with its steps
    #[command(after_long_help = shape::OPERATION_HELP)]
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
    #[command(visible_alias = "ls", after_long_help = shape::IMAGE_HELP)]
    List,
    /// Show one image
    #[command(after_long_help = shape::IMAGE_HELP)]
    Show {
        /// Its id or another of its names
        id: String,
    },
    /// Download an image, or its newer version, and verify it; goes on where it was broken off
    ///
    /// It is an operation: Ctrl-C leaves it to the next twarga that keeps, `twarga op cancel` ends it.
    #[command(after_long_help = shape::PULLED_IMAGE_HELP)]
    Pull {
        /// Its id or another of its names
        id: String,
        /// Whether to wait.
        #[command(flatten)]
        wait: WaitArguments,
    },
    /// Import a qcow2, raw, vmdk, vdi or vhdx image of a file or an address (admins)
    ///
    /// Its header is read before anything else opens it, and qemu-img makes a plain qcow2 of it in a
    /// cage.
    #[command(after_long_help = shape::LOCAL_IMAGE_HELP)]
    Import {
        /// A file of this host, or an http or https address
        #[arg(value_name = "FILE|URL")]
        from: String,
        /// Its id in the catalogue
        #[arg(long)]
        id: String,
        /// Account that its cloud-init makes
        #[arg(long, value_name = "NAME")]
        user: String,
        /// For people
        #[arg(long, default_value = "")]
        title: String,
        /// What it is; without, what its header shows
        #[arg(long, value_parser = ["qcow2", "raw", "vmdk", "vdi", "vhdx"])]
        format: Option<String>,
        /// What boots it, which its header does not say; `either` boots by BIOS
        #[arg(long, default_value = "either", value_parser = firmware())]
        firmware: Firmware,
        /// SHA-256 that its bytes must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
    /// Read every byte of a downloaded or imported image and compare it with what came (admins)
    #[command(after_long_help = shape::VERIFIED_IMAGE_HELP)]
    Verify {
        /// Its id or another of its names
        id: String,
    },
    /// Try every address of the catalogue (admins)
    #[command(after_long_help = shape::TRIED_HELP)]
    Check,
    /// Remove broken-off downloads, and versions on which no machine stands and that have newer ones
    /// (admins)
    #[command(after_long_help = shape::CLEANED_HELP)]
    Gc,
    /// Remove a downloaded or imported image that no machine stands on (admins)
    #[command(visible_alias = "rm", after_long_help = shape::REMOVED_IMAGE_HELP)]
    Remove {
        /// Its id or another of its names
        id: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List events, newest first
    #[command(visible_alias = "ls", after_long_help = shape::EVENT_HELP)]
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
    #[command(after_long_help = shape::AUDIT_HELP)]
    Verify,
}

impl WaitArguments {
    /// Whether to wait.
    pub fn waits(self) -> bool {
        !self.no_wait
    }
}

/// A page of a list: the store reads at most so many rows in one view.
fn limit() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=10_000)
}

fn firmware() -> impl TypedValueParser<Value = Firmware> {
    PossibleValuesParser::new(["bios", "uefi", "either"]).map(|word| match word.as_str() {
        "bios" => Firmware::Bios,
        "uefi" => Firmware::Uefi,
        _ => Firmware::Either,
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
