//! The snapshot: all domains and their counters from one bulk call.

use super::ffi::{self, Record};
use super::lifecycle::state_from;
use crate::hypervisor::libvirt::error::During;
use crate::hypervisor::{Counters, Domain, DomainState, Result, Snapshot};
use crate::model::text;
use std::ffi::{c_int, c_uint};
use virt::connect::Connect;
use virt_sys as sys;

/// What is asked for.
const STATS: c_uint = sys::VIR_DOMAIN_STATS_STATE
    | sys::VIR_DOMAIN_STATS_CPU_TOTAL
    | sys::VIR_DOMAIN_STATS_BALLOON
    | sys::VIR_DOMAIN_STATS_VCPU
    | sys::VIR_DOMAIN_STATS_INTERFACE
    | sys::VIR_DOMAIN_STATS_BLOCK;

/// A domain that is busy with another job tells only what needs no wait: one slow QEMU must not
/// delay everybody's figures.
const FLAGS: c_uint = sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

/// All domains at this moment.
pub(super) fn snapshot(connect: &Connect) -> Result<Snapshot> {
    let mut domains = Vec::new();
    ffi::all_domain_stats(connect, STATS, FLAGS, |record| domains.push(domain(&record)))
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
        counters: tally.counters,
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
