//! The catalogue: what a machine can be made from, and where its bytes are.
//!
//! An image's bytes are copied into the pool once, under names that carry their version, and
//! shared by every machine made from it. A volume counts as whole only when its marker volume
//! stands beside it: a copy that died half-way has none and is made again.

use super::operations::{Job, Stop};
use crate::hypervisor::{Boot, Lane, Volume, VolumeFormat};
use crate::model::{Image, ImageKind, Progress, Readiness, text};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Id of the image that every installation has.
pub const TINY: &str = "tiny";

/// The tiny guest's account, unless the user names another.
const TINY_USER: &str = "tiny";
/// What the tiny guest's kernel is told: where its console is; `quiet` halves its boot time
/// under emulation; a panic resets it, so that libvirt sees it.
const TINY_COMMAND_LINE: &str = "console=ttyS0,115200 quiet panic=5";
/// Its data disk has no least size of its own.
const TINY_MIN_DISK_GIB: u64 = 1;

/// An image as an operation keeps it: enough to go on after a restart, whatever the catalogue
/// says by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    form: Form,
}

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// Booted directly; the machine's disk is empty.
    Kernel {
        kernel: Part,
        initramfs: Part,
        command_line: String,
    },
}

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    /// Volume in the pool.
    volume: String,
    /// File on this host.
    file: PathBuf,
    /// Bytes.
    size: u64,
}

/// `tiny.json`, as its recipe writes it.
#[derive(Deserialize)]
struct Manifest {
    version: String,
}

/// The catalogue of a host whose tiny guest lies in `tiny_dir`. Reads files: not for a worker.
pub fn catalogue(tiny_dir: &Path) -> Vec<Image> {
    let found = find_tiny(tiny_dir);
    let (version, size, readiness) = match found {
        Ok((version, source)) => (
            version,
            source.parts().iter().map(|part| part.size).sum(),
            Readiness::Ready,
        ),
        Err(reason) => (String::new(), 0, Readiness::Unavailable(reason)),
    };
    vec![Image {
        id: TINY.to_owned(),
        title: "twarga's tiny guest (busybox, dropbear)".to_owned(),
        kind: ImageKind::Kernel,
        version,
        default_user: TINY_USER.to_owned(),
        min_disk_gib: TINY_MIN_DISK_GIB,
        size,
        readiness,
    }]
}

/// The source of an image by id, or why there is none. Reads files: not for a worker.
///
/// # Errors
/// The reason in words, with what to do about it.
pub fn source(tiny_dir: &Path, id: &str) -> Result<Source, String> {
    match id {
        TINY => find_tiny(tiny_dir).map(|(_, source)| source),
        _ => Err("no such image; see the catalogue".to_owned()),
    }
}

fn find_tiny(dir: &Path) -> Result<(String, Source), String> {
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
            volume: format!("image-{TINY}-{version}-{name}"),
            file,
            size,
        })
    };
    let (kernel, initramfs) = (part("vmlinuz")?, part("initramfs")?);
    let form = Form::Kernel {
        kernel,
        initramfs,
        command_line: TINY_COMMAND_LINE.to_owned(),
    };
    Ok((version, Source { form }))
}

impl Source {
    /// How a guest boots from it.
    pub fn boot(&self) -> Boot {
        match &self.form {
            Form::Kernel {
                kernel,
                initramfs,
                command_line,
            } => Boot::Kernel {
                kernel: kernel.volume.clone(),
                initramfs: initramfs.volume.clone(),
                command_line: command_line.clone(),
            },
        }
    }

    /// What a machine's disk is an overlay on, if on anything.
    pub fn backing(&self) -> Option<(String, VolumeFormat)> {
        match &self.form {
            Form::Kernel { .. } => None,
        }
    }

    fn parts(&self) -> Vec<&Part> {
        match &self.form {
            Form::Kernel {
                kernel, initramfs, ..
            } => vec![kernel, initramfs],
        }
    }

    /// Copies what is missing into the pool.
    ///
    /// # Errors
    /// The hypervisor's, and [`super::Error::Io`] for a file that cannot be read.
    pub async fn bring(&self, job: &Job) -> Result<(), Stop> {
        // Two machines that want the same image share one copy, not two races.
        let _one_at_a_time = job.core().importing().lock().await;
        let present = job.call("list volumes", |it| it.volumes()).await?;
        for part in self.parts() {
            if !is_whole(&present, part) {
                part.upload(job).await?;
            }
        }
        Ok(())
    }
}

fn is_whole(present: &[Volume], part: &Part) -> bool {
    let has = |name: &str| present.iter().any(|volume| volume.name == name);
    has(&part.volume) && has(&marker(&part.volume))
}

fn marker(volume: &str) -> String {
    format!("{volume}.whole")
}

impl Part {
    async fn upload(&self, job: &Job) -> Result<(), Stop> {
        let (part, total) = (self.clone(), self.size);
        let (told, mut heard) = tokio::sync::watch::channel(0u64);
        let told = Arc::new(told);
        // A slow disk writes 4 MiB a second; a stalled one is told from it after a minute.
        let deadline = Duration::from_secs(60 + total / (4 << 20));
        let upload = job
            .core()
            .hypervisor()
            .call(Lane::Transfer, "upload an image", deadline, move |it| {
                let mut file = File::open(&part.file).map_err(|error| crate::hypervisor::Error::Failed {
                    call: format!("read {}", part.file.display()),
                    reason: error.to_string(),
                })?;
                it.upload(&part.volume, part.size, &mut file, &mut |done| {
                    told.send_replace(done);
                })?;
                it.upload(&marker(&part.volume), 1, &mut io::Cursor::new([1u8]), &mut |_| {})
            });
        tokio::pin!(upload);
        loop {
            tokio::select! {
                done = &mut upload => return Ok(done?),
                Ok(()) = heard.changed() => {
                    job.set_progress(Some(Progress { done: *heard.borrow(), total: Some(total) }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_says_why_tiny_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let unavailable = |dir: &Path| match &catalogue(dir)[0].readiness {
            Readiness::Unavailable(reason) => reason.clone(),
            Readiness::Ready => panic!("it cannot be ready"),
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
        let image = &catalogue(dir.path())[0];
        assert_eq!((image.size, &image.readiness), (15, &Readiness::Ready));
        let source = source(dir.path(), TINY).unwrap();
        let Boot::Kernel { kernel, .. } = source.boot() else {
            panic!("tiny boots a kernel")
        };
        assert_eq!(kernel, "image-tiny-1.0-vmlinuz");
        assert!(super::source(dir.path(), "windows").is_err());
    }
}
