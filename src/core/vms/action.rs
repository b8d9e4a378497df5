//! What can be done to a machine that exists.

use crate::model::OperationKind;

/// What can be done to a machine that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Power on.
    Start,
    /// Ask the guest to power off; the operation fails with a hint at `Kill` if it does not.
    Stop,
    /// Cut the power.
    Kill,
    /// Power off and on again.
    Restart,
    /// Halt its processors.
    Pause,
    /// Let them go on.
    Resume,
    /// Remove it and everything it has.
    Destroy,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 7] = [
        Self::Start,
        Self::Stop,
        Self::Kill,
        Self::Restart,
        Self::Pause,
        Self::Resume,
        Self::Destroy,
    ];

    /// The word for it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "force off",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Destroy => "destroy",
        }
    }

    pub(super) fn kind(self) -> OperationKind {
        match self {
            Self::Start => OperationKind::Start,
            Self::Stop => OperationKind::Stop,
            Self::Kill => OperationKind::Kill,
            Self::Restart => OperationKind::Restart,
            Self::Pause => OperationKind::Pause,
            Self::Resume => OperationKind::Resume,
            Self::Destroy => OperationKind::Destroy,
        }
    }
}
