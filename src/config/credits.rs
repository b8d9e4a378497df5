//! The settings of credits.

use super::file::{Refusal, within};
use crate::core::{CreditSettings, Every, OnEmpty, Recurring};
use crate::model::credit::MOST;
use crate::model::{Credits as Amount, Prices};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What machines cost, and what accounts have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credits {
    /// Whether anything costs anything.
    pub enabled: bool,
    /// What a new account has.
    pub initial: Amount,
    /// A GiB of memory for an hour.
    pub memory_gib_hour: Amount,
    /// A virtual processor for an hour.
    pub vcpu_hour: Amount,
    /// A GiB of disk, once.
    pub disk_gib: Amount,
    /// Below which balance its owner is warned.
    pub warn_below: Amount,
    /// What becomes of machines that are on when nothing is left.
    pub on_empty: OnEmpty,
    /// How long after that they are stopped.
    pub grace_minutes: u64,
    /// What comes again and again; 0 nothing.
    pub allowance: Amount,
    /// How often.
    pub allowance_every: Every,
    /// Up to which balance.
    pub allowance_ceiling: Amount,
}

impl Default for Credits {
    fn default() -> Self {
        let core = CreditSettings::default();
        Self {
            enabled: core.enabled,
            initial: core.initial,
            memory_gib_hour: core.prices.memory_gib_hour,
            vcpu_hour: core.prices.vcpu_hour,
            disk_gib: core.prices.disk_gib,
            warn_below: core.warn_below,
            on_empty: core.on_empty,
            grace_minutes: core.grace.as_secs() / 60,
            allowance: Amount::ZERO,
            allowance_every: Every::default(),
            allowance_ceiling: core.initial,
        }
    }
}

impl Credits {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), Refusal> {
        for (key, amount) in [
            ("credits.initial", self.initial),
            ("credits.memory_gib_hour", self.memory_gib_hour),
            ("credits.vcpu_hour", self.vcpu_hour),
            ("credits.disk_gib", self.disk_gib),
            ("credits.warn_below", self.warn_below),
            ("credits.allowance", self.allowance),
            ("credits.allowance_ceiling", self.allowance_ceiling),
        ] {
            if !(Amount::ZERO..=Amount::whole(MOST)).contains(&amount) {
                return Err((key, format!("0 to {MOST}, not {amount}")));
            }
        }
        within("credits.grace_minutes", self.grace_minutes, 0..=10_080)
    }

    /// As the core takes them.
    pub fn core(&self) -> CreditSettings {
        CreditSettings {
            enabled: self.enabled,
            initial: self.initial,
            prices: Prices {
                memory_gib_hour: self.memory_gib_hour,
                vcpu_hour: self.vcpu_hour,
                disk_gib: self.disk_gib,
            },
            warn_below: self.warn_below,
            on_empty: self.on_empty,
            grace: Duration::from_secs(self.grace_minutes * 60),
            allowance: (self.allowance > Amount::ZERO).then_some(Recurring {
                amount: self.allowance,
                every: self.allowance_every,
                ceiling: self.allowance_ceiling,
            }),
            ..CreditSettings::default()
        }
    }
}
