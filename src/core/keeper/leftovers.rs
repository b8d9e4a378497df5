//! Takes away what is left of machines that are gone, of consoles whose process died, and
//! recordings that were kept long enough.
//!
//! A call that missed its deadline may still take effect after its operation was undone, and one
//! that was out when its keeper died is carried out by libvirt all the same. What it makes then
//! belongs to a machine whose row is a tombstone: somebody ordered it gone, so it goes, and the log
//! says so. What no row of this state directory knows is never touched.

use crate::core::vms::{Files, take_out};
use crate::core::{Core, Result};
use crate::hypervisor::{self, Hypervisor, Lane};
use crate::model::{EventType, NewEvent, Severity, Vm};
use crate::store::Epoch;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// How long one call may take; long, for a libvirtd that probes QEMU again.
const DEADLINE: Duration = Duration::from_secs(90);

/// Runs until `ending` turns true.
pub async fn run(core: Core, epoch: Epoch, mut ending: watch::Receiver<bool>) {
    let mut truth = core.world().subscribe();
    loop {
        tokio::select! {
            // Not before the first look at libvirt: a core without one has nothing to compare.
            seen = truth.wait_for(|it| it.as_of.is_some()) => if seen.is_err() { return },
            _ = ending.wait_for(|&ending| ending) => return,
        }
        // At the beginning of a reign, too, calls of the last one may still be out.
        tokio::select! {
            () = tokio::time::sleep(core.settings().leftovers) => {}
            _ = ending.wait_for(|&ending| ending) => return,
        }
        tokio::select! {
            done = clear_all(&core, epoch) => if let Err(error) = done {
                tracing::warn!(%error, "cannot look for leftovers");
            },
            _ = ending.wait_for(|&ending| ending) => return,
        }
    }
}

async fn clear_all(core: &Core, epoch: Epoch) -> Result<()> {
    core.sweep_consoles(epoch).await?;
    core.sweep_recordings(epoch).await?;
    clear(core, epoch).await
}

/// Looks once, and takes away what it finds.
async fn clear(core: &Core, epoch: Epoch) -> Result<()> {
    let volumes = call(core, "list volumes", |it| it.volumes()).await?;
    let mut uuids = Files::owners_of(&volumes);
    uuids.extend(core.world().now().domains.keys().map(Uuid::to_string));
    let gone = core
        .read(move |reader| {
            let mut gone = BTreeMap::new();
            for beginning in uuids {
                gone.extend(reader.gone_vms(&beginning)?.into_iter().map(|vm| (vm.id, vm)));
            }
            Ok(gone)
        })
        .await?;
    for vm in gone.into_values() {
        clear_machine(core, epoch, vm).await?;
    }
    Ok(())
}

/// Logged before it is done: whoever interrupts this finds the rest again.
async fn clear_machine(core: &Core, epoch: Epoch, vm: Vm) -> Result<()> {
    let left = call(core, "look for leftovers", {
        let (instance, vm) = (core.instance(), vm.clone());
        move |it| Leftovers::of(it, instance, &vm)
    })
    .await?;
    if left.is_none() {
        return Ok(());
    }
    let what = left.domain.map(|_| "its domain".to_owned());
    let what: Vec<String> = what.into_iter().chain(left.volumes.iter().cloned()).collect();
    let message = format!(
        "removing what a late call left of {}: {}",
        vm.name,
        what.join(", ")
    );
    tracing::warn!(vm = vm.id.0, "{message}");
    core.write_as_keeper(epoch, move |writer| {
        let event = NewEvent::new(EventType::Vm, Severity::Warning, "vm.leftovers", &message);
        writer.append_event(&event.vm(vm.id))?;
        Ok(())
    })
    .await?;
    call(core, "remove leftovers", move |it| left.remove(it)).await
}

/// What libvirt still has of a machine that is gone.
struct Leftovers {
    domain: Option<Uuid>,
    volumes: Vec<String>,
}

impl Leftovers {
    fn of(hypervisor: &dyn Hypervisor, instance: Uuid, vm: &Vm) -> hypervisor::Result<Self> {
        let ours = match hypervisor.ownership(vm.uuid) {
            Ok(owner) => owner.is_some_and(|it| it.instance == instance && it.machine == vm.uuid),
            Err(hypervisor::Error::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        Ok(Self {
            domain: ours.then_some(vm.uuid),
            volumes: Files::of(vm).among(&hypervisor.volumes()?),
        })
    }

    fn is_none(&self) -> bool {
        self.domain.is_none() && self.volumes.is_empty()
    }

    fn remove(&self, hypervisor: &dyn Hypervisor) -> hypervisor::Result<()> {
        if let Some(domain) = self.domain {
            take_out(hypervisor, domain)?;
        }
        self.volumes
            .iter()
            .try_for_each(|name| hypervisor.delete_volume(name))
    }
}

async fn call<T: Send + 'static>(
    core: &Core,
    name: &'static str,
    work: impl FnOnce(&dyn Hypervisor) -> hypervisor::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(core.hypervisor().call(Lane::Act, name, DEADLINE, work).await?)
}
