//! A guest's serial console as bytes both ways.
//!
//! Whoever attaches gets a [`Console`]: two bounded channels. Between them and the hypervisor works
//! one thread per console with a small runtime of its own, so that whatever blocks there (a send to
//! a guest that does not read, a libvirtd that was stopped) costs that one console and nobody else.
//! The hypervisors differ in their [`Line`] only.
//!
//! - **Output** is always taken in, since libvirt's client would hoard it without limit. What the
//!   reader does not take waits here, in chunks of at most [`CHUNK`] bytes and at most 8 MiB in
//!   all; beyond that the oldest goes, and the reader is told how much ([`Output::Dropped`]).
//! - **Input** goes out at once. A long paste goes as fast as the line takes it and no faster: what
//!   waits stays in the channel, and its sender waits, too.
//! - **The end** is told once, as the last [`Output`], when the line is down already: attaching again
//!   does not meet one's own ghost. Nothing here interprets a byte.

mod held;
#[cfg(test)]
mod tests;
mod typed;

use held::Held;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};
use typed::Typed;

/// Bytes of one [`Output::Bytes`] at most.
const CHUNK: usize = 64 * 1024;

/// Chunks on their way to the reader.
const ON_THE_WAY: usize = 16;

/// Inputs that wait at most; whoever sends one more waits.
const INPUTS: usize = 64;

/// After how long a guest that took no input is tried again.
const AGAIN: Duration = Duration::from_millis(200);

/// Receives in a row before input and the reader are looked after.
const ROUNDS: usize = 64;

/// An attached serial console. Dropping it, or `output` alone, detaches; dropping `input` alone
/// leaves a console that is only watched.
#[derive(Debug)]
pub struct Console {
    /// What the guest writes, and at last how it ended.
    pub output: mpsc::Receiver<Output>,
    /// What is typed.
    pub input: mpsc::Sender<Vec<u8>>,
}

/// What comes from a console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// What the guest wrote.
    Bytes(Vec<u8>),
    /// So many bytes were thrown away at this place, because nobody took them.
    Dropped(u64),
    /// It is over; nothing follows.
    Ended(End),
}

/// How an attached console ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The hypervisor closed it: the guest powered off or crashed, or somebody took it over.
    Closed,
    /// The hypervisor cannot be reached any more, in its words; the guest may run on.
    Lost(String),
}

/// A console as a hypervisor has it. Dropping it gives it up, and may take its time.
pub(super) trait Line: Send + 'static {
    /// Takes what the guest wrote, as much as fits. Never waits.
    fn receive(&mut self, buffer: &mut [u8]) -> Received;

    /// Sends; waits if the hypervisor does. Says how many bytes were taken: none if the guest takes
    /// nothing now, which is then tried again after a while.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, End>;

    /// After how long [`Line::receive`] is to be asked again although nothing rang.
    fn patience(&self) -> Option<Duration>;
}

/// What a [`Line`] has received.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now: the bell will ring.
    Nothing,
    /// The end, after all bytes.
    Ended(End),
}

/// The hypervisor's side of a [`Console`].
pub(super) struct Backend {
    output: mpsc::Sender<Output>,
    input: mpsc::Receiver<Vec<u8>>,
    bell: Arc<Notify>,
}

/// A console that leads nowhere yet.
pub(super) fn open() -> (Console, Backend) {
    let (to_reader, output) = mpsc::channel(ON_THE_WAY);
    let (input, typed) = mpsc::channel(INPUTS);
    let backend = Backend {
        output: to_reader,
        input: typed,
        bell: Arc::default(),
    };
    (Console { output, input }, backend)
}

impl Backend {
    /// Rung by anybody who knows that there is something to receive. Ringing never waits.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Tells whether the other side is still wanted.
    pub fn watch(&self) -> Wanted {
        Wanted(self.output.downgrade())
    }

    /// Serves the console until it ends or is dropped.
    pub fn serve(self, line: impl Line) -> io::Result<()> {
        thread::Builder::new()
            .name("console".to_owned())
            // Made there: a runtime must not be dropped on a worker of another one.
            .spawn(
                move || match Builder::new_current_thread().enable_time().build() {
                    Ok(runtime) => runtime.block_on(self.converse(Box::new(line))),
                    Err(error) => {
                        drop(line);
                        let end = End::Lost(format!("no runtime for it: {error}"));
                        // Nothing was sent before, so there is room.
                        let _ = self.output.try_send(Output::Ended(end));
                    }
                },
            )
            .map(drop)
    }

    /// The whole work of a console's thread. Ends with the line dropped.
    async fn converse(self, mut line: Box<dyn Line>) {
        let Self {
            output,
            mut input,
            bell,
        } = self;
        let mut held = Held::default();
        let mut typed = Typed::default();
        let mut send_at = None;
        let mut buffer = vec![0; CHUNK];
        let end = loop {
            let more = match take_in(line.as_mut(), &mut buffer, &mut held) {
                Ok(more) => more,
                Err(end) => break Some(end),
            };
            while held.has_some()
                && let Ok(place) = output.try_reserve()
            {
                place.send(held.next());
            }
            typed.gather(&mut input);
            if send_at.is_none_or(|at| at <= Instant::now())
                && let Some(piece) = typed.piece()
            {
                match line.send(piece) {
                    Ok(sent) => {
                        typed.done(sent);
                        send_at = (sent == 0).then(|| Instant::now() + AGAIN);
                    }
                    // What it still had to say comes with the next receipt, and so does its end.
                    Err(end) => break Some(rest(line.as_mut(), &mut buffer, &mut held).unwrap_or(end)),
                }
            }
            let more = more || (typed.waits() && send_at.is_none());
            let mut alarm = pin!(sleep_until(soonest(line.patience(), send_at)));
            tokio::select! {
                biased;
                () = output.closed() => break None,
                () = std::future::ready(()), if more => (),
                () = bell.notified() => (),
                place = output.reserve(), if held.has_some() => match place {
                    Ok(place) => place.send(held.next()),
                    Err(_) => break None,
                },
                chunk = input.recv(), if typed.takes() => match chunk {
                    Some(chunk) => typed.add(chunk),
                    None => typed.close(),
                },
                () = &mut alarm => (),
            }
        };
        // First down, then told: who attaches again on hearing of the end must find the line free.
        drop(line);
        let Some(end) = end else { return };
        while held.has_some() {
            if output.send(held.next()).await.is_err() {
                return;
            }
        }
        // The reader may have gone meanwhile, and needs no news then.
        let _ = output.send(Output::Ended(end)).await;
    }
}

/// Whether a console's reader is still there.
pub(super) struct Wanted(mpsc::WeakSender<Output>);

impl Wanted {
    /// Whether it was dropped, though its thread may not have noticed yet.
    pub fn is_left(&self) -> bool {
        self.0.upgrade().is_none_or(|sender| sender.is_closed())
    }
}

/// The first of the two moments; far away if there is none.
fn soonest(patience: Option<Duration>, again: Option<Instant>) -> Instant {
    const FAR: Duration = Duration::from_secs(3600);
    let patience = Instant::now() + patience.unwrap_or(FAR);
    again.map_or(patience, |again| again.min(patience))
}

/// Receives for a while; says whether there may be more.
fn take_in(line: &mut dyn Line, buffer: &mut [u8], held: &mut Held) -> Result<bool, End> {
    for _ in 0..ROUNDS {
        match line.receive(buffer) {
            Received::Bytes(count) => held.add(&buffer[..count.min(buffer.len())]),
            Received::Nothing => return Ok(false),
            Received::Ended(end) => return Err(end),
        }
    }
    Ok(true)
}

/// Receives what is left, up to the end if there is one.
fn rest(line: &mut dyn Line, buffer: &mut [u8], held: &mut Held) -> Option<End> {
    loop {
        match take_in(line, buffer, held) {
            Ok(true) => (),
            Ok(false) => return None,
            Err(end) => return Some(end),
        }
    }
}
