//! What happens to operations between two views: how fast they go, and which of them ended.
//!
//! A view holds only operations that are not final. One that is missing from the next view has
//! ended, and is looked up once, so that its result can be told.

use crate::core::View;
use crate::front::tui::event::Effect;
use crate::model::{Operation, OperationId, OperationKind, UserId, VmId};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// Most results that are waited for at once; further ones are seen in the list only.
const MOST: usize = 256;

/// How fast an operation's bytes go.
#[derive(Clone, Copy, Debug)]
struct Pace {
    at: Timestamp,
    done: u64,
    per_second: Option<f64>,
}

/// The operations this screen has in mind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    awaited: BTreeSet<OperationId>,
    paces: HashMap<OperationId, Pace>,
    /// Machines whose last graceful stop failed: they are offered force-off.
    stuck: BTreeSet<VmId>,
}

impl Work {
    /// Waits for the result of an operation that was just accepted.
    pub(crate) fn accepted(&mut self, id: OperationId) {
        if self.awaited.len() < MOST {
            self.awaited.insert(id);
        }
    }

    /// Compares a new view with what is in mind; looks up what ended.
    pub(crate) fn observe(&mut self, view: &View, me: UserId, now: Timestamp) -> Vec<Effect> {
        let active: BTreeSet<_> = view.operations.iter().map(|it| it.id).collect();
        let ended: Vec<_> = self.awaited.difference(&active).copied().collect();
        for id in &ended {
            self.awaited.remove(id);
        }
        for operation in view.operations.iter().filter(|it| it.actor == me) {
            self.accepted(operation.id);
            if let Some(vm) = operation.vm {
                self.stuck.remove(&vm);
            }
        }
        self.paces.retain(|id, _| active.contains(id));
        for operation in &view.operations {
            self.measure(operation, now);
        }
        ended.into_iter().map(Effect::LoadOperation).collect()
    }

    fn measure(&mut self, operation: &Operation, now: Timestamp) {
        let Some(progress) = operation.progress else {
            self.paces.remove(&operation.id);
            return;
        };
        let fresh = Pace {
            at: now,
            done: progress.done,
            per_second: None,
        };
        let pace = self.paces.entry(operation.id).or_insert(fresh);
        let seconds = now.duration_since(pace.at).as_secs_f64();
        if progress.done < pace.done {
            *pace = fresh;
        } else if seconds >= 0.2 {
            let measured = (progress.done - pace.done) as f64 / seconds;
            // Half old, half new: the figure can be read, and follows within a few views.
            let per_second = pace.per_second.map_or(measured, |old| (old + measured) / 2.0);
            *pace = Pace {
                at: now,
                done: progress.done,
                per_second: Some(per_second),
            };
        }
    }

    /// Bytes per second of an operation, once they have been measured.
    pub(crate) fn rate(&self, id: OperationId) -> Option<f64> {
        self.paces.get(&id)?.per_second.filter(|rate| *rate >= 1.0)
    }

    /// An operation failed.
    pub(crate) fn failed(&mut self, operation: &Operation) {
        let stops = matches!(operation.kind, OperationKind::Stop | OperationKind::Restart);
        // A restart whose guest powered off, and then did not become ready.
        if stops && !operation.kept() && self.stuck.len() < MOST {
            self.stuck.extend(operation.vm);
        }
    }

    /// Whether a machine's last graceful stop failed.
    pub(crate) fn is_stuck(&self, vm: VmId) -> bool {
        self.stuck.contains(&vm)
    }
}

/// What an operation has done, when it is done.
pub(crate) fn past(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "created and started",
        OperationKind::Start => "started",
        OperationKind::Stop => "powered off",
        OperationKind::Kill => "forced off",
        OperationKind::Restart => "restarted",
        OperationKind::Pause => "paused",
        OperationKind::Resume => "resumed",
        OperationKind::Destroy => "destroyed; nothing of it is left",
        OperationKind::Pull => "on this host",
    }
}

/// What an operation is doing.
pub(crate) fn present(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "creating",
        OperationKind::Start => "starting",
        OperationKind::Stop => "stopping",
        OperationKind::Kill => "forcing off",
        OperationKind::Restart => "restarting",
        OperationKind::Pause => "pausing",
        OperationKind::Resume => "resuming",
        OperationKind::Destroy => "destroying",
        OperationKind::Pull => "downloading",
    }
}

/// How much of an operation is done, 0 to 1: whole steps, and the bytes of the running one.
pub(crate) fn fraction(operation: &Operation) -> f64 {
    let steps = operation.step_count.max(operation.steps.len()).max(1) as f64;
    let begun = operation.steps.len().saturating_sub(1) as f64;
    let within = operation
        .progress
        .and_then(|it| Some(it.done as f64 / it.total.filter(|&all| all > 0)? as f64));
    ((begun + within.unwrap_or(0.0).clamp(0.0, 1.0)) / steps).clamp(0.0, 1.0)
}
