//! Quitting while this process keeps and has operations at work.

use crate::front::tui::state::State;
use crate::front::tui::tabs::vms::table::progress;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The question.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quit {
    /// The answer was to wait.
    pub(crate) waiting: bool,
}

impl Quit {
    pub(super) fn draw(self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let session = state.session()?;
        let view = session.view.as_deref()?;
        let look = state.look();
        let count = view.operations.len();
        let width = screen.width.min(70);
        let work = if count == 1 {
            "1 operation is".to_owned()
        } else {
            format!("{count} operations are")
        };
        let text = if self.waiting {
            format!("{work} still at work; twarga leaves when nothing is.")
        } else {
            format!(
                "{work} at work here. Another twarga that keeps goes on with it; without one it stands still."
            )
        };
        let lines = wrap(&text, width.saturating_sub(4));
        let listed = count.min(5);
        let height = u16::try_from(lines.len() + listed + 4).unwrap_or(u16::MAX);
        let inside = popup(buffer, screen, (width, height), "Quit", &look);
        let mut at = 0;
        for line in &lines {
            Pen::new(buffer, row(inside, at)).put(line, look.ground);
            at += 1;
        }
        for operation in view.operations.iter().take(listed) {
            let mut pen = Pen::new(buffer, row(inside, at));
            pen.left(&operation.subject(), 16, look.title).skip(1);
            progress(state, operation, &mut pen, look.accent, look.dim);
            at += 1;
        }
        let last = row(inside, inside.height.saturating_sub(1));
        let mut pen = Pen::new(buffer, last);
        if !self.waiting {
            pen.put("w", look.key).put(" wait for it   ", look.ground);
        }
        pen.put("l", look.key)
            .put(" leave now   ", look.ground)
            .put("c", look.key)
            .put(" stay", look.ground);
        None
    }
}
