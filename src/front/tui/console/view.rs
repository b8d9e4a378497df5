//! Paints a guest's terminal into a part of the screen.
//!
//! The emulator keeps what would act or hide out of its grid; here every character is looked at
//! once more before it reaches a cell, and every cell's text takes exactly the columns it has. What
//! is marked is shown reversed, so that it needs no colour.

use super::emulator::{Cursor, Emulator, Glyph, Highlight, Spot};
use crate::model::text::is_hidden;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for a character that must not be shown.
const REPLACEMENT: char = '\u{fffd}';

/// What a terminal is painted with.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Where the guest chose no colours.
    pub ground: Style,
    /// What becomes of the colours it chose.
    pub colours: Colours,
}

/// What becomes of a guest's colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// They are shown.
    #[default]
    Shown,
    /// They are left out (`NO_COLOR`, the monochrome theme): only bold, reversed and so on remain.
    Hidden,
}

/// Draws the emulator's view at the left and top of `area`; what does not fit is cut, what is left
/// over is blank. Returns the cursor that is to be shown, with its cell counted from the left and
/// top of `buffer`'s coordinates, if it lies inside.
pub fn draw(emulator: &Emulator, area: Rect, buffer: &mut Buffer, paint: &Paint) -> Option<Cursor> {
    let inside = area.intersection(buffer.area);
    if inside.is_empty() {
        return None;
    }
    let screen = emulator.screen();
    // The first columns may lie left of the buffer.
    let skipped = usize::from(inside.x - area.x);
    for y in inside.top()..inside.bottom() {
        let start = buffer.index_of(inside.x, y);
        let cells = &mut buffer.content[start..start + usize::from(inside.width)];
        let mut glyphs = screen.row(y - area.y).skip(skipped).peekable();
        for x in 0..cells.len() {
            let glyph = glyphs.next();
            let room = x + 1 < cells.len() && glyphs.peek().is_some_and(|next| next.spacer);
            let cell = &mut cells[x];
            match glyph {
                Some(glyph) => put(cell, &glyph, room, paint),
                None => style(cell, &BLANK, paint),
            }
        }
    }
    let cursor = screen.cursor()?;
    let (column, row) = (
        area.x.checked_add(cursor.spot.column)?,
        area.y.checked_add(cursor.spot.row)?,
    );
    let spot = Spot { column, row };
    inside
        .contains((column, row).into())
        .then_some(Cursor { spot, ..cursor })
}

const BLANK: Glyph<'static> = Glyph {
    character: ' ',
    marks: &[],
    foreground: None,
    background: None,
    modifier: Modifier::empty(),
    spacer: false,
    highlight: Highlight::None,
};

/// Writes a glyph into a cell; `room` says that the next cell is kept free for it.
#[inline]
fn put(cell: &mut Cell, glyph: &Glyph<'_>, room: bool, paint: &Paint) {
    style(cell, glyph, paint);
    if glyph.spacer || glyph.character == ' ' && glyph.marks.is_empty() {
        return;
    }
    let columns = if room { 2 } else { 1 };
    let c = match glyph.character {
        c @ '!'..='~' => c,
        c if is_hidden(c) => REPLACEMENT,
        c => match c.width() {
            Some(width) if width == columns || width == 1 => c,
            // Half of it was written over or cut off.
            _ => ' ',
        },
    };
    cell.set_char(c);
    if !glyph.marks.is_empty() {
        add_marks(cell, c, glyph.marks);
    }
}

/// Adds combining marks, unless they would change how many columns the text takes.
fn add_marks(cell: &mut Cell, c: char, marks: &[char]) {
    let mut text = String::from(c);
    text.extend(
        marks
            .iter()
            .filter(|mark| mark.width() == Some(0) && !is_hidden(**mark)),
    );
    if text.width() == c.width().unwrap_or(0) {
        cell.set_symbol(&text);
    }
}

/// Makes a cell blank, with a glyph's colours and attributes.
#[inline]
fn style(cell: &mut Cell, glyph: &Glyph<'_>, paint: &Paint) {
    cell.reset();
    let (foreground, background) = match paint.colours {
        Colours::Shown => (glyph.foreground, glyph.background),
        Colours::Hidden => (None, None),
    };
    cell.fg = foreground.or(paint.ground.fg).unwrap_or(Color::Reset);
    cell.bg = background.or(paint.ground.bg).unwrap_or(Color::Reset);
    cell.modifier = glyph.modifier;
    match glyph.highlight {
        Highlight::None => {}
        Highlight::Selected | Highlight::Match => cell.modifier.toggle(Modifier::REVERSED),
        Highlight::CurrentMatch => {
            cell.modifier.toggle(Modifier::REVERSED);
            cell.modifier.insert(Modifier::BOLD | Modifier::UNDERLINED);
        }
    }
}

#[cfg(test)]
mod tests;
