//! A thread that writes the sheet, so that neither the disk nor the hash holds up the network, and
//! no worker ever waits for a disk. It owns the sheet; orders come on a bounded channel and are
//! done in their order.

use super::error::FetchError;
use super::sheet::{Hash, Sheet, State};
use crate::model::{Digest, text};
use bytes::Bytes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

/// Pieces on their way; the client makes none larger than some hundred KiB.
const QUEUE: usize = 16;
/// How often and how long somebody else's lock is waited for: a download that was dropped may
/// still be putting down its last pieces.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 250;

enum Order {
    Put(Bytes),
    Settle(oneshot::Sender<u64>),
    Begin(State, oneshot::Sender<()>),
    Clear(oneshot::Sender<()>),
    Room(oneshot::Sender<u64>),
    Finish(oneshot::Sender<Digest>),
    Close(oneshot::Sender<()>),
    Remove(oneshot::Sender<()>),
}

/// What lay there already.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Bytes.
    pub length: u64,
    /// Of these.
    pub digest: Digest,
    /// What is known of them.
    pub state: Option<State>,
}

/// The thread's other end. It ends when this is dropped, after what was given to it.
pub(super) struct Scribe {
    orders: mpsc::Sender<Order>,
    /// `None` once its failure was told.
    thread: Option<JoinHandle<Result<(), FetchError>>>,
    stop: Arc<AtomicBool>,
    path: PathBuf,
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Scribe {
    /// Opens a sheet and reads what lies there.
    ///
    /// # Errors
    /// [`FetchError::Busy`], [`FetchError::File`]
    pub async fn open(path: &Path, expected: Option<Digest>) -> Result<(Self, Found), FetchError> {
        let sheet = lock(path, expected).await?;
        let (orders, received) = mpsc::channel(QUEUE);
        let (found, heard) = oneshot::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (its_stop, its_path) = (Arc::clone(&stop), path.to_owned());
        let thread = spawn_blocking(move || {
            let done = write(sheet, received, found, &its_stop);
            done.map_err(|error| FetchError::of_disk(&its_path, error))
        });
        let path = path.to_owned();
        let mut scribe = Self {
            orders,
            thread: Some(thread),
            stop,
            path,
        };
        match heard.await {
            Ok(found) => Ok((scribe, found)),
            Err(_) => Err(scribe.failure().await),
        }
    }

    /// Gives it bytes; waits while its hands are full.
    ///
    /// # Errors
    /// What the disk said to earlier ones.
    pub async fn put(&mut self, bytes: Bytes) -> Result<(), FetchError> {
        match self.orders.send(Order::Put(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }

    /// Waits until all is written; returns the length.
    pub async fn settle(&mut self) -> Result<u64, FetchError> {
        self.order(Order::Settle).await
    }

    /// Begins anew with this state.
    pub async fn begin(&mut self, state: State) -> Result<(), FetchError> {
        self.order(|done| Order::Begin(state, done)).await
    }

    /// Forgets what is there.
    pub async fn clear(&mut self) -> Result<(), FetchError> {
        self.order(Order::Clear).await
    }

    /// Bytes that may still be written.
    pub async fn room(&mut self) -> Result<u64, FetchError> {
        self.order(Order::Room).await
    }

    /// Makes it last; returns the digest.
    pub async fn finish(&mut self) -> Result<Digest, FetchError> {
        self.order(Order::Finish).await
    }

    /// Removes the state of a file that is whole.
    pub async fn close(&mut self) -> Result<(), FetchError> {
        self.order(Order::Close).await
    }

    /// Removes the file and its state.
    pub async fn remove(&mut self) -> Result<(), FetchError> {
        self.order(Order::Remove).await
    }

    /// Waits until the thread has ended and the file is closed.
    pub async fn end(mut self) {
        (self.orders, _) = mpsc::channel(1);
        if let Some(thread) = self.thread.take() {
            // A failure was told already, or does not matter any more.
            let _ = thread.await;
        }
    }

    async fn order<T>(&mut self, make: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, FetchError> {
        let (done, heard) = oneshot::channel();
        if self.orders.send(make(done)).await.is_ok()
            && let Ok(answer) = heard.await
        {
            return Ok(answer);
        }
        Err(self.failure().await)
    }

    /// Why the thread ended.
    async fn failure(&mut self) -> FetchError {
        let words = match self.thread.take() {
            Some(thread) => match thread.await {
                Ok(Err(error)) => return error,
                Ok(Ok(())) => "the file was closed".to_owned(),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => text::of_panic(panic.as_ref()),
                    Err(_) => "the program is ending".to_owned(),
                },
            },
            // Told before.
            None => "the file was closed".to_owned(),
        };
        FetchError::of_disk(&self.path, io::Error::other(words))
    }
}

async fn lock(path: &Path, expected: Option<Digest>) -> Result<Sheet, FetchError> {
    for _ in 0..LOOKS {
        let its_path = path.to_owned();
        let opened = spawn_blocking(move || Sheet::open(&its_path, Hash::like(expected.as_ref()))).await;
        match opened.map_err(io::Error::other).flatten() {
            Ok(Some(sheet)) => return Ok(sheet),
            Ok(None) => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(FetchError::of_disk(path, error)),
        }
    }
    Err(FetchError::Busy {
        path: path.to_owned(),
    })
}

/// The thread.
fn write(
    mut sheet: Sheet,
    mut orders: mpsc::Receiver<Order>,
    found: oneshot::Sender<Found>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let state = sheet.take_up(stop)?;
    let (length, digest) = (sheet.length(), sheet.digest());
    // Where nobody listens any more, there are no orders either.
    let _ = found.send(Found {
        length,
        digest,
        state,
    });
    while let Some(order) = orders.blocking_recv() {
        obey(&mut sheet, order).inspect_err(|error| {
            // A disk that is full is needed by guests more than by half a file.
            if matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) {
                let _ = sheet.remove();
            }
        })?;
    }
    Ok(())
}

fn obey(sheet: &mut Sheet, order: Order) -> io::Result<()> {
    match order {
        Order::Put(bytes) => sheet.put(&bytes)?,
        Order::Settle(done) => answer(done, sheet.length()),
        Order::Begin(state, done) => answer(done, sheet.begin(&state)?),
        Order::Clear(done) => answer(done, sheet.clear()?),
        Order::Room(done) => answer(done, sheet.room()?),
        Order::Finish(done) => {
            sheet.sync()?;
            answer(done, sheet.digest());
        }
        Order::Close(done) => answer(done, sheet.close()?),
        Order::Remove(done) => answer(done, sheet.remove()?),
    }
    Ok(())
}

/// An answer that nobody waits for any more is dropped.
fn answer<T>(done: oneshot::Sender<T>, value: T) {
    let _ = done.send(value);
}
