//! The operator's own images: disk images that lie on this host, named in `images.toml` of the
//! state directory. A machine's disk is an overlay on its image.
//!
//! An image file decides what QEMU opens: a header may name further files of the host. So the
//! header is read here, in Rust, before anything else opens the file, and the format is always
//! the one that was declared, never a guess.

use super::qcow2::Qcow2;
use super::{Form, Part, Source};
use crate::hypervisor::VolumeFormat;
use crate::model::{Image, ImageKind, Readiness, text};
use serde::Deserialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The operator's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    image: Vec<Entry>,
}

/// One image of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// As in `--image ID`: `a-z0-9.-`, starting with a letter.
    id: String,
    /// For people.
    title: String,
    /// Absolute path on this host.
    file: PathBuf,
    /// What it is.
    format: Format,
    /// Account that the image's cloud-init makes.
    default_user: String,
    /// Least disk, GiB, if more than the image itself asks for.
    #[serde(default)]
    min_disk_gib: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Qcow2,
    Raw,
}

/// What was found behind an entry.
struct Found {
    source: Source,
    version: String,
    /// Least disk that holds it, GiB.
    disk_gib: u64,
}

/// The operator's entries of the catalogue; a file that cannot be used is one entry that says
/// why. Reads files.
pub fn entries(document: &Path) -> Vec<Image> {
    let entries = match read(document) {
        Ok(entries) => entries,
        Err(reason) => {
            let broken = Entry {
                id: "images.toml".to_owned(),
                title: "your own images".to_owned(),
                file: document.to_owned(),
                format: Format::Raw,
                default_user: String::new(),
                min_disk_gib: 0,
            };
            return vec![image(&broken, Err(reason))];
        }
    };
    entries.iter().map(|entry| image(entry, inspect(entry))).collect()
}

/// The source of one of the operator's images; `None` if none has that id. Reads files.
///
/// # Errors
/// Why it cannot be used.
pub fn find(document: &Path, id: &str) -> Option<Result<Source, String>> {
    let entry = read(document).ok()?.into_iter().find(|entry| entry.id == id)?;
    Some(inspect(&entry).map(|found| found.source))
}

fn read(document: &Path) -> Result<Vec<Entry>, String> {
    let document = match fs::read_to_string(document) {
        Ok(text) => toml::from_str::<Document>(&text)
            .map_err(|error| format!("images.toml: {}", text::visible_within(&error.to_string(), 300)))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", document.display())),
    };
    for (index, entry) in document.image.iter().enumerate() {
        check_id(&entry.id)?;
        if document.image[..index].iter().any(|other| other.id == entry.id) {
            return Err(format!("images.toml names `{}` twice", entry.id));
        }
    }
    Ok(document.image)
}

fn check_id(id: &str) -> Result<(), String> {
    let clean = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    if id == super::tiny::ID {
        return Err(format!("images.toml: `{id}` is twarga's own image"));
    }
    if id.len() > 40 || !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(clean) {
        let shown = text::visible_within(id, 60);
        return Err(format!(
            "images.toml: `{shown}` is no id: a-z, 0-9, . and -, starting with a letter"
        ));
    }
    Ok(())
}

fn image(entry: &Entry, found: Result<Found, String>) -> Image {
    let (version, size, least, readiness) = match found {
        Ok(found) => (
            found.version,
            found.source.size(),
            found.disk_gib,
            Readiness::Ready,
        ),
        Err(reason) => (String::new(), 0, 0, Readiness::Unavailable(reason)),
    };
    Image {
        id: entry.id.clone(),
        title: text::visible_within(&entry.title, 80),
        kind: ImageKind::Disk,
        version,
        default_user: text::visible_within(&entry.default_user, 32),
        min_disk_gib: least.max(entry.min_disk_gib),
        size,
        readiness,
    }
}

fn inspect(entry: &Entry) -> Result<Found, String> {
    let shown = entry.file.display();
    if !entry.file.is_absolute() {
        return Err(format!("{shown}: give the whole path, from / on"));
    }
    let format = match entry.format {
        Format::Qcow2 => VolumeFormat::Qcow2,
        Format::Raw => VolumeFormat::Raw,
    };
    let checked = Checked::open(&entry.file, format).map_err(|error| format!("{shown}: {error}"))?;
    // Another content is another version: it gets a copy of its own in the pool.
    let version = format!("{:x}-{:x}", checked.size, checked.changed_at);
    let disk = Part {
        volume: format!("image-{}-{version}", entry.id),
        file: entry.file.clone(),
        size: checked.size,
    };
    Ok(Found {
        source: Source {
            form: Form::Disk { disk, format },
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
    Ok(Box::new(io::Cursor::new(checked.header).chain(checked.rest)))
}

/// An image file that was opened and may be used.
struct Checked {
    /// Bytes.
    size: u64,
    /// Bytes of the disk in it.
    virtual_size: u64,
    /// Seconds since 1970.
    changed_at: i64,
    /// Its first bytes, which were checked.
    header: Vec<u8>,
    /// What follows them.
    rest: File,
}

impl Checked {
    fn open(path: &Path, format: VolumeFormat) -> io::Result<Self> {
        // A pipe in its place would hold the thread until somebody writes.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut header = Vec::new();
        file.by_ref().take(Qcow2::HEADER).read_to_end(&mut header)?;
        let virtual_size = match format {
            VolumeFormat::Qcow2 => {
                Qcow2::read(&header)
                    .map_err(|reason| io::Error::other(format!("it {reason}")))?
                    .virtual_size
            }
            VolumeFormat::Raw if header.starts_with(&Qcow2::MAGIC) => {
                return Err(io::Error::other("it is a qcow2 image, not a raw one"));
            }
            VolumeFormat::Raw => metadata.len(),
        };
        Ok(Self {
            size: metadata.len(),
            virtual_size,
            changed_at: metadata.mtime(),
            header,
            rest: file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A qcow2 header as `qemu-img create -f qcow2 x 2G` writes it, as far as it is looked at.
    fn header() -> Vec<u8> {
        let mut header = vec![0u8; 104];
        header[..4].copy_from_slice(b"QFI\xfb");
        header[7] = 3;
        header[24..32].copy_from_slice(&(2u64 << 30).to_be_bytes());
        header
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
        let image = entries(&document).remove(0);
        (dir, image)
    }

    fn refusal(image: &[u8], format: &str) -> String {
        match catalogue(image, format).1.readiness {
            Readiness::Unavailable(reason) => reason,
            Readiness::Ready => panic!("it cannot be ready"),
        }
    }

    #[test]
    fn an_image_of_ones_own_is_ready_and_knows_its_least_disk() {
        let (dir, image) = catalogue(&header(), "qcow2");
        assert_eq!(
            (image.id.as_str(), image.min_disk_gib, &image.readiness),
            ("debian-12", 2, &Readiness::Ready)
        );
        let source = find(&dir.path().join("images.toml"), "debian-12")
            .unwrap()
            .unwrap();
        let (volume, format) = source.backing().unwrap();
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
        assert!(entries(&document).is_empty(), "none is fine");
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
            let Readiness::Unavailable(reason) = entries(&document).remove(0).readiness else {
                panic!("it cannot be ready")
            };
            assert!(reason.contains(why), "{reason}");
        }
    }
}
