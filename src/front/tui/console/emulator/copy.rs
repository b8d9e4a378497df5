//! The cursor of the copy mode: the user's own, which walks over the history, marks text and is
//! where a search begins. The guest does not see it. It moves with the text below it.

use super::text::{SPACERS, character};
use super::{Emulator, Scroll, SelectionKind, Spot, to_line};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};

/// The copy mode.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copy {
    /// Whether the selection follows the cursor.
    selecting: bool,
}

/// A step of the copy cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMove {
    /// One character to the left.
    Left,
    /// One character to the right.
    Right,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// To the first column.
    LineStart,
    /// To the last character of the row.
    LineEnd,
    /// To the beginning of the next word.
    NextWord,
    /// To the beginning of this word or the one before.
    PreviousWord,
    /// One screen into the past.
    PageUp,
    /// One screen back.
    PageDown,
    /// To the oldest line.
    Top,
    /// To the last line.
    Bottom,
}

/// What words are made of: runs of one of these.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Letter,
    Other,
}

impl Emulator {
    /// Shows the copy cursor, where the guest's is if that is in view.
    pub fn start_copy(&mut self) {
        if self.copy.is_some() {
            return;
        }
        let bottom = Spot {
            column: 0,
            row: self.size().rows - 1,
        };
        let guest = self.term.grid().cursor.point;
        let at = self.spot(guest).map_or(self.point(bottom), |_| guest);
        self.start_copy_at(at);
    }

    pub(super) fn start_copy_at(&mut self, point: Point) {
        self.revision += 1;
        self.copy = Some(Copy::default());
        self.term.vi_mode_cursor.point = point;
    }

    /// Begins to mark text at `spot`, with the copy cursor on it.
    pub fn mark_from(&mut self, spot: Spot) {
        self.end_copy();
        self.start_copy_at(self.point(spot));
        self.select_from_copy(SelectionKind::Characters);
    }

    /// Marks text up to `spot`.
    pub fn mark_to(&mut self, spot: Spot) {
        self.copy_to(self.point(spot));
    }

    /// Leaves the copy mode: no cursor, no selection, no search. The view stays.
    pub fn end_copy(&mut self) {
        self.copy = None;
        self.needle = None;
        self.clear_selection();
    }

    /// Whether the copy cursor is shown.
    pub fn is_copying(&self) -> bool {
        self.copy.is_some()
    }

    /// Where the copy cursor is. It never leaves the view.
    pub fn copy_spot(&self) -> Option<Spot> {
        self.copy?;
        self.spot(self.copy_point())
    }

    /// Begins a selection at the copy cursor, which follows it from now on.
    pub fn select_from_copy(&mut self, kind: SelectionKind) {
        let point = self.copy_point();
        if let Some(copy) = &mut self.copy {
            copy.selecting = true;
            self.select_point(point, kind);
        }
    }

    /// Lets go of the selection; the copy cursor stays.
    pub fn unselect_from_copy(&mut self) {
        if let Some(copy) = &mut self.copy {
            copy.selecting = false;
        }
        self.clear_selection();
    }

    /// Moves the copy cursor, and the view with it.
    pub fn move_copy(&mut self, step: CopyMove) {
        if self.copy.is_none() {
            return;
        }
        let at = self.copy_point();
        let (top, bottom) = (self.term.topmost_line(), self.term.bottommost_line());
        let rows = to_line(self.term.screen_lines());
        let to_row = |line: Line| Point::new(line.max(top).min(bottom), at.column);
        let to = match step {
            CopyMove::Left => self.before(at).filter(|it| it.line == at.line).unwrap_or(at),
            CopyMove::Right => self.after(at).filter(|it| it.line == at.line).unwrap_or(at),
            CopyMove::Up => to_row(at.line - 1),
            CopyMove::Down => to_row(at.line + 1),
            CopyMove::LineStart => Point::new(at.line, Column(0)),
            CopyMove::LineEnd => self.line_end(at.line),
            CopyMove::NextWord => self.next_word(at),
            CopyMove::PreviousWord => self.previous_word(at),
            CopyMove::PageUp => to_row(at.line - rows),
            CopyMove::PageDown => to_row(at.line + rows),
            CopyMove::Top => Point::new(top, Column(0)),
            CopyMove::Bottom => to_row(bottom),
        };
        match step {
            CopyMove::PageUp => self.scroll(Scroll::PageUp),
            CopyMove::PageDown => self.scroll(Scroll::PageDown),
            _ => {}
        }
        self.copy_to(to);
    }

    /// Puts the copy cursor on a cell and brings it into view.
    pub(super) fn copy_to(&mut self, point: Point) {
        self.revision += 1;
        self.term.scroll_to_point(point);
        self.term.vi_mode_cursor.point = point;
        if self.copy.is_some_and(|copy| copy.selecting) {
            self.extend_to_point(point);
        }
    }

    /// The cell of the copy cursor. The engine moves it with the text, but not when the screens are
    /// swapped.
    pub(super) fn copy_point(&self) -> Point {
        let point = self.term.vi_mode_cursor.point;
        let top = Line(-to_line(self.scrolled_back()));
        let bottom = top + (to_line(self.term.screen_lines()) - 1);
        let line = point.line.max(top).min(bottom);
        self.first_cell(Point::new(line, point.column.min(self.term.last_column())))
    }

    /// The cell that holds the character shown in a cell.
    fn first_cell(&self, mut point: Point) -> Point {
        if point.column > 0 && self.term.grid()[point].flags.intersects(SPACERS) {
            point.column -= 1;
        }
        point
    }

    fn class(&self, point: Point) -> Class {
        match character(&self.term.grid()[self.first_cell(point)]) {
            c if c.is_whitespace() => Class::Blank,
            c if c.is_alphanumeric() || c == '_' => Class::Letter,
            _ => Class::Other,
        }
    }

    /// The next character's cell, in the next row if need be.
    fn after(&self, point: Point) -> Option<Point> {
        let row = &self.term.grid()[point.line];
        let next = (point.column.0 + 1..self.term.columns())
            .find(|column| !row[Column(*column)].flags.intersects(SPACERS));
        match next {
            Some(column) => Some(Point::new(point.line, Column(column))),
            None if point.line < self.term.bottommost_line() => Some(Point::new(point.line + 1, Column(0))),
            None => None,
        }
    }

    /// The previous character's cell, in the previous row if need be.
    fn before(&self, point: Point) -> Option<Point> {
        let last = self.term.last_column();
        match point.column.0.checked_sub(1) {
            Some(column) => Some(self.first_cell(Point::new(point.line, Column(column)))),
            None if point.line > self.term.topmost_line() => {
                Some(self.first_cell(Point::new(point.line - 1, last)))
            }
            None => None,
        }
    }

    /// Whether a word may go on from a cell into the next.
    fn joined(&self, from: Point, to: Point) -> bool {
        from.line == to.line || super::text::goes_on(&self.term, from.line.min(to.line))
    }

    fn line_end(&self, line: Line) -> Point {
        let row = &self.term.grid()[line];
        let end = (0..self.term.columns())
            .rev()
            .find(|column| character(&row[Column(*column)]) != ' ');
        Point::new(line, Column(end.unwrap_or(0)))
    }

    fn next_word(&self, from: Point) -> Point {
        let (mut at, class) = (from, self.class(from));
        let mut inside = class != Class::Blank;
        while let Some(next) = self.after(at) {
            inside = inside && self.joined(at, next) && self.class(next) == class;
            at = next;
            if !inside && self.class(at) != Class::Blank {
                return at;
            }
        }
        from
    }

    fn previous_word(&self, from: Point) -> Point {
        let mut at = from;
        while let Some(before) = self.before(at) {
            at = before;
            if self.class(at) != Class::Blank {
                break;
            }
        }
        let class = self.class(at);
        while let Some(before) = self.before(at) {
            if class == Class::Blank || !self.joined(before, at) || self.class(before) != class {
                break;
            }
            at = before;
        }
        at
    }
}
