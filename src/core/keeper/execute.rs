//! Drives accepted operations: a few at once, each by one task.

use crate::core::operations::{Ended, Job, drive};
use crate::core::{Core, vms};
use crate::model::{Operation, OperationId};
use crate::store::Epoch;
use std::collections::HashSet;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Operations driven at once. More wait: the hypervisor has three threads for actions.
const AT_ONCE: usize = 4;

/// Runs until `ending` turns true, then lets every operation stop where it can be gone on from.
pub async fn run(core: Core, epoch: Epoch, mut ending: watch::Receiver<bool>) {
    let mut truth = core.world().subscribe();
    let mut at_work = HashSet::new();
    let mut tasks: JoinSet<(OperationId, Ended)> = JoinSet::new();
    loop {
        let waiting = truth.borrow_and_update().operations.clone();
        for operation in waiting {
            if tasks.len() < AT_ONCE && !at_work.contains(&operation.id) {
                at_work.insert(operation.id);
                let (core, ending) = (core.clone(), ending.clone());
                tasks.spawn(async move { (operation.id, one(&core, epoch, &operation, ending).await) });
            }
        }
        tokio::select! {
            Some(done) = tasks.join_next() => match done {
                // What was handed over stays marked: this reign does not take it up again.
                Ok((id, Ended::Final)) => { at_work.remove(&id); }
                Ok((_, Ended::HandedOver)) => {}
                Err(error) => tracing::error!(%error, "an operation's task failed"),
            },
            changed = truth.changed() => if changed.is_err() { break },
            _ = ending.wait_for(|&ending| ending) => break,
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn one(core: &Core, epoch: Epoch, operation: &Operation, ending: watch::Receiver<bool>) -> Ended {
    let id = operation.id;
    let input = match core.read(move |reader| Ok(reader.operation_input(id)?)).await {
        Ok(input) => input,
        Err(error) => {
            tracing::error!(operation = id.0, %error, "cannot read an operation");
            return Ended::Final;
        }
    };
    tracing::info!(operation = id.0, kind = %operation.kind, vm = operation.vm.0, "at work");
    let job = Job::new(core, epoch, operation, input, ending);
    let ended = drive(&job, vms::plan(operation.kind)).await;
    tracing::info!(operation = id.0, ?ended, "left");
    ended
}
