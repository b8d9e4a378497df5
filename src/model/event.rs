//! Events: what happened, to whom, how bad. They are append-only and outlive the user and the
//! machine they speak of.

use super::ids::{EventId, UserId, VmId};
use jiff::Timestamp;
use std::fmt;

/// What an event is about, in the words of the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// A machine's life.
    Vm,
    /// Sign-in, sign-out, accounts.
    Auth,
    /// The program and the host.
    System,
    /// Incidents.
    Security,
}

impl EventType {
    /// Every type.
    pub const ALL: [EventType; 4] = [Self::Vm, Self::Auth, Self::System, Self::Security];

    /// The word the database and scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Auth => "auth",
            Self::System => "system",
            Self::Security => "security",
        }
    }

    /// The type a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Normal operation.
    Info,
    /// A potential issue.
    Warning,
    /// A threat, or damage.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Severity; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word the database and scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An event about to be appended; the log gives it its id and its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What it is about.
    pub event_type: EventType,
    /// How bad it is.
    pub severity: Severity,
    /// Stable word for programs: `auth.sign_in`, `vm.create.intent` …
    pub action: &'static str,
    /// One sentence for people, already free of control characters.
    pub message: String,
    /// Who did it, or to whom it was done.
    pub user: Option<UserId>,
    /// Which machine.
    pub vm: Option<VmId>,
    /// What else is known.
    pub details: serde_json::Value,
}

impl NewEvent {
    /// An event without user, machine and details; the message passes the sanitizer.
    pub fn new(event_type: EventType, severity: Severity, action: &'static str, message: &str) -> Self {
        Self {
            event_type,
            severity,
            action,
            message: super::text::visible(message).into_owned(),
            user: None,
            vm: None,
            details: serde_json::Value::Null,
        }
    }

    /// Says who.
    #[must_use]
    pub fn user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Says which machine.
    #[must_use]
    pub fn vm(mut self, vm: VmId) -> Self {
        self.vm = Some(vm);
        self
    }

    /// Adds what else is known.
    #[must_use]
    pub fn details(mut self, details: serde_json::Value) -> Self {
        self.details = details;
        self
    }
}

/// An event of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Row and place in the chain.
    pub id: EventId,
    /// When.
    pub time: Timestamp,
    /// What it is about.
    pub event_type: EventType,
    /// How bad it is.
    pub severity: Severity,
    /// Stable word for programs.
    pub action: String,
    /// One sentence for people.
    pub message: String,
    /// Who.
    pub user: Option<UserId>,
    /// Which machine.
    pub vm: Option<VmId>,
    /// What else is known.
    pub details: serde_json::Value,
}
