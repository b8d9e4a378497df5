//! Sessions and the slow-down of failed sign-ins, shared by all processes.

use super::query::{integer, optional_time, time, unsigned};
use super::{Reader, Result, Writer};
use crate::model::UserId;
use jiff::Timestamp;
use rusqlite::params;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use uuid::Uuid;

/// What ended is forgotten after a day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Sessions kept per user: a script that signs in without end pushes its own oldest ones out.
const SESSIONS_PER_USER: u32 = 1_000;

/// Keys kept at most. Whoever sprays names pushes out the oldest tenth of them, those that are not
/// locked first.
const THROTTLES: u64 = 10_000;

/// Bytes of a key that are kept as they are. Names come from strangers and may be of any length.
const KEY_LENGTH: usize = 200;

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

/// A user's sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCount {
    /// That are alive.
    pub alive: u64,
    /// When the last one was opened; forgotten a day after its end.
    pub last_sign_in: Option<Timestamp>,
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
        self.row(
            "reading a session",
            "SELECT user, source, created_at, expires_at, revoked_at FROM sessions WHERE id = ?1",
            [id.to_string()],
            |row| {
                Ok(Session {
                    id,
                    user: UserId(row.get("user")?),
                    source: row.get("source")?,
                    created_at: time(row, "created_at")?,
                    expires_at: time(row, "expires_at")?,
                    revoked: optional_time(row, "revoked_at")?.is_some(),
                })
            },
        )
    }
    /// Failures of a key.
    pub fn throttle(&self, key: &str) -> Result<Option<Throttle>> {
        self.row(
            "reading failed sign-ins",
            "SELECT failures, window_start, last_failure, locked_until FROM throttles WHERE key = ?1",
            [bounded(key)],
            |row| {
                Ok(Throttle {
                    failures: row.get("failures")?,
                    window_start: time(row, "window_start")?,
                    last_failure: time(row, "last_failure")?,
                    locked_until: optional_time(row, "locked_until")?,
                })
            },
        )
    }
}

impl Reader<'_> {
    /// A user's sessions that are alive, and the last sign-in that is remembered.
    pub fn count_sessions(&self, user: UserId, now: Timestamp) -> Result<SessionCount> {
        self.one(
            "counting a user's sessions",
            "SELECT ifnull(sum(revoked_at IS NULL AND expires_at > ?2), 0) AS alive, max(created_at) AS last FROM sessions
             WHERE user = ?1",
            params![user.0, now.as_millisecond()],
            |row| {
                Ok(SessionCount {
                    alive: unsigned(row, "alive")?,
                    last_sign_in: optional_time(row, "last")?,
                })
            },
        )
    }
}

impl Writer<'_> {
    /// Opens a session; forgets those that ended more than a day ago.
    pub fn insert_session(&self, session: &Session) -> Result<()> {
        self.change(
            "forgetting old sessions",
            "DELETE FROM sessions WHERE min(expires_at, ifnull(revoked_at, expires_at)) < ?1",
            [self.now_ms() - DAY],
        )?;
        self.change(
            "opening a session",
            "INSERT INTO sessions (id, user, source, created_at, expires_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                session.id.to_string(),
                session.user.0,
                session.source,
                session.created_at.as_millisecond(),
                session.expires_at.as_millisecond(),
                session.revoked.then(|| self.now_ms())
            ],
        )?;
        self.change(
            "forgetting old sessions",
            "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE user = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)",
            params![session.user.0, SESSIONS_PER_USER],
        )?;
        Ok(())
    }
    /// Ends a session. One that has ended or is forgotten is left as it is.
    pub fn revoke_session(&self, id: Uuid) -> Result<()> {
        self.change(
            "ending a session",
            "UPDATE sessions SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
            params![id.to_string(), self.now_ms()],
        )?;
        Ok(())
    }
    /// Ends all sessions of a user but `except`.
    pub fn revoke_sessions_of(&self, user: UserId, except: Option<Uuid>) -> Result<()> {
        self.change(
            "ending a user's sessions",
            "UPDATE sessions SET revoked_at = ?3 WHERE user = ?1 AND id IS NOT ?2 AND revoked_at IS NULL",
            params![user.0, except.map(|id| id.to_string()), self.now_ms()],
        )?;
        Ok(())
    }
    /// Keeps a key's failures; forgets keys whose last failure is older than a day.
    pub fn set_throttle(&self, key: &str, throttle: &Throttle) -> Result<()> {
        self.change(
            "forgetting old failed sign-ins",
            "DELETE FROM throttles WHERE last_failure < ?1 AND ifnull(locked_until, 0) <= ?2",
            params![self.now_ms() - DAY, self.now_ms()],
        )?;
        self.change(
            "noting a failed sign-in",
            "INSERT INTO throttles (key, failures, window_start, last_failure, locked_until)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (key) DO UPDATE
             SET failures = excluded.failures, window_start = excluded.window_start,
                 last_failure = excluded.last_failure, locked_until = excluded.locked_until",
            params![
                bounded(key),
                throttle.failures,
                throttle.window_start.as_millisecond(),
                throttle.last_failure.as_millisecond(),
                throttle.locked_until.map(Timestamp::as_millisecond)
            ],
        )?;
        self.bound_throttles()
    }
    /// Forgets some keys when there are too many: the oldest, and locked ones last.
    fn bound_throttles(&self) -> Result<()> {
        let kept = self.one(
            "counting failed sign-ins",
            "SELECT count(*) AS keys FROM throttles",
            [],
            |row| unsigned(row, "keys"),
        )?;
        if kept > THROTTLES {
            self.change(
                "forgetting old failed sign-ins",
                "DELETE FROM throttles WHERE key IN
                 (SELECT key FROM throttles ORDER BY ifnull(locked_until, 0) > ?2, last_failure LIMIT ?1)",
                params![integer(kept - THROTTLES + THROTTLES / 10), self.now_ms()],
            )?;
        }
        Ok(())
    }

    /// Forgets a key's failures.
    pub fn clear_throttle(&self, key: &str) -> Result<()> {
        self.change(
            "forgetting failed sign-ins",
            "DELETE FROM throttles WHERE key = ?1",
            [bounded(key)],
        )?;
        Ok(())
    }
}

/// A key as it is kept: a long one by its digest.
fn bounded(key: &str) -> Cow<'_, str> {
    if key.len() <= KEY_LENGTH {
        return Cow::Borrowed(key);
    }
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(key) {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    Cow::Owned(digest)
}
