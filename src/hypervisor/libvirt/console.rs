//! A guest's console as libvirt has it: a stream, on a connection of its own.
//!
//! On its own, because sending can block for as long as the guest does not read, and libvirt's client
//! before 10.3 bears one calling thread per connection only (see `connection`). For the same reason
//! the stream is one that nobody waits in: receiving is a look into this process' own queue, which the
//! event loop fills; only opening, sending and giving up go to libvirtd, all on the console's thread.
//!
//! A stream's data are sent without an answer, and libvirtd holds five messages of a client before it
//! stops reading from it, its keepalive included: who just sends fills the socket (100 KiB and more), a
//! key pressed then waits behind all that, and a guest that reads slower than the keepalive allows costs
//! the connection. So whoever sends much asks a question in between ([`Attached::send`]): its answer
//! says that libvirtd has read all before, and whether the guest runs and will ever read it. A guest
//! that runs and reads nothing (hung) takes 4 KiB of its terminal and those five messages; then the
//! connection is given up by its keepalive and the console is lost. Nothing in the protocol tells before.

use super::connection::{Link, is_alive};
use super::error::{During, failed, is, words};
use super::ffi::{self, Arrived, ConsoleStream};
use super::lifecycle;
use crate::hypervisor::console::{self, Backend, Line, Received, Wanted};
use crate::hypervisor::{Console, DomainState, End, Error, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;
use virt::domain::Domain;
use virt::error::{Error as Words, ErrorNumber};

/// A lost connection rings the bell, too; this is for a loss that no event told.
const LOOK: Duration = Duration::from_secs(2);

/// Bytes after which libvirtd is asked, and that are sent at once: an emulated guest reads them in 30 to
/// 300 ms, as busy as its host is.
const UNANSWERED: usize = 4096;

/// How long this process' own last console may still be in its own way: until its connection is closed
/// and libvirtd has noticed.
const GHOST: Duration = Duration::from_secs(2);

/// Between two tries to get past it.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// This process' own consoles.
#[derive(Default)]
pub(super) struct Consoles(Mutex<HashMap<Uuid, Own>>);

/// What is known of one of them.
struct Own {
    wanted: Wanted,
    bell: Arc<Notify>,
    fate: Arc<Fate>,
}

/// What a console's thread and its successor tell each other.
#[derive(Default)]
struct Fate {
    /// Somebody of this process has taken it over.
    taken: AtomicBool,
    /// When its connection was closed.
    gone: OnceLock<Instant>,
}

impl Own {
    /// Whether nobody wants it any more, but libvirtd may not know yet.
    fn is_ghost(&self) -> bool {
        self.wanted.is_left() && self.fate.gone.get().is_none_or(|at| at.elapsed() < GHOST)
    }
}

impl Consoles {
    /// Attaches; see [`crate::hypervisor::Hypervisor::attach_console`].
    pub fn attach(&self, link: &Link, domain: Uuid, takeover: bool) -> Result<Console> {
        let deadline = Instant::now() + GHOST;
        loop {
            match self.try_attach(link, domain, takeover) {
                // Whoever closes a console and opens it again is not to meet the one just closed.
                Err(Error::Busy(_)) if self.has_ghost(domain) && Instant::now() < deadline => {
                    thread::park_timeout(TRY_AGAIN);
                }
                outcome => return outcome,
            }
        }
    }

    fn try_attach(&self, link: &Link, domain: Uuid, takeover: bool) -> Result<Console> {
        let object = format!("console of domain {domain}");
        link.part_with(|connect| {
            let (console, backend) = console::open();
            let bell = backend.bell();
            let on_stream = Box::new(move || bell.notify_one());
            let found = lifecycle::domain(connect, domain)?;
            let stream = match ConsoleStream::open(connect.clone(), &found, takeover, on_stream) {
                // A domain that runs and has a console fails for nothing else.
                Err(error) if is(&error, ErrorNumber::OperationFailed) => return Err(Error::Busy(object)),
                opened => opened.during("attach", &object)?,
            };
            let fate = self.remember(domain, &backend);
            let line = Attached {
                stream,
                domain: found,
                unanswered: 0,
                leaving: Leaving(fate),
            };
            backend
                .serve(line)
                .map_err(|error| failed("attach", &object, error))?;
            Ok(console)
        })
    }

    fn has_ghost(&self, domain: Uuid) -> bool {
        let consoles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        consoles.get(&domain).is_some_and(Own::is_ghost)
    }

    /// Notes a console that stands, and tells the one before that it does not any more: libvirtd 9.0
    /// forgets to if the guest writes at the moment of a takeover (measured: once in 4 to 110 times).
    fn remember(&self, domain: Uuid, backend: &Backend) -> Arc<Fate> {
        let fate = Arc::<Fate>::default();
        let own = Own {
            wanted: backend.watch(),
            bell: backend.bell(),
            fate: Arc::clone(&fate),
        };
        let mut consoles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        consoles.retain(|_, own| !own.wanted.is_left() || own.is_ghost());
        if let Some(before) = consoles.insert(domain, own) {
            before.fate.taken.store(true, Ordering::Release);
            before.bell.notify_one();
        }
        fate
    }
}

/// An open console.
struct Attached {
    stream: ConsoleStream,
    domain: Domain,
    /// Bytes sent since libvirtd last answered.
    unanswered: usize,
    /// Last, and so dropped last.
    leaving: Leaving,
}

/// Notes when a console was given up.
struct Leaving(Arc<Fate>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.gone.get_or_init(Instant::now);
    }
}

impl Attached {
    /// Why the stream does not go on: its own end, or the connection's.
    fn end(&self, error: &Words) -> End {
        if is_alive(self.stream.connect()) {
            tracing::debug!(error = %words(error), "a console was closed");
            End::Closed
        } else {
            End::Lost(words(error))
        }
    }

    fn is_taken(&self) -> bool {
        self.leaving.0.taken.load(Ordering::Acquire)
    }
}

impl Line for Attached {
    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        match self.stream.receive(buffer) {
            Ok(Arrived::Bytes(count)) => Received::Bytes(count),
            Ok(Arrived::Nothing) if self.is_taken() => Received::Ended(End::Closed),
            Ok(Arrived::Nothing) if is_alive(self.stream.connect()) => Received::Nothing,
            Ok(Arrived::Nothing) => Received::Ended(End::Lost("the connection broke".to_owned())),
            Ok(Arrived::End) => Received::Ended(End::Closed),
            Err(error) => Received::Ended(self.end(&error)),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> std::result::Result<usize, End> {
        if self.unanswered >= UNANSWERED {
            let (state, reason) = ffi::state(&self.domain).map_err(|error| self.end(&error))?;
            if lifecycle::state_from(state, reason) != DomainState::Running {
                // A paused guest reads on when it is resumed. One that is off tells so in a moment.
                return Ok(0);
            }
            self.unanswered = 0;
        }
        let piece = &bytes[..bytes.len().min(UNANSWERED)];
        let sent = self.stream.send(piece).map_err(|error| self.end(&error))?;
        self.unanswered += sent;
        Ok(sent)
    }

    fn patience(&self) -> Option<Duration> {
        Some(LOOK)
    }
}
