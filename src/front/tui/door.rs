//! Draws the screens before there is a user, and the lock.

use super::state::door::{DoorScreen, Lock, Mode};
use super::state::form::Form;
use super::state::{Screen, State};
use super::theme::Look;
use super::widgets::bar::bar;
use super::widgets::form as fields;
use super::widgets::frame::popup;
use super::widgets::pen::{Pen, row, wrap};
use super::widgets::units;
use crate::core::{Door, Strength};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws what stands before a session; answers where the cursor is.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let look = state.look();
    let area = Rect {
        height: area.height.saturating_sub(1),
        ..area
    };
    match state.screen() {
        Screen::Opening(None) => {
            say(area, "twarga", &["opening …".to_owned()], buffer, &look);
            None
        }
        Screen::Opening(Some(error)) => {
            let next = "Enter tries again, Ctrl-C leaves.".to_owned();
            say(area, "twarga cannot begin", &[error.clone(), next], buffer, &look);
            None
        }
        Screen::Door(door) => draw_door(state, door, area, buffer, &look),
        Screen::Session(session) => {
            let name = session.me.name.clone();
            session
                .lock
                .as_ref()
                .and_then(|lock| draw_lock(state, lock, &name, area, buffer, &look))
        }
    }
}

fn draw_door(
    state: &State,
    door: &DoorScreen,
    area: Rect,
    buffer: &mut Buffer,
    look: &Look,
) -> Option<(u16, u16)> {
    if door.mode == Mode::Closed {
        let why = "twarga is not set up yet: whoever owns this host must run `twarga` on it and make the \
                   first account.";
        say(
            area,
            "twarga",
            &[why.to_owned(), "Ctrl-C leaves.".to_owned()],
            buffer,
            look,
        );
        return None;
    }
    let (title, intro) = match (door.mode, door.door) {
        (Mode::Register, Door::FirstAccount) => (
            "Welcome to twarga",
            "Nobody has an account here yet. The one you make now is the admin: it may do everything, and \
             give others accounts.",
        ),
        (Mode::Register, _) => ("New account", "You will see and use your own machines only."),
        _ => ("twarga ── sign in", ""),
    };
    let inside = popup(
        buffer,
        area,
        (78, if door.mode == Mode::SignIn { 9 } else { 16 }),
        title,
        look,
    );
    let compact = area.height < 16;
    let mut at = 0;
    if !intro.is_empty() && !compact {
        at = write_lines(inside, 1, intro, buffer, look) + 1;
    } else if !compact {
        at = 1;
    }
    let below = Rect {
        y: inside.y + at,
        height: inside.height.saturating_sub(at),
        ..inside
    };
    let reserved = if compact { 1 } else { 4 };
    let fields_area = Rect {
        height: below.height.saturating_sub(reserved),
        ..below
    };
    let (cursor, used) = fields::draw(&door.form, fields_area, buffer, look);
    let mut rest = Rect {
        y: below.y + used,
        height: below.height.saturating_sub(used),
        ..below
    };
    if let Some(strength) = &door.strength
        && door.mode == Mode::Register
        && !compact
    {
        draw_strength(strength, rest, buffer, look);
        rest = Rect {
            y: rest.y + 1,
            height: rest.height.saturating_sub(1),
            ..rest
        };
    }
    if !compact {
        rest = Rect {
            y: rest.y + 1,
            height: rest.height.saturating_sub(1),
            ..rest
        };
    }
    match fields::tight_reason(&door.form, fields_area) {
        Some(reason) if door.form.busy.is_none() => {
            Pen::new(buffer, rest).put("✗ ", look.bad).put(reason, look.bad);
        }
        _ => status(state.now(), &door.form, door.locked_until, rest, buffer, look),
    }
    cursor
}

fn draw_lock(
    state: &State,
    lock: &Lock,
    name: &str,
    area: Rect,
    buffer: &mut Buffer,
    look: &Look,
) -> Option<(u16, u16)> {
    let inside = popup(buffer, area, (70, 8), "twarga ── locked", look);
    let since = units::calm_span(units::seconds(lock.since, state.now()));
    let text = format!("{name} is signed in; the screen was locked {since} ago.");
    Pen::new(buffer, row(inside, 0)).put(&text, look.dim);
    let skipped = if inside.height > 5 { 2 } else { 1 };
    let below = Rect {
        y: inside.y + skipped,
        height: inside.height.saturating_sub(skipped),
        ..inside
    };
    let (cursor, used) = fields::draw(
        &lock.form,
        Rect {
            height: below.height.min(1),
            ..below
        },
        buffer,
        look,
    );
    let rest = Rect {
        y: below.y + used + 1,
        height: below.height.saturating_sub(used + 1),
        ..below
    };
    status(state.now(), &lock.form, lock.locked_until, rest, buffer, look);
    cursor
}

/// What the core says, or is doing.
fn status(
    now: Timestamp,
    form: &Form,
    until: Option<Timestamp>,
    area: Rect,
    buffer: &mut Buffer,
    look: &Look,
) {
    if let Some(busy) = form.busy {
        Pen::new(buffer, area)
            .put(busy, look.accent)
            .put(" …", look.accent);
        return;
    }
    let text = match until.filter(|until| now < *until) {
        Some(until) => Some(format!(
            "too many failed tries; the next one is heard in {}",
            units::span(units::seconds(now, until))
        )),
        None => form.message.clone(),
    };
    let Some(text) = text else { return };
    for (line, at) in wrap(&text, area.width).iter().zip(0..area.height) {
        Pen::new(buffer, row(area, at)).put(line, look.bad);
    }
}

fn draw_strength(strength: &Strength, area: Rect, buffer: &mut Buffer, look: &Look) {
    let (word, style) = match (strength.refusal.is_some(), strength.score) {
        (true, _) => ("too weak", look.bad),
        (_, 0..=2) => ("fair", look.warn),
        (_, 3) => ("good", look.good),
        _ => ("strong", look.good),
    };
    let mut pen = Pen::new(buffer, area);
    pen.left("strength", 10, look.dim);
    bar(
        &mut pen,
        12,
        f64::from(strength.score.min(4)) / 4.0,
        style,
        look.dim,
    );
    pen.skip(1).put(word, style);
    if let Some(advice) = &strength.advice {
        pen.put(&format!(" · {advice}"), look.dim);
    }
}

fn say(area: Rect, title: &str, paragraphs: &[String], buffer: &mut Buffer, look: &Look) {
    let width = area.width.min(64);
    let lines: u16 = paragraphs
        .iter()
        .map(|it| u16::try_from(wrap(it, width.saturating_sub(4)).len()).unwrap_or(u16::MAX))
        .fold(0, u16::saturating_add);
    let inside = popup(buffer, area, (width, lines.saturating_add(2)), title, look);
    let mut at = 0;
    for paragraph in paragraphs {
        at = write_lines(inside, at, paragraph, buffer, look);
    }
}

fn write_lines(area: Rect, from: u16, text: &str, buffer: &mut Buffer, look: &Look) -> u16 {
    let lines = wrap(text, area.width);
    let mut at = from;
    for line in &lines {
        Pen::new(buffer, row(area, at)).put(line, look.ground);
        at += 1;
    }
    at
}
