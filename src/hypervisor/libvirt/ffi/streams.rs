//! A stream that nobody waits in: `virt`'s own passes libvirt a pointer to a value that moves, and
//! panics when its callback is gone already.

use super::Raw;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

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

/// A guest's console as a stream of bytes, until it is dropped: that aborts the stream, which asks
/// libvirtd and can take as long as its connection takes to break.
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
        // SAFETY: the stream is alive and freed once, here. libvirt frees the callback's box itself,
        // after a callback that may be running. Failures leave nothing to do: on a connection that
        // broke the stream is gone at the other end.
        unsafe {
            if self.listens {
                sys::virStreamEventRemoveCallback(self.stream);
            }
            sys::virStreamAbort(self.stream);
            sys::virStreamFree(self.stream);
        }
    }
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
