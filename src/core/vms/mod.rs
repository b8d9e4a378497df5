//! Machines: asking for one, acting on one, destroying one. What is asked for here is checked,
//! written down as an operation with its intent, and done by the keeper.

mod action;
mod create;
mod destroy;
mod files;
pub(super) mod forwards;
mod power;
mod provision;
mod ready;
mod request;
mod room;
mod steps;

use super::operations::Plan;
use super::policy::{Permission, Relation, allows};
use super::{Core, Ctx, Error, Machine, Result, credits, images, log};
use crate::hypervisor::{DomainState, Lane};
use crate::model::limits::Usage;
use crate::model::{
    Field, FieldError, Image, Limits, NetworkChoice, OperationId, OperationKind, User, UserId, Vm, VmId,
    VmStatus, text,
};
use crate::store::{NewOperation, NewVm, Reader, Writer};
pub use action::Action;
pub(super) use files::Files;
pub use forwards::{forward_refusal, reachable_anyway};
pub use request::NewMachine;
use serde_json::Value;
use std::time::Duration;
pub(super) use steps::take_out;
use uuid::Uuid;

/// How long an action waits for a fresh look before it goes by the last one.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);

/// Bounds and use of the one who asks, for a form to check against as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bounds.
    pub limits: Limits,
    /// What the user has.
    pub usage: Usage,
    /// How many SSH keys the user has, all of which go into a new machine.
    pub ssh_keys: u64,
    /// Networks to choose from; none in session mode, or where libvirt does not answer in time.
    pub networks: Vec<NetworkChoice>,
}

/// Why an action on a machine is refused now, for a greyed key; `None` if it is not. Pure: the
/// core checks again when asked to act.
pub fn refusal(ctx: &Ctx, machine: &Machine, action: Action) -> Option<String> {
    let relation = relation(ctx.user(), machine.vm.owner);
    if !allows(ctx.role(), Permission::ActOnMachine, relation) {
        return Some("only its owner or an admin may".to_owned());
    }
    if let Some(operation) = &machine.operation {
        return Some(format!(
            "{} is still at work (operation {})",
            operation.kind, operation.id
        ));
    }
    state_refusal(machine.status, machine.vm.unready.is_some(), action).map(str::to_owned)
}

/// Why a machine in `status` does not take an action; `unready` if it is in error because its guest
/// never became ready: that one may well run.
fn state_refusal(status: VmStatus, unready: bool, action: Action) -> Option<&'static str> {
    match (action, status) {
        (Action::Resume, VmStatus::Error) if unready => Some("it is not paused"),
        (_, VmStatus::Error) if unready => None,
        (_, VmStatus::Pending) => Some("it is being created"),
        (_, VmStatus::Destroying) => Some("it is being destroyed"),
        (Action::Destroy, _) => None,
        (Action::Start, VmStatus::Running) => Some("it runs already"),
        (Action::Start, VmStatus::Paused) => Some("it is paused: resume it"),
        (Action::Start, VmStatus::Stopped | VmStatus::Error) => None,
        (Action::Resume, VmStatus::Paused) => None,
        (Action::Resume, _) => Some("it is not paused"),
        (Action::Kill, VmStatus::Running | VmStatus::Paused | VmStatus::Error) => None,
        (Action::Stop | Action::Restart, VmStatus::Paused) => Some("it is paused: resume it first"),
        (Action::Stop | Action::Restart | Action::Pause, VmStatus::Running) => None,
        (Action::Pause, VmStatus::Paused) => Some("it is paused already"),
        (Action::Stop | Action::Restart | Action::Pause | Action::Kill, _) => Some("it does not run"),
    }
}

/// The steps of an operation.
pub(super) fn plan(kind: OperationKind) -> &'static Plan {
    match kind {
        OperationKind::Create => &create::PLAN,
        OperationKind::Start => &power::START,
        OperationKind::Stop => &power::STOP,
        OperationKind::Kill => &power::KILL,
        OperationKind::Restart => &power::RESTART,
        OperationKind::Pause => &power::PAUSE,
        OperationKind::Resume => &power::RESUME,
        OperationKind::Destroy => &destroy::PLAN,
        OperationKind::Pull => &images::PULL,
    }
}

impl Core {
    /// The catalogue.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn images(&self, ctx: &Ctx) -> Result<Vec<Image>> {
        let catalogue = self.catalogue();
        self.inspect(ctx, move |_, _| Ok(catalogue.images())).await
    }

    /// An image by id or alias.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::NotFound`], [`Error::Invalid`] with what to take instead of
    /// one that must not be used any more, the database's.
    pub async fn find_image(&self, ctx: &Ctx, name: &str) -> Result<Image> {
        let images = self.images(ctx).await?;
        if let Some(image) = Image::find(&images, name) {
            return Ok(image.clone());
        }
        match images::epitaph(name) {
            Some(epitaph) => Err(FieldError::new(Field::Image, epitaph).into()),
            None => Err(Error::NotFound {
                what: "image",
                name: text::visible_within(name, 80),
            }),
        }
    }

    /// The user's bounds and use.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn allowance(&self, ctx: &Ctx) -> Result<Allowance> {
        let limits = self.settings().limits.clone();
        let networks = match self.networks(ctx).await {
            Err(Error::Hypervisor(error)) => {
                tracing::warn!(%error, "networks cannot be listed");
                Vec::new()
            }
            networks => networks?,
        };
        self.inspect(ctx, move |reader, actor| {
            Ok(Allowance {
                networks,
                limits,
                usage: reader.usage(actor.id)?,
                ssh_keys: reader.count_ssh_keys(actor.id)?,
            })
        })
        .await
    }

    /// Asks for a machine: checks every field, makes its row and queues its creation.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every field that was refused, [`Error::NotPermitted`].
    pub async fn create_vm(&self, ctx: &Ctx, machine: NewMachine) -> Result<(VmId, OperationId)> {
        let checked = self.check_request(ctx, machine).await?;
        let (limits, prices) = (self.settings().limits.clone(), self.settings().credits.clone());
        self.change(
            ctx,
            Permission::CreateMachine,
            |_, _| Ok(Relation::Own),
            move |writer, _, actor| {
                limits.check_quota(writer.usage(actor.id)?, checked.request.memory_mib)?;
                let vm = writer.insert_vm(&NewVm {
                    uuid: Uuid::new_v4(),
                    owner: actor.id,
                    request: &checked.request,
                    guest_user: &checked.guest_user,
                })?;
                let name = checked.request.name.as_str().to_owned();
                credits::charge_disk(writer, &prices, (vm, &name), (actor.id, checked.request.disk_gib))?;
                let input = serde_json::to_value(create::Input {
                    request: checked.request,
                    source: checked.source,
                    own_keys: checked.own_keys,
                })
                .map_err(|error| Error::Internal(format!("writing an operation down: {error}")))?;
                let queued = Queued {
                    kind: OperationKind::Create,
                    vm,
                    name: &name,
                    owner: actor.id,
                    input: &input,
                };
                Ok((vm, queued.accept(writer, actor)?))
            },
        )
        .await
        .inspect(|_| self.poke())
    }

    /// Asks for an action on a machine. Destroying asks nothing back: the front does.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`], [`Error::Busy`], and [`Error::Conflict`] if
    /// the machine's state does not take the action.
    pub async fn act(&self, ctx: &Ctx, vm: VmId, action: Action) -> Result<OperationId> {
        let seen = self.look_at(vm).await;
        let prices = self.settings().credits.clone();
        self.change(
            ctx,
            Permission::ActOnMachine,
            move |reader, actor| relation_to(reader, actor, vm),
            move |writer, _, actor| {
                let row = writer.vm(vm)?.ok_or_else(|| unknown(vm))?;
                let status = match seen {
                    Some(state) => super::feed::status(&row, state).0,
                    None => row.status,
                };
                let queued = Queued {
                    kind: action.kind(),
                    vm,
                    name: row.name.as_str(),
                    owner: row.owner,
                    input: &Value::Null,
                };
                // A running operation is the better reason: it says what to wait for.
                let accepted = queued.accept(writer, actor)?;
                if let Some(reason) = state_refusal(status, row.unready.is_some(), action) {
                    let sentence = format!("{} {}: {reason}", action.verb(), row.name);
                    return Err(Error::Conflict(sentence));
                }
                if matches!(action, Action::Start | Action::Restart | Action::Resume) {
                    credits::check_funds(writer, &prices, row.owner)?;
                }
                Ok(accepted)
            },
        )
        .await
        .inspect(|_| self.poke())
    }

    /// The state of a machine's domain just now, or as last seen if the hypervisor is slow to
    /// answer; `None` if nothing is known of it.
    async fn look_at(&self, vm: VmId) -> Option<Option<DomainState>> {
        let row = self.read(move |reader| Ok(reader.vm(vm)?)).await.ok().flatten()?;
        let uuid = row.uuid;
        let asked = self
            .hypervisor()
            .call(Lane::Act, "look at a domain", LOOK_DEADLINE, move |it| {
                it.state(uuid)
            });
        match asked.await {
            Ok(state) => Some(state),
            Err(_) => {
                let world = self.world().now();
                world
                    .as_of
                    .map(|_| world.domains.get(&uuid).map(|domain| domain.state))
            }
        }
    }

    /// A machine by `NAME` (one's own), or `OWNER/NAME`.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for one that the caller may not see.
    pub async fn find_vm(&self, ctx: &Ctx, name: &str) -> Result<Machine> {
        let view = self.watch(ctx).await?.view();
        let (owner, short) = match name.split_once('/') {
            Some((owner, short)) => (owner, short),
            None => (ctx.username().as_str(), name),
        };
        view.machines
            .iter()
            .find(|machine| machine.owner == owner && machine.vm.name.as_str() == short)
            .cloned()
            .ok_or_else(|| Error::NotFound {
                what: "machine",
                name: text::visible_within(name, 100),
            })
    }
}

/// An operation about to be written down together with its intent.
struct Queued<'a> {
    kind: OperationKind,
    vm: VmId,
    name: &'a str,
    owner: UserId,
    input: &'a Value,
}

impl Queued<'_> {
    fn accept(&self, writer: &Writer<'_>, actor: &User) -> Result<OperationId> {
        let id = writer.insert_operation(&NewOperation {
            kind: self.kind,
            vm: Some(self.vm),
            name: self.name,
            owner: self.owner,
            actor: actor.id,
            input: self.input,
            step_count: plan(self.kind).steps.len(),
        })?;
        let operation = writer
            .operation(id)?
            .ok_or(crate::store::Error::Missing("operation"))?;
        log::intent(writer, &operation, actor.username.as_str())?;
        Ok(id)
    }
}

/// Asks a machine's guest to power off, in its owner's name.
pub(super) fn queue_stop(writer: &Writer<'_>, vm: &Vm, owner: &User) -> Result<OperationId> {
    let stop = Queued {
        kind: OperationKind::Stop,
        vm: vm.id,
        name: vm.name.as_str(),
        owner: vm.owner,
        input: &Value::Null,
    };
    stop.accept(writer, owner)
}

fn relation(actor: UserId, owner: UserId) -> Relation {
    if actor == owner {
        Relation::Own
    } else {
        Relation::Others
    }
}

fn visible(reader: &Reader<'_>, actor: &User, id: VmId) -> Result<Vm> {
    reader
        .vm(id)?
        .filter(|vm| allows(actor.role, Permission::SeeMachine, relation(actor.id, vm.owner)))
        .ok_or_else(|| unknown(id))
}

/// How a machine stands to somebody who may see it.
pub(super) fn relation_to(reader: &Reader<'_>, actor: &User, vm: VmId) -> Result<Relation> {
    Ok(relation(actor.id, visible(reader, actor, vm)?.owner))
}

pub(super) fn unknown(id: VmId) -> Error {
    Error::NotFound {
        what: "machine",
        name: id.to_string(),
    }
}
