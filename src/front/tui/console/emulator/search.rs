//! Searching history and screen for a text, over the breaks that the terminal made.
//!
//! Plain text, not a pattern: what is searched for are error messages and paths, full of dots and
//! brackets. Lower case finds both cases, a capital makes the search exact, as in less and vim.
//! One search reads each cell once or twice, whatever is searched for.

use super::text::{SPACERS, character, goes_on};
use super::{Emulator, Engine, Spot, to_line};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};

/// Longest text that is searched for, characters; the rest is left out.
const LONGEST: usize = 256;

/// Which way to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the newest line.
    Forward,
    /// Towards the oldest line.
    Backward,
}

/// What is searched for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    text: String,
    exact: bool,
}

impl Needle {
    fn new(text: &str) -> Option<Self> {
        let exact = text.chars().any(char::is_uppercase);
        let fold = |c| if exact { c } else { fold(c) };
        let text: String = text.chars().take(LONGEST).map(fold).collect();
        (!text.is_empty()).then_some(Self { text, exact })
    }
}

/// First and last cell of a match.
pub(super) type Match = (Point, Point);

/// Lines as one text, each character with its cell.
struct Flat {
    text: String,
    cells: Vec<Point>,
}

impl Flat {
    fn read(term: &Engine, lines: impl Iterator<Item = i32>, exact: bool) -> Self {
        let (mut text, mut cells) = (String::new(), Vec::new());
        for line in lines {
            let row = &term.grid()[Line(line)];
            for column in 0..term.columns() {
                let cell = &row[Column(column)];
                if cell.flags.intersects(SPACERS) {
                    continue;
                }
                let marks = cell.zerowidth().unwrap_or_default();
                for c in std::iter::once(character(cell)).chain(marks.iter().copied()) {
                    text.push(if exact { c } else { fold(c) });
                    cells.push(Point::new(Line(line), Column(column)));
                }
            }
        }
        Self { text, cells }
    }

    /// The first match in direction whose beginning is neither before nor after some cells.
    fn find(&self, needle: &str, from: Option<Point>, to: Option<Point>, way: Direction) -> Option<Match> {
        let low = from.map_or(0, |from| self.cells.partition_point(|cell| *cell < from));
        let high = to.map_or(self.cells.len(), |to| {
            self.cells.partition_point(|cell| *cell <= to)
        });
        if low >= high {
            return None;
        }
        let count = needle.chars().count();
        // A match that begins at the last allowed character ends so many after it.
        let (start, end) = (self.byte(low), self.byte(high.saturating_add(count - 1)));
        let part = &self.text[start..end];
        let at = match way {
            Direction::Forward => part.find(needle),
            Direction::Backward => part.rfind(needle),
        }?;
        let index = low + part[..at].chars().count();
        Some((*self.cells.get(index)?, *self.cells.get(index + count - 1)?))
    }

    /// Where a character begins, in bytes.
    fn byte(&self, index: usize) -> usize {
        self.text
            .char_indices()
            .nth(index)
            .map_or(self.text.len(), |(at, _)| at)
    }
}

/// Lower case, where that is one character.
fn fold(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => c,
    }
}

impl Emulator {
    /// Searches for a text from the copy cursor on, which is shown if it was not, and puts it on the
    /// match. Every match in view is marked until [`Emulator::end_search`]. Whether there is one.
    pub fn search(&mut self, text: &str, direction: Direction) -> bool {
        self.revision += 1;
        self.needle = Needle::new(text);
        if self.needle.is_none() {
            return false;
        }
        if !self.is_copying() {
            let size = self.size();
            let (column, row) = match direction {
                Direction::Forward => (0, 0),
                Direction::Backward => (size.columns - 1, size.rows - 1),
            };
            self.start_copy_at(self.point(Spot { column, row }));
        }
        let from = self.copy_point();
        self.go_to_match(Some(from), direction)
    }

    /// Goes on to the next match of the same text; after the last comes the first.
    pub fn search_again(&mut self, direction: Direction) -> bool {
        let at = self.copy_point();
        let last = self.term.last_column();
        let from = match direction {
            Direction::Forward if at.column < last => Some(Point::new(at.line, at.column + 1)),
            Direction::Forward if at.line < self.term.bottommost_line() => {
                Some(Point::new(at.line + 1, Column(0)))
            }
            Direction::Backward if at.column > 0 => Some(Point::new(at.line, at.column - 1)),
            Direction::Backward if at.line > self.term.topmost_line() => Some(Point::new(at.line - 1, last)),
            _ => None,
        };
        self.go_to_match(from, direction)
    }

    /// Marks no matches any more; the copy cursor stays.
    pub fn end_search(&mut self) {
        self.revision += 1;
        self.needle = None;
    }

    fn go_to_match(&mut self, from: Option<Point>, direction: Direction) -> bool {
        let found = self
            .needle
            .as_ref()
            .and_then(|needle| self.find(needle, from, direction));
        if let Some((start, _)) = found {
            self.copy_to(start);
        }
        found.is_some()
    }

    /// The nearest match that begins at `from` or beyond, else the first from the other end.
    fn find(&self, needle: &Needle, from: Option<Point>, direction: Direction) -> Option<Match> {
        let found = from.and_then(|from| match direction {
            Direction::Forward => self.scan(needle, (Some(from), None), direction),
            Direction::Backward => self.scan(needle, (None, Some(from)), direction),
        });
        found.or_else(|| self.scan(needle, (None, None), direction))
    }

    /// Reads line by line, each as the guest wrote it, between two cells.
    fn scan(
        &self,
        needle: &Needle,
        (from, to): (Option<Point>, Option<Point>),
        way: Direction,
    ) -> Option<Match> {
        let term = &self.term;
        let (top, bottom) = (term.topmost_line(), term.bottommost_line());
        let mut line = match way {
            Direction::Forward => self.line_start(from.map_or(top, |from| from.line)),
            Direction::Backward => self.line_start(to.map_or(bottom, |to| to.line)),
        };
        loop {
            let end = self.line_stop(line);
            let flat = Flat::read(term, line.0..=end.0, needle.exact);
            if let Some(found) = flat.find(&needle.text, from, to, way) {
                return Some(found);
            }
            line = match way {
                Direction::Forward if end < bottom => end + 1,
                Direction::Backward if line > top => self.line_start(line - 1),
                _ => return None,
            };
        }
    }

    /// The row where a line of the guest begins.
    fn line_start(&self, mut line: Line) -> Line {
        while line > self.term.topmost_line() && goes_on(&self.term, line - 1) {
            line -= 1;
        }
        line
    }

    /// The row where a line of the guest ends.
    fn line_stop(&self, mut line: Line) -> Line {
        while goes_on(&self.term, line) {
            line += 1;
        }
        line
    }

    /// The matches in view, in order; those that only begin above or end below it, too.
    pub(super) fn matches(&self) -> Vec<Match> {
        let Some(needle) = &self.needle else {
            return Vec::new();
        };
        let term = &self.term;
        let rows = to_line(term.screen_lines());
        let top = Line(-to_line(self.scrolled_back()));
        // A match reaches over so many rows at most; a line may be as long as the history.
        let reach = to_line(needle.text.chars().count() / term.columns().max(1) + 1);
        let mut line = self.line_start(top).max(top - reach);
        let end = (top + (rows - 1 + reach)).min(term.bottommost_line());
        let mut found = Vec::new();
        while line <= end {
            let stop = self.line_stop(line).min(end);
            let flat = Flat::read(term, line.0..=stop.0, needle.exact);
            let count = needle.text.chars().count();
            let (mut index, mut byte) = (0, 0);
            for (at, _) in flat.text.match_indices(&needle.text) {
                index += flat.text[byte..at].chars().count();
                byte = at;
                if let (Some(start), Some(end)) = (flat.cells.get(index), flat.cells.get(index + count - 1)) {
                    found.push((*start, *end));
                }
            }
            line = stop + 1;
        }
        found
    }
}
