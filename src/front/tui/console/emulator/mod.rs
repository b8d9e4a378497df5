//! A guest's terminal: its bytes become a grid with a history.
//!
//! This folder is the only place that knows the engine, `alacritty_terminal`; the rest of the
//! program sees [`Emulator`] and plain types. Between the bytes and the engine stand gates: `seams`
//! keeps characters whole, `parts` cuts out what a terminal's strings carry, `guest` lists what the rest may do. So a
//! guest reaches its own grid, two harmless reports and a bell; and whatever it sends, it takes no more
//! memory than the history's budget, as much again for combining marks, and its screens.
//!
//! In reading order: `size`, `seams`, `parts`, `guest`, `printing`, this file, `modes`, `screen` (what is to be seen),
//! `text`, `search`, `selection`, `copy`.

mod copy;
mod guest;
mod modes;
mod parts;
mod printing;
mod screen;
mod seams;
mod search;
mod selection;
mod size;
mod text;

pub use copy::CopyMove;
pub use modes::{Modes, MouseReports};
pub use screen::{Cursor, CursorShape, Glyph, Highlight, Screen};
pub use search::Direction;
pub use selection::SelectionKind;
pub use size::TerminalSize;

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::{self, Dimensions, Row};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::term::{Config, Osc52, TermMode};
use alacritty_terminal::vte::ansi::{Processor, Timeout};
use guest::{Account, Guest};
use parts::{Part, Parts};
use seams::Seams;
use size::{LARGEST, history_lines};
use std::fmt;
use std::time::Duration;

/// The engine. It tells nobody anything: `guest` answers before it could.
type Engine = Term<VoidListener>;

/// What marks add to a cell, bytes: two allocations of 56 and 16, rounded up by the allocator.
const MARKED_CELL: usize = 100;
/// Cells that may have marks in a terminal without a history to speak of.
const LEAST_MARKED: usize = 10_000;
/// Bytes that are parsed before work is counted again.
const PIECE: usize = 512;

/// A cell of the viewport, counted from 0 at its left and top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// From the left.
    pub column: u16,
    /// From the top.
    pub row: u16,
}

/// How far to move the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scroll {
    /// So many lines into the past, or back if negative.
    Lines(i32),
    /// One screen into the past.
    PageUp,
    /// One screen back.
    PageDown,
    /// To the oldest line.
    Top,
    /// To where the guest writes.
    Bottom,
}

/// A guest's terminal.
pub struct Emulator {
    term: Engine,
    parser: Processor<AtOnce>,
    seams: Seams,
    parts: Parts,
    account: Account,
    scrollback_bytes: usize,
    /// Rows may hold more memory than they use, after the screen became narrower.
    loose: bool,
    revision: u64,
    needle: Option<search::Needle>,
    copy: Option<copy::Copy>,
}

impl Emulator {
    /// An empty screen. The history may take `scrollback_bytes`, at 24 bytes per cell; sizes are
    /// clamped to what can be shown (2×1 to 1,000×500).
    pub fn new(size: TerminalSize, scrollback_bytes: usize) -> Self {
        let size = size.clamp();
        let history = history_lines(scrollback_bytes, size.columns);
        Self {
            term: Term::new(config(history), &size, VoidListener),
            parser: printing::parser(),
            seams: Seams::default(),
            parts: Parts::default(),
            account: Account::new(most_marked(scrollback_bytes)),
            scrollback_bytes,
            loose: false,
            revision: 0,
            needle: None,
            copy: None,
        }
    }

    /// Takes output of the guest, in whatever pieces it comes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_within(bytes, usize::MAX);
    }

    /// Takes output of the guest until so much work is done, and says how many bytes it took. The
    /// unit is a cell touched, some nanoseconds: a screenful can cost three bytes or two thousand,
    /// so a reader that must not keep its screen waiting counts work, not bytes.
    pub fn feed_within(&mut self, bytes: &[u8], work: usize) -> usize {
        self.revision += 1;
        self.tidy();
        self.count_marks();
        self.account.work = 0;
        let columns = self.term.columns();
        let mut taken = 0;
        while taken < bytes.len() && self.account.work < work {
            let (piece, used) = self.seams.piece(&bytes[taken..], PIECE);
            let piece = piece.bytes();
            self.account.begin(piece.len(), columns);
            let mut guest = Guest {
                term: &mut self.term,
                account: &mut self.account,
            };
            let parser = &mut self.parser;
            self.parts.split(piece, |part| match part {
                Part::Text(text) => guest.print_text(text),
                Part::Repetition(end) => guest.repeating(|guest| parser.advance(guest, end)),
                Part::Output(bytes) => parser.advance(&mut guest, bytes),
            });
            taken += used;
        }
        self.clamp_view();
        taken
    }

    /// Work that the output taken last made, in the unit of [`Emulator::feed_within`].
    pub fn work(&self) -> usize {
        self.account.work
    }

    /// What the terminal answers to the guest's questions, once; at most 4 KiB wait.
    pub fn take_replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.account.replies)
    }

    /// Whether the bell rang since this was asked last.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.account.bell)
    }

    /// Changes whenever something may look different: a frame of the same revision is the same.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes the screen larger or smaller; lines that the terminal broke are broken anew. The
    /// history's budget buys more lines of fewer columns.
    pub fn resize(&mut self, size: TerminalSize) {
        let (old, new) = (self.size(), size.clamp());
        if old == new {
            return;
        }
        self.revision += 1;
        let history = history_lines(self.scrollback_bytes, new.columns);
        // Room first, so that narrower lines lose nothing; wider ones are cut to it afterwards.
        if new.columns < old.columns {
            self.term.set_options(config(history));
        }
        self.term.resize(new);
        if new.columns > old.columns {
            self.term.set_options(config(history));
        }
        self.account.region_top = 0;
        self.clamp_view();
        self.loose |= new.columns < old.columns;
        self.tidy();
    }

    /// Where no marks are left, sees how many have gone out of the history meanwhile. That reads all
    /// of it, so not often; and of the two screens only the one with a history counts.
    fn count_marks(&mut self) {
        if !self.account.is_count_due() || self.term.mode().contains(TermMode::ALT_SCREEN) {
            return;
        }
        let lines = self.term.topmost_line().0..=self.term.bottommost_line().0;
        let marked = lines
            .flat_map(|line| self.term.grid()[Line(line)][..].iter())
            .filter(|cell| cell.extra.is_some())
            .count();
        self.account.counted(most_marked(self.scrollback_bytes), marked);
    }

    /// The view stays inside of the history: the engine does not promise it, and would read past the
    /// history's end. `guest` keeps the one known way there shut.
    fn clamp_view(&mut self) {
        if self.scrolled_back() > self.history_len() {
            self.term.grid_mut().scroll_display(grid::Scroll::Top);
        }
    }

    /// Rows that were cut keep their memory: gives it back. The hidden one of the two screens is
    /// out of reach until it is shown.
    fn tidy(&mut self) {
        if !self.loose || self.term.mode().contains(TermMode::ALT_SCREEN) {
            return;
        }
        self.loose = false;
        for line in self.term.topmost_line().0..=self.term.bottommost_line().0 {
            let row = &mut self.term.grid_mut()[Line(line)];
            let exact: Row<Cell> = row.clone();
            *row = exact;
        }
    }

    /// The screen's size.
    pub fn size(&self) -> TerminalSize {
        TerminalSize {
            columns: u16::try_from(self.term.columns()).unwrap_or(LARGEST.columns),
            rows: u16::try_from(self.term.screen_lines()).unwrap_or(LARGEST.rows),
        }
    }

    /// Moves the view.
    pub fn scroll(&mut self, scroll: Scroll) {
        self.revision += 1;
        self.term.scroll_display(match scroll {
            // The engine adds this to its position, unchecked.
            Scroll::Lines(lines) => grid::Scroll::Delta(lines.clamp(-MOST_LINES, MOST_LINES)),
            Scroll::PageUp => grid::Scroll::PageUp,
            Scroll::PageDown => grid::Scroll::PageDown,
            Scroll::Top => grid::Scroll::Top,
            Scroll::Bottom => grid::Scroll::Bottom,
        });
    }

    /// Lines between the view and where the guest writes.
    pub fn scrolled_back(&self) -> usize {
        self.term.grid().display_offset()
    }

    /// Lines above the screen.
    pub fn history_len(&self) -> usize {
        self.term.history_size()
    }

    /// The cell of the grid that a cell of the viewport shows, the nearest if there is none.
    fn point(&self, spot: Spot) -> Point {
        let row = usize::from(spot.row).min(self.term.screen_lines() - 1);
        let column = usize::from(spot.column).min(self.term.columns() - 1);
        Point::new(Line(to_line(row) - to_line(self.scrolled_back())), Column(column))
    }

    /// The cell of the viewport that shows a cell of the grid, if one does.
    fn spot(&self, point: Point) -> Option<Spot> {
        let row = u16::try_from(point.line.0 + to_line(self.scrolled_back())).ok()?;
        let column = u16::try_from(point.column.0).ok()?;
        let size = self.size();
        (row < size.rows && column < size.columns).then_some(Spot { column, row })
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("size", &self.size())
            .field("history", &self.history_len())
            .finish_non_exhaustive()
    }
}

/// Beyond any history.
const MOST_LINES: i32 = 1_000_000;

/// A count of lines as the engine counts them.
fn to_line(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(MOST_LINES)
}

/// Cells that may have marks: as many as take the history's budget once more.
fn most_marked(scrollback_bytes: usize) -> usize {
    (scrollback_bytes / MARKED_CELL).max(LEAST_MARKED)
}

fn config(history: usize) -> Config {
    Config {
        scrolling_history: history,
        osc52: Osc52::Disabled,
        ..Config::default()
    }
}

/// Synchronized updates (2026) take effect as they come. The screen draws at most once in 16 ms and
/// only after what has arrived was parsed; holding back up to 2 MB for 150 ms would add a clock and
/// a way to freeze, and spare one torn frame.
#[derive(Debug, Default)]
struct AtOnce;

impl Timeout for AtOnce {
    fn set_timeout(&mut self, _: Duration) {}
    fn clear_timeout(&mut self) {}
    fn pending_timeout(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
