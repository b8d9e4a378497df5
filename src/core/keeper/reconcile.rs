//! Settles the machines' rows with what libvirt says, while no operation is at work on them:
//! status, run, start time and address. Changes from outside become events; nothing is ever
//! deleted here.

use super::forwards::Told;
use crate::core::feed::status;
use crate::core::{Core, Result};
use crate::hypervisor::{Domain, DomainState, Lane};
use crate::model::vm::Address;
use crate::model::{EventType, NewEvent, Severity, Vm, VmId, VmStatus};
use crate::store::{Epoch, Writer};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// How long one look at a domain may take.
pub(super) const LOOK_DEADLINE: Duration = Duration::from_secs(5);
/// An address that is known is asked for again after this, one that is not after a tenth of it.
const ADDRESS_AGE: Duration = Duration::from_secs(30);
/// Looks at addresses in one round, so that many machines do not make one round long.
const ADDRESSES_AT_ONCE: usize = 50;

/// Runs until `ending` turns true.
pub async fn run(core: Core, epoch: Epoch, mut ending: watch::Receiver<bool>) {
    let mut truth = core.world().subscribe();
    let mut memory = Memory::default();
    loop {
        tokio::select! {
            settled = settle_all(&core, epoch, &mut memory) => if let Err(error) = settled {
                tracing::warn!(%error, "cannot settle machines with libvirt");
            },
            // In the middle, too: each machine is settled in a transaction of its own, and a round
            // over guests that do not answer takes minutes.
            _ = ending.wait_for(|&ending| ending) => return,
        }
        tokio::select! {
            changed = truth.changed() => if changed.is_err() { return },
            _ = ending.wait_for(|&ending| ending) => return,
        }
    }
}

/// What was asked and told before.
#[derive(Default)]
struct Memory {
    /// When each guest's address was asked for.
    asked: HashMap<Uuid, Instant>,
    told: Told,
    /// Guests whose address was asked for and that showed none.
    silent: HashSet<Uuid>,
}

async fn settle_all(core: &Core, epoch: Epoch, memory: &mut Memory) -> Result<()> {
    let truth = core.world().now();
    let Some(looked_at) = truth.looked_at else {
        return Ok(());
    };
    let Memory { asked, told, silent } = memory;
    silent.retain(|uuid| truth.domains.contains_key(uuid));
    asked.retain(|uuid, _| truth.domains.contains_key(uuid));
    told.retain(&truth);
    let mut questions = ADDRESSES_AT_ONCE;
    for vm in &truth.vms {
        let busy = truth
            .operations
            .iter()
            .any(|operation| operation.vm == Some(vm.id));
        let domain = truth.domains.get(&vm.uuid);
        if !busy {
            settle_status(core, epoch, vm, domain, looked_at).await?;
        }
        if let Some(domain) = domain {
            let due = match asked.get(&vm.uuid) {
                None => true,
                Some(at) => {
                    at.elapsed()
                        >= if vm.address.is_some() {
                            ADDRESS_AGE
                        } else {
                            ADDRESS_AGE / 10
                        }
                }
            };
            let due = due && questions > 0 && domain.state == DomainState::Running;
            // A domain shows before its QEMU does, which knows when it was started.
            let timeless = due && domain.run.is_some() && vm.started_at.is_none();
            let doubt = Doubt { timeless, looked_at };
            settle_run(core, epoch, (vm, domain), doubt).await?;
            if !busy {
                told.settle(core, epoch, &truth, (vm, domain)).await?;
            }
            if due {
                questions -= 1;
                asked.insert(vm.uuid, Instant::now());
                settle_address(core, epoch, vm, silent).await?;
            }
        }
    }
    Ok(())
}

/// Writes down what changed without an operation of twarga's.
async fn settle_status(
    core: &Core,
    epoch: Epoch,
    vm: &Vm,
    domain: Option<&Domain>,
    looked_at: Timestamp,
) -> Result<()> {
    let (now, reason) = status(vm, domain.map(|it| it.state));
    if now == vm.status && reason == vm.reason {
        return Ok(());
    }
    let (id, was, name) = (vm.id, vm.status, vm.name.clone());
    core.write_as_keeper(epoch, move |writer| {
        // Looked at again: an operation may have been accepted, or have ended after the look.
        let unchanged = writer.vm(id)?.is_some_and(|row| row.status == was);
        if !unchanged || !is_idle(writer, id, looked_at)? {
            return Ok(());
        }
        writer.set_vm_status(id, now, reason.as_deref())?;
        if now != was {
            let severity = if now == VmStatus::Error {
                Severity::Warning
            } else {
                Severity::Info
            };
            let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let message =
                format!("{name} is {now} and was {was}, by its guest's doing or from outside twarga{why}");
            writer.append_event(
                &NewEvent::new(EventType::Vm, severity, "vm.changed_outside", &message).vm(id),
            )?;
        }
        Ok(())
    })
    .await
}

/// Whether no operation was at work on a machine when it was looked at, nor is now.
fn is_idle(writer: &Writer<'_>, id: VmId, looked_at: Timestamp) -> Result<bool> {
    Ok(match writer.last_operation(id)? {
        Some(last) => last.finished_at.is_some_and(|at| at < looked_at),
        None => true,
    })
}

/// What is not certain about a machine's run.
struct Doubt {
    /// Nobody knows yet when the run began, and it may be asked again.
    timeless: bool,
    /// When the domain was looked at.
    looked_at: Timestamp,
}

/// Start times of one run, as told twice, are no further apart than this.
const SAME_START: Duration = Duration::from_secs(3);

/// Notes which run is going on and since when.
async fn settle_run(core: &Core, epoch: Epoch, (vm, domain): (&Vm, &Domain), doubt: Doubt) -> Result<()> {
    let id = vm.id;
    let known = core.read(move |reader| Ok(reader.vm_run(id)?)).await?;
    let another = known != domain.run;
    if !another && !doubt.timeless {
        return Ok(());
    }
    let (uuid, run) = (vm.uuid, domain.run);
    let started_at = match run {
        Some(_) => {
            let asked = core
                .hypervisor()
                .call(Lane::Act, "ask for a start time", LOOK_DEADLINE, move |it| {
                    it.started_at(uuid)
                });
            asked.await.ok().flatten()
        }
        None => None,
    };
    core.write_as_keeper(epoch, move |writer| {
        if run.is_none() {
            writer.set_vm_address(id, None)?;
        }
        // The operation that started it may have noted it meanwhile.
        let row = writer.vm(id)?;
        let noted = row.as_ref().and_then(|row| row.started_at);
        let same = noted
            .zip(started_at)
            .is_some_and(|(noted, told)| noted.duration_since(told).unsigned_abs() < SAME_START);
        // What was said of a run ends with the next: one that is not the known one, or, where an
        // operation forgot that because it began one of its own, one that began at another time.
        let next = another && run.is_some() && (known.is_some() || !same);
        let unready = row.is_some_and(|row| row.unready.is_some());
        if next && unready && is_idle(writer, id, doubt.looked_at)? {
            writer.set_vm_unready(id, None)?;
        }
        let noted = noted.filter(|_| run.is_some());
        Ok(writer.set_vm_run(id, run, started_at.or(noted))?)
    })
    .await
}

/// Notes the guest's address. One that shows none twice in a row has none any more; where nobody could
/// be asked, the last one stays.
async fn settle_address(core: &Core, epoch: Epoch, vm: &Vm, silent: &mut HashSet<Uuid>) -> Result<()> {
    let (id, uuid) = (vm.id, vm.uuid);
    let asked = core
        .hypervisor()
        .call(Lane::Act, "ask for addresses", LOOK_DEADLINE, move |it| {
            it.addresses(uuid)
        });
    let Ok(addresses) = asked.await else {
        return Ok(());
    };
    let best: Option<Address> = addresses.first().copied();
    let again = match best {
        Some(_) => !silent.remove(&uuid),
        None => !silent.insert(uuid),
    };
    if best == vm.address || (best.is_none() && !again) {
        return Ok(());
    }
    core.write_as_keeper(epoch, move |writer| Ok(writer.set_vm_address(id, best)?))
        .await
}
