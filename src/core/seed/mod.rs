//! The seed disk: how a guest learns its name and whom to let in.
//!
//! A small vfat image labelled `CIDATA`, cloud-init's NoCloud data source. Its documents are
//! built as data and serialised, so hostile text stays text. The tiny guest has no
//! YAML parser: beside cloud-init's documents stands `twarga.cfg`, flat lines of `key=value`.

mod document;
mod merge;
mod words;
mod write;
mod yaml;

pub use document::read;
pub use yaml::MAX_BYTES as MAX_DOCUMENT;

use super::{Error, Result};
use crate::model::{Field, FieldError, Provision};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use serde_json::json;
use std::io::{Cursor, Write};
use uuid::Uuid;

/// Size of the image, bytes: the smallest that every vfat reader takes without complaint. It grows
/// by as much for documents that do not fit.
const SIZE: usize = 1024 * 1024;
/// What the file system's own tables may take, bytes.
const TABLES: usize = 64 * 1024;
/// The label that cloud-init looks for, padded as the format wants it.
const LABEL: [u8; 11] = *b"CIDATA     ";

/// What a guest is told.
pub struct Seed<'a> {
    /// The machine: cloud-init runs its first-boot work once per instance.
    pub instance: Uuid,
    /// Host name.
    pub hostname: &'a str,
    /// Account to make.
    pub user: &'a str,
    /// SHA-512 crypt hash; `None` leaves the account's password locked.
    pub password_hash: Option<&'a str>,
    /// Public keys that may sign in to it.
    pub ssh_keys: &'a [String],
    /// What else its first boot does.
    pub provision: &'a Provision,
}

/// Builds the image.
///
/// # Errors
/// [`Error::Invalid`] for an own document that cannot be read, although it was checked before;
/// [`Error::Internal`] if a value would break the flat file, or if the file system cannot be made.
pub fn image(seed: &Seed<'_>) -> Result<Vec<u8>> {
    let files = [
        ("meta-data", meta_data(seed)),
        ("user-data", user_data(seed)?),
        ("twarga.cfg", flat(seed)?),
    ];
    vfat(&files).map_err(|error| Error::Internal(format!("making the seed disk: {error}")))
}

fn meta_data(seed: &Seed<'_>) -> String {
    write::line(&json!({ "instance-id": seed.instance, "local-hostname": seed.hostname }))
}

fn user_data(seed: &Seed<'_>) -> Result<String> {
    let own = match &seed.provision.user_data {
        Some(text) => {
            read(text, seed.hostname).map_err(|flaw| FieldError::new(Field::UserData, flaw.to_string()))?
        }
        None => None,
    };
    Ok(merge::user_data(seed, own))
}

fn flat(seed: &Seed<'_>) -> Result<String> {
    let instance = seed.instance.to_string();
    let mut lines = vec![
        ("instance", instance.as_str()),
        ("hostname", seed.hostname),
        ("user", seed.user),
    ];
    lines.extend(seed.password_hash.map(|hash| ("password_hash", hash)));
    lines.extend(seed.ssh_keys.iter().map(|key| ("ssh_key", key.as_str())));
    let mut text = String::new();
    for (key, value) in lines {
        if value.chars().any(char::is_control) {
            return Err(Error::Internal(format!(
                "{key} for the seed disk has a control character"
            )));
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
        text.push('\n');
    }
    Ok(text)
}

fn vfat(files: &[(&str, String)]) -> std::io::Result<Vec<u8>> {
    let content: usize = files.iter().map(|(_, content)| content.len()).sum();
    let size = (content + TABLES).div_ceil(SIZE) * SIZE;
    let mut disk = Cursor::new(vec![0u8; size]);
    let options = FormatVolumeOptions::new()
        .volume_label(LABEL)
        .fat_type(FatType::Fat12);
    fatfs::format_volume(&mut disk, options)?;
    {
        let volume = FileSystem::new(&mut disk, FsOptions::new())?;
        for (name, content) in files {
            let mut file = volume.root_dir().create_file(name)?;
            file.truncate()?;
            file.write_all(content.as_bytes())?;
            file.flush()?;
        }
        volume.unmount()?;
    }
    Ok(disk.into_inner())
}

#[cfg(test)]
mod tests;
