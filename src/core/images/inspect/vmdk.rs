//! The header and the descriptor of a VMware image in one file: monolithicSparse and
//! streamOptimized (VMware's "Virtual Disk Format 5.0"; QEMU's reading of it in `block/vmdk.c`).
//!
//! A descriptor is a small text. It may name any file or device of the host as an extent, and a
//! parent; QEMU opens them all. In a sparse file with a disk of its own QEMU ignores the extents,
//! but takes the parent from the 20 sectors after the first, whatever the header says of the
//! descriptor's place: so that is where it is read here.

use super::bytes::{Bytes, Field};
use super::refusal::{Refusal, damaged};
use crate::model::text;
use std::io::{Read, Seek};

const SECTOR: u64 = 512;
/// Bytes of the descriptor that QEMU looks at.
const DESCRIPTOR: u64 = 20 * SECTOR;
/// In the place of the grain directory's offset: it is in the footer.
const AT_END: u64 = u64::MAX;
/// Flag: a second grain directory.
const REDUNDANT: u32 = 1 << 1;
/// Flag: the bytes that a transfer as text would change are to be checked.
const NEWLINES: u32 = 1 << 0;

/// Bytes of the disk.
///
/// # Errors
/// Why it must not be used.
pub(super) fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<u64, Refusal> {
    let start = bytes.up_to(0, SECTOR)?;
    if !start.has(0, b"KDMV") {
        let text = bytes.up_to(0, DESCRIPTOR)?;
        return Err(alone(&text_of(&text.0)));
    }
    if !bytes.length().is_multiple_of(SECTOR) {
        return damaged("it ends inside of a sector");
    }
    let header = Header::of(&bytes.at(0, SECTOR, "its header")?, 0);
    // Without a disk of its own QEMU takes it for a descriptor with a header before it.
    if header.capacity == 0 {
        return Err(elsewhere("is the description of a disk that lies in other files"));
    }
    let descriptor = text_of(&bytes.up_to(SECTOR, DESCRIPTOR)?.0);
    if header.descriptor != 1 {
        return Err(elsewhere("is one part of a disk that lies in several files"));
    }
    check_descriptor(&descriptor, header.capacity)?;
    header.check_text_mode()?;
    let header = if header.directory == AT_END {
        let footer = footer(bytes)?;
        if footer.capacity != header.capacity {
            return damaged("its header and its footer tell different sizes");
        }
        footer
    } else {
        header
    };
    header.check_tables(bytes)?;
    Ok(header.capacity * SECTOR)
}

/// Whether text is a descriptor, as QEMU's probe sees it and a little more generously: comments
/// and empty lines, then `version=`.
pub(super) fn is_descriptor(head: &[u8]) -> bool {
    let begin = String::from_utf8_lossy(&head[..head.len().min(4096)]).to_ascii_lowercase();
    if begin.starts_with("# disk descriptorfile") {
        return true;
    }
    let mut lines = begin.split('\n').map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with("version=") || line.starts_with("version ="))
}

/// The fields of a sparse extent's header, in sectors.
struct Header {
    version: u32,
    flags: u32,
    capacity: u64,
    grain: u64,
    descriptor: u64,
    table_entries: u32,
    redundant_directory: u64,
    directory: u64,
    overhead: u64,
    newlines: bool,
}

impl Header {
    fn of(sector: &Field, at: usize) -> Self {
        Self {
            version: sector.le32(at + 4),
            flags: sector.le32(at + 8),
            capacity: sector.le64(at + 12),
            grain: sector.le64(at + 20),
            descriptor: sector.le64(at + 28),
            table_entries: sector.le32(at + 44),
            redundant_directory: sector.le64(at + 48),
            directory: sector.le64(at + 56),
            overhead: sector.le64(at + 64),
            newlines: sector.has(at + 73, b"\n \r\n"),
        }
    }

    fn check_text_mode(&self) -> Result<(), Refusal> {
        if self.flags & NEWLINES != 0 && !self.newlines {
            return damaged("it was transferred as text, which changed its bytes; transfer it as binary");
        }
        Ok(())
    }

    fn check_tables<R: Read + Seek>(&self, bytes: &Bytes<'_, R>) -> Result<(), Refusal> {
        if !(1..=3).contains(&self.version) {
            return Err(Refusal::Unsupported(format!(
                "VMDK of the unknown version {}",
                self.version
            )));
        }
        let Some(size) = self.capacity.checked_mul(SECTOR) else {
            return Err(Refusal::Size(u64::MAX));
        };
        if size > super::LARGEST {
            return Err(Refusal::Size(size));
        }
        // 512 B to 16 MiB; a grain is read into memory as a whole.
        if !self.grain.is_power_of_two() || self.grain > 32_768 || self.table_entries != 512 {
            return damaged(format!(
                "grains of {} sectors, {} to a table",
                self.grain, self.table_entries
            ));
        }
        let tables = self.capacity.div_ceil(self.grain * u64::from(self.table_entries));
        let check = |sector: u64, what: &str| match sector.checked_mul(SECTOR) {
            Some(offset) if sector > 0 => bytes.must_hold(offset, tables * 4, what),
            _ => damaged(format!("{what} lies at sector {sector}")),
        };
        check(self.directory, "its grain directory")?;
        if self.flags & REDUNDANT != 0 {
            check(self.redundant_directory, "its second grain directory")?;
        }
        if self.overhead > bytes.length() / SECTOR {
            return damaged("its data begin beyond its end");
        }
        Ok(())
    }
}

/// The header at the end of a stream, which counts instead of the first one.
fn footer<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<Header, Refusal> {
    let Some(at) = bytes.length().checked_sub(3 * SECTOR) else {
        return damaged("it is too short for its footer");
    };
    let end = bytes.at(at, 3 * SECTOR, "its footer")?;
    let marked = end.le32(8) == 0 && end.le32(12) == 3 && end.has(512, b"KDMV");
    if !marked
        || end
            .0
            .get(1024..1040)
            .is_none_or(|eos| eos.iter().any(|&byte| byte != 0))
    {
        return damaged("it has no footer; the download may have broken off");
    }
    Ok(Header::of(&end, 512))
}

/// What QEMU takes for the descriptor's text: up to the first zero.
fn text_of(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// That a descriptor inside of a sparse file speaks of this file only.
fn check_descriptor(descriptor: &str, capacity: u64) -> Result<(), Refusal> {
    // QEMU searches for these words anywhere, so it is not enough to look at lines.
    let lower = descriptor.to_ascii_lowercase();
    if lower.contains("parentfilenamehint") {
        return Err(parent());
    }
    let mut parents = lower.match_indices("parentcid");
    let (Some((at, word)), None) = (parents.next(), parents.next()) else {
        return damaged("its descriptor does not say once whether it has a parent");
    };
    let id = lower[at + word.len()..].trim_start_matches([' ', '\t']);
    let id = id
        .strip_prefix('=')
        .unwrap_or_default()
        .trim_start_matches([' ', '\t']);
    if id.split(|c: char| !c.is_ascii_hexdigit()).next() != Some("ffffffff") {
        return Err(parent());
    }
    let kind = value(descriptor, "createType").unwrap_or_default();
    if !matches!(kind.as_str(), "monolithicSparse" | "streamOptimized") {
        let shown = text::visible_within(&kind, 40);
        return Err(elsewhere(&format!(
            "is a VMDK of the type `{shown}`; only monolithicSparse and streamOptimized keep a disk in one file"
        )));
    }
    let extents = extents(descriptor);
    let [extent] = extents.as_slice() else {
        return Err(elsewhere(&format!(
            "speaks of {} extents; its disk must lie in this one file",
            extents.len()
        )));
    };
    // Its name is that of the file when it was made; QEMU does not use it. One with a path or a
    // protocol was not written by a program that made this file.
    if extent.kind != "SPARSE" || extent.name.contains(['/', '\\', ':']) {
        return Err(names(extent));
    }
    if extent.sectors != capacity {
        return damaged("its header and its descriptor tell different sizes");
    }
    Ok(())
}

/// Why a descriptor alone is refused.
fn alone(descriptor: &str) -> Refusal {
    match extents(descriptor).first() {
        Some(extent) => names(extent),
        None => elsewhere("is the description of a disk that lies in other files"),
    }
}

/// A line of a descriptor that names where a part of the disk is.
struct Extent {
    sectors: u64,
    kind: String,
    name: String,
}

/// The extents: `RW 4192256 SPARSE "disk-s001.vmdk"`.
fn extents(descriptor: &str) -> Vec<Extent> {
    let is_extent = |line: &&str| {
        let access = line.split_whitespace().next().unwrap_or_default();
        matches!(access.to_ascii_uppercase().as_str(), "RW" | "RDONLY" | "NOACCESS")
    };
    let extent = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        Extent {
            sectors: words.next().and_then(|it| it.parse().ok()).unwrap_or(0),
            kind: words.next().unwrap_or_default().to_owned(),
            name: line.split('"').nth(1).unwrap_or_default().to_owned(),
        }
    };
    descriptor.lines().filter(is_extent).map(extent).collect()
}

fn names(extent: &Extent) -> Refusal {
    let shown = text::visible_within(&extent.name, 60);
    elsewhere(&format!(
        "names `{shown}` as a place of its data; make one file of it with `qemu-img convert`"
    ))
}

/// The value of `key="value"`.
fn value(descriptor: &str, key: &str) -> Option<String> {
    let line = descriptor
        .lines()
        .find_map(|line| line.trim().strip_prefix(key))?;
    let value = line.trim_start().strip_prefix('=')?.trim();
    Some(value.trim_matches('"').to_owned())
}

fn parent() -> Refusal {
    elsewhere("is the difference to a parent image (a snapshot); clone it to a whole disk first")
}

fn elsewhere(reason: &str) -> Refusal {
    Refusal::Elsewhere(reason.to_owned())
}
