//! How fast something goes, and how long it will take: for progress bars.

use std::time::Duration;

/// A rate forgets what is older than a few of these, so that it follows the line and does not
/// jump with every packet.
const MEMORY: f64 = 5.0;
/// Looks that are closer together than this say more about buffers than about the line.
const APART: Duration = Duration::from_millis(200);

/// A smoothed rate, from looks at a counter. Time comes in from outside, as the span since any
/// fixed moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    last: Option<(Duration, u64)>,
    rate: Option<f64>,
}

impl Pace {
    /// Takes in that `done` bytes were done `at` that time. A count that shrank (a download that
    /// began anew) begins anew here, too.
    pub fn saw(&mut self, at: Duration, done: u64) {
        let Some((before, had)) = self.last else {
            self.last = Some((at, done));
            return;
        };
        if done < had {
            *self = Self {
                last: Some((at, done)),
                rate: None,
            };
            return;
        }
        let passed = at.saturating_sub(before);
        if passed < APART {
            return;
        }
        let seconds = passed.as_secs_f64();
        let now = (done - had) as f64 / seconds;
        let weight = 1.0 - (-seconds / MEMORY).exp();
        self.rate = Some(self.rate.map_or(now, |rate| rate + weight * (now - rate)));
        self.last = Some((at, done));
    }

    /// Bytes per second; `None` before there is anything to tell.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// How long until `total` bytes are done; `None` where nobody can tell: nothing known yet, or
    /// a line on which nothing comes (less than a byte per second).
    pub fn left(&self, total: u64) -> Option<Duration> {
        let (_, done) = self.last?;
        let rate = self.rate.filter(|rate| *rate >= 1.0)?;
        Duration::try_from_secs_f64(total.saturating_sub(done) as f64 / rate).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A pace that saw `rate` bytes per second for so many seconds, twice a second.
    fn steady(pace: &mut Pace, from: (f64, u64), rate: u64, seconds: u32) -> (f64, u64) {
        let (mut at, mut done) = from;
        for _ in 0..seconds * 2 {
            pace.saw(Duration::from_secs_f64(at), done);
            at += 0.5;
            done += rate / 2;
        }
        (at, done)
    }

    fn near(got: Option<f64>, wanted: f64) -> bool {
        got.is_some_and(|got| (got - wanted).abs() < wanted * 0.02)
    }

    #[test]
    fn a_steady_line_is_told_as_it_is() {
        let mut pace = Pace::default();
        let (_, done) = steady(&mut pace, (0.0, 0), 10 * MIB, 3);
        assert!(near(pace.rate(), (10 * MIB) as f64), "{:?}", pace.rate());
        let left = pace.left(done - 5 * MIB + 100 * MIB).unwrap();
        assert_eq!(left.as_secs(), 10);
    }

    #[test]
    fn one_look_tells_nothing() {
        let mut pace = Pace::default();
        pace.saw(Duration::ZERO, 5 * MIB);
        assert_eq!(pace.rate(), None);
        assert_eq!(pace.left(10 * MIB), None);
    }

    #[test]
    fn a_resumed_file_is_no_rate() {
        let mut pace = Pace::default();
        steady(&mut pace, (0.0, 900 * MIB), MIB, 2);
        assert!(near(pace.rate(), MIB as f64), "{:?}", pace.rate());
    }

    #[test]
    fn a_changed_line_is_followed_within_seconds_and_not_at_once() {
        let mut pace = Pace::default();
        let then = steady(&mut pace, (0.0, 0), 10 * MIB, 10);
        let then = steady(&mut pace, then, MIB, 1);
        assert!(
            pace.rate().unwrap() > (5 * MIB) as f64,
            "jumped: {:?}",
            pace.rate()
        );
        steady(&mut pace, then, MIB, 20);
        assert!(
            pace.rate().unwrap() < 1.3 * MIB as f64,
            "stuck: {:?}",
            pace.rate()
        );
    }

    #[test]
    fn a_dead_line_has_no_end() {
        let mut pace = Pace::default();
        let (at, done) = steady(&mut pace, (0.0, 0), MIB, 10);
        for second in 0..200 {
            pace.saw(Duration::from_secs_f64(at + f64::from(second)), done);
        }
        assert_eq!(pace.left(done + MIB), None);
    }

    #[test]
    fn a_start_over_begins_anew() {
        let mut pace = Pace::default();
        steady(&mut pace, (0.0, 0), 10 * MIB, 3);
        pace.saw(Duration::from_secs(4), 0);
        assert_eq!(pace.rate(), None);
    }

    #[test]
    fn a_clock_that_goes_back_is_borne() {
        let mut pace = Pace::default();
        pace.saw(Duration::from_secs(9), 1);
        pace.saw(Duration::from_secs(3), 2);
        assert_eq!(pace.rate(), None);
    }
}
