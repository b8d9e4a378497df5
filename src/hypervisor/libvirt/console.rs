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
use crate::hypervisor::console::{self, Line, Received, Wanted};
use crate::hypervisor::{Console, DomainState, End, Error, Result};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;
use virt::domain::Domain;
use virt::error::{Error as Words, ErrorNumber};

/// A lost connection rings the bell, too; this is for a loss that no event told.
const LOOK: Duration = Duration::from_secs(2);

/// Bytes after which libvirtd is asked: a question takes 0.3 ms, and a guest reads them in 10 to 20.
const UNANSWERED: usize = 1024;

/// How long an attachment waits for this process' own last one to be given up.
const OWN_GHOST: Duration = Duration::from_secs(2);

/// This process' own consoles.
#[derive(Default)]
pub(super) struct Consoles(Mutex<HashMap<Uuid, Own>>);

/// One of them.
struct Own {
    wanted: Wanted,
    /// Disconnected when its thread has given it up.
    gone: Receiver<()>,
}

impl Consoles {
    /// Attaches; see [`crate::hypervisor::Hypervisor::attach_console`].
    pub fn attach(&self, link: &Link, domain: Uuid, takeover: bool) -> Result<Console> {
        match self.try_attach(link, domain, takeover) {
            // Whoever closes a console and opens it again is not to meet the one just closed, whose
            // thread is about to give it up.
            Err(Error::Busy(_)) if self.ghost_has_gone(domain) => self.try_attach(link, domain, takeover),
            outcome => outcome,
        }
    }

    /// Waits for this process' own console of a domain, if it is one that nobody wants any more.
    fn ghost_has_gone(&self, domain: Uuid) -> bool {
        let mut consoles = self.lock();
        if !consoles.get(&domain).is_some_and(|own| own.wanted.is_left()) {
            return false;
        }
        let ghost = consoles.remove(&domain);
        drop(consoles);
        // Whatever comes of the waiting, the second try will say it better.
        let _ = ghost.map(|own| own.gone.recv_timeout(OWN_GHOST));
        true
    }

    fn try_attach(&self, link: &Link, domain: Uuid, takeover: bool) -> Result<Console> {
        let object = format!("console of domain {domain}");
        link.part_with(|connect| {
            let failed = |error| failed("attach", &object, error);
            let (console, backend) = console::open();
            let bell = backend.bell();
            let on_stream = Box::new(move || bell.notify_one());
            let found = lifecycle::domain(connect, domain)?;
            let stream = match ConsoleStream::open(connect.clone(), &found, takeover, on_stream) {
                // A domain that runs and has a console fails for nothing else.
                Err(error) if is(&error, ErrorNumber::OperationFailed) => return Err(Error::Busy(object)),
                opened => opened.during("attach", &object)?,
            };
            let (alive, gone) = channel();
            let own = Own {
                wanted: backend.watch(),
                gone,
            };
            let line = Attached {
                stream,
                domain: found,
                unanswered: 0,
                _alive: alive,
            };
            backend.serve(line).map_err(failed)?;
            let mut consoles = self.lock();
            consoles.retain(|_, own| own.gone.try_recv() == Err(TryRecvError::Empty));
            consoles.insert(domain, own);
            Ok(console)
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Own>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open console.
struct Attached {
    stream: ConsoleStream,
    domain: Domain,
    /// Bytes sent since libvirtd last answered.
    unanswered: usize,
    /// Its end tells who waits that this one was given up.
    _alive: Sender<()>,
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
}

impl Line for Attached {
    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        match self.stream.receive(buffer) {
            Ok(Arrived::Bytes(count)) => Received::Bytes(count),
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
