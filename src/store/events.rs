//! The log: append-only, hash-chained from its first row.

use super::{Reader, Result, Writer};
use crate::model::{Event, EventId, EventType, NewEvent, Severity, UserId, VmId};

/// Which events to list, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventQuery {
    /// Only of this user or of this user's machines.
    pub visible_to: Option<UserId>,
    /// Only of this machine.
    pub vm: Option<VmId>,
    /// Only at least so bad.
    pub at_least: Option<Severity>,
    /// Only of this type.
    pub event_type: Option<EventType>,
    /// Only ids below this one: the next page.
    pub before: Option<EventId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

/// What a walk along the hash chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Rows that were read.
    pub rows: u64,
    /// The first row that does not fit the one before it, if any.
    pub broken_at: Option<EventId>,
}

impl Reader<'_> {
    /// Events, newest first.
    pub fn events(&self, query: EventQuery) -> Result<Vec<Event>> {
        let _ = query;
        todo!()
    }
    /// Walks the chain from its first row.
    pub fn verify_chain(&self) -> Result<ChainReport> {
        todo!()
    }
    /// Intents (`….intent`, with an `operation` in their details) without an outcome.
    pub fn open_intents(&self) -> Result<Vec<Event>> {
        todo!()
    }
}

impl Writer<'_> {
    /// Appends an event.
    pub fn append_event(&self, event: &NewEvent) -> Result<EventId> {
        let _ = event;
        todo!()
    }
}
