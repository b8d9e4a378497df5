//! The connection: opened when first needed, opened again after it broke.

use super::error::{failed, words};
use super::events::{Audience, Line, ensure_loop};
use super::ffi::{Subscription, Witness};
use crate::hypervisor::{Change, Error, Listener, Result};
use crate::model::text;
use std::sync::{Arc, Mutex, PoisonError};
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

/// One connection to libvirt, with its subscriptions.
pub(super) struct Connection {
    pub connect: Connect,
    line: Arc<Line>,
    subscription: Subscription,
}

impl Connection {
    fn open(uri: &str, audience: &Arc<Audience>) -> Result<Self> {
        let unavailable = |reason| Error::Unavailable {
            uri: text::visible(uri).into_owned(),
            reason,
        };
        if uri.contains('\0') {
            return Err(unavailable("the URI contains a NUL".into())); // `virt` would panic.
        }
        ensure_loop();
        let connect = Connect::open(Some(uri)).map_err(|error| unavailable(words(&error)))?;
        if let Err(error) = connect.set_keep_alive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT) {
            // In-process drivers have nobody to keep alive.
            tracing::debug!(error = %words(&error), "no keepalive on this connection");
        }
        let line = Arc::new(Line::new(Arc::clone(audience)));
        let witness: Arc<dyn Witness> = line.clone();
        let subscription = Subscription::new(&connect, &witness);
        Ok(Self {
            connect,
            line,
            subscription,
        })
    }

    /// Whether it still stands. Asks this process's end of it only.
    fn is_alive(&self) -> bool {
        !self.line.is_over() && self.connect.is_alive().unwrap_or(true)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.subscription.cancel(&self.connect);
    }
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    refused: Option<(Instant, Error)>,
}

/// Where libvirt is, whether a connection stands or not.
pub(super) struct Link {
    uri: String,
    audience: Arc<Audience>,
    state: Mutex<State>,
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

    /// Does `work` on a connection that stands, or on a new one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none to be had, or if it broke meanwhile: `work` may or may
    /// not have taken effect. The next call opens a new one. What `work` returns otherwise.
    pub fn with<T>(&self, work: impl FnOnce(&Connect) -> Result<T>) -> Result<T> {
        let connection = self.connection()?;
        work(&connection.connect).map_err(|error| {
            if connection.is_alive() {
                return error;
            }
            connection.line.closed();
            Error::Unavailable {
                uri: text::visible(&self.uri).into_owned(),
                reason: error.to_string(),
            }
        })
    }

    /// The lock is held while a connection is opened: others need the same one, and wait.
    fn connection(&self) -> Result<Arc<Connection>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &state.connection
            && connection.is_alive()
        {
            return Ok(Arc::clone(connection));
        }
        if let Some((at, error)) = &state.refused
            && at.elapsed() < RETRY_AFTER
        {
            return Err(error.clone());
        }
        if let Some(broken) = state.connection.take() {
            broken.line.closed();
        }
        match Connection::open(&self.uri, &self.audience) {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *state = State {
                    connection: Some(Arc::clone(&connection)),
                    refused: None,
                };
                drop(state);
                tracing::info!(uri = %text::visible(&self.uri), "connected to libvirt");
                self.audience.tell(Change::Connected);
                Ok(connection)
            }
            Err(error) => {
                state.refused = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
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
