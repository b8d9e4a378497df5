//! Telling listeners, on a thread of their own and never under the simulator's lock: a listener
//! may call the simulator back.

use super::{Shared, World};
use crate::hypervisor::{Change, Error, Listener, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Changes that wait at most. Beyond them listeners are told of a reconnection, after which they
/// must look at everything anyway.
const WAITING: usize = 4096;

/// How often the thread looks whether a guest did something by itself. The clock may be held
/// and moved by a test, so it cannot be slept towards.
const LOOK: Duration = Duration::from_millis(20);

/// Changes on their way to listeners.
#[derive(Default)]
pub(super) struct Outbox {
    listeners: Vec<Listener>,
    waiting: VecDeque<Change>,
    has_thread: bool,
}

impl Outbox {
    /// Adds changes. One that waits already is not added twice.
    pub(super) fn add(&mut self, changes: impl IntoIterator<Item = Change>) {
        if self.listeners.is_empty() {
            return;
        }
        for change in changes {
            if self.tells_already(change) {
                continue;
            }
            if self.waiting.len() == WAITING {
                self.waiting.clear();
                self.waiting.extend([Change::Disconnected, Change::Connected]);
            }
            self.waiting.push_back(change);
        }
    }

    /// Whether a change of the same domain waits, with no reconnection after it. Repetitions come
    /// close together, so the end of the queue is enough to look at.
    fn tells_already(&self, change: Change) -> bool {
        let last = self.waiting.iter().rev().take(8);
        last.take_while(|it| matches!(it, Change::Domain(_)))
            .any(|it| *it == change)
    }
}

/// Adds a listener, and with the first one the thread that tells it.
pub(super) fn listen(shared: &Arc<Shared>, world: &mut World, listener: Listener) -> Result<()> {
    if !world.outbox.has_thread {
        let shared = Arc::clone(shared);
        std::thread::Builder::new()
            .name("sim-listeners".to_owned())
            .spawn(move || deliver(&shared))
            .map_err(|error| Error::Failed {
                call: "listen".to_owned(),
                reason: error.to_string(),
            })?;
        world.outbox.has_thread = true;
    }
    world.outbox.listeners.push(listener);
    Ok(())
}

/// Delivers until the simulator is dropped.
fn deliver(shared: &Shared) {
    let mut world = shared.lock();
    while !world.closing {
        world.settle();
        if world.outbox.waiting.is_empty() {
            world = match world.machines.next_turn() {
                Some(_) => shared.wait_for(world, LOOK),
                None => shared.wait(world),
            };
            continue;
        }
        let changes = std::mem::take(&mut world.outbox.waiting);
        let listeners = world.outbox.listeners.clone();
        drop(world);
        for change in changes {
            for listener in &listeners {
                listener(change);
            }
        }
        world = shared.lock();
    }
}
