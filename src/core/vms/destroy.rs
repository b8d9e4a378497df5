//! Destroying a machine: what cannot be taken back, and so is gone on with.

use super::files::Files;
use super::steps::{PowerOff, machine, remove};
use crate::core::log;
use crate::core::operations::{Job, Plan, Recovery, Step, Work};
use crate::model::{Operation, OperationState, VmStatus};
use crate::store::{self, Writer};
use serde_json::Value;

/// Destruction, step by step.
pub static PLAN: Plan = Plan {
    steps: &[&Mark, &PowerOff, &Undefine, &Volumes, &Remove],
    recovery: Recovery::Forward,
    settle,
};

/// A machine that could not be destroyed is no longer `destroying`: libvirt says what is left
/// of it, and it can be destroyed again.
fn settle(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    if operation.state != OperationState::Done
        && let Some(vm) = operation.vm
        && writer.vm(vm)?.is_some()
    {
        writer.set_vm_status(vm, VmStatus::Error, operation.error.as_deref())?;
    }
    log::outcome(writer, operation)
}

/// The row says that the machine is going.
struct Mark;

impl Step for Mark {
    fn name(&self) -> &'static str {
        "mark"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let id = machine(job).await?.id;
            job.write(move |writer| Ok(writer.set_vm_status(id, VmStatus::Destroying, None)?))
                .await?;
            Ok(Value::Null)
        })
    }

    /// Settled when the operation ends.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The row becomes a tombstone.
struct Remove;

impl Step for Remove {
    fn name(&self) -> &'static str {
        "remove"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let id = job.vm()?;
            job.write(move |writer| match writer.vm(id)? {
                Some(_) => Ok(writer.remove_vm(id)?),
                None => Ok(()),
            })
            .await?;
            Ok(Value::Null)
        })
    }

    /// The last step: what is done is done.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The domain is gone from libvirt.
struct Undefine;

impl Step for Undefine {
    fn name(&self) -> &'static str {
        "undefine"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            remove(job, machine(job).await?.uuid).await?;
            Ok(Value::Null)
        })
    }

    /// Destroying is not undone: it is gone on with.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Disk, seed and logs are gone from the pool.
struct Volumes;

impl Step for Volumes {
    fn name(&self) -> &'static str {
        "volumes"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let files = Files::of(&machine(job).await?);
            job.call("delete a machine's volumes", move |it| {
                files
                    .among(&it.volumes()?)
                    .iter()
                    .try_for_each(|name| it.delete_volume(name))
            })
            .await?;
            Ok(Value::Null)
        })
    }

    /// Destroying is not undone: it is gone on with.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
