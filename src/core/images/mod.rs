//! The catalogue: what a machine can be made from, and where its bytes are.
//!
//! An image's bytes are copied into the pool once, under names that carry their version, and
//! shared by every machine made from it. A volume counts as whole only when its marker volume
//! stands beside it: a copy that died half-way has none and is made again.

mod own;
mod tiny;

use super::operations::{Job, Stop};
use crate::hypervisor::{Boot, Lane, Volume, VolumeFormat};
use crate::model::{Image, Progress};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
    /// The machine's disk is an overlay on it.
    Disk { disk: Part, format: VolumeFormat },
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

/// Where a catalogue's entries come from.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Folder of the tiny guest.
    pub tiny_dir: PathBuf,
    /// The operator's own images.
    pub own: PathBuf,
}

impl Catalogue {
    /// Every entry, the ready and the others. Reads files: not for a worker.
    pub fn images(&self) -> Vec<Image> {
        let mut images = vec![tiny::entry(&self.tiny_dir)];
        images.extend(own::entries(&self.own));
        images
    }

    /// The source of an image by id. Reads files: not for a worker.
    ///
    /// # Errors
    /// The reason in words, with what to do about it.
    pub fn source(&self, id: &str) -> Result<Source, String> {
        if id == tiny::ID {
            return tiny::find(&self.tiny_dir).map(|(_, source)| source);
        }
        let missing = || Err("no such image; see the catalogue".to_owned());
        own::find(&self.own, id).unwrap_or_else(missing)
    }
}

impl Source {
    /// How a guest boots from it.
    pub fn boot(&self) -> Boot {
        match &self.form {
            Form::Disk { .. } => Boot::Disk,
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
            Form::Disk { disk, format } => Some((disk.volume.clone(), *format)),
            Form::Kernel { .. } => None,
        }
    }

    /// Bytes on this host.
    pub fn size(&self) -> u64 {
        self.parts().iter().map(|part| part.size).sum()
    }

    fn parts(&self) -> Vec<&Part> {
        match &self.form {
            Form::Disk { disk, .. } => vec![disk],
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
