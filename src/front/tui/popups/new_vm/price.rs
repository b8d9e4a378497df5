//! What the machine would cost, and what its user has of what there may be.

use super::{MEMORY, NewVm};
use crate::core::{Allowance, Purse, View};
use crate::front::tui::widgets::units;
use crate::model::FieldError;

impl NewVm {
    /// `20 credits now, 30 an hour; the other 792.4 last 1d 2h`
    pub(super) fn price(&self, view: Option<&View>) -> String {
        let Some((view, prices)) = view.and_then(|it| Some((it, it.prices?))) else {
            return String::new();
        };
        let asked = self.asked();
        let (once, rate) = (
            prices.disk(asked.disk_gib),
            prices.running(asked.memory_mib, asked.vcpus),
        );
        let after = Purse {
            balance: view.purse.balance - once,
            rate: [view.purse.rate, rate].into_iter().sum(),
        };
        let lasts = match after.lasts() {
            Some(lasts) => format!(
                "; the other {} last {}",
                after.balance.to_tenths(),
                units::calm_span(lasts.as_secs())
            ),
            None => String::new(),
        };
        format!("{once} credits now, {} an hour{lasts}", rate.per_hour())
    }

    /// `2 of 5 machines, 3072 of 8192 MiB`
    pub(super) fn quota(&self) -> String {
        match &self.allowance {
            None => "reading the catalogue …".to_owned(),
            Some(Allowance { limits, usage, .. }) => format!(
                "you have {} of {} machines, {} of {} MiB; with this one {} MiB",
                usage.vms,
                limits.max_vms_per_user,
                usage.memory_mib,
                limits.max_total_memory_mib,
                usage.memory_mib + self.form.number(MEMORY).unwrap_or(0),
            ),
        }
    }
}

/// Why the balance does not cover a disk, if it does not.
pub(super) fn too_dear(view: &View, disk_gib: u64) -> Option<FieldError> {
    view.prices?.check_disk(disk_gib, view.purse.balance).err()
}
