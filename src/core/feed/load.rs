//! From counters to load: what a machine used over the last interval.

use super::Load;
use crate::hypervisor::{Counters, Domain, DomainState};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Intervals that the sparkline shows.
const HISTORY: usize = 60;

/// Keeps each running domain's last counters and recent processor use.
#[derive(Default)]
pub struct Meter {
    runs: HashMap<Uuid, Run>,
}

struct Run {
    id: Option<u32>,
    at: Instant,
    counters: Counters,
    history: VecDeque<f32>,
    load: Load,
}

impl Meter {
    /// Takes one snapshot's domains and gives the load of each; of one that is off, what its disk takes.
    pub fn measure(&mut self, domains: &[Domain], at: Instant) -> HashMap<Uuid, Load> {
        let mut runs = HashMap::with_capacity(domains.len());
        let mut loads = HashMap::with_capacity(domains.len());
        for domain in domains {
            if matches!(domain.state, DomainState::Off | DomainState::Crashed) {
                // Only what lies on the disk.
                loads.insert(domain.uuid, levels(&domain.counters));
                continue;
            }
            let run = match self.runs.remove(&domain.uuid) {
                Some(run) if run.id == domain.run => run.next(domain, at),
                _ => Run::first(domain, at),
            };
            loads.insert(domain.uuid, run.load.clone());
            runs.insert(domain.uuid, run);
        }
        self.runs = runs;
        loads
    }
}

impl Run {
    fn first(domain: &Domain, at: Instant) -> Self {
        Self {
            id: domain.run,
            at,
            counters: domain.counters,
            history: VecDeque::new(),
            load: levels(&domain.counters),
        }
    }

    fn next(mut self, domain: &Domain, at: Instant) -> Self {
        let interval = at.duration_since(self.at);
        // Two snapshots in quick succession (an event came in) say nothing about rates.
        if interval < Duration::from_millis(500) {
            self.load = Load {
                memory_percent: levels(&domain.counters).memory_percent,
                ..self.load
            };
            return self;
        }
        let (before, now) = (&self.counters, &domain.counters);
        let rate = |before: Option<u64>, now: Option<u64>| per_second(before, now, interval);
        let cpu_percent = per_second(before.cpu_time_ns, now.cpu_time_ns, interval).map(|ns| {
            let percent = ns / 1e9 / f64::from(domain.vcpus.max(1)) * 100.0;
            percent.clamp(0.0, 100.0) as f32
        });
        if let Some(percent) = cpu_percent {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(percent);
        }
        let load = Load {
            cpu_percent,
            cpu_history: self.history.iter().copied().collect::<Arc<[f32]>>(),
            disk_read: rate(before.disk_read, now.disk_read),
            disk_written: rate(before.disk_written, now.disk_written),
            net_received: rate(before.net_received, now.net_received),
            net_sent: rate(before.net_sent, now.net_sent),
            ..levels(now)
        };
        Self {
            id: domain.run,
            at,
            counters: domain.counters,
            history: self.history,
            load,
        }
    }
}

/// What one snapshot alone tells.
fn levels(counters: &Counters) -> Load {
    // What the guest's own driver says: of the memory it sees, what it could not give away.
    let memory_percent = match (counters.available_kib, counters.usable_kib) {
        (Some(sees), Some(usable)) if sees > 0 => {
            Some((sees.saturating_sub(usable) as f64 / sees as f64 * 100.0) as f32)
        }
        _ => None,
    };
    Load {
        memory_percent,
        disk_allocated: counters.disk_allocated,
        ..Load::default()
    }
}

/// Growth per second; `None` if unknown or if the counter was set back.
fn per_second(before: Option<u64>, now: Option<u64>, interval: Duration) -> Option<f64> {
    let grown = now?.checked_sub(before?)?;
    Some(grown as f64 / interval.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(run: u32, cpu_seconds: f64) -> Domain {
        Domain {
            uuid: Uuid::from_u128(1),
            name: "user1-web".to_owned(),
            state: DomainState::Running,
            run: Some(run),
            vcpus: 2,
            memory_mib: 1024,
            counters: Counters {
                cpu_time_ns: Some((cpu_seconds * 1e9) as u64),
                available_kib: Some(1000),
                usable_kib: Some(380),
                net_received: Some((cpu_seconds * 1000.0) as u64),
                ..Counters::default()
            },
        }
    }

    #[test]
    fn load_is_growth_over_the_interval_and_all_processors() {
        let mut meter = Meter::default();
        let start = Instant::now();
        let first = &meter.measure(&[domain(1, 10.0)], start)[&Uuid::from_u128(1)];
        assert_eq!(first.cpu_percent, None, "one snapshot has no rate");
        assert_eq!(first.memory_percent, Some(62.0));

        let later = &meter.measure(&[domain(1, 12.0)], start + Duration::from_secs(4))[&Uuid::from_u128(1)];
        assert_eq!(later.cpu_percent, Some(25.0), "2 s of 2 processors in 4 s");
        assert_eq!(later.net_received, Some(500.0));
        assert_eq!(
            later.net_sent, None,
            "what the mode does not tell is unknown, not 0"
        );
        assert_eq!(&*later.cpu_history, &[25.0]);
    }

    #[test]
    fn another_run_begins_anew() {
        let mut meter = Meter::default();
        let start = Instant::now();
        meter.measure(&[domain(1, 100.0)], start);
        let restarted =
            &meter.measure(&[domain(2, 1.0)], start + Duration::from_secs(2))[&Uuid::from_u128(1)];
        assert_eq!(restarted.cpu_percent, None);
    }

    #[test]
    fn history_is_bounded_and_a_gone_domain_forgotten() {
        let mut meter = Meter::default();
        let start = Instant::now();
        for n in 0..200u32 {
            meter.measure(&[domain(1, f64::from(n))], start + Duration::from_secs(n.into()));
        }
        let last = &meter.measure(&[domain(1, 201.0)], start + Duration::from_secs(201))[&Uuid::from_u128(1)];
        assert_eq!(last.cpu_history.len(), HISTORY);
        assert!(meter.measure(&[], start + Duration::from_secs(202)).is_empty());
        assert!(meter.runs.is_empty());
    }
}
