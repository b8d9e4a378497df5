//! What can be done to a machine that exists, as steps.

use super::ready::Ready;
use super::steps::{Pause, PowerOff, PowerOn, Prepare, Resume, ShutDown};
use crate::core::log;
use crate::core::operations::{Plan, Recovery};
use crate::model::{Operation, OperationState, VmStatus};
use crate::store::{self, Writer};

/// On.
pub static START: Plan = Plan {
    steps: &[&Prepare { room: true }, &PowerOn, &Ready],
    recovery: Recovery::Backward,
    settle: settle_ready,
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
    steps: &[&ShutDown, &Prepare { room: false }, &PowerOn, &Ready],
    recovery: Recovery::Backward,
    settle: settle_ready,
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
    settle: settle_resumed,
};

/// The guest is ready; or it never became so, and stays as it is for whoever wants to see why.
pub fn settle_ready(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    match operation.vm {
        Some(vm) if operation.kept() => {
            let reason = operation.error.as_deref();
            writer.set_vm_unready(vm, reason)?;
            writer.set_vm_status(vm, VmStatus::Error, reason)?;
        }
        _ => forget_unready(writer, operation)?,
    }
    settle(writer, operation, VmStatus::Running)
}

fn settle_off(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    forget_unready(writer, operation)?;
    settle(writer, operation, VmStatus::Stopped)
}

fn forget_unready(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    match operation.vm {
        Some(vm) if operation.state == OperationState::Done => writer.set_vm_unready(vm, None),
        _ => Ok(()),
    }
}

/// A pause makes no guest ready.
fn settle_resumed(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    let row = operation.vm.map(|vm| writer.vm(vm)).transpose()?.flatten();
    match row.and_then(|row| Some((row.id, row.unready?))) {
        Some((vm, reason)) if operation.state == OperationState::Done => {
            writer.set_vm_status(vm, VmStatus::Error, Some(&reason))?;
            log::outcome(writer, operation)
        }
        _ => settle(writer, operation, VmStatus::Running),
    }
}

fn settle_paused(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    settle(writer, operation, VmStatus::Paused)
}

/// Notes what the operation made of the machine, so that the reconciler does not take it for a
/// change from outside. After a failure libvirt says what is.
fn settle(writer: &Writer<'_>, operation: &Operation, status: VmStatus) -> store::Result<()> {
    if operation.state == OperationState::Done
        && let Some(vm) = operation.vm
    {
        writer.set_vm_status(vm, status, None)?;
    }
    log::outcome(writer, operation)
}
