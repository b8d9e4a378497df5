//! Shapes of credits.

use crate::core::{LedgerReport, Purse};
use crate::model::text::visible;
use crate::model::{Credits, Entry, EntryKind, User};
use jiff::Timestamp;
use serde::Serialize;

/// What an account has.
#[derive(Debug, Serialize)]
pub struct PurseShape {
    user: String,
    balance: Credits,
    per_hour: Credits,
    lasts_seconds: Option<i64>,
    empty_at: Option<Timestamp>,
}

pub(in crate::front::cli) const PURSE_HELP: &str = "\
JSON: user, balance, per_hour (what the machines that are on cost), lasts_seconds and empty_at (null
  if nothing costs anything); amounts are in credits, to the thousandth";

impl PurseShape {
    /// An account now.
    pub fn new(user: &User, purse: &Purse, now: Timestamp) -> Self {
        Self {
            user: user.username.to_string(),
            balance: purse.balance,
            per_hour: purse.rate.per_hour(),
            lasts_seconds: purse.lasts().map(|it| it.as_secs()),
            empty_at: purse.empty_at(now),
        }
    }
}

/// An entry of the ledger.
#[derive(Debug, Serialize)]
pub struct EntryShape {
    id: i64,
    time: Timestamp,
    user: String,
    kind: EntryKind,
    amount: Credits,
    waived: Credits,
    vm: Option<String>,
    vm_id: Option<i64>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    by: Option<String>,
    reason: Option<String>,
}

pub(in crate::front::cli) const ENTRY_HELP: &str = "\
JSON: an array of entries, newest first, each with
  id, time, user, kind (initial|allowance|adjustment|usage|waived|disk|refund), amount (what it did to
  the balance), waived (what the balance did not cover), vm, vm_id, from and to (what ran), by (who did
  it, null: twarga), reason";

impl From<&Entry> for EntryShape {
    fn from(entry: &Entry) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(|it| visible(it).into_owned());
        Self {
            id: entry.id,
            time: entry.time,
            user: visible(&entry.username).into_owned(),
            kind: entry.kind,
            amount: entry.amount,
            waived: entry.waived,
            vm: text(&entry.vm_name),
            vm_id: entry.vm.map(|it| it.0),
            from: entry.period.map(|(from, _)| from),
            to: entry.period.map(|(_, to)| to),
            by: text(&entry.actor),
            reason: text(&entry.reason),
        }
    }
}

/// What an account has after an adjustment.
#[derive(Debug, Serialize)]
pub struct AdjustedShape {
    /// Whose.
    pub user: String,
    /// What they have.
    pub balance: Credits,
}

/// What adding the ledger up came to.
#[derive(Debug, Serialize)]
pub struct LedgerShape {
    sound: bool,
    entries: u64,
    wrong_balances: Vec<i64>,
    charged_twice: u64,
}

pub(in crate::front::cli) const LEDGER_HELP: &str = "\
Exits with 1 if the ledger is not sound.

JSON: sound, entries, wrong_balances (ids of users whose balance is not the sum of their entries),
  charged_twice (spans of machines)";

impl From<&LedgerReport> for LedgerShape {
    fn from(report: &LedgerReport) -> Self {
        Self {
            sound: report.is_sound(),
            entries: report.entries,
            wrong_balances: report.wrong.iter().map(|(user, _, _)| user.0).collect(),
            charged_twice: report.doubled,
        }
    }
}
