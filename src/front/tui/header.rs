//! The first line: tabs on the left; on the right who is signed in, who keeps, and whether
//! libvirt answers, as far as there is room.

use super::state::{State, keeper_words};
use super::tabs;
use super::widgets::pen::{Pen, columns};
use super::widgets::units;
use crate::core::{Health, View};
use crate::front::tui::state::session::Session;
use crate::front::tui::theme::Look;
use crate::model::Credits;
use jiff::SignedDuration;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const PRODUCT: &str = " twarga ";
/// Credits that last less are shown as a warning.
const LITTLE: SignedDuration = SignedDuration::from_hours(1);

pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let Some(session) = state.session() else { return };
    let look = state.look();
    let mut pen = Pen::new(buffer, area);
    pen.put(PRODUCT, look.title);
    for (at, label) in labels(state, session).iter().enumerate() {
        let style = if at == session.tab {
            look.selected
        } else {
            look.dim
        };
        pen.put(label, style).skip(1);
    }
    let left = pen.x();
    let parts = right(state, session, &look);
    let mut room = area.right().saturating_sub(left + 1);
    let mut shown = Vec::new();
    // Who is signed in matters most and stands last.
    for (text, style) in parts.into_iter().rev() {
        let need = columns(&text) + 2;
        if need > room {
            break;
        }
        room -= need;
        shown.push((text, style));
    }
    let width: u16 = shown.iter().map(|(text, _)| columns(text) + 2).sum();
    let mut pen = Pen::new(buffer, area);
    pen.skip(area.width.saturating_sub(width));
    for (text, style) in shown.iter().rev() {
        pen.put(text, *style).skip(2);
    }
}

/// The tab whose name stands at column `x`.
pub(crate) fn tab_at(state: &State, x: u16) -> Option<usize> {
    let mut left = columns(PRODUCT);
    for (at, label) in labels(state, state.session()?).iter().enumerate() {
        let width = columns(label);
        if (left..left + width).contains(&x) {
            return Some(at);
        }
        left += width + 1;
    }
    None
}

fn labels(state: &State, session: &Session) -> Vec<String> {
    tabs::enabled(&state.setup().features)
        .iter()
        .enumerate()
        .map(|(at, tab)| {
            let badge = match session.soc.unseen {
                0 => String::new(),
                unseen if tab.focus == crate::front::tui::keys::Focus::Soc => format!(" ●{unseen}"),
                _ => String::new(),
            };
            format!(" {} {}{badge} ", at + 1, tab.title)
        })
        .collect()
}

fn right(state: &State, session: &Session, look: &Look) -> Vec<(String, Style)> {
    let mut parts = Vec::new();
    if let Some(view) = session.view.as_deref() {
        if let Some(host) = &view.host {
            parts.push((host.hostname.clone(), look.dim));
        }
        parts.push((keeper_words(&view.keeping), look.dim));
        parts.push(match &view.health {
            Health::Up => ("libvirt ● up".to_owned(), look.good),
            Health::Connecting => ("libvirt ◌ connecting".to_owned(), look.warn),
            Health::Silent { .. } => ("libvirt ◌ silent".to_owned(), look.warn),
            Health::Down { .. } => ("libvirt ✗ down".to_owned(), look.bad),
        });
    }
    parts.extend(session.view.as_deref().and_then(|view| purse(view, look)));
    if state.setup().demo {
        parts.push(("DEMO".to_owned(), look.warn));
    }
    parts.push((format!("{} ⬥ {}", session.me.name, session.me.role), look.accent));
    parts
}

/// What is left, and how long it lasts: `812.4 cr ≈ 1d 3h`. In a warning's colour when it is little.
fn purse(view: &View, look: &Look) -> Option<(String, Style)> {
    view.prices?;
    let (balance, lasts) = (view.purse.balance, view.purse.lasts());
    let text = match lasts {
        Some(lasts) => format!(
            "{} cr ≈ {}",
            balance.to_tenths(),
            units::calm_span(lasts.as_secs())
        ),
        None => format!("{} cr", balance.to_tenths()),
    };
    let style = match lasts {
        _ if balance <= Credits::ZERO => look.bad,
        Some(lasts) if lasts < LITTLE => look.warn,
        _ => look.dim,
    };
    Some((text, style))
}
