//! The log: what happened, as people read it, and the pairs of intent and outcome that frame
//! every act on libvirt.

use super::auth::permit;
use super::policy::{Permission, Relation, allows};
use super::{Core, Ctx, Result};
use crate::model::{
    Event, EventId, EventType, NewEvent, Operation, OperationKind, OperationState, Severity, VmId,
};
pub use crate::store::ChainReport;
use crate::store::{self, EventQuery, Writer};
use serde_json::json;

/// Which events to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogQuery {
    /// Only of this machine.
    pub vm: Option<VmId>,
    /// Only at least so bad.
    pub at_least: Option<Severity>,
    /// Only of this type.
    pub event_type: Option<EventType>,
    /// Only ids below this: the next page.
    pub before: Option<EventId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl Core {
    /// Events the caller may see, newest first.
    ///
    /// # Errors
    /// [`super::Error::NotSignedIn`], the database's.
    pub async fn events(&self, ctx: &Ctx, query: LogQuery) -> Result<Vec<Event>> {
        self.inspect(ctx, move |reader, actor| {
            let everything = allows(actor.role, Permission::SeeLog, Relation::Others);
            Ok(reader.events(EventQuery {
                visible_to: (!everything).then_some(actor.id),
                vm: query.vm,
                at_least: query.at_least,
                event_type: query.event_type,
                before: query.before,
                limit: query.limit,
            })?)
        })
        .await
    }

    /// Walks the hash chain (admin, auditor).
    ///
    /// # Errors
    /// [`super::Error::NotPermitted`], the database's.
    pub async fn verify_log(&self, ctx: &Ctx) -> Result<ChainReport> {
        self.inspect(ctx, |_, actor| {
            permit(actor.role, Permission::VerifyLog, Relation::Others)
        })
        .await?;
        // Page by page, outside of one long read: that would keep the WAL from being reset.
        let store = self.0.store.clone();
        super::off_worker(move || Ok(store.verify_chain()?)).await
    }
}

/// Logs that an operation was accepted; to be called in the transaction that accepts it. The
/// intent is closed by [`outcome`] in the transaction that ends it.
pub(super) fn intent(writer: &Writer<'_>, operation: &Operation, by: &str) -> store::Result<()> {
    let message = format!("{by} asked to {} {}", verb(operation.kind), operation.subject());
    append(
        writer,
        operation,
        Severity::Info,
        actions(operation.kind).intent,
        &message,
    )
}

/// Logs how an operation ended; to be called in the transaction that ends it.
pub(super) fn outcome(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    let actions = actions(operation.kind);
    let (action, severity, how) = match operation.state {
        OperationState::Done => (actions.done, Severity::Info, "done".to_owned()),
        OperationState::Cancelled => (
            actions.cancelled,
            Severity::Info,
            match operation.kind.is_on_image() {
                true => "cancelled".to_owned(),
                false => "cancelled, everything undone".to_owned(),
            },
        ),
        _ => {
            let reason = operation.error.as_deref().unwrap_or("for no known reason");
            (actions.failed, Severity::Warning, format!("failed: {reason}"))
        }
    };
    let message = format!("{} {}: {how}", verb(operation.kind), operation.subject());
    append(writer, operation, severity, action, &message)
}

fn append(
    writer: &Writer<'_>,
    operation: &Operation,
    severity: Severity,
    action: &'static str,
    message: &str,
) -> store::Result<()> {
    let event = match operation.vm {
        Some(vm) => NewEvent::new(EventType::Vm, severity, action, message).vm(vm),
        None => NewEvent::new(EventType::System, severity, action, message),
    };
    let event = event.user(operation.actor);
    let details = json!({ "operation": operation.id });
    writer.append_event(&event.details(details)).map(drop)
}

fn verb(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Kill => "force off",
        other => other.as_str(),
    }
}

/// The words that frame an operation in the log.
struct Actions {
    intent: &'static str,
    done: &'static str,
    failed: &'static str,
    cancelled: &'static str,
}

fn actions(kind: OperationKind) -> Actions {
    macro_rules! actions {
        ($stem:literal) => {
            actions!("vm.", $stem)
        };
        ($noun:literal, $stem:literal) => {
            Actions {
                intent: concat!($noun, $stem, ".intent"),
                done: concat!($noun, $stem, ".done"),
                failed: concat!($noun, $stem, ".failed"),
                cancelled: concat!($noun, $stem, ".cancelled"),
            }
        };
    }
    match kind {
        OperationKind::Create => actions!("create"),
        OperationKind::Start => actions!("start"),
        OperationKind::Stop => actions!("stop"),
        OperationKind::Kill => actions!("kill"),
        OperationKind::Restart => actions!("restart"),
        OperationKind::Pause => actions!("pause"),
        OperationKind::Resume => actions!("resume"),
        OperationKind::Destroy => actions!("destroy"),
        OperationKind::Pull => actions!("image.", "pull"),
    }
}
