//! libvirt's errors in twarga's words: each names the call and the object.

use super::ffi::Raw;
use crate::hypervisor::{Error, Result};
use crate::model::text;
use std::fmt::Display;
use virt::error::{Error as Words, ErrorNumber};

/// How many characters of libvirt's words are kept.
const WORDS: usize = 500;

/// Adds what was being done, and to what, to a result of libvirt's.
pub(super) trait During<T> {
    /// `call` is one of [`crate::hypervisor::Hypervisor`]'s words or a step of it, `object` the domain,
    /// volume, pool or network it was about.
    fn during(self, call: &str, object: impl Display) -> Result<T>;
}

impl<T> During<T> for Raw<T> {
    fn during(self, call: &str, object: impl Display) -> Result<T> {
        self.map_err(|error| translate(call, &object.to_string(), &error))
    }
}

/// Turns "there is no such thing" into `None`.
pub(super) fn if_there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// libvirt's words, fit to be shown.
pub(super) fn words(error: &Words) -> String {
    text::visible_within(error.message(), WORDS)
}

/// Whether an error has the given number.
pub(super) fn is(error: &Words, number: ErrorNumber) -> bool {
    error.code().is_known_and(|known| known == number)
}

fn translate(call: &str, object: &str, error: &Words) -> Error {
    use ErrorNumber as E;
    let object = text::visible(object);
    let said = || format!("{object}: {}", words(error));
    match error.code().is_known().then(|| error.code().unwrap()) {
        Some(E::NoDomain | E::NoStoragePool | E::NoStorageVolume | E::NoNetwork) => {
            Error::NotFound(object.into_owned())
        }
        Some(E::OperationInvalid | E::DomExist | E::StorageVolExist | E::NetworkExist | E::ResourceBusy) => {
            Error::Conflict(said())
        }
        Some(E::NoSupport | E::OperationUnsupported | E::ConfigUnsupported | E::ArgumentUnsupported) => {
            Error::Unsupported(said())
        }
        _ => Error::Failed {
            call: format!("{call} {object}"),
            reason: words(error),
        },
    }
}

/// What was being done, to what, and why it could not be: for failures that are not libvirt's.
pub(super) fn failed(call: &str, object: impl Display, reason: impl Display) -> Error {
    Error::Failed {
        call: text::visible_within(&format!("{call} {object}"), WORDS),
        reason: text::visible_within(&reason.to_string(), WORDS),
    }
}
