//! The grid as text: what is on the screen, what is kept, and lines as they were before the
//! terminal broke them.

use super::{Emulator, Engine, to_line};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::{Cell, Flags};
use std::ops::RangeInclusive;

/// Cells that only fill the room of a wide character.
pub(super) const SPACERS: Flags = Flags::WIDE_CHAR_SPACER.union(Flags::LEADING_WIDE_CHAR_SPACER);

/// The character of a cell. The engine keeps a tab in the cell where it began.
pub(super) fn character(cell: &Cell) -> char {
    if cell.c == '\t' { ' ' } else { cell.c }
}

/// Whether a line goes on in the next one: the terminal broke it, not the guest.
pub(super) fn goes_on(term: &Engine, line: Line) -> bool {
    line < term.bottommost_line()
        && term.grid()[line][term.last_column()]
            .flags
            .contains(Flags::WRAPLINE)
}

/// Appends the text of some columns of a line.
pub(super) fn append(term: &Engine, line: Line, columns: RangeInclusive<usize>, text: &mut String) {
    let row = &term.grid()[line];
    for column in columns {
        let cell = &row[Column(column)];
        if !cell.flags.intersects(SPACERS) {
            text.push(character(cell));
            text.extend(cell.zerowidth().into_iter().flatten());
        }
    }
}

/// Text between two cells, both included, with lines as the guest wrote them.
pub(super) fn between(term: &Engine, start: Point, end: Point) -> String {
    let last = term.last_column().0;
    let mut text = String::new();
    for line in start.line.0..=end.line.0 {
        let line = Line(line);
        let from = if line == start.line { start.column.0 } else { 0 };
        let to = if line == end.line { end.column.0 } else { last };
        let begin = text.len();
        append(term, line, from..=to, &mut text);
        if to < last || !goes_on(term, line) {
            trim(&mut text, begin);
        }
        if line != end.line && !goes_on(term, line) {
            text.push('\n');
        }
    }
    text
}

/// Removes blanks at the end, down to a length.
fn trim(text: &mut String, begin: usize) {
    let kept = text[begin..].trim_end_matches(' ').len();
    text.truncate(begin + kept);
}

impl Emulator {
    /// The rows of the view as they are on the screen, without blanks at their ends.
    pub fn lines(&self) -> Vec<String> {
        let last = self.term.last_column().0;
        (0..self.term.screen_lines())
            .map(|row| {
                let mut text = String::new();
                let line = Line(to_line(row) - to_line(self.scrolled_back()));
                append(&self.term, line, 0..=last, &mut text);
                trim(&mut text, 0);
                text
            })
            .collect()
    }

    /// History and screen, with lines as the guest wrote them and none that are blank at the end.
    /// Nothing in it acts or hides: it can be saved and shown.
    pub fn text(&self) -> String {
        let start = Point::new(self.term.topmost_line(), Column(0));
        let end = Point::new(self.term.bottommost_line(), self.term.last_column());
        let mut text = between(&self.term, start, end);
        text.truncate(text.trim_end_matches('\n').len());
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}
