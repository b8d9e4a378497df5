//! What can be done to a machine that exists, as steps.

use super::steps::{
    Pause, PowerOff, PowerOn, Prepare, Reachable, Resume, ShutDown, Undefine, Volumes, machine,
};
use crate::core::log;
use crate::core::operations::{Job, Plan, Recovery, Step, Work};
use crate::model::{Operation, OperationState, VmStatus};
use crate::store::{self, Writer};
use serde_json::Value;

/// On.
pub static START: Plan = Plan {
    steps: &[&Prepare, &PowerOn, &Reachable],
    recovery: Recovery::Backward,
    settle: settle_on,
};

/// Off, by the guest's own doing.
pub static STOP: Plan = Plan {
    steps: &[&ShutDown],
    recovery: Recovery::Backward,
    settle: settle_off,
};

/// Off, by cutting the power.
pub static KILL: Plan = Plan {
    steps: &[&PowerOff],
    recovery: Recovery::Backward,
    settle: settle_off,
};

/// Off and on again. A guest that does not power off runs on, and the operation says so.
pub static RESTART: Plan = Plan {
    steps: &[&ShutDown, &Prepare, &PowerOn, &Reachable],
    recovery: Recovery::Backward,
    settle: settle_on,
};

/// Halted.
pub static PAUSE: Plan = Plan {
    steps: &[&Pause],
    recovery: Recovery::Backward,
    settle: settle_paused,
};

/// Going on.
pub static RESUME: Plan = Plan {
    steps: &[&Resume],
    recovery: Recovery::Backward,
    settle: settle_on,
};

/// Gone, with everything it had.
pub static DESTROY: Plan = Plan {
    steps: &[&Mark, &PowerOff, &Undefine, &Volumes, &Remove],
    recovery: Recovery::Forward,
    settle: settle_destroy,
};

/// The machine runs.
pub fn settle_on(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    settle(writer, operation, VmStatus::Running)
}

fn settle_off(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    settle(writer, operation, VmStatus::Stopped)
}

fn settle_paused(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    settle(writer, operation, VmStatus::Paused)
}

/// Notes what the operation made of the machine, so that the reconciler does not take it for a
/// change from outside. After a failure libvirt says what is.
fn settle(writer: &Writer<'_>, operation: &Operation, status: VmStatus) -> store::Result<()> {
    if operation.state == OperationState::Done {
        writer.set_vm_status(operation.vm, status, None)?;
    }
    log::outcome(writer, operation)
}

/// A machine that could not be destroyed is no longer `destroying`: libvirt says what is left
/// of it, and it can be destroyed again.
fn settle_destroy(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    if operation.state != OperationState::Done && writer.vm(operation.vm)?.is_some() {
        writer.set_vm_status(operation.vm, VmStatus::Error, operation.error.as_deref())?;
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
            let id = job.vm;
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
