//! Output that its reader has not taken yet: bounded, the oldest goes first.

use super::{CHUNK, Output};
use std::collections::VecDeque;

/// Bytes that wait for the reader at most, without those on their way (1 MiB).
pub(super) const HELD: usize = 7 << 20;

/// Output that waits for its reader.
#[derive(Default)]
pub(super) struct Held {
    chunks: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
}

impl Held {
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= CHUNK => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => (),
            _ => self.chunks.push_back(bytes.to_vec()),
        }
        while self.bytes > HELD
            && let Some(oldest) = self.chunks.pop_front()
        {
            self.bytes -= oldest.len();
            self.dropped += oldest.len() as u64;
        }
    }

    pub fn has_some(&self) -> bool {
        self.dropped > 0 || !self.chunks.is_empty()
    }

    /// The next to be handed on. What was dropped was older than all that is left.
    pub fn next(&mut self) -> Output {
        if self.dropped > 0 {
            return Output::Dropped(std::mem::take(&mut self.dropped));
        }
        let chunk = self.chunks.pop_front().unwrap_or_default();
        self.bytes -= chunk.len();
        Output::Bytes(chunk)
    }
}
