//! Input on its way to the guest, gathered while it waits.

use tokio::sync::mpsc;

/// Bytes offered to the line at once, and more is not taken from the channel before they are gone.
const PIECE: usize = 4096;

/// Input that waits.
#[derive(Default)]
pub(super) struct Typed {
    waiting: Vec<u8>,
    sent: usize,
    closed: bool,
}

impl Typed {
    /// Whether more is to be taken from the channel. What stays there makes its sender wait.
    pub fn takes(&self) -> bool {
        !self.closed && self.waiting.len() - self.sent < PIECE
    }

    /// Whether there is something to send.
    pub fn waits(&self) -> bool {
        self.sent < self.waiting.len()
    }

    pub fn add(&mut self, chunk: Vec<u8>) {
        if self.waits() {
            self.waiting.drain(..self.sent);
            self.waiting.extend(chunk);
        } else {
            self.waiting = chunk;
        }
        self.sent = 0;
    }

    /// Nobody will type any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Takes what lies in the channel: many small inputs become one message of libvirt's, of which
    /// it holds five at most.
    pub fn gather(&mut self, input: &mut mpsc::Receiver<Vec<u8>>) {
        while self.takes() {
            match input.try_recv() {
                Ok(chunk) => self.add(chunk),
                Err(mpsc::error::TryRecvError::Empty) => return,
                Err(mpsc::error::TryRecvError::Disconnected) => self.close(),
            }
        }
    }

    /// The next piece, if there is one.
    pub fn piece(&self) -> Option<&[u8]> {
        let rest = &self.waiting[self.sent..];
        (!rest.is_empty()).then(|| &rest[..rest.len().min(PIECE)])
    }

    /// So many bytes of the piece are on their way.
    pub fn done(&mut self, bytes: usize) {
        self.sent = (self.sent + bytes).min(self.waiting.len());
    }
}
