//! What was recorded of consoles.

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
use crate::model::Recording;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The list, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recordings {
    rows: Vec<Recording>,
    at: usize,
    offset: usize,
    loaded: bool,
    error: Option<String>,
}

impl Recordings {
    /// The list came.
    pub(crate) fn arrived(&mut self, result: Result<Vec<Recording>>) {
        self.loaded = true;
        match result {
            Ok(rows) => {
                self.error = None;
                self.rows = rows;
                self.at = self.at.min(self.rows.len().saturating_sub(1));
            }
            Err(error) => self.error = Some(words::of(&error)),
        }
    }

    /// The selected one.
    pub(crate) fn selected(&self) -> Option<&Recording> {
        self.rows.get(self.at)
    }

    pub(super) fn go(&mut self, command: Command, page: usize) {
        self.at = target(command, self.at, page, self.rows.len());
    }

    pub(super) fn settle(&mut self, body: Rect) {
        self.offset = scrolled(self.offset, self.at, list_height(body).into(), self.rows.len());
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let body = layout::areas(state).body;
        let title = format!("Recordings ── {}", self.rows.len());
        let inside = popup(buffer, body, (body.width, body.height), &title, &look);
        if let Some(error) = &self.error {
            Pen::new(buffer, inside).put(error, look.bad);
        } else if self.rows.is_empty() {
            let text = if self.loaded {
                "nothing was recorded; `twarga record NAME output` begins with the next console"
            } else {
                "looking …"
            };
            Pen::new(buffer, inside).put(text, look.dim);
        }
        for ((index, recording), at) in self
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
            let ago = units::calm_span(units::seconds(recording.started_at, state.now()));
            let length = recording.ended_at.map_or("goes on".to_owned(), |ended| {
                units::span(units::seconds(recording.started_at, ended))
            });
            let mut pen = Pen::new(buffer, line);
            pen.put(if chosen { "▸ " } else { "  " }, Style::new());
            pen.right(&recording.id.to_string(), 5, dim).skip(1);
            pen.left(&recording.vm_name, 18, Style::new()).skip(1);
            pen.left(&recording.username, 12, Style::new()).skip(1);
            pen.put(&format!("{ago} ago · {length}"), dim);
            if recording.input {
                pen.put(" · with input", dim);
            }
        }
        None
    }
}
