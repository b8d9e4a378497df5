//! What can go wrong with a download, in sentences that say what happened and what to do.

use crate::model::{Digest, text};
use std::io;
use std::path::{Path, PathBuf};
use url::Url;

/// Why an address is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another protocol, or no host.
    #[error("only http:// and https:// addresses with a host are used")]
    Scheme,
    /// A user name or password inside.
    #[error("an address with a name or password in it is not used: use a server that needs none")]
    Credentials,
    /// It leads to what only this host can reach.
    #[error("{0} is not a public address: if that is where the image is, name it in your own images.toml")]
    Private(String),
    /// From https to something less.
    #[error("a redirect from https to something less safe is not followed")]
    Downgrade,
    /// A redirect that names no address.
    #[error("the redirect names no address")]
    Nonsense,
    /// Too many redirects in a row.
    #[error("more than {0} redirects in a row: the server leads in circles")]
    Circles(usize),
}

/// Why a download did not end in the right file.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client cannot be made: no certificates on this host, or a proxy that is no address.
    #[error(
        "downloads cannot be made safely: {reason}; check the package ca-certificates and the proxy settings"
    )]
    Client {
        /// What is missing.
        reason: String,
    },
    /// An address, or where it led, is not used.
    #[error("{url}: {refusal}")]
    Refused {
        /// The address, as [`shown`].
        url: String,
        /// Why.
        refusal: Refusal,
    },
    /// The server says no.
    #[error("{url}: the server answers {status}{}", advice(*.status))]
    Answered {
        /// The address, as [`shown`].
        url: String,
        /// Status of HTTP.
        status: u16,
    },
    /// The server wants to be asked much later.
    #[error("{url}: the server answers {status} and asks to come back in {seconds} s; try again then")]
    Later {
        /// The address, as [`shown`].
        url: String,
        /// Status of HTTP.
        status: u16,
        /// What it asks for.
        seconds: u64,
    },
    /// Nothing came for so long that the line counts as dead.
    #[error("{url}: not a byte came for {seconds} s")]
    Silent {
        /// The address, as [`shown`].
        url: String,
        /// The dead line.
        seconds: u64,
    },
    /// The line broke, or never stood.
    #[error("{url}: {reason}")]
    Broken {
        /// The address, as [`shown`].
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The same happened again and again without progress.
    #[error("{last} ({tries} tries without progress){}", kept_words(*.kept))]
    GaveUp {
        /// The last try's end.
        last: Box<Self>,
        /// How many tries in a row brought nothing.
        tries: u32,
        /// Bytes that stay for the next download to go on from.
        kept: u64,
    },
    /// More than was allowed for.
    #[error("{url}: the file is larger than {}, which is the limit; nothing of it was kept", size(*.limit))]
    TooLarge {
        /// The address, as [`shown`].
        url: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// Not the file it should be.
    #[error(
        "{url}: this is not the file it should be, and nothing of it was kept: expected {expected}, got {got}. \
         The publisher may have replaced it, or somebody tampers with it"
    )]
    Mismatch {
        /// The address, as [`shown`].
        url: String,
        /// What was promised.
        expected: Box<Digest>,
        /// What came.
        got: Box<Digest>,
    },
    /// The disk has no room.
    #[error(
        "{}: no room on the disk{}; free some and try again",
        visible(.path),
        .needed.map(|it| format!(" for {}", size(it))).unwrap_or_default()
    )]
    NoRoom {
        /// Where it was to be written.
        path: PathBuf,
        /// Bytes still missing, if known.
        needed: Option<u64>,
    },
    /// The partial file cannot be written or read.
    #[error("{}: {source}", visible(.path))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another download writes this file.
    #[error("{}: another download is writing this file", visible(.path))]
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// Whoever asked does not want it any more; what came stays for the next download.
    #[error("the download was cancelled")]
    Cancelled,
    /// No address had it.
    #[error("none of {} addresses had it: {}", .0.len(), list(.0))]
    Everywhere(Vec<Self>),
}

impl FetchError {
    /// What a disk said, with a full one told apart.
    pub(super) fn of_disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom { path, needed: None },
            _ => Self::File { path, source },
        }
    }
}

/// An address as it may be shown and logged: without name, password and query (which may carry a
/// signature), harmless and not too long.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for addresses that can have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    text::visible_within(url.as_str(), 200)
}

/// What an error and its causes say, in one harmless line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        // Some layers repeat what is below them.
        if !words.last().is_some_and(|last| last.contains(&said)) {
            words.push(said);
        }
        next = error.source();
    }
    text::visible_within(&words.join(": "), 300)
}

/// Bytes for people: `12.0 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = [
        (1u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

pub(super) fn visible(path: &Path) -> String {
    text::visible_within(&path.display().to_string(), 200)
}

fn advice(status: u16) -> &'static str {
    match status {
        404 | 410 => " (not there): the publisher has moved or removed the file; look for a newer image",
        401 | 403 | 407 => " (not allowed): it does not give the file to everybody",
        429 => " (too many requests): try again later",
        500.. => " (its own failure): try again later",
        _ => "",
    }
}

fn kept_words(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!("; {} are kept, the next try goes on from there", size(bytes)),
    }
}

fn list(errors: &[FetchError]) -> String {
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_or_hostile_is_shown() {
        let url = Url::parse("https://me:secret@example.org/a%1b%E2%80%AEb?signature=x#y").unwrap();
        assert_eq!(shown(&url), "https://example.org/a%1b%E2%80%AEb");
    }

    #[test]
    fn a_full_disk_is_called_that() {
        let of = |raw| FetchError::of_disk(Path::new("/x"), io::Error::from_raw_os_error(raw));
        for raw in [libc::ENOSPC, libc::EDQUOT] {
            assert!(
                matches!(of(raw), FetchError::NoRoom { needed: None, .. }),
                "{raw}"
            );
        }
        assert!(matches!(of(libc::EIO), FetchError::File { .. }));
        assert_eq!(
            of(libc::ENOSPC).to_string(),
            "/x: no room on the disk; free some and try again"
        );
    }

    #[test]
    fn sizes_read_well() {
        let all = [0, 1023, 1024, 3 << 29, u64::MAX].map(size);
        assert_eq!(
            all,
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 GiB", "16777216.0 TiB"]
        );
    }
}
