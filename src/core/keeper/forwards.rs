//! Session mode: QEMU forgets its forwarded ports when a guest powers off, and whoever starts one with
//! `virsh` brings none back. So what QEMU has been told is held to what is kept, whatever happened.

use super::reconcile::LOOK_DEADLINE;
use crate::core::feed::Truth;
use crate::core::vms::forwards::{note_problem, taken};
use crate::core::{Core, Result};
use crate::hypervisor::{Domain, Error, Lane, Mode};
use crate::model::{Forward, Vm};
use crate::store::Epoch;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// A forward that could not be made is tried again after this.
const AGAIN: Duration = Duration::from_secs(15);

/// What this keeper knows that QEMUs were told.
#[derive(Default)]
pub struct Told(HashMap<Uuid, Run>);

/// The same of one run of a domain.
#[derive(Default)]
struct Run {
    number: u32,
    made: BTreeSet<Forward>,
    failed: BTreeMap<Forward, Instant>,
}

impl Told {
    /// Forgets domains that are gone.
    pub fn retain(&mut self, truth: &Truth) {
        self.0.retain(|uuid, _| truth.domains.contains_key(uuid));
    }

    /// Holds one machine, on which no operation is at work, to what is kept.
    pub async fn settle(
        &mut self,
        core: &Core,
        epoch: Epoch,
        truth: &Truth,
        (vm, domain): (&Vm, &Domain),
    ) -> Result<()> {
        let session = truth.host.as_ref().is_some_and(|it| it.mode == Mode::Session);
        if !session {
            return Ok(());
        }
        let kept = truth.forwards.get(&vm.id).map_or(&[][..], Vec::as_slice);
        let Some(number) = domain.run else {
            self.0.remove(&vm.uuid);
            for stale in kept.iter().filter(|it| it.problem.is_some()) {
                let (id, forward) = (vm.id, stale.forward);
                core.write_as_keeper(epoch, move |writer| note_problem(writer, id, forward, None))
                    .await?;
            }
            return Ok(());
        };
        let run = self.0.entry(vm.uuid).or_default();
        if run.number != number {
            *run = Run {
                number,
                ..Run::default()
            };
        }
        let wanted: BTreeSet<Forward> = kept
            .iter()
            .map(|it| it.forward)
            .chain(vm.ssh_port.map(Forward::ssh))
            .collect();
        for forward in run.made.difference(&wanted).copied().collect::<Vec<_>>() {
            if unforward(core, vm.uuid, forward).await {
                run.made.remove(&forward);
            }
        }
        run.failed.retain(|forward, _| wanted.contains(forward));
        for forward in wanted {
            let recently = run.failed.get(&forward).is_some_and(|at| at.elapsed() < AGAIN);
            if run.made.contains(&forward) || recently {
                continue;
            }
            let problem = match make(core, vm.uuid, forward).await {
                Ok(()) => {
                    run.failed.remove(&forward);
                    run.made.insert(forward);
                    None
                }
                Err(error) => {
                    tracing::warn!(vm = vm.id.0, %forward, %error, "a port cannot be forwarded");
                    run.failed.insert(forward, Instant::now());
                    matches!(error, Error::Conflict(_)).then(|| taken(forward))
                }
            };
            let known = kept.iter().find(|it| it.forward == forward);
            if known.is_some_and(|it| it.problem != problem) {
                let id = vm.id;
                core.write_as_keeper(epoch, move |writer| {
                    note_problem(writer, id, forward, problem.as_deref())
                })
                .await?;
            }
        }
        Ok(())
    }
}

async fn make(core: &Core, domain: Uuid, forward: Forward) -> crate::hypervisor::Result<()> {
    core.hypervisor()
        .call(Lane::Act, "forward a port", LOOK_DEADLINE, move |it| {
            it.forward(domain, forward)
        })
        .await
}

/// Takes a forward back that is no longer wanted; whether it is gone.
async fn unforward(core: &Core, domain: Uuid, forward: Forward) -> bool {
    let gone = core
        .hypervisor()
        .call(Lane::Act, "take a forward back", LOOK_DEADLINE, move |it| {
            it.unforward(domain, forward)
        });
    match gone.await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%domain, %forward, %error, "a forward cannot be taken back");
            false
        }
    }
}
