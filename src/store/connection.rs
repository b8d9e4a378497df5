//! Connections: how each one is set up, and how threads share a few of them.

use super::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a writer waits for writers of other processes, and a thread for a free connection.
/// Writes take milliseconds; what holds the lock for this long is stopped or stuck.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The write-ahead log's file is cut back to this when it is begun anew, in bytes.
const WAL_LIMIT: u32 = 4 << 20;

/// Beyond this length, in bytes, the write-ahead log is not left to automatic checkpoints.
const WAL_ALARM: u64 = 8 << 20;

/// How long a checkpoint that was not left to itself waits for readers, while writers wait for it.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(500);

/// The write-ahead log is checkpointed at this length, in pages of 4 KiB.
const CHECKPOINT_PAGES: u32 = 1000;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// Opens the existing database at `path`. Reads nothing of it yet and changes nothing.
pub(super) fn connect(path: &Path, access: Access) -> Result<Connection> {
    // No SQLITE_OPEN_CREATE: the file is made with its mode before. No SQLITE_OPEN_URI: a path is
    // a path. A reader opens read-write too, or it could not take part in the WAL's index.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let set_up = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
        for (pragma, value) in [
            ("synchronous", "FULL"),
            ("cell_size_check", "ON"),
            // Sorting never spills rows into a temporary folder that others can read.
            ("temp_store", "MEMORY"),
            ("query_only", if access == Access::Read { "ON" } else { "OFF" }),
        ] {
            connection.pragma_update(None, pragma, value)?;
        }
        Ok(connection)
    };
    set_up().map_err(|error| Error::from_sqlite("opening the database", path, error))
}

/// Bounds the write-ahead log. Reads the database, so only for one that was looked at.
pub(super) fn bound_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))
}

/// Keeps the write-ahead log short where readers take turns so closely that there is never a moment
/// without one: then automatic checkpoints copy the log but never begin it anew.
pub(super) struct Shortener {
    log: PathBuf,
    /// Length at which to act: more after each vain attempt, so that a stopped reader of another
    /// process costs a wait now and then and not at every commit.
    alarm: AtomicU64,
}

impl Shortener {
    pub(super) fn new(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self {
            log: log.into(),
            alarm: AtomicU64::new(WAL_ALARM),
        }
    }

    /// To be called after a commit, outside a transaction. What was committed is safe whatever
    /// becomes of this, so it has no errors.
    pub(super) fn after_commit(&self, connection: &Connection) {
        let length = std::fs::metadata(&self.log).map_or(0, |found| found.len());
        if length < self.alarm.load(Ordering::Relaxed) {
            return;
        }
        let truncate = || -> rusqlite::Result<bool> {
            connection.busy_timeout(CHECKPOINT_PATIENCE)?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        };
        let shortened = matches!(truncate(), Ok(false));
        let next = if shortened { WAL_ALARM } else { length + WAL_ALARM };
        self.alarm.store(next, Ordering::Relaxed);
        // Fails for a closed connection only, and then the next statement does too.
        let _ = connection.busy_timeout(PATIENCE);
    }
}

/// A few connections that threads share; each is opened when it is first needed.
pub(super) struct Pool {
    path: PathBuf,
    access: Access,
    capacity: usize,
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    idle: Vec<Connection>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(path: &Path, access: Access, capacity: usize) -> Self {
        Self {
            path: path.to_path_buf(),
            access,
            capacity,
            state: Mutex::new(State {
                idle: Vec::with_capacity(capacity),
                lent: 0,
            }),
            freed: Condvar::new(),
        }
    }

    /// Does `job` with a connection, waiting at most [`PATIENCE`] for a free one.
    ///
    /// A job that panics or leaves a transaction open costs its connection, not its place.
    pub(super) fn with<T>(&self, job: impl FnOnce(&Connection) -> T) -> Result<T> {
        let (place, idle) = self.take_place()?;
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let value = job(&connection);
        if connection.is_autocommit() {
            self.lock().idle.push(connection);
        }
        drop(place);
        Ok(value)
    }

    fn take_place(&self) -> Result<(Place<'_>, Option<Connection>)> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while state.lent >= self.capacity {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Locked);
            }
            state = self
                .freed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.lent += 1;
        Ok((Place { pool: self }, state.idle.pop()))
    }

    fn connect(&self) -> Result<Connection> {
        let connection = connect(&self.path, self.access)?;
        bound_log(&connection)
            .map_err(|error| Error::from_sqlite("opening the database", &self.path, error))?;
        Ok(connection)
    }

    /// The state is whole at every moment, so a panic of another thread does not matter.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use one connection of a pool.
struct Place<'p> {
    pool: &'p Pool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().lent -= 1;
        self.pool.freed.notify_one();
    }
}
