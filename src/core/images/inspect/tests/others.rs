//! What is no image of the five formats: other images, archives, texts, odd raw disks, odd names.

use super::{made, patched, refusal};
use crate::core::images::inspect::*;
use std::io::{self, Cursor, SeekFrom};
use std::path::Path;

#[test]
fn what_is_no_importable_disk_is_refused_by_its_name() {
    let starting = |begin: &[u8]| {
        let mut image = vec![0; 64 << 10];
        image[..begin.len()].copy_from_slice(begin);
        image
    };
    let at = |at: usize, bytes: &[u8]| patched(vec![0; 64 << 10], &[(at, bytes)]);
    let page = format!("<!DOCTYPE html><html><body>{:x<512}", "404");
    for (image, why) in [
        (made("qed", ""), "QED"),
        (made("qcow", ""), "qcow of version 1"),
        (made("vpc", "subformat=dynamic"), "VHD"),
        (made("vpc", "subformat=fixed"), "VHD"),
        (made("parallels", ""), "Parallels"),
        (starting(b"LUKS\xba\xbe\0\x02"), "LUKS"),
        (starting(b"Bochs Virtual HD Image"), "Bochs"),
        (
            starting(b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0"),
            "cloop",
        ),
        (starting(b"COWD"), "COWD"),
        (at(65024, b"koly"), "dmg"),
        (at(65024, b"conectix"), "VHD"),
        (
            patched(at(0x8001, b"CD001"), &[(510, b"\x55\xaa")]),
            "installer disk",
        ),
        (starting(b"\xfd7zXZ\0"), "xz; unpack it"),
        (starting(b"\x1f\x8b\x08"), "gzip; unpack it"),
        (starting(b"\x28\xb5\x2f\xfd"), "zstd; unpack it"),
        (starting(b"BZh9"), "bzip2; unpack it"),
        (starting(b"PK\x03\x04"), "zip archive"),
        (starting(b"7z\xbc\xaf\x27\x1c"), "7z archive"),
        (at(257, b"ustar"), "OVA"),
        (page.into_bytes(), "web page"),
        (
            b"All work and no play makes a dull disk.\n".repeat(64),
            "text file",
        ),
    ] {
        for declared in [None, Some(Format::Raw), Some(Format::Qcow2)] {
            let refusal = refusal(&image, declared);
            assert!(refusal.contains(why), "{why}: {refusal}");
        }
    }
}

#[test]
fn raw_disks_are_whole_sectors_and_nothing_else() {
    assert!(refusal(&[], None).contains("empty"));
    assert!(refusal(&[0; 513], Some(Format::Raw)).contains("multiple of 512"));
    assert!(refusal(&[0; 512], None).contains("nothing by which to know it"));
    assert!(inspect(&mut Cursor::new([0; 512]), Some(Format::Raw)).is_ok());
    for format in ["qcow2", "vmdk", "vdi", "vhdx"] {
        let refusal = refusal(&made(format, ""), Some(Format::Raw));
        assert_eq!(refusal, format!("is a {format} image, not a raw one"));
    }
    let huge = inspect(&mut Zeros, Some(Format::Raw)).unwrap_err().to_string();
    assert!(huge.contains("says that it has 71468255805440 bytes"), "{huge}");
}

/// 65 TiB of nothing.
struct Zeros;

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(0);
        Ok(buffer.len())
    }
}

impl Seek for Zeros {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(65 << 40)
    }
}

#[test]
fn names_that_are_no_files_to_qemu_are_refused() {
    for (name, why) in [
        ("json:{\"driver\":\"nbd\"}", "block devices"),
        ("nbd:localhost:10809", "network address"),
        ("ssh://host/disk", "network address"),
        ("http://host/disk", "network address"),
        ("fat:rw:/etc", "network address"),
        ("-oProxyCommand=x", "option"),
        ("a\nb", "control characters"),
        ("", "no name"),
    ] {
        let refusal = check_name(Path::new(name)).unwrap_err().to_string();
        assert!(refusal.contains(why), "{name}: {refusal}");
    }
    for name in ["/srv/a:b.qcow2", "./nbd:x", "disk.img", "/-x"] {
        check_name(Path::new(name)).unwrap();
    }
}
