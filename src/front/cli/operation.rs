//! Operations: listing them, waiting for them, and keeping while one is waited for.

use super::Cli;
use super::arguments::OpCommand;
use super::failure::Failure;
use super::output::{Align, Page, Table, moment};
use super::progress::{Followed, ProgressLine, sentence};
use super::shape::OperationShape;
use crate::core::{Clock, Ctx, Keeper, KeeperKind, Keeping, OperationQuery};
use crate::front::signals::Ending;
use crate::model::{Operation, OperationId, OperationState};
use jiff::Timestamp;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// `twarga op`
pub async fn run(cli: &mut Cli, command: OpCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        OpCommand::List { active, limit } => {
            let query = OperationQuery {
                active,
                limit,
                ..OperationQuery::default()
            };
            let operations = cli.core.operations(&ctx, query).await?;
            let shapes: Vec<_> = operations.iter().map(OperationShape::from).collect();
            let table = table(&operations, cli.now());
            cli.output
                .result(&shapes, |page| page.table(&table, "no operations"))
        }
        OpCommand::Show { id } => {
            let operation = cli.core.operation(&ctx, OperationId(id)).await?;
            show(cli, &operation)
        }
        OpCommand::Wait { id } => {
            let operation = cli.core.operation(&ctx, OperationId(id)).await?;
            let operation = follow(cli, &ctx, operation.id).await?;
            show(cli, &operation)
        }
        OpCommand::Cancel { id } => {
            cli.core.cancel(&ctx, OperationId(id)).await?;
            let operation = cli.core.operation(&ctx, OperationId(id)).await?;
            cli.output.result(&OperationShape::from(&operation), |page| {
                page.line(&format!(
                    "operation {id} is asked to stop; `twarga op wait {id}` waits until it is undone"
                ));
            })
        }
    }
}

/// Waits until an operation is finished, keeping if nobody else does.
///
/// # Errors
/// [`Failure::Operation`] if it did not succeed; [`Failure::Interrupted`], after which it goes on
/// with the next keeper.
pub async fn follow(cli: &mut Cli, ctx: &Ctx, id: OperationId) -> Result<Operation, Failure> {
    let mut ending = Ending::listen();
    let keeper = Keeper::start(&cli.core, KeeperKind::Command);
    let outcome = {
        let (tell, told) = watch::channel(None);
        let line = ProgressLine::new(&mut cli.output);
        let on_change = |operation: &Operation| drop(tell.send_replace(Some(operation.clone())));
        tokio::select! {
            done = cli.core.wait(ctx, id, on_change) => done.map_err(Failure::from),
            () = ending.asked() => Err(Failure::Interrupted),
            never = keep_showing(line, told, &cli.clock) => match never {},
        }
    };
    let ended = keeper.end().await;
    if matches!(outcome, Err(Failure::Interrupted)) {
        cli.output.note(&format!(
            "operation {id} is not cancelled: it goes on with the next twarga that keeps; \
             `twarga op cancel {id}` undoes it"
        ));
    }
    let operation = outcome?;
    ended?;
    match operation.state {
        OperationState::Done => Ok(operation),
        _ => Err(Failure::Operation(Box::new(operation))),
    }
}

/// Shows an operation whenever it changes, and every second, because a stage's time goes on.
async fn keep_showing(
    mut line: ProgressLine<'_>,
    mut told: watch::Receiver<Option<Operation>>,
    clock: &Clock,
) -> Infallible {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut followed = Followed::new();
    loop {
        if let Some(operation) = told.borrow_and_update().as_ref() {
            line.show(&followed.sentence(operation, clock()));
        }
        tokio::select! {
            // Its other end lives as long as this is waited for.
            _ = told.changed() => {}
            _ = tick.tick() => {}
        }
    }
}

/// Says who will do an operation that is not waited for.
pub async fn leave(cli: &mut Cli, ctx: &Ctx, id: OperationId) -> Result<Operation, Failure> {
    let (_, view) = cli.settled(ctx).await?;
    match &view.keeping {
        Keeping::Nobody => cli.output.note(&format!(
            "operation {id} is accepted; nobody keeps now, so it runs when the next twarga starts \
             (`twarga serve`, `twarga op wait {id}`)"
        )),
        Keeping::Elsewhere {
            pid,
            silent_since: Some(since),
            ..
        } => cli.output.note(&format!(
            "operation {id} is accepted; the keeper (process {pid}) has shown no life since {}",
            moment(*since)
        )),
        _ => cli.output.note(&format!("operation {id} is accepted")),
    }
    Ok(cli.core.operation(ctx, id).await?)
}

fn show(cli: &mut Cli, operation: &Operation) -> Result<(), Failure> {
    cli.output
        .result(&OperationShape::from(operation), |page| describe(page, operation))
}

fn describe(page: &mut Page, operation: &Operation) {
    page.pairs(&[
        ("operation", operation.id.to_string()),
        ("kind", operation.kind.to_string()),
        ("what", operation.subject()),
        ("state", operation.state.to_string()),
        ("error", operation.error.clone().unwrap_or_default()),
        ("asked", moment(operation.created_at)),
        ("finished", operation.finished_at.map(moment).unwrap_or_default()),
    ]);
    let mut steps = Table::new(&[
        ("STEP", Align::Left),
        ("STATE", Align::Left),
        ("TOOK", Align::Right),
        ("REMARK", Align::Left),
    ]);
    for step in &operation.steps {
        let took = step.finished_at.map(|end| end.duration_since(step.started_at));
        steps.push([
            step.name.clone(),
            step.state.as_str().to_owned(),
            took.map(|took| format!("{:.1} s", took.as_secs_f64()))
                .unwrap_or_default(),
            step.error.clone().unwrap_or_default(),
        ]);
    }
    page.table(&steps, "no step has begun");
}

fn table(operations: &[Operation], now: Timestamp) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("ASKED", Align::Left),
        ("KIND", Align::Left),
        ("WHAT", Align::Left),
        ("STATE", Align::Left),
        ("", Align::Left),
    ]);
    for operation in operations {
        let remark = match (&operation.error, operation.state.is_final()) {
            (Some(error), _) => error.clone(),
            (None, true) => String::new(),
            (None, false) => sentence(operation, now),
        };
        table.push([
            operation.id.to_string(),
            moment(operation.created_at),
            operation.kind.to_string(),
            operation.subject(),
            operation.state.to_string(),
            remark,
        ]);
    }
    table
}
