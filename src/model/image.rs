//! Images: what a machine can be made from.

use serde::Serialize;

/// How a machine boots from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// Kernel and initramfs booted directly; the machine's disk is an empty data disk.
    Kernel,
    /// A disk image; the machine's disk is an overlay on it.
    Disk,
}

/// Whether a machine can be made from an image now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is on this host.
    Ready,
    /// It is not, and this is why, with what to do about it.
    Unavailable(String),
}

/// An entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Stable id, as in `--image tiny`.
    pub id: String,
    /// For people: `twarga tiny guest`.
    pub title: String,
    /// How it boots.
    pub kind: ImageKind,
    /// Version of its content.
    pub version: String,
    /// Account that exists in the guest unless the user names another.
    pub default_user: String,
    /// Least disk, GiB; the limits may ask for more.
    pub min_disk_gib: u64,
    /// Bytes on this host.
    pub size: u64,
    /// Whether it can be used.
    pub readiness: Readiness,
}
