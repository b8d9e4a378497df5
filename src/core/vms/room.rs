//! Room in the pool.

use crate::core::Error;
use crate::core::operations::Stop;
use crate::hypervisor::PoolSpace;

/// Refuses to start what the disk cannot hold: a guest that meets a full one stands still.
pub(super) fn check(space: PoolSpace, reserve: u64) -> Result<(), Stop> {
    if space.available >= reserve {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(Stop::Failed(Error::Conflict(format!(
        "the pool has {} MiB free of {} MiB, and {} MiB are kept in reserve: a guest would stand still on a \
         full disk. Remove machines or images (`twarga image gc`), or lower machines.disk_reserve_mib",
        mib(space.available),
        mib(space.capacity),
        mib(reserve)
    ))))
}
