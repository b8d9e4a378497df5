//! Takes away what is left of machines that are gone.
//!
//! A call that missed its deadline may still take effect after its operation was undone, and one
//! that was out when its keeper died is carried out by libvirt all the same. What it makes then
//! belongs to a machine whose row is a tombstone: somebody ordered it gone, so it goes, and the log
//! says so. What no row of this state directory knows is never touched.

use crate::core::vms::{Files, take_out};
use crate::core::{Core, Result};
use crate::hypervisor::{self, Lane};
use crate::model::{EventType, NewEvent, Severity, Vm};
use crate::store::Epoch;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// Between two looks. Each lists the pool, which libvirt reads anew from its folder.
const LOOK_EVERY: Duration = Duration::from_secs(300);
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
        tokio::select! {
            done = clear(&core, epoch) => if let Err(error) = done {
                tracing::warn!(%error, "cannot look for leftovers");
            },
            _ = ending.wait_for(|&ending| ending) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = ending.wait_for(|&ending| ending) => return,
        }
    }
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

async fn clear_machine(core: &Core, epoch: Epoch, vm: Vm) -> Result<()> {
    let instance = core.instance();
    let (uuid, files) = (vm.uuid, Files::of(&vm));
    let removed = call(core, "remove leftovers", move |it| {
        let mut removed = Vec::new();
        let ours = match it.ownership(uuid) {
            Ok(owner) => owner.is_some_and(|owner| owner.instance == instance && owner.machine == uuid),
            Err(hypervisor::Error::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        if ours {
            take_out(it, uuid)?;
            removed.push("its domain".to_owned());
        }
        for name in files.among(&it.volumes()?) {
            it.delete_volume(&name)?;
            removed.push(name);
        }
        Ok(removed)
    })
    .await?;
    if removed.is_empty() {
        return Ok(());
    }
    let message = format!(
        "removed what a late call had left of {}: {}",
        vm.name,
        removed.join(", ")
    );
    tracing::warn!(vm = vm.id.0, "{message}");
    core.write_as_keeper(epoch, move |writer| {
        let event = NewEvent::new(EventType::Vm, Severity::Warning, "vm.leftovers", &message);
        writer.append_event(&event.vm(vm.id))?;
        Ok(())
    })
    .await
}

async fn call<T: Send + 'static>(
    core: &Core,
    name: &'static str,
    work: impl FnOnce(&dyn hypervisor::Hypervisor) -> hypervisor::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(core.hypervisor().call(Lane::Act, name, DEADLINE, work).await?)
}
