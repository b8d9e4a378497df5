//! UEFI firmware for guests: whether this host has any.
//!
//! Packages of firmware bring descriptors (QEMU's `docs/interop/firmware.json`), by which libvirt
//! chooses. They are read here, too, so that a machine is refused before its image is downloaded and
//! not when libvirt finds nothing; asking libvirt's capabilities may take a minute.

use super::offer::{About, Firmware};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Where descriptors lie; libvirt looks there.
const FOLDERS: [&str; 2] = ["/etc/qemu/firmware", "/usr/share/qemu/firmware"];

/// What brings them.
pub const FIRMWARE_MEND: &str =
    "install the package `ovmf` (edk2-ovmf on Fedora and Arch), or run `make setup`";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Descriptor {
    interface_types: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Mapping {
    executable: Option<Part>,
}

#[derive(Deserialize)]
struct Part {
    filename: PathBuf,
}

#[derive(Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

impl Descriptor {
    /// Whether it boots the machines that are made here; its code is on this host.
    fn serves(&self) -> bool {
        let fits = |it: &Target| {
            let is_ours = |machine: &String| {
                machine == "*" || machine.starts_with("pc-q35") || machine.starts_with("q35")
            };
            it.architecture == "x86_64" && it.machines.iter().any(is_ours)
        };
        let has_code = self
            .mapping
            .executable
            .as_ref()
            .is_some_and(|it| it.filename.exists());
        self.interface_types.iter().any(|it| it == "uefi") && self.targets.iter().any(fits) && has_code
    }
}

/// Where this host's descriptors lie.
pub fn firmware_folders() -> Vec<PathBuf> {
    FOLDERS.map(PathBuf::from).to_vec()
}

/// The first descriptor in these folders that serves. Reads files.
pub fn find_firmware(folders: &[PathBuf]) -> Option<PathBuf> {
    let files = folders.iter().filter_map(|it| fs::read_dir(it).ok()).flatten();
    let files = files.filter_map(|it| Some(it.ok()?.path()));
    let mut serving: Vec<_> = files
        .filter(|it| read(it).is_some_and(|it| it.serves()))
        .collect();
    serving.sort();
    serving.into_iter().next()
}

fn read(file: &Path) -> Option<Descriptor> {
    let is_descriptor = file.extension().is_some_and(|it| it == "json");
    let text = is_descriptor.then(|| fs::read(file).ok()).flatten()?;
    // One that is not understood is not counted, as libvirt does.
    serde_json::from_slice(&text).ok()
}

/// Why an image cannot boot here, if so. Reads files.
pub fn missing(about: &About, folders: &[PathBuf]) -> Option<String> {
    let lacks = about.firmware == Firmware::Uefi && find_firmware(folders).is_none();
    lacks.then(|| {
        format!(
            "{} boots by UEFI only, and this host has no firmware for it: {FIRMWARE_MEND}",
            about.id
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's package writes it.
    fn descriptor(interface: &str, machine: &str, code: &Path) -> String {
        format!(
            r#"{{"description": "UEFI", "interface-types": ["{interface}"], "mapping": {{"device": "flash",
            "executable": {{"filename": {code:?}, "format": "raw"}}}}, "targets": [{{"architecture": "x86_64",
            "machines": ["{machine}"]}}], "features": [], "tags": []}}"#
        )
    }

    #[test]
    fn firmware_counts_that_boots_these_machines_and_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().to_owned(), PathBuf::from("/nowhere")];
        let code = dir.path().join("code.fd");
        fs::write(&code, "").unwrap();
        for (text, serves) in [
            (descriptor("uefi", "pc-q35-*", &code), true),
            (descriptor("bios", "pc-q35-*", &code), false),
            (descriptor("uefi", "virt-*", &code), false),
            (
                descriptor("uefi", "pc-q35-*", Path::new("/nowhere/code.fd")),
                false,
            ),
            ("nonsense".to_owned(), false),
        ] {
            fs::write(dir.path().join("60-edk2.json"), &text).unwrap();
            assert_eq!(find_firmware(&folders).is_some(), serves, "{text}");
        }
    }
}
