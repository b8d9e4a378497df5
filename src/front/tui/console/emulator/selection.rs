//! What the user marked, in order to copy it. It moves with the text, and is gone when the guest
//! writes over it.

use super::text::{append, between};
use super::{Emulator, Spot};
use alacritty_terminal::index::{Line, Point, Side};
use alacritty_terminal::selection::{Selection, SelectionType};

/// What a selection grows by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectionKind {
    /// Characters, along the lines.
    Characters,
    /// Words, along the lines.
    Words,
    /// Whole lines, as the guest wrote them.
    Lines,
    /// A rectangle.
    Block,
}

impl Emulator {
    /// Begins a selection with the cell at `spot`.
    pub fn select(&mut self, spot: Spot, kind: SelectionKind) {
        self.select_point(self.point(spot), kind);
    }

    /// Moves the selection's end to the cell at `spot`, which may lie before its beginning.
    pub fn extend_selection(&mut self, spot: Spot) {
        self.extend_to_point(self.point(spot));
    }

    /// Selects nothing.
    pub fn clear_selection(&mut self) {
        self.revision += 1;
        self.term.selection = None;
    }

    /// The text that is selected. A rectangle's rows are lines of their own.
    pub fn selected_text(&self) -> Option<String> {
        let range = self.term.selection.as_ref()?.to_range(&self.term)?;
        if !range.is_block {
            return Some(between(&self.term, range.start, range.end));
        }
        let rows = (range.start.line.0..=range.end.line.0).map(|line| {
            let mut text = String::new();
            let columns = range.start.column.0..=range.end.column.0;
            append(&self.term, Line(line), columns, &mut text);
            text.truncate(text.trim_end_matches(' ').len());
            text
        });
        Some(rows.collect::<Vec<_>>().join("\n"))
    }

    pub(super) fn select_point(&mut self, point: Point, kind: SelectionKind) {
        self.revision += 1;
        let kind = match kind {
            SelectionKind::Characters => SelectionType::Simple,
            SelectionKind::Words => SelectionType::Semantic,
            SelectionKind::Lines => SelectionType::Lines,
            SelectionKind::Block => SelectionType::Block,
        };
        let mut selection = Selection::new(kind, point, Side::Left);
        selection.include_all();
        self.term.selection = Some(selection);
    }

    pub(super) fn extend_to_point(&mut self, point: Point) {
        self.revision += 1;
        if let Some(selection) = &mut self.term.selection {
            selection.update(point, Side::Right);
            selection.include_all();
        }
    }
}
