//! The library: downloaded images that were verified, each with a sheet that says what it is and
//! where it came from.
//!
//! A sheet `VOLUME.json` exists from the moment an image was found whole and sound. Its bytes lie
//! beside it (`VOLUME.image`) until they are in the pool, and only there afterwards: no image takes
//! its room twice.

use super::Offer;
use super::offer::About;
use crate::core::{Error, Result, secrets};
use crate::model::{Digest, Image, Readiness, Trust};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::cmp::Reverse;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// No sheet that was written here is larger.
const LARGEST_SHEET: u64 = 64 << 10;

/// An image of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// What it is.
    pub about: About,
    /// Its volume in the pool, once it is there.
    pub volume: String,
    /// Where it came from.
    pub url: String,
    /// What the downloaded bytes hashed to.
    pub digest: Digest,
    /// What vouched for that digest.
    pub trust: Trust,
    /// SHA-256 of the image, unpacked or converted.
    pub content: Digest,
    /// Bytes of it.
    pub size: u64,
    /// Bytes of the disk in it.
    pub virtual_size: u64,
    /// When it came.
    pub brought_at: Timestamp,
}

impl Local {
    /// Whether it is what an offer offers.
    pub fn came_from(&self, offer: &Offer) -> bool {
        let pinned = offer.pinned().is_none_or(|digest| digest == self.digest);
        self.about.id == offer.about.id && self.url == offer.url && pinned
    }

    /// Its entry of the catalogue.
    pub fn image(&self) -> Image {
        let mut image = self.about.image(Some(self.size), self.trust, Readiness::Ready);
        image.brought_at = Some(self.brought_at);
        image.min_disk_gib = image.min_disk_gib.max(self.virtual_size.div_ceil(1 << 30));
        image
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// Below a state directory.
    pub fn of(state_dir: &Path) -> Self {
        Self {
            folder: state_dir.join("images"),
        }
    }

    /// Makes the folder. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn make(&self) -> Result<()> {
        secrets::make_private_folder(&self.folder)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a download grows.
    pub fn partial(&self, volume: &str) -> PathBuf {
        self.folder.join(format!("{volume}.part"))
    }

    /// Where a packed download becomes an image.
    pub fn unpacked(&self, volume: &str) -> PathBuf {
        self.folder.join(format!("{volume}.unpacked"))
    }

    /// Where an image lies until it is in the pool.
    pub fn file(&self, volume: &str) -> PathBuf {
        self.folder.join(format!("{volume}.image"))
    }

    fn sheet(&self, volume: &str) -> PathBuf {
        self.folder.join(format!("{volume}.json"))
    }

    /// Every image of it, the newest first. Sheets that cannot be read are logged and left out.
    /// Blocks.
    pub fn all(&self) -> Vec<Local> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let paths = entries.filter_map(|it| Some(it.ok()?.path()));
        let sheets = paths.filter(|it| it.extension().is_some_and(|it| it == "json"));
        let mut found: Vec<Local> = sheets
            .filter_map(|path| {
                let read = read(&path);
                read.inspect_err(|error| tracing::warn!(%error, path = %path.display(), "an image's sheet"))
                    .ok()
            })
            .collect();
        found.sort_by_key(|it| Reverse(it.brought_at));
        found
    }

    /// The newest image that came from this offer. Blocks.
    pub fn newest_of(&self, offer: &Offer) -> Option<Local> {
        self.all().into_iter().find(|it| it.came_from(offer))
    }

    /// Writes an image's sheet, whole or not at all. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn save(&self, local: &Local) -> Result<()> {
        let path = self.sheet(&local.volume);
        let half = path.with_extension("json.half");
        let write = || {
            let bytes = serde_json::to_vec_pretty(local).map_err(io::Error::other)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&half)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&half, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| Error::of_file("writing", &path, &error))
    }

    /// Removes an image's bytes, which are in the pool now. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn drop_file(&self, volume: &str) -> Result<()> {
        remove(&self.file(volume))
    }

    /// Removes an image's sheet, then its bytes and what a download left of it. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn forget(&self, volume: &str) -> Result<()> {
        remove(&self.sheet(volume))?;
        let partial = self.partial(volume);
        let mut state = partial.clone().into_os_string();
        state.push(".state");
        [self.file(volume), self.unpacked(volume), partial, state.into()]
            .iter()
            .try_for_each(|path| remove(path))
    }
}

fn read(path: &Path) -> io::Result<Local> {
    if fs::metadata(path)?.len() > LARGEST_SHEET {
        return Err(io::Error::other("too large for a sheet"));
    }
    serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other)
}

/// Removes a file, if it is there. Blocks.
///
/// # Errors
/// [`Error::Io`]
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::of_file("removing", path, &error))
        }
        _ => Ok(()),
    }
}

/// SHA-256 of a file. Reads all of it.
///
/// # Errors
/// [`Error::Io`]
pub fn content_of(path: &Path) -> Result<Digest> {
    let fails = |error: io::Error| Error::of_file("reading", path, &error);
    sha256_of(&mut File::open(path).map_err(fails)?).map_err(fails)
}

/// SHA-256 of everything that is still to be read.
///
/// # Errors
/// The system's.
pub fn sha256_of(source: &mut impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(Digest::Sha256(hash.finalize().into())),
            count => hash.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::listed::{Listing, built_in};
    use super::*;

    fn offer() -> Offer {
        let found = built_in().images.iter().find_map(|it| match it {
            Listing::Elsewhere(offer) => Some(offer.clone()),
            Listing::Here(..) => None,
        });
        found.unwrap()
    }

    fn local(offer: &Offer, volume: &str, digest: u8, second: i64) -> Local {
        Local {
            about: offer.about.clone(),
            volume: volume.to_owned(),
            url: offer.url.clone(),
            digest: Digest::Sha256([digest; 32]),
            trust: Trust::TlsOnly,
            content: Digest::Sha256([digest; 32]),
            size: 5,
            virtual_size: 512,
            brought_at: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn an_image_is_there_with_its_sheet_and_gone_without() {
        let state = tempfile::tempdir().unwrap();
        let library = Library::of(state.path());
        assert_eq!(library.all(), []);
        library.make().unwrap();
        let offer = offer();
        let (old, new) = (
            local(&offer, "image-a-1", 1, 10),
            local(&offer, "image-a-2", 2, 20),
        );
        library.save(&new).unwrap();
        library.save(&old).unwrap();
        fs::write(library.file("image-a-2"), b"bytes").unwrap();
        fs::write(library.sheet("broken"), b"{").unwrap();
        assert_eq!(library.all(), [new.clone(), old.clone()]);
        let mut asked = offer.clone();
        asked.proof = super::super::offer::Proof::Pinned(Digest::Sha256([1; 32]));
        assert_eq!(library.newest_of(&asked), Some(old.clone()), "the pinned one");
        asked.url.push('x');
        assert_eq!(library.newest_of(&asked), None, "from somewhere else");
        library.forget("image-a-2").unwrap();
        library.forget("image-a-2").unwrap();
        assert!(!library.file("image-a-2").exists());
        assert_eq!(library.all(), [old]);
    }
}
