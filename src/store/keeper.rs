//! The keeper's row: who does the background work, since when, and is it alive.

use super::{Reader, Result, Writer};
use jiff::Timestamp;

/// Number of a keeper's reign; each new keeper has a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub i64);

/// What kind of process keeps; the greater outranks the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeeperKind {
    /// A command that waits for its operation where no other keeper is.
    Command,
    /// A screen.
    Tui,
    /// `twarga serve`.
    Serve,
}

/// The keeper's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperRow {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its process.
    pub pid: u32,
    /// What it is.
    pub kind: KeeperKind,
    /// Its last heartbeat.
    pub beat_at: Timestamp,
    /// It gave the work up; nobody has taken it over yet.
    pub released: bool,
    /// A process of higher rank asks for the work.
    pub wanted_by: Option<KeeperKind>,
}

impl Reader<'_> {
    /// The last keeper, if there ever was one.
    pub fn keeper(&self) -> Result<Option<KeeperRow>> {
        todo!()
    }
}

impl Writer<'_> {
    /// Begins a reign: the caller holds the file lock.
    pub fn claim_keeper(&self, pid: u32, kind: KeeperKind) -> Result<Epoch> {
        let _ = (pid, kind);
        todo!()
    }
    /// Shows that the keeper lives.
    pub fn beat(&self, epoch: Epoch) -> Result<()> {
        let _ = epoch;
        todo!()
    }
    /// Ends a reign in good order.
    pub fn release_keeper(&self, epoch: Epoch) -> Result<()> {
        let _ = epoch;
        todo!()
    }
    /// Asks the present keeper to give way.
    pub fn want_keeper(&self, kind: KeeperKind) -> Result<()> {
        let _ = kind;
        todo!()
    }
}
