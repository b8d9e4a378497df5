//! Who sits at which console: one's own, those of one's machines, and everybody's for who may see
//! them.

use super::list_height;
use crate::core::Result;
use crate::front::tui::keys::Command;
use crate::front::tui::layout;
use crate::front::tui::state::State;
use crate::front::tui::state::commands_target as target;
use crate::front::tui::state::events::scrolled;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row};
use crate::front::tui::widgets::units;
use crate::front::tui::words;
use crate::model::ConsoleSession;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consoles {
    rows: Vec<ConsoleSession>,
    at: usize,
    offset: usize,
    loaded: bool,
    error: Option<String>,
}

impl Consoles {
    /// The list came.
    pub(crate) fn arrived(&mut self, result: Result<Vec<ConsoleSession>>) {
        self.loaded = true;
        match result {
            Ok(rows) => {
                let selected = self.selected().map(|it| it.id);
                self.error = None;
                self.rows = rows;
                let found = self.rows.iter().position(|it| Some(it.id) == selected);
                self.at = found.unwrap_or(self.at).min(self.rows.len().saturating_sub(1));
            }
            Err(error) => self.error = Some(words::of(&error)),
        }
    }

    /// The selected one.
    pub(crate) fn selected(&self) -> Option<&ConsoleSession> {
        self.rows.get(self.at)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn go(&mut self, command: Command, page: usize) {
        self.at = target(command, self.at, page, self.rows.len());
    }

    pub(super) fn settle(&mut self, body: Rect) {
        self.offset = scrolled(self.offset, self.at, list_height(body).into(), self.rows.len());
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let session = state.session()?;
        let look = state.look();
        let body = layout::areas(state).body;
        let title = format!("Consoles ── {} open", self.rows.len());
        let inside = popup(buffer, body, (body.width, body.height), &title, &look);
        if let Some(error) = &self.error {
            Pen::new(buffer, inside).put(error, look.bad);
        } else if self.rows.is_empty() {
            let text = if self.loaded {
                "nobody sits at a console; c on a machine opens one"
            } else {
                "looking …"
            };
            Pen::new(buffer, inside).put(text, look.dim);
        }
        for ((index, console), at) in self
            .rows
            .iter()
            .enumerate()
            .skip(self.offset)
            .zip(0..inside.height)
        {
            let line = row(inside, at);
            let chosen = index == self.at;
            if chosen {
                buffer.set_style(line, look.selected);
            }
            let dim = if chosen { Style::new() } else { look.dim };
            let here = session.consoles.by_id(console.id).is_some();
            let since = units::calm_span(units::seconds(console.opened_at, state.now()));
            let idle = units::calm_span(units::seconds(console.last_input_at, state.now()));
            let mut pen = Pen::new(buffer, line);
            pen.put(if chosen { "▸ " } else { "  " }, Style::new());
            pen.left(&console.vm_name, 18, Style::new()).skip(1);
            pen.left(console.kind.title(), 6, Style::new()).skip(1);
            pen.left(&console.username, 12, Style::new()).skip(1);
            pen.put(if here { "here" } else { &console.source }, dim);
            pen.put(&format!(" · for {since} · idle {idle}"), dim);
        }
        None
    }
}
