//! Writing text into cells. Everything written passes the sanitizer here, so that no screen can
//! forget it, and is cut by columns, not characters, so that wide characters never spill over.

use crate::model::text::visible;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns a text takes once it is sanitized.
pub(crate) fn columns(text: &str) -> u16 {
    u16::try_from(visible(text).width()).unwrap_or(u16::MAX)
}

/// A text cut to so many columns, the cut marked by `…`.
pub(crate) fn fit(text: &str, width: u16) -> Cow<'_, str> {
    let text = visible(text);
    if text.width() <= usize::from(width) {
        return text;
    }
    let room = usize::from(width.saturating_sub(1));
    let mut used = 0;
    let mut cut = String::with_capacity(text.len().min(room * 4 + 4));
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        cut.push_str(grapheme);
    }
    if width > 0 {
        cut.push('…');
    }
    Cow::Owned(cut)
}

/// A text broken into lines of at most `width` columns, at blanks where there are any.
pub(crate) fn wrap(text: &str, width: u16) -> Vec<String> {
    let text = visible(text);
    let width = usize::from(width.max(1));
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for grapheme in word.graphemes(true) {
            if line.width() + grapheme.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(grapheme);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Writes along one row, from left to right.
pub(crate) struct Pen<'b> {
    buffer: &'b mut Buffer,
    x: u16,
    y: u16,
    right: u16,
}

impl<'b> Pen<'b> {
    /// At the left of the first row of `area`, bounded by its right side.
    pub(crate) fn new(buffer: &'b mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buffer.area);
        let right = if area.height == 0 { area.x } else { area.right() };
        Self {
            buffer,
            x: area.x,
            y: area.y,
            right,
        }
    }

    /// Columns left.
    pub(crate) fn room(&self) -> u16 {
        self.right.saturating_sub(self.x)
    }

    /// Where the next text begins.
    pub(crate) fn x(&self) -> u16 {
        self.x
    }

    /// Writes a text, cut to the room that is left.
    pub(crate) fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = self.room();
        if room > 0 {
            let (x, _) = self
                .buffer
                .set_stringn(self.x, self.y, fit(text, room), room.into(), style);
            self.x = x;
        }
        self
    }

    /// Writes a text into a column of `width`, padded on the right.
    pub(crate) fn left(&mut self, text: &str, width: u16, style: Style) -> &mut Self {
        let width = width.min(self.room());
        let start = self.x;
        if width > 0 {
            self.buffer
                .set_stringn(start, self.y, fit(text, width), width.into(), style);
        }
        self.x = start + width;
        self
    }

    /// Writes a text into a column of `width`, padded on the left.
    pub(crate) fn right(&mut self, text: &str, width: u16, style: Style) -> &mut Self {
        let width = width.min(self.room());
        let pad = width.saturating_sub(columns(text));
        self.skip(pad).left(text, width - pad, style)
    }

    /// Goes back over columns.
    pub(crate) fn back(&mut self, width: u16) -> &mut Self {
        self.x = self.x.saturating_sub(width);
        self
    }

    /// Leaves columns as they are.
    pub(crate) fn skip(&mut self, width: u16) -> &mut Self {
        self.x = self.x.saturating_add(width).min(self.right);
        self
    }
}

/// Writes one text at the left of the first row of `area`.
pub(crate) fn write(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    Pen::new(buffer, area).put(text, style);
}

/// The row of `area` that is `index` below its top; empty if there is none.
pub(crate) fn row(area: Rect, index: u16) -> Rect {
    if index >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect {
        y: area.y + index,
        height: 1,
        ..area
    }
}

/// What is left of `area` below so many rows.
pub(crate) fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cut_is_marked_and_counts_columns() {
        assert_eq!(fit("machines", 8), "machines");
        assert_eq!(fit("machines", 5), "mach…");
        assert_eq!(fit("世界世界", 5), "世界…");
        assert_eq!(fit("世界世界", 4), "世…");
        assert_eq!(fit("x", 0), "");
    }

    #[test]
    fn what_would_act_is_shown() {
        assert_eq!(fit("a\x1b[2Jb", 20), "a␛[2Jb");
    }

    #[test]
    fn lines_break_at_blanks_and_inside_long_words() {
        assert_eq!(wrap("the disk is full", 8), ["the disk", "is full"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    proptest! {
        #[test]
        fn nothing_spills(text in any::<String>(), width in 0u16..30) {
            prop_assert!(fit(&text, width).width() <= usize::from(width));
        }
    }
}
