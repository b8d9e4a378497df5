//! Virtual machines: names, states, what is asked for and what exists.

use super::field::{Field, FieldError};
use super::ids::{UserId, VmId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use uuid::Uuid;

/// A machine's name: 3–63 characters of `a-z0-9-`, starting with a letter, not ending in `-`
/// (it becomes the guest's host name, RFC 1123).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VmName(String);

impl VmName {
    /// Checks a name as typed.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let refuse = |reason: &str| Err(FieldError::new(Field::Name, reason));
        match text.chars().count() {
            0 => return refuse("choose a name"),
            1 | 2 => return refuse("at least 3 characters"),
            3..=63 => {}
            _ => return refuse("at most 63 characters"),
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refuse("must start with a lower-case letter");
        }
        if !text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        {
            return refuse("only a-z, 0-9 and -");
        }
        if text.ends_with('-') {
            return refuse("must not end with -");
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VmName {
    type Error = FieldError;
    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::parse(&text)
    }
}

impl From<VmName> for String {
    fn from(name: VmName) -> Self {
        name.0
    }
}

impl fmt::Display for VmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a machine is doing, in the words of the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VmStatus {
    /// Being created; nothing to start yet.
    Pending,
    /// Its processors run.
    Running,
    /// Its processors are halted, its memory is kept.
    Paused,
    /// Powered off.
    Stopped,
    /// Something went wrong; the machine's `reason` says what.
    Error,
    /// Being destroyed.
    Destroying,
}

impl VmStatus {
    /// Every status.
    pub const ALL: [VmStatus; 6] = [
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Stopped,
        Self::Error,
        Self::Destroying,
    ];

    /// The word the database, the screen and scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Error => "error",
            Self::Destroying => "destroying",
        }
    }

    /// The status a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for VmStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How an address was learnt, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressSource {
    /// The network's DHCP lease.
    Lease,
    /// The guest agent.
    Agent,
    /// The host's ARP table.
    Arp,
}

impl AddressSource {
    /// The word the database and scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Agent => "agent",
            Self::Arp => "arp",
        }
    }

    /// The source a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Lease, Self::Agent, Self::Arp]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

/// An address of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address; never loopback or link-local.
    pub ip: IpAddr,
    /// How it was learnt.
    pub source: AddressSource,
}

/// A machine as asked for, every field already checked against [`super::Limits`] by the core.
/// Durable as the input of a create operation, so it holds a password's hash, never a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmRequest {
    /// Name, unique per user.
    pub name: VmName,
    /// Id of an image of the catalogue.
    pub image: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Disk, GiB.
    pub disk_gib: u64,
    /// Account inside the guest; `None` takes the image's default.
    pub guest_user: Option<String>,
    /// SHA-512 crypt hash for that account; `None` leaves its password locked.
    pub password_hash: Option<String>,
    /// Public keys that may sign in to that account, in OpenSSH form, beside twarga's own.
    pub ssh_keys: Vec<String>,
    /// What else its first boot does. What an older program wrote down has none.
    #[serde(default)]
    pub provision: Provision,
    /// Its libvirt network; `None` is the configured one, or QEMU's own in session mode.
    #[serde(default)]
    pub network: Option<String>,
}

/// What a guest's first boot does beyond its name and its account; cloud-init does it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    /// Locale, as `de_DE.UTF-8`; `None` leaves the image's.
    pub locale: Option<String>,
    /// Time zone, as `Europe/Berlin`; `None` leaves the image's.
    pub timezone: Option<String>,
    /// Packages to install.
    pub packages: Vec<String>,
    /// Commands to run as root, each by a shell, in order, after the packages.
    pub commands: Vec<String>,
    /// The user's own document: `#cloud-config`, a script, or another kind that cloud-init takes.
    pub user_data: Option<String>,
}

impl Provision {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for Provision {
    /// Commands and documents hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provision")
            .field("locale", &self.locale)
            .field("timezone", &self.timezone)
            .field("packages", &self.packages)
            .finish_non_exhaustive()
    }
}

/// A machine's row: what twarga knows, as far as libvirt is not the truth about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// Row.
    pub id: VmId,
    /// The libvirt domain's UUID; the same for the machine's whole life.
    pub uuid: Uuid,
    /// Whose it is.
    pub owner: UserId,
    /// Name, unique per owner.
    pub name: VmName,
    /// Image it was made from.
    pub image: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Virtual size of its disk, GiB.
    pub disk_gib: u64,
    /// Account inside the guest.
    pub guest_user: String,
    /// Status as last settled with libvirt.
    pub status: VmStatus,
    /// Why, when `status` is [`VmStatus::Error`].
    pub reason: Option<String>,
    /// Why it is in error although its domain is there: its guest never became ready. Until it is
    /// started again, or is ready.
    pub unready: Option<String>,
    /// Last known address of the guest, in session mode `None`.
    pub address: Option<Address>,
    /// In session mode: port on 127.0.0.1 that leads to the guest's port 22.
    pub ssh_port: Option<u16>,
    /// Its libvirt network; `None` is the configured one, or QEMU's own in session mode.
    pub network: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the run that is going on began, if one is and it is known.
    pub started_at: Option<Timestamp>,
}

impl Vm {
    /// Name of its libvirt domain, and the stem of its volumes' names.
    pub fn domain_name(&self) -> String {
        domain_name(self.owner, &self.name)
    }
}

/// Name of the libvirt domain of `owner`'s machine `name`.
pub fn domain_name(owner: UserId, name: &VmName) -> String {
    format!("user{owner}-{name}")
}
