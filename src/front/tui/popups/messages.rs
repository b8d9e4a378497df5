//! Earlier results and errors, in full.

use super::list_height;
use crate::front::tui::keys::Command;
use crate::front::tui::layout;
use crate::front::tui::state::State;
use crate::front::tui::state::commands_target as target;
use crate::front::tui::state::notices::Level;
use crate::front::tui::tabs::soc::moment;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Which message stands first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Messages {
    first: usize,
}

impl Messages {
    pub(super) fn go(&mut self, command: Command, page: usize, count: usize) {
        self.first = target(command, self.first, page, count);
    }

    pub(super) fn settle(&mut self, body: Rect, count: usize) {
        let _ = list_height(body);
        self.first = self.first.min(count.saturating_sub(1));
    }

    pub(super) fn draw(self, state: &State, _screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let body = layout::areas(state).body;
        let inside = popup(
            buffer,
            body,
            (body.width, body.height),
            "Messages ── newest first",
            &look,
        );
        if state.notices().all().len() == 0 {
            Pen::new(buffer, inside).put("none yet", look.dim);
            return None;
        }
        let mut at = 0;
        for notice in state.notices().all().skip(self.first) {
            if at >= inside.height {
                break;
            }
            let (mark, style) = match notice.level {
                Level::Good => ("✓ ", look.good),
                Level::Note => ("· ", look.accent),
                Level::Bad => ("✗ ", look.bad),
            };
            let time = moment(notice.at, state.zone(), false);
            for (line, index) in wrap(&notice.text, inside.width.saturating_sub(11))
                .iter()
                .zip(0..)
            {
                let mut pen = Pen::new(buffer, row(inside, at));
                if index == 0 {
                    pen.put(&time, look.dim).skip(1).put(mark, style);
                } else {
                    pen.skip(11);
                }
                pen.put(line, look.ground);
                at += 1;
            }
        }
        None
    }
}
