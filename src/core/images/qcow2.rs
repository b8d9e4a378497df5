//! The header of a qcow2 image, as far as it decides whether the image may be used.

/// The part of a qcow2 header that decides whether it may be opened (QEMU's
/// `docs/interop/qcow2.txt`).
pub struct Qcow2 {
    /// Bytes of the disk in it.
    pub virtual_size: u64,
}

impl Qcow2 {
    /// How one begins.
    pub const MAGIC: [u8; 4] = *b"QFI\xfb";
    /// Bytes that are looked at.
    pub const HEADER: u64 = 104;
    /// More than any image here may have; a header that says more is not to be believed.
    const MOST: u64 = 64 << 40;
    /// Incompatible feature: the data is in another file.
    const EXTERNAL_DATA: u64 = 1 << 2;

    /// Reads a header.
    ///
    /// # Errors
    /// Why the image must not be used, to be said after its name.
    pub fn read(header: &[u8]) -> Result<Self, String> {
        let number = |at: usize, length: usize| {
            let bytes = header.get(at..at + length)?;
            Some(
                bytes
                    .iter()
                    .fold(0u64, |value, &byte| value << 8 | u64::from(byte)),
            )
        };
        let short = || "is too short for a qcow2 image".to_owned();
        if !header.starts_with(&Self::MAGIC) {
            return Err("is not a qcow2 image".to_owned());
        }
        let version = number(4, 4).ok_or_else(short)?;
        let backing = number(8, 8).ok_or_else(short)?;
        let virtual_size = number(24, 8).ok_or_else(short)?;
        let encryption = number(32, 4).ok_or_else(short)?;
        let features = match version {
            2 => 0,
            3 => number(72, 8).ok_or_else(short)?,
            _ => return Err(format!("is qcow2 of the unknown version {version}")),
        };
        if backing != 0 {
            return Err("names a backing file; flatten it with `qemu-img convert`".to_owned());
        }
        if features & Self::EXTERNAL_DATA != 0 {
            return Err("keeps its data in another file; make one of it with `qemu-img convert`".to_owned());
        }
        if encryption != 0 {
            return Err("is encrypted".to_owned());
        }
        if virtual_size == 0 || virtual_size > Self::MOST {
            return Err(format!("says that it has {virtual_size} bytes"));
        }
        Ok(Self { virtual_size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_header_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Qcow2::read(&bytes);
            let mut with_magic = b"QFI\xfb".to_vec();
            with_magic.extend(bytes);
            let _ = Qcow2::read(&with_magic);
        }
    }
}
