//! Sessions and the slow-down of failed sign-ins, shared by all processes.

use super::{Reader, Result, Writer};
use crate::model::UserId;
use jiff::Timestamp;
use uuid::Uuid;

/// A session's row: it, not the token, decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The token's `jti`.
    pub id: Uuid,
    /// Whose.
    pub user: UserId,
    /// Where it was opened from, in words, for people.
    pub source: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Ended by sign-out, a changed password or an admin.
    pub revoked: bool,
}

/// Failed sign-ins of one key: `account:NAME` or `source:ADDRESS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Failures in the window.
    pub failures: u32,
    /// When the window began.
    pub window_start: Timestamp,
    /// The last failure.
    pub last_failure: Timestamp,
    /// No attempt is heard before.
    pub locked_until: Option<Timestamp>,
}

impl Reader<'_> {
    /// A session by its token's `jti`.
    pub fn session(&self, id: Uuid) -> Result<Option<Session>> {
        let _ = id;
        todo!()
    }
    /// Failures of a key.
    pub fn throttle(&self, key: &str) -> Result<Option<Throttle>> {
        let _ = key;
        todo!()
    }
}

impl Writer<'_> {
    /// Opens a session; forgets those that ended more than a day ago.
    pub fn insert_session(&self, session: &Session) -> Result<()> {
        let _ = session;
        todo!()
    }
    /// Ends a session.
    pub fn revoke_session(&self, id: Uuid) -> Result<()> {
        let _ = id;
        todo!()
    }
    /// Ends all sessions of a user but `except`.
    pub fn revoke_sessions_of(&self, user: UserId, except: Option<Uuid>) -> Result<()> {
        let _ = (user, except);
        todo!()
    }
    /// Keeps a key's failures; forgets keys whose last failure is older than a day.
    pub fn set_throttle(&self, key: &str, throttle: &Throttle) -> Result<()> {
        let _ = (key, throttle);
        todo!()
    }
    /// Forgets a key's failures.
    pub fn clear_throttle(&self, key: &str) -> Result<()> {
        let _ = key;
        todo!()
    }
}
