//! The whole product without a screen. Fronts call this and nothing else.

pub mod auth;
pub mod ctx;
pub mod error;
pub mod feed;
pub mod keeper;
pub mod log;
pub mod operations;
pub mod time;
pub mod vms;

pub use auth::{Door, Registration, SignedIn, Strength};
pub use ctx::{Ctx, Origin, Source};
pub use error::{Error, Result};
pub use feed::{Foreign, Health, Keeping, Load, Machine, View, Watch};
pub use keeper::{Keeper, KeeperKind};
pub use log::LogQuery;
pub use operations::OperationQuery;
pub use time::Clock;
pub use vms::{Action, Allowance, NewMachine};

use crate::hypervisor::Hypervisor;
use crate::model::Limits;
use crate::store::Store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The core's part of the configuration, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The state directory.
    pub state_dir: PathBuf,
    /// Bounds of machines and users.
    pub limits: Limits,
    /// Whether strangers may register (the first account always may).
    pub registration: bool,
    /// How long a session lives.
    pub session: Duration,
    /// How long a graceful stop waits for the guest.
    pub stop_timeout: Duration,
    /// How long a new machine may take to get an address.
    pub address_timeout: Duration,
    /// libvirt network for machines in system mode.
    pub network: String,
    /// First and last port of 127.0.0.1 that session mode may forward.
    pub forward_ports: (u16, u16),
    /// Folder of the tiny guest (`vmlinuz`, `initramfs`, `tiny.json`).
    pub tiny_dir: PathBuf,
    /// Time between refreshes where the hypervisor tells of no changes.
    pub refresh: Duration,
    /// Given key that signs session tokens; else one is made in the state directory.
    pub secret_key: Option<String>,
}

/// What a core is assembled from.
pub struct Parts {
    /// Its settings.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The machines.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// The time.
    pub clock: Clock,
}

/// The product. Cheap to clone; background observation ends with the last clone.
#[derive(Clone)]
pub struct Core {}

impl Core {
    /// Assembles a core and starts observing. Must be called inside a tokio runtime. A
    /// hypervisor that is away is not an error: the view says so.
    ///
    /// # Errors
    /// State files that cannot be made or read.
    pub async fn assemble(parts: Parts) -> Result<Self> {
        let _ = parts;
        todo!()
    }
}
