//! What a core operation can refuse or fail with. A front turns it into words and exit codes.

use super::consoles::Occupant;
use crate::hypervisor;
use crate::model::{FieldError, OperationId};
use crate::store;
use jiff::Timestamp;
use std::path::Path;

/// A refused or failed core operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Values were refused; nothing was changed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// Name or password is wrong, or the account is deactivated: which is not told.
    #[error("name or password is wrong")]
    WrongCredentials,
    /// Too many failures for this account, or tries from this source.
    #[error("too many tries; try again {}", super::time::clock(*until))]
    LockedOut {
        /// When the next attempt is heard.
        until: Timestamp,
    },
    /// The session ended, was revoked or never was.
    #[error("you are not signed in: {0}")]
    NotSignedIn(&'static str),
    /// The policy says no.
    #[error("{0}")]
    NotPermitted(String),
    /// No such object, or one the caller may not know of: which is not told.
    #[error("no {what} `{name}`")]
    NotFound {
        /// machine, operation, image …
        what: &'static str,
        /// As the caller named it, sanitized.
        name: String,
    },
    /// The object's state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// Somebody has the console that was asked for.
    #[error("{0}")]
    Occupied(Occupant),
    /// The machine has an operation that is not finished.
    #[error("operation {0} is still at work on this machine")]
    Busy(OperationId),
    /// The hypervisor refused, failed or is away.
    #[error(transparent)]
    Hypervisor(#[from] hypervisor::Error),
    /// The database refused or failed.
    #[error(transparent)]
    Store(store::Error),
    /// An image cannot be had: its addresses, its bytes or itself are not as they should be.
    #[error("{0}")]
    Image(String),
    /// The operating system refused something about a file of the state directory.
    #[error("{what}: {reason}")]
    Io {
        /// What was being done to which file.
        what: String,
        /// The system's words.
        reason: String,
    },
    /// A defect or a dying program: a task ended without its result.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What core operations return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The system's refusal about a file.
    pub(super) fn of_file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Io {
            what: format!("{doing} {}", path.display()),
            reason: error.to_string(),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy(operation) => Self::Busy(operation),
            store::Error::Taken(what) => Self::Conflict(format!("this {what} is taken")),
            other => Self::Store(other),
        }
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}
