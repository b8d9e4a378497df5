//! Meters what runs, warns whose credits run out, and gives what comes again and again.
//!
//! Every look at the hypervisor notes which runs were on; a run that ends, pauses or is another
//! one is booked at once, everything else once a minute. What happened while no keeper looked is
//! in `model::meter`.

use crate::core::credits::{self, OnEmpty, Recurring, is_refunded, use_up};
use crate::core::feed::Truth;
use crate::core::{Core, Purse, Result, vms};
use crate::hypervisor::Lane;
use crate::model::meter::{Run, Seen, take_in};
use crate::model::{
    Credits, EntryKind, EventType, NewEvent, OperationKind, Prices, Severity, User, Vm, VmId,
};
use crate::store::{Balance, Epoch, NewEntry, Writer};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a question for a start time may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(5);
/// A stop for want of credits that failed is tried again after this.
const STOP_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// Runs until `ending` turns true.
pub async fn run(core: Core, epoch: Epoch, mut ending: watch::Receiver<bool>) {
    let mut truth = core.world().subscribe();
    let mut biller = Biller::new(&core, epoch);
    loop {
        let now = truth.borrow_and_update().clone();
        tokio::select! {
            billed = biller.look(&now) => core.world().report(
                "credits",
                billed.err().map(|error| format!("credits cannot be booked: {error}")),
            ),
            _ = ending.wait_for(|&ending| ending) => return,
        }
        tokio::select! {
            changed = truth.changed() => if changed.is_err() { return },
            // Also where nothing changes: time does.
            () = tokio::time::sleep_until(biller.due) => {}
            _ = ending.wait_for(|&ending| ending) => return,
        }
    }
}

/// A machine that is on, as the last look showed it.
#[derive(Clone)]
struct On {
    vm: Vm,
    seen: Seen,
}

struct Biller {
    core: Core,
    epoch: Epoch,
    prices: Prices,
    /// The machines that were on.
    on: HashMap<VmId, On>,
    /// When they were looked at, on the meter's clock; before this reign nobody did.
    looked: Option<i64>,
    /// When everything is booked again.
    due: Instant,
    /// It was due, and no look has come since.
    owed: bool,
}

impl Biller {
    fn new(core: &Core, epoch: Epoch) -> Self {
        // Switched off, the meters go on and everything is free: so it stays when it is switched on.
        let free = Prices {
            memory_gib_hour: Credits::ZERO,
            vcpu_hour: Credits::ZERO,
            disk_gib: Credits::ZERO,
        };
        Self {
            core: core.clone(),
            epoch,
            prices: core.prices().unwrap_or(free),
            on: HashMap::new(),
            looked: None,
            due: Instant::now(),
            owed: false,
        }
    }

    /// Takes in what the world looks like now.
    async fn look(&mut self, truth: &Arc<Truth>) -> Result<()> {
        let is_due = Instant::now() >= self.due;
        self.owed |= is_due;
        // Whoever could own a machine has an event in the log: none means that it was not read yet.
        let is_read = truth.last_event != 0;
        if let Some(looked) = truth
            .looked_at_boot
            .filter(|it| is_read && Some(*it) != self.looked)
        {
            self.take_look(truth, looked).await?;
        }
        if is_due {
            self.due = Instant::now() + self.core.settings().credits.metering;
            self.care_for_accounts(truth).await?;
        }
        Ok(())
    }

    /// Books what changed since the last look; everything, if it is owed. What was seen is true of
    /// the moment of the look, however long ago that was.
    async fn take_look(&mut self, truth: &Truth, now: i64) -> Result<()> {
        let on = self.machines_on(truth).await;
        let mut readings: Vec<(Vm, Option<Seen>)> = Vec::new();
        for (id, before) in &self.on {
            if !on.contains_key(id) {
                readings.push((before.vm.clone(), None));
            }
        }
        for (id, machine) in &on {
            let same = self.on.get(id).is_some_and(|before| {
                before.seen.run == machine.seen.run && before.seen.rate == machine.seen.rate
            });
            if self.owed || !same {
                readings.push((machine.vm.clone(), Some(machine.seen.clone())));
            }
        }
        // The first look of a reign finds the meters of machines that went off before it.
        if self.looked.is_none() {
            let off = truth.vms.iter().filter(|vm| !on.contains_key(&vm.id));
            readings.extend(off.map(|vm| (vm.clone(), None)));
        }
        if !readings.is_empty() {
            let (before, moment) = (self.on.clone(), self.moment(now));
            let looked = self.looked.unwrap_or(i64::MIN);
            self.core
                .write_as_keeper(self.epoch, move |writer| {
                    readings.into_iter().try_for_each(|(vm, seen)| {
                        // Where the last look did not show it on, it proves nothing.
                        let looked = if before.contains_key(&vm.id) {
                            looked
                        } else {
                            i64::MIN
                        };
                        read(writer, &vm, seen, looked, (moment, now))
                    })
                })
                .await?;
        }
        (self.on, self.looked, self.owed) = (on, Some(now), false);
        Ok(())
    }

    fn uptime(&self) -> i64 {
        (self.core.boot_clock().milliseconds)()
    }

    /// A moment of the meter's clock by the host's.
    fn moment(&self, at: i64) -> Timestamp {
        let ago = SignedDuration::from_millis(self.uptime().saturating_sub(at));
        self.core.now().checked_sub(ago).unwrap_or(Timestamp::MIN)
    }

    async fn machines_on(&self, truth: &Truth) -> HashMap<VmId, On> {
        let mut on = HashMap::new();
        for vm in &truth.vms {
            let Some(domain) = truth.domains.get(&vm.uuid) else {
                continue;
            };
            let Some((number, rate)) = domain.run.zip(credits::rate(&self.prices, vm, domain.state)) else {
                continue;
            };
            let run = Run {
                boot: self.core.boot_clock().boot.clone(),
                number,
            };
            let began = match self.on.get(&vm.id) {
                Some(before) if before.seen.run == run => before.seen.began,
                _ => self.began(vm).await,
            };
            let seen = Seen { run, rate, began };
            on.insert(vm.id, On { vm: vm.clone(), seen });
        }
        on
    }

    /// When a machine's run began, on the meter's clock: asked for once per run.
    async fn began(&self, vm: &Vm) -> Option<i64> {
        let uuid = vm.uuid;
        let asked =
            self.core
                .hypervisor()
                .call(Lane::Act, "ask for a start time", LOOK_DEADLINE, move |it| {
                    it.started_at(uuid)
                });
        let started_at = asked.await.ok().flatten()?;
        let age = self.core.now().duration_since(started_at).as_millis();
        // A clock that was just set can show an age below nothing.
        Some(
            self.uptime()
                .saturating_sub(i64::try_from(age).unwrap_or(0).max(0)),
        )
    }

    /// Allowances, warnings, and what is to be stopped.
    async fn care_for_accounts(&self, truth: &Arc<Truth>) -> Result<()> {
        let settings = self.core.settings().credits.clone();
        if !settings.enabled {
            return Ok(());
        }
        let truth = truth.clone();
        self.core
            .write_as_keeper(self.epoch, move |writer| {
                for user in writer.users()? {
                    if let Some(allowance) = settings.allowance.filter(|_| user.active) {
                        allow(writer, &user, allowance)?;
                    }
                    let balance = writer.balance(user.id)?;
                    let purse = Purse {
                        balance: balance.amount,
                        rate: truth.rate_of(user.id),
                    };
                    let empty_at = warn(writer, &user, balance, purse, settings.warn_below)?;
                    let over = empty_at.is_some_and(|since| {
                        let grace = SignedDuration::try_from(settings.grace).unwrap_or(SignedDuration::MAX);
                        writer.now().duration_since(since) >= grace
                    });
                    if over && settings.on_empty == OnEmpty::Stop {
                        stop_machines(writer, &user, &truth)?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// Reads a machine's meter and books what ran since.
fn read(
    writer: &Writer<'_>,
    vm: &Vm,
    seen: Option<Seen>,
    looked: i64,
    (moment, now): (Timestamp, i64),
) -> Result<()> {
    let meter = writer.meter(vm.id)?;
    if meter.is_none() && seen.is_none() {
        return Ok(());
    }
    let (charges, next) = take_in(meter.clone(), seen, looked, now);
    // What its creation cost came back; what ran of it until it was gone is not charged after that.
    let refunded = is_refunded(writer, vm.id)?;
    for charge in charges.iter().filter(|_| !refunded) {
        use_up(writer, (vm.owner, vm.id, vm.name.as_str()), charge, (moment, now))?;
    }
    match next {
        Some(next) if meter.as_ref() != Some(&next) => Ok(writer.set_meter(vm.id, &next)?),
        _ => Ok(()),
    }
}

/// Gives an account what is due for this day, week or month, once.
fn allow(writer: &Writer<'_>, user: &User, allowance: Recurring) -> Result<()> {
    let key = format!("allowance:{}:{}", user.id, allowance.every.period(writer.now()));
    let room = allowance.ceiling - writer.balance(user.id)?.amount;
    let amount = allowance.amount.min(room);
    if amount <= Credits::ZERO || writer.has_entry(&key)? {
        return Ok(());
    }
    Ok(writer.insert_entry(&NewEntry::new(&key, EntryKind::Allowance, user.id, amount))?)
}

/// Tells once, when it gets worse, how an account stands. Returns since when nothing is left.
fn warn(
    writer: &Writer<'_>,
    user: &User,
    before: Balance,
    purse: Purse,
    threshold: Credits,
) -> Result<Option<Timestamp>> {
    let name = &user.username;
    let hour = purse.lasts().is_some_and(|it| it < SignedDuration::from_hours(1));
    let (level, severity, action, message) = if purse.balance <= Credits::ZERO {
        let message = format!("{name} has no credits left; nothing new starts");
        (3, Severity::Critical, "credits.empty", message)
    } else if hour {
        let message = format!(
            "{name}'s credits last less than an hour: {} are left",
            purse.balance
        );
        (2, Severity::Warning, "credits.hour", message)
    } else if purse.balance < threshold {
        let message = format!("{name} has {} credits left", purse.balance);
        (1, Severity::Warning, "credits.low", message)
    } else {
        (0, Severity::Info, "", String::new())
    };
    let empty_at = (level == 3).then(|| before.empty_at.unwrap_or_else(|| writer.now()));
    if level > before.warned {
        let event = NewEvent::new(EventType::System, severity, action, &message)
            .user(user.id)
            .details(json!({ "thousandths": purse.balance.0 }));
        writer.append_event(&event)?;
    }
    if (level, empty_at) != (before.warned, before.empty_at) {
        writer.set_warned(user.id, level, empty_at)?;
    }
    Ok(empty_at)
}

/// Asks the guests of an account without credits to power off.
fn stop_machines(writer: &Writer<'_>, user: &User, truth: &Truth) -> Result<()> {
    for vm in truth.vms.iter().filter(|vm| vm.owner == user.id) {
        let runs = truth.domains.get(&vm.uuid).is_some_and(|it| it.run.is_some());
        let last = writer.last_operation(vm.id)?;
        let rests = last.is_none_or(|it| {
            it.finished_at.is_some_and(|at| {
                writer.now().duration_since(at) >= STOP_AGAIN || it.kind != OperationKind::Stop
            })
        });
        if !runs || !rests {
            continue;
        }
        let message = format!(
            "{} is stopped: {} has no credits left, and the time of grace is over",
            vm.name, user.username
        );
        let event = NewEvent::new(EventType::Vm, Severity::Warning, "credits.stop", &message).vm(vm.id);
        writer.append_event(&event)?;
        vms::queue_stop(writer, vm, user)?;
    }
    Ok(())
}
