//! Hostile images, each refused with its reason.

mod bounds;
mod others;

use super::*;
use std::io::Cursor;
use std::process::Command;

/// Where a spoiled image differs from an honest one.
type Patch<'a> = (usize, &'a [u8]);

fn patched(mut image: Vec<u8>, patches: &[Patch<'_>]) -> Vec<u8> {
    for (at, bytes) in patches {
        image[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    image
}

fn refusal(image: &[u8], declared: Option<Format>) -> String {
    match inspect(&mut Cursor::new(image), declared) {
        Err(refusal) => refusal.to_string(),
        Ok(inspected) => panic!("accepted: {inspected:?}"),
    }
}

/// That each list of patches makes an image be refused, for the reason.
fn all_refused(image: &[u8], format: Format, cases: &[(&[Patch<'_>], &str)]) {
    let honest = inspect(&mut Cursor::new(image), Some(format));
    assert_eq!(honest.unwrap().format, format, "the one to spoil is honest");
    for (patches, why) in cases {
        let spoiled = patched(image.to_vec(), patches);
        for declared in [Some(format), None] {
            let refusal = refusal(&spoiled, declared);
            assert!(refusal.contains(why), "{why}: {refusal}");
        }
    }
}

/// What `qemu-img create` makes of 8 MiB.
fn made(format: &str, options: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("qemu-img");
    command.args(["create", "-q", "-f", format]);
    if !options.is_empty() {
        command.args(["-o", options]);
    }
    let status = command
        .args(["disk", "8M"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(status.success(), "{format} {options}");
    std::fs::read(folder.path().join("disk")).unwrap()
}

#[test]
fn hostile_qcow2_headers_are_refused() {
    let absurd = &0x7fff_ffff_ffff_0000u64.to_be_bytes();
    all_refused(
        &crafted::qcow2(8 << 20),
        Format::Qcow2,
        &[
            (
                &[(15, b"\x70"), (19, b"\x0b"), (0x70, b"/etc/shadow")],
                "backing file",
            ),
            (
                &[
                    (14, b"\x01"),
                    (19, b"\x14"),
                    (0x100, b"json:{\"driver\":\"nbd\"}"),
                ],
                "backing file",
            ),
            (
                &[(15, b"\x70"), (19, b"\x10"), (0x70, b"nbd:10.0.0.1:109")],
                "backing file",
            ),
            (&[(79, &[1 << 2])], "another file"),
            (&[(104, b"DATA\0\0\0\x08/dev/sda")], "another file"),
            (&[(35, &[1])], "encrypted"),
            (&[(35, &[2])], "encrypted"),
            (&[(104, b"\x05\x37\xbe\x77\0\0\0\x10")], "encrypted"),
            (&[(79, &[1 << 1])], "corrupt"),
            (&[(79, &[1])], "repair it"),
            (&[(79, &[1 << 5])], "unknown here"),
            (&[(72, &[0x80])], "unknown here"),
            (&[(79, &[1 << 3])], "unknown compression"),
            (
                &[(103, &[112]), (104, &[9]), (79, &[1 << 3])],
                "unknown compression",
            ),
            (&[(7, &[4])], "unknown version"),
            (&[(20, &[0, 0, 0, 8])], "clusters of 2^8"),
            (&[(20, &[0, 0, 0, 63])], "clusters of 2^63"),
            (&[(20, &[0xff; 4])], "clusters of"),
            (&[(96, &[0, 0, 0, 7])], "reference counts"),
            (&[(100, &[0, 0, 0, 80])], "header of 80"),
            (&[(100, &[0, 0, 0, 107])], "header of 107"),
            (&[(100, &[0xff, 0xff, 0xff, 0xf8])], "a header of"),
            (&[(24, &[0; 8])], "says that it has 0"),
            (&[(24, absurd)], "says that it has"),
            (&[(31, &[1])], "whole sectors"),
            (&[(24, &(1u64 << 40).to_be_bytes())], "needs 2048"),
            (&[(36, &[0xff; 4])], "an L1 table of"),
            (&[(36, &[0, 0, 0xff, 0xff])], "beyond its end"),
            (&[(40, absurd)], "beyond its end"),
            (&[(40, &[0xff; 8])], "inside of a cluster"),
            (&[(47, &[8])], "inside of a cluster"),
            (&[(48, absurd)], "beyond its end"),
            (&[(55, &[8])], "inside of a cluster"),
            (&[(56, &[0; 4])], "refcount table of 0"),
            (&[(56, &[0xff; 4])], "a refcount table of"),
            (&[(60, &[0xff; 4])], "snapshots inside"),
            (&[(60, &[0, 0, 0, 1]), (64, absurd)], "beyond its end"),
            (&[(60, &[0, 0, 0, 1]), (71, &[1])], "inside of a cluster"),
            (
                &[(104, b"\x12\x34\x56\x78\xff\xff\xff\xff")],
                "a header extension of",
            ),
        ],
    );
}

#[test]
fn hostile_vmdks_are_refused() {
    let image = made("vmdk", "");
    let text = |from: &str| {
        image
            .windows(from.len())
            .position(|it| it == from.as_bytes())
            .unwrap()
    };
    let (parent, kind, extent) = (
        text("parentCID=ffffffff"),
        text("monolithicSparse"),
        text("RW 16384"),
    );
    let database = text("# The Disk Data Base");
    let absurd = &(u64::MAX / 2).to_le_bytes();
    all_refused(
        &image,
        Format::Vmdk,
        &[
            (&[(parent, b"parentCID=12345678")], "parent"),
            (&[(parent, b"parentXXX=ffffffff")], "whether it has a parent"),
            (&[(database, b"parentFileNameHint=\"/etc/shadow\"")], "parent"),
            (&[(database, b"RW 9 FLAT \"/dev/sda\" 0\n")], "2 extents"),
            (&[(kind, b"twoGbMaxExtentSp")], "twoGbMaxExtentSp"),
            (&[(kind, b"fullDevice\"\n\n\n\n\n")], "fullDevice"),
            (&[(extent, b"RW 16384 FLAT   \"disk")], "names `disk`"),
            (&[(extent, b"RW 16384 SPARSE \"/a\"#")], "names `/a`"),
            (&[(extent, b"RW 99999")], "different sizes"),
            (&[(12, &[0; 8])], "lies in other files"),
            (&[(28, &[0; 8])], "several files"),
            (&[(12, absurd)], "different sizes"),
            (&[(4, &[9])], "unknown version 9"),
            (&[(20, &[0; 8])], "grains of"),
            (&[(20, &[0, 0, 0, 1])], "grains of"),
            (&[(44, &[0xff; 4])], "grains of"),
            (&[(56, absurd)], "grain directory"),
            (&[(56, &[0, 1, 0])], "beyond its end"),
            (&[(48, &[0xff; 7])], "second grain directory"),
            (&[(56, &[0xff; 8])], "footer"),
            (&[(64, &[0xff; 4])], "beyond its end"),
            (&[(74, b"\n\n")], "transferred as text"),
        ],
    );
    let all = refusal(&image[..image.len() - 100], None);
    assert!(all.contains("inside of a sector"), "{all}");
}

#[test]
fn a_descriptor_alone_is_refused_with_what_it_names() {
    for (text, why) in [
        (
            "# Disk DescriptorFile\nversion=1\nRW 63 FLAT \"/dev/\x1b[2Jsda\" 0\n",
            "`/dev/␛[2Jsda`",
        ),
        (
            "# Disk DescriptorFile\nversion=1\ncreateType=\"vmfs\"\n",
            "other files",
        ),
        (
            "#\n\n \nversion=3\r\nRW 1 FLAT \"nbd:10.0.0.1:1\" 0",
            "`nbd:10.0.0.1:1`",
        ),
        ("version=2\nRW 1 VMFS \"/etc/shadow\"", "`/etc/shadow`"),
    ] {
        let text = format!("{text:\n<1024}");
        assert!(
            refusal(text.as_bytes(), Some(Format::Vmdk)).contains(why),
            "{text}"
        );
        assert!(refusal(text.as_bytes(), None).contains(why), "{text}");
        assert!(refusal(text.as_bytes(), Some(Format::Raw)).contains("not a raw one"));
    }
}

#[test]
fn hostile_vdis_are_refused() {
    all_refused(
        &made("vdi", ""),
        Format::Vdi,
        &[
            (&[(0x44, &[9])], "unknown version"),
            (&[(0x4c, &[4])], "parent"),
            (&[(0x4c, &[3])], "parent"),
            (&[(0x4c, &[7])], "unknown type"),
            (&[(0x1b8, &[1])], "parent"),
            (&[(0x1a8, &[1])], "parent"),
            (&[(0x170, &[0xff; 8])], "says that it has"),
            (&[(0x170, &[0; 8])], "says that it has 0"),
            (&[(0x178, &[1])], "blocks of"),
            (&[(0x168, &[1])], "sectors of"),
            (&[(0x180, &[0xff; 4])], "blocks for a disk"),
            (&[(0x180, &[1, 0, 0, 0])], "blocks for a disk"),
            (&[(0x154, &[1])], "do not fit"),
            (&[(0x154, &[0; 4])], "do not fit"),
            (
                &[(0x154, &[0, 0, 0xff, 0x7f]), (0x158, &[0, 0xfe, 0xff, 0xff])],
                "beyond its end",
            ),
            (&[(0x184, &[0xff; 4])], "in use"),
            (&[(0x184, &[8])], "beyond its end"),
        ],
    );
}

/// The checksum of a VHDX structure, written into it.
fn summed(mut image: Vec<u8>, at: usize, length: usize) -> Vec<u8> {
    image[at + 4..at + 8].fill(0);
    let sum = image[at..at + length].iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            sum >> 1 ^ (0x82f6_3b78 * (sum & 1))
        })
    });
    image[at + 4..at + 8].copy_from_slice(&(!sum).to_le_bytes());
    image
}

#[test]
fn hostile_vhdxs_are_refused() {
    let image = made("vhdx", "");
    let find = |guid: &[u8]| image.windows(4).position(|it| it == guid).unwrap();
    let regions = 192 << 10;
    let (parameters, size, page) = (
        find(b"\x37\x67\xa1\xca"),
        find(b"\x24\x42\xa5\x2f"),
        find(b"\xab\x12\xca\xbe"),
    );
    let metadata = parameters - 32;
    let item = |entry: usize| {
        metadata + u32::from_le_bytes(image[entry + 16..entry + 20].try_into().unwrap()) as usize
    };
    let parent = b"\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c";
    all_refused(
        &image,
        Format::Vhdx,
        &[
            (&[(item(parameters) + 4, &[2])], "parent"),
            (&[(page, parent)], "parent"),
            (&[(item(parameters), &[1])], "blocks of"),
            (&[(item(size), &[0xff; 8])], "says that it has"),
            (&[(item(size), &[0, 0, 0, 0, 0, 1, 0, 0])], "does not fit"),
            (&[(item(size), &[1])], "in sectors of"),
            (&[(metadata, b"x")], "no table"),
            (&[(metadata + 10, &[0xff; 2])], "pieces of metadata"),
            (&[(metadata + 10, &[0; 2])], "lack"),
            (&[(page, &[9]), (page + 24, &[4])], "unknown here and required"),
            (&[(size + 16, &[0xff; 4])], "outside of their region"),
            (&[(regions + 8, &[3])], "checksum"),
            (&[(64 << 10, b"x"), (128 << 10, b"x")], "neither of its headers"),
            (
                &[((64 << 10) + 8, b"x"), ((128 << 10) + 8, b"x")],
                "neither of its headers",
            ),
        ],
    );
    for (patches, why) in [
        (&[(regions + 8, &[0xff; 4][..])][..], "regions"),
        (&[(regions + 8, &[1])], "no block table"),
        (&[(regions + 38, &[0xff; 1])], "beyond its end"),
        (&[(regions + 32, &[0; 8])], "a region begins at byte 0"),
        (&[(regions + 33, &[1])], "a region begins at"),
        (
            &[(regions + 16, &[9]), (regions + 44, &[1])],
            "unknown here and required",
        ),
    ] {
        let spoiled = summed(patched(image.clone(), patches), regions, 64 << 10);
        let refusal = refusal(&spoiled, None);
        assert!(refusal.contains(why), "{why}: {refusal}");
    }
    let logged = patched(image, &[((64 << 10) + 48, &[1]), ((128 << 10) + 48, &[1])]);
    let logged = summed(summed(logged, 64 << 10, 4096), 128 << 10, 4096);
    assert!(refusal(&logged, None).contains("not closed properly"));
}

#[test]
fn a_stream_with_its_directory_at_the_end_is_read_by_its_footer() {
    let mut image = made("vmdk", "");
    let mut header = image[..512].to_vec();
    image[56..64].fill(0xff);
    let mut marker = [0; 512];
    marker[12] = 3;
    image.extend(marker);
    image.extend(&header);
    image.extend([0; 512]);
    assert_eq!(
        inspect(&mut Cursor::new(&image), None).unwrap().virtual_size,
        8 << 20
    );
    let at = image.len() - 1024;
    header[12] ^= 1;
    image[at..at + 512].copy_from_slice(&header);
    assert!(refusal(&image, None).contains("footer tell different sizes"));
}
