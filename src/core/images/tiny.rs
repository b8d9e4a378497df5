//! The image that every installation has: the tiny guest, built from the distribution's own
//! packages by a recipe in `assets/tiny`. It needs no download; where it could not be built, the
//! recipe left the reason.

use super::{Form, Part, Source};
use crate::model::{Image, ImageKind, Readiness, Trust, text};
use serde::Deserialize;
use std::path::Path;
use std::{fs, io};

/// Its id.
pub const ID: &str = "tiny";

/// Its account, unless the user names another.
const USER: &str = "tiny";
/// What its kernel is told: where its console is; `quiet` halves its boot time under emulation;
/// a panic resets it, so that libvirt sees it.
const COMMAND_LINE: &str = "console=ttyS0,115200 quiet panic=5";
/// Its data disk has no least size of its own.
const MIN_DISK_GIB: u64 = 1;

/// `tiny.json`, as its recipe writes it.
#[derive(Deserialize)]
struct Manifest {
    version: String,
}

/// Its entry of the catalogue. Reads files.
pub fn entry(dir: &Path) -> Image {
    let (version, size, readiness) = match find(dir) {
        Ok((version, source)) => (version, Some(source.size()), Readiness::Ready),
        Err(reason) => (String::new(), None, Readiness::Unavailable(reason)),
    };
    Image {
        id: ID.to_owned(),
        aliases: Vec::new(),
        title: "twarga's tiny guest (busybox, dropbear)".to_owned(),
        kind: ImageKind::Kernel,
        version,
        end_of_life: None,
        architecture: None,
        trust: Trust::Local,
        default_user: USER.to_owned(),
        min_disk_gib: MIN_DISK_GIB,
        size,
        brought_at: None,
        readiness,
    }
}

/// Its version and bytes. Reads files.
///
/// # Errors
/// Why it is not there, with what to do about it.
pub fn find(dir: &Path) -> Result<(String, Source), String> {
    let built = "build it with `make setup` in twarga's sources";
    let manifest = match fs::read_to_string(dir.join("tiny.json")) {
        Ok(manifest) => manifest,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = fs::read_to_string(dir.join("tiny.failed")).ok();
            return Err(match why {
                Some(why) => format!("it could not be built: {}", text::visible_within(why.trim(), 200)),
                None => format!("it is not built yet: {built}"),
            });
        }
        Err(error) => return Err(format!("{}: {error}", dir.join("tiny.json").display())),
    };
    let manifest: Manifest = serde_json::from_str(&manifest)
        .map_err(|error| format!("tiny.json is damaged ({error}); {built}"))?;
    let version = manifest.version;
    let clean = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
    if version.is_empty() || version.len() > 64 || !version.chars().all(clean) {
        return Err(format!("tiny.json names no usable version; {built}"));
    }
    let part = |name: &str| {
        let file = dir.join(name);
        let size = fs::metadata(&file)
            .map_err(|error| format!("{}: {error}; {built}", file.display()))?
            .len();
        Ok::<_, String>(Part {
            volume: format!("image-{ID}-{version}-{name}"),
            file,
            size,
        })
    };
    let form = Form::Kernel {
        kernel: part("vmlinuz")?,
        initramfs: part("initramfs")?,
        command_line: COMMAND_LINE.to_owned(),
    };
    Ok((version, Source { form }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypervisor::Boot;

    #[test]
    fn the_catalogue_says_why_tiny_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let unavailable = |dir: &Path| match entry(dir).readiness {
            Readiness::Unavailable(reason) => reason,
            other => panic!("it cannot be {other:?}"),
        };
        assert!(unavailable(dir.path()).contains("make setup"));
        fs::write(dir.path().join("tiny.failed"), "no package \x1b[31mlists\n").unwrap();
        assert_eq!(
            unavailable(dir.path()),
            "it could not be built: no package ␛[31mlists"
        );
        fs::write(dir.path().join("tiny.json"), "{}").unwrap();
        assert!(unavailable(dir.path()).contains("damaged"));
        fs::write(dir.path().join("tiny.json"), r#"{"version":"../../etc"}"#).unwrap();
        assert!(unavailable(dir.path()).contains("no usable version"));
        fs::write(dir.path().join("tiny.json"), r#"{"version":"1.0"}"#).unwrap();
        assert!(unavailable(dir.path()).contains("vmlinuz"));
    }

    #[test]
    fn a_built_tiny_is_ready() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("tiny.json"), r#"{"id":"tiny","version":"1.0"}"#).unwrap();
        fs::write(dir.path().join("vmlinuz"), [0; 10]).unwrap();
        fs::write(dir.path().join("initramfs"), [0; 5]).unwrap();
        let image = entry(dir.path());
        assert_eq!((image.size, &image.readiness), (Some(15), &Readiness::Ready));
        let (_, source) = find(dir.path()).unwrap();
        let Boot::Kernel { kernel, .. } = source.boot() else {
            panic!("tiny boots a kernel")
        };
        assert_eq!(kernel, "image-tiny-1.0-vmlinuz");
    }
}
