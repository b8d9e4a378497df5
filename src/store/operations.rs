//! Operations and their steps.

use super::query::{integer, json, optional_time, time, unsigned, word};
use super::{Error, Reader, Result, Writer};
use crate::model::{
    Operation, OperationId, OperationKind, OperationState, Progress, Step, StepState, UserId, VmId,
};
use rusqlite::{Row, params};
use serde_json::Value;

const COLUMNS: &str = "id, kind, vm, name, owner, actor, state, error, step_count, progress_done, \
                       progress_total, cancel_requested, created_at, finished_at";

/// An operation about to be accepted.
pub struct NewOperation<'a> {
    /// What it does.
    pub kind: OperationKind,
    /// To which machine; `None` for an image.
    pub vm: Option<VmId>,
    /// The machine's name, or the image's id.
    pub name: &'a str,
    /// Whose machine, or who asks.
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
    /// Only those on this user's machines, and the downloads of images, which are everybody's.
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
        let found = self.row(
            "reading an operation",
            &format!("SELECT {COLUMNS} FROM operations WHERE id = ?1"),
            [id.0],
            operation,
        )?;
        found.map(|found| self.with_steps(found)).transpose()
    }
    /// Operations with their steps, newest first.
    pub fn operations(&self, filter: OperationFilter) -> Result<Vec<Operation>> {
        let mut conditions = String::from("id < ?1");
        if filter.active {
            // The index of unfinished operations is the smallest there is.
            conditions.push_str(" AND finished_at IS NULL");
        }
        conditions.push_str(match filter.owner {
            Some(_) => " AND (owner = ?3 OR kind = 'pull')",
            None => " AND ?3 IS NULL",
        });
        let found = self.rows(
            "listing operations",
            &format!("SELECT {COLUMNS} FROM operations WHERE {conditions} ORDER BY id DESC LIMIT ?2"),
            params![
                filter.before.map_or(i64::MAX, |before| before.0),
                if filter.limit == 0 { 100 } else { filter.limit },
                filter.owner.map(|owner| owner.0)
            ],
            operation,
        )?;
        found.into_iter().map(|found| self.with_steps(found)).collect()
    }
    /// The newest operation on a machine.
    pub fn last_operation(&self, vm: VmId) -> Result<Option<Operation>> {
        let found = self.row(
            "reading a machine's last operation",
            &format!("SELECT {COLUMNS} FROM operations WHERE vm = ?1 ORDER BY id DESC LIMIT 1"),
            [vm.0],
            operation,
        )?;
        found.map(|found| self.with_steps(found)).transpose()
    }
    /// The operation on an image that is not final.
    pub fn unfinished_on_image(&self, image: &str) -> Result<Option<OperationId>> {
        let found = self.row(
            "looking for an operation on an image",
            "SELECT id FROM operations WHERE finished_at IS NULL AND vm IS NULL AND name = ?1",
            [image],
            |row| row.get(0),
        )?;
        Ok(found.map(OperationId))
    }
    /// The input an operation was accepted with; null once it is final.
    pub fn operation_input(&self, id: OperationId) -> Result<Value> {
        let input = self.row(
            "reading an operation's input",
            "SELECT input FROM operations WHERE id = ?1",
            [id.0],
            |row| json(row, "input"),
        )?;
        input.ok_or(Error::Missing("operation"))
    }
    /// An operation's steps begun so far, in order.
    pub fn step_records(&self, id: OperationId) -> Result<Vec<StepRecord>> {
        self.rows(
            "reading an operation's steps",
            "SELECT name, state, output FROM steps WHERE operation = ?1 ORDER BY position",
            [id.0],
            |row| {
                Ok(StepRecord {
                    name: row.get("name")?,
                    state: word(row, "state", StepState::parse)?,
                    output: json(row, "output")?,
                })
            },
        )
    }

    fn with_steps(&self, mut operation: Operation) -> Result<Operation> {
        operation.steps = self.rows(
            "reading an operation's steps",
            "SELECT name, state, started_at, finished_at, error FROM steps WHERE operation = ?1
             ORDER BY position",
            [operation.id.0],
            |row| {
                Ok(Step {
                    name: row.get("name")?,
                    state: word(row, "state", StepState::parse)?,
                    started_at: time(row, "started_at")?,
                    finished_at: optional_time(row, "finished_at")?,
                    error: row.get("error")?,
                })
            },
        )?;
        Ok(operation)
    }
}

impl Writer<'_> {
    /// Accepts an operation as queued. `Busy` if the machine or the image has one that is not final.
    pub fn insert_operation(&self, operation: &NewOperation<'_>) -> Result<OperationId> {
        let unfinished = self.row(
            "looking for an operation",
            "SELECT id FROM operations
             WHERE finished_at IS NULL AND vm IS ?1 AND (?1 IS NOT NULL OR name = ?2)",
            params![operation.vm.map(|vm| vm.0), operation.name],
            |row| row.get(0),
        )?;
        if let Some(id) = unfinished {
            return Err(Error::Busy(OperationId(id)));
        }
        let id = self.insert(
            "accepting an operation",
            "INSERT INTO operations (kind, vm, name, owner, actor, state, input, step_count,
                                     cancel_requested, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)",
            params![
                operation.kind.as_str(),
                operation.vm.map(|vm| vm.0),
                operation.name,
                operation.owner.0,
                operation.actor.0,
                OperationState::Queued.as_str(),
                operation.input.to_string(),
                integer(operation.step_count as u64),
                self.now_ms()
            ],
        )?;
        Ok(OperationId(id))
    }
    /// Moves an operation on; a final state stamps `finished_at`, clears the progress and forgets
    /// the input: nothing needs it any more, and a creation's has a password's hash. An error
    /// noted before stays unless there is a new one. A final operation moves no more: it is
    /// `Missing("unfinished operation")`.
    pub fn set_operation_state(
        &self,
        id: OperationId,
        state: OperationState,
        error: Option<&str>,
    ) -> Result<()> {
        let finished_at = state.is_final().then(|| self.now_ms());
        self.change_one(
            "unfinished operation",
            "moving an operation on",
            "UPDATE operations
             SET state = ?2, error = ifnull(?3, error), finished_at = ?4,
                 input = iif(?4 IS NULL, input, 'null'),
                 progress_done = iif(?4 IS NULL, progress_done, NULL),
                 progress_total = iif(?4 IS NULL, progress_total, NULL)
             WHERE id = ?1 AND finished_at IS NULL",
            params![id.0, state.as_str(), error, finished_at],
        )
    }
    /// Asks for an operation to be cancelled. False if it is final already.
    pub fn request_cancel(&self, id: OperationId) -> Result<bool> {
        let changed = self.change(
            "asking for an operation to be cancelled",
            "UPDATE operations SET cancel_requested = 1 WHERE id = ?1 AND finished_at IS NULL",
            [id.0],
        )?;
        if changed == 0
            && !self.exists(
                "looking for an operation",
                "SELECT 1 FROM operations WHERE id = ?1",
                [id.0],
            )?
        {
            return Err(Error::Missing("operation"));
        }
        Ok(changed > 0)
    }
    /// Begins step `index` (or begins it again after a crash, or to undo it: what it left stays, and
    /// what runs already goes on).
    pub fn begin_step(&self, id: OperationId, index: usize, name: &str) -> Result<()> {
        self.change(
            "beginning a step",
            "INSERT INTO steps (operation, position, name, state, output, started_at)
             VALUES (?1, ?2, ?3, ?4, 'null', ?5)
             ON CONFLICT (operation, position) DO UPDATE
             SET name = excluded.name, state = excluded.state, error = NULL, finished_at = NULL,
                 started_at = iif(steps.state = excluded.state, steps.started_at, excluded.started_at)",
            params![
                id.0,
                integer(index as u64),
                name,
                StepState::Running.as_str(),
                self.now_ms()
            ],
        )?;
        Ok(())
    }
    /// Ends a step: its state, what it leaves, what went wrong.
    #[expect(
        clippy::too_many_arguments,
        reason = "which step, and all that is known at its end; a struct would be made for one call"
    )]
    pub fn end_step(
        &self,
        id: OperationId,
        index: usize,
        state: StepState,
        output: &Value,
        error: Option<&str>,
    ) -> Result<()> {
        self.change_one(
            "step",
            "ending a step",
            "UPDATE steps SET state = ?3, output = ?4, error = ?5, finished_at = ?6
             WHERE operation = ?1 AND position = ?2",
            params![
                id.0,
                integer(index as u64),
                state.as_str(),
                output.to_string(),
                error,
                self.now_ms()
            ],
        )
    }
    /// Notes what the running step found or made so far, for its undo and for doing it again.
    pub fn note_step(&self, id: OperationId, index: usize, output: &Value) -> Result<()> {
        self.change_one(
            "step",
            "noting what a step left",
            "UPDATE steps SET output = ?3 WHERE operation = ?1 AND position = ?2",
            params![id.0, integer(index as u64), output.to_string()],
        )
    }
    /// Notes a remark on the running step.
    pub fn remark_step(&self, id: OperationId, index: usize, remark: &str) -> Result<()> {
        self.change_one(
            "step",
            "noting a step's remark",
            "UPDATE steps SET error = ?3 WHERE operation = ?1 AND position = ?2",
            params![id.0, integer(index as u64), remark],
        )
    }
    /// Notes how far the running step is.
    pub fn set_progress(&self, id: OperationId, progress: Option<Progress>) -> Result<()> {
        self.change_one(
            "unfinished operation",
            "noting an operation's progress",
            "UPDATE operations SET progress_done = ?2, progress_total = ?3
             WHERE id = ?1 AND finished_at IS NULL",
            params![
                id.0,
                progress.map(|progress| integer(progress.done)),
                progress.and_then(|progress| progress.total).map(integer)
            ],
        )
    }
}

/// An operation whose steps are yet to be read.
fn operation(row: &Row<'_>) -> rusqlite::Result<Operation> {
    let step_count = unsigned(row, "step_count")?;
    let counted: Option<i64> = row.get("progress_done")?;
    let total: Option<i64> = row.get("progress_total")?;
    Ok(Operation {
        id: OperationId(row.get("id")?),
        kind: word(row, "kind", OperationKind::parse)?,
        vm: row.get::<_, Option<i64>>("vm")?.map(VmId),
        name: row.get("name")?,
        owner: UserId(row.get("owner")?),
        actor: UserId(row.get("actor")?),
        state: word(row, "state", OperationState::parse)?,
        error: row.get("error")?,
        steps: Vec::new(),
        step_count: usize::try_from(step_count).unwrap_or(usize::MAX),
        progress: counted.map(|done| Progress {
            done: done.unsigned_abs(),
            total: total.map(i64::unsigned_abs),
        }),
        cancel_requested: row.get("cancel_requested")?,
        created_at: time(row, "created_at")?,
        finished_at: optional_time(row, "finished_at")?,
    })
}
