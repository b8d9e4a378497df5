//! Who came in, and what the core's pure rules let them do.

use crate::core::{Action, Machine, Mode};
use crate::model::{ConsoleKind, Role, UserId};
use std::fmt;
use std::sync::Arc;

/// Who came in.
#[derive(Clone, Debug)]
pub struct Entered {
    /// Their row.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their role at sign-in.
    pub role: Role,
    /// What they may do, as the core's pure rules say it.
    pub permit: Permit,
}

/// Why an action on a machine is refused now, if it is.
pub type Rule = Arc<dyn Fn(&Machine, Action) -> Option<String> + Send + Sync>;

/// The core's pure rules for one user. The screen asks them to grey a key; it holds none itself,
/// and never holds the user's `Ctx`.
#[derive(Clone)]
pub struct Permit {
    /// Why an action on a machine is refused now.
    pub act: Rule,
    /// Why the user may not make machines.
    pub create: Option<String>,
    /// Why the user may not download images.
    pub pull: Option<String>,
    /// Why the user may not verify, remove and clean up images.
    pub images: Option<String>,
    /// Why a machine's console cannot be opened now.
    pub console: ConsoleRule,
    /// Why ports cannot be forwarded to a machine.
    pub forward: ForwardRule,
}

/// Why ports cannot be forwarded to a machine, if they cannot, by where machines run.
pub type ForwardRule = Arc<dyn Fn(&Machine, Option<Mode>) -> Option<String> + Send + Sync>;

/// Why a machine's console cannot be opened now, if it cannot.
pub type ConsoleRule = Arc<dyn Fn(&Machine, ConsoleKind) -> Option<String> + Send + Sync>;

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

/// A password on its way to the core; its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
