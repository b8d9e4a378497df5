//! Compressed images become images, within bounds: of size on the disk, and of memory, because a
//! few bytes can ask for gigabytes of either.

mod zst;

use super::error::{size, visible};
use crate::model::{Progress, text};
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use zst::Zst;

/// What a decoder may remember: `xz -9` and `zstd --ultra -22` need 64 and 128 MiB.
const MEMORY: u64 = 128 << 20;
/// The unit that is written or left out; qcow2's clusters and file systems' blocks divide it.
const BLOCK: usize = 64 << 10;
const MAGIC: [(Packing, &[u8]); 3] = [
    (Packing::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0]),
    (Packing::Gz, &[0x1f, 0x8b]),
    (Packing::Zst, &[0x28, 0xb5, 0x2f, 0xfd]),
];

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// `.xz`
    Xz,
    /// `.gz`
    Gz,
    /// `.zst`
    Zst,
}

impl Packing {
    /// What a name says.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "xz" => Some(Self::Xz),
            "gz" => Some(Self::Gz),
            "zst" => Some(Self::Zst),
            _ => None,
        }
    }

    /// What a file's first bytes say.
    pub fn of_magic(beginning: &[u8]) -> Option<Self> {
        let found = MAGIC.into_iter().find(|(_, magic)| beginning.starts_with(magic));
        found.map(|(packing, _)| packing)
    }
}

/// A file to unpack.
#[derive(Clone, Debug)]
pub struct Unpacking {
    /// How it is compressed.
    pub packing: Packing,
    /// The compressed file.
    pub source: PathBuf,
    /// Where the image is written; what is there is replaced.
    pub target: PathBuf,
    /// Bytes the image may have at most.
    pub limit: u64,
}

/// Why a file was not unpacked; nothing of the target is left.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It would become too large.
    #[error("{}: unpacks to more than {}, which is the limit: it is no image that was meant here", visible(.source_file), size(*.limit))]
    TooLarge {
        /// The compressed file.
        source_file: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// It is damaged, ends early, or asks for too much memory.
    #[error("{}: cannot be unpacked: {reason}", visible(.source_file))]
    Damaged {
        /// The compressed file.
        source_file: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// The disk has no room for it.
    #[error("{}: no room on the disk after {}; free some and try again", visible(.target), size(*.after))]
    NoRoom {
        /// The image.
        target: PathBuf,
        /// Bytes that it had become by then.
        after: u64,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", visible(.path))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody wants it any more.
    #[error("the unpacking was cancelled")]
    Cancelled,
}

/// Unpacks a file; returns the image's length, bytes. Blocks, for as long as it takes: not for a
/// worker. Blocks of zeros become holes. Progress counts the compressed bytes.
///
/// # Errors
/// [`UnpackError`]
pub fn unpack(
    what: &Unpacking,
    mut on_progress: impl FnMut(Progress),
    cancel: &AtomicBool,
) -> Result<u64, UnpackError> {
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |source| UnpackError::File { path, source }
    };
    let source = File::open(&what.source).map_err(file_error(&what.source))?;
    let total = source.metadata().map_err(file_error(&what.source))?.len();
    let taken = Rc::new(Cell::new(0));
    let counted = Counted {
        source,
        taken: Rc::clone(&taken),
    };
    let mut decoder = decoder(what.packing, BufReader::with_capacity(BLOCK, counted));
    let mut target = Target::make(&what.target).map_err(file_error(&what.target))?;
    let mut block = vec![0; BLOCK];
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(UnpackError::Cancelled);
        }
        let count = fill(&mut *decoder, &mut block).map_err(|error| UnpackError::Damaged {
            source_file: what.source.clone(),
            reason: text::visible_within(&reason(&error), 200),
        })?;
        if target.length + count as u64 > what.limit {
            let (source_file, limit) = (what.source.clone(), what.limit);
            return Err(UnpackError::TooLarge { source_file, limit });
        }
        target
            .put(&block[..count])
            .map_err(|error| target.failed(error))?;
        on_progress(Progress {
            done: taken.get(),
            total: Some(total),
        });
        if count < BLOCK {
            break;
        }
    }
    target.finish().map_err(|error| target.failed(error))?;
    Ok(target.length)
}

/// The reader of one packing. A decoder that meets the end of its file says so as an error.
fn decoder(packing: Packing, source: BufReader<Counted>) -> Box<dyn Read> {
    match packing {
        Packing::Gz => Box::new(MultiGzDecoder::new(source)),
        Packing::Xz => Box::new(XzReader::new_mem_limit(source, true, (MEMORY >> 10) as u32)),
        Packing::Zst => Box::new(Zst::new(source, MEMORY)),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
        io::ErrorKind::OutOfMemory => format!("it asks for more than {} of memory", size(MEMORY)),
        _ => error.to_string(),
    }
}

/// Fills the buffer; less only at the end.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The compressed file, and how much of it was read.
struct Counted {
    source: File,
    taken: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

/// The image that is being made; removed unless it was finished.
struct Target {
    path: PathBuf,
    file: File,
    length: u64,
    whole: bool,
}

impl Target {
    fn make(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let path = path.to_owned();
        Ok(Self {
            path,
            file,
            length: 0,
            whole: false,
        })
    }

    fn put(&mut self, block: &[u8]) -> io::Result<()> {
        if block.iter().all(|byte| *byte == 0) {
            self.file.seek(SeekFrom::Current(block.len() as i64))?;
        } else {
            self.file.write_all(block)?;
        }
        self.length += block.len() as u64;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        // A hole at the end is only there once the length says so.
        self.file.set_len(self.length)?;
        self.file.sync_all()?;
        self.whole = true;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> UnpackError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => UnpackError::NoRoom {
                target: self.path.clone(),
                after: self.length,
            },
            _ => UnpackError::File {
                path: self.path.clone(),
                source,
            },
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.whole {
            // Nothing better can be done about one that cannot be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}
