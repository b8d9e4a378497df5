//! The catalogue: what a machine can be made from, and where its bytes are.
//!
//! It has the tiny guest, the operator's own images and the distributions' cloud images that can
//! be downloaded (`assets/images.toml`), in this order; an own one with the id of another stands in
//! its place, under all its names.
//!
//! An image's bytes are copied into the pool once, under names that carry their version, and
//! shared by every machine made from it. A volume counts as whole only when its marker volume
//! stands beside it: a copy that died half-way has none and is made again.

pub mod fetch;
mod listed;
mod offer;
mod own;
mod qcow2;
mod sums;
mod tiny;

pub use listed::epitaph;
pub use offer::Offer;

use self::listed::Listing;
use super::operations::{Job, Stop};
use crate::hypervisor::{Boot, Lane, Volume, VolumeFormat};
use crate::model::{Image, Progress};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
        let listings = self.listings().unwrap_or_else(|(reason, others)| {
            images.push(own::broken(reason));
            others
        });
        images.extend(listings.iter().map(|listing| match listing {
            Listing::Here(about, file) => own::image(about, file),
            Listing::Elsewhere(offer) => offer.image(|keyring| keyring.exists()),
        }));
        images
    }

    /// What a downloader has to know of an image, by id or alias; `None` if it is none that can be
    /// downloaded. Reads a file: not for a worker.
    #[cfg_attr(not(test), expect(dead_code, reason = "the downloader will ask for it"))]
    pub fn offer(&self, name: &str) -> Option<Offer> {
        match self.listing(name)? {
            Listing::Elsewhere(offer) => Some(offer),
            Listing::Here(..) => None,
        }
    }

    /// The source of an image by id or alias. Reads files: not for a worker.
    ///
    /// # Errors
    /// The reason in words, with what to do about it.
    pub fn source(&self, name: &str) -> Result<Source, String> {
        if name == tiny::ID {
            return tiny::find(&self.tiny_dir).map(|(_, source)| source);
        }
        match self.listing(name) {
            Some(Listing::Here(about, file)) => own::source(&about, &file),
            Some(Listing::Elsewhere(offer)) => {
                let refusal = offer.image(|_| false).refusal();
                Err(refusal.unwrap_or_default())
            }
            None => Err(epitaph(name).unwrap_or_else(|| "no such image; see the catalogue".to_owned())),
        }
    }

    fn listing(&self, name: &str) -> Option<Listing> {
        let mut listings = self.listings().unwrap_or_else(|(_, others)| others);
        let by_id = listings.iter().position(|it| it.about().id == name);
        let at = by_id.or_else(|| {
            let named = |it: &Listing| it.about().aliases.iter().any(|it| it == name);
            listings.iter().position(named)
        })?;
        Some(listings.swap_remove(at))
    }

    /// The operator's entries, then the built-in ones that they do not replace. Reads a file.
    ///
    /// # Errors
    /// Why the operator's document cannot be used, and the others.
    fn listings(&self) -> Result<Vec<Listing>, (String, Vec<Listing>)> {
        let built_in = &listed::built_in().images;
        let mut listings = match own::read(&self.own) {
            Ok(listings) => listings,
            Err(reason) => return Err((reason, built_in.clone())),
        };
        for listing in built_in {
            let about = listing.about();
            match listings.iter_mut().find(|it| it.about().id == about.id) {
                Some(own) => own.about_mut().aliases.extend(about.aliases.iter().cloned()),
                None => listings.push(listing.clone()),
            }
        }
        Ok(listings)
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
    /// The hypervisor's, that of a file that cannot be read or is no longer the one that was
    /// checked, [`Stop::Cancelled`] and [`Stop::HandOver`] in the middle of a copy.
    pub async fn bring(&self, job: &Job) -> Result<(), Stop> {
        // Two machines that want the same image share one copy, not two races.
        let _one_at_a_time = tokio::select! {
            turn = job.core().importing().lock() => turn,
            stop = job.stopped() => return Err(stop),
        };
        let present = job.call("list volumes", |it| it.volumes()).await?;
        for part in self.parts() {
            if !is_whole(&present, part) {
                part.upload(job, self.open(part)).await?;
            }
        }
        Ok(())
    }

    /// How a part's file is opened: that of a disk image is checked once more, because it may
    /// have been replaced since its machine was asked for.
    fn open(&self, part: &Part) -> Open {
        let (file, size) = (part.file.clone(), part.size);
        match self.form {
            Form::Disk { format, .. } => Box::new(move || own::open(&file, size, format)),
            Form::Kernel { .. } => Box::new(move || Ok(Box::new(File::open(&file)?))),
        }
    }
}

fn is_whole(present: &[Volume], part: &Part) -> bool {
    let has = |name: &str| present.iter().any(|volume| volume.name == name);
    has(&part.volume) && has(&marker(&part.volume))
}

fn marker(volume: &str) -> String {
    format!("{volume}.whole")
}

/// Opens a part's file, on a thread that may block.
type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read>> + Send>;

impl Part {
    async fn upload(&self, job: &Job, open: Open) -> Result<(), Stop> {
        let (part, total) = (self.clone(), self.size);
        let (told, mut heard) = tokio::sync::watch::channel(0u64);
        let given_up = Arc::new(AtomicBool::new(false));
        let source_given_up = given_up.clone();
        // A slow disk writes 4 MiB a second; a stalled one is told from it after a minute.
        let deadline = Duration::from_secs(60 + total / (4 << 20));
        let upload = job.call_on(Lane::Transfer, "upload an image", deadline, move |it| {
            let file = open().map_err(|error| crate::hypervisor::Error::Failed {
                call: format!("read {}", part.file.display()),
                reason: error.to_string(),
            })?;
            let mut source = Abandonable {
                source: file,
                given_up: source_given_up,
            };
            it.upload(&part.volume, part.size, &mut source, &mut |done| {
                told.send_replace(done);
            })?;
            it.upload(&marker(&part.volume), 1, &mut io::Cursor::new([1u8]), &mut |_| {})
        });
        tokio::pin!(upload);
        loop {
            tokio::select! {
                done = &mut upload => return done,
                Ok(()) = heard.changed() => {
                    job.set_progress(Some(Progress { done: *heard.borrow(), total: Some(total) }));
                }
                stop = job.stopped() => {
                    given_up.store(true, Ordering::Relaxed);
                    // Its half is removed by the call itself, so that is waited for.
                    let _ = upload.await;
                    return Err(stop);
                }
            }
        }
    }
}

/// A source that ends with an error once nobody wants its bytes any more.
struct Abandonable {
    source: Box<dyn Read>,
    given_up: Arc<AtomicBool>,
}

impl Read for Abandonable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the copy was given up"));
        }
        self.source.read(buffer)
    }
}

#[cfg(test)]
mod tests;
