//! The seed disk: how a guest learns its name and whom to let in.
//!
//! A small vfat image labelled `CIDATA`, cloud-init's NoCloud data source. Its documents are
//! built as data and serialised; JSON is YAML, so hostile text stays text. The tiny guest has no
//! YAML parser: beside cloud-init's documents stands `twarga.cfg`, flat lines of `key=value`.

use super::{Error, Result};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use serde_json::json;
use std::io::{Cursor, Write};
use uuid::Uuid;

/// Size of the image, bytes: the smallest that every vfat reader takes without complaint.
const SIZE: usize = 1024 * 1024;
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
}

/// Builds the image.
///
/// # Errors
/// [`Error::Invalid`]-free: every value was checked before; [`Error::Internal`] if one would
/// break the flat file all the same, or if the file system cannot be made.
pub fn image(seed: &Seed<'_>) -> Result<Vec<u8>> {
    let files = [
        ("meta-data", meta_data(seed)),
        ("user-data", user_data(seed)),
        ("twarga.cfg", flat(seed)?),
    ];
    vfat(&files).map_err(|error| Error::Internal(format!("making the seed disk: {error}")))
}

fn meta_data(seed: &Seed<'_>) -> String {
    json!({ "instance-id": seed.instance, "local-hostname": seed.hostname }).to_string()
}

fn user_data(seed: &Seed<'_>) -> String {
    let mut user = json!({
        "name": seed.user,
        "ssh_authorized_keys": seed.ssh_keys,
        "lock_passwd": seed.password_hash.is_none(),
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": "/bin/bash",
    });
    if let Some(hash) = seed.password_hash {
        user["passwd"] = json!(hash);
    }
    let document = json!({
        "hostname": seed.hostname,
        "users": [user],
        "ssh_pwauth": seed.password_hash.is_some(),
        "disable_root": true,
        "growpart": { "mode": "auto", "devices": ["/"] },
    });
    format!("#cloud-config\n{document}\n")
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
    let mut disk = Cursor::new(vec![0u8; SIZE]);
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::io::Read;

    fn read(image: Vec<u8>, name: &str) -> String {
        let volume = FileSystem::new(Cursor::new(image), FsOptions::new()).unwrap();
        assert_eq!(volume.volume_label(), "CIDATA");
        let mut text = String::new();
        volume
            .root_dir()
            .open_file(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn a_guest_reads_what_it_is_told() {
        let keys = vec!["ssh-ed25519 AAAA twarga".to_owned()];
        let seed = Seed {
            instance: Uuid::from_u128(1),
            hostname: "web-1",
            user: "tiny",
            password_hash: Some("$6$salt$hash"),
            ssh_keys: &keys,
        };
        let image = image(&seed).unwrap();
        assert_eq!(
            read(image.clone(), "twarga.cfg"),
            "instance=00000000-0000-0000-0000-000000000001\nhostname=web-1\nuser=tiny\n\
             password_hash=$6$salt$hash\nssh_key=ssh-ed25519 AAAA twarga\n"
        );
        let text = read(image.clone(), "user-data");
        let document: Value = serde_json::from_str(text.strip_prefix("#cloud-config\n").unwrap()).unwrap();
        assert_eq!(document["users"][0]["passwd"], "$6$salt$hash");
        assert_eq!(document["ssh_pwauth"], true);
        let meta: Value = serde_json::from_str(&read(image, "meta-data")).unwrap();
        assert_eq!(meta["local-hostname"], "web-1");
    }

    #[test]
    fn a_line_break_never_becomes_a_line() {
        let keys = vec!["ssh-ed25519 AAAA x\npassword_hash=$6$mine".to_owned()];
        let seed = Seed {
            instance: Uuid::nil(),
            hostname: "web",
            user: "u",
            password_hash: None,
            ssh_keys: &keys,
        };
        assert!(image(&seed).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_comes_back_unchanged(text in "\\PC{0,200}") {
            let keys = vec![text.clone()];
            let seed = Seed { instance: Uuid::nil(), hostname: "web", user: &text, password_hash: None, ssh_keys: &keys };
            let user_data = user_data(&seed);
            let document: Value = serde_json::from_str(user_data.strip_prefix("#cloud-config\n").unwrap()).unwrap();
            prop_assert_eq!(document["users"][0]["name"].as_str(), Some(text.as_str()));
            prop_assert_eq!(document["users"][0]["ssh_authorized_keys"][0].as_str(), Some(text.as_str()));
        }
    }
}
