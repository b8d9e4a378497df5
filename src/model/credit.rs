//! Credits: what machines cost, counted in whole thousandths so that sums are exact.

use super::field::{Field, FieldError};
use super::ids::{UserId, VmId};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// An amount of credits, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Credits(pub i64);

/// Most that one adjustment or price may be, credits either way.
pub const MOST: i64 = 10_000;

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whole credits.
    pub const fn whole(credits: i64) -> Self {
        Self(credits.saturating_mul(1000))
    }

    /// An amount as people write it: digits, at most three after a point, a sign before.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix(['-', '−']) {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !numeric(whole) || !numeric(fraction) || fraction.len() > 3 {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let fraction: i64 = format!("{fraction:0<3}").parse().ok()?;
        let amount = whole.checked_mul(1000)?.checked_add(fraction)?;
        Some(Self(if negative { -amount } else { amount }))
    }

    /// Without what is below a tenth: for a balance that is shown all the time.
    pub fn to_tenths(self) -> Self {
        Self(self.0.div_euclid(100) * 100)
    }
}

/// `812.4`, `-3`, `0.005`: as many decimals as it has.
impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        let text = format!("{sign}{whole}.{fraction:03}");
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Add for Credits {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Credits {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Credits {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// A number in credits: `5`, `0.25`.
impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1000 {
            0 => serializer.serialize_i64(self.0 / 1000),
            // Exact to the thousandth for every balance below 10^12.
            _ => serializer.serialize_f64(self.0 as f64 / 1000.0),
        }
    }
}

impl<'de> Deserialize<'de> for Credits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Whole(i64),
            Broken(f64),
        }
        let text = match Number::deserialize(deserializer)? {
            Number::Whole(whole) => whole.to_string(),
            Number::Broken(broken) => broken.to_string(),
        };
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("an amount of credits with at most three decimals"))
    }
}

/// What things cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// A GiB of memory for an hour, of a machine that runs or is paused.
    pub memory_gib_hour: Credits,
    /// A virtual processor for an hour, of a machine that runs.
    pub vcpu_hour: Credits,
    /// A GiB of disk, once, when the machine is made.
    pub disk_gib: Credits,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            memory_gib_hour: Credits::whole(10),
            vcpu_hour: Credits::whole(5),
            disk_gib: Credits::whole(1),
        }
    }
}

impl Prices {
    /// What a machine costs while it runs.
    pub fn running(&self, memory_mib: u64, vcpus: u32) -> Rate {
        let processors = self.vcpu_hour.0.saturating_mul(vcpus.into());
        Rate(
            self.paused(memory_mib)
                .0
                .saturating_add(processors.saturating_mul(Rate::PARTS)),
        )
    }

    /// What it costs while its processors are halted.
    pub fn paused(&self, memory_mib: u64) -> Rate {
        let memory = i64::try_from(memory_mib).unwrap_or(i64::MAX);
        // A MiB is one of 1,024 parts of the GiB that has a price.
        Rate(self.memory_gib_hour.0.saturating_mul(memory))
    }

    /// What its disk costs, once.
    pub fn disk(&self, gib: u64) -> Credits {
        let gib = i64::try_from(gib).unwrap_or(i64::MAX);
        Credits(self.disk_gib.0.saturating_mul(gib))
    }

    /// What a disk costs, if the balance covers it.
    ///
    /// # Errors
    /// Says what it costs and what is there.
    pub fn check_disk(&self, gib: u64, balance: Credits) -> Result<Credits, FieldError> {
        let price = self.disk(gib);
        if balance < price {
            let reason = format!("{gib} GiB cost {price} credits, and you have {balance}");
            return Err(FieldError::new(Field::Disk, reason));
        }
        Ok(price)
    }
}

/// Credits per hour, exact for every size of memory: in parts of a thousandth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub i64);

const HOUR: i128 = 3_600_000;

impl Rate {
    /// Parts of a thousandth.
    pub const PARTS: i64 = 1024;

    /// Credits per hour, rounded up.
    pub fn per_hour(self) -> Credits {
        let parts = i128::from(Self::PARTS);
        let up = (i128::from(self.0) + parts - 1).div_euclid(parts);
        Credits(i64::try_from(up).unwrap_or(i64::MAX))
    }

    /// What so many milliseconds cost in all, rounded down. Of two spans from one beginning, the
    /// difference is what lies between them cost: so thousandths do not get lost in small spans.
    pub fn cost(self, milliseconds: i64) -> Credits {
        let cost = i128::from(self.0) * i128::from(milliseconds.max(0)) / (HOUR * i128::from(Self::PARTS));
        Credits(i64::try_from(cost).unwrap_or(i64::MAX))
    }

    /// How many milliseconds a balance lasts; `None` if it costs nothing.
    pub fn lasts(self, balance: Credits) -> Option<i64> {
        if self.0 <= 0 {
            return None;
        }
        let lasts = i128::from(balance.0.max(0)) * HOUR * i128::from(Self::PARTS) / i128::from(self.0);
        Some(i64::try_from(lasts).unwrap_or(i64::MAX))
    }
}

impl Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.fold(0, |sum, rate| sum.saturating_add(rate.0)))
    }
}

/// Why credits moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// What an account begins with.
    Initial,
    /// What comes again and again.
    Allowance,
    /// An admin's doing.
    Adjustment,
    /// A machine ran.
    Usage,
    /// A machine ran, and the balance did not cover it.
    Waived,
    /// A machine's disk, once.
    Disk,
    /// A creation failed: what it cost comes back.
    Refund,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [EntryKind; 7] = [
        Self::Initial,
        Self::Allowance,
        Self::Adjustment,
        Self::Usage,
        Self::Waived,
        Self::Disk,
        Self::Refund,
    ];

    /// The word the database and the screen use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Allowance => "allowance",
            Self::Adjustment => "adjustment",
            Self::Usage => "usage",
            Self::Waived => "waived",
            Self::Disk => "disk",
            Self::Refund => "refund",
        }
    }

    /// The kind a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An entry of the ledger, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Row.
    pub id: i64,
    /// When it was written.
    pub time: Timestamp,
    /// Whose.
    pub user: UserId,
    /// Their name.
    pub username: String,
    /// Why.
    pub kind: EntryKind,
    /// What it did to the balance; what was waived did nothing.
    pub amount: Credits,
    /// What was waived.
    pub waived: Credits,
    /// The machine.
    pub vm: Option<VmId>,
    /// Its name then.
    pub vm_name: Option<String>,
    /// What ran from when to when, by the host's clock then.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Name of who did it, if not twarga itself.
    pub actor: Option<String>,
    /// Why, in their words.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_written_as_people_write_them() {
        for (text, thousandths) in [("5", 5000), ("0.25", 250), ("-3.005", -3005), ("+1.5", 1500)] {
            assert_eq!(Credits::parse(text), Some(Credits(thousandths)), "{text}");
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1.2345",
            "1e3",
            "1,5",
            "٣",
            "99999999999999999999",
        ] {
            assert_eq!(Credits::parse(text), None, "{text}");
        }
        assert_eq!(Credits(812_400).to_string(), "812.4");
        assert_eq!(Credits(-5).to_string(), "-0.005");
        assert_eq!(Credits::whole(100).to_string(), "100");
    }

    #[test]
    fn prices_are_those_of_the_seed() {
        let prices = Prices::default();
        assert_eq!(prices.running(2048, 2).per_hour(), Credits::whole(30));
        assert_eq!(prices.paused(2048).per_hour(), Credits::whole(20));
        assert_eq!(prices.disk(20), Credits::whole(20));
        let rate = prices.running(1000, 1);
        assert_eq!(rate.per_hour(), Credits(14_766), "rounded up");
        assert_eq!(prices.running(1024, 1).lasts(Credits::whole(15)), Some(3_600_000));
        assert_eq!(Rate(0).lasts(Credits::whole(1)), None);
    }

    proptest! {
        #[test]
        fn amounts_come_back(thousandths in -10_000_000_000i64..10_000_000_000) {
            let amount = Credits(thousandths);
            prop_assert_eq!(Credits::parse(&amount.to_string()), Some(amount));
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Credits>(&json).unwrap(), amount);
        }

        #[test]
        fn pieces_of_a_span_cost_what_the_span_does(
            rate in 0i64..1_000_000_000, pieces in prop::collection::vec(0i64..10_000_000, 1..50),
        ) {
            let rate = Rate(rate);
            let (mut at, mut sum) = (0, Credits::ZERO);
            for piece in pieces {
                sum = sum + (rate.cost(at + piece) - rate.cost(at));
                at += piece;
            }
            prop_assert_eq!(sum, rate.cost(at));
        }
    }
}
