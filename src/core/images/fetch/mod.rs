//! Downloads: bytes from a server to a file of this host, whole and verified or not at all.
//!
//! It owns the HTTP client and the partial file, and knows nothing of operations, the catalogue or
//! the pool. It trusts nobody: an address leads only where [`Place`] lets it, no credentials are
//! sent, a size is believed only up to the limit, and a file counts only when its digest is the
//! promised one. A line that breaks is taken up where it broke, also by a later process.
//!
//! [`fetch`] brings a file; [`fetch_small`] a list of sums or a signature; [`unpack`] turns a
//! compressed file into an image, within bounds.

mod address;
mod answer;
mod client;
mod error;
mod flusher;
mod scribe;
mod sheet;
mod small;
mod transfer;
mod unpack;

pub use address::Place;
pub use client::{Client, Proxies, Settings};
pub use error::{FetchError, Refusal, shown};
pub use sheet::put_in_place;
pub use small::{fetch_small, probe};
pub use unpack::{Packing, UnpackError, Unpacking, unpack};
pub use url::Url;

use crate::model::{Digest, Progress};
use scribe::Scribe;
use std::future::Future;
use std::path::{Path, PathBuf};
use transfer::{Exit, Transfer};

/// A file that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it is.
    pub url: Url,
    /// Where else it is, in the order they are asked.
    pub mirrors: Vec<Url>,
    /// What its bytes hash to; `None` where nothing but TLS vouches for it.
    pub expect: Option<Digest>,
    /// Bytes it may have at most.
    pub limit: u64,
    /// Bytes it is thought to have, for progress where the server does not say.
    pub size_hint: Option<u64>,
    /// Whose word its addresses are.
    pub place: Place,
}

/// A file that came, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies: the partial file's path. [`put_in_place`] moves it.
    pub path: PathBuf,
    /// Its digest; SHA-256 where none was expected.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// Which of the addresses brought it.
    pub url: Url,
}

/// Brings a file to `partial`, and goes on from what lies there already. Beside it, in
/// `PARTIAL.state`, lies what is known of it until it is whole.
///
/// Must be called inside a tokio runtime. `on_progress` is called for every piece, on the caller's
/// task: it must be quick. When `cancel` is ready the download ends with
/// [`FetchError::Cancelled`], and nobody writes to the file any more. Dropping the future is the
/// same but does not wait for the last pieces; the next download of this file does.
///
/// # Errors
/// [`FetchError`]. Nothing is left behind, unless a later download can go on from it: after
/// [`FetchError::GaveUp`], [`FetchError::Cancelled`] and refusals that may pass.
pub async fn fetch(
    client: &Client,
    wanted: &Wanted,
    partial: &Path,
    on_progress: impl FnMut(Progress),
    cancel: impl Future<Output = ()>,
) -> Result<Fetched, FetchError> {
    let mut exit = Exit(Box::pin(cancel));
    let (scribe, found) = exit.or(Scribe::open(partial, wanted.expect)).await??;
    let mut transfer = Transfer {
        client,
        wanted,
        partial,
        scribe,
        on_progress,
        exit,
        have: 0,
        state: None,
        joined: false,
    };
    let ended = everywhere(&mut transfer, found).await;
    let mut scribe = transfer.scribe;
    // What is empty helps nobody. That it cannot be asked is what `ended` tells already.
    if ended.is_err() && scribe.settle().await.is_ok_and(|length| length == 0) {
        let _ = scribe.remove().await;
    }
    scribe.end().await;
    ended
}

/// Asks one address after the other.
async fn everywhere<P, C>(
    transfer: &mut Transfer<'_, P, C>,
    found: scribe::Found,
) -> Result<Fetched, FetchError>
where
    P: FnMut(Progress),
    C: Future<Output = ()>,
{
    if let Some(fetched) = transfer.take_up(found).await? {
        return Ok(fetched);
    }
    let mut failures = Vec::new();
    let addresses: Vec<Url> = transfer.addresses().cloned().collect();
    for url in &addresses {
        match transfer.from(url).await {
            Ok(fetched) => return Ok(fetched),
            // Not the server's doing.
            Err(
                error @ (FetchError::Cancelled
                | FetchError::NoRoom { .. }
                | FetchError::File { .. }
                | FetchError::Busy { .. }),
            ) => return Err(error),
            Err(error) => {
                tracing::info!(%error, "an address did not bring the file");
                failures.push(error);
            }
        }
    }
    match failures.len() {
        1 => Err(failures.remove(0)),
        _ => Err(FetchError::Everywhere(failures)),
    }
}
