//! The whole product without a screen. Fronts call this and nothing else.

mod admin;
pub mod auth;
pub mod consoles;
mod credits;
pub mod ctx;
pub mod doctor;
pub mod error;
pub mod feed;
mod images;
pub mod keeper;
mod keys;
pub mod log;
mod networks;
pub mod operations;
pub mod policy;
mod secrets;
pub mod seed;
#[cfg(test)]
mod tests;
pub mod time;
pub mod vms;

pub use admin::Account;
pub use auth::{Door, Registration, SignedIn, Strength};
pub use consoles::{Console, ConsoleSettings, Opening};
pub use credits::{CreditSettings, Every, LedgerReport, OnEmpty, Purse, Recurring, StatementQuery};
pub use ctx::{Ctx, Origin, Source};
pub use error::{Error, Result};
pub use feed::{Foreign, Health, Keeping, Load, Machine, View, Watch};
pub use images::{Firmware, Format, Import, Local, OnStage, Soundness, Stage, Tried, fetch};
pub use keeper::{Keeper, KeeperKind};
pub use log::LogQuery;
pub use operations::OperationQuery;
pub use time::{BootClock, Clock};
pub use vms::{Action, Allowance, NewMachine};

// What fronts need to know of the hypervisor and the store: facts and failures, never calls.
pub use crate::hypervisor::{Acceleration, DomainState, Error as HypervisorError, Host, Mode};
pub use crate::store::Error as StoreError;

pub use secrets::SshIdentity;

use crate::hypervisor::{Caller, Hypervisor};
use crate::model::Limits;
use crate::store::{Epoch, Reader, Store, Writer};
use auth::Tokens;
use images::{Catalogue, Library};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// The core's part of the configuration, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The state directory.
    pub state_dir: PathBuf,
    /// Bounds of machines and users.
    pub limits: Limits,
    /// What machines cost, and what accounts begin with.
    pub credits: CreditSettings,
    /// Whether strangers may register (the first account always may).
    pub registration: bool,
    /// How long a session lives.
    pub session: Duration,
    /// How long a graceful stop waits for the guest.
    pub stop_timeout: Duration,
    /// How long a guest may take to be ready.
    pub ready_timeout: Duration,
    /// The same where guests are emulated.
    pub emulated_ready_timeout: Duration,
    /// Free bytes of the pool's file system below which nothing is started.
    pub disk_reserve: u64,
    /// libvirt networks of machines, in system mode.
    pub network: NetworkSettings,
    /// First and last port of 127.0.0.1 that session mode may forward.
    pub forward_ports: (u16, u16),
    /// Folder of the tiny guest (`vmlinuz`, `initramfs`, `tiny.json`).
    pub tiny_dir: PathBuf,
    /// Time between refreshes where the hypervisor tells of no changes.
    pub refresh: Duration,
    /// Time between looks for what late calls left of machines that are gone.
    pub leftovers: Duration,
    /// Consoles and recordings.
    pub consoles: ConsoleSettings,
    /// Downloads of images.
    pub images: ImageSettings,
    /// Given key that signs session tokens; else one is made in the state directory.
    pub secret_key: Option<String>,
}

/// Which libvirt networks machines are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// That of machines that name none.
    pub default: String,
    /// Those that tenants may choose beside it.
    pub allowed: Vec<String>,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            default: "default".to_owned(),
            allowed: Vec::new(),
        }
    }
}

/// How images are downloaded.
#[derive(Clone, Debug)]
pub struct ImageSettings {
    /// How downloads are made.
    pub fetch: fetch::Settings,
    /// Bytes an image may have at most, as it comes and unpacked.
    pub limit: u64,
    /// Why nothing is downloaded at all, if so.
    pub refusal: Option<&'static str>,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self {
            fetch: fetch::Settings::default(),
            limit: 32 << 30,
            refusal: None,
        }
    }
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
    /// The time that machines are metered by.
    pub boot_clock: BootClock,
}

/// The product. Cheap to clone; its background observation ends with the last clone.
#[derive(Clone)]
pub struct Core(Arc<Inner>);

struct Inner {
    settings: Settings,
    store: Store,
    hypervisor: Caller,
    clock: Clock,
    boot_clock: BootClock,
    tokens: Tokens,
    ssh: SshIdentity,
    hashing: Semaphore,
    world: feed::World,
    consoles: consoles::Here,
    bringing: images::Turns,
}

impl Core {
    /// Assembles a core and starts observing. Must be called inside a tokio runtime. A
    /// hypervisor that is away is not an error: the view says so.
    ///
    /// # Errors
    /// State files that cannot be made or read.
    pub async fn assemble(parts: Parts) -> Result<Self> {
        let Parts {
            settings,
            store,
            hypervisor,
            clock,
            boot_clock,
        } = parts;
        let keys = secrets::signing_keys(&settings.state_dir, settings.secret_key.as_deref())?;
        let tokens = Tokens::new(store.instance(), &keys)
            .ok_or_else(|| Error::Internal("no key to sign tokens with".to_owned()))?;
        let ssh = secrets::ssh_identity(&settings.state_dir)?;
        let core = Self(Arc::new(Inner {
            world: feed::World::new(settings.credits.prices_if_enabled()),
            consoles: consoles::Here::new(),
            hypervisor: Caller::new(hypervisor),
            bringing: images::Turns::default(),
            hashing: Semaphore::new(auth::HASHES_AT_ONCE),
            settings,
            store,
            clock,
            boot_clock,
            tokens,
            ssh,
        }));
        feed::observe(&core);
        Ok(core)
    }

    /// twarga's own key pair, which every guest lets in.
    pub fn ssh_identity(&self) -> &SshIdentity {
        &self.0.ssh
    }

    /// UUID of the state directory.
    fn instance(&self) -> Uuid {
        self.0.store.instance()
    }

    /// The turn to bring an image, by its name.
    fn bringing(&self, image: &str) -> Arc<images::Turn> {
        self.0.bringing.of(image)
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue {
            tiny_dir: self.settings().tiny_dir.clone(),
            own: self.settings().state_dir.join("images.toml"),
            library: self.library(),
            firmware: images::firmware_folders(),
        }
    }

    fn library(&self) -> Library {
        Library::of(&self.settings().state_dir)
    }

    fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    fn hypervisor(&self) -> &Caller {
        &self.0.hypervisor
    }

    fn world(&self) -> &feed::World {
        &self.0.world
    }

    fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    fn boot_clock(&self) -> &BootClock {
        &self.0.boot_clock
    }

    /// Reads from the database, off the workers.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Reader<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.0.store.clone();
        off_worker(move || store.read(job)).await
    }

    /// Writes to the database, off the workers.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (store, now) = (self.0.store.clone(), self.now());
        let done = off_worker(move || store.write(now, job)).await;
        self.world().store_changed();
        done
    }

    /// Writes to the database in the name of the keeper of `epoch`.
    async fn write_as_keeper<T: Send + 'static>(
        &self,
        epoch: Epoch,
        job: impl FnOnce(&Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (store, now) = (self.0.store.clone(), self.now());
        let done = off_worker(move || store.write_as_keeper(epoch, now, job)).await;
        self.world().store_changed();
        done
    }

    /// Hashes off the workers, few at once.
    async fn crunch<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(auth::HASH_PATIENCE, self.0.hashing.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::Conflict(
                "the host is busy checking passwords; try again".to_owned(),
            ));
        };
        off_worker(job).await
    }
}

/// Runs what blocks on a thread that may block.
async fn off_worker<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job)
        .await
        .unwrap_or_else(|error| Err(Error::Internal(format!("a background task failed: {error}"))))
}
