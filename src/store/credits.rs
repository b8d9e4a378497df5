//! The ledger, the balances that follow it, and the machines' meters.

use super::query::{optional_time, time, word};
use super::{Error, Reader, Result, Writer};
use crate::model::credit::{Credits, Entry, EntryKind, Rate};
use crate::model::meter::{Charge, Meter, Run};
use crate::model::{UserId, VmId};
use jiff::Timestamp;
use rusqlite::{Row, params};

/// A move of credits about to be written down.
#[derive(Clone, Debug)]
pub struct NewEntry<'a> {
    /// Unique per charge.
    pub key: &'a str,
    /// Why.
    pub kind: EntryKind,
    /// Whose account.
    pub user: UserId,
    /// To the user if positive, from the user if negative; of [`EntryKind::Waived`], what the
    /// account is spared.
    pub amount: Credits,
    /// The machine, and its name now.
    pub vm: Option<(VmId, &'a str)>,
    /// What ran, by the host's clock and by the meter's.
    pub period: Option<(Timestamp, Timestamp, &'a Charge)>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// Why, in their words.
    pub reason: Option<&'a str>,
}

impl<'a> NewEntry<'a> {
    /// An entry without a machine, a person or a reason.
    pub fn new(key: &'a str, kind: EntryKind, user: UserId, amount: Credits) -> Self {
        Self {
            key,
            kind,
            user,
            amount,
            vm: None,
            period: None,
            actor: None,
            reason: None,
        }
    }
}

/// An account's balance, and how far its owner has been warned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What is there.
    pub amount: Credits,
    /// 0 not at all, 1 below the threshold, 2 an hour left, 3 nothing left.
    pub warned: u8,
    /// Since when there is nothing.
    pub empty_at: Option<Timestamp>,
}

/// Which entries to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntryFilter {
    /// Only of this account.
    pub user: Option<UserId>,
    /// Only of this kind.
    pub kind: Option<EntryKind>,
    /// Only of this machine.
    pub vm: Option<VmId>,
    /// Only ids below this: the next page.
    pub before: Option<i64>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

/// What the ledger says when everything is added up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerReport {
    /// Entries.
    pub entries: u64,
    /// Accounts whose balance is not the sum of their entries: who, what is kept, what it should be.
    pub wrong: Vec<(UserId, Credits, Credits)>,
    /// Spans of a machine that are charged twice.
    pub doubled: u64,
}

impl LedgerReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.wrong.is_empty() && self.doubled == 0
    }
}

const COLUMNS: &str = "ledger.id, time, kind, user, whose.username, payer, payee, amount, vm, vm_name, from_at, to_at, \
     who.username AS actor, reason";

impl Reader<'_> {
    /// An account's balance; one without entries has nothing.
    pub fn balance(&self, user: UserId) -> Result<Balance> {
        let found = self.row(
            "reading a balance",
            "SELECT user, amount, warned, empty_at FROM balances WHERE user = ?1",
            [user.0],
            balance,
        )?;
        Ok(found.map(|(_, balance)| balance).unwrap_or_default())
    }
    /// The balances of all accounts that exist.
    pub fn balances(&self) -> Result<Vec<(UserId, Balance)>> {
        self.rows(
            "listing balances",
            "SELECT user, amount, warned, empty_at FROM balances
             JOIN users ON users.id = user WHERE removed_at IS NULL",
            [],
            balance,
        )
    }
    /// Entries of the ledger, newest first.
    pub fn entries(&self, filter: EntryFilter) -> Result<Vec<Entry>> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        self.rows(
            "reading the ledger",
            &format!(
                "SELECT {COLUMNS} FROM ledger
                 JOIN users AS whose ON whose.id = user LEFT JOIN users AS who ON who.id = actor
                 WHERE (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR vm = ?3)
                   AND (?4 IS NULL OR ledger.id < ?4)
                 ORDER BY ledger.id DESC LIMIT ?5"
            ),
            params![
                filter.user.map(|it| it.0),
                filter.kind.map(EntryKind::as_str),
                filter.vm.map(|it| it.0),
                filter.before,
                limit
            ],
            entry,
        )
    }
    /// What a machine has cost its owner so far, refunds taken off.
    pub fn paid_for(&self, vm: VmId) -> Result<Credits> {
        self.one(
            "adding up what a machine cost",
            "SELECT ifnull(sum(iif(payer = 'user', amount, -amount)), 0) AS paid FROM ledger
             WHERE vm = ?1 AND 'user' IN (payer, payee)",
            [vm.0],
            |row| row.get("paid").map(Credits),
        )
    }
    /// Whether a charge is in the ledger.
    pub fn has_entry(&self, key: &str) -> Result<bool> {
        self.exists(
            "looking for a charge",
            "SELECT 1 FROM ledger WHERE key = ?1",
            [key],
        )
    }
    /// Adds everything up again.
    pub fn verify_ledger(&self) -> Result<LedgerReport> {
        let entries = self.one(
            "counting the ledger",
            "SELECT count(*) AS entries FROM ledger",
            [],
            |row| super::query::unsigned(row, "entries"),
        )?;
        let wrong = self.rows(
            "adding the ledger up",
            "WITH sums AS (
               SELECT user, sum(iif(payee = 'user', amount, -amount)) AS sum FROM ledger
                WHERE 'user' IN (payer, payee) GROUP BY user)
             SELECT user, ifnull(amount, 0) AS kept, ifnull(sum, 0) AS sum
               FROM sums FULL JOIN balances USING (user)
              WHERE ifnull(amount, 0) <> ifnull(sum, 0)",
            [],
            |row| {
                Ok((
                    UserId(row.get("user")?),
                    Credits(row.get("kept")?),
                    Credits(row.get("sum")?),
                ))
            },
        )?;
        let doubled = self.one(
            "looking for what was charged twice",
            "WITH spans AS (SELECT DISTINCT vm, boot, began, ended FROM ledger WHERE boot IS NOT NULL),
                  pairs AS (SELECT began, max(ended) OVER (PARTITION BY vm, boot ORDER BY began, ended
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM spans)
             SELECT count(*) AS doubled FROM pairs WHERE began < before",
            [],
            |row| super::query::unsigned(row, "doubled"),
        )?;
        Ok(LedgerReport {
            entries,
            wrong,
            doubled,
        })
    }
    /// A machine's meter.
    pub fn meter(&self, vm: VmId) -> Result<Option<Meter>> {
        self.row(
            "reading a meter",
            "SELECT boot, run, rate, since, until, charged, is_on FROM meters WHERE vm = ?1",
            [vm.0],
            |row| {
                Ok(Meter {
                    run: Run {
                        boot: row.get("boot")?,
                        number: row.get("run")?,
                    },
                    rate: Rate(row.get("rate")?),
                    since: row.get("since")?,
                    until: row.get("until")?,
                    charged: Credits(row.get("charged")?),
                    on: row.get("is_on")?,
                })
            },
        )
    }
}

impl Writer<'_> {
    /// Writes a move of credits down, and moves the balance with it. `Taken("charge")` if it is
    /// there already, `Missing("balance")` if an account has less than it is to pay.
    pub fn insert_entry(&self, entry: &NewEntry<'_>) -> Result<()> {
        if self.has_entry(entry.key)? {
            return Err(Error::Taken("charge"));
        }
        let (payer, payee) = match (entry.kind, entry.amount.0) {
            (_, 0) => return Ok(()),
            (EntryKind::Waived, _) => ("relief", "house"),
            (_, ..0) => ("user", "house"),
            (_, 1..) => ("house", "user"),
        };
        if payer == "user" && self.balance(entry.user)?.amount + entry.amount < Credits::ZERO {
            return Err(Error::Missing("balance"));
        }
        self.insert(
            "writing the ledger",
            "INSERT INTO ledger (key, time, kind, user, payer, payee, amount, vm, vm_name, from_at, to_at,
                                 boot, began, ended, actor, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                entry.key,
                self.now_ms(),
                entry.kind.as_str(),
                entry.user.0,
                payer,
                payee,
                entry.amount.0.saturating_abs(),
                entry.vm.map(|(id, _)| id.0),
                entry.vm.map(|(_, name)| name),
                entry.period.map(|(from, _, _)| from.as_millisecond()),
                entry.period.map(|(_, to, _)| to.as_millisecond()),
                entry.period.map(|(_, _, charge)| charge.run.boot.as_str()),
                entry.period.map(|(_, _, charge)| charge.from),
                entry.period.map(|(_, _, charge)| charge.to),
                entry.actor.map(|it| it.0),
                entry.reason
            ],
        )?;
        Ok(())
    }
    /// Notes how far an account's owner has been warned.
    pub fn set_warned(&self, user: UserId, warned: u8, empty_at: Option<Timestamp>) -> Result<()> {
        self.change_one(
            "balance",
            "noting a warning",
            "UPDATE balances SET warned = ?2, empty_at = ?3 WHERE user = ?1",
            params![user.0, warned, empty_at.map(Timestamp::as_millisecond)],
        )
    }
    /// Keeps a machine's meter.
    pub fn set_meter(&self, vm: VmId, meter: &Meter) -> Result<()> {
        self.change(
            "keeping a meter",
            "INSERT INTO meters (vm, boot, run, rate, since, until, charged, is_on)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (vm) DO UPDATE SET boot = ?2, run = ?3, rate = ?4, since = ?5, until = ?6,
                                            charged = ?7, is_on = ?8",
            params![
                vm.0,
                meter.run.boot,
                meter.run.number,
                meter.rate.0,
                meter.since,
                meter.until,
                meter.charged.0,
                meter.on
            ],
        )?;
        Ok(())
    }
}

fn balance(row: &Row<'_>) -> rusqlite::Result<(UserId, Balance)> {
    let balance = Balance {
        amount: Credits(row.get("amount")?),
        warned: row.get("warned")?,
        empty_at: optional_time(row, "empty_at")?,
    };
    Ok((UserId(row.get("user")?), balance))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let kind = word(row, "kind", EntryKind::parse)?;
    let amount = Credits(row.get("amount")?);
    let from_user = row.get_ref("payer")?.as_str()? == "user";
    let waived = kind == EntryKind::Waived;
    Ok(Entry {
        id: row.get("id")?,
        time: time(row, "time")?,
        user: UserId(row.get("user")?),
        username: row.get("username")?,
        kind,
        amount: match (waived, from_user) {
            (true, _) => Credits::ZERO,
            (false, true) => -amount,
            (false, false) => amount,
        },
        waived: if waived { amount } else { Credits::ZERO },
        vm: row.get::<_, Option<i64>>("vm")?.map(VmId),
        vm_name: row.get("vm_name")?,
        period: optional_time(row, "from_at")?.zip(optional_time(row, "to_at")?),
        actor: row.get("actor")?,
        reason: row.get("reason")?,
    })
}
