//! A guest on the caller's terminal: its serial line, or a shell over SSH.
//!
//! The guest's bytes go to the terminal as they are, which is what a cable does; keys go to the
//! guest but for the leader. Neither a guest that takes nothing nor a terminal that shows nothing
//! keeps the leader and signals from being heard.

mod leader;
mod past;
mod tty;

use super::arguments::ConsoleArguments;
use super::failure::Failure;
use super::{Cli, prompt};
use crate::core::consoles::{End, Line, Occupant, Told, Typed};
use crate::core::{Console, Ctx, Error, Machine, Opening};
use crate::front::signals::Ending as Asked;
use crate::model::text::visible;
use crate::model::{ConsoleKind, Ending, RecordingMode};
use leader::Leader;
use std::collections::VecDeque;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tty::{Printer, Raw};

/// Most that is kept for a guest that takes nothing, bytes: a large paste.
const MOST_KEPT: usize = 1 << 20;

/// `twarga console`
pub async fn serial(cli: &mut Cli, which: ConsoleArguments) -> Result<(), Failure> {
    require_terminal(cli, "a console needs a terminal to be shown and typed at")?;
    let ctx = cli.ctx().await?;
    let machine = cli.find_vm(&ctx, &which.name).await?;
    let opening = opening(&machine, ConsoleKind::Serial, which.force && which.yes);
    let console = match open(cli, &ctx, opening).await {
        Err(Failure::Core(Error::Occupied(occupant))) if which.force => {
            confirm(cli, &occupant).await?;
            let takeover = true;
            open(cli, &ctx, Opening { takeover, ..opening }).await?
        }
        opened => opened?,
    };
    greet(cli, &ctx, &machine, "serial line");
    show(cli, console, ConsoleKind::Serial).await
}

/// `twarga ssh` without a command.
pub async fn shell(cli: &mut Cli, name: &str) -> Result<(), Failure> {
    let instead = "a shell needs a terminal; without one, give a command: `twarga ssh NAME -- COMMAND`";
    require_terminal(cli, instead)?;
    let ctx = cli.ctx().await?;
    let machine = cli.find_vm(&ctx, name).await?;
    let console = open(cli, &ctx, opening(&machine, ConsoleKind::Ssh, false)).await?;
    greet(cli, &ctx, &machine, "SSH");
    show(cli, console, ConsoleKind::Ssh).await
}

fn require_terminal(cli: &Cli, instead: &str) -> Result<(), Failure> {
    if cli.output.streams().is_interactive() {
        Ok(())
    } else {
        Err(Failure::Usage(instead.to_owned()))
    }
}

fn opening(machine: &Machine, kind: ConsoleKind, takeover: bool) -> Opening {
    Opening {
        vm: machine.vm.id,
        kind,
        takeover,
        size: tty::size(),
    }
}

/// Opens it; libvirt may take its time, and the user may not want to wait.
async fn open(cli: &Cli, ctx: &Ctx, opening: Opening) -> Result<Console, Failure> {
    let mut asked = Asked::listen();
    let opened = tokio::select! {
        opened = cli.core.open_console(ctx, opening) => Some(opened?),
        () = asked.asked() => None,
    };
    match opened {
        Some(console) => Ok(console),
        None => {
            cli.core.leave_consoles().await;
            Err(Failure::Interrupted)
        }
    }
}

async fn confirm(cli: &mut Cli, occupant: &Occupant) -> Result<(), Failure> {
    let question = format!(
        "{}. Take it from them? They are told. [y/N] ",
        visible(&occupant.to_string())
    );
    if prompt::yes(&mut cli.output, &question, "--yes takes it without asking").await? {
        return Ok(());
    }
    Err(Failure::Core(Error::Occupied(occupant.clone())))
}

fn greet(cli: &mut Cli, ctx: &Ctx, machine: &Machine, by: &str) {
    let key = leader::name(cli.leader);
    cli.output.note(&format!(
        "[twarga] {}/{} ({by}), as {}; {key} leaves, {key} {key} goes to the guest",
        visible(&machine.owner),
        machine.vm.name,
        ctx.username(),
    ));
}

/// How it ended here.
enum Over {
    /// The leader.
    Left,
    /// A signal, or the terminal is gone.
    Asked,
    /// The core says so.
    Told(End),
}

/// Shows a console until it is left or over. The terminal is given back whatever happens.
async fn show(cli: &mut Cli, console: Console, kind: ConsoleKind) -> Result<(), Failure> {
    let io = |reason| Failure::Io {
        what: "taking the terminal".to_owned(),
        reason,
    };
    let mut signals = Signals::listen().map_err(io)?;
    let raw = Raw::begin().map_err(io)?;
    let keys = tty::keys().map_err(io)?;
    let printer = Printer::begin().map_err(io)?;
    let mut relay = Relay::new(console, kind, Leader::new(cli.leader));
    let over = relay.run(&raw, keys, &printer, &mut signals).await;
    // The last words of a guest that ended are shown; a flood that was left is not.
    printer.end(!matches!(over, Over::Told(_))).await;
    drop((raw, relay));
    cli.core.leave_consoles().await;
    match over {
        Over::Left => {
            cli.output.note("[twarga] left");
            Ok(())
        }
        Over::Asked => Err(Failure::Interrupted),
        Over::Told(end) => conclude(end),
    }
}

fn conclude(end: End) -> Result<(), Failure> {
    match (end.ending, end.code) {
        (Ending::Left, _) | (Ending::Finished, None | Some(0)) => Ok(()),
        (Ending::Finished, Some(code)) => Err(Failure::Remote(u8::try_from(code).unwrap_or(u8::MAX))),
        _ => Err(Failure::Console(Box::new(end))),
    }
}

/// Carries bytes both ways.
struct Relay {
    told: mpsc::Receiver<Told>,
    typed: mpsc::Sender<Typed>,
    kind: ConsoleKind,
    leader: Leader,
    to_guest: VecDeque<Typed>,
    to_terminal: Option<Vec<u8>>,
    /// Keys were dropped since the guest took some last.
    dropping: bool,
    was_attached: bool,
}

impl Relay {
    fn new(console: Console, kind: ConsoleKind, leader: Leader) -> Self {
        let Console { told, typed, .. } = console;
        Self {
            told,
            typed,
            kind,
            leader,
            to_guest: VecDeque::new(),
            to_terminal: None,
            dropping: false,
            was_attached: false,
        }
    }

    async fn run(
        &mut self,
        raw: &Raw,
        mut keys: mpsc::Receiver<Vec<u8>>,
        printer: &Printer,
        signals: &mut Signals,
    ) -> Over {
        let typed = self.typed.clone();
        loop {
            let leaves_at = self.leader.leaves_at();
            tokio::select! {
                heard = signals.heard() => match heard {
                    Heard::End => return Over::Asked,
                    Heard::Resized => self.resized(),
                    // A shell that had the terminal meanwhile has set it as it likes.
                    Heard::Resumed => { let _gone = raw.set(); }
                },
                pressed = keys.recv() => match pressed {
                    None => return Over::Asked,
                    Some(bytes) => if self.pressed(&bytes) { return Over::Left },
                },
                () = at(leaves_at), if leaves_at.is_some() => return Over::Left,
                room = typed.reserve(), if !self.to_guest.is_empty() => match room {
                    Ok(room) => if let Some(typed) = self.to_guest.pop_front() {
                        self.dropping = false;
                        room.send(typed);
                    },
                    // Its end is on the way.
                    Err(_) => self.to_guest.clear(),
                },
                told = self.told.recv(), if self.to_terminal.is_none() => match told {
                    Some(Told::Past(bytes)) => self.to_terminal = Some(past::plain(&bytes)),
                    Some(Told::Bytes(bytes)) => self.to_terminal = Some(bytes),
                    Some(Told::Line(line)) => self.to_terminal = self.line(&line),
                    Some(Told::Ended(end)) => return Over::Told(end),
                    None => return Over::Told(gone()),
                },
                room = printer.room(), if self.to_terminal.is_some() => match (room, self.to_terminal.take()) {
                    (Some(room), Some(bytes)) => room.send(bytes),
                    _ => return Over::Asked,
                },
            }
        }
    }

    /// Whether that leaves.
    fn pressed(&mut self, bytes: &[u8]) -> bool {
        let keys = self.leader.press(bytes, Instant::now());
        if !keys.to_guest.is_empty() {
            self.keep(keys.to_guest);
        }
        keys.leaves
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        let kept: usize = self.to_guest.iter().map(length).sum();
        if kept + bytes.len() <= MOST_KEPT {
            self.to_guest.push_back(Typed::Bytes(bytes));
        } else if !self.dropping && self.to_terminal.is_none() {
            self.dropping = true;
            self.to_terminal = Some(aside("the guest takes no more: what is typed now is lost"));
        }
    }

    /// A serial line does not carry a size.
    fn resized(&mut self) {
        if self.kind == ConsoleKind::Ssh {
            let (columns, rows) = tty::size();
            self.to_guest.push_back(Typed::Size(columns, rows));
        }
    }

    fn line(&mut self, line: &Line) -> Option<Vec<u8>> {
        let attached = matches!(line, Line::Attached);
        let words = match line {
            // The first time goes without saying, unless it was waited for.
            Line::Attached if !self.was_attached => None,
            line => Some(words(line)),
        };
        self.was_attached |= attached || matches!(line, Line::Waiting(_));
        words.as_deref().map(aside)
    }
}

fn length(typed: &Typed) -> usize {
    match typed {
        Typed::Bytes(bytes) | Typed::Answer(bytes) => bytes.len(),
        Typed::Size(..) => 0,
    }
}

/// What became of the line, in words.
fn words(line: &Line) -> String {
    match line {
        Line::Attached => "attached".to_owned(),
        Line::Waiting(reason) => format!("waiting: {}", visible(reason)),
        Line::Recording(RecordingMode::Off) => "no longer recorded".to_owned(),
        Line::Recording(RecordingMode::Output) => "recorded: what the guest writes".to_owned(),
        Line::Recording(RecordingMode::Input) => {
            "recorded: what the guest writes, and what is typed, passwords included".to_owned()
        }
        Line::Missing(Some(count)) => format!("{count} bytes are missing here"),
        Line::Missing(None) => "something may be missing here".to_owned(),
    }
}

/// Words of twarga's among the guest's.
fn aside(words: &str) -> Vec<u8> {
    format!("\r\n[twarga] {words}\r\n").into_bytes()
}

fn gone() -> End {
    End {
        ending: Ending::Lost,
        by: None,
        code: None,
        reason: None,
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What the system tells while the terminal is a guest's.
struct Signals {
    end: Asked,
    quit: Signal,
    resize: Signal,
    resume: Signal,
}

enum Heard {
    End,
    Resized,
    Resumed,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            end: Asked::listen(),
            quit: signal(SignalKind::quit())?,
            resize: signal(SignalKind::window_change())?,
            resume: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    async fn heard(&mut self) -> Heard {
        tokio::select! {
            () = self.end.asked() => Heard::End,
            _ = self.quit.recv() => Heard::End,
            _ = self.resize.recv() => Heard::Resized,
            _ = self.resume.recv() => Heard::Resumed,
        }
    }
}
