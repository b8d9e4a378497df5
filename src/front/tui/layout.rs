//! Where the large parts stand. Drawing, scrolling and the mouse ask here, so they agree.

use super::state::{State, alerts};
use ratatui::layout::{Rect, Size};

/// The smallest screen that is drawn; below it stands one sentence.
pub(crate) const SMALLEST: Size = Size {
    width: 40,
    height: 10,
};

/// The parts of the screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Areas {
    pub(crate) header: Rect,
    /// Lines that say what is wrong; empty when nothing is.
    pub(crate) alerts: Rect,
    pub(crate) body: Rect,
    pub(crate) footer: Rect,
}

/// Whether a screen is too small to be drawn.
pub(crate) fn too_small(size: Size) -> bool {
    size.width < SMALLEST.width || size.height < SMALLEST.height
}

/// The parts of a state's screen.
pub(crate) fn areas(state: &State) -> Areas {
    let size = state.size();
    let most = if size.height >= 16 { 3 } else { 1 };
    let alerts = state
        .session()
        .map_or(0, |session| alerts(session, state.now()).len().min(most));
    split(size, u16::try_from(alerts).unwrap_or(0))
}

fn split(size: Size, alerts: u16) -> Areas {
    let line = |y, height| Rect {
        x: 0,
        y,
        width: size.width,
        height,
    };
    let alerts = alerts.min(size.height.saturating_sub(2));
    let body = size.height.saturating_sub(2 + alerts);
    Areas {
        header: line(0, size.height.min(1)),
        alerts: line(1, alerts),
        body: line(1 + alerts, body),
        footer: line(
            (1 + alerts + body).min(size.height.saturating_sub(1)),
            size.height.min(1),
        ),
    }
}
