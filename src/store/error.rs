//! What can go wrong, and how SQLite's codes become it.

use crate::model::OperationId;
use crate::model::text::visible;
use rusqlite::ffi::ErrorCode;
use std::path::{Path, PathBuf};

/// What can go wrong between twarga and its database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state directory or a file in it cannot be used as it is.
    #[error("{}: {reason}", shown(.path))]
    State {
        /// Which.
        path: PathBuf,
        /// What is wrong and what mends it.
        reason: String,
    },
    /// Written by a newer twarga; left untouched.
    #[error("{} was written by a newer twarga (schema {found}, this one knows {known})", shown(.path))]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// Not a database, another program's, or damaged; left untouched.
    #[error("{} is damaged: {reason}", shown(.path))]
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
    Busy(OperationId),
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

impl Error {
    /// What `error` means, met while doing `context` with the database at `path`.
    pub(super) fn from_sqlite(context: &'static str, path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sql;
        let path = path.to_path_buf();
        let (code, reason) = match error {
            Sql::SqliteFailure(code, message) => {
                let reason = message.unwrap_or_else(|| code.to_string());
                (code, visible(&reason).into_owned())
            }
            // STRICT tables and CHECKs keep such values out, so somebody else put them in.
            Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::Utf8Error(..) => {
                let reason = format!("{context}: {}", visible(&error.to_string()));
                return Self::Corrupt { path, reason };
            }
            other => {
                let reason = visible(&other.to_string()).into_owned();
                return Self::Sqlite { context, reason };
            }
        };
        match code.code {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt { path, reason },
            ErrorCode::ReadOnly => Self::State {
                path,
                reason: format!("cannot be written ({reason})"),
            },
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Self::State {
                path,
                reason: format!("cannot be opened ({reason})"),
            },
            // The index of the write-ahead log could not grow: only for want of space.
            ErrorCode::SystemIoFailure if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
                Self::Full
            }
            _ => Self::Sqlite {
                context,
                reason: format!("{reason} (SQLite code {})", code.extended_code),
            },
        }
    }
}

/// A path as it may be shown.
pub(super) fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}
