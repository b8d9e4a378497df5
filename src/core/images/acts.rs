//! What people ask of the images: see them, bring one to this host, remove one.

use super::bring::{is_whole, marker};
use super::library::Local;
use crate::core::auth::permit;
use crate::core::policy::{Permission, Relation, allows};
use crate::core::{Core, Ctx, Error, Result, off_worker};
use crate::hypervisor::{self, Lane};
use crate::model::{EventType, NewEvent, Severity, UserId};
use crate::store::{self, Standing, Writer};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a look at the pool may take, and a removal.
const LOOK_DEADLINE: Duration = Duration::from_secs(10);
const REMOVE_DEADLINE: Duration = Duration::from_secs(60);

impl Core {
    /// Removes every downloaded version of an image from this host.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] if none is here or machines stand on one,
    /// [`Error::Busy`] while it is being downloaded,
    /// [`Error::NotPermitted`], the hypervisor's.
    pub async fn remove_image(&self, ctx: &Ctx, name: &str) -> Result<u64> {
        self.managed_standing(ctx).await?;
        let image = self.find_image(ctx, name).await?;
        let id = image.id.clone();
        if let Some(operation) = self
            .read(move |reader| Ok(reader.unfinished_on_image(&id)?))
            .await?
        {
            return Err(Error::Busy(operation));
        }
        let Some(_turn) = self.bringing(&image.id).try_take() else {
            let reason = format!("{} is being brought to this host for a machine", image.id);
            return Err(Error::Conflict(reason));
        };
        let here = self.versions_here(&image.id, "remove").await?;
        // Asked inside of the turn: no machine comes while it is had.
        let standing = self.managed_standing(ctx).await?;
        let needs = |it: &&Standing| here.iter().any(|local| it.needs(&image.id, &local.volume));
        let machines: Vec<_> = standing
            .iter()
            .filter(needs)
            .map(|it| it.machine.as_str())
            .collect();
        if !machines.is_empty() {
            let reason = format!(
                "{} is needed by {}; destroy those first",
                image.id,
                named(&machines)
            );
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

    /// What machines stand on, for whoever manages images.
    pub(super) async fn managed_standing(&self, ctx: &Ctx) -> Result<Vec<Standing>> {
        self.inspect(ctx, |reader, actor| {
            permit(actor.role, Permission::ManageImages, Relation::Others)?;
            Ok(reader.standing()?)
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

/// `alice/web-1, alice/web-2 and 3 more`
fn named(machines: &[&str]) -> String {
    const SHOWN: usize = 5;
    match machines.len().checked_sub(SHOWN) {
        None | Some(0) => machines.join(", "),
        Some(more) => format!("{} and {more} more", machines[..SHOWN].join(", ")),
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
