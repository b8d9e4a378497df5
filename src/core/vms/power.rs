//! What can be done to a machine that exists, as steps.

use super::steps::{Pause, PowerOff, PowerOn, Prepare, Reachable, Resume, ShutDown};
use crate::core::log;
use crate::core::operations::{Plan, Recovery};
use crate::model::{Operation, OperationState, VmStatus};
use crate::store::{self, Writer};

/// On.
pub static START: Plan = Plan {
    steps: &[&Prepare { room: true }, &PowerOn, &Reachable],
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
    steps: &[&ShutDown, &Prepare { room: false }, &PowerOn, &Reachable],
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
