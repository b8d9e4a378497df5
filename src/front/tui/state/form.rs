//! Forms: labelled fields with one focus, each with its reason for being refused.
//!
//! A form knows how to be typed into. What makes a value valid is its owner's business: after
//! every change it sets the errors with [`Form::judge`].

use crate::front::tui::keys::Focus;
use crate::model::{Field, FieldError};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

/// How a field is filled in.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A line.
    Text,
    /// A line that is not shown.
    Secret,
    /// Several lines, one entry each.
    Lines,
    /// A number, typed or stepped.
    Number {
        min: u64,
        max: u64,
        step: u64,
        unit: &'static str,
    },
    /// One of several.
    Choice { options: Vec<Choice>, at: usize },
}

/// An option of a choice.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) label: String,
    /// Why it cannot be taken now.
    pub(crate) unavailable: Option<String>,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub(crate) struct FormField {
    /// Its name in the core's refusals; the repetition of a password has none.
    pub(crate) field: Option<Field>,
    pub(crate) label: &'static str,
    pub(crate) kind: Kind,
    pub(crate) input: Input,
    /// What is said beside it while nothing is wrong.
    pub(crate) hint: String,
    /// Why its value is refused.
    pub(crate) error: Option<String>,
    /// The user has been here: an error may be shown.
    pub(crate) touched: bool,
    /// Most characters.
    limit: usize,
}

impl FormField {
    pub(crate) fn new(field: impl Into<Option<Field>>, label: &'static str, kind: Kind) -> Self {
        let limit = match kind {
            Kind::Text => 254,
            Kind::Secret => 1024,
            Kind::Lines => 32 * 1024,
            Kind::Number { .. } => 6,
            Kind::Choice { .. } => 0,
        };
        Self {
            field: field.into(),
            label,
            kind,
            input: Input::default(),
            hint: String::new(),
            error: None,
            touched: false,
            limit,
        }
    }

    pub(crate) fn with(mut self, value: impl Into<String>) -> Self {
        self.input = Input::new(value.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The reason to show beside it, once the user has been here.
    pub(crate) fn shown_error(&self) -> Option<&str> {
        self.error.as_deref().filter(|_| self.touched)
    }

    fn insert(&mut self, c: char) {
        let fits = self.input.value().chars().count() < self.limit;
        let wanted = match self.kind {
            Kind::Number { .. } => c.is_ascii_digit(),
            Kind::Lines => c == '\n' || !c.is_control(),
            Kind::Choice { .. } => false,
            Kind::Text | Kind::Secret => !c.is_control(),
        };
        if fits && wanted {
            self.input.handle(InputRequest::InsertChar(c));
            self.touched = true;
        }
    }
}

/// Fields with one focus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    pub(crate) fields: Vec<FormField>,
    pub(crate) focus: usize,
    /// What the core is doing with what was submitted.
    pub(crate) busy: Option<&'static str>,
    /// What was said about the form as a whole.
    pub(crate) message: Option<String>,
    changed: bool,
}

impl Form {
    pub(crate) fn new(fields: Vec<FormField>) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }

    /// The text of a field.
    pub(crate) fn text(&self, index: usize) -> &str {
        self.fields.get(index).map_or("", |it| it.input.value())
    }

    /// The number in a field, if it is one.
    pub(crate) fn number(&self, index: usize) -> Option<u64> {
        self.text(index).parse().ok()
    }

    /// The option chosen in a field.
    pub(crate) fn choice(&self, index: usize) -> Option<&Choice> {
        match &self.fields.get(index)?.kind {
            Kind::Choice { options, at } => options.get(*at),
            _ => None,
        }
    }

    /// Whether anything was typed.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Which keys the focused field understands.
    pub(crate) fn focus_kind(&self) -> Focus {
        match self.fields.get(self.focus).map(|it| &it.kind) {
            Some(Kind::Number { .. }) => Focus::Number,
            Some(Kind::Choice { .. }) => Focus::Choice,
            _ => Focus::Text,
        }
    }

    /// Sets the reasons, one for each field.
    pub(crate) fn judge(&mut self, errors: Vec<Option<String>>) {
        for (field, error) in self.fields.iter_mut().zip(errors) {
            field.error = error;
        }
    }

    /// Whether every field is valid; if not, every reason is shown and the first bad field gets
    /// the focus.
    pub(crate) fn accepts(&mut self) -> bool {
        let bad = self.fields.iter().position(|it| it.error.is_some());
        if let Some(bad) = bad {
            self.focus = bad;
            for field in &mut self.fields {
                field.touched = true;
            }
        }
        bad.is_none()
    }

    /// Puts the core's refusals beside their fields; those without a field become the message.
    pub(crate) fn refuse(&mut self, errors: &[FieldError]) {
        let mut rest = Vec::new();
        for error in errors {
            match self.fields.iter_mut().find(|it| it.field == Some(error.field)) {
                Some(field) => {
                    field.error = Some(error.reason.clone());
                    field.touched = true;
                }
                None => rest.push(error.to_string()),
            }
        }
        if let Some(bad) = self.fields.iter().position(|it| it.error.is_some()) {
            self.focus = bad;
        }
        self.message = (!rest.is_empty()).then(|| rest.join("; "));
    }

    pub(crate) fn next(&mut self) {
        self.leave(1);
    }

    pub(crate) fn previous(&mut self) {
        self.leave(self.fields.len().saturating_sub(1));
    }

    fn leave(&mut self, by: usize) {
        if self.fields.is_empty() {
            return;
        }
        // A field that was left empty is not yet wrong: the user may come back.
        if let Some(field) = self.fields.get_mut(self.focus) {
            field.touched |= !field.input.value().is_empty();
        }
        self.focus = (self.focus + by) % self.fields.len();
    }

    /// Steps a number or a choice.
    pub(crate) fn step(&mut self, up: bool) {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return;
        };
        match &mut field.kind {
            Kind::Number { min, max, step, .. } => {
                let now = field.input.value().parse().unwrap_or(*min);
                let next = if up {
                    (now / *step + 1) * *step
                } else {
                    now.saturating_sub(1) / *step * *step
                };
                field.input = Input::new(next.clamp(*min, *max).to_string());
            }
            Kind::Choice { options, at } if !options.is_empty() => {
                *at = (*at + if up { 1 } else { options.len() - 1 }) % options.len();
            }
            _ => return,
        }
        field.touched = true;
        self.changed = true;
    }

    /// Types a character.
    pub(crate) fn insert(&mut self, c: char) {
        if let Some(field) = self.fields.get_mut(self.focus) {
            field.insert(c);
            self.changed = true;
        }
    }

    /// Takes a pasted text.
    ///
    /// # Errors
    /// Says why nothing was inserted.
    pub(crate) fn paste(&mut self, text: &str) -> Result<(), &'static str> {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return Ok(());
        };
        let text = text.trim_end_matches('\n');
        let lines = matches!(field.kind, Kind::Lines);
        if text.chars().any(|c| c.is_control() && !(lines && c == '\n')) {
            return Err("the pasted text has line breaks or control characters; nothing was inserted");
        }
        if field.input.value().chars().count() + text.chars().count() > field.limit {
            return Err("the pasted text is too long for this field; nothing was inserted");
        }
        text.chars().for_each(|c| field.insert(c));
        self.changed = true;
        Ok(())
    }

    /// Moves and deletes in the focused line.
    pub(crate) fn edit(&mut self, key: KeyEvent) {
        let Some(field) = self.fields.get_mut(self.focus) else {
            return;
        };
        let before = field.input.value().len();
        edit(&mut field.input, key);
        if field.input.value().len() != before {
            field.touched = true;
            self.changed = true;
        }
    }
}

/// The line editing that every line has.
pub(crate) fn edit(input: &mut Input, key: KeyEvent) {
    use InputRequest as R;
    let request = match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Left, false) => R::GoToPrevChar,
        (KeyCode::Right, false) => R::GoToNextChar,
        (KeyCode::Left, true) => R::GoToPrevWord,
        (KeyCode::Right, true) => R::GoToNextWord,
        (KeyCode::Home, _) | (KeyCode::Char('a'), true) => R::GoToStart,
        (KeyCode::End, _) | (KeyCode::Char('e'), true) => R::GoToEnd,
        (KeyCode::Backspace, _) => R::DeletePrevChar,
        (KeyCode::Delete, _) => R::DeleteNextChar,
        (KeyCode::Char('u'), true) => R::DeleteFromStart,
        (KeyCode::Char('k'), true) => R::DeleteTillEnd,
        (KeyCode::Char('w'), true) => R::DeletePrevWord,
        _ => return,
    };
    input.handle(request);
}
