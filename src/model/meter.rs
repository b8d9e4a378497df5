//! The meter of a machine: from what was seen of its runs, what is to be charged.
//!
//! It counts on a clock that nobody sets (milliseconds since the host's boot), for a run never
//! outlives its host's boot: so neither a wall clock that jumps nor a keeper that was away can
//! charge a span twice, or one that did not run.

use super::credit::{Credits, Rate};

/// Which run of which boot: libvirt's number of it, and the kernel's name of the boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The boot.
    pub boot: String,
    /// The run.
    pub number: u32,
}

/// A machine's meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// The run it counts, or counted last.
    pub run: Run,
    /// What that costs.
    pub rate: Rate,
    /// Where the rate began, ms.
    pub since: i64,
    /// What is charged up to, ms.
    pub until: i64,
    /// Charged since `since`.
    pub charged: Credits,
    /// Whether the run was on when it was last seen.
    pub on: bool,
}

/// A machine that is on, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The run.
    pub run: Run,
    /// What it costs from now on.
    pub rate: Rate,
    /// When the run began, ms; not known if the host does not tell.
    pub began: Option<i64>,
}

/// A span to charge, ms since the boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The run.
    pub run: Run,
    /// From.
    pub from: i64,
    /// To.
    pub to: i64,
    /// What it costs.
    pub amount: Credits,
}

impl Meter {
    fn begin(seen: &Seen, at: i64) -> Self {
        Self {
            run: seen.run.clone(),
            rate: seen.rate,
            since: at,
            until: at,
            charged: Credits::ZERO,
            on: true,
        }
    }

    /// Counts on to a moment.
    fn advance(&mut self, to: i64, charges: &mut Vec<Charge>) {
        if to <= self.until {
            return;
        }
        let total = self.rate.cost(to - self.since);
        charges.push(Charge {
            run: self.run.clone(),
            from: self.until,
            to,
            amount: total - self.charged,
        });
        self.charged = total;
        self.until = to;
    }

    /// Counts on with another rate, from where it is.
    fn turn(&mut self, rate: Rate) {
        (self.rate, self.since, self.charged) = (rate, self.until, Credits::ZERO);
    }
}

/// Takes in what is seen at `now`, of a machine that was last looked at at `looked` (both ms since
/// the boot). Between the two it provably ran only if it is the same run before and after, and at
/// the lower of both rates.
pub fn take_in(
    meter: Option<Meter>,
    seen: Option<Seen>,
    looked: i64,
    now: i64,
) -> (Vec<Charge>, Option<Meter>) {
    let mut charges = Vec::new();
    let Some(seen) = seen else {
        let meter = meter.map(|mut meter| {
            if meter.on {
                meter.advance(looked.min(now), &mut charges);
            }
            Meter { on: false, ..meter }
        });
        return (charges, meter);
    };
    let next = match meter {
        Some(mut meter) if meter.run == seen.run => {
            if meter.rate != seen.rate {
                if meter.on {
                    meter.advance(looked.min(now), &mut charges);
                }
                meter.turn(meter.rate.min(seen.rate));
            }
            meter.on = true;
            meter.advance(now, &mut charges);
            if meter.rate != seen.rate {
                meter.turn(seen.rate);
            }
            meter
        }
        before => {
            // Another run: it may have begun before anybody saw it, but not before the last ended.
            let mut floor = i64::MIN;
            if let Some(mut old) = before {
                if old.run.boot == seen.run.boot {
                    let ended = looked.min(seen.began.unwrap_or(looked));
                    if old.on {
                        old.advance(ended, &mut charges);
                    }
                    floor = old.until;
                } else {
                    floor = 0;
                }
            }
            let began = seen.began.unwrap_or(now).min(now).max(floor);
            let mut meter = Meter::begin(&seen, began);
            meter.advance(now, &mut charges);
            meter
        }
    };
    charges.retain(|charge| charge.from < charge.to);
    (charges, Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(number: u32) -> Run {
        Run {
            boot: "a".to_owned(),
            number,
        }
    }

    fn on(number: u32, rate: i64, began: i64) -> Option<Seen> {
        Some(Seen {
            run: run(number),
            rate: Rate(rate * Rate::PARTS),
            began: Some(began),
        })
    }

    const HOUR: i64 = 3_600_000;

    fn total(charges: &[Charge]) -> i64 {
        charges.iter().map(|it| it.amount.0).sum()
    }

    #[test]
    fn a_run_that_began_before_anybody_looked_is_charged_from_its_beginning() {
        let (charges, meter) = take_in(None, on(1, 1000, HOUR), 0, 3 * HOUR);
        assert_eq!(total(&charges), 2000);
        let (charges, _) = take_in(meter, on(1, 1000, HOUR), 3 * HOUR, 9 * HOUR);
        assert_eq!(total(&charges), 6000, "the keeper was away, the same run is on");
    }

    #[test]
    fn a_run_that_ended_while_nobody_looked_is_charged_as_far_as_it_was_seen() {
        let (_, meter) = take_in(None, on(1, 1000, 0), 0, HOUR);
        let (charges, meter) = take_in(meter, None, HOUR, 5 * HOUR);
        assert_eq!(total(&charges), 0);
        let (charges, _) = take_in(meter, on(2, 1000, 6 * HOUR), 6 * HOUR, 7 * HOUR);
        assert_eq!(total(&charges), 1000);
    }

    #[test]
    fn a_pause_that_nobody_saw_begin_is_charged_as_a_pause() {
        let (_, meter) = take_in(None, on(1, 3000, 0), 0, HOUR);
        let (charges, meter) = take_in(meter, on(1, 1000, 0), HOUR, 2 * HOUR);
        assert_eq!(total(&charges), 1000);
        let (charges, _) = take_in(meter, on(1, 3000, 0), 2 * HOUR, 3 * HOUR);
        assert_eq!(total(&charges), 1000, "nor is its end seen");
    }

    #[test]
    fn what_was_looked_at_meanwhile_is_charged_as_it_was() {
        let (_, meter) = take_in(None, on(1, 3000, 0), 0, HOUR);
        let (charges, _) = take_in(meter.clone(), on(1, 1000, 0), 2 * HOUR, 3 * HOUR);
        assert_eq!(total(&charges), 3000 + 1000);
        let (charges, _) = take_in(meter, None, 2 * HOUR, 3 * HOUR);
        assert_eq!(total(&charges), 3000);
    }

    #[test]
    fn another_boot_begins_its_clock_anew() {
        let (_, meter) = take_in(None, on(1, 1000, 0), 0, 90 * HOUR);
        let seen = Seen {
            run: Run {
                boot: "b".to_owned(),
                number: 1,
            },
            rate: Rate(1000 * Rate::PARTS),
            began: Some(HOUR),
        };
        let (charges, _) = take_in(meter, Some(seen), 0, 2 * HOUR);
        assert_eq!(total(&charges), 1000);
    }

    /// What happens to a machine, and how long it lasts, ms.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        Start,
        Stop,
        Rate(i64),
        /// The keeper looks.
        Look,
        /// The keeper dies, and the next one has not looked yet.
        Forget,
    }

    fn history() -> impl Strategy<Value = Vec<(Act, i64)>> {
        let act = prop_oneof![
            Just(Act::Start),
            Just(Act::Stop),
            (0i64..5000).prop_map(Act::Rate),
            Just(Act::Look),
            Just(Act::Forget)
        ];
        prop::collection::vec((act, 0i64..2 * HOUR), 0..40)
    }

    proptest! {
        /// Whatever happens in whatever order: no span twice, nothing that did not run, and all of
        /// it where the keeper looked at every change.
        #[test]
        fn nothing_is_charged_twice_and_nothing_that_did_not_run(history in history(), watchful in any::<bool>()) {
            let (mut now, mut looked, mut number, mut rate) = (1, 0, 0, 1000);
            let mut began: Option<i64> = None;
            let mut meter = None;
            let mut spans: Vec<(i64, i64)> = Vec::new();
            let (mut charged, mut at_most) = (0, 0);
            let mut real: Vec<(i64, i64)> = Vec::new();
            for (act, lasts) in history {
                let look = watchful || matches!(act, Act::Look);
                let before = (began, rate, number);
                match act {
                    Act::Start if began.is_none() => { number += 1; began = Some(now); }
                    Act::Stop => if let Some(from) = began.take() { real.push((from, now)); },
                    Act::Rate(new) => rate = new,
                    Act::Forget => looked = 0,
                    _ => {}
                }
                // A watchful keeper has looked right before the change, too.
                let states = if watchful { vec![before, (began, rate, number)] } else { vec![(began, rate, number)] };
                if look {
                    for (began, rate, number) in states {
                        let seen = began.and_then(|began| on(number, rate, began));
                        let (charges, next) = take_in(meter.take(), seen, looked, now);
                        meter = next;
                        looked = now;
                        charged += total(&charges);
                        spans.extend(charges.iter().map(|it| (it.from, it.to)));
                    }
                }
                if began.is_some() {
                    at_most += Rate(rate * Rate::PARTS).cost(lasts).0 + 1;
                }
                now += lasts;
            }
            if let Some(from) = began { real.push((from, now)); }
            let mut sorted = spans.clone();
            sorted.sort_unstable();
            prop_assert!(sorted.windows(2).all(|two| two[0].1 <= two[1].0), "twice: {sorted:?}");
            for (from, to) in &spans {
                prop_assert!(real.iter().any(|run| run.0 <= *from && *to <= run.1), "({from}, {to}) did not run: {real:?}");
            }
            if watchful {
                prop_assert!(charged <= at_most, "{charged} of {at_most}");
                let ran: i64 = real.iter().map(|run| run.1 - run.0).sum();
                let counted: i64 = spans.iter().map(|span| span.1 - span.0).sum();
                // What lasts after the last look is not counted yet.
                let open = spans.iter().map(|span| span.1).max().unwrap_or(0);
                let later: i64 = real.iter().map(|run| (run.1 - run.0.max(open)).max(0)).sum();
                prop_assert_eq!(counted + later, ran);
            }
        }
    }
}
