//! Operations: slow work as rows, made of named steps, each of which can be undone.

use super::ids::{OperationId, UserId, VmId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an operation does to a machine, or to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Make a machine and start it.
    Create,
    /// Power it on.
    Start,
    /// Ask the guest to power off.
    Stop,
    /// Cut its power.
    Kill,
    /// Ask the guest to reboot; stop and start if it does not.
    Restart,
    /// Halt its processors.
    Pause,
    /// Let its processors go on.
    Resume,
    /// Remove it and everything it has.
    Destroy,
    /// Download an image of the catalogue.
    Pull,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [OperationKind; 9] = [
        Self::Create,
        Self::Start,
        Self::Stop,
        Self::Kill,
        Self::Restart,
        Self::Pause,
        Self::Resume,
        Self::Destroy,
        Self::Pull,
    ];

    /// The word the database and scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Destroy => "destroy",
            Self::Pull => "pull",
        }
    }

    /// Whether it works on an image and not on a machine.
    pub fn is_on_image(self) -> bool {
        self == Self::Pull
    }

    /// The kind a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// Accepted; no keeper has begun it.
    Queued,
    /// Its steps are being done.
    Running,
    /// A step failed or somebody cancelled: what was done is being undone.
    Undoing,
    /// Every step is done.
    Done,
    /// A step failed; `error` says why; everything done before it is undone, unless the operation
    /// keeps what stands ([`Operation::kept`]).
    Failed,
    /// Cancelled on request; everything is undone.
    Cancelled,
}

impl OperationState {
    /// Every state.
    pub const ALL: [OperationState; 6] = [
        Self::Queued,
        Self::Running,
        Self::Undoing,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word the database and scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for OperationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Begun; a crash here leaves it to be done again, so a step must bear that.
    Running,
    /// Done; its output, if any, is kept.
    Done,
    /// Undone.
    Undone,
    /// Failed; being or to be undone like one that was done, or the end of an operation that keeps
    /// what stands.
    Failed,
}

impl StepState {
    /// The word the database uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Failed => "failed",
        }
    }

    /// The state a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Undone, Self::Failed]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

/// How far a step is; what the counters count is bytes unless `total` is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, if known.
    pub total: Option<u64>,
}

/// A step of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its stable name (`volume`, `seed`, `define` …).
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What went wrong, at doing or undoing; before that and on a step that is done, a remark.
    pub error: Option<String>,
}

/// An operation's row with its steps so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Row.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// To which machine; `None` if it works on an image.
    pub vm: Option<VmId>,
    /// The machine's name at the time (the machine may be gone), or the image's id.
    pub name: String,
    /// Whose machine it is; of an image's, who asked.
    pub owner: UserId,
    /// Who asked.
    pub actor: UserId,
    /// Where it stands.
    pub state: OperationState,
    /// Why it failed, was cancelled or is being undone, in words.
    pub error: Option<String>,
    /// Steps begun so far, in order.
    pub steps: Vec<Step>,
    /// Number of steps it has in all.
    pub step_count: usize,
    /// How far the running step is, if it counts.
    pub progress: Option<Progress>,
    /// Somebody asked for it to be cancelled.
    pub cancel_requested: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
}

impl Step {
    /// What is to be said of it while it runs and when it is done: how far it is, what was special.
    pub fn remark(&self) -> Option<&str> {
        let goes_well = matches!(self.state, StepState::Running | StepState::Done);
        self.error.as_deref().filter(|it| goes_well && !it.is_empty())
    }

    /// What went wrong, at doing or undoing.
    pub fn failure(&self) -> Option<&str> {
        let goes_well = matches!(self.state, StepState::Running | StepState::Done);
        self.error.as_deref().filter(|_| !goes_well)
    }
}

impl Operation {
    /// Whether it failed and what its steps did was kept, not undone.
    pub fn kept(&self) -> bool {
        let stands = |step: &Step| step.state == StepState::Failed;
        self.state == OperationState::Failed && self.steps.last().is_some_and(stands)
    }

    /// What it works on, for people: `web-1`, `image debian-12`.
    pub fn subject(&self) -> String {
        match self.vm {
            Some(_) => self.name.clone(),
            None => format!("image {}", self.name),
        }
    }

    /// Whether everybody may see it: what downloads an image concerns all who want it.
    pub fn is_everyones(&self) -> bool {
        self.kind == OperationKind::Pull
    }

    /// The step that is being done or undone, if any.
    pub fn current_step(&self) -> Option<&Step> {
        self.steps
            .iter()
            .rev()
            .find(|step| matches!(step.state, StepState::Running | StepState::Failed))
    }
}
