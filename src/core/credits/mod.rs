//! Credits: what accounts have, what machines cost, and the ledger that says how it came about.
//!
//! `charge` is what other nouns call inside of their transactions; the keeper's `bill` meters what
//! runs.

mod charge;
mod settings;

pub(super) use charge::{charge_disk, check_funds, is_refunded, open_account, rate, refund_creation, use_up};
pub use settings::{CreditSettings, Every, OnEmpty, Recurring};

use super::auth::{by_name, unknown};
use super::policy::{Permission, Relation, allows};
use super::{Core, Ctx, Error, Result};
use crate::model::credit::MOST;
use crate::model::{
    Credits, Entry, EntryKind, EventType, Field, FieldError, NewEvent, Rate, Severity, User, UserId, VmId,
    text,
};
pub use crate::store::LedgerReport;
use crate::store::{EntryFilter, NewEntry, Reader};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

/// Longest reason of an adjustment, characters.
const LONGEST_REASON: usize = 200;

/// What an account has, and what its machines cost just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purse {
    /// What is there.
    pub balance: Credits,
    /// What the machines that are on cost.
    pub rate: Rate,
}

impl Purse {
    /// How long the balance lasts at this rate; `None` if for ever.
    pub fn lasts(&self) -> Option<SignedDuration> {
        self.rate.lasts(self.balance).map(SignedDuration::from_millis)
    }

    /// When the balance is used up at this rate, counted from `now`; `None` if never.
    pub fn empty_at(&self, now: Timestamp) -> Option<Timestamp> {
        now.checked_add(self.lasts()?).ok()
    }
}

/// Which entries of a statement to list.
#[derive(Clone, Debug, Default)]
pub struct StatementQuery {
    /// Whose; the caller's own if `None`.
    pub username: Option<String>,
    /// Everybody's, for those who may see them.
    pub everybody: bool,
    /// Only of this kind.
    pub kind: Option<EntryKind>,
    /// Only of this machine.
    pub vm: Option<VmId>,
    /// Only ids below this: the next page.
    pub before: Option<i64>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl Core {
    /// What an account has: the caller's own, or somebody's by name.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for an account that the caller may not see.
    pub async fn purse(&self, ctx: &Ctx, username: Option<&str>) -> Result<(User, Purse)> {
        let username = username.map(str::to_owned);
        let (user, balance) = self
            .inspect(ctx, move |reader, actor| {
                let user = seen(reader, actor, username.as_deref())?;
                let balance = reader.balance(user.id)?.amount;
                Ok((user, balance))
            })
            .await?;
        let rate = self.world().now().rate_of(user.id);
        Ok((user, Purse { balance, rate }))
    }

    /// Entries of the ledger, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for an account that the caller may not see.
    pub async fn statement(&self, ctx: &Ctx, query: StatementQuery) -> Result<Vec<Entry>> {
        self.inspect(ctx, move |reader, actor| {
            let all = query.everybody && allows(actor.role, Permission::SeeCredits, Relation::Others);
            let user = match all {
                true => None,
                false => Some(seen(reader, actor, query.username.as_deref())?.id),
            };
            Ok(reader.entries(EntryFilter {
                user,
                kind: query.kind,
                vm: query.vm,
                before: query.before,
                limit: query.limit,
            })?)
        })
        .await
    }

    /// Gives credits to accounts, or takes them: to all that are named, or to none. Returns what
    /// each has then.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an amount or a reason that cannot be, [`Error::Conflict`] where less
    /// is there than is to be taken, [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn adjust_credits(
        &self,
        ctx: &Ctx,
        usernames: Vec<String>,
        amount: Credits,
        reason: &str,
    ) -> Result<Vec<(User, Credits)>> {
        let reason = check_adjustment(amount, reason)?;
        self.change(
            ctx,
            Permission::AdjustCredits,
            |_, _| Ok(Relation::Others),
            move |writer, _, actor| {
                let mut adjusted = Vec::new();
                for name in &usernames {
                    let user = by_name(writer, name)?;
                    let before = writer.balance(user.id)?.amount;
                    if before + amount < Credits::ZERO {
                        return Err(Error::Conflict(format!(
                            "{} has {before} credits; {} cannot be taken",
                            user.username, -amount
                        )));
                    }
                    writer.insert_entry(&NewEntry {
                        actor: Some(actor.id),
                        reason: Some(&reason),
                        ..NewEntry::new(
                            &format!("adjustment:{}", Uuid::new_v4()),
                            EntryKind::Adjustment,
                            user.id,
                            amount,
                        )
                    })?;
                    let message = format!(
                        "{} changed {}'s credits by {amount}: {reason}",
                        actor.username, user.username
                    );
                    let event =
                        NewEvent::new(EventType::System, Severity::Info, "credits.adjusted", &message)
                            .user(actor.id)
                            .details(json!({ "account": user.id, "thousandths": amount.0 }));
                    writer.append_event(&event)?;
                    adjusted.push((user, before + amount));
                }
                Ok(adjusted)
            },
        )
        .await
    }

    /// Adds the whole ledger up again.
    ///
    /// # Errors
    /// [`Error::NotPermitted`], the database's.
    pub async fn verify_ledger(&self, ctx: &Ctx) -> Result<LedgerReport> {
        self.inspect(ctx, |reader, actor| {
            super::auth::permit(actor.role, Permission::VerifyLedger, Relation::Others)?;
            Ok(reader.verify_ledger()?)
        })
        .await
    }

    /// What machines cost; `None` where credits are switched off.
    pub fn prices(&self) -> Option<crate::model::Prices> {
        self.settings().credits.prices_if_enabled()
    }
}

fn check_adjustment(amount: Credits, reason: &str) -> Result<String> {
    let (reason, most) = (reason.trim(), Credits::whole(MOST));
    let mut refused = Vec::new();
    if amount == Credits::ZERO || amount > most || amount < -most {
        refused.push(FieldError::new(
            Field::Credits,
            format!("-{most} to {most}, and not 0"),
        ));
    }
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON || text::visible(reason) != reason {
        refused.push(FieldError::new(
            Field::Reason,
            format!("why, in 1 to {LONGEST_REASON} characters that show"),
        ));
    }
    if refused.is_empty() {
        Ok(reason.to_owned())
    } else {
        Err(Error::Invalid(refused))
    }
}

/// The account of that name, or the caller's own.
fn seen(reader: &Reader<'_>, actor: &User, username: Option<&str>) -> Result<User> {
    let Some(name) = username else {
        return Ok(actor.clone());
    };
    let user = by_name(reader, name)?;
    let relation = if user.id == actor.id {
        Relation::Own
    } else {
        Relation::Others
    };
    if allows(actor.role, Permission::SeeCredits, relation) {
        Ok(user)
    } else {
        Err(unknown(name))
    }
}

/// What a user's machines cost together.
impl super::feed::Truth {
    pub(super) fn rate_of(&self, user: UserId) -> Rate {
        let Some(prices) = self.prices else {
            return Rate::default();
        };
        self.vms
            .iter()
            .filter(|vm| vm.owner == user)
            .filter_map(|vm| rate(&prices, vm, self.domains.get(&vm.uuid)?.state))
            .sum()
    }
}
