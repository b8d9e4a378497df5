//! The partial file: what has come so far, its running hash, and beside it what is known of it.
//!
//! A sheet is the file `PARTIAL` and the small file `PARTIAL.state`. It is locked while somebody
//! writes it. After a kill it holds the beginning of the file, as far as it came; the hash is made
//! again by reading it.

use super::answer::Validators;
use super::error::FetchError;
use super::flusher::Flusher;
use crate::model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// No state that was written here is larger.
const STATE_LIMIT: u64 = 64 << 10;

/// What is known of the file whose beginning lies there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The address that was asked.
    pub url: String,
    /// Its bytes in all, if the server said so.
    pub total: Option<u64>,
    /// By what the server tells whether it is still the same.
    #[serde(flatten)]
    pub validators: Validators,
}

/// A running hash.
#[derive(Clone)]
pub(super) enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    /// The one that makes such digests; SHA-256 where nothing is expected.
    pub fn like(expected: Option<&Digest>) -> Self {
        match expected {
            Some(Digest::Sha512(_)) => Self::Sha512(Sha512::new()),
            Some(Digest::Sha256(_)) | None => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn digest(&self) -> Digest {
        match self.clone() {
            Self::Sha256(hash) => Digest::Sha256(hash.finalize().into()),
            Self::Sha512(hash) => Digest::Sha512(hash.finalize().into()),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Sha256(hash) => hash.reset(),
            Self::Sha512(hash) => hash.reset(),
        }
    }
}

/// An open, locked partial file. Every call blocks.
pub(super) struct Sheet {
    path: PathBuf,
    file: File,
    hash: Hash,
    length: u64,
    flusher: Flusher,
}

impl Sheet {
    /// Opens and locks it; makes it if there is none. `None` if another one holds it.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(path: &Path, hash: Hash) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // Neither a link to elsewhere nor a pipe that never opens.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (ours, there) = (file.metadata()?, fs::symlink_metadata(path));
        if !ours.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // Whoever held it before may have removed it before we got the lock.
        if !there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
            return Ok(None);
        }
        let path = path.to_owned();
        Ok(Some(Self {
            path,
            file,
            hash,
            length: 0,
            flusher: Flusher::default(),
        }))
    }

    /// Reads what lies there into the hash, until `stop`; returns what is known of it.
    ///
    /// # Errors
    /// The file system's.
    pub fn take_up(&mut self, stop: &AtomicBool) -> io::Result<Option<State>> {
        let mut buffer = vec![0; 1 << 20];
        self.file.seek(SeekFrom::Start(0))?;
        while !stop.load(Ordering::Relaxed) {
            match self.file.read(&mut buffer)? {
                0 => break,
                count => {
                    self.hash.update(&buffer[..count]);
                    self.length += count as u64;
                }
            }
        }
        let mut text = String::new();
        let read =
            File::open(self.state_path()).and_then(|file| file.take(STATE_LIMIT).read_to_string(&mut text));
        Ok(read.ok().and_then(|_| serde_json::from_str(&text).ok()))
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest of the bytes so far.
    pub fn digest(&self) -> Digest {
        self.hash.digest()
    }

    /// Forgets all of it and begins with this state.
    ///
    /// # Errors
    /// The file system's.
    pub fn begin(&mut self, state: &State) -> io::Result<()> {
        // In this order: a state never stands beside bytes that it does not speak of.
        self.clear()?;
        let text = serde_json::to_vec(state)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(self.state_path())?;
        file.write_all(&text)
    }

    /// Forgets all of it.
    ///
    /// # Errors
    /// The file system's.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hash.reset();
        self.length = 0;
        remove(&self.state_path())
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The file system's; a full disk above all.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.flusher.wrote(&self.file, bytes.len() as u64)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Makes it last.
    ///
    /// # Errors
    /// The file system's: what it could not write until now is told here.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flusher.end()?;
        self.file.sync_all()
    }

    /// Removes the state: the file is whole and speaks for itself.
    ///
    /// # Errors
    /// The file system's.
    pub fn close(&self) -> io::Result<()> {
        remove(&self.state_path())
    }

    /// Removes the file and its state.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(&self) -> io::Result<()> {
        remove(&self.state_path())?;
        remove(&self.path)
    }

    /// Bytes that unprivileged users may still write beside it.
    ///
    /// # Errors
    /// The file system's.
    pub fn room(&self) -> io::Result<u64> {
        let told = rustix::fs::fstatvfs(&self.file)?;
        Ok(told.f_bavail.saturating_mul(told.f_frsize))
    }

    fn state_path(&self) -> PathBuf {
        state_path(&self.path)
    }
}

/// Where the state of a partial file is kept.
pub(super) fn state_path(partial: &Path) -> PathBuf {
    let mut path = partial.as_os_str().to_owned();
    path.push(".state");
    path.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves a whole file to its place, so that it is there or not there, even after a power cut.
/// Blocks.
///
/// # Errors
/// [`FetchError::File`]
pub fn put_in_place(whole: &Path, target: &Path) -> Result<(), FetchError> {
    let moved = fs::rename(whole, target).and_then(|()| {
        let folder = target.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    });
    moved.map_err(|error| FetchError::of_disk(target, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn open(path: &Path) -> Sheet {
        // A child of another test holds what is locked here until it has become its program.
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            match Sheet::open(path, Hash::like(None)).unwrap() {
                Some(sheet) => return sheet,
                None => assert!(Instant::now() < patience, "locked for ever"),
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_was_put_down_is_taken_up_with_the_same_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        let state = State {
            url: "http://x/".to_owned(),
            total: Some(10),
            ..State::default()
        };
        let mut sheet = open(&path);
        sheet.begin(&state).unwrap();
        sheet.put(b"hello").unwrap();
        let digest = sheet.digest();
        assert!(
            Sheet::open(&path, Hash::like(None)).unwrap().is_none(),
            "it is locked"
        );
        drop(sheet);
        let mut sheet = open(&path);
        assert_eq!(sheet.take_up(&AtomicBool::new(false)).unwrap(), Some(state));
        assert_eq!((sheet.length(), sheet.digest()), (5, digest));
        sheet.clear().unwrap();
        assert_eq!((sheet.length(), sheet.digest()), (0, open_digest()));
        sheet.remove().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    fn open_digest() -> Digest {
        Hash::like(None).digest()
    }

    #[test]
    fn a_link_is_not_followed_and_a_broken_state_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("link"), folder.path().join("a"));
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(Sheet::open(&link, Hash::like(None)).is_err());
        assert!(Sheet::open(Path::new("/dev/null"), Hash::like(None)).is_err());
        fs::write(state_path(&path), "{\"url\":").unwrap();
        assert_eq!(open(&path).take_up(&AtomicBool::new(false)).unwrap(), None);
    }
}
