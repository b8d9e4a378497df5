//! What moves credits, inside of other nouns' transactions.

use super::CreditSettings;
use crate::core::{Error, Result};
use crate::hypervisor::DomainState;
use crate::model::meter::Charge;
use crate::model::{Credits, EntryKind, Prices, Rate, UserId, Vm, VmId};
use crate::store::{self, NewEntry, Reader, Writer};
use jiff::{SignedDuration, Timestamp};

/// What a new account begins with.
pub fn open_account(writer: &Writer<'_>, settings: &CreditSettings, user: UserId) -> store::Result<()> {
    let key = format!("initial:{user}");
    writer.insert_entry(&NewEntry::new(&key, EntryKind::Initial, user, settings.initial))
}

/// Charges the disk of a machine that is about to be made.
///
/// # Errors
/// [`Error::Invalid`] if the balance does not cover it.
pub fn charge_disk(
    writer: &Writer<'_>,
    settings: &CreditSettings,
    (vm, name): (VmId, &str),
    (owner, gib): (UserId, u64),
) -> Result<()> {
    if !settings.enabled {
        return Ok(());
    }
    let price = settings.prices.check_disk(gib, writer.balance(owner)?.amount)?;
    let key = format!("disk:{vm}");
    writer.insert_entry(&NewEntry {
        vm: Some((vm, name)),
        ..NewEntry::new(&key, EntryKind::Disk, owner, -price)
    })?;
    check_funds(writer, settings, owner)
}

/// Refuses what would begin to cost where nothing is left.
///
/// # Errors
/// [`Error::Conflict`].
pub fn check_funds(reader: &Reader<'_>, settings: &CreditSettings, owner: UserId) -> Result<()> {
    if settings.enabled && reader.balance(owner)?.amount <= Credits::ZERO {
        let sentence = "no credits are left, and nothing new starts without; ask an admin for more";
        return Err(Error::Conflict(sentence.to_owned()));
    }
    Ok(())
}

/// A creation failed: everything that the machine cost comes back, once.
pub fn refund_creation(writer: &Writer<'_>, owner: UserId, vm: VmId, name: &str) -> store::Result<()> {
    let paid = writer.paid_for(vm)?;
    if paid <= Credits::ZERO || is_refunded(writer, vm)? {
        return Ok(());
    }
    writer.insert_entry(&NewEntry {
        vm: Some((vm, name)),
        reason: Some("the machine could not be made"),
        ..NewEntry::new(&refund_key(vm), EntryKind::Refund, owner, paid)
    })
}

/// Whether what a machine cost came back, because it could not be made.
pub fn is_refunded(reader: &Reader<'_>, vm: VmId) -> store::Result<bool> {
    reader.has_entry(&refund_key(vm))
}

fn refund_key(vm: VmId) -> String {
    format!("refund:{vm}")
}

/// What a machine costs in a state of its domain, if anything.
pub fn rate(prices: &Prices, vm: &Vm, state: DomainState) -> Option<Rate> {
    match state {
        DomainState::Running | DomainState::ShuttingDown => Some(prices.running(vm.memory_mib, vm.vcpus)),
        DomainState::Paused | DomainState::PausedOnError => Some(prices.paused(vm.memory_mib)),
        DomainState::Off | DomainState::Crashed => None,
    }
}

/// Books what ran: what the balance does not cover is waived. `now` is the host's clock at `at`
/// on the meter's.
pub fn use_up(
    writer: &Writer<'_>,
    (owner, vm, name): (UserId, VmId, &str),
    charge: &Charge,
    (now, at): (Timestamp, i64),
) -> store::Result<()> {
    let moment = |meter: i64| {
        now.checked_sub(SignedDuration::from_millis(at.saturating_sub(meter)))
            .unwrap_or(Timestamp::MIN)
    };
    let covered = writer.balance(owner)?.amount.min(charge.amount);
    let key = format!(
        "usage:{vm}:{}:{}:{}",
        charge.run.boot, charge.run.number, charge.from
    );
    let book = |key: &str, kind, amount| {
        writer.insert_entry(&NewEntry {
            vm: Some((vm, name)),
            period: Some((moment(charge.from), moment(charge.to), charge)),
            ..NewEntry::new(key, kind, owner, amount)
        })
    };
    book(&key, EntryKind::Usage, -covered)?;
    book(
        &format!("{key}:waived"),
        EntryKind::Waived,
        charge.amount - covered,
    )
}
