//! Drives accepted operations: a few at once, each by one task.

use crate::core::operations::{Ended, Job, drive};
use crate::core::{Core, Error, vms};
use crate::model::{Operation, OperationId};
use crate::store::Epoch;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

/// Operations driven at once. Most of an operation's time is waiting for a guest, which costs
/// nothing; what works at the same moment is bounded by the hypervisor's lanes.
const AT_ONCE: usize = 16;
/// Before an operation that could not be read is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs until `ending` turns true, then lets every operation stop where it can be gone on from.
pub async fn run(core: Core, epoch: Epoch, mut ending: watch::Receiver<bool>) {
    let mut truth = core.world().subscribe();
    let mut work = Work::default();
    loop {
        let accepted = truth.borrow_and_update().operations.clone();
        work.take_up(&core, epoch, accepted, &ending);
        tokio::select! {
            Some(ended) = work.tasks.join_next_with_id() => work.note(&core, ended),
            changed = truth.changed() => if changed.is_err() { break },
            _ = ending.wait_for(|&ending| ending) => break,
        }
    }
    while work.tasks.join_next().await.is_some() {}
}

/// What this reign has in hand.
#[derive(Default)]
struct Work {
    tasks: JoinSet<Result<Ended, Error>>,
    at_work: HashMap<Id, OperationId>,
    /// Not taken up again: what was handed over, what a defect ended, and what is final but still
    /// in the last look at the database.
    left: HashSet<OperationId>,
}

impl Work {
    fn take_up(
        &mut self,
        core: &Core,
        epoch: Epoch,
        accepted: Vec<Operation>,
        ending: &watch::Receiver<bool>,
    ) {
        self.left.retain(|id| accepted.iter().any(|it| it.id == *id));
        for operation in accepted {
            let id = operation.id;
            let known = self.left.contains(&id) || self.at_work.values().any(|it| *it == id);
            if self.tasks.len() < AT_ONCE && !known {
                let (core, ending) = (core.clone(), ending.clone());
                let task = self
                    .tasks
                    .spawn(async move { one(&core, epoch, &operation, ending).await });
                self.at_work.insert(task.id(), id);
            }
        }
    }

    fn note(&mut self, core: &Core, ended: Result<(Id, Result<Ended, Error>), JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(id) = self.at_work.remove(&task) else {
            return;
        };
        match ended {
            Ok((_, Ok(Ended::Final | Ended::HandedOver))) => {
                self.left.insert(id);
            }
            Ok((_, Err(error))) => tracing::error!(operation = id.0, %error, "cannot read an operation"),
            Err(error) => {
                tracing::error!(operation = id.0, %error, "an operation's task failed");
                self.left.insert(id);
                let problem =
                    format!("a defect in twarga stopped operation {id}; the next keeper goes on with it");
                core.world().report("an operation", Some(problem));
            }
        }
    }
}

/// # Errors
/// The database's, if the operation cannot be read now.
async fn one(
    core: &Core,
    epoch: Epoch,
    operation: &Operation,
    mut ending: watch::Receiver<bool>,
) -> Result<Ended, Error> {
    let id = operation.id;
    let input = match core.read(move |reader| Ok(reader.operation_input(id)?)).await {
        Ok(input) => input,
        Err(error) => {
            // Not at once again: what is wrong with a database is seldom over in a moment.
            let _ = tokio::time::timeout(AGAIN, ending.wait_for(|&ending| ending)).await;
            return Err(error);
        }
    };
    tracing::info!(operation = id.0, kind = %operation.kind, name = operation.name, "at work");
    let job = Job::new(core, epoch, operation, input, ending);
    let ended = drive(&job, vms::plan(operation.kind)).await;
    tracing::info!(operation = id.0, ?ended, "left");
    Ok(ended)
}
