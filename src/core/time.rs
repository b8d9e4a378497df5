//! Time comes from outside, so that a test can hold it.

use jiff::Timestamp;
use std::sync::Arc;

/// A clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// Time since the host's boot, which nobody can set.
#[derive(Clone)]
pub struct BootClock {
    /// The kernel's name of the boot.
    pub boot: String,
    /// Milliseconds since then, time asleep included, as in the start times of processes.
    pub milliseconds: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// The host's own.
pub fn system_boot_clock() -> BootClock {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    BootClock {
        // Unreadable where /proc is hidden: then no boot is like another.
        boot: read.map_or_else(|_| uuid::Uuid::new_v4().to_string(), |id| id.trim().to_owned()),
        milliseconds: Arc::new(|| {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
            time.tv_sec
                .saturating_mul(1000)
                .saturating_add(time.tv_nsec / 1_000_000)
        }),
    }
}

/// A moment of today as `at 14:20:05`, of another day with its date, in the local time zone.
pub fn clock(moment: Timestamp) -> String {
    let zoned = moment.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("at %H:%M:%S on %Y-%m-%d").to_string()
}
