//! The snapshot: all domains and their counters from one bulk call.
//!
//! Some figures come from each QEMU's monitor, and a QEMU that hangs (stopped, out of memory, on
//! a dead network disk) does not answer: the call then waits until somebody kills it. One guest
//! must not blind twarga to all others, so while such a call is out, further ones ask only for
//! what libvirt knows by itself.

use super::error::During;
use super::ffi::{self, Record};
use super::lifecycle::state_from;
use crate::hypervisor::{Counters, Domain, DomainState, Result, Snapshot};
use crate::model::text;
use std::collections::HashMap;
use std::ffi::{c_int, c_uint};
use std::sync::{Mutex, PoisonError, TryLockError};
use uuid::Uuid;
use virt::connect::Connect;
use virt_sys as sys;

/// What libvirt and the kernel know.
const WITHOUT_QEMU: c_uint =
    sys::VIR_DOMAIN_STATS_STATE | sys::VIR_DOMAIN_STATS_CPU_TOTAL | sys::VIR_DOMAIN_STATS_INTERFACE;

/// And what each QEMU has to be asked.
const ALL: c_uint =
    WITHOUT_QEMU | sys::VIR_DOMAIN_STATS_BALLOON | sys::VIR_DOMAIN_STATS_VCPU | sys::VIR_DOMAIN_STATS_BLOCK;

/// A domain that is busy with another job tells only what needs no wait. (This does not help the
/// call that meets a hung QEMU first.)
const FLAGS: c_uint = sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

/// Virtual processors and memory in MiB.
type Size = (u32, u64);

/// Looks at all domains.
#[derive(Default)]
pub(super) struct Observer {
    /// Held for as long as a full look is under way.
    full: Mutex<()>,
    /// The sizes that the last one found.
    sizes: Mutex<HashMap<Uuid, Size>>,
}

impl Observer {
    /// All domains at this moment. While another call is still out, without what QEMUs tell; the
    /// size of a domain that was not there before then is 0.
    pub fn snapshot(&self, connect: &Connect) -> Result<Snapshot> {
        match self.full.try_lock() {
            Ok(_looking) => {
                let snapshot = look(connect, ALL)?;
                *self.sizes.lock().unwrap_or_else(PoisonError::into_inner) = snapshot
                    .domains
                    .iter()
                    .map(|it| (it.uuid, (it.vcpus, it.memory_mib)))
                    .collect();
                Ok(snapshot)
            }
            Err(TryLockError::Poisoned(_)) => look(connect, ALL),
            Err(TryLockError::WouldBlock) => {
                let mut snapshot = look(connect, WITHOUT_QEMU)?;
                let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
                for domain in &mut snapshot.domains {
                    (domain.vcpus, domain.memory_mib) = sizes.get(&domain.uuid).copied().unwrap_or_default();
                }
                Ok(snapshot)
            }
        }
    }
}

fn look(connect: &Connect, stats: c_uint) -> Result<Snapshot> {
    let mut domains = Vec::new();
    ffi::all_domain_stats(connect, stats, FLAGS, |record| domains.push(domain(&record)))
        .during("snapshot", "all domains")?;
    Ok(Snapshot { domains })
}

fn domain(record: &Record<'_>) -> Domain {
    let mut tally = Tally::default();
    for (name, number) in record.numbers() {
        tally.count(name, number);
    }
    Domain {
        uuid: record.uuid,
        name: text::visible(&record.name.to_string_lossy()).into_owned(),
        state: tally.state(),
        run: record.id,
        vcpus: tally.vcpus,
        memory_mib: tally.maximum_kib / 1024,
        counters: tally.counters(record.id.is_some()),
    }
}

/// A domain's statistics as they are read. Names and units:
/// <https://libvirt.org/html/libvirt-libvirt-domain.html#virConnectGetAllDomainStats>
#[derive(Default)]
struct Tally {
    state: c_uint,
    reason: c_int,
    vcpus: u32,
    maximum_kib: u64,
    counters: Counters,
}

impl Tally {
    fn count(&mut self, name: &str, number: u64) {
        let counters = &mut self.counters;
        match name {
            "state.state" => self.state = c_uint::try_from(number).unwrap_or_default(),
            "state.reason" => self.reason = c_int::try_from(number).unwrap_or_default(),
            "cpu.time" => counters.cpu_time_ns = Some(number),
            "vcpu.current" => self.vcpus = u32::try_from(number).unwrap_or(u32::MAX),
            "balloon.maximum" => self.maximum_kib = number,
            "balloon.current" => counters.memory_kib = Some(number),
            "balloon.usable" => counters.usable_kib = Some(number),
            "balloon.available" => counters.available_kib = Some(number),
            "balloon.rss" => counters.rss_kib = Some(number),
            _ => self.count_device(name, number),
        }
    }

    /// `block.N.…` and `net.N.…`, summed over all N. What no device tells stays unknown: a
    /// user-mode card has no figures at all.
    fn count_device(&mut self, name: &str, number: u64) {
        let counters = &mut self.counters;
        let mut parts = name.splitn(3, '.');
        let device = parts.next();
        let numbered = parts.next().is_some_and(|index| index.parse::<u32>().is_ok());
        let sum = match (device, numbered, parts.next()) {
            (Some("block"), true, Some("rd.bytes")) => &mut counters.disk_read,
            (Some("block"), true, Some("wr.bytes")) => &mut counters.disk_written,
            (Some("block"), true, Some("allocation")) => &mut counters.disk_allocated,
            (Some("block"), true, Some("capacity")) => &mut counters.disk_capacity,
            (Some("net"), true, Some("rx.bytes")) => &mut counters.net_received,
            (Some("net"), true, Some("tx.bytes")) => &mut counters.net_sent,
            _ => return,
        };
        *sum = Some(sum.unwrap_or_default().saturating_add(number));
    }

    fn state(&self) -> DomainState {
        state_from(self.state, self.reason)
    }

    /// The counters of a domain that runs or does not. Of one that does not, libvirt tells the
    /// memory it would have, and without control groups even its own processor time as the
    /// guest's; only what lies on the disk is true.
    fn counters(&self, runs: bool) -> Counters {
        if runs {
            return self.counters;
        }
        Counters {
            disk_allocated: self.counters.disk_allocated,
            disk_capacity: self.counters.disk_capacity,
            ..Counters::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: &[(&str, u64)]) -> Tally {
        let mut tally = Tally::default();
        for (name, number) in numbers {
            tally.count(name, *number);
        }
        tally
    }

    #[test]
    fn devices_are_summed() {
        let tally = tally(&[
            ("block.count", 2),
            ("block.0.rd.bytes", 10),
            ("block.0.rd.reqs", 1),
            ("block.1.rd.bytes", 5),
            ("block.10.wr.bytes", 3),
            ("net.count", 1),
            ("net.0.rx.bytes", 7),
            ("net.0.tx.bytes", 0),
        ]);
        let counters = tally.counters;
        assert_eq!((counters.disk_read, counters.disk_written), (Some(15), Some(3)));
        assert_eq!((counters.net_received, counters.net_sent), (Some(7), Some(0)));
    }

    #[test]
    fn what_is_not_told_is_unknown_not_zero() {
        let tally = tally(&[
            ("net.count", 1),
            ("block.count", 0),
            ("state.state", 1),
            ("net.x.rx.bytes", 9),
        ]);
        assert_eq!(tally.counters, Counters::default());
        assert_eq!(tally.state(), DomainState::Running);
    }

    #[test]
    fn what_does_not_run_has_only_a_disk() {
        let tally = tally(&[
            ("cpu.time", 360),
            ("balloon.current", 512),
            ("block.0.allocation", 9),
        ]);
        assert_eq!(tally.counters(true).cpu_time_ns, Some(360));
        assert_eq!(
            tally.counters(false),
            Counters {
                disk_allocated: Some(9),
                ..Counters::default()
            }
        );
    }

    #[test]
    fn a_full_disk_and_a_dead_qemu_have_states_of_their_own() {
        assert_eq!(
            tally(&[("state.state", 3), ("state.reason", 5)]).state(),
            DomainState::PausedOnError
        );
        assert_eq!(
            tally(&[("state.state", 3), ("state.reason", 1)]).state(),
            DomainState::Paused
        );
        assert_eq!(
            tally(&[("state.state", 3), ("state.reason", 11)]).state(),
            DomainState::Running
        );
        assert_eq!(
            tally(&[("state.state", 5), ("state.reason", 3)]).state(),
            DomainState::Crashed
        );
        assert_eq!(
            tally(&[("state.state", 5), ("state.reason", 1)]).state(),
            DomainState::Off
        );
    }
}
