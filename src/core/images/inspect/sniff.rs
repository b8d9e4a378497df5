//! What a file's bytes say that it is: everything that QEMU's probes would recognise (`*_probe` in
//! its `block/`), and what people take for a disk image by mistake.

use super::bytes::{Bytes, Field};
use super::refusal::Refusal;
use super::{Format, vdi, vmdk};
use std::io::{Read, Seek};

/// What a file shows.
pub(super) enum Sniffed {
    /// An image of a format that can be imported.
    Format(Format),
    /// Something else that is known.
    Other(Other),
    /// A partition table or a file system: a raw disk.
    Disk,
    /// Nothing known.
    Nothing,
}

/// What is known and not imported.
#[derive(Clone, Copy)]
pub(super) enum Other {
    Qcow1,
    Qed,
    Vhd,
    Luks,
    Parallels,
    Bochs,
    Dmg,
    Cloop,
    Iso,
    Xz,
    Gzip,
    Zstd,
    Bzip2,
    Zip,
    Tar,
    SevenZip,
    Cowd,
    SeSparse,
    Html,
    Text,
}

impl Other {
    /// What it is, and what to do about it.
    pub(super) fn told(self) -> (&'static str, &'static str) {
        const CONVERT: &str = "convert it with `qemu-img convert -O qcow2` first";
        const UNPACK: &str = "unpack it first";
        match self {
            Self::Qcow1 => ("qcow of version 1", CONVERT),
            Self::Qed => ("a QED image", CONVERT),
            Self::Vhd => (
                "a VHD (Virtual PC, Azure) image",
                "convert it with `qemu-img convert -f vpc -O qcow2` first",
            ),
            Self::Luks => (
                "an encrypted LUKS volume",
                "decrypt it where its password is known",
            ),
            Self::Parallels => ("a Parallels image", CONVERT),
            Self::Bochs => ("a Bochs image", CONVERT),
            Self::Dmg => ("a macOS disk image (dmg)", CONVERT),
            Self::Cloop => ("a compressed loop image (cloop)", CONVERT),
            Self::Iso => (
                "an installer disk (ISO 9660), not a disk with a system on it",
                "take the cloud image of the same system",
            ),
            Self::Xz => ("compressed with xz", UNPACK),
            Self::Gzip => ("compressed with gzip", UNPACK),
            Self::Zstd => ("compressed with zstd", UNPACK),
            Self::Bzip2 => ("compressed with bzip2", UNPACK),
            Self::Zip => ("a zip archive", UNPACK),
            Self::Tar => (
                "a tar archive (an OVA is one)",
                "unpack it first and take the disk in it",
            ),
            Self::SevenZip => ("a 7z archive", UNPACK),
            Self::Cowd => ("an old ESX sparse extent (COWD)", CONVERT),
            Self::SeSparse => ("a seSparse extent of a VMware snapshot", CONVERT),
            Self::Html => (
                "a web page",
                "what was downloaded is probably an error message or a login form",
            ),
            Self::Text => ("a text file", "it holds no disk"),
        }
    }
}

/// Bytes from the beginning that are looked at: an ISO's mark lies at 32 KiB, btrfs' after 64.
const LOOKED_AT: u64 = (64 << 10) + 512;

/// How other things begin.
const MAGICS: &[(&[u8], Other)] = &[
    (b"QED\0", Other::Qed),
    (b"conectix", Other::Vhd),
    (b"LUKS\xba\xbe", Other::Luks),
    (b"WithoutFreeSpace", Other::Parallels),
    (b"WithouFreSpacExt", Other::Parallels),
    (b"Bochs Virtual HD Image", Other::Bochs),
    (b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", Other::Cloop),
    (b"\xfd7zXZ\0", Other::Xz),
    (b"\x1f\x8b", Other::Gzip),
    (b"\x28\xb5\x2f\xfd", Other::Zstd),
    (b"BZh", Other::Bzip2),
    (b"PK\x03\x04", Other::Zip),
    (b"7z\xbc\xaf\x27\x1c", Other::SevenZip),
    (b"COWD", Other::Cowd),
    (b"\xbe\xba\xfe\xca\0\0\0\0", Other::SeSparse),
];

/// Finds out what a file shows.
///
/// # Errors
/// The system's.
pub(super) fn sniff<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<Sniffed, Refusal> {
    let head = bytes.up_to(0, LOOKED_AT)?;
    if head.has(0, b"QFI\xfb") {
        return Ok(match head.be32(4) {
            1 => Sniffed::Other(Other::Qcow1),
            _ => Sniffed::Format(Format::Qcow2),
        });
    }
    if head.has(0, b"KDMV") || vmdk::is_descriptor(&head.0) {
        return Ok(Sniffed::Format(Format::Vmdk));
    }
    if head.has(0, b"vhdxfile") {
        return Ok(Sniffed::Format(Format::Vhdx));
    }
    if head.le32(0x40) == vdi::SIGNATURE {
        return Ok(Sniffed::Format(Format::Vdi));
    }
    if let Some((_, other)) = MAGICS.iter().find(|(magic, _)| head.has(0, magic)) {
        return Ok(Sniffed::Other(*other));
    }
    if head.has(0x8001, b"CD001") {
        return Ok(Sniffed::Other(Other::Iso));
    }
    if head.has(257, b"ustar") {
        return Ok(Sniffed::Other(Other::Tar));
    }
    // Fixed VHDs and dmgs say what they are in their last sector; old VHDs' has 511 bytes.
    let tail = bytes.up_to(bytes.length().saturating_sub(512), 512)?;
    if tail.has(0, b"conectix") || tail.has(1, b"conectix") {
        return Ok(Sniffed::Other(Other::Vhd));
    }
    if tail.has(0, b"koly") {
        return Ok(Sniffed::Other(Other::Dmg));
    }
    if is_disk(&head) {
        return Ok(Sniffed::Disk);
    }
    Ok(text(&head.0).map_or(Sniffed::Nothing, Sniffed::Other))
}

/// Partition tables and the file systems that cloud images come with.
fn is_disk(head: &Field) -> bool {
    head.has(510, b"\x55\xaa")
        || head.has(512, b"EFI PART")
        || head.has(4096, b"EFI PART")
        || head.has(0x438, b"\x53\xef")
        || head.has(0, b"XFSB")
        || head.has(0x1_0040, b"_BHRfS_M")
        || head.has(0x218, b"LVM2")
}

/// Text, of which a web page is one.
fn text(head: &[u8]) -> Option<Other> {
    let begin = &head[..head.len().min(512)];
    let printed = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    if begin.len() < 64 || !begin.iter().all(printed) {
        return None;
    }
    // Bytes above 127 may be letters, but a disk of nothing else is no text.
    if begin.iter().filter(|byte| byte.is_ascii()).count() * 2 < begin.len() {
        return None;
    }
    let lower = begin.to_ascii_lowercase();
    let has = |what: &[u8]| lower.windows(what.len()).any(|window| window == what);
    Some(match has(b"<html") || has(b"<!doctype") {
        true => Other::Html,
        false => Other::Text,
    })
}
