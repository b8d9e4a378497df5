//! Time comes from outside, so that a test can hold it.

use jiff::Timestamp;
use std::sync::Arc;

/// A clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// A moment of today as `at 14:20:05`, of another day with its date, in the local time zone.
pub fn clock(moment: Timestamp) -> String {
    let zoned = moment.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("at %H:%M:%S on %Y-%m-%d").to_string()
}
