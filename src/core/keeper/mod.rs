//! The keeper: the one process of a state directory that does the background work.
//!
//! Every process that may keep tries for a file lock; the one that holds it reigns. A reign is a
//! number (its epoch) in the database, and every write of a keeper checks that the number is
//! still its own: one that was stopped and comes back cannot write into its successor's time.

mod bill;
mod execute;
mod forwards;
mod leftovers;
mod lock;
mod reconcile;

use super::{Core, Error, Result};
pub use crate::store::KeeperKind;
use crate::store::{self, Epoch};
use lock::{Bell, Lock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

/// Between two tries for the lock: a successor takes over within this after a keeper's death.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Between two heartbeats. Each is one synchronous commit.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// How long the keeper that gave way to one of higher rank leaves the lock alone.
const GIVE_WAY: Duration = Duration::from_secs(5);
/// How long giving up in good order may take.
const END_WITHIN: Duration = Duration::from_secs(10);

/// What the front asks of its keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Try for the lock, keep.
    Keep,
    /// Leave the lock alone.
    Rest,
    /// Leave it and end.
    End,
}

/// Tries for the keeper's lock and does its work while it holds it, until told to end.
pub struct Keeper {
    wish: watch::Sender<Wish>,
    /// True while this process holds the lock.
    reigning: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts trying, in the background.
    pub fn start(core: &Core, kind: KeeperKind) -> Self {
        let (wish, heard) = watch::channel(Wish::Keep);
        let (told, reigning) = watch::channel(false);
        let task = tokio::spawn(
            Candidate {
                core: core.clone(),
                kind,
                wish: heard,
                reigning: told,
            }
            .run(),
        );
        Self { wish, reigning, task }
    }

    /// Gives the work up in good order: running steps end or stand where they can be gone on
    /// from, the lock is free. Bounded by 10 s.
    ///
    /// # Errors
    /// [`Error::Conflict`] if work did not stop in time: it ends with the process.
    pub async fn end(self) -> Result<()> {
        self.wish.send_replace(Wish::End);
        match timeout(END_WITHIN, self.task).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::Internal(format!("the keeper's task failed: {error}"))),
            Err(_) => Err(Error::Conflict(
                "background work did not stop within 10 s; it ends with the process".to_owned(),
            )),
        }
    }

    /// Gives the lock up now and tries again only after [`Self::resume`] (SIGTSTP). Bounded by
    /// 10 s.
    pub async fn suspend(&self) {
        self.wish.send_replace(Wish::Rest);
        let mut reigning = self.reigning.clone();
        // Neither a time-out nor the task's end can be mended here; the process is stopping.
        let _ = timeout(END_WITHIN, reigning.wait_for(|&reigning| !reigning)).await;
    }

    /// Tries for the lock again (SIGCONT).
    pub fn resume(&self) {
        self.wish.send_replace(Wish::Keep);
    }
}

impl Core {
    /// Makes the keeper look for work now, wherever it is.
    pub(super) fn poke(&self) {
        self.world().store_changed();
        lock::ring(&self.settings().state_dir);
    }
}

struct Candidate {
    core: Core,
    kind: KeeperKind,
    wish: watch::Receiver<Wish>,
    reigning: watch::Sender<bool>,
}

/// Why a reign ended.
enum Fall {
    /// The front asked for it.
    Asked,
    /// A process of higher rank wants the work.
    Outranked,
    /// Another keeper's epoch stands in the database.
    Superseded,
    /// A part of the work ended by itself, which is a defect.
    Broken,
}

impl Candidate {
    async fn run(mut self) {
        let mut not_before = Instant::now();
        loop {
            let wish = *self.wish.borrow_and_update();
            match wish {
                Wish::End => return,
                Wish::Keep if Instant::now() >= not_before => match self.try_reign().await {
                    Ok(Some(Fall::Outranked)) => not_before = Instant::now() + GIVE_WAY,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(%error, "cannot keep");
                        self.core
                            .world()
                            .report("keeper", Some(format!("this process cannot keep: {error}")));
                    }
                },
                Wish::Keep | Wish::Rest => {}
            }
            tokio::select! {
                () = tokio::time::sleep(TRY_EVERY) => {}
                changed = self.wish.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Reigns if the lock is free; `None` if it is not.
    async fn try_reign(&mut self) -> Result<Option<Fall>> {
        let state_dir = self.core.settings().state_dir.clone();
        let Some(lock) = super::off_worker(move || Lock::try_take(&state_dir)).await? else {
            self.ask_for_it().await?;
            return Ok(None);
        };
        if self.is_promised_to_another().await? {
            return Ok(None);
        }
        let (pid, kind) = (std::process::id(), self.kind);
        let epoch = self
            .core
            .write(move |writer| Ok(writer.claim_keeper(pid, kind)?))
            .await?;
        tracing::info!(epoch = epoch.0, ?kind, "keeping");
        self.core.world().report("keeper", None);
        self.core.world().reign(Some(epoch));
        self.reigning.send_replace(true);
        let fall = self.reign(epoch).await;
        let released = self
            .core
            .write(move |writer| Ok(writer.release_keeper(epoch)?))
            .await;
        if let Err(error) = released {
            tracing::warn!(%error, "could not note that keeping ended");
        }
        drop(lock);
        self.core.world().reign(None);
        self.reigning.send_replace(false);
        tracing::info!(epoch = epoch.0, "no longer keeping");
        Ok(Some(fall))
    }

    /// Works until it must stop, and stops in good order.
    async fn reign(&mut self, epoch: Epoch) -> Fall {
        let bell = Bell::hang(&self.core.settings().state_dir);
        let (end, ending) = watch::channel(false);
        let mut work = JoinSet::new();
        work.spawn(execute::run(self.core.clone(), epoch, ending.clone()));
        work.spawn(reconcile::run(self.core.clone(), epoch, ending.clone()));
        work.spawn(leftovers::run(self.core.clone(), epoch, ending.clone()));
        work.spawn(bill::run(self.core.clone(), epoch, ending));
        let fall = self.oversee(epoch, &bell, &mut work).await;
        end.send_replace(true);
        while let Some(ended) = work.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "background work failed");
            }
        }
        fall
    }

    /// Shows that the keeper lives until it must stop, or until a part of its work ended.
    async fn oversee(&mut self, epoch: Epoch, bell: &Bell, work: &mut JoinSet<()>) -> Fall {
        let mut beat = tokio::time::interval(BEAT_EVERY);
        loop {
            tokio::select! {
                _ = beat.tick() => match self.beat(epoch).await {
                    Ok(None) => {}
                    Ok(Some(fall)) => break fall,
                    Err(error) => tracing::error!(%error, "no heartbeat"),
                },
                () = bell.rung() => {
                    self.core.world().store_changed();
                    if let Ok(Some(fall)) = self.beat(epoch).await { break fall }
                },
                Some(ended) = work.join_next() => {
                    tracing::error!(?ended, "background work ended by itself");
                    break Fall::Broken;
                }
                changed = self.wish.changed() => {
                    if changed.is_err() || *self.wish.borrow() != Wish::Keep { break Fall::Asked }
                }
            }
        }
    }

    /// Shows that the keeper lives, and looks whether it should go.
    async fn beat(&self, epoch: Epoch) -> Result<Option<Fall>> {
        let kind = self.kind;
        let beat = self
            .core
            .write_as_keeper(epoch, move |writer| {
                writer.beat(epoch)?;
                Ok(writer.keeper()?.and_then(|row| row.wanted_by))
            })
            .await;
        match beat {
            Ok(Some(wanted_by)) if wanted_by > kind => Ok(Some(Fall::Outranked)),
            Ok(_) => Ok(None),
            Err(Error::Store(store::Error::Superseded)) => Ok(Some(Fall::Superseded)),
            Err(error) => Err(error),
        }
    }

    /// Asks a keeper of lower rank to give way.
    async fn ask_for_it(&self) -> Result<()> {
        let kind = self.kind;
        let asked = self
            .core
            .read(|reader| Ok(reader.keeper()?))
            .await?
            .is_some_and(|row| !row.released && row.kind < kind && row.wanted_by < Some(kind));
        if asked {
            self.core
                .write(move |writer| Ok(writer.want_keeper(kind)?))
                .await?;
            self.core.poke();
        }
        Ok(())
    }

    /// Whether the last keeper gave way to a process of higher rank that has not come yet.
    async fn is_promised_to_another(&self) -> Result<bool> {
        let (now, kind) = (self.core.now(), self.kind);
        let row = self.core.read(|reader| Ok(reader.keeper()?)).await?;
        Ok(row.is_some_and(|row| {
            let fresh = now.duration_since(row.beat_at).unsigned_abs() < GIVE_WAY;
            row.released && fresh && row.wanted_by > Some(kind)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part of the work that ends by itself is a defect: the reign ends, and the others with it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_reign_whose_work_breaks_ends() {
        let (core, dir) = crate::core::tests::core().await;
        let (_wish, heard) = watch::channel(Wish::Keep);
        let (reigning, _) = watch::channel(false);
        let epoch = core
            .write(|writer| Ok(writer.claim_keeper(std::process::id(), KeeperKind::Tui)?))
            .await
            .unwrap();
        let mut candidate = Candidate {
            core,
            kind: KeeperKind::Tui,
            wish: heard,
            reigning,
        };
        let bell = Bell::hang(dir.path());
        let mut work = JoinSet::new();
        work.spawn(std::future::pending());
        work.spawn(async { panic!("for the story") });
        let fall = timeout(END_WITHIN, candidate.oversee(epoch, &bell, &mut work)).await;
        assert!(matches!(fall, Ok(Fall::Broken)));
    }
}
