//! The log: reading it, and checking that nobody changed it.

use super::Cli;
use super::arguments::EventCommand;
use super::failure::{Failure, code};
use super::output::{Align, Table, moment};
use super::shape::{AuditShape, EventShape};
use crate::core::{Ctx, LogQuery};
use crate::model::{EventId, VmId};

/// `twarga event list`
pub async fn list(cli: &mut Cli, command: EventCommand) -> Result<(), Failure> {
    let EventCommand::List {
        severity,
        event_type,
        vm,
        before,
        limit,
    } = command;
    let ctx = cli.ctx().await?;
    let vm = match vm {
        Some(name) => Some(machine(cli, &ctx, &name).await?),
        None => None,
    };
    let query = LogQuery {
        vm,
        at_least: severity,
        event_type,
        before: before.map(EventId),
        limit,
    };
    let events = cli.core.events(&ctx, query).await?;
    let shapes: Vec<_> = events.iter().map(EventShape::from).collect();
    cli.output.result(&shapes, |page| {
        let mut table = Table::new(&[
            ("ID", Align::Right),
            ("TIME", Align::Left),
            ("SEVERITY", Align::Left),
            ("TYPE", Align::Left),
            ("MESSAGE", Align::Left),
        ]);
        for event in &events {
            table.push([
                event.id.to_string(),
                moment(event.time),
                event.severity.to_string(),
                event.event_type.to_string(),
                event.message.clone(),
            ]);
        }
        page.table(&table, "no events");
    })
}

/// `twarga audit verify`
pub async fn verify(cli: &mut Cli) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    let report = cli.core.verify_log(&ctx).await?;
    cli.output.result(&AuditShape::from(&report), |page| {
        if report.broken_at.is_none() {
            page.line(&format!(
                "{} events, every one fits the one before it",
                report.rows
            ));
        }
    })?;
    match report.broken_at {
        None => Ok(()),
        Some(event) => Err(Failure::Partial {
            code: code::OTHER,
            kind: "chain_broken",
            sentence: format!(
                "the log was changed: event {event} does not fit the one before it; \
                 compare it with a copy of the database"
            ),
        }),
    }
}

/// A machine by name, or by number: one that is gone has only its number left.
async fn machine(cli: &Cli, ctx: &Ctx, name: &str) -> Result<VmId, Failure> {
    if let Ok(id) = name.parse() {
        return Ok(VmId(id));
    }
    Ok(cli.find_vm(ctx, name).await?.vm.id)
}
