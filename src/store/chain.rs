//! The hash chain of the log: what each row's `hash` covers, and the walk that checks it.
//!
//! - genesis: `SHA-256("twarga.events.1" ‖ UUID of the instance, 16 bytes)`
//! - row: `SHA-256(hash of the row before ‖ its columns in the order of [`COLUMNS`])`
//!
//! where a column is a tag byte and its content, so that no two rows have the same encoding:
//! `0` for NULL; `1` and 8 bytes, big-endian, for an integer; `2` and the length as 8 bytes,
//! big-endian, and the UTF-8 bytes for a text. (`3`, IEEE 754 bits of a real, and `4`, a blob like
//! a text, never occur; they are there so that a row somebody forged has an encoding too.) What is
//! hashed is what is stored: JSON is not parsed for it.
//!
//! Ids have no gaps, so a row taken out is missed, and `chain` holds the newest link, so a log cut
//! short is noticed. Who can write the file can also compute all of it anew: that is found out only
//! by comparing with a hash that was written down somewhere else.

use super::{ChainReport, Reader, Result};
use crate::model::EventId;
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What a row's hash covers, in this order.
pub(super) const COLUMNS: &str = "id, time, type, severity, action, message, user, vm, owner, details";

/// Number of [`COLUMNS`]; the stored hash follows them where both are read.
pub(super) const COLUMN_COUNT: usize = 10;

/// A link of the chain.
pub(super) type Hash = [u8; 32];

/// What the first row is chained to.
pub(super) fn genesis(instance: Uuid) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"twarga.events.1");
    hasher.update(instance.as_bytes());
    hasher.finalize().into()
}

/// The link after `previous` for a row of these columns.
pub(super) fn link<'v>(previous: &Hash, columns: impl IntoIterator<Item = ValueRef<'v>>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    for column in columns {
        match column {
            ValueRef::Null => hasher.update([0]),
            ValueRef::Integer(value) => {
                hasher.update([1]);
                hasher.update(value.to_be_bytes());
            }
            ValueRef::Real(value) => {
                hasher.update([3]);
                hasher.update(value.to_bits().to_be_bytes());
            }
            ValueRef::Text(bytes) => prefixed(&mut hasher, 2, bytes),
            ValueRef::Blob(bytes) => prefixed(&mut hasher, 4, bytes),
        }
    }
    hasher.finalize().into()
}

fn prefixed(hasher: &mut Sha256, tag: u8, bytes: &[u8]) {
    hasher.update([tag]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

/// The newest link: what the next row is chained to.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Id of the newest event, 0 before the first.
    pub(super) last_event: i64,
    /// Its hash.
    pub(super) hash: Hash,
}

/// How far a walk along the chain has come. It is done a page at a time, each in a short read, so
/// that a long log neither fills memory nor keeps the write-ahead log from being checkpointed.
pub(super) struct Walk {
    last: i64,
    hash: Hash,
    rows: u64,
    broken_at: Option<i64>,
}

impl Walk {
    /// Before the first row.
    pub(super) fn new(instance: Uuid) -> Self {
        Self {
            last: 0,
            hash: genesis(instance),
            rows: 0,
            broken_at: None,
        }
    }

    /// What was found.
    pub(super) fn report(&self) -> ChainReport {
        ChainReport {
            rows: self.rows,
            broken_at: self.broken_at.map(EventId),
        }
    }

    /// Takes one row; false if it does not fit.
    fn step(&mut self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let id: i64 = row.get(0)?;
        let columns = (0..COLUMN_COUNT)
            .map(|index| row.get_ref(index))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let expected = link(&self.hash, columns);
        self.rows += 1;
        let next = self.last + 1;
        if id != next || row.get_ref(COLUMN_COUNT)? != ValueRef::Blob(&expected) {
            self.broken_at = Some(id.min(next));
            return Ok(false);
        }
        self.last = id;
        self.hash = expected;
        Ok(true)
    }

    /// Compares the end of the log with what `chain` says of it.
    fn end(&mut self, head: Option<Head>) {
        let fits = head.is_some_and(|head| head.last_event == self.last && head.hash == self.hash);
        if fits {
            return;
        }
        self.broken_at = Some(match head {
            // Rows are missing at the end.
            Some(head) if head.last_event > self.last => self.last + 1,
            // Rows were added past the head.
            Some(head) if head.last_event < self.last => head.last_event + 1,
            // The newest row was exchanged together with its hash, or the head was.
            _ => self.last.max(1),
        });
    }
}

impl Reader<'_> {
    /// The newest link.
    pub(super) fn chain_head(&self) -> Result<Option<Head>> {
        self.row(
            "reading the head of the chain",
            "SELECT last_event, hash FROM chain",
            [],
            |row| {
                Ok(Head {
                    last_event: row.get(0)?,
                    hash: row.get(1)?,
                })
            },
        )
    }

    /// Goes on with `walk` for at most `page` rows. True while there may be more.
    pub(super) fn walk_chain(&self, walk: &mut Walk, page: usize) -> Result<bool> {
        const CONTEXT: &str = "walking the chain of events";
        // A forged row may have an id below the first.
        let after = if walk.rows == 0 { i64::MIN } else { walk.last };
        let sql = format!("SELECT {COLUMNS}, hash FROM events WHERE id > ?1 ORDER BY id LIMIT ?2");
        let limit = i64::try_from(page).unwrap_or(i64::MAX);
        let mut took = 0;
        let mut go = || -> rusqlite::Result<bool> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params![after, limit])?;
            while let Some(row) = rows.next()? {
                took += 1;
                if !walk.step(row)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        if !go().map_err(|error| self.failure(CONTEXT, error))? {
            return Ok(false);
        }
        if took == page {
            return Ok(true);
        }
        walk.end(self.chain_head()?);
        Ok(false)
    }
}
