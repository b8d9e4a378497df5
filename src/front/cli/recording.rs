//! Who sits at which console, and what was recorded of consoles.

use super::arguments::{ConsolesCommand, RecordArguments, RecordingsCommand};
use super::failure::Failure;
use super::output::{Align, Table, bytes, moment, span};
use super::shape::{self, ConsoleShape, EndedShape, RecordShape, RecordingShape, RemovedShape};
use super::{Cli, prompt};
use crate::model::{ConsoleId, ConsoleSession, Recording, RecordingId, RecordingMode};

/// `twarga consoles`
pub async fn consoles(cli: &mut Cli, command: ConsolesCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        ConsolesCommand::List => {
            let (open, now) = (cli.core.consoles(&ctx).await?, cli.now());
            let shapes: Vec<_> = open.iter().map(|it| ConsoleShape::new(it, now)).collect();
            cli.output.result(&shapes, |page| {
                page.table(&console_table(&open, now), "nobody is at a console")
            })
        }
        ConsolesCommand::End { id, .. } => {
            let ended = match id {
                Some(id) => cli.core.end_console(&ctx, ConsoleId(id)).await.map(|()| 1),
                None => cli.core.end_consoles(&ctx).await,
            }?;
            cli.output.result(&EndedShape { ended }, |page| match ended {
                1 => page.line("1 console is ended"),
                _ => page.line(&format!("{ended} consoles are ended")),
            })
        }
    }
}

fn console_table(open: &[ConsoleSession], now: jiff::Timestamp) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("MACHINE", Align::Left),
        ("USER", Align::Left),
        ("KIND", Align::Left),
        ("WHERE", Align::Left),
        ("SINCE", Align::Left),
        ("IDLE", Align::Right),
    ]);
    for console in open {
        table.push([
            console.id.to_string(),
            console.vm_name.clone(),
            console.username.clone(),
            console.kind.to_string(),
            console.source.clone(),
            moment(console.opened_at),
            span(shape::idle(console, now)),
        ]);
    }
    table
}

/// `twarga record`
pub async fn record(cli: &mut Cli, which: RecordArguments) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    let vm = cli.find_vm(&ctx, &which.name).await?.vm;
    let mode = match which.mode {
        Some(mode) => {
            cli.core.set_recording_mode(&ctx, vm.id, mode).await?;
            mode
        }
        None => cli.core.recording_mode(&ctx, vm.id).await?,
    };
    cli.output.result(&RecordShape::new(&vm.name, mode), |page| {
        let what = match mode {
            RecordingMode::Off => "nothing, unless the configuration demands it",
            RecordingMode::Output => "what the guest writes",
            RecordingMode::Input => "what the guest writes, and what is typed, passwords included",
        };
        page.line(&format!("{}: {mode} (recorded is {what})", vm.name));
    })
}

/// `twarga recordings`
pub async fn recordings(cli: &mut Cli, command: RecordingsCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    match command {
        RecordingsCommand::List => {
            let recordings = cli.core.recordings(&ctx).await?;
            let shapes: Vec<_> = recordings.iter().map(RecordingShape::from).collect();
            let empty = "no recordings; `twarga record NAME output` makes a machine's consoles recorded";
            cli.output
                .result(&shapes, |page| page.table(&recording_table(&recordings), empty))
        }
        RecordingsCommand::Remove { id, yes } => {
            if !yes {
                let question = format!("This removes recording {id} for ever. [y/N] ");
                let instead =
                    format!("there is no terminal to ask on: `twarga recordings remove {id} --yes`");
                if !prompt::yes(&mut cli.output, &question, &instead).await? {
                    return Err(Failure::Usage("nothing was changed".to_owned()));
                }
            }
            cli.core.remove_recording(&ctx, RecordingId(id)).await?;
            cli.output.result(&RemovedShape { removed: id }, |page| {
                page.line(&format!("recording {id} is gone"))
            })
        }
    }
}

fn recording_table(recordings: &[Recording]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("MACHINE", Align::Left),
        ("USER", Align::Left),
        ("STARTED", Align::Left),
        ("TOOK", Align::Right),
        ("SIZE", Align::Right),
        ("TYPED", Align::Left),
    ]);
    for recording in recordings {
        let took = recording
            .ended_at
            .map(|ended| span(ended.duration_since(recording.started_at).as_secs()));
        table.push([
            recording.id.to_string(),
            recording.vm_name.clone(),
            recording.username.clone(),
            moment(recording.started_at),
            took.unwrap_or_else(|| "goes on".to_owned()),
            recording.bytes.map(bytes).unwrap_or_default(),
            if recording.input { "recorded" } else { "" }.to_owned(),
        ]);
    }
    table
}
