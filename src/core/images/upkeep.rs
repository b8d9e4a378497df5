//! What keeps images in order: their bytes compared with what came, their addresses tried, and what
//! nobody needs removed.

use super::Offer;
use super::bring::is_whole;
use super::fetch::{self, Client, Place, Url};
use super::library::{Library, Local, content_of, remove};
use super::offer::Proof;
use super::pull::client;
use crate::core::auth::permit;
use crate::core::policy::{Permission, Relation};
use crate::core::{Core, Ctx, Error, Result, off_worker};
use crate::hypervisor::{self, Lane};
use crate::model::{Digest, Progress};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// Bytes that are read from the pool at a time, and how long that may take.
const PIECE: u64 = 4 << 20;
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// What was written to so lately may still be at work.
const FRESH: Duration = Duration::from_secs(600);

/// Whether an image's bytes are what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// They are.
    Sound,
    /// They are not: machines that stand on it stand on sand.
    Changed,
    /// They are nowhere.
    Gone,
}

/// An address that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The image's id.
    pub id: String,
    /// The address.
    pub url: String,
    /// Why it does not serve; `None` if it does.
    pub reason: Option<String>,
}

impl Core {
    /// Reads every byte of the images of an id that are on this host (admin), and says of each
    /// version whether it is still what came.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] if none was downloaded or imported,
    /// [`Error::NotPermitted`], the hypervisor's.
    pub async fn verify_image(
        &self,
        ctx: &Ctx,
        name: &str,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Vec<(Local, Soundness)>> {
        self.may_look_after_images(ctx).await?;
        let image = self.find_image(ctx, name).await?;
        let here = self.versions_here(&image.id, "verify").await?;
        let mut found = Vec::new();
        for local in here {
            let soundness = self.soundness(&local, told).await?;
            found.push((local, soundness));
        }
        Ok(found)
    }

    /// Asks every address of the catalogue's downloads whether it serves (admin).
    ///
    /// # Errors
    /// [`Error::NotPermitted`], [`Error::Image`] if no client can be made.
    pub async fn check_images(&self, ctx: &Ctx, told: &mut (dyn FnMut(&Tried) + Send)) -> Result<()> {
        self.may_look_after_images(ctx).await?;
        let catalogue = self.catalogue();
        let offers = off_worker(move || Ok(catalogue.offers())).await?;
        let client = client(self)?;
        for offer in &offers {
            for url in addresses(offer) {
                let reason = try_one(&client, url, offer.trusted_place).await.err();
                told(&Tried {
                    id: offer.about.id.clone(),
                    url: url.to_owned(),
                    reason,
                });
            }
        }
        Ok(())
    }

    /// Removes downloads that were broken off, sheets without bytes, and versions on which no
    /// machine stands and after which a newer one came (admin). The bytes that are free now.
    ///
    /// # Errors
    /// [`Error::NotPermitted`], the hypervisor's, [`Error::Io`].
    pub async fn clean_images(&self, ctx: &Ctx) -> Result<u64> {
        let standing = self.managed_standing(ctx).await?;
        self.forget_images_without_bytes().await?;
        let library = self.library();
        let all = off_worker(move || Ok(library.all())).await?;
        // The newest comes first.
        let mut newest = BTreeSet::new();
        let mut freed = 0;
        for local in all {
            let is_newest = newest.insert(local.about.id.clone());
            let is_needed = standing.iter().any(|it| it.needs(&local.about.id, &local.volume));
            if !is_newest && !is_needed {
                freed += local.size;
                self.remove_local(ctx, local).await?;
            }
        }
        let library = self.library();
        Ok(freed + off_worker(move || library.remove_scraps()).await?)
    }

    async fn may_look_after_images(&self, ctx: &Ctx) -> Result<()> {
        self.inspect(ctx, |_, actor| {
            permit(actor.role, Permission::ManageImages, Relation::Others)
        })
        .await
    }

    async fn soundness(&self, local: &Local, told: &mut (dyn FnMut(Progress) + Send)) -> Result<Soundness> {
        let look = self
            .hypervisor()
            .call(Lane::Act, "list volumes", READ_DEADLINE, |it| it.volumes());
        if !is_whole(&look.await?, &local.volume) {
            let file = self.library().file(&local.volume);
            return match off_worker(move || Ok(content_of(&file))).await? {
                Ok(content) => Ok(compared(content, local)),
                Err(_) => Ok(Soundness::Gone),
            };
        }
        let (mut hash, mut done) = (Sha256::new(), 0);
        while done < local.size {
            let (volume, limit) = (local.volume.clone(), PIECE.min(local.size - done));
            let read = self
                .hypervisor()
                .call(Lane::Transfer, "read an image", READ_DEADLINE, move |it| {
                    it.read_volume(&volume, done, limit)
                });
            let part = match read.await {
                Err(hypervisor::Error::NotFound(_)) => return Ok(Soundness::Gone),
                part => part?,
            };
            // Its size is that of the disk in it, where libvirt knows the format.
            if part.bytes.is_empty() {
                return Ok(Soundness::Changed);
            }
            hash.update(&part.bytes);
            done += part.bytes.len() as u64;
            let total = Some(local.size);
            told(Progress { done, total });
        }
        Ok(compared(Digest::Sha256(hash.finalize().into()), local))
    }
}

fn compared(content: Digest, local: &Local) -> Soundness {
    match content == local.content {
        true => Soundness::Sound,
        false => Soundness::Changed,
    }
}

fn addresses(offer: &Offer) -> Vec<&str> {
    let list = match &offer.proof {
        Proof::Sums { url, .. } => Some(url.as_str()),
        Proof::Pinned(_) => None,
    };
    std::iter::once(offer.url.as_str()).chain(list).collect()
}

async fn try_one(client: &Client, address: &str, own: bool) -> std::result::Result<(), String> {
    let url = Url::parse(address).map_err(|error| error.to_string())?;
    let place = match own {
        true => Place::OperatorsOwn,
        false => Place::Public,
    };
    fetch::probe(client, &url, place)
        .await
        .map_err(|error| error.to_string())
}

impl Library {
    /// Removes what broken-off downloads and imports left, unless somebody is at it. The bytes that
    /// are free now. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn remove_scraps(&self) -> Result<u64> {
        let kept: BTreeSet<String> = self.all().into_iter().map(|it| it.volume).collect();
        let Ok(entries) = std::fs::read_dir(self.folder()) else {
            return Ok(0);
        };
        let mut freed = 0;
        for path in entries.filter_map(|it| Some(it.ok()?.path())) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_kept = kept
                .iter()
                .any(|volume| name == format!("{volume}.json") || name == format!("{volume}.image"));
            let fails = |error: std::io::Error| Error::of_file("removing", &path, &error);
            if is_kept || !path.is_file() || is_at_work(&path).map_err(fails)? || is_fresh(&path) {
                continue;
            }
            freed += path.metadata().map_or(0, |it| it.len());
            remove(&path)?;
        }
        Ok(freed)
    }
}

/// Whether somebody wrote to it lately: what is being unpacked or converted is not locked.
fn is_fresh(path: &std::path::Path) -> bool {
    let written = path.metadata().and_then(|it| it.modified());
    written.is_ok_and(|it| it.elapsed().is_ok_and(|since| since < FRESH))
}

/// Whether a download holds this file, or the one it belongs to, locked.
fn is_at_work(path: &std::path::Path) -> std::io::Result<bool> {
    let partial = match path.extension() {
        Some(end) if end == "state" => path.with_extension(""),
        _ => path.to_owned(),
    };
    match std::fs::File::open(&partial) {
        Ok(file) => match file.try_lock() {
            Ok(()) => file.unlock().map(|()| false),
            Err(std::fs::TryLockError::WouldBlock) => Ok(true),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
