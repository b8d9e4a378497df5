//! The log as people read it.

use super::{Core, Ctx, Result};
use crate::model::{Event, EventId, EventType, Severity, VmId};
pub use crate::store::ChainReport;

/// Which events to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogQuery {
    /// Only of this machine.
    pub vm: Option<VmId>,
    /// Only at least so bad.
    pub at_least: Option<Severity>,
    /// Only of this type.
    pub event_type: Option<EventType>,
    /// Only ids below this: the next page.
    pub before: Option<EventId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl Core {
    /// Events the caller may see, newest first.
    pub async fn events(&self, ctx: &Ctx, query: LogQuery) -> Result<Vec<Event>> {
        let _ = (ctx, query);
        todo!()
    }
    /// Walks the hash chain (admin, auditor).
    pub async fn verify_log(&self, ctx: &Ctx) -> Result<ChainReport> {
        let _ = ctx;
        todo!()
    }
}
