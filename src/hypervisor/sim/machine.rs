//! One simulated domain: its definition, its present run and what that run has counted up.

use super::load::Work;
use super::random;
use super::script::{Guest, Pace};
use crate::hypervisor::{Counters, Domain, DomainSpec, DomainState, Network, Ownership};
use crate::model::text;
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// Of the bytes a guest writes, one in so many goes to a place that its disk did not take before.
const FRESH_WRITES: u64 = 4;
/// What a QEMU process needs beside its guest's memory, KiB.
const QEMU_KIB: u64 = 56 * 1024;

/// A domain.
pub(super) struct Machine {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    pub(super) vcpus: u32,
    pub(super) memory_mib: u64,
    pub(super) ownership: Option<Ownership>,
    /// What it was defined from; a foreign domain's is not known.
    pub(super) spec: Option<DomainSpec>,
    /// Undefined while running: it vanishes when it powers off.
    pub(super) transient: bool,
    pub(super) state: DomainState,
    pub(super) run: Option<Run>,
    pub(super) guest: Guest,
    /// Which address of the network it has, once it had one.
    pub(super) lease: Option<u32>,
    /// When somebody will power it on again.
    pub(super) back_at: Option<Timestamp>,
    /// Its entry in the agenda.
    pub(super) look_at: Option<Timestamp>,
    pub(super) disk_capacity: u64,
    /// What its disk took when the present run began.
    pub(super) disk_allocated: u64,
}

/// From power-on to power-off.
pub(super) struct Run {
    pub(super) number: u32,
    pub(super) started_at: Timestamp,
    seed: u64,
    /// Age at the last pause.
    ran: Duration,
    /// When it last went on, unless it is paused.
    since: Option<Timestamp>,
    boot: Duration,
    /// Age at which the guest is up.
    pub(super) up_at: Duration,
    /// Whether its console shows its shell yet.
    pub(super) greeted: bool,
    /// How much of what it says by itself it has said.
    pub(super) said: usize,
    /// Ages at which it powers off and crashes.
    pub(super) off_at: Option<Duration>,
    pub(super) crash_at: Option<Duration>,
}

impl Run {
    pub(super) fn new(number: u32, at: Timestamp, seed: u64, guest: &Guest, pace: Pace) -> Self {
        let boot = match pace {
            Pace::Scripted => guest.boot,
            Pace::Instant => Duration::ZERO,
        };
        let at_least_a_second = |it: Duration| it.max(Duration::from_secs(1));
        Self {
            number,
            started_at: at,
            seed: random::mix(seed, number.into()),
            ran: Duration::ZERO,
            since: Some(at),
            boot,
            up_at: boot,
            greeted: false,
            said: 0,
            off_at: guest.power_off_after.map(at_least_a_second),
            crash_at: guest.crash_after.map(at_least_a_second),
        }
    }

    /// How long it has run, without its pauses.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        self.ran + self.since.map_or(Duration::ZERO, |since| between(since, now))
    }

    /// When it reaches an age, unless it is paused.
    pub(super) fn moment_of(&self, age: Duration) -> Option<Timestamp> {
        Some(later(self.since?, age.saturating_sub(self.ran)))
    }

    pub(super) fn pause(&mut self, now: Timestamp) {
        self.ran = self.age(now);
        self.since = None;
    }

    pub(super) fn resume(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// Makes it look as if it had begun earlier.
    pub(super) fn backdate(&mut self, by: Duration) {
        self.ran += by;
        self.started_at = self.started_at.checked_sub(by).unwrap_or(Timestamp::MIN);
        let shift = |age: &mut Option<Duration>| *age = age.map(|age| age + by);
        shift(&mut self.off_at);
        shift(&mut self.crash_at);
    }
}

impl Machine {
    pub(super) fn is_up(&self, now: Timestamp) -> bool {
        let up = |run: &Run| run.age(now) >= run.up_at;
        self.state == DomainState::Running && self.run.as_ref().is_some_and(up)
    }

    pub(super) fn is_on_user_network(&self) -> bool {
        self.spec
            .as_ref()
            .is_some_and(|spec| spec.network == Network::User)
    }

    /// The guest's next turning point in the time to come.
    pub(super) fn next_turn(&self) -> Option<Timestamp> {
        match &self.run {
            Some(run) => {
                let says = self.guest.says.get(run.said).map(|(age, _)| *age);
                let turns = [
                    run.off_at,
                    run.crash_at,
                    (!run.greeted).then_some(run.up_at),
                    says,
                ];
                turns
                    .into_iter()
                    .flatten()
                    .filter_map(|age| run.moment_of(age))
                    .min()
            }
            None => self.back_at,
        }
    }

    /// Bytes its disk takes on the host.
    pub(super) fn allocated(&self, now: Timestamp) -> u64 {
        let written = self.work(now).map_or(0, |work| work.disk_written());
        (self.disk_allocated + written / FRESH_WRITES).min(self.disk_capacity)
    }

    /// As a snapshot shows it.
    pub(super) fn seen(&self, now: Timestamp) -> Domain {
        Domain {
            uuid: self.uuid,
            name: text::visible(&self.name).into_owned(),
            state: self.state,
            run: self.run.as_ref().map(|run| run.number),
            vcpus: self.vcpus,
            memory_mib: self.memory_mib,
            counters: self.counters(now),
        }
    }

    fn work(&self, now: Timestamp) -> Option<Work<'_>> {
        let run = self.run.as_ref()?;
        Some(Work {
            load: &self.guest.load,
            seed: run.seed,
            boot: run.boot,
            age: run.age(now),
        })
    }

    fn counters(&self, now: Timestamp) -> Counters {
        let (Some(work), Some(run)) = (self.work(now), &self.run) else {
            return Counters {
                disk_allocated: Some(self.disk_allocated),
                disk_capacity: Some(self.disk_capacity),
                ..Counters::default()
            };
        };
        let memory_kib = self.memory_mib * 1024;
        let used = work.memory_share();
        // A Linux guest does not see what its kernel took at boot.
        let available = memory_kib - memory_kib / 32;
        let tells_memory = self.guest.memory_statistics && run.age(now) >= run.up_at;
        let tells_traffic = !self.is_on_user_network();
        Counters {
            cpu_time_ns: Some(work.cpu_ns() * u64::from(self.vcpus)),
            memory_kib: Some(memory_kib),
            usable_kib: tells_memory.then_some((available as f64 * (1.0 - used)) as u64),
            available_kib: tells_memory.then_some(available),
            rss_kib: Some((memory_kib as f64 * used) as u64 + QEMU_KIB),
            disk_read: Some(work.disk_read()),
            disk_written: Some(work.disk_written()),
            disk_allocated: Some(self.allocated(now)),
            disk_capacity: Some(self.disk_capacity),
            net_received: tells_traffic.then(|| work.net_received()),
            net_sent: tells_traffic.then(|| work.net_sent()),
        }
    }
}

/// `moment` and then `wait`; the end of time if that is beyond it.
pub(super) fn later(moment: Timestamp, wait: Duration) -> Timestamp {
    moment.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// From `earlier` to `later`; zero if it is not.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}
