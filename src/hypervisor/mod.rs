//! Machines as the hypervisor knows them: one small trait, two implementations.
//!
//! [`libvirt`] talks to a real libvirt; [`sim`] invents one for demonstrations and tests. The
//! trait is blocking, because libvirt's calls are: [`Caller`] runs them on threads of its own
//! with deadlines, so that a hung libvirtd costs an error and not the screen.
//!
//! Nothing here knows users, credits or SQLite. A machine is named by its domain's UUID, a
//! volume by its name in twarga's pool.

pub mod caller;
pub mod console;
mod error;
pub mod libvirt;
pub mod sim;

pub use crate::model::forward::{Forward, Protocol};
pub use crate::model::network::{NetworkInfo, NetworkKind};
pub use crate::model::vm::{Address, AddressSource};
pub use caller::{Caller, Lane};
pub use console::{Console, End, Output};
pub use error::{Error, Result};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// Where machines run: decides networking and who may see the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `qemu:///system`: NAT network, taps, leases.
    System,
    /// `qemu:///session`: user-mode network, forwarded ports.
    Session,
    /// The simulator.
    Simulated,
}

/// How guests' processors run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// Hardware virtualization.
    Kvm,
    /// QEMU's emulation (TCG): works everywhere, slowly.
    Emulation,
}

/// The host, as found when the connection was opened. Never asked for while refreshing:
/// capabilities can take a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The connection's URI.
    pub uri: String,
    /// Which mode it is.
    pub mode: Mode,
    /// The host's UUID as libvirt gives it; a state directory is bound to it.
    pub uuid: Uuid,
    /// The host's name.
    pub hostname: String,
    /// `libvirt 9.0.0, QEMU 7.2.22`.
    pub version: String,
    /// How guests will run.
    pub acceleration: Acceleration,
    /// Logical processors.
    pub cpus: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
}

/// A domain's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DomainState {
    /// Its processors run.
    Running,
    /// Halted by a user.
    Paused,
    /// Halted by QEMU because a disk is full or failed.
    PausedOnError,
    /// The guest is powering off.
    ShuttingDown,
    /// Powered off.
    Off,
    /// The guest crashed.
    Crashed,
}

/// Counters of a domain since its start. What the mode or the guest does not tell is `None`,
/// never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Processor time, ns.
    pub cpu_time_ns: Option<u64>,
    /// Memory the guest has, KiB (balloon).
    pub memory_kib: Option<u64>,
    /// Memory the guest can still use without swapping, KiB (its driver's figure).
    pub usable_kib: Option<u64>,
    /// Memory the guest sees, KiB (its driver's figure).
    pub available_kib: Option<u64>,
    /// Memory of the QEMU process, KiB.
    pub rss_kib: Option<u64>,
    /// Bytes read from all disks.
    pub disk_read: Option<u64>,
    /// Bytes written to all disks.
    pub disk_written: Option<u64>,
    /// Bytes its disks take on the host.
    pub disk_allocated: Option<u64>,
    /// Virtual size of its disks, bytes.
    pub disk_capacity: Option<u64>,
    /// Bytes received by the guest.
    pub net_received: Option<u64>,
    /// Bytes sent by the guest.
    pub net_sent: Option<u64>,
}

/// A domain in a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// UUID.
    pub uuid: Uuid,
    /// Name, sanitized.
    pub name: String,
    /// State.
    pub state: DomainState,
    /// libvirt's number of the present run: another number means another run.
    pub run: Option<u32>,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory configured, MiB.
    pub memory_mib: u64,
    /// Counters.
    pub counters: Counters,
}

/// All domains at one moment, twarga's and foreign ones, from one bulk call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Domains, in no order.
    pub domains: Vec<Domain>,
}

/// Whose a domain is, from its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The state directory's UUID.
    pub instance: Uuid,
    /// The machine's UUID: equals the domain's.
    pub machine: Uuid,
    /// The owner's row.
    pub owner: i64,
}

/// How a guest boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// From its first disk, with the BIOS.
    Disk,
    /// From its first disk, with UEFI and without Secure Boot. What it remembers goes with the domain.
    Uefi,
    /// Kernel and initramfs, both volumes of the pool.
    Kernel {
        /// Kernel volume.
        kernel: String,
        /// Initramfs volume.
        initramfs: String,
        /// Kernel command line.
        command_line: String,
    },
}

/// How a guest reaches the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// A libvirt network, by name.
    Libvirt(String),
    /// QEMU's user-mode network (session mode).
    User,
}

/// Everything a domain is made of. Volumes are in twarga's pool and exist already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSpec {
    /// UUID.
    pub uuid: Uuid,
    /// Name.
    pub name: String,
    /// Metadata.
    pub ownership: Ownership,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// How it boots.
    pub boot: Boot,
    /// Its disk: a qcow2 volume, writable, virtio, discard passed through.
    pub disk: String,
    /// Its seed: a raw volume, read-only, virtio.
    pub seed: String,
    /// Its console log: a file of the pool that libvirt appends to.
    pub log: String,
    /// Its network card.
    pub network: Network,
}

/// A volume to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Name in the pool.
    pub name: String,
    /// Format.
    pub format: VolumeFormat,
    /// Virtual size, bytes.
    pub capacity: u64,
    /// Volume it is an overlay on, with that one's format.
    pub backing: Option<(String, VolumeFormat)>,
}

/// Format of a volume, always explicit: never probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeFormat {
    /// qcow2.
    Qcow2,
    /// Raw bytes.
    Raw,
}

/// A volume of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// Virtual size, bytes.
    pub capacity: u64,
    /// Bytes on the host.
    pub allocation: u64,
}

/// A part of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePart {
    /// Its bytes; fewer than asked for where the volume ends.
    pub bytes: Vec<u8>,
    /// The whole volume's size at that moment. Smaller than the offset asked for means that the
    /// volume was begun anew, as libvirt does with a console log that has grown too long.
    pub size: u64,
}

/// Room in the pool, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSpace {
    /// Of its file system.
    pub capacity: u64,
    /// Free.
    pub available: u64,
}

/// A change told by the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A domain was defined, undefined, started, stopped, paused, resumed or crashed.
    Domain(Uuid),
    /// The connection broke; what follows comes from a new one.
    Disconnected,
    /// A new connection stands.
    Connected,
}

/// Receives [`Change`]s, on a thread of the hypervisor's: must not block.
pub type Listener = Arc<dyn Fn(Change) + Send + Sync>;

/// Told how many bytes of an upload are done.
pub type OnBytes<'a> = &'a mut dyn FnMut(u64);

/// The hypervisor. Calls block; see [`Caller`].
///
/// Calls that make something succeed when it is already there in the same shape, and calls that
/// remove something succeed when it is gone: an operation that died between act and record does
/// its step again. `start`, `pause` … succeed when the domain is already in that state.
pub trait Hypervisor: Send + Sync + 'static {
    /// The host; connects if no connection stands.
    fn host(&self) -> Result<Host>;

    /// All domains with their counters: one bulk call, whatever their number.
    fn snapshot(&self) -> Result<Snapshot>;

    /// When the present run of a domain began, if that can be told.
    fn started_at(&self, domain: Uuid) -> Result<Option<Timestamp>>;

    /// Ownership from the domain's metadata; `None` for a domain that twarga did not make.
    fn ownership(&self, domain: Uuid) -> Result<Option<Ownership>>;

    /// Makes the pool and a network ready (defines and starts them where needed). Says in words
    /// what it changed. In session mode there are no networks, and the name means nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a network that does not exist and is not `default`.
    fn prepare(&self, network: &str) -> Result<Vec<String>>;

    /// Networks, by name; none in session mode.
    fn networks(&self) -> Result<Vec<NetworkInfo>>;

    /// Defines a domain.
    ///
    /// # Errors
    /// [`Error::Conflict`] if its name belongs to a domain with another UUID.
    fn define(&self, spec: &DomainSpec) -> Result<()>;

    /// Removes a domain's definition with its NVRAM, managed save and snapshot metadata.
    fn undefine(&self, domain: Uuid) -> Result<()>;

    /// Powers a domain on.
    fn start(&self, domain: Uuid) -> Result<()>;

    /// Asks the guest to power off (ACPI, agent); returns at once.
    fn shut_down(&self, domain: Uuid) -> Result<()>;

    /// Cuts the power.
    fn force_off(&self, domain: Uuid) -> Result<()>;

    /// Halts the processors.
    fn pause(&self, domain: Uuid) -> Result<()>;

    /// Lets them go on.
    fn resume(&self, domain: Uuid) -> Result<()>;

    /// One domain's state; `None` if there is no such domain.
    fn state(&self, domain: Uuid) -> Result<Option<DomainState>>;

    /// A guest's addresses, best first; empty while there are none.
    fn addresses(&self, domain: Uuid) -> Result<Vec<Address>>;

    /// Whether the guest's agent answers now. No agent, or one that keeps silent for 2 s, does not.
    fn agent_answers(&self, domain: Uuid) -> Result<bool>;

    /// Session mode: makes a port of the host's loopback lead to a running guest's.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the host's port is taken or the domain is off, [`Error::Unsupported`]
    /// in other modes.
    fn forward(&self, domain: Uuid, forward: Forward) -> Result<()>;

    /// Takes a forward back; of a domain that is off, all went with its run.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unsupported`] in other modes.
    fn unforward(&self, domain: Uuid, forward: Forward) -> Result<()>;

    /// Whether a port of the host's loopback is free just now.
    fn is_port_free(&self, protocol: Protocol, port: u16) -> Result<bool>;

    /// Attaches to a running guest's serial console. One client at a time has it, in this process or
    /// any other (`virsh console`); `takeover` ends that one's session.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] if the domain does not run, [`Error::Busy`] if
    /// somebody has its console and `takeover` is false.
    fn attach_console(&self, domain: Uuid, takeover: bool) -> Result<Console>;

    /// Volumes of twarga's pool (refreshes the pool: finds logs).
    fn volumes(&self) -> Result<Vec<Volume>>;

    /// Room in the pool.
    fn pool_space(&self) -> Result<PoolSpace>;

    /// Makes a volume.
    fn create_volume(&self, spec: &VolumeSpec) -> Result<()>;

    /// Makes a raw volume of `size` bytes with the content of `source`, replacing one of that
    /// name. Tells `progress` the bytes done.
    fn upload(&self, name: &str, size: u64, source: &mut dyn Read, progress: OnBytes<'_>) -> Result<()>;

    /// Removes a volume.
    fn delete_volume(&self, name: &str) -> Result<()>;

    /// At most `limit` bytes of a volume, from `offset` on: none beyond its end.
    fn read_volume(&self, name: &str, offset: u64, limit: u64) -> Result<VolumePart>;

    /// The last `limit` bytes of a volume: of a console log.
    fn tail(&self, name: &str, limit: u64) -> Result<Vec<u8>>;

    /// Where a pool's volumes are on the host, for `doctor` and messages.
    fn pool_path(&self) -> Result<PathBuf>;

    /// Tells `listener` of changes from now on, over reconnections too, until the hypervisor is
    /// dropped. May be a no-op where the driver has no events: callers poll as well.
    fn listen(&self, listener: Listener) -> Result<()>;
}
