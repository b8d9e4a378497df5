//! The caller's terminal while a guest has it: raw, and given back however the command ends.
//!
//! A thread reads keys and one writes, so that neither a terminal that stands still nor a silent
//! user keeps the command from ending. crossterm is not asked: it parses keys, and a guest wants
//! the bytes.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Pieces on their way between a thread and the command.
const WAITING: usize = 16;
/// Bytes of one read, and of one write: between two the writer looks whether it is to stop.
const PIECE: usize = 4096;
/// How long the terminal may hold up the end.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Undoes what a guest may have asked of the terminal, and moves no cursor on one that was asked
/// for nothing: the main screen (within a saved cursor, since 1049 restores one), a soft reset
/// (DECSTR: margins, origin, insert mode, colours, the cursor shown), wrapping, plain arrows and
/// keypad, no mouse, no focus reports, no marked pastes, plain keys (kitty's and xterm's
/// protocols), the usual cursor and character set (ECMA-48; xterm's ctlseqs).
const RESET: &str = "\x1b7\x1b[?1049l\x1b[!p\x1b[?7h\x1b[?1l\x1b>\
    \x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;2004l\
    \x1b[=0u\x1b[>4m\x1b[0 q\x1b(B\x0f\x1b[m\x1b[?25h";

/// The terminal, raw until this is dropped.
pub struct Raw {
    before: Arc<Before>,
}

/// What the terminal was set to.
struct Before {
    modes: Termios,
    taken: AtomicBool,
}

impl Raw {
    /// Makes the terminal raw.
    ///
    /// # Errors
    /// The terminal's.
    pub fn begin() -> io::Result<Self> {
        let before = Arc::new(Before {
            modes: tcgetattr(io::stdin())?,
            taken: AtomicBool::new(true),
        });
        let raw = Self { before };
        raw.set()?;
        raw.restore_on_panic();
        Ok(raw)
    }

    /// Sets the modes, also after somebody else changed them (a shell that stopped the process).
    ///
    /// # Errors
    /// The terminal's.
    pub fn set(&self) -> io::Result<()> {
        let mut modes = self.before.modes.clone();
        modes.make_raw();
        Ok(tcsetattr(io::stdin(), OptionalActions::Now, &modes)?)
    }

    fn restore_on_panic(&self) {
        let terminal = Arc::clone(&self.before);
        let here = std::thread::current().id();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A thread that panics elsewhere ends alone.
            if std::thread::current().id() == here {
                terminal.restore();
            }
            hook(panic);
        }));
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.before.restore();
    }
}

impl Before {
    fn restore(&self) {
        if !self.taken.swap(false, Ordering::SeqCst) {
            return;
        }
        // A terminal that takes nothing must not keep the command from ending; one that is gone
        // needs nothing.
        if is_ready(io::stdout(), PollFlags::OUT, Some(LAST_WORDS))
            && let Ok(mut out) = writer()
        {
            let _ = out.write_all(RESET.as_bytes());
            let _ = out.write_all(b"\r\n");
        }
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.modes);
    }
}

/// Columns and rows; 80×24 where the terminal does not say.
pub fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// Reads what is typed, as it comes; the channel ends with the terminal.
///
/// # Errors
/// If no thread can be had.
pub fn keys() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, keys) = mpsc::channel(WAITING);
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || read(&sender))?;
    Ok(keys)
}

fn read(keys: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; PIECE];
    loop {
        is_ready(io::stdin(), PollFlags::IN, None);
        // The guest is left: what is typed now is for whatever comes after this command.
        if keys.is_closed() {
            return;
        }
        match rustix::io::read(io::stdin(), &mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if keys.blocking_send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return,
        }
    }
}

/// Writes to the terminal on a thread of its own.
pub struct Printer {
    pieces: mpsc::Sender<Vec<u8>>,
    stopped: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

impl Printer {
    /// Begins.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn begin() -> io::Result<Self> {
        let (pieces, waiting) = mpsc::channel(WAITING);
        let stopped = Arc::new(AtomicBool::new(false));
        let (tell, ended) = oneshot::channel();
        let (out, stop) = (writer()?, Arc::clone(&stopped));
        std::thread::Builder::new()
            .name("printer".to_owned())
            .spawn(move || {
                print(out, waiting, &stop);
                // Nobody may wait for it.
                let _ = tell.send(());
            })?;
        Ok(Self {
            pieces,
            stopped,
            ended,
        })
    }

    /// Waits for room; `None` once the terminal is gone.
    pub async fn room(&self) -> Option<mpsc::Permit<'_, Vec<u8>>> {
        self.pieces.reserve().await.ok()
    }

    /// Prints what waits, unless `discard` says that nobody wants it any more, and ends. A terminal
    /// that takes nothing is not waited for.
    pub async fn end(self, discard: bool) {
        self.stopped.store(discard, Ordering::SeqCst);
        drop(self.pieces);
        if tokio::time::timeout(LAST_WORDS, self.ended).await.is_err() {
            self.stopped.store(true, Ordering::SeqCst);
        }
    }
}

fn print(mut out: File, mut waiting: mpsc::Receiver<Vec<u8>>, stopped: &AtomicBool) {
    while let Some(bytes) = waiting.blocking_recv() {
        for piece in bytes.chunks(PIECE) {
            if stopped.load(Ordering::SeqCst) || out.write_all(piece).is_err() {
                return;
            }
        }
    }
}

/// The terminal without the buffer of `io::stdout`, which would be shared with who writes a
/// result.
fn writer() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Waits until a stream can be read or written, or is gone; `None` waits for ever.
fn is_ready(stream: impl AsFd, wish: PollFlags, patience: Option<Duration>) -> bool {
    let patience = patience.and_then(|it| Timespec::try_from(it).ok());
    let mut watched = [PollFd::new(&stream, wish)];
    poll(&mut watched, patience.as_ref()).is_ok_and(|ready| ready > 0)
}
