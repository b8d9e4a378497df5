//! What is configured about credits.

use crate::model::{Credits, Prices};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is configured about credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditSettings {
    /// Whether anything costs anything.
    pub enabled: bool,
    /// What a new account has.
    pub initial: Credits,
    /// What things cost.
    pub prices: Prices,
    /// Below which balance its owner is warned.
    pub warn_below: Credits,
    /// What becomes of machines that are on when nothing is left.
    pub on_empty: OnEmpty,
    /// How long after that they are stopped.
    pub grace: Duration,
    /// What comes again and again.
    pub allowance: Option<Recurring>,
    /// Time between two meter readings.
    pub metering: Duration,
}

/// What becomes of machines that are on when nothing is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnEmpty {
    /// They go on; what they cost is waived.
    #[default]
    Warn,
    /// After a grace time their guests are asked to power off.
    Stop,
}

/// Credits that come again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurring {
    /// How many.
    pub amount: Credits,
    /// How often.
    pub every: Every,
    /// Up to which balance.
    pub ceiling: Credits,
}

/// How often an allowance comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// At midnight, UTC.
    Day,
    /// On Mondays.
    Week,
    /// On the first.
    #[default]
    Month,
}

impl Every {
    /// The name of the day, week or month that a moment lies in, by UTC.
    pub fn period(self, now: Timestamp) -> String {
        let date = now.to_zoned(TimeZone::UTC).date();
        match self {
            Self::Day => date.to_string(),
            Self::Week => date.strftime("%G-W%V").to_string(),
            Self::Month => date.strftime("%Y-%m").to_string(),
        }
    }
}

impl Default for CreditSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            initial: Credits::whole(1000),
            prices: Prices::default(),
            warn_below: Credits::whole(100),
            on_empty: OnEmpty::default(),
            grace: Duration::from_secs(3600),
            allowance: None,
            metering: Duration::from_secs(60),
        }
    }
}

impl CreditSettings {
    /// What things cost, if anything does.
    pub fn prices_if_enabled(&self) -> Option<Prices> {
        self.enabled.then_some(self.prices)
    }
}
