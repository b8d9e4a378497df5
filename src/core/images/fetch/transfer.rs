//! One download from one address: tries, pauses, resumption, and when to give up.

use super::answer::{Part, Validators};
use super::client::{Client, Trouble, broken};
use super::error::{FetchError, shown};
use super::scribe::{Found, Scribe};
use super::sheet::State;
use super::{Fetched, Wanted};
use crate::model::{Digest, Progress};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use url::Url;

/// Less than this does not count as progress: a server that breaks off after every byte would be
/// asked for ever.
const PROGRESS: u64 = 64 << 10;

/// The way out, which ends every wait.
pub(super) struct Exit<C>(pub Pin<Box<C>>);

impl<C: Future<Output = ()>> Exit<C> {
    /// Waits for something, unless whoever asked wants it no more. What is waited for must bear
    /// being dropped.
    pub async fn or<T>(&mut self, wanted: impl Future<Output = T>) -> Result<T, FetchError> {
        tokio::select! {
            biased;
            () = &mut self.0 => Err(FetchError::Cancelled),
            got = wanted => Ok(got),
        }
    }
}

/// A download: what is wanted, and how far it is.
pub(super) struct Transfer<'a, P, C> {
    pub client: &'a Client,
    pub wanted: &'a Wanted,
    pub partial: &'a Path,
    pub scribe: Scribe,
    pub on_progress: P,
    pub exit: Exit<C>,
    /// Bytes that lie in the sheet or are on their way there.
    pub have: u64,
    /// What is known of the file they belong to; `None` where they cannot be continued.
    pub state: Option<State>,
    /// They are not from one answer: another try from the first byte may bring other ones.
    pub joined: bool,
}

/// Why a try ended without the whole file, with what was wrong with the part that is there.
enum End {
    Trouble(Trouble),
    /// What is there cannot be continued: the reason.
    StartOver(&'static str),
}

impl From<FetchError> for End {
    fn from(error: FetchError) -> Self {
        Self::Trouble(Trouble::Final(error))
    }
}

impl<P: FnMut(Progress), C: Future<Output = ()>> Transfer<'_, P, C> {
    /// Takes up what lies there from an earlier download.
    pub async fn take_up(&mut self, found: Found) -> Result<Option<Fetched>, FetchError> {
        if found.length == 0 {
            return Ok(None);
        }
        let expected = self.wanted.expect;
        // Whole already, and perhaps killed before anybody could say so.
        if expected == Some(found.digest) && found.length <= self.wanted.limit {
            self.have = found.length;
            self.tell();
            let digest = self.exit.or(self.scribe.finish()).await??;
            return self.fetched(digest, &self.wanted.url).await.map(Some);
        }
        let fits = |state: &State| {
            let ours = self.addresses().any(|url| url.as_str() == state.url);
            let open = state.total.is_none_or(|total| found.length < total);
            ours && open && found.length < self.wanted.limit
        };
        match found.state.filter(fits) {
            Some(state) => {
                (self.have, self.state, self.joined) = (found.length, Some(state), true);
                self.tell();
            }
            None => self.scribe.clear().await?,
        }
        Ok(None)
    }

    /// All addresses, in the order they are asked.
    pub fn addresses(&self) -> impl Iterator<Item = &Url> {
        [&self.wanted.url].into_iter().chain(&self.wanted.mirrors)
    }

    /// Tries one address until it has brought the file or brings nothing more.
    pub async fn from(&mut self, url: &Url) -> Result<Fetched, FetchError> {
        let settings = &self.client.settings;
        let (mut fruitless, mut best) = (0, self.have);
        // Joined parts that were not the file are worth one more download, from the first byte.
        let mut second_chance = true;
        loop {
            let (why, wait) = match self.attempt(url).await {
                Ok(()) => match self.conclude(url).await {
                    Err((FetchError::Mismatch { .. }, true)) if second_chance => {
                        second_chance = false;
                        tracing::info!(
                            url = shown(url),
                            "a resumed download was not the file: starting over"
                        );
                        continue;
                    }
                    done => return done.map_err(|(error, _)| error),
                },
                Err(End::Trouble(Trouble::Final(error))) => return Err(error),
                Err(End::Trouble(Trouble::Again(why, wait))) => (why, wait),
                Err(End::StartOver(reason)) => {
                    self.start_over().await?;
                    let (url, reason) = (shown(url), reason.to_owned());
                    (FetchError::Broken { url, reason }, None)
                }
            };
            if self.have >= best.saturating_add(PROGRESS) {
                (fruitless, best) = (0, self.have);
            } else {
                fruitless += 1;
            }
            tracing::debug!(%why, fruitless, have = self.have, "a try to download ended early");
            if fruitless >= settings.tries.max(1) {
                let (last, tries, kept) = (Box::new(why), fruitless, self.have);
                return Err(FetchError::GaveUp { last, tries, kept });
            }
            let pause = self.client.pause(fruitless, wait);
            self.exit.or(tokio::time::sleep(pause)).await?;
        }
    }

    /// One request, and all that comes of it.
    async fn attempt(&mut self, url: &Url) -> Result<(), End> {
        let (headers, resumes) = self.headers(url).await?;
        let place = self.wanted.place;
        let asked = self.client.get(url, place, &headers);
        let response = self.exit.or(asked).await?.map_err(End::Trouble)?;
        let total = match response.status() {
            StatusCode::OK => self.begin(url, &response).await?,
            StatusCode::PARTIAL_CONTENT if resumes => self.go_on(url, &response).await?,
            StatusCode::PARTIAL_CONTENT => {
                return Err(End::StartOver("the server sent a part that nobody asked for"));
            }
            StatusCode::RANGE_NOT_SATISFIABLE if resumes => {
                return Err(End::StartOver("the file is shorter than what came before"));
            }
            _ => return Err(End::Trouble(self.client.refusal(url, &response))),
        };
        let pulled = self.pull(url, response, total).await;
        if !matches!(pulled, Err(End::Trouble(Trouble::Final(_)))) {
            // What counts as there lies there, whatever ended the try.
            self.have = self.scribe.settle().await?;
        }
        pulled
    }

    /// Asks for the rest where there is a beginning that a server, or the digest in the end, can
    /// tell to be the right one.
    async fn headers(&mut self, url: &Url) -> Result<(HeaderMap, bool), End> {
        let mut headers = HeaderMap::new();
        if self.have == 0 {
            return Ok((headers, false));
        }
        let state = self.state.as_ref();
        let validator = state
            .filter(|it| it.url == url.as_str())
            .and_then(|it| it.validators.if_range());
        if state.is_none() || (validator.is_none() && self.wanted.expect.is_none()) {
            self.start_over().await?;
            return Ok((headers, false));
        }
        if let Some(value) = validator.and_then(|it| HeaderValue::from_str(it).ok()) {
            headers.insert(IF_RANGE, value);
        }
        if let Ok(value) = HeaderValue::from_str(&format!("bytes={}-", self.have)) {
            headers.insert(RANGE, value);
        }
        Ok((headers, true))
    }

    /// The whole file is coming: what was there before is void.
    async fn begin(&mut self, url: &Url, response: &Response) -> Result<Option<u64>, End> {
        let total = length(response);
        let limit = self.wanted.limit;
        if total.is_some_and(|total| total > limit) {
            self.start_over().await?;
            return Err(FetchError::TooLarge {
                url: shown(url),
                limit,
            }
            .into());
        }
        let state = State {
            url: url.as_str().to_owned(),
            total,
            validators: Validators::of(response.headers()),
        };
        self.start_over().await?;
        if let Some(needed) = total {
            self.check_room(needed).await?;
        }
        self.scribe.begin(state.clone()).await?;
        (self.joined, self.state) = (false, Some(state));
        self.tell();
        Ok(total)
    }

    /// A part is coming: it must be the one that was asked for, of the same file.
    async fn go_on(&mut self, url: &Url, response: &Response) -> Result<Option<u64>, End> {
        let Some(part) = Part::of(response.headers()).filter(|part| part.first == self.have) else {
            return Err(End::StartOver("the server sent another part than was asked for"));
        };
        let Some(state) = &self.state else {
            return Err(End::StartOver("nothing is known of what came before"));
        };
        let same_server = state.url == url.as_str();
        let now = Validators::of(response.headers());
        let other_length = part.total.is_some() && state.total.is_some() && part.total != state.total;
        if other_length || (same_server && state.validators.contradict(&now)) {
            return Err(End::StartOver("the file has changed on the server"));
        }
        let total = state.total.or(part.total);
        if total.is_some_and(|total| total > self.wanted.limit) {
            return Err(self.too_large(url).into());
        }
        if let Some(total) = total {
            self.check_room(total.saturating_sub(self.have)).await?;
        }
        self.joined = true;
        Ok(total)
    }

    /// Takes in what comes, until it ends one way or the other.
    async fn pull(&mut self, url: &Url, mut response: Response, total: Option<u64>) -> Result<(), End> {
        let dead_line = self.client.settings.dead_line;
        loop {
            let piece = tokio::time::timeout(dead_line, response.chunk());
            let piece = match self.exit.or(piece).await? {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(End::Trouble(broken(url, error))),
                Err(_) => return Err(End::Trouble(self.client.silent(url))),
            };
            let have = self.have.saturating_add(piece.len() as u64);
            if have > self.wanted.limit {
                self.start_over().await?;
                return Err(self.too_large(url).into());
            }
            if total.is_some_and(|total| have > total) {
                return Err(End::StartOver("more came than the server had said"));
            }
            self.exit.or(self.scribe.put(piece)).await??;
            self.have = have;
            self.tell();
        }
        match total {
            Some(total) if self.have < total => {
                let (url, reason) = (shown(url), "the file ended early".to_owned());
                Err(End::Trouble(Trouble::Again(
                    FetchError::Broken { url, reason },
                    None,
                )))
            }
            _ => Ok(()),
        }
    }

    /// All bytes came: are they the right ones? Beside an error stands whether they were joined.
    async fn conclude(&mut self, url: &Url) -> Result<Fetched, (FetchError, bool)> {
        let joined = self.joined;
        let with = |error| (error, joined);
        let got = self.exit.or(self.scribe.finish()).await.flatten().map_err(with)?;
        let Some(expected) = self.wanted.expect.filter(|expected| *expected != got) else {
            return self.fetched(got, url).await.map_err(with);
        };
        self.start_over().await.map_err(with)?;
        let (url, expected, got) = (shown(url), Box::new(expected), Box::new(got));
        Err(with(FetchError::Mismatch { url, expected, got }))
    }

    async fn fetched(&mut self, digest: Digest, url: &Url) -> Result<Fetched, FetchError> {
        self.scribe.close().await?;
        Ok(Fetched {
            path: self.partial.to_owned(),
            digest,
            bytes: self.have,
            url: url.clone(),
        })
    }

    /// Refuses before anything is written what the disk cannot hold.
    async fn check_room(&mut self, needed: u64) -> Result<(), FetchError> {
        if self.scribe.room().await? >= needed {
            return Ok(());
        }
        let path = self.partial.to_owned();
        let needed = Some(needed);
        Err(FetchError::NoRoom { path, needed })
    }

    async fn start_over(&mut self) -> Result<(), FetchError> {
        (self.have, self.state, self.joined) = (0, None, false);
        self.scribe.clear().await
    }

    fn too_large(&self, url: &Url) -> FetchError {
        let limit = self.wanted.limit;
        FetchError::TooLarge {
            url: shown(url),
            limit,
        }
    }

    fn tell(&mut self) {
        let known = self.state.as_ref().and_then(|it| it.total);
        let total = known.or(self.wanted.size_hint).map(|total| total.max(self.have));
        (self.on_progress)(Progress {
            done: self.have,
            total,
        });
    }
}

/// What the server says the answer's length is; a transfer in chunks does not.
fn length(response: &Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_LENGTH)?.to_str().ok()?;
    value.parse().ok()
}
