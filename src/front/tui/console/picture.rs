//! Draws the shown console: a title, the guest's screen, the line that is typed for a search.

use super::panes::Mode;
use super::{Colours, Emulator, Paint, draw as paint};
use crate::front::tui::layout::Areas;
use crate::front::tui::state::State;
use crate::front::tui::widgets::pen::{Pen, row};
use crate::model::{RecordingMode, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

/// Where the parts of a shown console stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) title: Rect,
    /// The guest's screen.
    pub(crate) guest: Rect,
}

/// Works out where the parts stand, if a console is shown.
pub(crate) fn places(areas: &Areas) -> Option<Places> {
    let area = areas.console?;
    let title = row(area, if areas.bare { u16::MAX } else { 0 });
    Some(Places {
        title,
        guest: Rect {
            y: area.y + title.height,
            height: area.height.saturating_sub(title.height),
            ..area
        },
    })
}

/// Draws it; answers where the cursor stands.
pub(crate) fn draw(state: &State, areas: &Areas, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let panes = &state.session()?.consoles;
    let pane = panes.shown()?;
    let look = state.look();
    let places = places(areas)?;
    let (mark, style) = match panes.mode {
        Mode::Live => ("▸", look.selected),
        _ => (" ", look.title),
    };
    // The tab lies below.
    Clear.render(places.title, buffer);
    Clear.render(places.guest, buffer);
    buffer.set_style(places.title, style);
    let mut pen = Pen::new(buffer, places.title);
    pen.put(mark, style).skip(1).put(&pane.title(), style);
    if panes.open.len() > 1 {
        let at = panes.open.iter().position(|it| it.number == pane.number)?;
        pen.put(&format!(" ── {} of {}", at + 1, panes.open.len()), style);
    }
    let ground = if pane.is_over() { look.dim } else { Style::new() };
    let paint = Paint {
        ground: look.ground.patch(ground),
        colours: match state.theme() {
            Theme::Mono => Colours::Hidden,
            Theme::Dark | Theme::Light => Colours::Shown,
        },
    };
    let cursor = guest(&pane.emulator, places.guest, buffer, &paint);
    if areas.bare && pane.recording != RecordingMode::Off {
        // There is no title to say it.
        let corner = Rect {
            x: places.guest.right().saturating_sub(1),
            width: 1,
            ..row(places.guest, 0)
        };
        Pen::new(buffer, corner).put("◉", look.selected);
    }
    if let Mode::Search(input) = &panes.mode {
        let line = row(places.guest, places.guest.height.saturating_sub(1));
        buffer.set_style(line, look.field);
        Pen::new(buffer, line)
            .put("/", look.key)
            .put(input.value(), look.field);
        let column = line.x + 1 + u16::try_from(input.visual_cursor()).unwrap_or(0);
        return Some((column.min(line.right().saturating_sub(1)), line.y));
    }
    cursor
}

/// Paints the guest's screen. One that has more rows than there is room for is cut below, or above
/// if its cursor would not be in sight.
pub(crate) fn guest(
    emulator: &Emulator,
    area: Rect,
    buffer: &mut Buffer,
    with: &Paint,
) -> Option<(u16, u16)> {
    let size = emulator.size();
    if size.rows <= area.height {
        let cursor = paint(emulator, area, buffer, with)?;
        return Some((cursor.spot.column, cursor.spot.row));
    }
    let mut whole = Buffer::empty(Rect::new(0, 0, area.width, size.rows));
    let cursor = paint(emulator, whole.area, &mut whole, with);
    let at = cursor.map_or(size.rows - 1, |it| it.spot.row);
    let top = (at + 1).saturating_sub(area.height).min(size.rows - area.height);
    for y in 0..area.height {
        for x in 0..area.width {
            if let Some(cell) = buffer.cell_mut((area.x + x, area.y + y)) {
                *cell = whole[(x, top + y)].clone();
            }
        }
    }
    let cursor = cursor?.spot;
    Some((area.x + cursor.column, area.y + cursor.row - top))
}
