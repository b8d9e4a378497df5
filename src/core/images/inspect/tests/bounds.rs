//! Whatever the bytes: nothing panics, and what is read and asked for is bounded.

use super::super::bytes::MOST_READ;
use super::{made, summed};
use crate::core::images::inspect::*;
use proptest::prelude::*;
use std::io::{self, Cursor, SeekFrom};

/// Counts what is read, whatever the place.
struct Counting {
    image: Cursor<Vec<u8>>,
    read: u64,
    largest: usize,
}

impl Counting {
    fn new(image: Vec<u8>) -> Self {
        Self {
            image: Cursor::new(image),
            read: 0,
            largest: 0,
        }
    }
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.largest = self.largest.max(buffer.len());
        let read = self.image.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.image.seek(to)
    }
}

/// Inspects whatever it is; fails if that read or asked for more than it may.
fn within_bounds(image: Vec<u8>, declared: Option<Format>) -> bool {
    let mut counting = Counting::new(image);
    let inspected = inspect(&mut counting, declared);
    assert!(counting.read <= MOST_READ, "{} bytes were read", counting.read);
    assert!(
        counting.largest as u64 <= MOST_READ,
        "{} bytes were asked for",
        counting.largest
    );
    if let Ok(inspected) = &inspected {
        assert!(inspected.virtual_size > 0 && inspected.virtual_size <= LARGEST);
    }
    inspected.is_ok()
}

/// Honest images of all formats, made once.
fn honest() -> &'static [Vec<u8>] {
    static IMAGES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    IMAGES.get_or_init(|| {
        let mut images: Vec<_> = ["qcow2", "vmdk", "vdi", "vhdx"]
            .iter()
            .map(|it| made(it, ""))
            .collect();
        // What lies behind the metadata of a VHDX says nothing, and copying it takes long.
        images[3].truncate(4 << 20);
        images.push(crafted::qcow2(1 << 40));
        images
    })
}

/// Places in the headers: mostly where fields are.
fn places() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let place = prop_oneof![
        4 => 0usize..600,
        1 => 0usize..70_000,
        1 => (192usize << 10)..(192 << 10) + 100,
        1 => (2usize << 20)..(4 << 20),
    ];
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..9),
        prop_oneof![Just(0u8), Just(0xff), Just(0x7f), Just(0x80)]
            .prop_flat_map(|it| { (1usize..9).prop_map(move |count| vec![it; count]) }),
    ];
    proptest::collection::vec((place, bytes), 1..5)
}

fn formats() -> impl Strategy<Value = Option<Format>> {
    use Format::*;
    proptest::sample::select(vec![
        None,
        Some(Qcow2),
        Some(Raw),
        Some(Vmdk),
        Some(Vdi),
        Some(Vhdx),
    ])
}

/// An honest image with some bytes overwritten, its VHDX checksums mended so that more than they
/// are tried.
fn spoil(index: usize, patches: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut image = honest()[index % honest().len()].clone();
    for (at, bytes) in patches {
        if let Some(place) = image.get_mut(*at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    match image.starts_with(b"vhdx") {
        true => summed(image, 192 << 10, 64 << 10),
        false => image,
    }
}

#[test]
fn the_honest_are_accepted_within_the_same_bounds() {
    for image in honest() {
        assert!(within_bounds(image.clone(), None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..2000), declared in formats()) {
        within_bounds(bytes.clone(), declared);
        for magic in [&b"QFI\xfb\0\0\0\x03"[..], b"QFI\xfb\0\0\0\x02", b"KDMV", b"vhdxfile", b"# Disk DescriptorFile\n"] {
            within_bounds([magic, &bytes].concat(), declared);
        }
    }

    #[test]
    fn no_spoiled_image_breaks_the_reader(index in 0usize..5, patches in places(), declared in formats()) {
        within_bounds(spoil(index, &patches), declared);
    }

    #[test]
    fn no_descriptor_breaks_the_reader(text in "[ -~\\n=\"]{0,600}", words in "(RW|parentCID|createType|=|\"| |\\n|ffffffff|SPARSE){0,40}") {
        let mut image = honest()[1].clone();
        let text = [text.as_bytes(), words.as_bytes()].concat();
        image[512..512 + text.len()].copy_from_slice(&text);
        within_bounds(image, None);
    }
}

/// The same for long; what is accepted QEMU reads without opening anything more.
#[test]
#[ignore = "long: make torture"]
fn spoiled_images_for_long() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100_000));
    let strategy = (0usize..5, places(), formats());
    runner
        .run(&strategy, |(index, patches, declared)| {
            within_bounds(spoil(index, &patches), declared);
            Ok(())
        })
        .unwrap();
}
