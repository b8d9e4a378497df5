//! One at a time brings an image to this host and into the pool. Whoever waits for that sees how far
//! it is, and finds the image there afterwards: one download for all who want it.

use crate::model::Progress;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedMutexGuard, watch};

/// The turns of this process, by the images' ids. Between processes a lock on the partial file
/// stands in.
#[derive(Default)]
pub struct Turns(Mutex<BTreeMap<String, Arc<Turn>>>);

/// The turn to bring one image.
#[derive(Default)]
pub struct Turn {
    lock: Arc<tokio::sync::Mutex<()>>,
    progress: watch::Sender<Option<Progress>>,
}

impl Turns {
    /// The turn of an image.
    pub fn of(&self, image: &str) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody waits for those that only this table knows.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(image.to_owned()).or_default().clone()
    }
}

impl Turn {
    /// Waits for it.
    pub async fn take(self: Arc<Self>) -> Taken {
        let held = self.lock.clone().lock_owned().await;
        Taken {
            turn: self,
            _held: held,
        }
    }

    /// Takes it if nobody has it.
    pub fn try_take(self: Arc<Self>) -> Option<Taken> {
        let held = self.lock.clone().try_lock_owned().ok()?;
        Some(Taken {
            turn: self,
            _held: held,
        })
    }

    /// How far the one who has it is.
    pub fn watch(&self) -> watch::Receiver<Option<Progress>> {
        self.progress.subscribe()
    }
}

/// A turn that was taken; given back when dropped.
pub struct Taken {
    turn: Arc<Turn>,
    _held: OwnedMutexGuard<()>,
}

impl Taken {
    /// Shows those who wait how far it is.
    pub fn show(&self, progress: Option<Progress>) {
        self.turn.progress.send_replace(progress);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.show(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn who_waits_sees_how_far_it_is_and_gets_the_turn() {
        let turns = Turns::default();
        let first = turns.of("debian").take().await;
        let second = turns.of("debian");
        let mut seen = second.watch();
        let waiting = tokio::spawn(second.take());
        let other = tokio::time::timeout(Duration::from_secs(10), turns.of("ubuntu").take());
        assert!(other.await.is_ok(), "another image's turn is another");
        let half = Progress {
            done: 5,
            total: Some(10),
        };
        first.show(Some(half));
        seen.changed().await.unwrap();
        assert_eq!(*seen.borrow_and_update(), Some(half));
        assert!(!waiting.is_finished());
        assert!(turns.of("debian").try_take().is_none());
        drop(first);
        seen.changed().await.unwrap();
        assert_eq!(*seen.borrow(), None, "whoever has it now begins anew");
        drop(waiting.await.unwrap());
    }
}
