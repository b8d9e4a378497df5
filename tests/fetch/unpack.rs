//! Compressed images, and what pretends to be one.

use crate::fixtures::image;
use flate2::{Compression, Crc};
use lzma_rust2::{XzOptions, XzWriter};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicBool;
use twarga::core::fetch::{Packing, UnpackError, Unpacking, unpack};

const ALL: [Packing; 3] = [Packing::Xz, Packing::Gz, Packing::Zst];
const MIB: usize = 1 << 20;

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Gz => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        Packing::Xz => {
            let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        Packing::Zst => compress_to_vec(bytes, CompressionLevel::Fastest),
    }
}

struct Scene {
    folder: tempfile::TempDir,
    what: Unpacking,
}

impl Scene {
    fn new(packing: Packing, packed: &[u8], limit: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("packed"), folder.path().join("image"));
        fs::write(&source, packed).unwrap();
        let limit = limit as u64;
        Self {
            folder,
            what: Unpacking {
                packing,
                source,
                target,
                limit,
            },
        }
    }

    fn unpack(&self) -> Result<u64, UnpackError> {
        unpack(&self.what, |_| {}, &AtomicBool::new(false))
    }

    fn fails(&self) -> UnpackError {
        let error = self.unpack().unwrap_err();
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1, "{error}");
        error
    }
}

/// An image with data at both ends and a hole of 3 MiB, and a hole behind.
fn holey() -> Vec<u8> {
    let mut bytes = image();
    bytes.resize(4 * MIB, 0);
    bytes.extend(image());
    bytes.resize(6 * MIB + 5, 0);
    bytes
}

#[test]
fn an_image_comes_out_as_it_went_in_and_its_holes_take_no_room() {
    for packing in ALL {
        let packed = pack(packing, &holey());
        assert_eq!(Packing::of_magic(&packed), Some(packing));
        let scene = Scene::new(packing, &packed, 6 * MIB + 5);
        let mut told = Vec::new();
        let length = unpack(&scene.what, |it| told.push(it), &AtomicBool::new(false)).unwrap();
        assert_eq!(length, 6 * MIB as u64 + 5, "{packing:?}");
        assert!(fs::read(&scene.what.target).unwrap() == holey(), "{packing:?}");
        let taken = fs::metadata(&scene.what.target).unwrap().blocks() * 512;
        assert!(taken < 3 * MIB as u64, "{packing:?} takes {taken}");
        assert!(told.is_sorted_by_key(|it| it.done));
        assert_eq!(told.last().unwrap().done, packed.len() as u64, "{packing:?}");
    }
}

#[test]
fn parts_one_after_the_other_are_one_image() {
    for packing in ALL {
        let packed = [pack(packing, b"one "), pack(packing, b"image")].concat();
        let scene = Scene::new(packing, &packed, MIB);
        assert_eq!(scene.unpack().unwrap(), 9, "{packing:?}");
        assert_eq!(fs::read(&scene.what.target).unwrap(), b"one image");
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    for packing in ALL {
        let packed = pack(packing, &vec![0; 16 * MIB]);
        assert!(packed.len() < MIB, "{packing:?} is no bomb: {}", packed.len());
        let error = Scene::new(packing, &packed, 4 * MIB).fails();
        assert!(
            matches!(error, UnpackError::TooLarge { .. }),
            "{packing:?}: {error:?}"
        );
        assert!(error.to_string().contains("more than 4.0 MiB"), "{error}");
        assert!(Scene::new(packing, &packed, 16 * MIB - 1).unpack().is_err());
        assert!(Scene::new(packing, &packed, 16 * MIB).unpack().is_ok());
    }
}

#[test]
fn a_file_that_asks_for_gigabytes_of_memory_gets_none() {
    // A block header of 12 bytes: one filter, LZMA2, whose dictionary has 4 GiB.
    let mut xz = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 1];
    let sum = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    xz.extend(sum(&[0, 1]));
    let header = [2, 0, 0x21, 1, 40, 0, 0, 0];
    xz.extend(header);
    xz.extend(sum(&header));
    xz.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    // A frame whose window has 2 TiB, and one with a single segment of 16 EiB.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0];
    let single = [
        [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 255, 255, 255].as_slice(),
        &[255; 5],
        &[1, 0, 0],
    ]
    .concat();
    for (packing, bytes) in [
        (Packing::Xz, &xz[..]),
        (Packing::Zst, &window),
        (Packing::Zst, &single),
    ] {
        let error = Scene::new(packing, bytes, MIB).fails().to_string();
        assert!(
            error.ends_with("it asks for more than 128.0 MiB of memory"),
            "{packing:?}: {error}"
        );
    }
}

#[test]
fn what_ends_early_is_told_and_nothing_is_left() {
    for packing in ALL {
        let packed = pack(packing, &image());
        for length in [0, 1, 5, 20, packed.len() / 2, packed.len() - 1] {
            let error = Scene::new(packing, &packed[..length], 2 * MIB).fails();
            assert!(
                matches!(error, UnpackError::Damaged { .. }),
                "{packing:?} {length}: {error:?}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_inside_is_found() {
    for packing in [Packing::Xz, Packing::Gz] {
        let mut packed = pack(packing, &image());
        let middle = packed.len() / 2;
        packed[middle] ^= 16;
        let error = Scene::new(packing, &packed, 2 * MIB).fails();
        assert!(
            matches!(error, UnpackError::Damaged { .. }),
            "{packing:?}: {error:?}"
        );
    }
}

#[test]
fn a_frame_that_says_nothing_is_skipped() {
    let nothing = [[0x50, 0x2a, 0x4d, 0x18].as_slice(), &[3, 0, 0, 0, 9, 9, 9]].concat();
    let packed = [&nothing[..], &pack(Packing::Zst, b"image"), &nothing].concat();
    assert_eq!(Scene::new(Packing::Zst, &packed, MIB).unpack().unwrap(), 5);
    let short = [&packed[..], &[0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255]].concat();
    assert!(matches!(
        Scene::new(Packing::Zst, &short, MIB).fails(),
        UnpackError::Damaged { .. }
    ));
}

#[test]
fn cancelling_leaves_nothing() {
    let scene = Scene::new(Packing::Gz, &pack(Packing::Gz, &image()), MIB);
    let error = unpack(&scene.what, |_| {}, &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, UnpackError::Cancelled) && !scene.what.target.exists());
}

#[test]
fn names_tell_the_packing() {
    assert_eq!(Packing::of_name("a.raw.XZ"), Some(Packing::Xz));
    assert_eq!(Packing::of_name("a.qcow2"), None);
    assert_eq!(Packing::of_name("xz"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_damage_makes_a_decoder_panic_or_run_away(
        which in 0usize..3,
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let packing = ALL[which];
        let mut packed = pack(packing, &image()[..3000]);
        let at = at.index(packed.len());
        for (place, byte) in packed[at..].iter_mut().zip(bytes) {
            *place = byte;
        }
        let scene = Scene::new(packing, &packed, MIB);
        if let Ok(length) = scene.unpack() {
            prop_assert!(length <= MIB as u64);
        }
    }
}
