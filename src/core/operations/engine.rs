//! Runs one operation: its steps in order, or their undoing in reverse.
//!
//! What is durable when: a step's beginning before it acts, its end after it acted, and the
//! operation's end together with everything that depends on it, in one transaction. Killed in
//! between, the next keeper does the step that had begun again; so every step and every undo
//! must bear being done twice.

use super::plan::{Job, Plan, Recovery, Stop, Work};
use crate::core::Error;
use crate::hypervisor;
use crate::model::{OperationState, Progress, StepState, text};
use crate::store::{self, StepRecord, Writer};
use serde_json::Value;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

/// How long a step is tried again while the hypervisor is away or silent, before it fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// How often a forward-only step is tried before its operation fails.
const FORWARD_TRIES: u32 = 4;
/// How often progress is written down.
const PROGRESS_EVERY: Duration = Duration::from_millis(300);

/// How driving an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// In a final state.
    Final,
    /// The keeper gave it up where it stands; the next one goes on.
    HandedOver,
}

/// Drives an operation on from wherever it stands until it is final or the keeper ends.
pub async fn drive(job: &Job, plan: &Plan) -> Ended {
    match (Driver { job, plan }).drive().await {
        Ok(()) => Ended::Final,
        Err(HandOver) => {
            job.await_calls().await;
            Ended::HandedOver
        }
    }
}

struct HandOver;

struct Driver<'a> {
    job: &'a Job,
    plan: &'a Plan,
}

impl Driver<'_> {
    async fn drive(&self) -> Result<(), HandOver> {
        let id = self.job.id;
        let (state, error, records) = self
            .persist("read an operation", move |writer| {
                let operation = writer.operation(id)?.ok_or(store::Error::Missing("operation"))?;
                Ok((operation.state, operation.error, writer.step_records(id)?))
            })
            .await?;
        match state {
            OperationState::Undoing => {
                let cancelled = error.is_none();
                self.unwind(records, error, cancelled).await
            }
            state if state.is_final() => Ok(()),
            _ => self.advance(records).await,
        }
    }

    async fn advance(&self, mut records: Vec<StepRecord>) -> Result<(), HandOver> {
        let first = records
            .iter()
            .position(|it| it.state != StepState::Done)
            .unwrap_or(records.len());
        let id = self.job.id;
        self.persist("begin an operation", move |writer| {
            writer.set_operation_state(id, OperationState::Running, None)
        })
        .await?;
        for (index, step) in self.plan.steps.iter().enumerate().skip(first) {
            if self.job.cancel_requested() && self.may_cancel(index) {
                return self.unwind(records, None, true).await;
            }
            let name = step.name();
            self.persist("begin a step", move |writer| writer.begin_step(id, index, name))
                .await?;
            let noted = records.get(index).map_or(Value::Null, |it| it.output.clone());
            records.truncate(index);
            let before = records.iter().map(|it| (it.name.clone(), it.output.clone()));
            self.job.enter_step(index, noted, before.collect());
            let result = self.run_step(index).await;
            records.push(StepRecord {
                name: name.to_owned(),
                state: StepState::Running,
                output: self.job.noted(),
            });
            let keeps = matches!(result, Err(Stop::Kept(_)));
            match result {
                Ok(output) => {
                    records[index].state = StepState::Done;
                    records[index].output = output.clone();
                    let remark = self.job.take_remark();
                    self.persist("end a step", move |writer| {
                        writer.end_step(id, index, StepState::Done, &output, remark.as_deref())
                    })
                    .await?;
                }
                Err(Stop::HandOver) => return Err(HandOver),
                Err(Stop::Cancelled) => return self.unwind(records, None, true).await,
                Err(Stop::Failed(error) | Stop::Kept(error)) => {
                    let reason = error.to_string();
                    let (kept, noted) = (reason.clone(), self.job.noted());
                    self.persist("end a step", move |writer| {
                        writer.end_step(id, index, StepState::Failed, &noted, Some(&kept))
                    })
                    .await?;
                    return match (self.plan.recovery, keeps) {
                        (Recovery::Backward, false) => self.unwind(records, Some(reason), false).await,
                        _ => self.finish(OperationState::Failed, Some(reason)).await,
                    };
                }
            }
        }
        self.finish(OperationState::Done, None).await
    }

    /// A forward-only operation that has begun is past the point of return.
    fn may_cancel(&self, index: usize) -> bool {
        self.plan.recovery == Recovery::Backward || index == 0
    }

    /// Runs a step, and again while the hypervisor is away.
    async fn run_step(&self, index: usize) -> Result<Value, Stop> {
        let began = tokio::time::Instant::now();
        let mut wait = RETRY.0;
        let mut tries = 0;
        loop {
            let result = self
                .with_progress(index, contained(self.plan.steps[index].run(self.job)))
                .await;
            tries += 1;
            let Err(Stop::Failed(error)) = result else {
                return result;
            };
            let again = match (&error, self.plan.recovery) {
                (Error::Hypervisor(it), _) if is_away(it) => began.elapsed() < PATIENCE,
                (_, Recovery::Forward) => tries < FORWARD_TRIES,
                _ => false,
            };
            if !again {
                return Err(Stop::Failed(error));
            }
            tracing::warn!(operation = self.job.id.0, step = self.plan.steps[index].name(), %error, "trying again");
            self.job.pause(wait).await?;
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Writes the step's progress and remarks down while it runs.
    async fn with_progress(
        &self,
        index: usize,
        work: impl Future<Output = Result<Value, Stop>>,
    ) -> Result<Value, Stop> {
        let mut tick = tokio::time::interval(PROGRESS_EVERY);
        tick.tick().await;
        let mut written: Option<Progress> = None;
        let mut remarked: Option<String> = None;
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => {
                    self.job.set_progress(None);
                    if written.is_some() {
                        self.write_progress(None).await;
                    }
                    return result;
                }
                _ = tick.tick() => {
                    let progress = self.job.progress();
                    if progress != written {
                        written = progress;
                        self.write_progress(progress).await;
                    }
                    let remark = self.job.current_remark();
                    if remark != remarked {
                        self.write_remark(index, remark.as_deref().unwrap_or_default()).await;
                        remarked = remark;
                    }
                }
            }
        }
    }

    /// Progress that cannot be written is no reason to let go of a step in the middle.
    async fn write_progress(&self, progress: Option<Progress>) {
        let id = self.job.id;
        let written = self
            .job
            .write(move |writer| Ok(writer.set_progress(id, progress)?))
            .await;
        if let Err(stop) = written {
            tracing::debug!(operation = id.0, ?stop, "progress was not written");
        }
    }

    /// As [`Self::write_progress`].
    async fn write_remark(&self, index: usize, remark: &str) {
        let (id, remark) = (self.job.id, remark.to_owned());
        let written = self
            .job
            .write(move |writer| Ok(writer.remark_step(id, index, &remark)?))
            .await;
        if let Err(stop) = written {
            tracing::debug!(operation = id.0, ?stop, "a remark was not written");
        }
    }

    /// Undoes every step that had begun, last first. An undo that fails is tried again, however
    /// long it takes: what it would leave behind belongs to nobody.
    async fn unwind(
        &self,
        records: Vec<StepRecord>,
        reason: Option<String>,
        cancelled: bool,
    ) -> Result<(), HandOver> {
        let id = self.job.id;
        let kept = reason.clone();
        self.persist("begin to undo", move |writer| {
            writer.set_operation_state(id, OperationState::Undoing, kept.as_deref())
        })
        .await?;
        for (index, record) in records.iter().enumerate().rev() {
            if record.state == StepState::Undone {
                continue;
            }
            self.undo_step(index, record).await?;
            let output = record.output.clone();
            self.persist("end an undo", move |writer| {
                writer.end_step(id, index, StepState::Undone, &output, None)
            })
            .await?;
        }
        let state = if cancelled {
            OperationState::Cancelled
        } else {
            OperationState::Failed
        };
        self.finish(state, reason).await
    }

    async fn undo_step(&self, index: usize, record: &StepRecord) -> Result<(), HandOver> {
        let Some(step) = self.plan.steps.get(index) else {
            return Ok(());
        };
        let mut wait = RETRY.0;
        loop {
            let error = match contained(step.undo(self.job, &record.output)).await {
                Ok(()) => return Ok(()),
                Err(Stop::HandOver) => return Err(HandOver),
                // A cancel of what is being undone asks for what is happening already.
                Err(Stop::Cancelled) => Error::Internal("an undo stopped for a cancel".to_owned()),
                Err(Stop::Failed(error) | Stop::Kept(error)) => error,
            };
            tracing::warn!(operation = self.job.id.0, step = step.name(), %error, "undoing failed; trying again");
            let id = self.job.id;
            let shown = format!("undoing failed, trying again: {error}");
            let output = record.output.clone();
            self.persist("note an undo's failure", move |writer| {
                writer.end_step(id, index, StepState::Failed, &output, Some(&shown))
            })
            .await?;
            if let Err(Stop::HandOver) = self.job.pause_undoing(wait).await {
                return Err(HandOver);
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    async fn finish(&self, state: OperationState, error: Option<String>) -> Result<(), HandOver> {
        let id = self.job.id;
        let settle = self.plan.settle;
        self.persist("finish an operation", move |writer| {
            writer.set_operation_state(id, state, error.as_deref())?;
            let operation = writer.operation(id)?.ok_or(store::Error::Missing("operation"))?;
            settle(writer, &operation)
        })
        .await
    }

    /// Writes the operation's state down. A database that is locked or full is waited for: work
    /// that cannot be recorded is not gone on with.
    async fn persist<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl Fn(&Writer<'_>) -> store::Result<T> + Clone + Send + 'static,
    ) -> Result<T, HandOver> {
        let mut wait = RETRY.0;
        loop {
            let once = job.clone();
            let error = match self.job.write(move |writer| Ok(once(writer)?)).await {
                Ok(value) => {
                    self.job.report_database(None);
                    return Ok(value);
                }
                Err(Stop::HandOver) => return Err(HandOver),
                Err(Stop::Cancelled) => continue,
                Err(Stop::Failed(error) | Stop::Kept(error)) => error,
            };
            tracing::error!(operation = self.job.id.0, what, %error, "cannot record; trying again");
            self.job
                .report_database(Some(format!("operations stand still: {what}: {error}")));
            if let Err(Stop::HandOver) = self.job.pause_undoing(wait).await {
                return Err(HandOver);
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }
}

/// A defect that panics fails its step and not the operation's task, so that what was begun is
/// still undone.
async fn contained<T>(mut work: Work<'_, T>) -> Result<T, Stop> {
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))).unwrap_or_else(|panic| {
            let defect = text::of_panic(panic.as_ref());
            Poll::Ready(Err(Stop::Failed(Error::Internal(defect))))
        })
    })
    .await
}

/// Whether the hypervisor may be back in a moment.
fn is_away(error: &hypervisor::Error) -> bool {
    matches!(
        error,
        hypervisor::Error::Unavailable { .. } | hypervisor::Error::Unresponsive { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_panics_fails_and_takes_nobody_with_it() {
        let defect: Work<'_, ()> = Box::pin(async { panic!("for the story") });
        let Err(Stop::Failed(error)) = contained(defect).await else {
            panic!("it fails")
        };
        assert!(error.to_string().contains("for the story"), "{error}");
        let well: Work<'_, u8> = Box::pin(async {
            tokio::task::yield_now().await;
            Ok(7)
        });
        assert!(matches!(contained(well).await, Ok(7)));
    }
}
