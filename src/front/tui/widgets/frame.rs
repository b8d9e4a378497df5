//! Boxes: panels of a tab and popups above it.

use super::pen::{Pen, columns, fit};
use crate::front::tui::theme::Look;
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

/// Draws a box with a title in its upper border and returns its inside.
pub(crate) fn panel(buffer: &mut Buffer, area: Rect, title: &str, look: &Look) -> Rect {
    boxed(buffer, area, title, look.border, look.title);
    inside(area)
}

/// What a box of `area` leaves inside.
pub(crate) fn inside(area: Rect) -> Rect {
    area.inner(Margin::new(1, 1))
}

/// Clears a place in the middle of `screen` for a popup of at most that size, draws its box and
/// returns the inside.
pub(crate) fn popup(buffer: &mut Buffer, screen: Rect, size: (u16, u16), title: &str, look: &Look) -> Rect {
    let area = centred(screen, size);
    // A wide character cut by the popup's edge would push the edge out of line.
    for y in area.top()..area.bottom() {
        if let Some(x) = area.x.checked_sub(1)
            && let Some(cell) = buffer.cell_mut((x, y))
            && columns(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
    Clear.render(area, buffer);
    buffer.set_style(area, look.ground);
    boxed(buffer, area, title, look.accent, look.title);
    inside(area).inner(Margin::new(1, 0))
}

/// A rectangle of at most that size in the middle of `screen`.
pub(crate) fn centred(screen: Rect, (width, height): (u16, u16)) -> Rect {
    let width = width.min(screen.width);
    let height = height.min(screen.height);
    Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    }
}

/// A line across `area`'s row `y` that joins its sides, with a title.
pub(crate) fn divider(buffer: &mut Buffer, area: Rect, y: u16, title: &str, look: &Look) {
    let line = Rect { y, height: 1, ..area };
    let mut pen = Pen::new(buffer, line);
    let width = usize::from(area.width.saturating_sub(2));
    pen.put("├", look.border)
        .put(&"─".repeat(width), look.border)
        .put("┤", look.border);
    if !title.is_empty() && area.width > 6 {
        let title = format!(" {title} ");
        let room = Rect {
            x: area.x + 1,
            width: area.width - 2,
            y,
            height: 1,
        };
        Pen::new(buffer, room).put(&fit(&title, room.width), look.title);
    }
}

fn boxed(buffer: &mut Buffer, area: Rect, title: &str, border: Style, title_style: Style) {
    if area.width < 2 || area.height < 2 {
        return;
    }
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(border)
        .render(area, buffer);
    if !title.is_empty() && area.width > 6 {
        let room = Rect {
            x: area.x + 1,
            y: area.y,
            width: area.width - 2,
            height: 1,
        };
        Pen::new(buffer, room).put(&fit(&format!(" {title} "), room.width), title_style);
    }
}
