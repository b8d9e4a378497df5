//! Downloading an image as an operation of its own: asked for here, done by the keeper.

use super::acts::note_pulled;
use super::bring::{Told, turn};
use super::library::Local;
use super::offer::Offer;
use super::pull;
use crate::core::auth::permit;
use crate::core::operations::{Job, Plan, Recovery, Step, Stop, Work};
use crate::core::policy::{Permission, Relation};
use crate::core::{Core, Ctx, Error, Result, log, off_worker};
use crate::model::{Operation, OperationId, OperationKind};
use crate::store::{self, NewOperation, Writer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a pull was accepted with: whatever the catalogue says by the time it is at work.
#[derive(Debug, Serialize, Deserialize)]
struct Input {
    offer: Offer,
}

/// One step: what it brings is whole or not there at all.
pub static PLAN: Plan = Plan {
    steps: &[&Download],
    recovery: Recovery::Backward,
    settle,
};

fn settle(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    log::outcome(writer, operation)
}

impl Core {
    /// Asks for the newest image of that id or alias to be brought to this host. One that is here
    /// already is only compared with what the publisher has now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for one that is on this host by itself,
    /// [`Error::Busy`] if somebody's download of it is at work, [`Error::Image`] where nothing is
    /// downloaded, [`Error::NotPermitted`].
    pub async fn pull_image(&self, ctx: &Ctx, name: &str) -> Result<OperationId> {
        self.inspect(ctx, |_, actor| {
            permit(actor.role, Permission::BringImage, Relation::Own)
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
        if let Some(reason) = self.settings().images.refusal {
            return Err(Error::Image(reason.to_owned()));
        }
        self.change(
            ctx,
            Permission::BringImage,
            |_, _| Ok(Relation::Own),
            move |writer, _, actor| {
                let input = serde_json::to_value(Input { offer })
                    .map_err(|error| Error::Internal(format!("writing an operation down: {error}")))?;
                let id = writer.insert_operation(&NewOperation {
                    kind: OperationKind::Pull,
                    vm: None,
                    name: &image.id,
                    owner: actor.id,
                    actor: actor.id,
                    input: &input,
                    step_count: PLAN.steps.len(),
                })?;
                let operation = writer.operation(id)?.ok_or(store::Error::Missing("operation"))?;
                log::intent(writer, &operation, actor.username.as_str())?;
                Ok(id)
            },
        )
        .await
        .inspect(|_| self.poke())
    }

    /// The newest version of an image that was brought to this host; `None` if none was.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::NotFound`], the database's.
    pub async fn local_image(&self, ctx: &Ctx, name: &str) -> Result<Option<Local>> {
        let image = self.find_image(ctx, name).await?;
        let library = self.library();
        off_worker(move || Ok(library.all().into_iter().find(|it| it.about.id == image.id))).await
    }
}

/// The image is in the library.
struct Download;

impl Step for Download {
    fn name(&self) -> &'static str {
        "download"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let Input { offer } = job.input()?;
            let taken = turn(job, &offer.about.id).await?;
            job.core().forget_images_without_bytes().await?;
            let mut told = Told::new(job, &taken, &offer.about.id);
            let cancel = Box::pin(job.stop_signal());
            let pulled =
                pull::pull(job.core(), &offer, &mut |stage, it| told.tell(stage, it), cancel).await?;
            let Some(local) = pulled else {
                return Err(job.stopped().await);
            };
            let kept = json!({ "volume": local.volume });
            note(job, local).await?;
            Ok(kept)
        })
    }

    /// A whole image stays: another one may want it already. What came of half an image stays, too:
    /// the next download goes on from there, and `image gc` removes it.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Logs what came since the operation was asked for.
async fn note(job: &Job, local: Local) -> std::result::Result<(), Stop> {
    let id = job.id;
    let new = job
        .write(move |writer| {
            let operation = writer.operation(id)?.ok_or(store::Error::Missing("operation"))?;
            let is_new = local.brought_at >= operation.created_at;
            if is_new {
                note_pulled(writer, &local, Some(operation.actor))?;
            }
            Ok(is_new)
        })
        .await?;
    job.remark(match new {
        true => "what the publisher has now".to_owned(),
        false => "the newest was here already".to_owned(),
    });
    Ok(())
}
