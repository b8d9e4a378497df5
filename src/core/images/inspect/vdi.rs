//! The header of a VirtualBox image (VDI 1.1; the fields and limits of QEMU's `block/vdi.c`).

use super::bytes::Bytes;
use super::refusal::{Refusal, damaged};
use std::io::{Read, Seek};

/// At byte 0x40, little-endian.
pub(super) const SIGNATURE: u32 = 0xbeda_107f;
/// Bytes of the header with its preamble.
const HEADER: u64 = 512;
/// The only block size that VirtualBox writes and QEMU reads.
const BLOCK: u64 = 1 << 20;

/// Bytes of the disk.
///
/// # Errors
/// Why it must not be used.
pub(super) fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<u64, Refusal> {
    let header = bytes.at(0, HEADER, "its header")?;
    let version = header.le32(0x44);
    if version != 0x0001_0001 {
        return Err(Refusal::Unsupported(format!(
            "VDI of the unknown version {}.{}",
            version >> 16,
            version & 0xffff
        )));
    }
    match header.le32(0x4c) {
        1 | 2 => {}
        3 | 4 => return Err(parent()),
        other => return Err(Refusal::Unsupported(format!("VDI of the unknown type {other}"))),
    }
    let (link, parent_uuid) = (header.guid(0x1a8), header.guid(0x1b8));
    if link != [0; 16] || parent_uuid != [0; 16] {
        return Err(parent());
    }
    let map = u64::from(header.le32(0x154));
    let data = u64::from(header.le32(0x158));
    let sector = header.le32(0x168);
    let size = header.le64(0x170);
    let block = u64::from(header.le32(0x178));
    let blocks = u64::from(header.le32(0x180));
    let allocated = u64::from(header.le32(0x184));
    if sector != 512 || block != BLOCK {
        return Err(Refusal::Unsupported(format!(
            "VDI with sectors of {sector} and blocks of {block} bytes"
        )));
    }
    if size == 0 || size > super::LARGEST {
        return Err(Refusal::Size(size));
    }
    // `VBoxManage convertfromraw` writes odd sizes; QEMU rounds them up.
    let size = size.next_multiple_of(512);
    if size > blocks * BLOCK || blocks > size.div_ceil(BLOCK) + 1 {
        return damaged(format!("{blocks} blocks for a disk of {size} bytes"));
    }
    if map < HEADER || !map.is_multiple_of(512) || !data.is_multiple_of(512) || data < map + blocks * 4 {
        return damaged(format!(
            "its block map at byte {map} and its data at byte {data} do not fit"
        ));
    }
    bytes.must_hold(map, blocks * 4, "its block map")?;
    if allocated > blocks {
        return damaged(format!("{allocated} of {blocks} blocks in use"));
    }
    // The last block may be cut short by who wrote it.
    if allocated > 0 {
        bytes.must_hold(data, (allocated - 1) * BLOCK, "its data")?;
    }
    Ok(size)
}

fn parent() -> Refusal {
    Refusal::Elsewhere(
        "is the difference to a parent image (a snapshot); clone it to a whole disk first".to_owned(),
    )
}
