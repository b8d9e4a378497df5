//! An editor of several lines: a document that is typed or pasted.
//!
//! The text, its cursor and its history are ratatui-textarea's; drawing is the pen's, so that nothing
//! reaches a cell unsanitized.

use super::pen::{Pen, columns, row};
use crate::front::tui::theme::Look;
use crate::model::text::visible;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui_textarea::{CursorMove, TextArea};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Changes that can be undone.
const HISTORY: usize = 2_000;
/// Rows that a page leaves in sight.
const OVERLAP: usize = 1;

/// What stands out when it is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    /// The line with something wrong in it, from 1.
    pub(crate) flaw: Option<usize>,
    /// It has the keyboard.
    pub(crate) focused: bool,
}

/// A document being written.
#[derive(Clone, Debug)]
pub(crate) struct Editor {
    area: TextArea<'static>,
    /// Most bytes.
    limit: usize,
    /// The first line and column in sight.
    top: usize,
    left: usize,
    /// Rows in sight when it was last settled.
    rows: usize,
}

impl Editor {
    /// An empty one of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let mut area = TextArea::default();
        area.set_max_histories(HISTORY);
        let (top, left, rows) = (0, 0, 1);
        Self {
            area,
            limit,
            top,
            left,
            rows,
        }
    }

    /// All of it; lines end with a line feed but for the last.
    pub(crate) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    fn room(&self) -> usize {
        let used: usize = self.area.lines().iter().map(|line| line.len() + 1).sum();
        self.limit.saturating_sub(used.saturating_sub(1))
    }

    /// Types a character, if there is room.
    pub(crate) fn insert(&mut self, c: char) {
        if !c.is_control() && c.len_utf8() <= self.room() {
            self.area.insert_char(c);
        }
    }

    /// Takes a pasted text, as one change.
    ///
    /// # Errors
    /// Says why nothing was inserted.
    pub(crate) fn paste(&mut self, text: &str) -> Result<(), &'static str> {
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err("the pasted text has control characters; nothing was inserted");
        }
        if text.len() > self.room() {
            return Err("the pasted text is too long; nothing was inserted");
        }
        self.area.insert_str(text);
        Ok(())
    }

    /// A new line that begins where this one does.
    fn break_line(&mut self) {
        let (at, column) = self.place();
        let line = self.area.lines().get(at).map(String::as_str).unwrap_or_default();
        let before: String = line.chars().take(column).take_while(|&c| c == ' ').collect();
        if before.len() < self.room() {
            self.area.insert_str(format!("\n{before}"));
        }
    }

    /// Moves, deletes, breaks the line, undoes.
    pub(crate) fn edit(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, control) {
            (KeyCode::Enter, _) => self.break_line(),
            (KeyCode::PageUp, _) => self.page(CursorMove::Up),
            (KeyCode::PageDown, _) => self.page(CursorMove::Down),
            _ => {
                self.change(key.code, control);
                if let Some(to) = movement(key.code, control) {
                    self.area.move_cursor(to);
                }
            }
        }
    }

    /// Deletes and undoes.
    fn change(&mut self, code: KeyCode, control: bool) -> bool {
        match (code, control) {
            (KeyCode::Backspace, _) => self.area.delete_char(),
            (KeyCode::Delete, _) => self.area.delete_next_char(),
            (KeyCode::Char('u'), true) => self.area.undo(),
            (KeyCode::Char('r'), true) => self.area.redo(),
            (KeyCode::Char('k'), true) => self.area.delete_line_by_end(),
            (KeyCode::Char('w'), true) => self.area.delete_word(),
            _ => false,
        }
    }

    fn page(&mut self, to: CursorMove) {
        for _ in 0..self.rows.saturating_sub(OVERLAP).max(1) {
            self.area.move_cursor(to);
        }
    }

    /// Line and character of the cursor, from 0.
    fn place(&self) -> (usize, usize) {
        let cursor = self.area.cursor();
        (cursor.0, cursor.1)
    }

    /// Columns before the cursor in its line.
    fn column(&self) -> usize {
        let (at, column) = self.place();
        let line = self.area.lines().get(at).map(String::as_str).unwrap_or_default();
        let before: String = line.chars().take(column).collect();
        visible(&before).width()
    }

    /// Columns of the line numbers and the blank behind them.
    fn gutter(&self) -> u16 {
        let digits = self.area.lines().len().to_string().len().max(2);
        u16::try_from(digits + 1).unwrap_or(u16::MAX)
    }

    /// Brings the cursor into sight in an area of that size.
    pub(crate) fn settle(&mut self, (width, height): (u16, u16)) {
        self.rows = usize::from(height.max(1));
        let wide = usize::from(width.saturating_sub(self.gutter()).max(2));
        let (line, column) = (self.place().0, self.column());
        self.top = self.top.clamp((line + 1).saturating_sub(self.rows), line);
        self.left = self.left.clamp((column + 1).saturating_sub(wide), column);
    }

    /// Draws it with line numbers. Answers where the cursor
    /// stands.
    pub(crate) fn draw(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        marks: Marks,
        look: &Look,
    ) -> Option<(u16, u16)> {
        let gutter = self.gutter();
        let Marks { flaw, focused } = marks;
        let style = if focused { look.selected } else { look.field };
        let lines = self.area.lines().iter().enumerate().skip(self.top);
        let mut lines = lines.take(area.height.into());
        for y in 0..area.height {
            let line = row(area, y);
            let mut pen = Pen::new(buffer, line);
            let (number, text) = match lines.next() {
                Some((at, text)) => (Some(at + 1), shifted(text, self.left)),
                None => (None, String::new()),
            };
            let label = number.map(|it| it.to_string()).unwrap_or_default();
            let is_bad = number.is_some() && number == flaw;
            let width = gutter.saturating_sub(1);
            pen.put(
                &format!("{label:>width$} ", width = width.into()),
                if is_bad { look.bad } else { look.dim },
            );
            let room = pen.room();
            pen.put(&text, style);
            let left = room.saturating_sub(columns(&text));
            pen.put(&" ".repeat(left.into()), style);
        }
        let (line, column) = (self.place().0, self.column());
        let x = u16::try_from(column.checked_sub(self.left)?).ok()?;
        let y = u16::try_from(line.checked_sub(self.top)?).ok()?;
        let at = (area.x + gutter + x, area.y + y);
        (focused && area.contains(at.into())).then_some(at)
    }
}

fn movement(code: KeyCode, control: bool) -> Option<CursorMove> {
    Some(match (code, control) {
        (KeyCode::Up, _) => CursorMove::Up,
        (KeyCode::Down, _) => CursorMove::Down,
        (KeyCode::Left, _) => CursorMove::Back,
        (KeyCode::Right, _) => CursorMove::Forward,
        (KeyCode::Home, _) | (KeyCode::Char('a'), true) => CursorMove::Head,
        (KeyCode::End, _) | (KeyCode::Char('e'), true) => CursorMove::End,
        _ => return None,
    })
}

/// What is left of a line when so many columns of it are out of sight; a wide character that is half
/// out of sight is a blank.
fn shifted(text: &str, left: usize) -> String {
    let text = visible(text);
    if left == 0 {
        return text.into_owned();
    }
    let mut passed = 0;
    let mut rest = String::new();
    for grapheme in text.graphemes(true) {
        if passed >= left {
            rest.push_str(grapheme);
        }
        let before = passed;
        passed += grapheme.width();
        if before < left && passed > left {
            rest.push(' ');
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) {
        editor.edit(KeyEvent::new(code, modifiers));
    }

    fn control(editor: &mut Editor, c: char) {
        press(editor, KeyCode::Char(c), KeyModifiers::CONTROL);
    }

    #[test]
    fn lines_are_typed_broken_and_undone() {
        let mut editor = Editor::new(100);
        "a:".chars().for_each(|c| editor.insert(c));
        press(&mut editor, KeyCode::Enter, KeyModifiers::NONE);
        "  - b".chars().for_each(|c| editor.insert(c));
        press(&mut editor, KeyCode::Enter, KeyModifiers::NONE);
        editor.insert('c');
        assert_eq!(
            editor.text(),
            "a:\n  - b\n  c",
            "it begins where the last one did"
        );
        control(&mut editor, 'u');
        control(&mut editor, 'u');
        assert_eq!(editor.text(), "a:\n  - b");
        control(&mut editor, 'r');
        assert_eq!(editor.text(), "a:\n  - b\n  ");
        press(&mut editor, KeyCode::Up, KeyModifiers::NONE);
        press(&mut editor, KeyCode::Home, KeyModifiers::NONE);
        control(&mut editor, 'k');
        assert_eq!(editor.text(), "a:\n\n  ");
    }

    #[test]
    fn a_paste_is_one_change_and_has_its_bounds() {
        let mut editor = Editor::new(20);
        editor.paste("#cloud-config\nä: 1").unwrap();
        assert_eq!(editor.text(), "#cloud-config\nä: 1");
        assert!(editor.paste("too long").is_err());
        assert!(editor.paste("\u{1b}").is_err());
        editor.insert('2');
        editor.insert('3');
        assert_eq!(editor.text(), "#cloud-config\nä: 12", "no byte more");
        control(&mut editor, 'u');
        control(&mut editor, 'u');
        assert!(editor.is_empty());
    }

    #[test]
    fn the_cursor_stays_in_sight() {
        let mut editor = Editor::new(10_000);
        editor.paste(&"漢字 and words that go on\n".repeat(50)).unwrap();
        let size = (12, 5);
        editor.settle(size);
        assert_eq!(editor.top, 46);
        press(&mut editor, KeyCode::PageUp, KeyModifiers::NONE);
        press(&mut editor, KeyCode::End, KeyModifiers::NONE);
        editor.settle(size);
        assert_eq!((editor.top, editor.place().0), (46, 46));
        let look = crate::front::tui::theme::look(crate::model::Theme::Mono);
        let area = Rect::new(0, 0, 12, 5);
        let mut buffer = Buffer::empty(area);
        let cursor = editor.draw(
            area,
            &mut buffer,
            Marks {
                flaw: None,
                focused: true,
            },
            &look,
        );
        assert_eq!(cursor, Some((11, 0)));
        press(&mut editor, KeyCode::Home, KeyModifiers::NONE);
        press(&mut editor, KeyCode::Up, KeyModifiers::NONE);
        editor.settle(size);
        assert_eq!((editor.top, editor.left), (45, 0));
    }

    #[test]
    fn half_of_a_wide_character_is_a_blank() {
        assert_eq!(shifted("漢字x", 1), " 字x");
        assert_eq!(shifted("漢字x", 2), "字x");
        assert_eq!(shifted("ab", 5), "");
    }
}
