//! Reading a hostile file: every access is checked against its length, and all together they
//! are bounded, whatever its tables say.

use super::Refusal;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that one inspection may read; more is asked for only by a file that is up to something.
pub(super) const MOST_READ: u64 = 512 << 10;

/// A file being inspected.
pub(super) struct Bytes<'a, R> {
    file: &'a mut R,
    length: u64,
    read: u64,
}

impl<'a, R: Read + Seek> Bytes<'a, R> {
    /// # Errors
    /// The system's.
    pub(super) fn new(file: &'a mut R) -> Result<Self, Refusal> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file,
            length,
            read: 0,
        })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// `count` bytes from `offset` on.
    ///
    /// # Errors
    /// The system's, and [`Refusal::Damaged`] if the file has no such bytes: `what` names them.
    pub(super) fn at(&mut self, offset: u64, count: u64, what: &str) -> Result<Field, Refusal> {
        self.must_hold(offset, count, what)?;
        self.up_to(offset, count)
    }

    /// What there is of `count` bytes from `offset` on.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn up_to(&mut self, offset: u64, count: u64) -> Result<Field, Refusal> {
        let count = count.min(self.length.saturating_sub(offset));
        self.read += count;
        if self.read > MOST_READ {
            return Err(Refusal::Damaged("its header leads in circles".to_owned()));
        }
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(usize::try_from(count).map_err(io::Error::other)?);
        self.file.by_ref().take(count).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != count {
            return Err(Refusal::Damaged("it became shorter while it was read".to_owned()));
        }
        Ok(Field(bytes))
    }

    /// That the file has `count` bytes from `offset` on.
    ///
    /// # Errors
    /// [`Refusal::Damaged`]: `what` names them.
    pub(super) fn must_hold(&self, offset: u64, count: u64, what: &str) -> Result<(), Refusal> {
        match offset.checked_add(count) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(Refusal::Damaged(format!(
                "{what} lies beyond its end (byte {offset} of {})",
                self.length
            ))),
        }
    }
}

/// Some bytes of a file, and the numbers in them. What lies outside reads as zero: the formats'
/// fields are asked for only after their length was checked.
pub(super) struct Field(pub(super) Vec<u8>);

impl Field {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        if let Some(found) = self.0.get(at..at.saturating_add(N)) {
            bytes.copy_from_slice(found);
        }
        bytes
    }

    /// Sixteen bytes, such as a GUID.
    pub(super) fn guid(&self, at: usize) -> [u8; 16] {
        self.bytes(at)
    }

    /// Big-endian.
    pub(super) fn be32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes(at))
    }

    /// Big-endian.
    pub(super) fn be64(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.bytes(at))
    }

    /// Little-endian.
    pub(super) fn le16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    /// Little-endian.
    pub(super) fn le32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    /// Little-endian.
    pub(super) fn le64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    /// Whether `what` is what lies at `at`.
    pub(super) fn has(&self, at: usize, what: &[u8]) -> bool {
        self.0.get(at..).is_some_and(|rest| rest.starts_with(what))
    }
}
