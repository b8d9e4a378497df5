//! Failed sign-ins slow down and lock, per account and per source, and never for ever.
//!
//! An attempt is booked as failed before its password is looked at and cleared when it turns out
//! right: so parallel attempts, in whatever processes, cannot pass the limit together.

use crate::store::Throttle;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Failed sign-ins in [`WINDOW`] that lock.
pub const SIGN_INS: u32 = 5;
/// Registrations from one source in [`WINDOW`] that lock: a course of people behind one address
/// gets in, a script that tries names or fills the database does not.
pub const REGISTRATIONS: u32 = 20;
/// How far apart failures may be and still count together; also how long a lock lasts.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Attempts at the same moment read the clock before their turn at the database comes, so they may
/// be booked out of order; what is further back is a clock that jumped.
const DISORDER: SignedDuration = SignedDuration::from_mins(1);

/// Books one more attempt, of which `limit` lock.
///
/// # Errors
/// The moment until which attempts are not heard, if `before` is locked.
pub fn book(before: Option<Throttle>, now: Timestamp, limit: u32) -> Result<Throttle, Timestamp> {
    let fresh = Throttle {
        failures: 1,
        window_start: now,
        last_failure: now,
        locked_until: None,
    };
    let Some(before) = before else { return Ok(fresh) };
    // A clock that jumped back must not stretch a lock beyond its length.
    if let Some(until) = before.locked_until
        && now < until
        && until.duration_since(now) <= WINDOW + DISORDER
    {
        return Err(until);
    }
    let age = now.duration_since(before.window_start);
    if before.locked_until.is_some() || age > WINDOW || age < -DISORDER {
        return Ok(fresh);
    }
    let failures = before.failures + 1;
    let locked_until = (failures >= limit).then(|| now.saturating_add(WINDOW).unwrap_or(Timestamp::MAX));
    Ok(Throttle {
        failures,
        window_start: before.window_start,
        last_failure: now,
        locked_until,
    })
}

/// Takes one booked attempt back.
pub fn unbook(booked: Throttle) -> Option<Throttle> {
    let failures = booked.failures.checked_sub(1).filter(|&left| left > 0)?;
    Some(Throttle {
        failures,
        locked_until: None,
        ..booked
    })
}

/// How long the answer to a failure is held back: 0.25 s, doubled with each, 4 s at most.
pub fn delay(failures: u32) -> Duration {
    Duration::from_millis(250)
        .saturating_mul(1 << failures.saturating_sub(1).min(4))
        .min(Duration::from_secs(4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn book(before: Option<Throttle>, now: Timestamp) -> Result<Throttle, Timestamp> {
        super::book(before, now, SIGN_INS)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn the_fifth_failure_in_ten_minutes_locks_for_ten_minutes() {
        let mut state = None;
        for second in 0..4 {
            state = Some(book(state, at(second)).unwrap());
            assert_eq!(state.unwrap().locked_until, None);
        }
        state = Some(book(state, at(4)).unwrap());
        assert_eq!(state.unwrap().locked_until, Some(at(604)));
        assert_eq!(book(state, at(603)), Err(at(604)));
        assert_eq!(
            book(state, at(604)).unwrap().failures,
            1,
            "after the lock it begins anew"
        );
    }

    #[test]
    fn attempts_booked_out_of_order_count_together() {
        let mut state = None;
        for second in [10, 9, 8, 7, 6] {
            state = Some(book(state, at(second)).unwrap());
        }
        assert_eq!(book(state, at(5)), Err(at(606)));
    }

    #[test]
    fn slow_failures_never_lock() {
        let mut state = None;
        for n in 0..100 {
            state = Some(book(state, at(n * 200)).unwrap());
            assert_eq!(state.unwrap().locked_until, None);
        }
    }

    #[test]
    fn a_right_attempt_takes_its_booking_back() {
        let first = book(None, at(0)).unwrap();
        let second = book(Some(first), at(1)).unwrap();
        assert_eq!(unbook(second).unwrap().failures, 1);
        assert_eq!(unbook(first), None);
    }

    proptest! {
        #[test]
        fn no_order_of_times_locks_for_ever(times in proptest::collection::vec(-100_000i64..100_000, 1..60)) {
            let mut state = None;
            for time in times {
                match book(state, at(time)) {
                    Ok(next) => state = Some(next),
                    Err(until) => prop_assert!(until.duration_since(at(time)) <= WINDOW + DISORDER),
                }
            }
        }
    }
}
