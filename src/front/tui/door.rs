//! Draws the screens before there is a user, and the lock.

use super::state::door::{DoorScreen, Lock, Mode};
use super::state::form::Form;
use super::state::{Screen, State};
use super::theme::Look;
use super::widgets::bar::bar;
use super::widgets::form as fields;
use super::widgets::frame::popup;
use super::widgets::pen::{Pen, below, row, wrap};
use super::widgets::units;
use crate::core::{Door, Strength};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What is drawn on, and how.
struct Sheet<'b> {
    area: Rect,
    buffer: &'b mut Buffer,
    look: Look,
    now: Timestamp,
}

/// Draws what stands before a session; answers where the cursor is.
pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let area = Rect {
        height: area.height.saturating_sub(1),
        ..area
    };
    let mut sheet = Sheet {
        area,
        buffer,
        look: state.look(),
        now: state.now(),
    };
    match state.screen() {
        Screen::Opening(None) => sheet.say("twarga", &["opening …"]),
        Screen::Opening(Some(error)) => {
            sheet.say(
                "twarga cannot begin",
                &[error, "Enter tries again, Ctrl-C leaves."],
            );
        }
        Screen::Door(door) if door.mode == Mode::Closed => {
            sheet.say("twarga", &[NOT_SET_UP, "Ctrl-C leaves."])
        }
        Screen::Door(door) => return sheet.door(door),
        Screen::Session(session) => {
            return session
                .lock
                .as_ref()
                .and_then(|lock| sheet.lock(lock, &session.me.name));
        }
    }
    None
}

const NOT_SET_UP: &str =
    "twarga is not set up yet: whoever owns this host must run `twarga` on it and make the first account.";
const FIRST: &str = "Nobody has an account here yet. The one you make now is the admin: it may do everything, \
                     and give others accounts.";

impl Sheet<'_> {
    fn door(&mut self, door: &DoorScreen) -> Option<(u16, u16)> {
        let (title, intro) = match (door.mode, door.door) {
            (Mode::Register, Door::FirstAccount) => ("Welcome to twarga", FIRST),
            (Mode::Register, _) => ("New account", "You will see and use your own machines only."),
            _ => ("twarga ── sign in", ""),
        };
        let height = if door.mode == Mode::SignIn { 9 } else { 16 };
        let inside = popup(self.buffer, self.area, (78, height), title, &self.look);
        let compact = self.area.height < 16;
        let mut rest = inside;
        if !compact {
            rest = below(rest, 1);
            let lines = self.write(rest, intro);
            rest = below(rest, if lines == 0 { 0 } else { lines + 1 });
        }
        let places = Rect {
            height: rest.height.saturating_sub(if compact { 1 } else { 4 }),
            ..rest
        };
        let (cursor, used) = fields::draw(&door.form, places, self.buffer, &self.look);
        rest = below(rest, used);
        if let Some(strength) = door
            .strength
            .as_ref()
            .filter(|_| door.mode == Mode::Register && !compact)
        {
            self.strength(strength, rest);
            rest = below(rest, 1);
        }
        if !compact {
            rest = below(rest, 1);
        }
        match fields::tight_reason(&door.form, places) {
            Some(reason) if door.form.busy.is_none() => {
                Pen::new(self.buffer, rest)
                    .put("✗ ", self.look.bad)
                    .put(reason, self.look.bad);
            }
            _ => self.status(&door.form, door.locked_until, rest),
        }
        cursor
    }

    fn lock(&mut self, lock: &Lock, name: &str) -> Option<(u16, u16)> {
        let inside = popup(self.buffer, self.area, (70, 8), "twarga ── locked", &self.look);
        let since = units::calm_span(units::seconds(lock.since, self.now));
        let text = format!("{name} is signed in; the screen was locked {since} ago.");
        Pen::new(self.buffer, row(inside, 0)).put(&text, self.look.dim);
        let rest = below(inside, if inside.height > 5 { 2 } else { 1 });
        let (cursor, used) = fields::draw(&lock.form, row(rest, 0), self.buffer, &self.look);
        self.status(&lock.form, lock.locked_until, below(rest, used + 1));
        cursor
    }

    /// What the core says, or is doing.
    fn status(&mut self, form: &Form, until: Option<Timestamp>, area: Rect) {
        if let Some(busy) = form.busy {
            Pen::new(self.buffer, area).put(&format!("{busy} …"), self.look.accent);
            return;
        }
        let text = match until.filter(|until| self.now < *until) {
            Some(until) => Some(format!(
                "too many failed tries; the next one is heard in {}",
                units::span(units::seconds(self.now, until))
            )),
            None => form.message.clone(),
        };
        let Some(text) = text else { return };
        for (line, at) in wrap(&text, area.width).iter().zip(0..area.height) {
            Pen::new(self.buffer, row(area, at)).put(line, self.look.bad);
        }
    }

    fn strength(&mut self, strength: &Strength, area: Rect) {
        let look = &self.look;
        let (word, style) = match (strength.refusal.is_some(), strength.score) {
            (true, _) => ("too weak", look.bad),
            (_, 0..=2) => ("fair", look.warn),
            (_, 3) => ("good", look.good),
            _ => ("strong", look.good),
        };
        let mut pen = Pen::new(self.buffer, area);
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

    fn say(&mut self, title: &str, paragraphs: &[&str]) {
        let width = self.area.width.min(64);
        let lines: usize = paragraphs
            .iter()
            .map(|it| wrap(it, width.saturating_sub(4)).len())
            .sum();
        let height = u16::try_from(lines + 2).unwrap_or(u16::MAX);
        let mut rest = popup(self.buffer, self.area, (width, height), title, &self.look);
        for paragraph in paragraphs {
            rest = below(rest, self.write(rest, paragraph));
        }
    }

    /// Writes a paragraph; answers how many rows it took.
    fn write(&mut self, area: Rect, text: &str) -> u16 {
        let lines = wrap(text, area.width);
        for (line, at) in lines.iter().zip(0..area.height) {
            Pen::new(self.buffer, row(area, at)).put(line, self.look.ground);
        }
        u16::try_from(lines.len()).unwrap_or(u16::MAX)
    }
}
