//! Load as a function of time: how much a guest has worked `t` seconds after its boot.
//!
//! A counter is the integral of a rate, and one that is asked rarely must show the same as one
//! that is asked often. So nothing is accumulated: every part of the curve (a steady share, two
//! waves, short bursts and long spikes) has an integral in closed form, which makes a counter a
//! pure function of seed and time, whatever its age, in well under a microsecond.

use super::random::{mix, unit};
use super::script::Load;
use std::f64::consts::TAU;
use std::time::Duration;

/// Least share: keeps counters rising by far more per millisecond than rounding can take away.
const IDLE: f64 = 0.001;
/// Seconds in which there is one burst of noise, and the length of it.
const NOISE_EVERY: f64 = 4.0;
const NOISE_LENGTH: f64 = 1.2;
/// Share of its processors that a booting guest takes.
const BOOTING: f64 = 0.9;

/// A load curve.
pub(super) struct Curve {
    seed: u64,
    steady: f64,
    waves: [Wave; 2],
    noise: f64,
    spike: f64,
    spike_every: f64,
    spike_length: f64,
}

struct Wave {
    height: f64,
    speed: f64,
    phase: f64,
}

impl Curve {
    /// The curve of `load`; another `seed` gives another course of the same character.
    pub(super) fn new(load: &Load, seed: u64) -> Self {
        let steady = load.cpu.max(IDLE);
        let swing = load.swing.clamp(0.0, steady - IDLE);
        let (noise, spike) = (load.noise.max(0.0), load.spike.max(0.0));
        let scale = 1.0 / (steady + swing + noise + spike).max(1.0);
        let period = load.period.as_secs_f64().max(1.0);
        let wave = |share: f64, period: f64, salt| Wave {
            height: swing * share * scale,
            speed: TAU / period,
            phase: TAU * unit(seed, salt),
        };
        let spike_every = load.spike_every.as_secs_f64().max(1.0);
        Self {
            seed,
            steady: steady * scale,
            // Two periods without a common multiple within sight do not repeat themselves.
            waves: [wave(0.7, period, 1), wave(0.3, period / 6.854, 2)],
            noise: noise * scale,
            spike: spike * scale,
            spike_every,
            spike_length: load.spike_length.as_secs_f64().clamp(0.0, spike_every),
        }
    }

    /// Seconds of work done in the first `seconds`, as if by one processor. Never falls.
    pub(super) fn work(&self, seconds: f64) -> f64 {
        let waves: f64 = self.waves.iter().map(|wave| wave.work(seconds)).sum();
        self.steady * seconds
            + waves
            + self.noise * bursts(mix(self.seed, 3), seconds, NOISE_EVERY, NOISE_LENGTH)
            + self.spike * bursts(mix(self.seed, 4), seconds, self.spike_every, self.spike_length)
    }

    /// Work per second in the long run.
    pub(super) fn mean(&self) -> f64 {
        self.steady
            + self.noise * NOISE_LENGTH / NOISE_EVERY
            + self.spike * self.spike_length / self.spike_every
    }
}

impl Wave {
    fn work(&self, seconds: f64) -> f64 {
        self.height / self.speed * (self.phase.cos() - (self.speed * seconds + self.phase).cos())
    }
}

/// Seconds of burst in the first `seconds`, with one burst of `length` somewhere in each `every`.
fn bursts(seed: u64, seconds: f64, every: f64, length: f64) -> f64 {
    let whole = (seconds / every).floor();
    let begin = unit(seed, whole as u64) * (every - length);
    whole * length + (seconds - whole * every - begin).clamp(0.0, length)
}

/// The counters that a guest of its age has run up.
pub(super) struct Work<'a> {
    /// Its load.
    pub(super) load: &'a Load,
    /// Seed of this run.
    pub(super) seed: u64,
    /// How long it took to boot.
    pub(super) boot: Duration,
    /// How long it has run, without its pauses.
    pub(super) age: Duration,
}

impl Work<'_> {
    /// Processor time of one of its processors, ns.
    pub(super) fn cpu_ns(&self) -> u64 {
        let (booting, up) = self.phases();
        ((BOOTING * booting + self.curve(10).work(up)) * 1e9) as u64
    }

    /// Bytes read from disk.
    pub(super) fn disk_read(&self) -> u64 {
        // What a boot reads: about what a cloud image does.
        let booting = self.phases().0.min(30.0) * 6e6;
        (booting + self.at_rate(11, self.load.disk_read)) as u64
    }

    /// Bytes written to disk.
    pub(super) fn disk_written(&self) -> u64 {
        self.at_rate(12, self.load.disk_written) as u64
    }

    /// Bytes received.
    pub(super) fn net_received(&self) -> u64 {
        self.at_rate(13, self.load.net_received) as u64
    }

    /// Bytes sent.
    pub(super) fn net_sent(&self) -> u64 {
        self.at_rate(14, self.load.net_sent) as u64
    }

    /// Share of its memory in use now.
    pub(super) fn memory_share(&self) -> f64 {
        let seconds = self.age.as_secs_f64();
        let wave = (seconds / 97.0 * TAU + TAU * unit(self.seed, 15)).sin();
        // Memory fills in the first minutes after a boot.
        let filled = 1.0 - 0.6 * (-seconds / 90.0).exp();
        (self.load.memory * filled * (1.0 + 0.06 * wave)).clamp(0.02, 0.98)
    }

    fn at_rate(&self, salt: u64, rate: f64) -> f64 {
        let curve = self.curve(salt);
        rate.max(0.0) * curve.work(self.phases().1) / curve.mean()
    }

    fn curve(&self, salt: u64) -> Curve {
        Curve::new(self.load, mix(self.seed, salt))
    }

    /// Seconds spent booting and up, in whole milliseconds (see [`IDLE`]).
    fn phases(&self) -> (f64, f64) {
        let whole = |it: Duration| it.as_millis() as f64 / 1e3;
        (
            whole(self.age.min(self.boot)),
            whole(self.age.saturating_sub(self.boot)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_load() -> impl Strategy<Value = Load> {
        let share = 0.0..1.0f64;
        (
            share.clone(),
            share.clone(),
            share.clone(),
            share,
            1..900u64,
            0..60u64,
        )
            .prop_map(|(cpu, swing, noise, spike, period, length)| Load {
                cpu,
                swing,
                period: Duration::from_secs(period),
                noise,
                spike,
                spike_every: Duration::from_secs(period / 3),
                spike_length: Duration::from_secs(length),
                ..Load::default()
            })
    }

    fn counters(load: &Load, seed: u64, age_ms: u64) -> [u64; 5] {
        let work = Work {
            load,
            seed,
            boot: Duration::from_secs(8),
            age: Duration::from_millis(age_ms),
        };
        [
            work.cpu_ns(),
            work.disk_read(),
            work.disk_written(),
            work.net_received(),
            work.net_sent(),
        ]
    }

    proptest! {
        #[test]
        fn counters_never_fall_and_never_claim_more_time_than_passed(
            load in any_load(),
            seed in any::<u64>(),
            start in 0..100_000_000_000u64,
            steps in prop::collection::vec(1..10_000u64, 1..60),
        ) {
            let mut age = start;
            let mut before = counters(&load, seed, age);
            for step in steps {
                age += step;
                let now = counters(&load, seed, age);
                prop_assert!(before.iter().zip(&now).all(|(b, n)| b <= n), "{before:?} then {now:?}");
                // A millionth above one processor is rounding at an age of three years.
                prop_assert!(now[0] - before[0] <= step * 1_000_001);
                before = now;
            }
        }

        #[test]
        fn the_same_seed_and_age_give_the_same_counters(load in any_load(), seed in any::<u64>(), age in any::<u32>()) {
            prop_assert_eq!(counters(&load, seed, age.into()), counters(&load, seed, age.into()));
        }
    }

    #[test]
    fn load_in_the_long_run_is_what_the_script_says() {
        let load = Load::default();
        let curve = Curve::new(&load, 7);
        let day = 86_400.0;
        let mean = load.cpu + load.noise * 0.3 + load.spike * 12.0 / 180.0;
        assert!((curve.work(day) / day - mean).abs() < 0.002);
    }

    #[test]
    fn load_goes_up_and_down() {
        let curve = Curve::new(&Load::default(), 7);
        let shares: Vec<f64> = (0..120)
            .map(|tick| curve.work(f64::from(tick + 1) * 5.0) - curve.work(f64::from(tick) * 5.0))
            .map(|work| work / 5.0)
            .collect();
        let most = shares.iter().copied().fold(0.0, f64::max);
        let least = shares.iter().copied().fold(1.0, f64::min);
        assert!(most > 0.3 && least < 0.12, "between {least} and {most}");
    }
}
