//! What can happen to the screen, and what the screen can want.
//!
//! Everything that happens is an [`Event`] on one bounded channel: keys, signals, time, and
//! replies of the core. Everything the screen wants is an [`Effect`], which somebody else
//! carries out. Between the two stands `State::update`, which does neither IO nor waiting.

use super::console::Words;
pub use super::entered::{Entered, Permit, Rule, Secret};
use crate::core::consoles::{End, Line, Played};
use crate::core::{
    Action, Allowance, Door, Error, LogQuery, NewMachine, Opening, OperationQuery, Result, View,
};
use crate::model::{
    ConsoleId, ConsoleSession, Event as LogEvent, Forward, Image, Operation, OperationId, Preferences,
    Progress, Recording, RecordingId, VmId, WantedForward,
};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Size;
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
    /// Something came of images.
    Image(ImageReply),
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

/// What is wanted of images.
#[derive(Debug)]
pub enum ImageWish {
    /// The catalogue with what is on this host.
    List,
    /// The newest of that id.
    Pull(String),
    /// Every byte of it compared with what came.
    Verify(String),
    /// It is to go from this host.
    Remove(String),
    /// What nobody needs is to go.
    Clean,
}

/// What came of images.
#[derive(Debug)]
pub enum ImageReply {
    /// They were listed.
    Listed(Result<Vec<Image>>),
    /// A download was asked for.
    Pulled {
        /// Of which.
        id: String,
        /// Whether it was accepted.
        result: Result<OperationId>,
    },
    /// One is being read.
    Verifying {
        /// Which.
        id: String,
        /// How far that is.
        progress: Progress,
    },
    /// One was read: how many versions, and how many of them are not what came.
    Verified {
        /// Which.
        id: String,
        /// What was found.
        result: Result<(usize, usize)>,
    },
    /// One was removed: the bytes that are free now.
    Removed {
        /// Which.
        id: String,
        /// Whether it is gone.
        result: Result<u64>,
    },
    /// What nobody needs was removed: the bytes that are free now.
    Cleaned(Result<u64>),
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
    /// Something about images.
    Image(ImageWish),
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
