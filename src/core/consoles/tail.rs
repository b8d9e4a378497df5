//! Following the log of a serial line, which virtlogd rotates: `NAME.log` becomes `NAME.log.0`.

use crate::core::{Core, Result};
use crate::hypervisor::{self, Lane, VolumePart};
use std::time::Duration;

/// How long one read may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of one read.
const PIECE: u64 = 256 * 1024;
/// Bytes that are remembered to find a place again.
const MARK: usize = 512;

/// A place in the log, to go on from after the guest was restarted.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Offset in the file that was current.
    offset: u64,
    /// The bytes before it.
    mark: Vec<u8>,
}

impl Place {
    /// Moves on over bytes that were shown.
    pub fn pass(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.mark.extend_from_slice(bytes);
        let over = self.mark.len().saturating_sub(MARK);
        self.mark.drain(..over);
    }

    /// Says where in the log what was shown ends.
    pub fn reach(&mut self, offset: u64) {
        self.offset = offset;
    }
}

/// How long the log is now, bytes.
pub async fn size(core: &Core, name: &str) -> Result<u64> {
    Ok(part(core, name.to_owned(), u64::MAX, 0).await?.size)
}

/// A reader of one machine's log.
pub struct Tail {
    core: Core,
    name: String,
    offset: u64,
}

impl Tail {
    /// At the end of the log as it is now, and the last `history` bytes before it.
    pub async fn at_end(core: &Core, name: &str, history: u64) -> Result<(Self, Vec<u8>)> {
        let mut tail = Self {
            core: core.clone(),
            name: name.to_owned(),
            offset: 0,
        };
        let size = tail.part(name.to_owned(), u64::MAX, 0).await?.size;
        tail.offset = size.saturating_sub(history);
        let mut bytes = Vec::new();
        let missing = history.saturating_sub(size);
        if missing > 0 {
            bytes = tail.rotated(missing).await?;
        }
        bytes.extend(tail.more().await?);
        Ok((tail, bytes))
    }

    /// From an offset on: of the log as it was when it had that size.
    pub fn from(core: &Core, name: &str, offset: u64) -> Self {
        Self {
            core: core.clone(),
            name: name.to_owned(),
            offset,
        }
    }

    /// After a place that was reached earlier, and whether it was found again: if not, something of
    /// what the guest wrote meanwhile may be missing.
    pub async fn after(core: &Core, name: &str, place: &Place) -> Result<(Self, bool)> {
        let tail = Self {
            core: core.clone(),
            name: name.to_owned(),
            offset: place.offset,
        };
        let mark = place.mark.len() as u64;
        let begin = place.offset.saturating_sub(mark);
        let there = tail.part(name.to_owned(), begin, mark).await?;
        if there.size >= place.offset && there.bytes == place.mark {
            return Ok((tail, true));
        }
        // Rotated meanwhile, or the count was off: the mark tells.
        let (mut again, bytes) = Self::at_end(core, name, PIECE).await?;
        let found = bytes
            .windows(place.mark.len().max(1))
            .position(|window| window == place.mark);
        let after = found.map(|at| at + place.mark.len());
        let rest = bytes.len() - after.unwrap_or(0);
        again.offset = again.offset.saturating_sub(rest as u64);
        Ok((again, after.is_some()))
    }

    /// What was written since the last look; a log that does not exist (yet) has nothing.
    pub async fn more(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let (piece, whole) = self.piece().await?;
            bytes.extend(piece);
            if whole {
                return Ok(bytes);
            }
        }
    }

    /// What follows, of one bounded read (256 KiB), and whether that is all there is for now.
    pub async fn piece(&mut self) -> Result<(Vec<u8>, bool)> {
        let part = self.part(self.name.clone(), self.offset, PIECE).await?;
        if part.size < self.offset {
            let old = self.part(format!("{}.0", self.name), self.offset, PIECE).await?;
            self.offset = 0;
            return Ok((old.bytes, false));
        }
        self.offset += part.bytes.len() as u64;
        let whole = part.bytes.is_empty() || self.offset >= part.size;
        Ok((part.bytes, whole))
    }

    /// Where the next look begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The last bytes of the file before the current one.
    async fn rotated(&self, limit: u64) -> Result<Vec<u8>> {
        let name = format!("{}.0", self.name);
        let size = self.part(name.clone(), u64::MAX, 0).await?.size;
        Ok(self.part(name, size.saturating_sub(limit), limit).await?.bytes)
    }

    async fn part(&self, name: String, offset: u64, limit: u64) -> Result<VolumePart> {
        part(&self.core, name, offset, limit).await
    }
}

async fn part(core: &Core, name: String, offset: u64, limit: u64) -> Result<VolumePart> {
    let read = core
        .hypervisor()
        .call(Lane::Act, "read a console's log", DEADLINE, move |it| {
            it.read_volume(&name, offset, limit)
        });
    match read.await {
        Err(hypervisor::Error::NotFound(_)) => Ok(VolumePart {
            bytes: Vec::new(),
            size: 0,
        }),
        part => Ok(part?),
    }
}
