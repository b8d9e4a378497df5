//! What is to be seen: the view's cells in terms of the screen they are drawn on.

use super::search::Match;
use super::text::{SPACERS, character};
use super::{Emulator, Spot, to_line};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::selection::SelectionRange;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi;
use ratatui::style::{Color, Modifier};

/// A cell of the view.
#[derive(Clone, Copy, Debug)]
pub struct Glyph<'a> {
    /// The character; a blank where a wide one before it needs the room.
    pub character: char,
    /// Combining marks on it.
    pub marks: &'a [char],
    /// Its colour, if the guest chose one.
    pub foreground: Option<Color>,
    /// The colour behind it, if the guest chose one.
    pub background: Option<Color>,
    /// Bold, underlined and so on.
    pub modifier: Modifier,
    /// Whether it is the room of the wide character before it.
    pub spacer: bool,
    /// What the user marked it as.
    pub highlight: Highlight,
}

/// What the user marked a cell as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Highlight {
    /// Nothing.
    #[default]
    None,
    /// Part of the selection.
    Selected,
    /// Part of a match of the search.
    Match,
    /// Part of the match that the copy cursor is on.
    CurrentMatch,
}

/// How a cursor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorShape {
    /// A full cell.
    Block,
    /// A line below the character.
    Underline,
    /// A line before the character.
    Bar,
}

/// A cursor in the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its cell.
    pub spot: Spot,
    /// How it looks.
    pub shape: CursorShape,
}

/// The view of an emulator, at one moment.
pub struct Screen<'a> {
    emulator: &'a Emulator,
    selection: Option<SelectionRange>,
    matches: Vec<Match>,
}

impl Emulator {
    /// What is to be seen now.
    pub fn screen(&self) -> Screen<'_> {
        let selection = self.term.selection.as_ref();
        Screen {
            emulator: self,
            selection: selection.and_then(|selection| selection.to_range(&self.term)),
            matches: self.matches(),
        }
    }
}

impl Screen<'_> {
    /// The cells of a row from its left, counted from the view's top; none below it.
    pub fn row(&self, row: u16) -> impl Iterator<Item = Glyph<'_>> {
        let term = &self.emulator.term;
        let exists = usize::from(row) < term.screen_lines();
        let line = Line(i32::from(row) - to_line(self.emulator.scrolled_back()));
        let cells = if exists { &term.grid()[line][..] } else { &[] };
        let plain = self.is_plain(line);
        cells.iter().enumerate().map(move |(column, cell)| {
            let highlight = if plain {
                Highlight::None
            } else {
                self.highlight(Point::new(line, Column(column)))
            };
            glyph(cell, highlight)
        })
    }

    /// The cursor that is to be shown: the copy cursor, else the guest's if it wants one.
    pub fn cursor(&self) -> Option<Cursor> {
        let emulator = self.emulator;
        if let Some(spot) = emulator.copy_spot() {
            let shape = CursorShape::Block;
            return Some(Cursor { spot, shape });
        }
        if !emulator.term.mode().contains(TermMode::SHOW_CURSOR) {
            return None;
        }
        let shape = match emulator.term.cursor_style().shape {
            ansi::CursorShape::Block | ansi::CursorShape::HollowBlock => CursorShape::Block,
            ansi::CursorShape::Underline => CursorShape::Underline,
            ansi::CursorShape::Beam => CursorShape::Bar,
            ansi::CursorShape::Hidden => return None,
        };
        let spot = emulator.spot(emulator.term.grid().cursor.point)?;
        Some(Cursor { spot, shape })
    }

    /// Whether nothing in a row is marked.
    fn is_plain(&self, line: Line) -> bool {
        let reaches = |start: Point, end: Point| start.line <= line && line <= end.line;
        !self.selection.is_some_and(|it| reaches(it.start, it.end))
            && !self.matches.iter().any(|(start, end)| reaches(*start, *end))
    }

    fn highlight(&self, point: Point) -> Highlight {
        if self.selection.is_some_and(|it| it.contains(point)) {
            return Highlight::Selected;
        }
        // The last that begins here or before.
        let after = self.matches.partition_point(|(start, _)| *start <= point);
        let before = after.checked_sub(1).and_then(|at| self.matches.get(at));
        match before {
            Some((start, end)) if *end >= point => {
                if *start == self.emulator.copy_point() {
                    Highlight::CurrentMatch
                } else {
                    Highlight::Match
                }
            }
            _ => Highlight::None,
        }
    }
}

#[inline]
fn glyph(cell: &Cell, highlight: Highlight) -> Glyph<'_> {
    Glyph {
        character: character(cell),
        marks: cell.zerowidth().unwrap_or_default(),
        foreground: colour(cell.fg),
        background: colour(cell.bg),
        modifier: modifier(cell.flags),
        spacer: cell.flags.intersects(SPACERS),
        highlight,
    }
}

fn colour(colour: ansi::Color) -> Option<Color> {
    match colour {
        ansi::Color::Indexed(index) => Some(Color::Indexed(index)),
        ansi::Color::Spec(rgb) => Some(Color::Rgb(rgb.r, rgb.g, rgb.b)),
        // The sixteen of the palette are numbered; what follows is the ground.
        ansi::Color::Named(name) => u8::try_from(name as usize).ok().map(Color::Indexed),
    }
}

fn modifier(flags: Flags) -> Modifier {
    const PAIRS: [(Flags, Modifier); 7] = [
        (Flags::INVERSE, Modifier::REVERSED),
        (Flags::BOLD, Modifier::BOLD),
        (Flags::DIM, Modifier::DIM),
        (Flags::ITALIC, Modifier::ITALIC),
        (Flags::ALL_UNDERLINES, Modifier::UNDERLINED),
        (Flags::STRIKEOUT, Modifier::CROSSED_OUT),
        (Flags::HIDDEN, Modifier::HIDDEN),
    ];
    let mut modifier = Modifier::empty();
    if flags.is_empty() {
        return modifier;
    }
    for (flag, its) in PAIRS {
        modifier.set(its, flags.intersects(flag));
    }
    modifier
}
