//! Connections: opened when first needed, opened again after they broke.
//!
//! libvirt's documentation lets threads share a connection; its client library before 10.3 does not
//! survive it (CVE-2024-4418, in Debian 12 and Ubuntu 22.04: a call's event source outlives its
//! stack frame when another thread wakes its loop; two threads that call while a keepalive runs out
//! crash the process within seconds, measured). So each call has a connection to itself, taken from
//! those that are idle and given back afterwards: as many as calls run at once, that is as many as
//! [`Caller`](crate::hypervisor::Caller) has threads. One more is for listening, and nobody calls on it;
//! each attached console keeps one for itself.

use super::error::{failed, words};
use super::events::{Audience, ensure_loop};
use super::ffi::Subscribed;
use crate::hypervisor::{Change, Error, Listener, Result};
use crate::model::text;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use virt::connect::Connect;

/// A refused connection is not tried again before this has passed: every caller would otherwise
/// try, and libvirt's socket may start a whole daemon each time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// libvirtd is asked for a sign of life after this many seconds of silence …
const KEEPALIVE_SECONDS: i32 = 5;

/// … and given up after this many questions without an answer: 15 s in all. Its main loop
/// answers, which no job blocks, so silence means that it is stopped or gone.
const KEEPALIVE_COUNT: u32 = 2;

/// Idle connections that are kept.
const IDLE: usize = 8;

/// Where libvirt is, whether connections stand or not.
pub(super) struct Link {
    uri: String,
    audience: Arc<Audience>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether a connection stands is whether this one does.
    ear: Option<Ear>,
    idle: Vec<Connect>,
    refused: Option<(Instant, Error)>,
}

/// The connection that only listens.
enum Ear {
    Listening(Subscribed),
    /// The driver has no events.
    Deaf(Connect),
}

impl Ear {
    fn is_alive(&self) -> bool {
        match self {
            Self::Listening(subscribed) => is_alive(subscribed.connect()),
            Self::Deaf(connect) => is_alive(connect),
        }
    }
}

/// Whether a connection still stands. Asks this process's end of it only.
pub(super) fn is_alive(connect: &Connect) -> bool {
    connect.is_alive().unwrap_or(true)
}

impl Link {
    pub fn new(uri: String) -> Self {
        Self {
            uri,
            audience: Arc::default(),
            state: Mutex::default(),
        }
    }

    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub fn listen(&self, listener: Listener) {
        self.audience.join(listener);
    }

    /// Does `work` on a connection of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none to be had, or if it broke meanwhile: `work` may or may
    /// not have taken effect. The next call opens a new one. What `work` returns otherwise.
    pub fn with<T>(&self, work: impl FnOnce(&Connect) -> Result<T>) -> Result<T> {
        let connect = self.take()?;
        let outcome = work(&connect);
        self.settle(connect, outcome)
    }

    /// The same for `work` that keeps the connection if it succeeds, as its only user.
    ///
    /// # Errors
    /// As of [`Link::with`].
    pub fn part_with<T>(&self, work: impl FnOnce(&Connect) -> Result<T>) -> Result<T> {
        let connect = self.take()?;
        match work(&connect) {
            Ok(kept) => Ok(kept),
            failed => self.settle(connect, failed),
        }
    }

    fn settle<T>(&self, connect: Connect, outcome: Result<T>) -> Result<T> {
        if is_alive(&connect) {
            self.give_back(connect);
            return outcome;
        }
        outcome.map_err(|error| self.unavailable(error.to_string()))
    }

    fn take(&self) -> Result<Connect> {
        self.ensure_ear()?;
        let idle = self.state().idle.pop();
        match idle.filter(is_alive) {
            Some(connect) => Ok(connect),
            None => self.open(),
        }
    }

    fn give_back(&self, connect: Connect) {
        let mut state = self.state();
        if state.idle.len() < IDLE {
            state.idle.push(connect);
        }
    }

    /// Listens, on a new connection if need be. The lock is held while it is opened: nobody else
    /// would get one sooner.
    fn ensure_ear(&self) -> Result<()> {
        let mut state = self.state();
        if state.ear.as_ref().is_some_and(Ear::is_alive) {
            return Ok(());
        }
        let lost = state.ear.take().is_some();
        state.idle.clear();
        let outcome = match &state.refused {
            Some((at, error)) if at.elapsed() < RETRY_AFTER => Err(error.clone()),
            _ => self.open_ear(),
        };
        let outcome = match outcome {
            Ok(ear) => {
                state.ear = Some(ear);
                state.refused = None;
                Ok(())
            }
            Err(error) => {
                if state
                    .refused
                    .as_ref()
                    .is_none_or(|(at, _)| at.elapsed() >= RETRY_AFTER)
                {
                    state.refused = Some((Instant::now(), error.clone()));
                }
                Err(error)
            }
        };
        drop(state);
        if lost {
            self.audience.tell(Change::Disconnected);
        }
        if outcome.is_ok() {
            tracing::info!(uri = %text::visible(&self.uri), "connected to libvirt");
            self.audience.tell(Change::Connected);
        }
        outcome
    }

    fn open_ear(&self) -> Result<Ear> {
        let connect = self.open()?;
        let audience = Arc::clone(&self.audience);
        let on_domain = Box::new(move |uuid| audience.tell(Change::Domain(uuid)));
        match Subscribed::new(connect.clone(), on_domain) {
            Ok(subscribed) => Ok(Ear::Listening(subscribed)),
            Err(error) => {
                tracing::info!(error = %words(&error), "no events: changes will show by polling only");
                Ok(Ear::Deaf(connect))
            }
        }
    }

    fn open(&self) -> Result<Connect> {
        if self.uri.contains('\0') {
            return Err(self.unavailable("the URI contains a NUL".into())); // `virt` would panic.
        }
        ensure_loop();
        let connect = Connect::open(Some(&self.uri)).map_err(|error| self.unavailable(words(&error)))?;
        if let Err(error) = connect.set_keep_alive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT) {
            // In-process drivers have nobody to keep alive.
            tracing::debug!(error = %words(&error), "no keepalive on this connection");
        }
        Ok(connect)
    }

    fn unavailable(&self, reason: String) -> Error {
        Error::Unavailable {
            uri: text::visible(&self.uri).into_owned(),
            reason,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that libvirt will take and a file system, too: volumes are files of the pool's folder.
///
/// # Errors
/// [`Error::Failed`] for an empty or long one, one with a slash or a control character, and one that
/// begins with a dot (hidden, or a way out).
pub(super) fn checked_name<'a>(what: &str, name: &'a str) -> Result<&'a str> {
    let fits = !name.is_empty() && name.len() <= 200 && !name.starts_with('.');
    if fits && !name.chars().any(|c| c == '/' || c.is_control()) && text::visible(name) == name {
        return Ok(name);
    }
    Err(failed(
        "name",
        format!("{what} `{}`", text::visible_within(name, 80)),
        "cannot be a name in libvirt",
    ))
}
