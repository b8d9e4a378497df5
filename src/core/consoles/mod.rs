//! Consoles: a guest's terminal for somebody who may have it.
//!
//! A console is a row in the database and an attendant in the process that opened it. The row says
//! who sits where, to every process: a serial line has one client, and whoever wants it is told who
//! has it. The attendant (`attendant`) carries bytes both ways, and looks again and again whether
//! they still may: a session that ended, a role that was taken, an end ordered from elsewhere or
//! half an hour without input close the console at once.
//!
//! `serial` attaches to the hypervisor's stream, joined with the log at the `seam`; `ssh` runs the
//! system's `ssh` on a terminal of its own. What passes may be recorded (`recording`, as
//! `asciicast`). Nobody here interprets what a guest writes: fronts do, and confine it.

pub mod asciicast;
mod attendant;
mod process;
mod recording;
mod seam;
mod serial;
mod sessions;
mod ssh;
pub(super) mod tail;

pub use recording::Played;
pub use ssh::SshCommand;

use super::policy::{Permission, Relation, allows};
use super::{Core, Ctx, Error, Machine, Result};
use crate::model::{ConsoleId, ConsoleKind, Ending, RecordingMode, VmId, VmStatus};
use attendant::Attendant;
use jiff::Timestamp;
use std::fmt;
use std::time::Duration;
use tokio::sync::mpsc;

/// What waits for a front at most, and what waits for a guest.
const WAITING: usize = 64;

/// The core's part of the configuration for consoles.
#[derive(Clone, Debug)]
pub struct ConsoleSettings {
    /// After how long without input a console is closed; `None` never.
    pub idle: Option<Duration>,
    /// What is recorded of every machine at least, whatever its own setting.
    pub record: RecordingMode,
    /// How long recordings are kept.
    pub keep_recordings: Duration,
    /// Where a recording ends, bytes.
    pub longest_recording: u64,
}

/// What somebody asks for who wants a console.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// To which machine.
    pub vm: VmId,
    /// How.
    pub kind: ConsoleKind,
    /// Take the serial line from whoever has it.
    pub takeover: bool,
    /// Columns and rows of the terminal it is shown in.
    pub size: (u16, u16),
}

/// An open console. Dropping it leaves the guest's terminal; `told` alone keeps it.
#[derive(Debug)]
pub struct Console {
    /// Its row.
    pub id: ConsoleId,
    /// What the guest writes, and what becomes of the line.
    pub told: mpsc::Receiver<Told>,
    /// The keyboard.
    pub typed: mpsc::Sender<Typed>,
}

/// What comes from a console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What the guest wrote before anybody listened, from its log: shown like the rest, but what a
    /// terminal would answer to it must not reach the guest, whose questions were asked long ago.
    Past(Vec<u8>),
    /// What the guest writes. Hostile, until an emulator has confined it.
    Bytes(Vec<u8>),
    /// What became of the line.
    Line(Line),
    /// It is over; nothing follows.
    Ended(End),
}

/// What became of the way to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// It stands.
    Attached,
    /// It does not, for this reason; it is tried again.
    Waiting(String),
    /// What passes is recorded like this from now on.
    Recording(RecordingMode),
    /// So many bytes of what the guest wrote are missing here; `None` if nobody knows how many.
    Missing(Option<u64>),
}

/// What goes to a console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Keys and pastes.
    Bytes(Vec<u8>),
    /// What the terminal itself answers or reports: nobody need be there for it.
    Answer(Vec<u8>),
    /// The terminal has so many columns and rows now. A serial line does not carry that.
    Size(u16, u16),
}

/// How a console ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How.
    pub ending: Ending,
    /// Who ended it, if somebody else did.
    pub by: Option<String>,
    /// Exit code of what ran at the other end.
    pub code: Option<u32>,
    /// The reason, where there is more to say.
    pub reason: Option<String>,
}

impl End {
    fn of(ending: Ending) -> Self {
        Self {
            ending,
            by: None,
            code: None,
            reason: None,
        }
    }

    fn because(ending: Ending, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::of(ending)
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.by.as_deref().unwrap_or("somebody");
        match self.ending {
            Ending::Left => f.write_str("left"),
            Ending::Taken => write!(f, "{by} took it over"),
            Ending::Stopped => write!(f, "{by} ended it"),
            Ending::Idle => f.write_str("closed: nothing was typed for too long"),
            Ending::Refused => f.write_str("you may no longer use it"),
            Ending::Lost => f.write_str("the way to the guest is lost"),
            Ending::Finished => f.write_str("the session at the other end is over"),
            Ending::Gone => f.write_str("its process ended"),
        }?;
        match (&self.reason, self.code) {
            (Some(reason), _) => write!(f, ": {reason}"),
            (None, Some(code)) if code != 0 => write!(f, " (exit code {code})"),
            _ => Ok(()),
        }
    }
}

/// Who has a serial line that somebody else wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// `alice`, or `somebody outside twarga`.
    pub who: String,
    /// Where they are, if it is known.
    pub source: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has this console", self.who)?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        match self.since {
            Some(since) => write!(f, ", opened {}", super::time::clock(since)),
            None => Ok(()),
        }
    }
}

/// Why a machine's console cannot be opened now, for a greyed key; `None` if it can. Pure: the core
/// checks again when asked.
pub fn refusal(ctx: &Ctx, machine: &Machine, kind: ConsoleKind) -> Option<String> {
    let relation = if machine.vm.owner == ctx.user() {
        Relation::Own
    } else {
        Relation::Others
    };
    if !allows(ctx.role(), Permission::UseConsole, relation) {
        return Some("only its owner or an admin may".to_owned());
    }
    // A guest that never became ready has its consoles all the same, to see why.
    let status = match machine.status {
        VmStatus::Error if machine.vm.unready.is_some() => VmStatus::Running,
        status => status,
    };
    match (kind, status) {
        (ConsoleKind::Serial, VmStatus::Destroying) => Some("it is being destroyed".to_owned()),
        (ConsoleKind::Serial, VmStatus::Error) => machine.reason.clone(),
        (ConsoleKind::Serial, _) => None,
        (ConsoleKind::Ssh, VmStatus::Running) if machine.vm.address.is_some() => None,
        (ConsoleKind::Ssh, VmStatus::Running) if machine.vm.ssh_port.is_some() => None,
        (ConsoleKind::Ssh, VmStatus::Running) => Some("it has no address yet".to_owned()),
        (ConsoleKind::Ssh, _) => Some("it does not run".to_owned()),
    }
}

impl Core {
    /// Opens a console.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`], [`Error::Occupied`] if somebody has the serial
    /// line and it is not to be taken from them, [`Error::Conflict`] if the machine cannot be
    /// reached that way now.
    pub async fn open_console(&self, ctx: &Ctx, opening: Opening) -> Result<Console> {
        let claimed = self.claim_console(ctx, opening).await?;
        let (to_front, told) = mpsc::channel(WAITING);
        let (typed, from_front) = mpsc::channel(WAITING);
        let id = claimed.id;
        let attendant = Attendant::new(self, ctx, claimed, (to_front, from_front));
        match opening.kind {
            ConsoleKind::Serial => serial::open(attendant, opening.takeover).await?,
            ConsoleKind::Ssh => ssh::open(attendant, opening.size).await?,
        }
        Ok(Console { id, told, typed })
    }

    /// Leaves every console of this process in good order; bounded by 2 s. For a process that ends.
    pub async fn leave_consoles(&self) {
        let mut open = self.0.consoles.open.subscribe();
        self.0.consoles.leaving.send_replace(true);
        let ended = open.wait_for(|open| *open == 0);
        // What does not end in time is found as `gone` by whoever looks next.
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
    }
}

/// This process's consoles, so that they can be left together.
pub(super) struct Here {
    open: tokio::sync::watch::Sender<usize>,
    leaving: tokio::sync::watch::Sender<bool>,
}

impl Here {
    pub(super) fn new() -> Self {
        Self {
            open: tokio::sync::watch::Sender::new(0),
            leaving: tokio::sync::watch::Sender::new(false),
        }
    }
}

/// Whoever asked for something that the core does not have in this shape.
fn unknown_console(id: ConsoleId) -> Error {
    Error::NotFound {
        what: "console",
        name: id.to_string(),
    }
}
