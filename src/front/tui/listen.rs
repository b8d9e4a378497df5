//! What comes from the process's own terminal and from the system: keys, sizes, signals.
//!
//! Keys are read by a thread of their own that waits in `poll(2)`, sees a hang-up and an end of
//! file for what they are, and leaves a closed terminal alone instead of spinning on it.

use super::event::Event;
use super::input::Parser;
use super::terminal::size;
use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

/// How long an Escape waits for the rest of a sequence.
const ESCAPE_MS: i32 = 30;
/// Between two looks whether the terminal is still there: a second line of defence.
const LOOK_SECONDS: u64 = 2;

/// Sends keys, sizes and signals to the loop. The key reader ends with the channel; the rest when
/// the answer is aborted.
///
/// # Errors
/// When a thread or a signal handler cannot be had.
pub(crate) fn listen(events: &Sender<Event>) -> io::Result<JoinHandle<()>> {
    let keys = events.clone();
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || read_keys(&keys))?;
    listen_to_signals(events.clone())
}

fn listen_to_signals(events: Sender<Event>) -> io::Result<JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut resize = signal(SignalKind::window_change())?;
    let mut suspend = signal(SignalKind::from_raw(libc::SIGTSTP))?;
    let mut go_on = signal(SignalKind::from_raw(libc::SIGCONT))?;
    let mut look = tokio::time::interval(std::time::Duration::from_secs(LOOK_SECONDS));
    Ok(tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                _ = terminate.recv() => Event::Terminate(libc::SIGTERM),
                _ = interrupt.recv() => Event::Terminate(libc::SIGINT),
                _ = quit.recv() => Event::Terminate(libc::SIGQUIT),
                _ = hang_up.recv() => Event::HungUp,
                _ = resize.recv() => Event::Resize(size()),
                _ = suspend.recv() => Event::Suspend,
                _ = go_on.recv() => {
                    // The window may have been resized while the process stood still.
                    if events.send(Event::Resize(size())).await.is_err() { return; }
                    Event::Continued
                }
                _ = look.tick() => match wait(0) {
                    Ready::Gone => Event::HungUp,
                    _ => continue,
                },
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    }))
}

enum Ready {
    Bytes,
    Nothing,
    Gone,
}

/// Waits for standard input, `-1` for ever.
fn wait(milliseconds: i32) -> Ready {
    let mut watched = libc::pollfd {
        fd: libc::STDIN_FILENO,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd, and the count says one.
    let ready = unsafe { libc::poll(&raw mut watched, 1, milliseconds) };
    let gone = libc::POLLHUP | libc::POLLERR | libc::POLLNVAL;
    match ready {
        0 => Ready::Nothing,
        // Interrupted by a signal: that one is somebody else's business.
        -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => Ready::Nothing,
        -1 => Ready::Gone,
        _ if watched.revents & libc::POLLIN != 0 => Ready::Bytes,
        _ if watched.revents & gone != 0 => Ready::Gone,
        _ => Ready::Nothing,
    }
}

/// Reads keys until the terminal or the loop is gone.
fn read_keys(events: &Sender<Event>) {
    let mut parser = Parser::default();
    let mut buffer = [0; 4096];
    loop {
        let ready = wait(if parser.is_waiting() { ESCAPE_MS } else { -1 });
        // The screen is gone: what is typed now is for whatever comes after this program.
        if events.is_closed() {
            return;
        }
        let found = match ready {
            Ready::Nothing => parser.flush(),
            Ready::Bytes => match read(&mut buffer) {
                Some(0) => vec![Event::HungUp],
                Some(count) => parser.feed(&buffer[..count]),
                None => continue,
            },
            Ready::Gone => vec![Event::HungUp],
        };
        for event in found {
            let over = matches!(event, Event::HungUp);
            if events.blocking_send(event).is_err() || over {
                return;
            }
        }
    }
}

/// Reads what is there: 0 bytes at the end of the terminal, `None` if it was interrupted.
fn read(buffer: &mut [u8]) -> Option<usize> {
    // SAFETY: the pointer and the length are those of one live, writable buffer.
    let count = unsafe { libc::read(libc::STDIN_FILENO, buffer.as_mut_ptr().cast(), buffer.len()) };
    match usize::try_from(count) {
        Ok(count) => Some(count),
        Err(_) => match io::Error::last_os_error().kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => None,
            _ => Some(0),
        },
    }
}
