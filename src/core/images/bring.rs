//! Brings a machine's image into the pool: its bytes are copied once, and downloaded before that
//! where they are not on this host.

use super::acts::note_pulled;
use super::library::Local;
use super::offer::Firmware;
use super::pull::{self, Stage};
use super::turns::Taken;
use super::{Form, Offer, Part, Source, own};
use crate::core::operations::{Job, Stop};
use crate::core::{Error, off_worker};
use crate::hypervisor::{Boot, Lane, Volume, VolumeFormat};
use crate::model::Progress;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

impl Source {
    /// How a guest boots from it.
    pub fn boot(&self) -> Boot {
        let from_disk = |firmware| match firmware {
            Firmware::Uefi => Boot::Uefi,
            // A BIOS is there sooner, and keeps nothing beside the disk.
            Firmware::Bios | Firmware::Either => Boot::Disk,
        };
        match &self.form {
            Form::Disk { firmware, .. } => from_disk(*firmware),
            Form::Offered(offer) => from_disk(offer.about.firmware),
            Form::Imported(local) => from_disk(local.about.firmware),
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

    /// What a machine's disk is an overlay on, if on anything: `base`, as [`Self::bring`] told.
    pub fn backing(&self, base: Option<String>) -> Option<(String, VolumeFormat)> {
        match &self.form {
            Form::Disk { disk, format, .. } => Some((disk.volume.clone(), *format)),
            Form::Offered(offer) => base.map(|volume| (volume, offer.about.format)),
            Form::Imported(local) => Some((local.volume.clone(), local.about.format)),
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
            Form::Offered(_) | Form::Imported(_) => vec![],
            Form::Kernel {
                kernel, initramfs, ..
            } => vec![kernel, initramfs],
        }
    }

    /// Makes the image's bytes be in the pool; the volume that the machine stands on.
    /// `disk` is the machine's, bytes, which must hold the image's.
    ///
    /// # Errors
    /// The hypervisor's, that of a file that cannot be read or is no longer the one that was
    /// checked, those of a download, [`Stop::Cancelled`] and [`Stop::HandOver`] in the middle.
    pub async fn bring(&self, job: &Job, disk: u64) -> Result<Option<String>, Stop> {
        let local = match &self.form {
            Form::Offered(offer) => Some(bring_offered(job, offer).await?),
            Form::Imported(local) => {
                bring_imported(job, local).await?;
                Some(Local::clone(local))
            }
            Form::Disk { .. } | Form::Kernel { .. } => None,
        };
        if let Some(local) = local {
            if local.virtual_size > disk {
                let least = local.virtual_size.div_ceil(1 << 30);
                let reason = format!("{} needs a disk of at least {least} GiB", local.about.id);
                return Err(Stop::Failed(Error::Conflict(reason)));
            }
            return Ok(Some(local.volume));
        }
        for part in self.parts() {
            let turn = turn(job, &part.volume).await?;
            if !is_whole(&volumes(job).await?, &part.volume) {
                part.upload(job, &turn, self.open(part)).await?;
            }
        }
        Ok(self.parts().first().map(|part| part.volume.clone()))
    }

    /// How a part's file is opened: that of a disk image is checked once more, because it may
    /// have been replaced since its machine was asked for.
    fn open(&self, part: &Part) -> Open {
        let (file, size) = (part.file.clone(), part.size);
        match self.form {
            Form::Disk { format, .. } => Box::new(move || own::open(&file, size, format)),
            Form::Offered(_) | Form::Imported(_) | Form::Kernel { .. } => {
                Box::new(move || Ok(Box::new(File::open(&file)?)))
            }
        }
    }
}

/// Two machines that want the same image share one download and one copy, not two races.
/// While one waits, the other's progress is its own.
pub(super) async fn turn(job: &Job, image: &str) -> Result<Taken, Stop> {
    let turn = job.core().bringing(image);
    let mut others = turn.watch();
    // A line that stands still changes nothing.
    job.set_progress(*others.borrow_and_update());
    let (taking, stopped) = (turn.take(), job.stopped());
    tokio::pin!(taking, stopped);
    loop {
        tokio::select! {
            taken = &mut taking => {
                job.set_progress(None);
                return Ok(taken);
            }
            stop = &mut stopped => return Err(stop),
            Ok(()) = others.changed() => job.set_progress(*others.borrow_and_update()),
        }
    }
}

/// Tells how far an image is: on the operation, and to those who wait for the same image.
pub(super) struct Told<'a> {
    job: &'a Job,
    taken: &'a Taken,
    image: &'a str,
    shown: Option<Stage>,
}

impl<'a> Told<'a> {
    pub(super) fn new(job: &'a Job, taken: &'a Taken, image: &'a str) -> Self {
        Self {
            job,
            taken,
            image,
            shown: None,
        }
    }

    pub(super) fn tell(&mut self, stage: Stage, progress: Progress) {
        if self.shown != Some(stage) {
            self.shown = Some(stage);
            self.job.remark(format!("{} {}", stage.as_str(), self.image));
        }
        show(self.job, self.taken, progress);
    }
}

fn show(job: &Job, taken: &Taken, progress: Progress) {
    job.set_progress(Some(progress));
    taken.show(Some(progress));
}

async fn volumes(job: &Job) -> Result<Vec<Volume>, Stop> {
    job.call("list volumes", |it| it.volumes()).await
}

/// The newest image of an offer that is on this host, in the pool; downloaded if there is none.
async fn bring_offered(job: &Job, offer: &Offer) -> Result<Local, Stop> {
    let turn = turn(job, &offer.about.id).await?;
    let (library, wanted) = (job.core().library(), offer.clone());
    let known = off_worker(move || Ok(library.newest_of(&wanted))).await?;
    let present = volumes(job).await?;
    let library = job.core().library();
    let local = match known {
        Some(local) if is_whole(&present, &local.volume) => return Ok(local),
        Some(local) if library.file(&local.volume).exists() => local,
        // Somebody removed its volume.
        Some(local) => {
            off_worker(move || library.forget(&local.volume)).await?;
            download(job, &turn, offer).await?
        }
        None => download(job, &turn, offer).await?,
    };
    // A digest may be in the pool already, as by a download whose sheet was lost.
    if !is_whole(&present, &local.volume) {
        upload_local(job, &turn, &local).await?;
    }
    drop_file(job, &local).await?;
    Ok(local)
}

/// An imported image, in the pool.
async fn bring_imported(job: &Job, local: &Local) -> Result<(), Stop> {
    let turn = turn(job, &local.about.id).await?;
    if is_whole(&volumes(job).await?, &local.volume) {
        return Ok(());
    }
    if !job.core().library().file(&local.volume).exists() {
        let reason = format!("the bytes of {} are gone; import it again", local.about.id);
        return Err(Stop::Failed(Error::Image(reason)));
    }
    upload_local(job, &turn, local).await?;
    drop_file(job, local).await
}

async fn upload_local(job: &Job, turn: &Taken, local: &Local) -> Result<(), Stop> {
    let part = Part {
        volume: local.volume.clone(),
        file: job.core().library().file(&local.volume),
        size: local.size,
    };
    let (file, size, format) = (part.file.clone(), part.size, local.about.format);
    let open = Box::new(move || own::open(&file, size, format));
    part.upload(job, turn, open).await
}

/// What is in the pool takes no room here.
async fn drop_file(job: &Job, local: &Local) -> Result<(), Stop> {
    let (library, volume) = (job.core().library(), local.volume.clone());
    Ok(off_worker(move || library.drop_file(&volume)).await?)
}

async fn download(job: &Job, turn: &Taken, offer: &Offer) -> Result<Local, Stop> {
    let mut told = Told::new(job, turn, &offer.about.id);
    let cancel = Box::pin(job.stop_signal());
    let pulled = pull::pull(job.core(), offer, &mut |stage, it| told.tell(stage, it), cancel).await?;
    job.set_progress(None);
    let Some(local) = pulled else {
        return Err(job.stopped().await);
    };
    let noted = local.clone();
    let vm = job.vm()?;
    job.write(move |writer| {
        let owner = writer.vm(vm)?.map(|vm| vm.owner);
        Ok(note_pulled(writer, &noted, owner)?)
    })
    .await?;
    Ok(local)
}

/// Whether a volume is there, and its marker, without which it is half of one.
pub(super) fn is_whole(present: &[Volume], volume: &str) -> bool {
    let has = |name: &str| present.iter().any(|it| it.name == name);
    has(volume) && has(&marker(volume))
}

/// The marker of a volume that is whole.
pub(super) fn marker(volume: &str) -> String {
    format!("{volume}.whole")
}

/// Opens a part's file, on a thread that may block.
type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read>> + Send>;

impl Part {
    async fn upload(&self, job: &Job, turn: &Taken, open: Open) -> Result<(), Stop> {
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
                    show(job, turn, Progress { done: *heard.borrow(), total: Some(total) });
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
