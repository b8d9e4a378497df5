//! The core's errors in words for the person at the screen: what happened, and what to do next.

use crate::core::{Error, HypervisorError};

/// An error as a sentence or two.
pub(crate) fn of(error: &Error) -> String {
    match next(error) {
        Some(hint) => format!("{error}. {hint}"),
        None => error.to_string(),
    }
}

/// What the person can do about it.
fn next(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Hypervisor(HypervisorError::Unavailable { .. }) => "`twarga doctor` says what is missing",
        Error::Hypervisor(HypervisorError::Unresponsive { .. }) => {
            "It may still happen: look again in a while, and at libvirt's service"
        }
        Error::Busy(_) => "O shows it; x there cancels it",
        Error::NotSignedIn(_) => "Sign in again",
        Error::Io { .. } => "Look at the state directory: `twarga doctor`",
        Error::Internal(_) => "The log file in the state directory has more",
        _ => return None,
    })
}
