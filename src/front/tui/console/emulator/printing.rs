//! Printing, which is most of what a guest does.
//!
//! Text goes past the parser and, where nothing special can happen to it, past the engine, too: both
//! ask every character what it is.

use super::guest::Guest;
use crate::model::text::is_hidden;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::vte::ansi::{Handler, Processor, StandardCharset, Timeout};
use unicode_width::UnicodeWidthChar;

/// Most combining marks on one character; Vietnamese and Thai need two, Hebrew with cantillation
/// three.
pub(super) const MOST_MARKS: usize = 3;
/// Stands for a character that would hide or reorder text.
const REPLACEMENT: char = '\u{fffd}';

/// A parser that repeats a character when it is told to; a new one would, until it has seen any, do
/// nothing.
pub(super) fn parser<T: Timeout>() -> Processor<T> {
    struct Nobody;
    impl Handler for Nobody {}
    let mut parser = Processor::new();
    parser.advance(&mut Nobody, b" ");
    parser
}

impl Guest<'_> {
    /// Prints ASCII, as much of it at once as nothing special happens to.
    #[inline]
    pub(super) fn print_text(&mut self, mut text: &[u8]) {
        self.account.prints = self.account.prints.saturating_sub(text.len());
        self.account.last = text.last().map(|byte| char::from(*byte));
        while let Some(&first) = text.first() {
            let mut printed = self.print_plain(text);
            if printed == 0 {
                self.print(char::from(first));
                printed = 1;
            }
            text = &text[printed..];
        }
    }

    /// Prints a character that the parser recognised, as often as this piece may print.
    #[inline]
    pub(super) fn print_character(&mut self, c: char) {
        let Some(left) = self.account.prints.checked_sub(1) else {
            return;
        };
        self.account.prints = left;
        let c = match (self.account.repeats, self.account.last) {
            (true, None) => return,
            (true, Some(last)) => last,
            (false, _) => c,
        };
        self.account.last = Some(c);
        if c.is_ascii() {
            self.print(c);
        } else {
            self.print_other(c);
        }
    }

    /// Lets the parser repeat a character. It knows only the last one that went through it.
    pub(super) fn repeating(&mut self, parse: impl FnOnce(&mut Self)) {
        self.account.repeats = true;
        parse(self);
        self.account.repeats = false;
    }

    /// Prints what the engine would print without inserting, wrapping, translating or splitting wide
    /// characters, and says how many characters that were. It takes a character at a time through
    /// all of these questions.
    #[inline]
    fn print_plain(&mut self, text: &[u8]) -> usize {
        let inserts = self.term.mode().contains(TermMode::INSERT);
        let columns = self.term.columns();
        let grid = self.term.grid_mut();
        let (at, template) = (grid.cursor.point, &grid.cursor.template);
        let translates = grid.cursor.charsets[self.account.charset] != StandardCharset::Ascii;
        if inserts || translates || grid.cursor.input_needs_wrap || template.extra.is_some() {
            return 0;
        }
        let (fg, bg, flags) = (template.fg, template.bg, template.flags);
        // The last column makes what comes after it wrap.
        let room = columns.saturating_sub(at.column.0 + 1).min(text.len());
        let cells = &mut grid[at.line][at.column..at.column + room];
        let mut printed = 0;
        for (cell, byte) in cells.iter_mut().zip(text) {
            if cell.flags.intersects(Flags::WIDE_CHAR | Flags::WIDE_CHAR_SPACER) {
                break;
            }
            cell.c = char::from(*byte);
            (cell.fg, cell.bg, cell.flags) = (fg, bg, flags);
            cell.extra = None;
            printed += 1;
        }
        grid.cursor.point.column += printed;
        printed
    }

    /// Prints a character; what was printed before it may wrap, and scroll.
    #[inline]
    fn print(&mut self, c: char) {
        match self.account.region_top {
            0 => Handler::input(self.term, c),
            top => self.keep_view(top, |term| Handler::input(term, c)),
        }
    }

    /// A character outside of ASCII.
    fn print_other(&mut self, c: char) {
        match c.width() {
            None => {}
            Some(0) if is_hidden(c) || !self.takes_mark() => {}
            Some(_) if is_hidden(c) => self.print(REPLACEMENT),
            Some(_) => self.print(c),
        }
    }

    /// Whether the character before the cursor takes another mark.
    fn takes_mark(&mut self) -> bool {
        let cursor = &self.term.grid().cursor;
        let row = &self.term.grid()[cursor.point.line];
        let mut column = cursor.point.column;
        if !cursor.input_needs_wrap {
            column.0 = column.0.saturating_sub(1);
        }
        if row[column].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column.0 = column.0.saturating_sub(1);
        }
        match row[column].zerowidth().map_or(0, <[char]>::len) {
            0 => {
                let left = self.account.marks.checked_sub(1);
                self.account.marks = left.unwrap_or(0);
                left.is_some()
            }
            marks => marks < MOST_MARKS,
        }
    }
}
