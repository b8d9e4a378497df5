//! Forwarded ports of a machine: what there is, and a line to add one or take one back.

use crate::core::{Error, View};
use crate::front::tui::event::Effect;
use crate::front::tui::state::State;
use crate::front::tui::state::form::{Form, FormField, Kind};
use crate::front::tui::widgets::form as fields;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::front::tui::words;
use crate::model::{Field, FieldError, Forward, KeptForward, VmId, WantedForward};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Rows of forwards that are shown at most.
const LISTED: usize = 10;

/// The list and the line.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    vm: VmId,
    name: String,
    pub(crate) form: Form,
    /// What became of the last line.
    done: Option<String>,
}

impl Ports {
    pub(crate) fn new(vm: VmId, name: String) -> Self {
        let field = FormField::new(Field::Port, "port", Kind::Text)
            .hint("8080:80, 80, 53/udp; with - in front it is taken back");
        let mut it = Self {
            vm,
            name,
            form: Form::new(vec![field]),
            done: None,
        };
        it.judge();
        it
    }

    /// What is typed, and whether it is to be taken back.
    fn asked(&self) -> Result<(WantedForward, bool), FieldError> {
        let text = self.form.text(0).trim();
        match text.strip_prefix('-') {
            Some(rest) => Ok((WantedForward::parse(rest)?, true)),
            None => Ok((WantedForward::parse(text)?, false)),
        }
    }

    pub(crate) fn judge(&mut self) {
        let error = self.asked().err().map(|it| it.reason);
        self.form.judge(vec![error]);
    }

    pub(crate) fn submit(&mut self) -> Option<Effect> {
        if self.form.busy.is_some() || !self.form.accepts() {
            return None;
        }
        let (vm, name) = (self.vm, self.name.clone());
        let (wanted, back) = self.asked().ok()?;
        self.form.message = None;
        self.done = None;
        Some(if back {
            self.form.busy = Some("taking it back");
            Effect::TakeForwardBack { vm, name, wanted }
        } else {
            self.form.busy = Some("forwarding");
            Effect::Forward { vm, name, wanted }
        })
    }

    /// The core did it, or said no.
    pub(crate) fn answered(&mut self, result: &Result<Vec<Forward>, Error>, verb: &str) {
        self.form.busy = None;
        match result {
            Ok(forwards) => {
                let names: Vec<String> = forwards.iter().map(ToString::to_string).collect();
                *self = Self {
                    done: Some(format!("{} {verb}", names.join(", "))),
                    ..Self::new(self.vm, std::mem::take(&mut self.name))
                };
            }
            Err(error) => self.form.message = Some(words::of(error)),
        }
    }

    fn kept<'a>(&self, view: Option<&'a View>) -> &'a [KeptForward] {
        view.and_then(|it| it.machines.iter().find(|machine| machine.vm.id == self.vm))
            .map_or(&[], |it| &it.forwards)
    }

    pub(super) fn draw(&self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let kept = self.kept(state.session().and_then(|it| it.view.as_deref()));
        let listed = kept.len().clamp(1, LISTED);
        let height = u16::try_from(listed).unwrap_or(u16::MAX).saturating_add(7);
        let title = format!("Ports of {}", self.name);
        let inside = popup(buffer, screen, (84, height), &title, &look);
        let room = usize::from(inside.height.saturating_sub(4)).min(listed);
        if kept.is_empty() {
            Pen::new(buffer, row(inside, 0)).put("no port of 127.0.0.1 leads to it but SSH's", look.dim);
        }
        for (forward, at) in kept.iter().take(room).zip(0..) {
            let line = row(inside, at);
            let mut pen = Pen::new(buffer, line);
            let lead = format!("127.0.0.1:{}", forward.forward.host);
            let to = format!("{} {}", forward.forward.protocol, forward.forward.guest);
            pen.left(&lead, 17, Style::new()).left(&to, 11, Style::new());
            match &forward.problem {
                Some(problem) => pen.put(&format!("✗ {problem}"), look.bad),
                None if kept.len() > room && usize::from(at) + 1 == room => {
                    pen.put(&format!("and {} more", kept.len() - room), look.dim)
                }
                None => pen.put("✓", look.dim),
            };
        }
        let shown = u16::try_from(room).unwrap_or(u16::MAX);
        let rest = Rect {
            y: inside.y.saturating_add(shown + 1),
            height: inside.height.saturating_sub(shown + 1),
            ..inside
        };
        let field = Rect {
            height: rest.height.min(1),
            ..rest
        };
        let (cursor, _) = fields::draw(&self.form, field, buffer, &look);
        let below = Rect {
            y: field.bottom(),
            height: rest.height.saturating_sub(1),
            ..rest
        };
        let (text, style) = if let Some(busy) = self.form.busy {
            (format!("{busy} …"), look.accent)
        } else if let Some(message) = &self.form.message {
            (message.clone(), look.bad)
        } else if let Some(reason) = self.form.fields.first().and_then(FormField::shown_error) {
            // In full: beside the line it is cut.
            (reason.to_owned(), look.bad)
        } else {
            (self.done.clone().unwrap_or_default(), look.accent)
        };
        for (line, at) in wrap(&text, below.width).iter().zip(0..below.height) {
            Pen::new(buffer, row(below, at)).put(line, style);
        }
        cursor
    }
}
