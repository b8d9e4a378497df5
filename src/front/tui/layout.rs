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
    /// The shown console: over header and body, or below a shorter body.
    pub(crate) console: Option<Rect>,
    /// The console has the whole screen, without title and footer: the guest's rows fit no other way.
    pub(crate) bare: bool,
}

/// Rows that the tab keeps above a console that does not fill the screen.
const ABOVE_CONSOLE: u16 = 7;

/// Whether a screen is too small to be drawn.
pub(crate) fn too_small(size: Size) -> bool {
    size.width < SMALLEST.width || size.height < SMALLEST.height
}

/// Where popups stand.
pub(crate) fn above_footer(size: Size) -> Rect {
    let height = size.height.saturating_sub(1);
    Rect::new(0, 0, size.width, height)
}

/// The parts of a state's screen.
pub(crate) fn areas(state: &State) -> Areas {
    let size = state.size();
    let most = if size.height >= 16 { 3 } else { 1 };
    let alerts = state
        .session()
        .map_or(0, |session| alerts(session, state.now()).len().min(most));
    let mut areas = split(size, u16::try_from(alerts).unwrap_or(0));
    let panes = state.session().map(|session| &session.consoles);
    if let Some(panes) = panes.filter(|panes| panes.shown().is_some()) {
        let whole = Rect {
            x: 0,
            y: 0,
            width: size.width,
            height: areas.footer.y,
        };
        areas.bare = panes.shows_bare(size.height);
        if areas.bare {
            let bottom = size.height;
            areas.console = Some(Rect {
                height: bottom,
                ..whole
            });
            areas.footer = Rect {
                y: bottom,
                height: 0,
                ..areas.footer
            };
            return areas;
        }
        areas.console = Some(if panes.full || areas.body.height < 2 * ABOVE_CONSOLE {
            whole
        } else {
            let (body, below) = (areas.body, areas.body.height - ABOVE_CONSOLE);
            areas.body.height = ABOVE_CONSOLE;
            Rect {
                y: body.y + ABOVE_CONSOLE,
                height: below,
                ..body
            }
        });
    }
    areas
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
        console: None,
        bare: false,
    }
}
