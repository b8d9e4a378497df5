//! Operations and their steps.

use super::{Reader, Result, Writer};
use crate::model::{
    Operation, OperationId, OperationKind, OperationState, Progress, StepState, UserId, VmId,
};
use serde_json::Value;

/// An operation about to be accepted.
pub struct NewOperation<'a> {
    /// What it does.
    pub kind: OperationKind,
    /// To which machine.
    pub vm: VmId,
    /// The machine's name.
    pub vm_name: &'a str,
    /// Whose machine.
    pub owner: UserId,
    /// Who asks.
    pub actor: UserId,
    /// What its steps need to know.
    pub input: &'a Value,
    /// Number of its steps.
    pub step_count: usize,
}

/// Which operations to list, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct OperationFilter {
    /// Only those on this user's machines.
    pub owner: Option<UserId>,
    /// Only those that are not final.
    pub active: bool,
    /// Only ids below this one: the next page.
    pub before: Option<OperationId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

/// A step as the engine needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// Name.
    pub name: String,
    /// State.
    pub state: StepState,
    /// What it left for later steps and for its undo.
    pub output: Value,
}

impl Reader<'_> {
    /// One operation with its steps.
    pub fn operation(&self, id: OperationId) -> Result<Option<Operation>> {
        let _ = id;
        todo!()
    }
    /// Operations with their steps, newest first.
    pub fn operations(&self, filter: OperationFilter) -> Result<Vec<Operation>> {
        let _ = filter;
        todo!()
    }
    /// The input an operation was accepted with.
    pub fn operation_input(&self, id: OperationId) -> Result<Value> {
        let _ = id;
        todo!()
    }
    /// An operation's steps begun so far, in order.
    pub fn step_records(&self, id: OperationId) -> Result<Vec<StepRecord>> {
        let _ = id;
        todo!()
    }
}

impl Writer<'_> {
    /// Accepts an operation as queued. `Busy` if the machine has one that is not final.
    pub fn insert_operation(&self, operation: &NewOperation<'_>) -> Result<OperationId> {
        let _ = operation;
        todo!()
    }
    /// Moves an operation on; a final state stamps `finished_at` and clears the progress.
    pub fn set_operation_state(
        &self,
        id: OperationId,
        state: OperationState,
        error: Option<&str>,
    ) -> Result<()> {
        let _ = (id, state, error);
        todo!()
    }
    /// Asks for an operation to be cancelled. False if it is final already.
    pub fn request_cancel(&self, id: OperationId) -> Result<bool> {
        let _ = id;
        todo!()
    }
    /// Begins step `index` (or begins it again after a crash).
    pub fn begin_step(&self, id: OperationId, index: usize, name: &str) -> Result<()> {
        let _ = (id, index, name);
        todo!()
    }
    /// Ends a step: its state, what it leaves, what went wrong.
    pub fn end_step(
        &self,
        id: OperationId,
        index: usize,
        state: StepState,
        output: &Value,
        error: Option<&str>,
    ) -> Result<()> {
        let _ = (id, index, state, output, error);
        todo!()
    }
    /// Notes how far the running step is.
    pub fn set_progress(&self, id: OperationId, progress: Option<Progress>) -> Result<()> {
        let _ = (id, progress);
        todo!()
    }
}
