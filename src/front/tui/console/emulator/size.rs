//! How large a terminal is, and how many lines a budget of memory buys.

use alacritty_terminal::grid::{Dimensions, Row};
use alacritty_terminal::term::cell::Cell;

/// Two columns hold a wide character; with one the engine never finds a place for it.
const SMALLEST: TerminalSize = TerminalSize { columns: 2, rows: 1 };
/// More than the largest screens show in the smallest type; a screen of this size takes 24 MB.
pub(super) const LARGEST: TerminalSize = TerminalSize {
    columns: 1_000,
    rows: 500,
};
/// Lines that are kept at most, however narrow.
const LONGEST_HISTORY: usize = 100_000;

/// A terminal's size in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Cells in a row.
    pub columns: u16,
    /// Rows on the screen.
    pub rows: u16,
}

impl TerminalSize {
    /// The nearest size that can be shown.
    pub(super) fn clamp(self) -> Self {
        Self {
            columns: self.columns.clamp(SMALLEST.columns, LARGEST.columns),
            rows: self.rows.clamp(SMALLEST.rows, LARGEST.rows),
        }
    }
}

/// Lines of so many columns that a budget buys.
pub(super) fn history_lines(bytes: usize, columns: u16) -> usize {
    let line = usize::from(columns) * size_of::<Cell>() + size_of::<Row<Cell>>();
    (bytes / line).min(LONGEST_HISTORY)
}

impl Dimensions for TerminalSize {
    fn total_lines(&self) -> usize {
        self.rows.into()
    }
    fn screen_lines(&self) -> usize {
        self.rows.into()
    }
    fn columns(&self) -> usize {
        self.columns.into()
    }
}
