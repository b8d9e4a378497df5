//! The keeper: the one process of a state directory that does the background work.

use super::{Core, Result};
pub use crate::store::KeeperKind;

/// Tries for the keeper's lock and does its work while it holds it, until told to end.
pub struct Keeper {
    _private: (),
}

impl Keeper {
    /// Starts trying, in the background.
    pub fn start(core: &Core, kind: KeeperKind) -> Keeper {
        let _ = (core, kind);
        todo!()
    }
    /// Gives the work up in good order: running steps end or stand where they can be gone on
    /// from, the lock is free. Bounded by 10 s.
    pub async fn end(self) -> Result<()> {
        todo!()
    }
    /// Gives the lock up now and tries again only after [`Self::resume`] (SIGTSTP).
    pub async fn suspend(&self) {
        todo!()
    }
    /// Tries for the lock again (SIGCONT).
    pub fn resume(&self) {
        todo!()
    }
}
