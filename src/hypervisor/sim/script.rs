//! What a simulated hypervisor is made of: its host, its pace and how its guests behave.

use super::random::Uuids;
use crate::hypervisor::{Acceleration, Host, Mode};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The time, from outside. What it says may jump; the simulator's own time never goes back.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Chooses how the guest of a domain behaves, by the domain's name.
pub type Casting = Arc<dyn Fn(&str) -> Guest + Send + Sync>;

/// What a [`super::Sim`] is made from.
///
/// The default is a host with 16 processors and 64 GiB on which every call returns at once and
/// every guest is an obliging [`Guest::default`].
#[derive(Clone)]
pub struct Script {
    /// The time.
    pub clock: Clock,
    /// Decides addresses, load and UUIDs: the same seed and times give the same figures.
    pub seed: u64,
    /// What [`crate::hypervisor::Hypervisor::host`] tells. Its mode decides networking:
    /// in [`Mode::Session`] guests have forwarded ports, else addresses.
    pub host: Host,
    /// What every call takes, in real time: it is the calling thread that waits.
    pub latency: Duration,
    /// Bytes per second of an upload, in real time; `None` is as fast as the source.
    pub upload_rate: Option<u64>,
    /// Size of the pool's file system, bytes.
    pub pool_capacity: u64,
    /// How guests behave.
    pub guests: Casting,
}

impl Script {
    /// The default script with this clock and seed.
    pub fn new(clock: Clock, seed: u64) -> Self {
        Self {
            clock,
            seed,
            host: Host {
                uri: "sim:///".to_owned(),
                mode: Mode::Simulated,
                uuid: Uuids::new(!seed).next(),
                hostname: "simulated".to_owned(),
                version: "twarga's simulator".to_owned(),
                acceleration: Acceleration::Kvm,
                cpus: 16,
                memory_mib: 64 * 1024,
            },
            latency: Duration::ZERO,
            upload_rate: None,
            pool_capacity: 500 << 30,
            guests: Arc::new(|_| Guest::default()),
        }
    }

    /// In this mode instead of [`Mode::Simulated`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.host.mode = mode;
        self
    }

    /// With every guest behaving like this one.
    #[must_use]
    pub fn guest(self, guest: Guest) -> Self {
        self.casting(move |_| guest.clone())
    }

    /// With guests chosen by their domain's name.
    #[must_use]
    pub fn casting(mut self, guests: impl Fn(&str) -> Guest + Send + Sync + 'static) -> Self {
        self.guests = Arc::new(guests);
        self
    }
}

/// Whether waits and boots take the time that the script says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// They do.
    Scripted,
    /// Calls, uploads, boots and shutdowns take no time: for setting a scene.
    Instant,
}

/// How a guest behaves. Times are the guest's own: they stand still while it is paused.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// From power-on until it has an address, tells its memory and answers the power button.
    pub boot: Duration,
    /// From the power button until it is off; `None` ignores the button, and reboots too.
    pub shutdown: Option<Duration>,
    /// Whether it gets an address.
    pub address: bool,
    /// Whether its agent answers once it is up.
    pub agent: bool,
    /// What it writes on its console by itself, and how long after each power-on: in order of time.
    pub says: Vec<(Duration, String)>,
    /// Whether its balloon driver tells its memory.
    pub memory_statistics: bool,
    /// It crashes this long after each power-on (at least a second).
    pub crash_after: Option<Duration>,
    /// It powers itself off this long after each power-on (at least a second).
    pub power_off_after: Option<Duration>,
    /// Somebody powers it on again this long after it went off by itself (at least a second).
    pub back_after: Option<Duration>,
    /// What it keeps its host busy with.
    pub load: Load,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            boot: Duration::ZERO,
            shutdown: Some(Duration::ZERO),
            address: true,
            agent: true,
            says: Vec::new(),
            memory_statistics: true,
            crash_after: None,
            power_off_after: None,
            back_after: None,
            load: Load::default(),
        }
    }
}

/// A guest's load. Shares are of 1; their sum of `cpu`, `swing`, `noise` and `spike` is what all
/// its processors do at most, and is scaled down to 1 where it is more.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Steady share of its processors.
    pub cpu: f64,
    /// Slow waves around it; never deeper than to idle.
    pub swing: f64,
    /// Length of a slow wave.
    pub period: Duration,
    /// Restlessness from second to second.
    pub noise: f64,
    /// Height of its spikes.
    pub spike: f64,
    /// One spike in each such time, at no predictable moment of it.
    pub spike_every: Duration,
    /// Length of a spike.
    pub spike_length: Duration,
    /// Share of its memory in use, on average.
    pub memory: f64,
    /// Bytes read from disk per second, on average.
    pub disk_read: f64,
    /// Bytes written to disk per second, on average.
    pub disk_written: f64,
    /// Bytes received per second, on average.
    pub net_received: f64,
    /// Bytes sent per second, on average.
    pub net_sent: f64,
}

impl Default for Load {
    /// A quiet server.
    fn default() -> Self {
        Self {
            cpu: 0.06,
            swing: 0.04,
            period: Duration::from_secs(240),
            noise: 0.04,
            spike: 0.3,
            spike_every: Duration::from_secs(180),
            spike_length: Duration::from_secs(12),
            memory: 0.35,
            disk_read: 4_000.0,
            disk_written: 24_000.0,
            net_received: 3_000.0,
            net_sent: 5_000.0,
        }
    }
}
