//! The simulator's only source of chance: splitmix64 (Steele, Lea, Flood: "Fast splittable
//! pseudorandom number generators", 2014). Small, and the same on every host for the same seed.

use uuid::Uuid;

/// splitmix64's increment: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes two numbers into one that looks like neither.
pub(super) fn mix(seed: u64, value: u64) -> u64 {
    let mut z = seed
        .wrapping_add(STEP)
        .wrapping_add(value.wrapping_mul(0xd134_2543_de82_ef95));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Mixes two numbers into one of `0.0..1.0`, evenly.
pub(super) fn unit(seed: u64, value: u64) -> f64 {
    // 53 bits are what a double holds exactly.
    (mix(seed, value) >> 11) as f64 / (1u64 << 53) as f64
}

/// Mixes a UUID into a seed.
pub(super) fn of_uuid(seed: u64, uuid: Uuid) -> u64 {
    let (high, low) = uuid.as_u64_pair();
    mix(mix(seed, high), low)
}

/// A generator of UUIDs.
pub(super) struct Uuids {
    seed: u64,
    made: u64,
}

impl Uuids {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, made: 0 }
    }

    /// The next one: a version 4 UUID in form, but always the same for the same seed.
    pub(super) fn next(&mut self) -> Uuid {
        self.made += 1;
        let high = mix(self.seed, self.made * 2);
        let low = mix(self.seed, self.made * 2 + 1);
        uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
            .into_uuid()
    }
}
