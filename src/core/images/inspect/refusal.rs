//! Why an image is refused.

use super::Format;
use super::sniff::Other;
use std::io;

/// Why an image must not be used; shown, each completes a sentence that begins with "it". Texts
/// of the file in it are sanitized.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The system refused to read it.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// No bytes.
    #[error("is empty")]
    Empty,
    /// It is of another format than it was said to be: a raw disk that begins like another image
    /// would be opened as that one by whoever guesses.
    #[error("is a {found} image, not a {declared} one")]
    Mistaken {
        /// What its header says.
        found: Format,
        /// What was said.
        declared: Format,
    },
    /// It shows nothing of the format that it was said to be.
    #[error("is not a {0} image")]
    Not(Format),
    /// It shows nothing at all, and nobody said what it is.
    #[error("shows nothing by which to know it; if it is a raw disk, say so (format raw)")]
    Unknown,
    /// Something known that is no disk to be imported.
    #[error("is {what}; {advice}")]
    Other {
        /// With its article.
        what: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A version or variant of its format that is not read here.
    #[error("is {0}")]
    Unsupported(String),
    /// It does not hold its disk alone: a backing file, a data file, extents, a device.
    #[error("{0}")]
    Elsewhere(String),
    /// Nothing can be read without its password.
    #[error("is encrypted; decrypt it where its password is known")]
    Encrypted,
    /// Its size is zero or absurd.
    #[error("says that it has {0} bytes")]
    Size(u64),
    /// Its header contradicts itself, its format or its length.
    #[error("is damaged or made to look so: {0}")]
    Damaged(String),
    /// It names itself like something that is no file.
    #[error("{0}")]
    Name(String),
}

impl From<Other> for Refusal {
    fn from(other: Other) -> Self {
        let (what, advice) = other.told();
        Self::Other { what, advice }
    }
}

/// A [`Refusal::Damaged`].
pub(super) fn damaged<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Damaged(reason.into()))
}
