//! Failures of commands: one sentence, one exit code, one next step.

use super::output::Output;
use super::shape::{ErrorBody, ErrorShape};
use crate::core::consoles::End;
use crate::core::{self, HypervisorError, StoreError};
use crate::model::text::visible;
use crate::model::{Ending, Operation, OperationKind, OperationState};
use std::io;

/// Exit codes: part of the command line's contract (`twarga --help`).
pub mod code {
    /// Everything was done.
    pub const DONE: u8 = 0;
    /// Anything else.
    pub const OTHER: u8 = 1;
    /// The command line, or a value on it, is not acceptable.
    pub const USAGE: u8 = 2;
    /// The configuration or the state directory is not.
    pub const CONFIGURATION: u8 = 3;
    /// Not signed in, locked out, or not allowed.
    pub const NOT_PERMITTED: u8 = 4;
    /// No such machine, operation or image.
    pub const NOT_FOUND: u8 = 5;
    /// The object's state does not allow it.
    pub const CONFLICT: u8 = 6;
    /// libvirt does not answer.
    pub const UNAVAILABLE: u8 = 7;
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The core refused or failed.
    #[error(transparent)]
    Core(#[from] core::Error),
    /// What was typed or piped in cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The configuration cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The operation was accepted and did not succeed.
    #[error("{}", unsuccessful(.0))]
    Operation(Box<Operation>),
    /// libvirt is away, so nothing was asked for.
    #[error("{0}: `twarga doctor` says what mends it")]
    Unavailable(String),
    /// Everything that could be was printed; the code says what was wrong.
    #[error("{sentence}")]
    Partial {
        /// The exit code.
        code: u8,
        /// A stable word.
        kind: &'static str,
        /// What is wrong and what to do.
        sentence: String,
    },
    /// A console ended, and not because its user left it.
    #[error("the console has ended: {0}")]
    Console(Box<End>),
    /// What ran in a guest ended with this code, and has said itself why.
    #[error("it ended with exit code {0}")]
    Remote(u8),
    /// The screen failed.
    #[error("{0}")]
    Screen(String),
    /// A signal ended the command.
    #[error("interrupted")]
    Interrupted,
    /// Input or output failed.
    #[error("{what}: {reason}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// The reader of standard output is gone: it has had enough, nothing is wrong.
    #[error("the reader is gone")]
    PipeClosed,
}

impl Failure {
    /// For writing to standard output.
    pub fn writing(reason: io::Error) -> Self {
        match reason.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::Io {
                what: "writing to standard output".to_owned(),
                reason,
            },
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.classify().0
    }

    fn classify(&self) -> (u8, &'static str) {
        match self {
            Self::Core(error) => classify(error),
            Self::Usage(_) => (code::USAGE, "usage"),
            Self::Configuration(_) => (code::CONFIGURATION, "configuration"),
            Self::Operation(_) => (code::OTHER, "operation_failed"),
            Self::Unavailable(_) => (code::UNAVAILABLE, "hypervisor_unavailable"),
            Self::Partial { code, kind, .. } => (*code, kind),
            Self::Console(end) if end.ending == Ending::Taken => (code::CONFLICT, "taken"),
            Self::Console(end) => (code::OTHER, end.ending.as_str()),
            Self::Remote(code) => (*code, "remote"),
            Self::Screen(_) => (code::OTHER, "screen"),
            Self::Interrupted => (code::OTHER, "interrupted"),
            Self::Io { .. } => (code::OTHER, "io"),
            Self::PipeClosed => (code::DONE, "pipe_closed"),
        }
    }

    /// Says it, and returns the exit code. One that cannot be said changes nothing more.
    pub fn report(&self, output: &mut Output) -> u8 {
        let (code, kind) = self.classify();
        if matches!(self, Self::PipeClosed | Self::Remote(_)) {
            return code;
        }
        let what = self.to_string();
        let message = visible(&what);
        let sentence = match self {
            Self::Core(error) => match advice(error) {
                Some(advice) => format!("{message}: {advice}"),
                None => message.into_owned(),
            },
            _ => message.into_owned(),
        };
        output.note(&format!("twarga: {sentence}"));
        // A partial result is on standard output already: one document, not two.
        if !matches!(self, Self::Partial { .. }) {
            let error = ErrorBody {
                code,
                kind,
                message: &sentence,
            };
            let _unsaid = output.json_only(&ErrorShape { error });
        }
        code
    }
}

/// Exit code and stable word of a core error.
pub fn classify(error: &core::Error) -> (u8, &'static str) {
    use core::Error;
    match error {
        Error::Invalid(_) => (code::USAGE, "invalid"),
        Error::WrongCredentials => (code::NOT_PERMITTED, "wrong_credentials"),
        Error::LockedOut { .. } => (code::NOT_PERMITTED, "locked_out"),
        Error::NotSignedIn(_) => (code::NOT_PERMITTED, "not_signed_in"),
        Error::NotPermitted(_) => (code::NOT_PERMITTED, "not_permitted"),
        Error::NotFound { .. } => (code::NOT_FOUND, "not_found"),
        Error::Conflict(_) => (code::CONFLICT, "conflict"),
        Error::Busy(_) => (code::CONFLICT, "busy"),
        Error::Occupied(_) => (code::CONFLICT, "occupied"),
        Error::Hypervisor(error) => classify_hypervisor(error),
        Error::Store(error) => classify_store(error),
        Error::Image(_) => (code::OTHER, "image"),
        Error::Io { .. } => (code::OTHER, "io"),
        Error::Internal(_) => (code::OTHER, "internal"),
    }
}

fn classify_hypervisor(error: &HypervisorError) -> (u8, &'static str) {
    use HypervisorError as Error;
    match error {
        Error::Unavailable { .. } => (code::UNAVAILABLE, "hypervisor_unavailable"),
        Error::Unresponsive { .. } => (code::UNAVAILABLE, "hypervisor_unresponsive"),
        Error::NotFound(_) => (code::NOT_FOUND, "not_found"),
        Error::Conflict(_) => (code::CONFLICT, "conflict"),
        Error::Busy(_) => (code::CONFLICT, "busy"),
        Error::Failed { .. } => (code::OTHER, "hypervisor_failed"),
        Error::Unsupported(_) => (code::OTHER, "unsupported"),
    }
}

fn classify_store(error: &StoreError) -> (u8, &'static str) {
    use StoreError as Error;
    match error {
        Error::State { .. } => (code::CONFIGURATION, "state_directory"),
        Error::Newer { .. } => (code::CONFIGURATION, "newer_database"),
        Error::Corrupt { .. } => (code::CONFIGURATION, "corrupt_database"),
        Error::Taken(_) => (code::CONFLICT, "conflict"),
        Error::Busy(_) => (code::CONFLICT, "busy"),
        Error::Missing(_) => (code::NOT_FOUND, "not_found"),
        Error::Superseded => (code::OTHER, "superseded"),
        Error::Locked => (code::OTHER, "database_locked"),
        Error::Full => (code::OTHER, "disk_full"),
        Error::Sqlite { .. } => (code::OTHER, "database"),
    }
}

/// What to do next, where the sentence does not say it itself.
fn advice(error: &core::Error) -> Option<String> {
    use core::Error;
    Some(match error {
        Error::NotSignedIn(_) => "`twarga login` signs you in".to_owned(),
        Error::NotFound { what: "machine", .. } => "`twarga vm list` shows what there is".to_owned(),
        Error::NotFound { what: "image", .. } => "`twarga image list` shows what there is".to_owned(),
        Error::NotFound {
            what: "operation", ..
        } => "`twarga op list` shows what there is".to_owned(),
        Error::NotFound { what: "console", .. } => "`twarga consoles list` shows what there is".to_owned(),
        Error::NotFound {
            what: "recording", ..
        } => "`twarga recordings list` shows what there is".to_owned(),
        Error::NotFound { what: "SSH key", .. } => "`twarga key list` shows what there is".to_owned(),
        Error::Busy(id) => format!("`twarga op wait {id}` waits for it, `twarga op cancel {id}` undoes it"),
        Error::Occupied(_) => "`--force` takes it from them, and they are told".to_owned(),
        Error::Hypervisor(HypervisorError::Unavailable { .. } | HypervisorError::Unresponsive { .. }) => {
            "`twarga doctor` says what mends it".to_owned()
        }
        Error::Store(StoreError::Newer { .. }) => "use that newer twarga; nothing was changed".to_owned(),
        Error::Store(StoreError::Corrupt { .. }) => {
            "it was left as it is; put a copy back or use another --state-dir".to_owned()
        }
        Error::Store(StoreError::Full) => "free some room; nothing was changed".to_owned(),
        Error::Internal(_) => {
            "please report it with the newest file of the state directory's logs".to_owned()
        }
        _ => return None,
    })
}

fn unsuccessful(operation: &Operation) -> String {
    let what = format!("{} {}", operation.kind, operation.subject());
    let why = operation.error.as_deref().unwrap_or("no reason was recorded");
    match operation.state {
        OperationState::Cancelled => format!("{what} was cancelled and undone: {why}"),
        OperationState::Failed if operation.kept() && operation.kind != OperationKind::Destroy => {
            let name = &operation.name;
            format!(
                "{what} failed: {why}. The machine is kept: `twarga console {name}` shows its console, \
                 `twarga vm start {name}` waits once more, `twarga vm destroy {name}` removes it"
            )
        }
        _ => format!("{what} failed: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Field, FieldError, OperationId};

    // `classify` has no catch-all arm: a new variant does not compile before its code is decided,
    // and belongs in one of these lists then.

    fn refusals() -> Vec<(core::Error, u8)> {
        let until = jiff::Timestamp::UNIX_EPOCH;
        let name = "web".to_owned();
        vec![
            (FieldError::new(Field::Name, "at least 3 characters").into(), 2),
            (core::Error::WrongCredentials, 4),
            (core::Error::LockedOut { until }, 4),
            (core::Error::NotSignedIn("the session ended"), 4),
            (core::Error::NotPermitted("only an admin may".into()), 4),
            (
                core::Error::NotFound {
                    what: "machine",
                    name,
                },
                5,
            ),
            (core::Error::Conflict("web is running".into()), 6),
            (core::Error::Busy(OperationId(7)), 6),
            (occupied(), 6),
            (io_of_state(), 1),
            (core::Error::Internal("a task died".into()), 1),
        ]
    }

    fn occupied() -> core::Error {
        core::Error::Occupied(core::consoles::Occupant {
            who: "bob".into(),
            source: None,
            since: None,
        })
    }

    fn io_of_state() -> core::Error {
        core::Error::Io {
            what: "reading".into(),
            reason: "denied".into(),
        }
    }

    fn of_the_hypervisor() -> Vec<(core::Error, u8)> {
        use HypervisorError as Error;
        let (uri, reason) = ("qemu:///system".to_owned(), "no socket".to_owned());
        [
            (Error::Unavailable { uri, reason }, 7),
            (
                Error::Unresponsive {
                    call: "snapshot",
                    seconds: 5,
                },
                7,
            ),
            (Error::NotFound("volume x".into()), 5),
            (Error::Conflict("port taken".into()), 6),
            (Error::Busy("console".into()), 6),
            (
                Error::Failed {
                    call: "start".into(),
                    reason: "?".into(),
                },
                1,
            ),
            (Error::Unsupported("no".into()), 1),
        ]
        .map(|(error, code)| (core::Error::Hypervisor(error), code))
        .into_iter()
        .collect()
    }

    fn of_the_store() -> Vec<(core::Error, u8)> {
        use StoreError as Error;
        let path = || std::path::PathBuf::from("twarga.db");
        [
            (
                Error::State {
                    path: path(),
                    reason: "too open".into(),
                },
                3,
            ),
            (
                Error::Newer {
                    path: path(),
                    found: 9,
                    known: 1,
                },
                3,
            ),
            (
                Error::Corrupt {
                    path: path(),
                    reason: "not a database".into(),
                },
                3,
            ),
            (Error::Missing("user"), 5),
            (Error::Superseded, 1),
            (Error::Locked, 1),
            (Error::Full, 1),
            (
                Error::Sqlite {
                    context: "reading",
                    reason: "?".into(),
                },
                1,
            ),
            (Error::Taken("name"), 6),
            (Error::Busy(OperationId(7)), 6),
        ]
        .map(|(error, code)| (core::Error::Store(error), code))
        .into_iter()
        .collect()
    }

    #[test]
    fn every_core_error_has_its_exit_code() {
        for (error, code) in refusals()
            .into_iter()
            .chain(of_the_hypervisor())
            .chain(of_the_store())
        {
            assert_eq!(classify(&error).0, code, "{error:?}");
        }
    }

    #[test]
    fn every_failure_of_the_front_has_its_exit_code() {
        let io = |kind| io::Error::from(kind);
        assert_eq!(Failure::Usage("?".into()).code(), 2);
        assert_eq!(Failure::Configuration("?".into()).code(), 3);
        assert_eq!(Failure::Interrupted.code(), 1);
        assert_eq!(Failure::writing(io(io::ErrorKind::BrokenPipe)).code(), 0);
        assert_eq!(Failure::writing(io(io::ErrorKind::StorageFull)).code(), 1);
    }

    #[test]
    fn who_is_not_signed_in_is_told_how() {
        let (mut output, screen) = Output::captured(true);
        let failure = Failure::from(core::Error::NotSignedIn("no session is kept here"));
        assert_eq!(failure.report(&mut output), 4);
        let (said, shown) = screen.texts();
        assert!(shown.contains("`twarga login`"), "{shown}");
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(json["error"]["code"], 4);
        assert_eq!(json["error"]["kind"], "not_signed_in");
    }
}
