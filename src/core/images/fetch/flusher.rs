//! What is written goes to the disk while more comes.

use std::fs::File;
use std::io;
use std::thread::{self, JoinHandle};

/// Bytes after which what was written is sent to the disk, while more is written.
const FLUSH_EVERY: u64 = 32 << 20;

/// Sends to the disk what was written, on a thread of its own: else all of it would wait for the
/// end, and the end for all of it.
#[derive(Default)]
pub(super) struct Flusher {
    unflushed: u64,
    at_work: Option<JoinHandle<io::Result<()>>>,
}

impl Flusher {
    /// So many bytes were written.
    ///
    /// # Errors
    /// What the disk said to earlier ones: it says so once only, to whoever asks first.
    pub fn wrote(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        self.unflushed += bytes;
        let is_busy = self.at_work.as_ref().is_some_and(|it| !it.is_finished());
        if self.unflushed < FLUSH_EVERY || is_busy {
            return Ok(());
        }
        self.end()?;
        self.unflushed = 0;
        let file = file.try_clone()?;
        self.at_work = Some(thread::spawn(move || file.sync_data()));
        Ok(())
    }

    /// Waits for what is under way.
    ///
    /// # Errors
    /// As [`Self::wrote`].
    pub fn end(&mut self) -> io::Result<()> {
        match self.at_work.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(_)) => Err(io::Error::other("the thread that writes to the disk failed")),
            None => Ok(()),
        }
    }
}

impl Drop for Flusher {
    /// The thread holds the file, and with it the lock.
    fn drop(&mut self) {
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_the_disk_says_late_is_told_and_the_file_is_let_go() {
        let mut file = tempfile::tempfile().unwrap();
        let mut flusher = Flusher::default();
        file.write_all(b"x").unwrap();
        flusher.wrote(&file, FLUSH_EVERY - 1).unwrap();
        assert!(flusher.at_work.is_none(), "not for so little");
        flusher.wrote(&file, 1).unwrap();
        assert!(flusher.at_work.is_some());
        flusher.end().unwrap();
        flusher.at_work = Some(thread::spawn(|| Err(io::Error::other("bad sector"))));
        assert_eq!(flusher.end().unwrap_err().to_string(), "bad sector");
    }
}
