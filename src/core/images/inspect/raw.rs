//! A raw disk: no header, so what is left to check is its length and that it is nothing else
//! (which [`super::sniff`] did).

use super::bytes::Bytes;
use super::refusal::{Refusal, damaged};
use std::io::{Read, Seek};

/// Bytes of the disk.
///
/// # Errors
/// Why it must not be used.
pub(super) fn read<R: Read + Seek>(bytes: &Bytes<'_, R>) -> Result<u64, Refusal> {
    let length = bytes.length();
    // QEMU would round it up and show the guest a sector that is half made up; in practice such
    // a length means a download that broke off.
    if !length.is_multiple_of(512) {
        return damaged(format!(
            "a raw disk has whole sectors, and {length} bytes are not a multiple of 512"
        ));
    }
    Ok(length)
}
