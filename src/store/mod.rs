//! All of SQLite: accounts, machines, events, operations in `twarga.db`.
//!
//! Calls block; the core runs them off its workers. Reads see one consistent state; every write
//! is one `BEGIN IMMEDIATE` transaction. Time comes in from outside.

mod events;
mod keeper;
mod operations;
mod sessions;
mod users;
mod vms;

pub use events::{ChainReport, EventQuery};
pub use keeper::{Epoch, KeeperKind, KeeperRow};
pub use operations::{NewOperation, OperationFilter, StepRecord};
pub use sessions::{Session, Throttle};
pub use users::{Credentials, NewUser};
pub use vms::NewVm;

use jiff::Timestamp;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What can go wrong between twarga and its database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state directory or a file in it cannot be used as it is.
    #[error("{path}: {reason}")]
    State {
        /// Which.
        path: PathBuf,
        /// What is wrong and what mends it.
        reason: String,
    },
    /// Written by a newer twarga; left untouched.
    #[error("{path} was written by a newer twarga (schema {found}, this one knows {known})")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// Not a database or damaged; left untouched.
    #[error("{path} is damaged: {reason}")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        reason: String,
    },
    /// A unique value is taken: which one.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// The machine has an operation that is not finished.
    #[error("operation {0} is still at work on this machine")]
    Busy(crate::model::OperationId),
    /// The row does not exist.
    #[error("no such {0}")]
    Missing(&'static str),
    /// Another keeper took over: this one must stop writing.
    #[error("another process became the keeper")]
    Superseded,
    /// Another process held the database for longer than the busy time-out.
    #[error("the database is locked by another process")]
    Locked,
    /// The disk with the database is full.
    #[error("the disk with the database is full")]
    Full,
    /// Anything else SQLite says.
    #[error("{context}: {reason}")]
    Sqlite {
        /// What was being done.
        context: &'static str,
        /// SQLite's words.
        reason: String,
    },
}

/// What the store's calls return.
pub type Result<T> = std::result::Result<T, Error>;

/// The database of one state directory. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

/// A consistent view of the database.
pub struct Reader<'c> {
    _connection: std::marker::PhantomData<&'c ()>,
}

/// One write transaction; also reads, and sees its own writes.
pub struct Writer<'c> {
    reader: Reader<'c>,
    now: Timestamp,
}

impl<'c> std::ops::Deref for Writer<'c> {
    type Target = Reader<'c>;
    fn deref(&self) -> &Reader<'c> {
        &self.reader
    }
}

impl Writer<'_> {
    /// The time of this transaction, for every row it writes.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}

impl Store {
    /// Opens or creates the database below `directory`, migrating it forward.
    ///
    /// # Errors
    /// [`Error::State`] for a directory or file that others may read, that cannot be written or
    /// that lies on a network file system; [`Error::Newer`], [`Error::Corrupt`].
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self> {
        let _ = (directory, now);
        todo!()
    }

    /// Reads in one consistent view.
    ///
    /// # Errors
    /// What `job` returns.
    pub fn read<T, E: From<Error>>(
        &self,
        job: impl FnOnce(&Reader<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let _ = job;
        todo!()
    }

    /// Writes in one transaction, committed if `job` succeeds and rolled back otherwise.
    ///
    /// # Errors
    /// What `job` returns; [`Error::Locked`], [`Error::Full`].
    pub fn write<T, E: From<Error>>(
        &self,
        now: Timestamp,
        job: impl FnOnce(&Writer<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let _ = (now, job);
        todo!()
    }

    /// Like [`Self::write`], in the name of a keeper.
    ///
    /// # Errors
    /// Also [`Error::Superseded`] if `epoch` is not the present one.
    pub fn write_as_keeper<T, E: From<Error>>(
        &self,
        epoch: Epoch,
        now: Timestamp,
        job: impl FnOnce(&Writer<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let _ = (epoch, now, job);
        todo!()
    }

    /// Changes whenever any process commits to the database (this one included).
    ///
    /// # Errors
    /// SQLite's.
    pub fn version(&self) -> Result<u64> {
        todo!()
    }

    /// UUID of this state directory, made when the database was.
    pub fn instance(&self) -> Uuid {
        todo!()
    }
}

impl Reader<'_> {
    /// The hypervisor this state directory is bound to: URI and host UUID.
    ///
    /// # Errors
    /// SQLite's.
    pub fn hypervisor_binding(&self) -> Result<Option<(String, Uuid)>> {
        todo!()
    }
}

impl Writer<'_> {
    /// Binds this state directory to a hypervisor.
    ///
    /// # Errors
    /// SQLite's.
    pub fn bind_hypervisor(&self, uri: &str, host: Uuid) -> Result<()> {
        let _ = (uri, host);
        todo!()
    }
}
