//! All of SQLite: accounts, machines, events, operations in `twarga.db`.
//!
//! Calls block; the core runs them off its workers. Reads see one consistent state; every write
//! is one `BEGIN IMMEDIATE` transaction, committed to disk before the call returns. Time comes in
//! from outside and is kept in whole milliseconds.
//!
//! Several processes share the file in WAL mode: readers never wait, writers queue. Within a
//! process threads share one writing and a few reading connections. Jobs are to be short, since a
//! long read keeps the write-ahead log from being cut and a long write keeps everybody waiting;
//! and a job must not call [`Store::write`] again, which would wait for itself and time out.
//!
//! `directory` guards the files, `connection` the connections, `migrate` the schema, whose
//! text is in `migrations/`; `chain` says what the log's hashes cover; the other modules are one
//! family of tables each.

mod chain;
mod connection;
mod consoles;
mod credits;
mod directory;
mod error;
mod events;
mod file_system;
mod forwards;
mod health;
mod instance;
mod keeper;
mod migrate;
mod operations;
mod query;
mod sessions;
mod ssh_keys;
mod users;
mod vms;

#[cfg(test)]
mod tests;

pub use consoles::{NewConsole, Process};
pub use credits::{Balance, EntryFilter, LedgerReport, NewEntry};
pub use error::{Error, Result};
pub use events::{ChainReport, EventQuery};
pub use keeper::{Epoch, KeeperKind, KeeperRow};
pub use operations::{NewOperation, OperationFilter, StepRecord};
pub use sessions::{Session, SessionCount, Throttle};
pub use ssh_keys::NewSshKey;
pub use users::{Credentials, NewUser};
pub use vms::{NewVm, Standing};

use connection::{Access, Pool, Shortener};
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Connections that read. More would only wait for the disk and the processors together.
const READERS: usize = 4;

/// Events that are checked in one read.
const CHAIN_PAGE: usize = 5_000;

/// The database of one state directory. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    instance: Uuid,
    readers: Pool,
    writer: Pool,
    shortener: Shortener,
    /// Never writes, so that `PRAGMA data_version` tells it of every commit.
    watcher: Mutex<Connection>,
}

/// A consistent view of the database.
pub struct Reader<'c> {
    connection: &'c Connection,
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
        let directory = directory::prepare(directory)?;
        let path = directory::database(&directory)?;
        let watcher = connection::connect(&path, Access::Write)?;
        migrate::bring_up_to_date(&watcher, &path, now)?;
        let instance = Reader { connection: &watcher }.instance()?;
        Ok(Self {
            shared: Arc::new(Shared {
                instance,
                readers: Pool::new(&path, Access::Read, READERS),
                writer: Pool::new(&path, Access::Write, 1),
                shortener: Shortener::new(&path),
                watcher: Mutex::new(watcher),
                path,
            }),
        })
    }

    /// Reads in one consistent view.
    ///
    /// # Errors
    /// What `job` returns.
    pub fn read<T, E: From<Error>>(
        &self,
        job: impl FnOnce(&Reader<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.shared.readers.with(|connection| {
            let view = self.begin(connection, TransactionBehavior::Deferred)?;
            let value = job(&Reader { connection: &view });
            // Nothing was written: rolling back only gives the view up.
            drop(view);
            value
        })?
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
        self.shared.writer.with(|connection| {
            // Rolls back when dropped: on an error of the job or the commit, and on a panic.
            let transaction = self.begin(connection, TransactionBehavior::Immediate)?;
            let reader = Reader {
                connection: &transaction,
            };
            let value = job(&Writer { reader, now })?;
            transaction
                .commit()
                .map_err(|error| Error::from_sqlite("committing", &self.shared.path, error))?;
            self.shared.shortener.after_commit(connection);
            Ok(value)
        })?
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
        self.write(now, |writer| {
            writer.check_reign(epoch)?;
            job(writer)
        })
    }

    /// Changes whenever any process commits to the database (this one included).
    ///
    /// # Errors
    /// SQLite's.
    pub fn version(&self) -> Result<u64> {
        let watcher = self.shared.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        Reader { connection: &watcher }.one("asking for the data version", "PRAGMA data_version", [], |row| {
            query::unsigned(row, "data_version")
        })
    }

    /// UUID of this state directory, made when the database was.
    pub fn instance(&self) -> Uuid {
        self.shared.instance
    }

    /// Walks the log's hash chain from its first row to its end, up to the first row that does not
    /// fit. Reads a page at a time: rows appended meanwhile are checked too.
    ///
    /// # Errors
    /// SQLite's.
    pub fn verify_chain(&self) -> Result<ChainReport> {
        let mut walk = chain::Walk::new(self.instance());
        while self.read(|reader| reader.walk_chain(&mut walk, CHAIN_PAGE))? {}
        Ok(walk.report())
    }

    fn begin<'c>(
        &self,
        connection: &'c Connection,
        behavior: TransactionBehavior,
    ) -> Result<Transaction<'c>> {
        Transaction::new_unchecked(connection, behavior)
            .map_err(|error| Error::from_sqlite("beginning a transaction", &self.shared.path, error))
    }
}
