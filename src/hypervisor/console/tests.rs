//! The thread between a reader and a line, with a line in the test's hand.

use super::held::HELD;
use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc as std_mpsc;
use tokio::time::timeout;

const AMPLE: Duration = Duration::from_secs(20);

/// What the other side of a [`Fake`] does.
#[derive(Default)]
struct Guest {
    writes: Mutex<Vec<u8>>,
    ended: Mutex<Option<End>>,
    typed: Mutex<Vec<u8>>,
    /// How often it still takes nothing.
    refusals: AtomicU32,
    told: Notify,
}

/// A line to a [`Guest`]. Its end is told to the test; a send may be made to wait.
struct Fake {
    guest: Arc<Guest>,
    hold: Option<std_mpsc::Receiver<()>>,
    _gone: std_mpsc::Sender<()>,
}

impl Line for Fake {
    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let mut writes = self.guest.writes.lock().unwrap();
        let count = writes.len().min(buffer.len());
        if count == 0 {
            let ended = self.guest.ended.lock().unwrap().clone();
            return ended.map_or(Received::Nothing, Received::Ended);
        }
        buffer[..count].copy_from_slice(&writes[..count]);
        writes.drain(..count);
        Received::Bytes(count)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<usize, End> {
        if let Some(hold) = &self.hold {
            hold.recv().unwrap();
        }
        let refusals = &self.guest.refusals;
        if refusals.load(Ordering::SeqCst) > 0 {
            refusals.fetch_sub(1, Ordering::SeqCst);
            return Ok(0);
        }
        // Not all at once, as any line may.
        let count = bytes.len().min(1000);
        self.guest
            .typed
            .lock()
            .unwrap()
            .extend_from_slice(&bytes[..count]);
        self.guest.told.notify_one();
        Ok(count)
    }

    fn patience(&self) -> Option<Duration> {
        None
    }
}

struct Scene {
    console: Console,
    guest: Arc<Guest>,
    bell: Arc<Notify>,
    gone: std_mpsc::Receiver<()>,
}

impl Scene {
    fn new(hold: Option<std_mpsc::Receiver<()>>) -> Self {
        let guest = Arc::new(Guest::default());
        let (console, backend) = open();
        let (alive, gone) = std_mpsc::channel();
        let bell = backend.bell();
        let line = Fake {
            guest: Arc::clone(&guest),
            hold,
            _gone: alive,
        };
        backend.serve(line).unwrap();
        Self {
            console,
            guest,
            bell,
            gone,
        }
    }

    fn write(&self, bytes: &[u8]) {
        self.guest.writes.lock().unwrap().extend_from_slice(bytes);
        self.bell.notify_one();
    }

    fn end(&self, end: End) {
        *self.guest.ended.lock().unwrap() = Some(end);
        self.bell.notify_one();
    }

    fn typed(&self) -> Vec<u8> {
        self.guest.typed.lock().unwrap().clone()
    }

    async fn until_typed(&self, count: usize) {
        let whole = async {
            while self.typed().len() < count {
                self.guest.told.notified().await;
            }
        };
        timeout(AMPLE, whole).await.unwrap();
    }
}

async fn next(console: &mut Console) -> Option<Output> {
    timeout(AMPLE, console.output.recv()).await.unwrap()
}

#[tokio::test]
async fn what_the_guest_writes_comes_in_order_and_then_the_end() {
    let mut scene = Scene::new(None);
    scene.write(b"hello");
    assert_eq!(
        next(&mut scene.console).await,
        Some(Output::Bytes(b"hello".to_vec()))
    );
    scene.write(b"bye");
    scene.end(End::Closed);
    assert_eq!(
        next(&mut scene.console).await,
        Some(Output::Bytes(b"bye".to_vec()))
    );
    assert_eq!(next(&mut scene.console).await, Some(Output::Ended(End::Closed)));
    let gone = scene.gone.try_recv();
    assert_eq!(
        gone,
        Err(std_mpsc::TryRecvError::Disconnected),
        "down before told"
    );
    assert_eq!(next(&mut scene.console).await, None);
}

#[tokio::test]
async fn a_reader_who_sleeps_loses_the_oldest_and_is_told_how_much() {
    let mut scene = Scene::new(None);
    let whole: Vec<u8> = (0..4_000_000u32).flat_map(u32::to_be_bytes).collect();
    for part in whole.chunks(1 << 20) {
        scene.write(part);
        let taken_in = async {
            while !scene.guest.writes.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(AMPLE, taken_in).await.unwrap();
    }
    scene.end(End::Closed);
    let (mut at, mut dropped, mut most) = (0, 0, 0);
    loop {
        match next(&mut scene.console).await.unwrap() {
            Output::Bytes(bytes) => {
                assert_eq!(bytes, whole[at..at + bytes.len()], "at {at}");
                assert!(bytes.len() <= CHUNK);
                at += bytes.len();
                most += bytes.len();
            }
            Output::Dropped(bytes) => {
                assert_eq!(dropped, 0, "told once where nobody read in between");
                dropped = usize::try_from(bytes).unwrap();
                at += dropped;
            }
            Output::Ended(end) => break assert_eq!(end, End::Closed),
        }
    }
    assert_eq!(at, whole.len(), "every byte is there or told to be missing");
    assert!(
        dropped > 0 && most <= HELD + ON_THE_WAY * CHUNK,
        "{dropped} {most}"
    );
}

#[tokio::test]
async fn a_paste_arrives_whole_and_whoever_pastes_on_has_to_wait() {
    let (release, hold) = std_mpsc::channel();
    let scene = Scene::new(Some(hold));
    let paste: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    for part in paste.chunks(1000).take(INPUTS) {
        scene.console.input.send(part.to_vec()).await.unwrap();
    }
    let accepted = async {
        // The thread takes a few pieces more before it has enough.
        let mut at = INPUTS;
        while let Some(part) = paste.chunks(1000).nth(at) {
            scene.console.input.send(part.to_vec()).await.unwrap();
            at += 1;
        }
    };
    let mut accepted = std::pin::pin!(accepted);
    let early = timeout(Duration::from_millis(200), accepted.as_mut()).await;
    assert!(early.is_err(), "the channel is no bottomless pit");
    for _ in 0..200 {
        release.send(()).unwrap();
    }
    timeout(AMPLE, accepted).await.unwrap();
    scene.until_typed(paste.len()).await;
    assert_eq!(scene.typed(), paste);
}

#[tokio::test]
async fn a_guest_that_takes_nothing_now_is_tried_again() {
    let scene = Scene::new(None);
    scene.guest.refusals.store(2, Ordering::SeqCst);
    scene.console.input.send(b"patience".to_vec()).await.unwrap();
    scene.until_typed(8).await;
    assert_eq!(scene.guest.refusals.load(Ordering::SeqCst), 0);
    scene.write(b"and output flows");
    assert_eq!(scene.typed(), b"patience", "once");
}

#[tokio::test]
async fn who_only_watches_may_drop_the_keyboard() {
    let Scene {
        mut console,
        guest,
        bell,
        gone,
    } = Scene::new(None);
    let (input, _) = mpsc::channel(1);
    drop(std::mem::replace(&mut console.input, input));
    guest.writes.lock().unwrap().extend_from_slice(b"still here");
    bell.notify_one();
    assert_eq!(
        next(&mut console).await,
        Some(Output::Bytes(b"still here".to_vec()))
    );
    drop(console);
    let gone = gone.recv_timeout(AMPLE);
    assert_eq!(gone, Err(std_mpsc::RecvTimeoutError::Disconnected));
}

#[tokio::test]
async fn dropping_waits_for_nobody_and_gives_up_as_soon_as_it_can() {
    let (release, hold) = std_mpsc::channel();
    let scene = Scene::new(Some(hold));
    scene.console.input.send(b"stuck".to_vec()).await.unwrap();
    let Scene { console, gone, .. } = scene;
    let began = Instant::now();
    drop(console);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(gone.try_recv(), Err(std_mpsc::TryRecvError::Empty));
    release.send(()).unwrap();
    let gone = gone.recv_timeout(AMPLE);
    assert_eq!(gone, Err(std_mpsc::RecvTimeoutError::Disconnected));
}

#[tokio::test]
async fn a_console_nobody_wants_is_known_at_once() {
    let (console, backend) = open();
    let wanted = backend.watch();
    assert!(!wanted.is_left());
    drop(console);
    assert!(wanted.is_left());
    drop(backend);
    assert!(wanted.is_left());
}
