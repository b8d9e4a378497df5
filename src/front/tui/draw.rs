//! A state becomes a frame. Nothing here changes anything or asks anybody.

use super::console::picture;
use super::popups::Popup;
use super::state::notices::{Level, Notice};
use super::state::{Screen, State, alerts};
use super::theme::Look;
use super::widgets::pen::{Pen, row, wrap};
use super::{door, footer, header, layout, tabs};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::{Clear, Widget};

/// Draws a state.
pub fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let look = state.look();
    buffer.set_style(area, look.ground);
    if layout::too_small(Size::new(area.width, area.height)) {
        too_small(area, buffer, &look);
        return;
    }
    let cursor = match state.screen() {
        Screen::Opening(_) | Screen::Door(_) => door::draw(state, area, buffer),
        Screen::Session(session) if session.lock.is_some() => door::draw(state, area, buffer),
        Screen::Session(_) => session(state, area, buffer),
    };
    footer::draw(state, layout::areas(state).footer, buffer);
    if let Some(position) = cursor.filter(|it| area.contains((*it).into())) {
        frame.set_cursor_position(position);
    }
}

fn session(state: &State, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let session = state.session()?;
    let look = state.look();
    let areas = layout::areas(state);
    header::draw(state, areas.header, buffer);
    let lines = alerts(session, state.now());
    for (line, at) in lines.iter().zip(0..areas.alerts.height) {
        let left = lines.len().saturating_sub(usize::from(areas.alerts.height));
        let more = if at + 1 == areas.alerts.height && left > 0 {
            format!(" (and {left} more)")
        } else {
            String::new()
        };
        Pen::new(buffer, row(areas.alerts, at))
            .put(" ▲ ", look.warn)
            .put(&format!("{line}{more}"), look.warn);
    }
    let tab = tabs::enabled(&state.setup().features).get(session.tab).copied()?;
    let mut cursor = (tab.draw)(state, areas.body, buffer);
    if areas.console.is_some() {
        cursor = picture::draw(state, &areas, buffer);
    }
    for popup in &session.popups {
        cursor = popup.draw(
            state,
            Rect {
                height: area.height.saturating_sub(1),
                ..area
            },
            buffer,
        );
    }
    let listed = matches!(session.popups.last(), Some(Popup::Messages(_)));
    if let Some(notice) = state.notices().toast(state.now()).filter(|_| !listed) {
        toast(notice, areas.body, buffer, &look);
    }
    cursor
}

/// The latest message, over the lower border of the body.
fn toast(notice: &Notice, body: Rect, buffer: &mut Buffer, look: &Look) {
    let (mark, style) = match notice.level {
        Level::Good => ("✓", look.good),
        Level::Note => ("·", look.accent),
        Level::Bad => ("✗", look.bad),
    };
    let mut lines = wrap(&notice.text, body.width.saturating_sub(6));
    let most = if body.height >= 12 { 3 } else { 1 };
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push_str(" … E shows all");
        }
    }
    let height = u16::try_from(lines.len()).unwrap_or(1).min(body.height);
    let area = Rect {
        x: body.x + 1,
        width: body.width.saturating_sub(2),
        y: body.bottom() - height,
        height,
    };
    Clear.render(area, buffer);
    buffer.set_style(area, look.ground);
    for (at, line) in (0..height).zip(&lines) {
        let mark = if at == 0 { mark } else { " " };
        Pen::new(buffer, row(area, at))
            .skip(1)
            .put(mark, style)
            .skip(1)
            .put(line, style);
    }
}

fn too_small(area: Rect, buffer: &mut Buffer, look: &Look) {
    let smallest = layout::SMALLEST;
    let text = format!(
        "twarga needs {} columns and {} rows; this terminal has {} and {}.",
        smallest.width, smallest.height, area.width, area.height
    );
    for (line, at) in wrap(&text, area.width).iter().zip(0..area.height) {
        Pen::new(buffer, row(area, at)).put(line, look.warn);
    }
}
