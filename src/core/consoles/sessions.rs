//! Who sits at which console: rows, seen and ended by every process.

use super::{Occupant, Opening, process, unknown_console};
use crate::core::policy::{Permission, Relation, allows};
use crate::core::{Core, Ctx, Error, Result, vms};
use crate::model::{
    ConsoleId, ConsoleKind, ConsoleSession, Ending, EventType, NewEvent, RecordingMode, Severity, User, Vm,
};
use crate::store::{self, Epoch, NewConsole, Writer};
use serde_json::json;

/// A console that was claimed in the database; nothing is attached yet.
pub(super) struct Claimed {
    pub id: ConsoleId,
    pub kind: ConsoleKind,
    pub vm: Vm,
    pub record: RecordingMode,
}

impl Core {
    /// Consoles that are open: one's own and those of one's machines, or all for those who may see
    /// them. Oldest first.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn consoles(&self, ctx: &Ctx) -> Result<Vec<ConsoleSession>> {
        self.inspect(ctx, |reader, actor| {
            let mut open = reader.open_consoles()?;
            open.retain(|(console, process)| sees(actor, console) && process::is_alive(*process));
            Ok(open.into_iter().map(|(console, _)| console).collect())
        })
        .await
    }

    /// Ends a console, wherever it is open.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`], [`Error::Conflict`] if it is over.
    pub async fn end_console(&self, ctx: &Ctx, id: ConsoleId) -> Result<()> {
        self.change(
            ctx,
            Permission::EndConsole,
            move |reader, actor| {
                let console = reader.console(id)?.filter(|it| sees(actor, it));
                Ok(relation(actor, &console.ok_or_else(|| unknown_console(id))?))
            },
            move |writer, ctx, _| {
                let console = writer.console(id)?.ok_or_else(|| unknown_console(id))?;
                if !writer.end_console(id, Ending::Stopped, Some(ctx.user()))? {
                    return Err(Error::Conflict(format!("console {id} is over")));
                }
                Ok(log_end(
                    writer,
                    &console,
                    Ending::Stopped,
                    Some(ctx.username().as_str()),
                )?)
            },
        )
        .await
    }

    /// Ends every console that the caller may end; says how many.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn end_consoles(&self, ctx: &Ctx) -> Result<usize> {
        let mut ended = 0;
        for console in self.consoles(ctx).await? {
            match self.end_console(ctx, console.id).await {
                Ok(()) => ended += 1,
                // It ended by itself, or it is one that the caller may only see.
                Err(Error::Conflict(_) | Error::NotPermitted(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    /// Claims a console: the policy, the machine, the serial line's one place and the event, all in
    /// one transaction.
    pub(super) async fn claim_console(&self, ctx: &Ctx, opening: Opening) -> Result<Claimed> {
        let policy = self.settings().consoles.record;
        let Opening {
            vm, kind, takeover, ..
        } = opening;
        self.change(
            ctx,
            Permission::UseConsole,
            move |reader, actor| vms::relation_to(reader, actor, vm),
            move |writer, ctx, actor| {
                let row = writer.vm(vm)?.ok_or_else(|| vms::unknown(vm))?;
                if kind == ConsoleKind::Serial {
                    make_room(writer, ctx, &row, takeover)?;
                }
                let source = ctx.source().describe();
                let id = writer.insert_console(&NewConsole {
                    vm,
                    owner: row.owner,
                    user: actor.id,
                    session: ctx.session,
                    kind,
                    source: &source,
                    process: process::own(),
                })?;
                let message = format!("{} opened the {kind} console of {}", actor.username, row.name);
                let event = NewEvent::new(EventType::Vm, Severity::Info, "console.opened", &message);
                let details = json!({ "console": id, "source": source });
                writer.append_event(&event.user(actor.id).vm(vm).details(details))?;
                Ok(Claimed {
                    id,
                    kind,
                    record: stronger(policy, writer.recording_mode(vm)?),
                    vm: row,
                })
            },
        )
        .await
    }

    /// Ends a console of this process, unless somebody else ended it already.
    pub(super) async fn note_console_end(&self, id: ConsoleId, ending: Ending) -> Result<()> {
        self.write(move |writer| {
            let console = writer.console(id)?.ok_or_else(|| unknown_console(id))?;
            if writer.end_console(id, ending, None)? {
                log_end(writer, &console, ending, None)?;
            }
            Ok(())
        })
        .await
    }

    /// Ends the consoles of processes that died.
    pub(in crate::core) async fn sweep_consoles(&self, epoch: Epoch) -> Result<()> {
        let dead = self
            .read(|reader| {
                let mut open = reader.open_consoles()?;
                open.retain(|(_, process)| !process::is_alive(*process));
                Ok(open)
            })
            .await?;
        for (console, _) in dead {
            self.write_as_keeper(epoch, move |writer| bury(writer, &console))
                .await?;
        }
        Ok(())
    }
}

/// Makes the serial line free, or says who has it.
fn make_room(writer: &Writer<'_>, ctx: &Ctx, vm: &Vm, takeover: bool) -> Result<()> {
    let open = writer.open_consoles()?;
    let holder = open
        .into_iter()
        .find(|(console, _)| console.vm == vm.id && console.kind == ConsoleKind::Serial);
    let Some((console, process)) = holder else {
        return Ok(());
    };
    if !process::is_alive(process) {
        return bury(writer, &console);
    }
    if !takeover {
        return Err(Error::Occupied(Occupant {
            who: console.username,
            source: Some(console.source),
            since: Some(console.opened_at),
        }));
    }
    if writer.end_console(console.id, Ending::Taken, Some(ctx.user()))? {
        let by = ctx.username().as_str();
        let message = format!("{by} took the console of {} from {}", vm.name, console.username);
        let event = NewEvent::new(EventType::Vm, Severity::Warning, "console.forced", &message);
        let details = json!({ "console": console.id, "from": console.username });
        writer.append_event(&event.user(ctx.user()).vm(vm.id).details(details))?;
    }
    Ok(())
}

fn bury(writer: &Writer<'_>, console: &ConsoleSession) -> Result<()> {
    if writer.end_console(console.id, Ending::Gone, None)? {
        log_end(writer, console, Ending::Gone, None)?;
    }
    Ok(())
}

fn log_end(
    writer: &Writer<'_>,
    console: &ConsoleSession,
    ending: Ending,
    by: Option<&str>,
) -> store::Result<()> {
    let how = match by {
        Some(by) => format!("{ending} by {by}"),
        None => ending.to_string(),
    };
    let message = format!("{}'s console of {}: {how}", console.username, console.vm_name);
    let event = NewEvent::new(EventType::Vm, Severity::Info, "console.closed", &message)
        .user(console.user)
        .vm(console.vm)
        .details(json!({ "console": console.id, "ending": ending }));
    writer.append_event(&event).map(drop)
}

/// Logs that somebody runs a command in a guest.
pub(super) fn log_ssh_command(writer: &Writer<'_>, ctx: &Ctx, actor: &User, vm: &Vm) -> store::Result<()> {
    let message = format!("{} ran a command in {} over SSH", actor.username, vm.name);
    let event = NewEvent::new(EventType::Vm, Severity::Info, "console.command", &message)
        .user(actor.id)
        .vm(vm.id)
        .details(json!({ "source": ctx.source().describe() }));
    writer.append_event(&event).map(drop)
}

/// Whose a console is to somebody: one's own is also one at one's own machine.
fn relation(actor: &User, console: &ConsoleSession) -> Relation {
    if console.user == actor.id || console.owner == actor.id {
        Relation::Own
    } else {
        Relation::Others
    }
}

fn sees(actor: &User, console: &ConsoleSession) -> bool {
    allows(actor.role, Permission::SeeConsole, relation(actor, console))
}

/// The mode that records more.
fn stronger(one: RecordingMode, other: RecordingMode) -> RecordingMode {
    let rank = |mode| match mode {
        RecordingMode::Off => 0,
        RecordingMode::Output => 1,
        RecordingMode::Input => 2,
    };
    if rank(one) >= rank(other) { one } else { other }
}
