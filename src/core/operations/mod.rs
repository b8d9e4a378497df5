//! Operations as callers see them, and the step engine, which knows no noun.

mod engine;
mod plan;

pub(super) use engine::{Ended, drive};
pub(super) use plan::{Job, Plan, Recovery, Step, Stop, Work};

use super::policy::{Permission, Relation, allows};
use super::{Core, Ctx, Error, Result};
use crate::model::{EventType, NewEvent, Operation, OperationId, Severity, User};
use crate::store::{OperationFilter, Reader};

/// Which operations to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct OperationQuery {
    /// Only those not final.
    pub active: bool,
    /// Only ids below this: the next page.
    pub before: Option<OperationId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl Core {
    /// Operations the caller may see, newest first.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn operations(&self, ctx: &Ctx, query: OperationQuery) -> Result<Vec<Operation>> {
        self.inspect(ctx, move |reader, actor| {
            let everything = allows(actor.role, Permission::SeeMachine, Relation::Others);
            Ok(reader.operations(OperationFilter {
                owner: (!everything).then_some(actor.id),
                active: query.active,
                before: query.before,
                limit: query.limit,
            })?)
        })
        .await
    }

    /// One operation.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for one that the caller may not see.
    pub async fn operation(&self, ctx: &Ctx, id: OperationId) -> Result<Operation> {
        self.inspect(ctx, move |reader, actor| visible(reader, actor, id))
            .await
    }

    /// Waits until an operation is final, telling `on_change` of each change on the way.
    ///
    /// # Errors
    /// As [`Core::operation`].
    pub async fn wait(
        &self,
        ctx: &Ctx,
        id: OperationId,
        mut on_change: impl FnMut(&Operation) + Send,
    ) -> Result<Operation> {
        let mut truth = self.world().subscribe();
        let mut told: Option<Operation> = None;
        loop {
            let operation = self.operation(ctx, id).await?;
            if told.as_ref() != Some(&operation) {
                on_change(&operation);
            }
            if operation.state.is_final() {
                return Ok(operation);
            }
            told = Some(operation);
            if truth.changed().await.is_err() {
                return Err(Error::Internal("observation has ended".to_owned()));
            }
        }
    }

    /// Asks for an operation to be cancelled and unwound.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`], [`Error::Conflict`] if it is over.
    pub async fn cancel(&self, ctx: &Ctx, id: OperationId) -> Result<()> {
        self.change(
            ctx,
            Permission::CancelOperation,
            move |reader, actor| Ok(relation(actor, &visible(reader, actor, id)?)),
            move |writer, ctx, _| {
                if !writer.request_cancel(id)? {
                    return Err(Error::Conflict(format!("operation {id} is over")));
                }
                let message = format!("{} asked to cancel operation {id}", ctx.username());
                let event = NewEvent::new(EventType::Vm, Severity::Info, "operation.cancel", &message)
                    .user(ctx.user())
                    .details(serde_json::json!({ "operation": id }));
                writer.append_event(&event)?;
                Ok(())
            },
        )
        .await
    }
}

fn relation(actor: &User, operation: &Operation) -> Relation {
    if operation.owner == actor.id {
        Relation::Own
    } else {
        Relation::Others
    }
}

fn visible(reader: &Reader<'_>, actor: &User, id: OperationId) -> Result<Operation> {
    reader
        .operation(id)?
        .filter(|it| it.is_everyones() || allows(actor.role, Permission::SeeMachine, relation(actor, it)))
        .ok_or_else(|| Error::NotFound {
            what: "operation",
            name: id.to_string(),
        })
}
