//! One console on the screen: the guest's terminal, and what is known of the way to it.

use super::{Emulator, TerminalSize};
use crate::core::consoles::{End, Line};
use crate::model::{ConsoleId, ConsoleKind, RecordingMode, VmId};
use std::collections::VecDeque;
use std::fmt;
use tokio::sync::OwnedSemaphorePermit;

/// What a serial line's terminal has until the guest is told otherwise.
pub(crate) const SERIAL: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};
/// Work of the emulator in one turn, so that a flood keeps nobody's keys waiting: a few
/// milliseconds (see [`Emulator::feed_within`]).
const TURN: usize = 1_000_000;

/// A guest's words on their way to the emulator. While this exists, no more of them come.
#[derive(Debug)]
pub struct Words {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// They were written before anybody listened: the terminal answers nothing to them.
    pub past: bool,
    /// Given back when they were taken in.
    pub turn: OwnedSemaphorePermit,
}

/// Where the way to the guest stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Asked for.
    Opening,
    /// It stands.
    Attached,
    /// It does not, and is tried again.
    Waiting(String),
    /// Over; the picture stays until the pane is closed.
    Ended(String),
}

/// A console on the screen.
pub(crate) struct Pane {
    /// Its number on this screen, which goes with its effects and replies.
    pub(crate) number: u64,
    pub(crate) vm: VmId,
    pub(crate) name: String,
    pub(crate) kind: ConsoleKind,
    pub(crate) id: Option<ConsoleId>,
    pub(crate) way: Way,
    pub(crate) recording: RecordingMode,
    /// Bytes that the guest wrote and nobody could keep; `None` if nobody counted.
    pub(crate) missing: Option<u64>,
    pub(crate) emulator: Emulator,
    waiting: VecDeque<Words>,
    taken: usize,
}

impl Pane {
    pub(crate) fn new(
        number: u64,
        (vm, name): (VmId, String),
        kind: ConsoleKind,
        terminal: Emulator,
    ) -> Self {
        Self {
            number,
            vm,
            name,
            kind,
            id: None,
            way: Way::Opening,
            recording: RecordingMode::Off,
            missing: Some(0),
            emulator: terminal,
            waiting: VecDeque::new(),
            taken: 0,
        }
    }

    /// The guest wrote.
    pub(crate) fn hear(&mut self, words: Words) {
        self.waiting.push_back(words);
        self.work();
    }

    /// Whether some of the guest's words wait for the next turn.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes in what waits, for one turn at most.
    pub(crate) fn work(&mut self) {
        let Some(words) = self.waiting.front() else {
            return;
        };
        self.taken += self.emulator.feed_within(&words.bytes[self.taken..], TURN);
        if words.past {
            self.emulator.take_replies();
        }
        if self.taken >= words.bytes.len() {
            self.taken = 0;
            self.waiting.pop_front();
        }
    }

    /// Something became of the way.
    pub(crate) fn line(&mut self, line: Line) {
        match line {
            Line::Attached => self.way = Way::Attached,
            Line::Waiting(reason) => self.way = Way::Waiting(reason),
            Line::Recording(mode) => self.recording = mode,
            Line::Missing(Some(count)) => self.missing = self.missing.map(|missing| missing + count),
            Line::Missing(None) => self.missing = None,
        }
    }

    /// It is over.
    pub(crate) fn end(&mut self, end: &End) {
        self.way = Way::Ended(end.to_string());
        self.recording = RecordingMode::Off;
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.way, Way::Ended(_))
    }

    /// The title above it: what, where, and how it stands.
    pub(crate) fn title(&self) -> String {
        let size = self.emulator.size();
        let mut title = format!("{} ── {}", self.name, self.kind.title());
        match &self.way {
            Way::Opening => title.push_str(" ── ◌ opening"),
            Way::Attached => title.push_str(&format!(" ── ● {}×{}", size.columns, size.rows)),
            Way::Waiting(reason) => title.push_str(&format!(" ── ◌ {reason}; waiting")),
            Way::Ended(how) => title.push_str(&format!(" ── ✗ {how}")),
        }
        match self.recording {
            RecordingMode::Off => {}
            RecordingMode::Output => title.push_str(" ── ◉ recorded"),
            RecordingMode::Input => title.push_str(" ── ◉ recorded with what you type"),
        }
        match self.missing {
            Some(0) => {}
            Some(count) => title.push_str(&format!(" ── {count} bytes missing")),
            None => title.push_str(" ── some output is missing"),
        }
        let back = self.emulator.scrolled_back();
        if back > 0 {
            title.push_str(&format!(" ── ↑ {back} lines"));
        }
        title
    }
}

impl fmt::Debug for Pane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pane")
            .field("number", &self.number)
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}
