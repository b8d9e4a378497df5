//! The header of a qcow2 image (QEMU's `docs/interop/qcow2.txt`; limits as in `qcow2_do_open`).

use super::bytes::{Bytes, Field};
use super::refusal::{Refusal, damaged};
use super::{HEAD, LARGEST};
use std::io::{Read, Seek};

/// Bytes of the fields that every version 3 has.
const LEAST_V3: u64 = 104;
/// Bytes of a version 2.
const LEAST_V2: u64 = 72;
/// Bytes of an L1 table or a refcount table at most, as QEMU has it.
const LARGEST_TABLE: u64 = 32 << 20;
/// QEMU takes 65,536; an image to start from that has even a hundred is none.
const MOST_SNAPSHOTS: u32 = 1024;
/// Bytes of a snapshot table's entry at least.
const SNAPSHOT: u64 = 40;

/// Incompatible features, by bit.
mod feature {
    pub(super) const DIRTY: u64 = 1 << 0;
    pub(super) const CORRUPT: u64 = 1 << 1;
    pub(super) const EXTERNAL_DATA: u64 = 1 << 2;
    pub(super) const COMPRESSION: u64 = 1 << 3;
    pub(super) const EXTENDED_L2: u64 = 1 << 4;
    pub(super) const KNOWN: u64 = (1 << 5) - 1;
}

/// Header extensions that matter; every other may be passed over, so says the paper.
mod extension {
    pub(super) const END: u32 = 0;
    pub(super) const ENCRYPTION: u32 = 0x0537_be77;
    pub(super) const EXTERNAL_DATA: u32 = 0x4441_5441;
}

/// The fields that are looked at.
struct Header {
    version: u32,
    backing_offset: u64,
    cluster_bits: u32,
    size: u64,
    encryption: u32,
    l1_entries: u64,
    l1_offset: u64,
    refcounts_offset: u64,
    refcounts_clusters: u64,
    snapshots: u32,
    snapshots_offset: u64,
    features: u64,
    refcount_order: u32,
    length: u64,
    compression: u8,
}

/// Bytes of the disk, and the snapshots inside.
///
/// # Errors
/// Why it must not be used.
pub(super) fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<(u64, u32), Refusal> {
    let header = Header::read(bytes)?;
    header.stands_alone()?;
    header.check_features()?;
    if header.size == 0 || header.size > LARGEST {
        return Err(Refusal::Size(header.size));
    }
    if !(9..=21).contains(&header.cluster_bits) {
        return damaged(format!("clusters of 2^{} bytes", header.cluster_bits));
    }
    if header.length > 1 << header.cluster_bits {
        return damaged(format!("a header of {} bytes", header.length));
    }
    header.check_extensions(bytes)?;
    header.check_tables(bytes)?;
    Ok((header.size, header.snapshots))
}

impl Header {
    fn read<R: Read + Seek>(bytes: &mut Bytes<'_, R>) -> Result<Self, Refusal> {
        let head = bytes.up_to(0, 112)?;
        let version = head.be32(4);
        let least = match version {
            2 => LEAST_V2,
            3 => LEAST_V3,
            _ if bytes.length() >= 8 => {
                return Err(Refusal::Unsupported(format!(
                    "qcow2 of the unknown version {version}"
                )));
            }
            _ => LEAST_V2,
        };
        if bytes.length() < least {
            return damaged("it is too short for a qcow2 image");
        }
        let v3 = version == 3;
        let length = if v3 { u64::from(head.be32(100)) } else { LEAST_V2 };
        if length < least || !length.is_multiple_of(8) {
            return damaged(format!("a header of {length} bytes"));
        }
        Ok(Self {
            version,
            backing_offset: head.be64(8),
            cluster_bits: head.be32(20),
            size: head.be64(24),
            encryption: head.be32(32),
            l1_entries: u64::from(head.be32(36)),
            l1_offset: head.be64(40),
            refcounts_offset: head.be64(48),
            refcounts_clusters: u64::from(head.be32(56)),
            snapshots: head.be32(60),
            snapshots_offset: head.be64(64),
            features: if v3 { head.be64(72) } else { 0 },
            refcount_order: if v3 { head.be32(96) } else { 4 },
            length,
            compression: if length > LEAST_V3 {
                head.0.get(104).copied().unwrap_or(0)
            } else {
                0
            },
        })
    }

    /// That nothing of it lies in another file, and nothing is encrypted.
    fn stands_alone(&self) -> Result<(), Refusal> {
        if self.backing_offset != 0 {
            return Err(elsewhere(
                "names a backing file; flatten it with `qemu-img convert`",
            ));
        }
        if self.features & feature::EXTERNAL_DATA != 0 {
            return Err(external_data());
        }
        if self.encryption != 0 {
            return Err(Refusal::Encrypted);
        }
        Ok(())
    }

    fn check_features(&self) -> Result<(), Refusal> {
        let unknown = self.features & !feature::KNOWN;
        if unknown != 0 {
            return Err(Refusal::Unsupported(format!(
                "qcow2 with features that are unknown here ({unknown:#x})"
            )));
        }
        if self.features & feature::CORRUPT != 0 {
            return damaged("QEMU marked it as corrupt");
        }
        if self.features & feature::DIRTY != 0 {
            return damaged(
                "it was not closed properly; repair it with `qemu-img check -r all` where it was made",
            );
        }
        if self.refcount_order > 6 {
            return damaged(format!("reference counts of 2^{} bits", self.refcount_order));
        }
        let flagged = self.features & feature::COMPRESSION != 0;
        // 0 is deflate, 1 is zstd; the flag stands exactly if it is not 0.
        if self.compression > 1 || flagged != (self.compression != 0) {
            return Err(Refusal::Unsupported(format!(
                "qcow2 with the unknown compression {}",
                self.compression
            )));
        }
        if self.features & feature::EXTENDED_L2 != 0 && self.cluster_bits < 14 {
            return damaged("extended L2 entries with clusters of less than 16 KiB");
        }
        Ok(())
    }

    /// Walks the extensions, from the header's end to that of the first cluster.
    fn check_extensions<R: Read + Seek>(&self, bytes: &mut Bytes<'_, R>) -> Result<(), Refusal> {
        let end = (1u64 << self.cluster_bits).min(bytes.length());
        let head: Field = bytes.up_to(0, end.min(HEAD))?;
        let mut at = self.length;
        while at + 8 <= end {
            // What decides has to lie within what a caller keeps (`HEAD`).
            if at + 8 > HEAD {
                return damaged("its header extensions are longer than 64 KiB");
            }
            let field = usize::try_from(at).unwrap_or(usize::MAX);
            let (kind, length) = (head.be32(field), u64::from(head.be32(field + 4)));
            match kind {
                extension::END => return Ok(()),
                extension::ENCRYPTION => return Err(Refusal::Encrypted),
                extension::EXTERNAL_DATA => return Err(external_data()),
                _ => {}
            }
            at += 8 + length.next_multiple_of(8);
            if at > end {
                return damaged(format!("a header extension of {length} bytes"));
            }
        }
        Ok(())
    }

    fn check_tables<R: Read + Seek>(&self, bytes: &Bytes<'_, R>) -> Result<(), Refusal> {
        let cluster = 1u64 << self.cluster_bits;
        let aligned = |offset: u64, what: &str| match offset.is_multiple_of(cluster) && offset != 0 {
            true => Ok(()),
            false => damaged(format!("its {what} begins inside of a cluster (byte {offset})")),
        };
        if !self.size.is_multiple_of(512) {
            return damaged(format!(
                "a disk of {} bytes, which are no whole sectors",
                self.size
            ));
        }
        // An L2 table is a cluster of 8-byte entries, 16-byte ones when extended.
        let entry = if self.features & feature::EXTENDED_L2 != 0 {
            16
        } else {
            8
        };
        let needed = self.size.div_ceil(cluster / entry * cluster);
        if self.l1_entries < needed {
            return damaged(format!(
                "its L1 table has {} entries, and its disk needs {needed}",
                self.l1_entries
            ));
        }
        if self.l1_entries * 8 > LARGEST_TABLE {
            return damaged(format!("an L1 table of {} entries", self.l1_entries));
        }
        aligned(self.l1_offset, "L1 table")?;
        bytes.must_hold(self.l1_offset, self.l1_entries * 8, "its L1 table")?;
        let refcounts = self.refcounts_clusters * cluster;
        if refcounts == 0 || refcounts > LARGEST_TABLE {
            return damaged(format!(
                "a refcount table of {} clusters",
                self.refcounts_clusters
            ));
        }
        aligned(self.refcounts_offset, "refcount table")?;
        bytes.must_hold(self.refcounts_offset, refcounts, "its refcount table")?;
        if self.snapshots > MOST_SNAPSHOTS {
            return damaged(format!("{} snapshots inside", self.snapshots));
        }
        if self.snapshots > 0 {
            aligned(self.snapshots_offset, "snapshot table")?;
            let table = u64::from(self.snapshots) * SNAPSHOT;
            bytes.must_hold(self.snapshots_offset, table, "its snapshot table")?;
        }
        debug_assert!(self.version == 2 || self.version == 3);
        Ok(())
    }
}

fn elsewhere(reason: &str) -> Refusal {
    Refusal::Elsewhere(reason.to_owned())
}

fn external_data() -> Refusal {
    elsewhere("keeps its data in another file; make one of it with `qemu-img convert`")
}
