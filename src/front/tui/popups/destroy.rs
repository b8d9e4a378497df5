//! Destroying a machine: its name must be typed.

use crate::core::Action;
use crate::front::tui::event::Effect;
use crate::front::tui::state::State;
use crate::front::tui::state::form::{Form, FormField, Kind};
use crate::front::tui::widgets::form as fields;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::model::{Field, VmId};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The question.
#[derive(Clone, Debug)]
pub(crate) struct Destroy {
    vm: VmId,
    name: String,
    pub(crate) form: Form,
}

impl Destroy {
    /// `name` may carry the owner: what must be typed is what stands after the slash.
    pub(crate) fn new(vm: VmId, name: String) -> Self {
        let form = Form::new(vec![FormField::new(Field::Name, "name", Kind::Text)]);
        let mut it = Self { vm, name, form };
        it.judge();
        it
    }

    fn wanted(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    pub(crate) fn judge(&mut self) {
        let wrong = self.form.text(0) != self.wanted();
        self.form
            .judge(vec![wrong.then(|| "not yet the machine's name".to_owned())]);
    }

    pub(crate) fn submit(&mut self) -> Option<Effect> {
        self.form.accepts().then(|| Effect::Act {
            vm: self.vm,
            name: self.name.clone(),
            action: Action::Destroy,
        })
    }

    pub(super) fn draw(&self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let width = screen.width.min(78);
        let text = format!(
            "This removes {} with its disk, its log and everything on them; it cannot be undone. Type its \
             name to go on: {}",
            self.name,
            self.wanted()
        );
        let lines = wrap(&text, width.saturating_sub(4));
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let inside = popup(buffer, screen, (width, count.saturating_add(5)), "Destroy", &look);
        let shown = count.min(inside.height.saturating_sub(2));
        for (line, at) in lines.iter().zip(0..shown) {
            Pen::new(buffer, row(inside, at)).put(line, look.warn);
        }
        let gap = u16::from(inside.height > shown + 2);
        let rest = Rect {
            y: inside.y + shown + gap,
            height: inside.height.saturating_sub(shown + gap),
            ..inside
        };
        fields::draw(&self.form, rest, buffer, &look).0
    }
}
