//! What a disk image file is, found out from its header, in Rust, before anything else opens it.
//!
//! A disk image decides what QEMU opens: a header may name further files of the host, devices or
//! network addresses, and its tables may be made to exhaust or break whoever follows them. So
//! [`inspect`] reads the little that decides, with bounds on what it reads and keeps, and refuses
//! whatever is more than one self-contained disk. It never follows a name, never writes, and does
//! not vouch for what lies behind the header: guests' data are the guest's business, and the
//! tables' entries are read by a caged `qemu-img` ([`super::convert`]).
//!
//! Where the formats' papers and QEMU differ, QEMU's reading counts, because QEMU opens the file
//! afterwards; where a file means one thing to one and another thing to the other, it is refused.

mod bytes;
mod name;
mod pinned;
mod qcow2;
mod raw;
mod refusal;
mod sniff;
mod vdi;
mod vhdx;
mod vmdk;

#[cfg(test)]
pub(super) mod crafted;
#[cfg(test)]
mod tests;

pub use name::check_name;
pub use pinned::Pinned;
pub use refusal::Refusal;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sniff::Sniffed;
use std::fmt;
use std::io::{Read, Seek};

/// Bytes from a file's beginning that hold everything in a qcow2 or raw image that can make QEMU
/// open something else. Who keeps them keeps what was inspected.
pub const HEAD: u64 = 64 << 10;

/// Bytes of the largest disk; a header that says more is not to be believed. QEMU's own limits
/// for VHDX and for seSparse VMDK are the same 64 TiB.
pub const LARGEST: u64 = 64 << 40;

/// A format that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// QEMU's, versions 2 and 3.
    Qcow2,
    /// The disk's bytes and nothing else.
    Raw,
    /// VMware's, in one file: monolithicSparse and streamOptimized.
    Vmdk,
    /// VirtualBox's.
    Vdi,
    /// Hyper-V's.
    Vhdx,
}

impl Format {
    /// By that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Qcow2, Self::Raw, Self::Vmdk, Self::Vdi, Self::Vhdx];
        all.into_iter().find(|it| it.name() == name)
    }

    /// As QEMU's block drivers are called, and as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
            Self::Vmdk => "vmdk",
            Self::Vdi => "vdi",
            Self::Vhdx => "vhdx",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An image that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What it is: the one format that it may be opened as.
    pub format: Format,
    /// Bytes of the disk in it.
    pub virtual_size: u64,
    /// Bytes of the file.
    pub file_size: u64,
    /// Snapshots inside (qcow2 only); a conversion leaves them behind.
    pub snapshots: u32,
}

/// Reads the header of an image that is said to be of a format; without one, whatever the header
/// shows. Leaves the file at an unspecified place. Reads at most 512 KiB, wherever they lie.
///
/// A raw disk has no header: undeclared, it counts as one only if it shows a partition table or a
/// file system.
///
/// # Errors
/// Why the image must not be used.
pub fn inspect(file: &mut (impl Read + Seek), declared: Option<Format>) -> Result<Inspected, Refusal> {
    let mut bytes = Bytes::new(file)?;
    if bytes.length() == 0 {
        return Err(Refusal::Empty);
    }
    let found = sniff::sniff(&mut bytes)?;
    let format = match (found, declared) {
        (Sniffed::Format(found), Some(declared)) if found != declared => {
            return Err(Refusal::Mistaken { found, declared });
        }
        (Sniffed::Format(found), _) => found,
        (Sniffed::Other(what), _) => return Err(what.into()),
        (Sniffed::Disk, None) | (Sniffed::Nothing, Some(Format::Raw)) => Format::Raw,
        (Sniffed::Disk, Some(Format::Raw)) => Format::Raw,
        (Sniffed::Disk | Sniffed::Nothing, Some(declared)) => return Err(Refusal::Not(declared)),
        (Sniffed::Nothing, None) => return Err(Refusal::Unknown),
    };
    let (virtual_size, snapshots) = match format {
        Format::Qcow2 => qcow2::read(&mut bytes)?,
        Format::Raw => (raw::read(&bytes)?, 0),
        Format::Vmdk => (vmdk::read(&mut bytes)?, 0),
        Format::Vdi => (vdi::read(&mut bytes)?, 0),
        Format::Vhdx => (vhdx::read(&mut bytes)?, 0),
    };
    if virtual_size == 0 || virtual_size > LARGEST {
        return Err(Refusal::Size(virtual_size));
    }
    Ok(Inspected {
        format,
        virtual_size,
        file_size: bytes.length(),
        snapshots,
    })
}
