//! Runs the hypervisor's blocking calls on threads of its own, each call with a deadline.
//!
//! A libvirt call can hang for as long as libvirtd does, and nothing can interrupt it. So no
//! such call runs on a tokio worker: a [`Caller`] owns a few plain threads, sorted into
//! [`Lane`]s so that an upload of minutes never delays a refresh, and whoever asked stops
//! waiting at its deadline. Queues are bounded: when libvirt hangs, work is refused, not hoarded.
//!
//! The threads live as long as the last clone of the [`Caller`]; a job that panics costs an
//! error, not its thread.

use super::{Error, Hypervisor, Result};
use crate::model::text;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

#[cfg(test)]
mod tests;

/// Which threads a call waits for, so that an upload of minutes never delays a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Refreshes: two threads, so that one stuck on a hung guest leaves another.
    Watch,
    /// Actions on domains and small volumes: three threads.
    Act,
    /// Uploads and other long transfers: one thread.
    Transfer,
}

impl Lane {
    /// The thread's name, as `top -H` and a debugger show it.
    const fn thread_name(self) -> &'static str {
        match self {
            Self::Watch => "libvirt-watch",
            Self::Act => "libvirt-act",
            Self::Transfer => "libvirt-upload",
        }
    }

    /// How many calls run at once; libvirt has a connection for each.
    const fn threads(self) -> usize {
        match self {
            Self::Act => 3,
            Self::Watch => 2,
            Self::Transfer => 1,
        }
    }
}

/// Calls that may wait in a lane. One more waits outside, within its deadline.
const QUEUE: usize = 16;

/// A job with its reply inside.
type Job = Box<dyn FnOnce(&dyn Hypervisor) + Send>;

/// A hypervisor whose calls can be awaited.
#[derive(Clone)]
pub struct Caller {
    watch: mpsc::Sender<Job>,
    act: mpsc::Sender<Job>,
    transfer: mpsc::Sender<Job>,
}

impl Caller {
    /// Starts the threads.
    ///
    /// Should the system refuse one, its lane works with fewer; calls on a lane without any
    /// return [`Error::Failed`].
    pub fn new(hypervisor: Arc<dyn Hypervisor>) -> Self {
        Self {
            watch: open(Lane::Watch, &hypervisor),
            act: open(Lane::Act, &hypervisor),
            transfer: open(Lane::Transfer, &hypervisor),
        }
    }

    /// Runs `job` on a thread of `lane` and waits for it until `deadline` has passed.
    ///
    /// # Errors
    /// What `job` returns, or [`Error::Unresponsive`] with the name of the `call`. A job that
    /// had begun then still runs to its end, and while it does, `lane` has one thread less; one
    /// that had not never runs. A job that panics is [`Error::Failed`].
    pub async fn call<T: Send + 'static>(
        &self,
        lane: Lane,
        call: &'static str,
        deadline: Duration,
        job: impl FnOnce(&dyn Hypervisor) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |hypervisor| {
            if reply.is_closed() {
                return; // Whoever asked has given up: what was wanted then may be wrong now.
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| job(hypervisor)))
                .unwrap_or_else(|panic| Err(failed(call, &text::of_panic(panic.as_ref()))));
            // Nobody listening is the deadline's business; the outcome shows in the next refresh.
            let _ = reply.send(outcome);
        });
        let exchange = async {
            self.queue(lane)
                .send(job)
                .await
                .map_err(|_| failed(call, "no thread could be started"))?;
            answer.await.map_err(|_| failed(call, "its thread ended"))?
        };
        timeout_at(Instant::now() + deadline, exchange)
            .await
            .unwrap_or(Err(Error::Unresponsive {
                call,
                seconds: deadline.as_secs_f64().ceil() as u64,
            }))
    }

    fn queue(&self, lane: Lane) -> &mpsc::Sender<Job> {
        match lane {
            Lane::Watch => &self.watch,
            Lane::Act => &self.act,
            Lane::Transfer => &self.transfer,
        }
    }
}

/// Opens a lane: its queue, and the threads that empty it until all senders are gone.
fn open(lane: Lane, hypervisor: &Arc<dyn Hypervisor>) -> mpsc::Sender<Job> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..lane.threads() {
        let (receiver, hypervisor) = (Arc::clone(&receiver), Arc::clone(hypervisor));
        let spawned = thread::Builder::new()
            .name(lane.thread_name().into())
            .spawn(move || {
                while let Some(job) = next(&receiver) {
                    job(hypervisor.as_ref());
                }
            });
        if let Err(error) = spawned {
            tracing::error!(thread = lane.thread_name(), %error, "a thread could not be started");
        }
    }
    sender
}

/// The next job of a lane. One idle thread waits in here, the others wait for the lock.
fn next(receiver: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .blocking_recv()
}

fn failed(call: &'static str, reason: &str) -> Error {
    Error::Failed {
        call: call.into(),
        reason: reason.into(),
    }
}
