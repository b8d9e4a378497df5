//! What can happen to the screen, and what the screen can want.
//!
//! Everything that happens is an [`Event`] on one bounded channel: keys, signals, time, and
//! replies of the core. Everything the screen wants is an [`Effect`], which somebody else
//! carries out. Between the two stands `State::update`, which does neither IO nor waiting.

use super::console::Words;
use crate::core::consoles::{End, Line, Played};
use crate::core::{
    Action, Allowance, Door, Error, LogQuery, Machine, Mode, NewMachine, Opening, OperationQuery, Result,
    View,
};
use crate::model::{
    ConsoleId, ConsoleKind, ConsoleSession, Event as LogEvent, Forward, Image, Operation, OperationId,
    Preferences, Recording, RecordingId, Role, UserId, VmId, WantedForward,
};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Size;
use std::fmt;
use std::sync::Arc;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted, as one piece.
    Paste(String),
    /// The terminal has a new size.
    Resize(Size),
    /// The moment came that `State::next_wake` asked for.
    Tick,
    /// Somebody asked the program to stop for a while (SIGTSTP).
    Suspend,
    /// The program goes on after having been stopped (SIGCONT).
    Continued,
    /// The program is to end: the signal's number.
    Terminate(i32),
    /// The terminal is gone.
    HungUp,
    /// The core answered.
    Reply {
        /// The sign-in it belongs to: replies to an earlier one are dropped.
        generation: u64,
        /// What it said.
        reply: Box<Reply>,
    },
}

/// What the core answered to an [`Effect`].
#[derive(Debug)]
pub enum Reply {
    /// Which door to show.
    Door(Result<Door>),
    /// Signing in, registering or resuming came to an end.
    SignedIn(Result<Entered>),
    /// The password was checked at the lock.
    Unlocked(Result<()>),
    /// What the user prefers.
    Preferences(Result<Preferences>),
    /// The world changed.
    View(Arc<View>),
    /// Following the world ended.
    WatchEnded(Error),
    /// Images and bounds for the form.
    Catalogue(Result<(Vec<Image>, Allowance)>),
    /// A machine was asked for.
    Created {
        /// Its name.
        name: String,
        /// Whether it was accepted.
        result: Result<(VmId, OperationId)>,
    },
    /// An action was asked for.
    Acted {
        /// The machine's name.
        name: String,
        /// What was asked.
        action: Action,
        /// Whether it was accepted.
        result: Result<OperationId>,
    },
    /// An operation was looked up.
    Operation {
        /// Which.
        id: OperationId,
        /// What it is now.
        result: Result<Operation>,
    },
    /// Operations were listed.
    Operations {
        /// What was asked.
        query: OperationQuery,
        /// The page.
        result: Result<Vec<Operation>>,
    },
    /// Events were listed.
    Events {
        /// For which list.
        slot: Slot,
        /// What was asked.
        query: LogQuery,
        /// The page.
        result: Result<Vec<LogEvent>>,
    },
    /// An operation was asked to stop.
    Cancelled {
        /// Which.
        id: OperationId,
        /// Whether that was heard.
        result: Result<()>,
    },
    /// Something came of a console.
    Console {
        /// The number of its pane.
        pane: u64,
        /// What.
        reply: ConsoleReply,
    },
    /// Consoles were listed.
    Consoles(Result<Vec<ConsoleSession>>),
    /// Consoles were ended: how many.
    ConsolesEnded(Result<usize>),
    /// Ports were forwarded.
    Forwarded {
        /// The machine's name.
        name: String,
        /// Which, or why not.
        result: Result<Vec<Forward>>,
    },
    /// Forwards were taken back.
    ForwardTakenBack {
        /// The machine's name.
        name: String,
        /// Which, or why not.
        result: Result<Vec<Forward>>,
    },
    /// Recordings were listed.
    Recordings(Result<Vec<Recording>>),
    /// A recording was read.
    Played(Result<Box<Played>>),
    /// Something without another reply went wrong.
    Failed {
        /// What was being done: "saving preferences".
        what: &'static str,
        /// What was said.
        error: Error,
    },
}

/// What came of a console.
#[derive(Debug)]
pub enum ConsoleReply {
    /// It was asked for.
    Opened(Result<ConsoleId>),
    /// The guest wrote.
    Wrote(Words),
    /// Something became of the way to the guest.
    Line(Line),
    /// It is over.
    Ended(End),
}

/// Which list a page of events is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The log's tab.
    Log,
    /// The events of one machine, in its detail.
    Machine(VmId),
    /// What has not been looked at: counted in the header.
    Unseen,
}

/// Who came in.
#[derive(Clone, Debug)]
pub struct Entered {
    /// Their row.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their role at sign-in.
    pub role: Role,
    /// What they may do, as the core's pure rules say it.
    pub permit: Permit,
}

/// Why an action on a machine is refused now, if it is.
pub type Rule = Arc<dyn Fn(&Machine, Action) -> Option<String> + Send + Sync>;

/// The core's pure rules for one user. The screen asks them to grey a key; it holds none itself,
/// and never holds the user's `Ctx`.
#[derive(Clone)]
pub struct Permit {
    /// Why an action on a machine is refused now.
    pub act: Rule,
    /// Why the user may not make machines.
    pub create: Option<String>,
    /// Why a machine's console cannot be opened now.
    pub console: ConsoleRule,
    /// Why ports cannot be forwarded to a machine.
    pub forward: ForwardRule,
}

/// Why ports cannot be forwarded to a machine, if they cannot, by where machines run.
pub type ForwardRule = Arc<dyn Fn(&Machine, Option<Mode>) -> Option<String> + Send + Sync>;

/// Why a machine's console cannot be opened now, if it cannot.
pub type ConsoleRule = Arc<dyn Fn(&Machine, ConsoleKind) -> Option<String> + Send + Sync>;

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

/// A password on its way to the core; its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Something the screen wants done.
#[derive(Debug)]
pub enum Effect {
    /// Ask which door to show.
    AskDoor,
    /// Go on with the session whose token the options brought.
    Resume,
    /// Sign in.
    SignIn {
        /// Name as typed.
        username: String,
        /// Password as typed.
        password: Secret,
    },
    /// Make an account and sign in.
    Register {
        /// Name as typed.
        username: String,
        /// Address as typed.
        email: String,
        /// Password as typed.
        password: Secret,
    },
    /// End the session.
    SignOut,
    /// Note that the screen is locked.
    Lock,
    /// Check the password at the lock.
    Unlock(Secret),
    /// Read the preferences and follow the world.
    Follow,
    /// Keep preferences.
    SavePreferences(Preferences),
    /// Read images and bounds.
    LoadCatalogue,
    /// Ask for a machine.
    Create(Box<NewMachine>),
    /// Ask for an action.
    Act {
        /// On which machine.
        vm: VmId,
        /// Its name, for words.
        name: String,
        /// What.
        action: Action,
    },
    /// Look an operation up.
    LoadOperation(OperationId),
    /// List operations.
    LoadOperations(OperationQuery),
    /// Ask an operation to stop.
    Cancel(OperationId),
    /// List events.
    LoadEvents {
        /// For which list.
        slot: Slot,
        /// Which events.
        query: LogQuery,
    },
    /// Open a console; what comes of it goes to that pane.
    OpenConsole {
        /// The number of its pane.
        pane: u64,
        /// Which one, how.
        opening: Opening,
    },
    /// Type into a console.
    Type {
        /// The number of its pane.
        pane: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Hand on what a console's terminal answers by itself.
    Answer {
        /// The number of its pane.
        pane: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Tell a console its terminal's size.
    ResizeConsole {
        /// The number of its pane.
        pane: u64,
        /// Columns and rows.
        size: (u16, u16),
    },
    /// Leave a console.
    CloseConsole(u64),
    /// List consoles.
    LoadConsoles,
    /// End a console, wherever it is; all that may be ended if `None`.
    EndConsoles(Option<ConsoleId>),
    /// Forward a port to a machine.
    Forward {
        /// Which.
        vm: VmId,
        /// Its name.
        name: String,
        /// The port.
        wanted: WantedForward,
    },
    /// Take a forward of a machine back.
    TakeForwardBack {
        /// Which.
        vm: VmId,
        /// Its name.
        name: String,
        /// The forward.
        wanted: WantedForward,
    },
    /// List recordings.
    LoadRecordings,
    /// Read a recording.
    Play(RecordingId),
    /// Remove a recording.
    RemoveRecording(RecordingId),
    /// Hand a text to the terminal's clipboard.
    CopyOut(String),
    /// Draw everything anew: something else wrote on the terminal.
    Redraw,
    /// Give terminal and keeper back and stop until continued.
    Suspend {
        /// Stop the whole process group, as a terminal's Ctrl-Z does: `make` above this program, say.
        group: bool,
    },
}

/// How the program came to leave the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The user quit.
    Quit,
    /// A signal asked for it: its number.
    Signal(i32),
    /// The terminal went away.
    HungUp,
}
