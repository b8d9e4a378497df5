//! The operator's own images: those of `images.toml` in the state directory that lie on this host.
//! A machine's disk is an overlay on its image.
//!
//! An image file decides what QEMU opens: a header may name further files of the host. So the
//! header is read here, in Rust, before anything else opens the file, and the format is always
//! the one that was declared, never a guess.

use super::inspect::{self, Pinned};
use super::listed::{self, Author, Listing};
use super::offer::About;
use super::{Form, Part, Source};
use crate::hypervisor::VolumeFormat;
use crate::model::{Image, ImageKind, Readiness, Trust};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What was found behind an entry.
struct Found {
    source: Source,
    version: String,
    /// Least disk that holds it, GiB.
    disk_gib: u64,
}

/// The operator's entries; none if there is no document. Reads a file.
///
/// # Errors
/// Why the document cannot be used.
pub fn read(document: &Path) -> Result<Vec<Listing>, String> {
    let text = match fs::read_to_string(document) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", document.display())),
    };
    let listed = listed::read(&text, Author::Operator);
    Ok(listed.map_err(|reason| format!("images.toml: {reason}"))?.images)
}

/// The entry that says why the document cannot be used.
pub fn broken(reason: String) -> Image {
    Image {
        id: "images.toml".to_owned(),
        aliases: Vec::new(),
        title: "your own images".to_owned(),
        kind: ImageKind::Disk,
        version: String::new(),
        end_of_life: None,
        architecture: None,
        trust: Trust::Local,
        default_user: String::new(),
        min_disk_gib: 0,
        size: None,
        brought_at: None,
        readiness: Readiness::Unavailable(reason),
    }
}

/// The entry of a disk image that lies on this host. Reads it.
pub fn image(about: &About, file: &Path) -> Image {
    match inspect(about, file) {
        Ok(found) => {
            let size = Some(found.source.size());
            let mut image = about.image(size, Trust::Local, Readiness::Ready);
            if image.version.is_empty() {
                image.version = found.version;
            }
            image.min_disk_gib = image.min_disk_gib.max(found.disk_gib);
            image
        }
        Err(reason) => about.image(None, Trust::Local, Readiness::Unavailable(reason)),
    }
}

/// The source of a disk image that lies on this host. Reads it.
///
/// # Errors
/// Why it cannot be used.
pub fn source(about: &About, file: &Path) -> Result<Source, String> {
    inspect(about, file).map(|found| found.source)
}

fn inspect(about: &About, file: &Path) -> Result<Found, String> {
    let (shown, format) = (file.display(), about.format);
    if !file.is_absolute() {
        return Err(format!("{shown}: give the whole path, from / on"));
    }
    let checked = Checked::open(file, format).map_err(|error| format!("{shown}: {error}"))?;
    // Another content is another version: it gets a copy of its own in the pool.
    let version = format!("{:x}-{:x}", checked.size, checked.changed_at);
    let disk = Part {
        volume: format!("image-{}-{version}", about.id),
        file: file.to_owned(),
        size: checked.size,
    };
    Ok(Found {
        source: Source {
            form: Form::Disk {
                disk,
                format,
                firmware: about.firmware,
            },
        },
        version,
        disk_gib: checked.virtual_size.div_ceil(1 << 30),
    })
}

/// An image's bytes for the pool, checked as they are read: what is copied begins with the very
/// header that was looked at, whatever happens to the file meanwhile.
///
/// # Errors
/// The system's, and what is wrong with the image, or that it is not the one of `size` bytes.
pub fn open(file: &Path, size: u64, format: VolumeFormat) -> io::Result<Box<dyn Read>> {
    let checked = Checked::open(file, format)?;
    if checked.size != size {
        return Err(io::Error::other(
            "it was changed meanwhile; ask for the machine again",
        ));
    }
    Ok(Box::new(checked.bytes))
}

/// The bytes of an image file and of the disk in it. Reads it.
///
/// # Errors
/// What is wrong with it, to be said after its name.
pub fn examine(file: &Path, format: VolumeFormat) -> Result<(u64, u64), String> {
    let checked = Checked::open(file, format).map_err(|error| error.to_string())?;
    Ok((checked.size, checked.virtual_size))
}

/// An image file that was opened and may be used.
struct Checked {
    /// Bytes.
    size: u64,
    /// Bytes of the disk in it.
    virtual_size: u64,
    /// Seconds since 1970.
    changed_at: i64,
    /// Its bytes, of which the first are the ones that were checked.
    bytes: Pinned,
}

impl Checked {
    fn open(path: &Path, format: VolumeFormat) -> io::Result<Self> {
        // A pipe in its place would hold the thread until somebody writes.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let declared = match format {
            VolumeFormat::Qcow2 => inspect::Format::Qcow2,
            VolumeFormat::Raw => inspect::Format::Raw,
        };
        let mut pinned = Pinned::new(file)?;
        let inspected = inspect::inspect(&mut pinned, Some(declared))
            .map_err(|refusal| io::Error::other(format!("it {refusal}")))?;
        Ok(Self {
            size: metadata.len(),
            virtual_size: inspected.virtual_size,
            changed_at: metadata.mtime(),
            bytes: pinned.rewound()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `qemu-img create -f qcow2 x 2G` writes.
    fn header() -> Vec<u8> {
        inspect::crafted::qcow2(2 << 30)
    }

    fn catalogue(image: &[u8], format: &str) -> (tempfile::TempDir, Image) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk.img");
        fs::write(&file, image).unwrap();
        let text = format!(
            "[[image]]\nid = \"debian-12\"\ntitle = \"Debian\"\nfile = {file:?}\nformat = \"{format}\"\ndefault_user = \"debian\"\n"
        );
        let document = dir.path().join("images.toml");
        fs::write(&document, text).unwrap();
        let image = only(&document);
        (dir, image)
    }

    /// The document's first image, as the catalogue has it.
    fn only(document: &Path) -> Image {
        match read(document).map(|mut listings| listings.remove(0)) {
            Ok(Listing::Here(about, file)) => image(&about, &file),
            Ok(Listing::Elsewhere(offer)) => offer.image(|_| false),
            Err(reason) => broken(reason),
        }
    }

    fn refusal(image: &[u8], format: &str) -> String {
        match catalogue(image, format).1.readiness {
            Readiness::Unavailable(reason) => reason,
            other => panic!("it cannot be {other:?}"),
        }
    }

    #[test]
    fn an_image_of_ones_own_is_ready_and_knows_its_least_disk() {
        let (dir, image) = catalogue(&header(), "qcow2");
        assert_eq!(
            (image.id.as_str(), image.min_disk_gib, &image.readiness),
            ("debian-12", 2, &Readiness::Ready)
        );
        let listings = read(&dir.path().join("images.toml")).unwrap();
        let Listing::Here(about, file) = &listings[0] else {
            panic!("it lies here")
        };
        let source = source(about, file).unwrap();
        let (volume, format) = source.backing(None).unwrap();
        assert!(volume.starts_with("image-debian-12-"), "{volume}");
        assert_eq!(format, VolumeFormat::Qcow2);
    }

    #[test]
    fn hostile_headers_are_refused_with_the_reason() {
        let changed = |at: usize, value: u8| {
            let mut header = header();
            header[at] = value;
            header
        };
        assert!(refusal(&changed(15, 1), "qcow2").contains("backing file"));
        assert!(refusal(&changed(79, 4), "qcow2").contains("another file"));
        assert!(refusal(&changed(35, 2), "qcow2").contains("encrypted"));
        assert!(refusal(&changed(7, 9), "qcow2").contains("unknown version"));
        assert!(refusal(&changed(24, 0xff), "qcow2").contains("says that it has"));
        assert!(refusal(&header()[..20], "qcow2").contains("too short"));
        assert!(refusal(b"#!/bin/sh", "qcow2").contains("not a qcow2"));
        assert!(refusal(&header(), "raw").contains("not a raw one"));
    }

    #[test]
    fn an_image_that_was_swapped_after_its_check_is_not_copied() {
        let (dir, _) = catalogue(&header(), "qcow2");
        let file = dir.path().join("disk.img");
        let size = header().len() as u64;
        let mut copied = Vec::new();
        let mut source = open(&file, size, VolumeFormat::Qcow2).unwrap();
        source.read_to_end(&mut copied).unwrap();
        assert_eq!(copied, header(), "the whole of it, header and rest");
        let mut evil = header();
        evil[15] = 1;
        fs::write(&file, &evil).unwrap();
        let refusal = |size| {
            let opened = open(&file, size, VolumeFormat::Qcow2);
            opened.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(refusal(size).contains("backing file"), "{}", refusal(size));
        fs::write(&file, [header(), vec![0; 9]].concat()).unwrap();
        assert!(refusal(size).contains("changed meanwhile"), "{}", refusal(size));
        fs::remove_file(&file).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        assert!(refusal(size).contains("not a regular file"), "{}", refusal(size));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_one_entry_that_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let document = dir.path().join("images.toml");
        assert!(read(&document).unwrap().is_empty(), "none is fine");
        for (text, why) in [
            ("[[image]]\nid = 1", "images.toml"),
            (
                "[[image]]\nid=\"tiny\"\ntitle=\"\"\nfile=\"/x\"\nformat=\"raw\"\ndefault_user=\"u\"",
                "own image",
            ),
            (
                "[[image]]\nid=\"../x\"\ntitle=\"\"\nfile=\"/x\"\nformat=\"raw\"\ndefault_user=\"u\"",
                "is no id",
            ),
        ] {
            fs::write(&document, text).unwrap();
            let Readiness::Unavailable(reason) = only(&document).readiness else {
                panic!("it cannot be ready")
            };
            assert!(reason.contains(why), "{reason}");
        }
    }
}
