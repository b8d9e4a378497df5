//! The machines: a table, and below it the detail of the selected one.

mod columns;
pub(crate) mod detail;
mod list;
pub(crate) mod table;

pub(crate) use columns::{Column, column_at};
pub(crate) use list::{Page, Pane, Row, Vms, name};

use crate::core::{Health, View};
use crate::front::tui::state::State;
use crate::front::tui::widgets::frame;
use crate::front::tui::widgets::pen::{below, columns as width_of, row, write};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Where the parts of the tab stand.
pub(crate) struct Places {
    pub(crate) panel: Rect,
    pub(crate) header: Rect,
    pub(crate) rows: Rect,
    /// Row of the line above the detail.
    pub(crate) divider: Option<u16>,
    pub(crate) detail: Option<Rect>,
}

/// Least height of the tab's body with a detail below the list.
const SPLIT_HEIGHT: u16 = 14;

/// Works out where the parts stand: drawing and the mouse must agree.
pub(crate) fn places(vms: &Vms, body: Rect) -> Places {
    let inside = frame::inside(body);
    if vms.pane == Pane::Full {
        let nothing = row(inside, u16::MAX);
        return Places {
            panel: body,
            header: nothing,
            rows: nothing,
            divider: None,
            detail: Some(inside),
        };
    }
    let header = row(inside, 0);
    let rest = below(inside, header.height);
    if vms.pane == Pane::Hidden || body.height < SPLIT_HEIGHT {
        return Places {
            panel: body,
            header,
            rows: rest,
            divider: None,
            detail: None,
        };
    }
    let height = if body.height < 20 {
        4
    } else {
        (body.height / 4).clamp(5, 10)
    };
    let rows = Rect {
        height: rest.height.saturating_sub(height + 1),
        ..rest
    };
    Places {
        panel: body,
        header,
        rows,
        divider: Some(rows.bottom()),
        detail: Some(Rect {
            y: rows.bottom() + 1,
            height,
            ..rest
        }),
    }
}

/// Draws the tab.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let session = state.session()?;
    let look = state.look();
    let vms = &session.vms;
    let places = places(vms, area);
    let Some(view) = session.view.as_deref() else {
        frame::panel(buffer, places.panel, "VMs", &look);
        write(buffer, places.rows, " looking at the machines …", look.dim);
        return None;
    };
    frame::panel(buffer, places.panel, &title(vms, view), &look);
    if vms.pane == Pane::Full {
        detail::draw(state, view, frame::inside(area), buffer);
        detail::title(state, view, area, area.y, buffer);
        return None;
    }
    table::draw(state, view, &places, buffer);
    if let (Some(y), Some(below)) = (places.divider, places.detail) {
        frame::divider(buffer, area, y, "", &look);
        detail::title(state, view, area, y, buffer);
        detail::draw(state, view, below, buffer);
    }
    if vms.filtering {
        let column = area.x + 2 + filter_column(vms, view) + vms.filter.visual_cursor() as u16;
        return (column + 1 < area.right()).then_some((column, area.y));
    }
    None
}

/// `VMs ── 3 running · 5 total ── /web ── cpu ▼`
fn title(vms: &Vms, view: &View) -> String {
    let mut title = counts(vms, view);
    if vms.filtering || !vms.filter.value().is_empty() {
        title.push_str(" ── /");
        title.push_str(vms.filter.value());
        if vms.filtering {
            title.push(' ');
        }
    }
    let arrow = if vms.descending { '▼' } else { '▲' };
    title.push_str(&format!(" ── {} {arrow}", vms.sort.word()));
    title
}

fn counts(vms: &Vms, view: &View) -> String {
    let mut text = format!("VMs ── {} running · {} total", vms.running, view.machines.len());
    if vms.rows.len() != view.machines.len() + view.foreign.len() {
        text.push_str(&format!(" · {} shown", vms.rows.len()));
    }
    if view.health != Health::Up && view.as_of.is_none() {
        text.push_str(" · not seen yet");
    }
    text
}

/// Columns of the title before the filter's text.
fn filter_column(vms: &Vms, view: &View) -> u16 {
    width_of(&counts(vms, view)) + 5
}
