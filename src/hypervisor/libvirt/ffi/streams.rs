//! A stream that nobody waits in: `virt`'s own passes libvirt a pointer to a value that moves, and
//! panics when its callback is gone already.

use super::Raw;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

/// How long the event loop's turn is waited for: it has nothing to do that takes time.
const TURN: Duration = Duration::from_secs(5);

/// Told that there is something to receive or that the stream has ended, again and again until that
/// was received. On the event loop's thread: must not block and must not call libvirt.
pub(in super::super) type OnStream = Box<dyn Fn() + Send + Sync>;

/// What a stream has for its reader.
pub(in super::super) enum Arrived {
    Bytes(usize),
    Nothing,
    /// The other side has finished.
    End,
}

/// A guest's console as a stream of bytes, on a connection that nobody else uses: it ends with that
/// connection, whose last reference goes with this or with its domain. It is not aborted before, since
/// libvirtd never answers that on a stream that was taken over while the guest wrote, and the thread
/// would wait for good (libvirt 9.0). A connection it closes in any case.
pub(in super::super) struct ConsoleStream {
    stream: sys::virStreamPtr,
    listens: bool,
    /// Last, and so dropped last: the stream is the connection's.
    connect: Connect,
}

// SAFETY: libvirt's objects may be used from any thread; `&mut self` keeps it one at a time.
unsafe impl Send for ConsoleStream {}

impl ConsoleStream {
    /// Opens the console of a domain of this connection.
    pub fn open(connect: Connect, domain: &Domain, force: bool, on_stream: OnStream) -> Raw<Self> {
        // SAFETY: the connection is alive; the stream takes a reference of its own to it.
        let stream = unsafe { sys::virStreamNew(connect.as_ptr(), sys::VIR_STREAM_NONBLOCK) };
        if stream.is_null() {
            return Err(Error::last_error());
        }
        let mut console = Self {
            stream,
            listens: false,
            connect,
        };
        let flags = if force { sys::VIR_DOMAIN_CONSOLE_FORCE } else { 0 };
        // SAFETY: domain and stream are alive; no device name means the first console.
        let opened = unsafe { sys::virDomainOpenConsole(domain.as_ptr(), ptr::null(), stream, flags) };
        if opened < 0 {
            return Err(Error::last_error());
        }
        console.listen(on_stream)?;
        Ok(console)
    }

    fn listen(&mut self, on_stream: OnStream) -> Raw<()> {
        let opaque = Box::into_raw(Box::new(on_stream)).cast::<c_void>();
        let events =
            sys::VIR_STREAM_EVENT_READABLE | sys::VIR_STREAM_EVENT_ERROR | sys::VIR_STREAM_EVENT_HANGUP;
        // SAFETY: the stream is alive and has no callback yet; the box is libvirt's from here on.
        let added = unsafe {
            sys::virStreamEventAddCallback(
                self.stream,
                events.cast_signed(),
                Some(on_event),
                opaque,
                Some(free_on_stream),
            )
        };
        if added < 0 {
            // SAFETY: refused, so libvirt has not taken the box.
            unsafe { free_on_stream(opaque) };
            return Err(Error::last_error());
        }
        self.listens = true;
        Ok(())
    }

    pub fn connect(&self) -> &Connect {
        &self.connect
    }

    /// Takes from what this process has received already: never asks libvirtd.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Raw<Arrived> {
        // SAFETY: the stream is alive, the buffer valid for its length.
        let received =
            unsafe { sys::virStreamRecv(self.stream, buffer.as_mut_ptr().cast::<c_char>(), buffer.len()) };
        match received {
            -2 => Ok(Arrived::Nothing),
            0 => Ok(Arrived::End),
            count => match usize::try_from(count) {
                Ok(count) => Ok(Arrived::Bytes(count)),
                Err(_) => Err(Error::last_error()),
            },
        }
    }

    /// Sends; waits while libvirtd takes no more.
    pub fn send(&mut self, bytes: &[u8]) -> Raw<usize> {
        // SAFETY: the stream is alive, the bytes valid for their length.
        let sent = unsafe { sys::virStreamSend(self.stream, bytes.as_ptr().cast::<c_char>(), bytes.len()) };
        match sent {
            -2 => Ok(0),
            sent => usize::try_from(sent).map_err(|_| Error::last_error()),
        }
    }
}

impl Drop for ConsoleStream {
    fn drop(&mut self) {
        if self.listens {
            // SAFETY: the stream is alive and has a callback. libvirt frees its box itself, after a
            // callback that may be running.
            unsafe { sys::virStreamEventRemoveCallback(self.stream) };
            if !await_event_loop() {
                // Rather a connection that stays than an event loop that stands still.
                std::mem::forget(self.connect.clone());
            }
        }
        // SAFETY: the stream is alive, and freed once, here.
        unsafe { sys::virStreamFree(self.stream) };
    }
}

/// Waits until the event loop has finished what it is at; says whether it did.
///
/// A callback that is removed while it runs is cleaned up by the event loop, and with it perhaps the
/// last reference to its stream and connection. The loop would then close that connection, wait for
/// libvirtd's answer, and hang on a lock that it holds itself (seen within three rounds).
fn await_event_loop() -> bool {
    let (turn, turned) = sync_channel::<()>(1);
    let opaque = Box::into_raw(Box::new(turn)).cast::<c_void>();
    // SAFETY: a callback of the right type; the box is libvirt's from here on, until it is free.
    let timer = unsafe { sys::virEventAddTimeout(0, Some(on_turn), opaque, Some(free_turn)) };
    if timer < 0 {
        // SAFETY: refused, so libvirt has not taken the box.
        unsafe { free_turn(opaque) };
        return false;
    }
    let came = turned.recv_timeout(TURN).is_ok();
    // SAFETY: the timer is the one that was added, and removed once.
    unsafe { sys::virEventRemoveTimeout(timer) };
    came
}

unsafe extern "C" fn on_turn(_timer: c_int, opaque: *mut c_void) {
    // SAFETY: libvirt passes our box, which it has not freed yet.
    let turn = unsafe { &*opaque.cast::<SyncSender<()>>() };
    // Full: it was told already.
    let _ = turn.try_send(());
}

unsafe extern "C" fn free_turn(opaque: *mut c_void) {
    // SAFETY: made by `Box::into_raw` from this very type; libvirt calls this once.
    drop(unsafe { Box::from_raw(opaque.cast::<SyncSender<()>>()) });
}

unsafe extern "C" fn on_event(_: sys::virStreamPtr, _events: c_int, opaque: *mut c_void) {
    // SAFETY: libvirt passes our box, which it has not freed yet.
    let on_stream = unsafe { &*opaque.cast::<OnStream>() };
    // A panic must not unwind into C; the next event makes good what it kept from us.
    let _ = catch_unwind(AssertUnwindSafe(on_stream));
}

unsafe extern "C" fn free_on_stream(opaque: *mut c_void) {
    // SAFETY: made by `Box::into_raw` from this very type; libvirt calls this once.
    drop(unsafe { Box::from_raw(opaque.cast::<OnStream>()) });
}
