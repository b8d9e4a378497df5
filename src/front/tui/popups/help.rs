//! Every key, and what it does: generated from the table of keys.

use super::list_height;
use crate::front::tui::keys::{Command, names, sections};
use crate::front::tui::state::{Features, State};
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, columns, row, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How far the help is scrolled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Help {
    features: Features,
    offset: usize,
}

/// A line of the help.
enum Line {
    Section(&'static str),
    Key(String, String),
    Blank,
}

impl Help {
    /// Of the parts that the configuration has.
    pub(crate) fn new(features: Features) -> Self {
        Self { features, offset: 0 }
    }

    pub(super) fn go(&mut self, command: Command, page: usize) {
        self.offset = match command {
            Command::Up => self.offset.saturating_sub(1),
            Command::Down => self.offset + 1,
            Command::PageUp => self.offset.saturating_sub(page),
            Command::PageDown => self.offset + page,
            Command::First => 0,
            _ => usize::MAX / 2,
        };
    }

    pub(super) fn settle(&mut self, body: Rect) {
        let count = lines(body.width.saturating_sub(4), &self.features).len();
        self.offset = self.offset.min(count.saturating_sub(list_height(body).into()));
    }

    pub(super) fn draw(self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let body = crate::front::tui::layout::areas(state).body;
        let _ = screen;
        let lines = lines(body.width.saturating_sub(4), &self.features);
        let end = (self.offset + usize::from(list_height(body))).min(lines.len());
        let title = format!("Keys ── {} to {end} of {} lines", self.offset + 1, lines.len());
        let inside = popup(buffer, body, (body.width, body.height), &title, &look);
        for (line, at) in lines.iter().skip(self.offset).zip(0..inside.height) {
            let mut pen = Pen::new(buffer, row(inside, at));
            match line {
                Line::Section(name) => pen.put(name, look.title),
                Line::Key(keys, help) => pen
                    .left(keys, key_width(inside.width), look.key)
                    .put(help, look.ground),
                Line::Blank => &mut pen,
            };
        }
        None
    }
}

fn key_width(width: u16) -> u16 {
    (width / 3).clamp(10, 24)
}

fn lines(width: u16, features: &Features) -> Vec<Line> {
    let mut lines = Vec::new();
    let left = key_width(width);
    for (section, rows) in sections() {
        let rows: Vec<_> = rows.into_iter().filter(|it| !(it.hidden)(features)).collect();
        if rows.is_empty() {
            continue;
        }
        lines.push(Line::Section(section));
        for binding in rows {
            // A row with many keys takes several lines on the left as well.
            let keys = wrap(&names(binding), left.saturating_sub(1));
            let words = wrap(binding.help, width.saturating_sub(left));
            for at in 0..keys.len().max(words.len()) {
                let key = keys.get(at).cloned().unwrap_or_default();
                debug_assert!(columns(&key) < left);
                lines.push(Line::Key(key, words.get(at).cloned().unwrap_or_default()));
            }
        }
        lines.push(Line::Blank);
    }
    lines.pop();
    lines
}
