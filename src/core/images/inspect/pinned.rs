//! A file whose decisive bytes cannot change any more between a look and a use.

use super::HEAD;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A file of which the first 64 KiB ([`HEAD`]) were read once and come from memory from then on.
///
/// Whoever can write the file may change the rest while it is copied: guests' data, or a table's
/// entries, never what else would be opened.
pub struct Pinned {
    head: Vec<u8>,
    file: File,
    at: u64,
}

impl Pinned {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// The system's.
    pub fn new(mut file: File) -> io::Result<Self> {
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.by_ref().take(HEAD).read_to_end(&mut head)?;
        Ok(Self { head, file, at: 0 })
    }

    /// The same, to be read from its beginning.
    ///
    /// # Errors
    /// The system's.
    pub fn rewound(mut self) -> io::Result<Self> {
        self.seek(SeekFrom::Start(0))?;
        Ok(self)
    }
}

impl Read for Pinned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let pinned = usize::try_from(self.at).ok().and_then(|at| self.head.get(at..));
        let read = match pinned {
            Some(mut rest) if !rest.is_empty() => {
                let read = rest.read(buffer)?;
                // The file goes along, so that it is in the right place when memory ends.
                self.file.seek(SeekFrom::Start(self.at + read as u64))?;
                read
            }
            _ => self.file.read(buffer)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Pinned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Reading from memory keeps the file's own place the same as this one's.
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}
