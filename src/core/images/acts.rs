//! What people ask of the images: see them, bring one to this host, remove one.

use super::bring::{is_whole, marker};
use super::library::Local;
use super::pull::{self, OnStage};
use crate::core::auth::permit;
use crate::core::policy::{Permission, Relation, allows};
use crate::core::{Core, Ctx, Error, Result, off_worker};
use crate::hypervisor::{self, Lane};
use crate::model::{EventType, NewEvent, Severity, UserId};
use crate::store::{self, Writer};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a look at the pool may take, and a removal.
const LOOK_DEADLINE: Duration = Duration::from_secs(10);
const REMOVE_DEADLINE: Duration = Duration::from_secs(60);

impl Core {
    /// Brings the newest image of that id or alias to this host, and says how far it is. One that is
    /// here already is only compared with what the publisher has now. Dropped half-way, the next
    /// call goes on from there.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for one that is on this host by itself,
    /// [`Error::Image`], [`Error::NotPermitted`].
    pub async fn pull_image(&self, ctx: &Ctx, name: &str, told: OnStage<'_>) -> Result<Local> {
        let by = self
            .inspect(ctx, |_, actor| {
                permit(actor.role, Permission::BringImage, Relation::Own)?;
                Ok(actor.id)
            })
            .await?;
        let image = self.find_image(ctx, name).await?;
        let (catalogue, id) = (self.catalogue(), image.id.clone());
        let offer = off_worker(move || Ok(catalogue.offer(&id))).await?;
        let offer = offer.ok_or_else(|| {
            Error::Conflict(format!(
                "{} is a file of this host; it needs no download",
                image.id
            ))
        })?;
        let _turn = self.importing(&offer.about.id).lock_owned().await;
        self.forget_images_without_bytes().await?;
        let pulled = pull::pull(self, &offer, told, Box::pin(std::future::pending())).await?;
        let local = pulled.ok_or_else(|| Error::Internal("a download ended by itself".to_owned()))?;
        let noted = local.clone();
        self.write(move |writer| Ok(note_pulled(writer, &noted, Some(by))?))
            .await?;
        Ok(local)
    }

    /// Removes every downloaded version of an image from this host.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] if none is here or a machine stands on one,
    /// [`Error::NotPermitted`], the hypervisor's.
    pub async fn remove_image(&self, ctx: &Ctx, name: &str) -> Result<u64> {
        let bases = self.managed_bases(ctx).await?;
        let image = self.find_image(ctx, name).await?;
        let _turn = self.importing(&image.id).lock_owned().await;
        let here = self.versions_here(&image.id, "remove").await?;
        let machines: u64 = here.iter().filter_map(|it| bases.get(&it.volume)).sum();
        if machines > 0 {
            let reason = format!("{machines} machines stand on {}; destroy them first", image.id);
            return Err(Error::Conflict(reason));
        }
        let mut freed = 0;
        for local in here {
            freed += local.size;
            self.remove_local(ctx, local).await?;
        }
        Ok(freed)
    }

    /// How many machines that the caller may see were made from each image, by its id.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn image_uses(&self, ctx: &Ctx) -> Result<BTreeMap<String, u64>> {
        self.inspect(ctx, |reader, actor| {
            let all = allows(actor.role, Permission::SeeMachine, Relation::Others);
            let uses = reader.image_uses((!all).then_some(actor.id))?;
            Ok(uses.into_iter().collect())
        })
        .await
    }

    /// How many machines stand on each volume of an image, for whoever manages images.
    pub(super) async fn managed_bases(&self, ctx: &Ctx) -> Result<BTreeMap<String, u64>> {
        self.inspect(ctx, |reader, actor| {
            permit(actor.role, Permission::ManageImages, Relation::Others)?;
            Ok(reader.bases()?.into_iter().collect())
        })
        .await
    }

    /// The versions of an image that were brought to this host, the newest first; `aim` is what is to
    /// be done with them.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there are none.
    pub(super) async fn versions_here(&self, id: &str, aim: &str) -> Result<Vec<Local>> {
        let library = self.library();
        let mut here = off_worker(move || Ok(library.all())).await?;
        here.retain(|it| it.about.id == id);
        match here.is_empty() {
            true => Err(Error::Conflict(format!(
                "{id} was not downloaded; nothing to {aim}"
            ))),
            false => Ok(here),
        }
    }

    pub(super) async fn remove_local(&self, ctx: &Ctx, local: Local) -> Result<()> {
        let volume = local.volume.clone();
        let remove = self
            .hypervisor()
            .call(
                Lane::Act,
                "remove an image",
                REMOVE_DEADLINE,
                move |it| match remove_volume(it, &volume) {
                    Err(hypervisor::Error::NotFound(_)) => Ok(()),
                    done => done,
                },
            );
        remove.await?;
        let (library, volume) = (self.library(), local.volume.clone());
        off_worker(move || library.forget(&volume)).await?;
        let ctx_user = ctx.user();
        let message = format!("image {} was removed from this host", local.about.id);
        let details = json!({ "volume": local.volume, "digest": local.digest });
        self.write(move |writer| {
            let event = NewEvent::new(EventType::System, Severity::Info, "image.removed", &message);
            writer.append_event(&event.user(ctx_user).details(details))?;
            Ok(())
        })
        .await
    }

    /// A sheet whose bytes are neither here nor in the pool, as after somebody deleted the volume,
    /// stands for nothing.
    pub(super) async fn forget_images_without_bytes(&self) -> Result<()> {
        let look = self
            .hypervisor()
            .call(Lane::Act, "list volumes", LOOK_DEADLINE, |it| it.volumes());
        let Ok(present) = look.await else {
            // Nobody knows now.
            return Ok(());
        };
        let library = self.library();
        off_worker(move || {
            let lost = |it: &Local| !is_whole(&present, &it.volume) && !library.file(&it.volume).exists();
            let lost: Vec<_> = library.all().into_iter().filter(lost).collect();
            lost.iter().try_for_each(|it| library.forget(&it.volume))
        })
        .await
    }
}

/// The marker goes first: half a removal leaves half a volume, which counts as none.
fn remove_volume(hypervisor: &dyn hypervisor::Hypervisor, volume: &str) -> hypervisor::Result<()> {
    hypervisor.delete_volume(&marker(volume))?;
    hypervisor.delete_volume(volume)
}

/// Logs that an image was downloaded to this host.
pub(super) fn note_pulled(writer: &Writer<'_>, local: &Local, by: Option<UserId>) -> store::Result<()> {
    note_arrival(writer, local, by, Arrival::Pulled)
}

/// How an image comes to this host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    Pulled,
    Imported,
}

impl Arrival {
    fn action(self) -> &'static str {
        match self {
            Self::Pulled => "image.pulled",
            Self::Imported => "image.imported",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Pulled => "downloaded",
            Self::Imported => "imported",
        }
    }
}

/// Logs that an image came to this host.
pub(super) fn note_arrival(
    writer: &Writer<'_>,
    local: &Local,
    by: Option<UserId>,
    how: Arrival,
) -> store::Result<()> {
    let (id, trust) = (&local.about.id, local.trust.as_str());
    let message = format!("image {id} was {}; what vouches for it: {trust}", how.as_str());
    let event = NewEvent::new(EventType::System, Severity::Info, how.action(), &message);
    let details =
        json!({ "url": local.url, "digest": local.digest, "trust": local.trust, "size": local.size });
    let event = match by {
        Some(by) => event.user(by),
        None => event,
    };
    writer.append_event(&event.details(details)).map(drop)
}
