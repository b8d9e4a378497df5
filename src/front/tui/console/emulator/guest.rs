//! What a guest may do to the terminal: this list, and nothing else.
//!
//! The parser calls a handler for whatever it recognises; a handler's methods do nothing by
//! default. So what is not written here never happens: titles, clipboards, colour tables, links,
//! keyboard protocols, and every report but two: "I am well" (`CSI 0 n`) and the cursor's position
//! (`CSI row ; column R`), which `resize` and line editors ask for on a serial line.
//!
//! What is allowed is bounded. One cell takes few combining marks, one piece of output prints no
//! more than its length can mean, and work is counted, so that whoever feeds can stop for a frame:
//! three bytes can fill a screen.

use super::{Engine, to_line};
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, LineClearMode, Mode, NamedPrivateMode,
    PrivateMode, StandardCharset, TabulationClearMode,
};

/// Bytes after which marked cells may be counted again: reading a history takes a millisecond or
/// two, printing so much ten.
const COUNT_EVERY: usize = 1024 * 1024;
/// Most bytes of replies that wait to be fetched: a guest that asks faster than its line takes
/// answers gets fewer.
const MOST_REPLIES: usize = 4 * 1024;
/// What leaves the terminal, and what it cost.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Bytes for the guest.
    pub(super) replies: Vec<u8>,
    /// Whether the bell rang.
    pub(super) bell: bool,
    /// Cells touched.
    pub(super) work: usize,
    /// The first line that scrolls, counted from 0 (DECSTBM).
    pub(super) region_top: usize,
    /// Characters that may still be printed by this piece.
    pub(super) prints: usize,
    /// The last character, which a repetition prints.
    pub(super) last: Option<char>,
    /// Whether the parser repeats a character.
    pub(super) repeats: bool,
    /// The character set in use (SI and SO).
    pub(super) charset: CharsetIndex,
    /// Cells that may still get marks.
    pub(super) marks: usize,
    /// Bytes since those were counted.
    uncounted: usize,
}

impl Account {
    /// An account of a terminal in which so many cells may have marks.
    pub(super) fn new(marks: usize) -> Self {
        Self {
            marks,
            ..Self::default()
        }
    }

    /// Whether it may be that marks were used up and have gone since.
    pub(super) fn is_count_due(&self) -> bool {
        self.marks == 0 && self.uncounted >= COUNT_EVERY
    }

    /// Notes how many cells have marks, of so many that may.
    pub(super) fn counted(&mut self, most: usize, marked: usize) {
        self.marks = most.saturating_sub(marked);
        self.uncounted = 0;
    }

    /// Begins a piece of so many bytes. A repetition (`CSI n b`) takes four bytes at least and
    /// sensibly fills a line; one that repeats 65,535 times would cost a millisecond each.
    pub(super) fn begin(&mut self, bytes: usize, columns: usize) {
        self.work += bytes;
        self.uncounted = self.uncounted.saturating_add(bytes);
        self.prints = bytes + (bytes / 4 + 1) * columns;
    }

    fn reply(&mut self, bytes: &[u8]) {
        if self.replies.len() + bytes.len() <= MOST_REPLIES {
            self.replies.extend_from_slice(bytes);
        }
    }
}

/// A guest at the terminal.
pub(super) struct Guest<'a> {
    pub(super) term: &'a mut Engine,
    pub(super) account: &'a mut Account,
}

impl Guest<'_> {
    fn spend_lines(&mut self, lines: usize) {
        let rows = self.term.screen_lines();
        self.account.work += rows + self.term.columns() * lines.min(rows);
    }

    /// Before a mode is set or unset: two of them clear the screen, one the scrolling region.
    fn change_mode(&mut self, mode: PrivateMode) {
        let columns = PrivateMode::Named(NamedPrivateMode::ColumnMode);
        if mode == columns {
            self.account.region_top = 0;
        }
        if mode == columns || mode == ALTERNATE_SCREEN {
            self.spend_lines(ALL);
        }
    }

    /// Does what may scroll lines from one on. The engine moves a view into the past along with
    /// every scroll, also with one below the first line, which moves nothing into the history.
    pub(super) fn keep_view(&mut self, line: usize, act: impl FnOnce(&mut Engine)) {
        let offset = |term: &Engine| to_line(term.grid().display_offset());
        let before = offset(self.term);
        act(self.term);
        let moved = offset(self.term) - before;
        if line > 0 && moved != 0 {
            self.term.grid_mut().scroll_display(Scroll::Delta(-moved));
        }
    }
}

/// Methods that are handed on, each with the lines of cells that it may touch.
macro_rules! allowed {
    ($($name:ident($($argument:ident: $type:ty),*) costs $lines:expr;)*) => {$(
        fn $name(&mut self, $($argument: $type),*) {
            let lines: usize = $lines;
            if lines > 0 {
                self.spend_lines(lines);
            }
            Handler::$name(self.term, $($argument),*);
        }
    )*};
}

/// As many lines as there are.
const ALL: usize = usize::MAX;

const ALTERNATE_SCREEN: PrivateMode = PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor);

impl Handler for Guest<'_> {
    #[inline]
    fn input(&mut self, c: char) {
        self.print_character(c);
    }

    fn device_status(&mut self, what: usize) {
        match what {
            5 => self.account.reply(b"\x1b[0n"),
            6 => {
                let at = self.term.grid().cursor.point;
                let report = format!("\x1b[{};{}R", at.line.0 + 1, at.column.0 + 1);
                self.account.reply(report.as_bytes());
            }
            _ => {}
        }
    }

    fn bell(&mut self) {
        self.account.bell = true;
    }

    fn put_tab(&mut self, count: u16) {
        let most = u16::try_from(self.term.columns()).unwrap_or(u16::MAX);
        self.keep_view(self.account.region_top, |term| {
            Handler::put_tab(term, count.min(most));
        });
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        self.spend_lines(ALL);
        // The engine forgets the first line when the cursor stands in the second.
        if matches!(mode, ClearMode::Above) && self.term.grid().cursor.point.line == 1 {
            self.term.grid_mut().reset_region(..Line(1));
        }
        Handler::clear_screen(self.term, mode);
    }

    fn linefeed(&mut self) {
        self.spend_lines(1);
        self.keep_view(self.account.region_top, Handler::linefeed);
    }

    fn newline(&mut self) {
        self.spend_lines(1);
        self.keep_view(self.account.region_top, Handler::newline);
    }

    fn scroll_up(&mut self, lines: usize) {
        self.spend_lines(lines);
        self.keep_view(self.account.region_top, |term| Handler::scroll_up(term, lines));
    }

    fn delete_lines(&mut self, lines: usize) {
        let line = usize::try_from(self.term.grid().cursor.point.line.0).unwrap_or(0);
        self.spend_lines(lines);
        self.keep_view(line, |term| Handler::delete_lines(term, lines));
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        if top < bottom.unwrap_or(self.term.screen_lines()) {
            self.account.region_top = top.saturating_sub(1);
        }
        Handler::set_scrolling_region(self.term, top.max(1), bottom);
    }

    fn reset_state(&mut self) {
        self.spend_lines(ALL);
        self.account.region_top = 0;
        self.account.charset = CharsetIndex::default();
        Handler::reset_state(self.term);
    }

    fn set_active_charset(&mut self, index: CharsetIndex) {
        self.account.charset = index;
        Handler::set_active_charset(self.term, index);
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        self.change_mode(mode);
        Handler::set_private_mode(self.term, mode);
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        self.change_mode(mode);
        // dialog says this twice; xterm restores the cursor each time, the engine only once.
        if mode == ALTERNATE_SCREEN && !self.term.mode().contains(TermMode::ALT_SCREEN) {
            Handler::restore_cursor_position(self.term);
        }
        Handler::unset_private_mode(self.term, mode);
    }

    fn terminal_attribute(&mut self, attribute: Attr) {
        // Not drawn, and would cost an allocation in each cell.
        if !matches!(attribute, Attr::UnderlineColor(_)) {
            Handler::terminal_attribute(self.term, attribute);
        }
    }

    allowed! {
        set_cursor_style(style: Option<CursorStyle>) costs 0;
        set_cursor_shape(shape: CursorShape) costs 0;
        goto(line: i32, column: usize) costs 0;
        goto_line(line: i32) costs 0;
        goto_col(column: usize) costs 0;
        insert_blank(count: usize) costs 1;
        move_up(lines: usize) costs 0;
        move_down(lines: usize) costs 0;
        move_forward(columns: usize) costs 0;
        move_backward(columns: usize) costs 0;
        move_down_and_cr(lines: usize) costs 0;
        move_up_and_cr(lines: usize) costs 0;
        backspace() costs 0;
        carriage_return() costs 0;
        substitute() costs 0;
        set_horizontal_tabstop() costs 0;
        scroll_down(lines: usize) costs lines;
        insert_blank_lines(lines: usize) costs lines;
        erase_chars(count: usize) costs 1;
        delete_chars(count: usize) costs 1;
        move_backward_tabs(count: u16) costs 1;
        move_forward_tabs(count: u16) costs 1;
        save_cursor_position() costs 0;
        restore_cursor_position() costs 0;
        clear_line(mode: LineClearMode) costs 1;
        clear_tabs(mode: TabulationClearMode) costs 1;
        reverse_index() costs 1;
        set_mode(mode: Mode) costs 0;
        unset_mode(mode: Mode) costs 0;
        set_keypad_application_mode() costs 0;
        unset_keypad_application_mode() costs 0;
        configure_charset(index: CharsetIndex, charset: StandardCharset) costs 0;
        decaln() costs ALL;
    }
}
