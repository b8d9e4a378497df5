//! The headers, the region table and the metadata of a Hyper-V image (MS-VHDX; QEMU's limits in
//! `block/vhdx.c`, which reads the first region table only).

use super::bytes::{Bytes, Field};
use super::refusal::{Refusal, damaged};
use std::io::{Read, Seek};

/// Where the two headers lie, bytes; the valid one of the higher sequence number counts.
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
/// Bytes of a header.
const HEADER: u64 = 4 << 10;
const REGIONS: u64 = 192 << 10;
/// Bytes of a table: of regions, of metadata.
const TABLE: u64 = 64 << 10;
/// Regions and metadata lie after the first MiB.
const RESERVED: u64 = 1 << 20;
/// Most regions, by the paper.
const MOST_REGIONS: u32 = 2047;

/// GUIDs as they lie in the file.
mod guid {
    pub(super) const BAT: u128 =
        u128::from_be_bytes(*b"\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08");
    pub(super) const METADATA: u128 =
        u128::from_be_bytes(*b"\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e");
    pub(super) const PARAMETERS: u128 =
        u128::from_be_bytes(*b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b");
    pub(super) const SIZE: u128 =
        u128::from_be_bytes(*b"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8");
    pub(super) const PAGE_83: u128 =
        u128::from_be_bytes(*b"\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46");
    pub(super) const LOGICAL: u128 =
        u128::from_be_bytes(*b"\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f");
    pub(super) const PHYSICAL: u128 =
        u128::from_be_bytes(*b"\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56");
    pub(super) const PARENT: u128 =
        u128::from_be_bytes(*b"\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c");
}

/// Bytes of the disk.
///
/// # Errors
/// Why it must not be used.
pub(super) fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<u64, Refusal> {
    check_header(bytes)?;
    let regions = Regions::read(bytes)?;
    let metadata = Metadata::read(bytes, &regions)?;
    metadata.check(&regions)?;
    Ok(metadata.size)
}

fn check_header<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<(), Refusal> {
    let mut newest: Option<(u64, [u8; 16])> = None;
    for at in HEADERS {
        let header = bytes.at(at, HEADER, "its header")?;
        if !header.has(0, b"head") || !sums_up(&header) || header.le16(66) != 1 {
            continue;
        }
        let sequence = header.le64(8);
        if newest.is_none_or(|(other, _)| sequence > other) {
            newest = Some((sequence, header.guid(48)));
        }
    }
    match newest {
        None => damaged("neither of its headers is valid"),
        Some((_, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])) => Ok(()),
        // What the log changes would not have been seen here.
        Some(_) => damaged("it was not closed properly; open it once where it was made"),
    }
}

/// A part of the file.
#[derive(Clone, Copy)]
struct Region {
    offset: u64,
    length: u64,
}

struct Regions {
    blocks: Region,
    metadata: Region,
}

impl Regions {
    fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<Self, Refusal> {
        let table = bytes.at(REGIONS, TABLE, "its region table")?;
        if !table.has(0, b"regi") || !sums_up(&table) {
            return damaged("its region table has a wrong checksum");
        }
        let count = table.le32(8);
        if count > MOST_REGIONS {
            return damaged(format!("{count} regions"));
        }
        let (mut blocks, mut metadata) = (None, None);
        for index in 0..count as usize {
            let at = 16 + index * 32;
            let region = Region {
                offset: table.le64(at + 16),
                length: u64::from(table.le32(at + 24)),
            };
            let place = match u128::from_be_bytes(table.guid(at)) {
                guid::BAT => &mut blocks,
                guid::METADATA => &mut metadata,
                _ if table.le32(at + 28) & 1 != 0 => {
                    return Err(Refusal::Unsupported(
                        "VHDX with a region that is unknown here and required".to_owned(),
                    ));
                }
                _ => continue,
            };
            if place.is_some() {
                return damaged("it has the same region twice");
            }
            if region.offset < RESERVED || !region.offset.is_multiple_of(RESERVED) {
                return damaged(format!("a region begins at byte {}", region.offset));
            }
            bytes.must_hold(region.offset, region.length, "a region")?;
            *place = Some(region);
        }
        let (Some(blocks), Some(metadata)) = (blocks, metadata) else {
            return damaged("it has no block table or no metadata");
        };
        if blocks.offset < metadata.offset + metadata.length
            && metadata.offset < blocks.offset + blocks.length
        {
            return damaged("its regions overlap");
        }
        Ok(Self { blocks, metadata })
    }
}

struct Metadata {
    size: u64,
    block: u64,
    sector: u64,
}

impl Metadata {
    fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>, regions: &Regions) -> Result<Self, Refusal> {
        let region = regions.metadata;
        if region.length < TABLE {
            return damaged("its metadata are too short");
        }
        let table = bytes.at(region.offset, TABLE, "its metadata")?;
        if !table.has(0, b"metadata") {
            return damaged("its metadata have no table");
        }
        let count = usize::from(table.le16(10));
        if count > 2047 {
            return damaged(format!("{count} pieces of metadata"));
        }
        let [mut parameters, mut size, mut sector] = [None; 3];
        for at in (0..count).map(|index| 32 + index * 32) {
            let place = match u128::from_be_bytes(table.guid(at)) {
                guid::PARAMETERS => &mut parameters,
                guid::SIZE => &mut size,
                guid::LOGICAL => &mut sector,
                guid::PARENT => return Err(parent()),
                guid::PAGE_83 | guid::PHYSICAL => continue,
                _ if table.le32(at + 24) & 4 != 0 => {
                    return Err(Refusal::Unsupported(
                        "VHDX with metadata that are unknown here and required".to_owned(),
                    ));
                }
                _ => continue,
            };
            if place.replace(u64::from(table.le32(at + 16))).is_some() {
                return damaged("it has the same metadata twice");
            }
        }
        let (Some(parameters), Some(size), Some(sector)) = (parameters, size, sector) else {
            return damaged("its metadata lack what the paper requires");
        };
        let mut item = |offset: u64| {
            if offset < TABLE || offset + 8 > region.length {
                return damaged("its metadata lie outside of their region");
            }
            bytes.at(region.offset + offset, 8, "its metadata")
        };
        let parameters = item(parameters)?;
        if parameters.le32(4) & 2 != 0 {
            return Err(parent());
        }
        Ok(Self {
            size: item(size)?.le64(0),
            block: u64::from(parameters.le32(0)),
            sector: u64::from(item(sector)?.le32(0)),
        })
    }

    fn check(&self, regions: &Regions) -> Result<(), Refusal> {
        if self.size == 0 || self.size > super::LARGEST {
            return Err(Refusal::Size(self.size));
        }
        if !self.block.is_power_of_two() || !(1 << 20..=256 << 20).contains(&self.block) {
            return damaged(format!("blocks of {} bytes", self.block));
        }
        if !matches!(self.sector, 512 | 4096) || !self.size.is_multiple_of(self.sector) {
            return damaged(format!("{} bytes in sectors of {}", self.size, self.sector));
        }
        // After every chunk of blocks an entry of their bitmap.
        let blocks = self.size.div_ceil(self.block);
        let chunk = (self.sector << 23) / self.block;
        let entries = blocks + (blocks - 1) / chunk;
        if entries * 8 > regions.blocks.length {
            return damaged(format!(
                "a table of {entries} blocks does not fit into its region"
            ));
        }
        Ok(())
    }
}

/// Whether a structure's checksum, CRC-32C at byte 4, is right.
fn sums_up(structure: &Field) -> bool {
    let bytes = structure.0.iter().enumerate();
    let sum = bytes.fold(u32::MAX, |sum, (at, &byte)| {
        let byte = if (4..8).contains(&at) { 0 } else { byte };
        (0..8).fold(sum ^ u32::from(byte), |sum, _| match sum & 1 {
            1 => sum >> 1 ^ 0x82f6_3b78,
            _ => sum >> 1,
        })
    });
    !sum == structure.le32(4)
}

fn parent() -> Refusal {
    Refusal::Elsewhere(
        "is the difference to a parent image (a snapshot); merge it into a whole disk first".to_owned(),
    )
}
