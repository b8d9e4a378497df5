//! The second page of the form for a new machine: what cloud-init does at its first boot.

use crate::core::seed::MAX_DOCUMENT;
use crate::front::tui::keys::{Command, Focus};
use crate::front::tui::state::form::{Form, FormField, Kind};
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::editor::{Editor, Marks};
use crate::front::tui::widgets::form as fields;
use crate::front::tui::widgets::pen::{Pen, row};
use crate::model::{Field, FieldError, Provision};
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const LOCALE: usize = 0;
const TIMEZONE: usize = 1;
const PACKAGES: usize = 2;
const COMMANDS: usize = 3;

/// The fields of this page.
const FIELDS: [Field; 5] = [
    Field::Locale,
    Field::Timezone,
    Field::Package,
    Field::Command,
    Field::UserData,
];

/// The page.
#[derive(Clone, Debug)]
pub(crate) struct FirstBoot {
    pub(crate) form: Form,
    pub(crate) editor: Editor,
    /// The editor has the keyboard.
    in_editor: bool,
    /// Why the document is refused.
    flaw: Option<String>,
}

impl Default for FirstBoot {
    fn default() -> Self {
        let form = Form::new(vec![
            FormField::new(Field::Locale, "locale", Kind::Text).hint("the image's; as de_DE.UTF-8"),
            FormField::new(Field::Timezone, "time zone", Kind::Text).hint("the image's; as Europe/Berlin"),
            FormField::new(Field::Package, "packages", Kind::Text).hint("names, blanks between"),
            FormField::new(Field::Command, "commands", Kind::Lines).hint("run as root; paste several lines"),
        ]);
        Self {
            form,
            editor: Editor::new(MAX_DOCUMENT),
            in_editor: false,
            flaw: None,
        }
    }
}

impl FirstBoot {
    /// What its fields say.
    pub(crate) fn provision(&self) -> Provision {
        let some = |index| Some(self.form.text(index).trim().to_owned()).filter(|it| !it.is_empty());
        let words = self.form.text(PACKAGES).split([' ', ',']);
        let lines = self.form.text(COMMANDS).lines();
        Provision {
            locale: some(LOCALE),
            timezone: some(TIMEZONE),
            packages: words.filter(|it| !it.is_empty()).map(str::to_owned).collect(),
            commands: lines
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            user_data: (!self.editor.is_empty()).then(|| self.editor.text()),
        }
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.form.is_changed() || !self.editor.is_empty()
    }

    /// Whether a refusal is about this page.
    pub(crate) fn has(field: Field) -> bool {
        FIELDS.contains(&field)
    }

    /// Sets the reasons.
    pub(crate) fn judge(&mut self, problems: &[FieldError]) {
        let first = |field| {
            problems
                .iter()
                .find(|it| it.field == field)
                .map(|it| it.reason.clone())
        };
        let errors = FIELDS[..COMMANDS + 1].iter().map(|&it| first(it)).collect();
        self.form.judge(errors);
        self.flaw = first(Field::UserData);
    }

    /// Whether every field is valid; if not, the first bad one gets the focus.
    pub(crate) fn accepts(&mut self) -> bool {
        let good = self.form.accepts();
        self.in_editor = good && self.flaw.is_some();
        good && self.flaw.is_none()
    }

    /// Puts the core's refusals beside their fields.
    pub(crate) fn refuse(&mut self, errors: &[FieldError]) {
        let (document, fields): (Vec<_>, Vec<_>) =
            errors.iter().cloned().partition(|it| it.field == Field::UserData);
        self.form.refuse(&fields);
        self.in_editor = fields.is_empty();
        self.flaw = document.first().map(|it| it.reason.clone());
    }

    pub(crate) fn focus_kind(&self) -> Focus {
        match self.in_editor {
            true => Focus::Editor,
            false => self.form.focus_kind(),
        }
    }

    /// Goes from field to field, the editor among them, or edits where the cursor is.
    pub(crate) fn command(&mut self, command: Command, key: KeyEvent) {
        let last = self.form.fields.len().saturating_sub(1);
        match (command, self.in_editor) {
            (Command::NextField, false) if self.form.focus == last => self.in_editor = true,
            (Command::PreviousField, false) if self.form.focus == 0 => self.in_editor = true,
            (Command::NextField, false) => self.form.next(),
            (Command::PreviousField, false) => self.form.previous(),
            (Command::NextField, true) => (self.in_editor, self.form.focus) = (false, 0),
            (Command::PreviousField, true) => (self.in_editor, self.form.focus) = (false, last),
            (_, true) => self.editor.edit(key),
            (_, false) => self.form.edit(key),
        }
    }

    pub(crate) fn insert(&mut self, c: char) {
        match self.in_editor {
            true => self.editor.insert(c),
            false => self.form.insert(c),
        }
    }

    pub(crate) fn paste(&mut self, text: &str) -> Result<(), &'static str> {
        match self.in_editor {
            true => self.editor.paste(text),
            false => self.form.paste(text),
        }
    }

    /// What was asked for, in a few words.
    pub(crate) fn summary(&self) -> String {
        let provision = self.provision();
        let count = |count: usize, one: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            more => Some(format!("{more} {one}s")),
        };
        let lines = self.editor.text().lines().count();
        let parts = [
            provision.locale,
            provision.timezone,
            count(provision.packages.len(), "package"),
            count(provision.commands.len(), "command"),
            provision.user_data.map(|_| format!("user-data of {lines} lines")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => "locale, time zone, packages, commands, user-data".to_owned(),
            false => parts.join(", "),
        }
    }

    /// Whether something on this page is refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.flaw.is_some() || self.form.fields.iter().any(|it| it.error.is_some())
    }

    /// Where the editor is in the page: below the fields and its own head line.
    fn editor_area(&self, area: Rect) -> Rect {
        let above = u16::try_from(self.form.fields.len() + 1)
            .unwrap_or(u16::MAX)
            .min(area.height);
        Rect {
            y: area.y + above,
            height: area.height - above,
            ..area
        }
    }

    /// Brings the editor's cursor into sight.
    pub(crate) fn settle(&mut self, area: Rect) {
        let inside = self.editor_area(area);
        self.editor.settle((inside.width, inside.height));
    }

    /// Draws it; answers where the cursor stands.
    pub(crate) fn draw(&self, area: Rect, buffer: &mut Buffer, look: &Look) -> Option<(u16, u16)> {
        let editor_area = self.editor_area(area);
        let fields_area = Rect {
            height: editor_area.y.saturating_sub(area.y + 1),
            ..area
        };
        let (in_form, _) = fields::draw(&self.form, fields_area, buffer, look);
        let head = row(area, fields_area.height);
        let label = if self.in_editor { look.accent } else { look.dim };
        let mut pen = Pen::new(buffer, head);
        pen.put("user-data", label).skip(2);
        match &self.flaw {
            Some(flaw) => {
                let place = flaw.split_once(": ").map_or(flaw.as_str(), |(place, _)| place);
                pen.put("✗ ", look.bad).put(place, look.bad)
            }
            None if self.editor.is_empty() => {
                pen.put("#cloud-config, a script (#!/bin/sh) …: type or paste", look.dim)
            }
            None => pen.put("✓ it can be read", look.dim),
        };
        let marks = Marks {
            flaw: self.flawed_line(),
            focused: self.in_editor && self.form.busy.is_none(),
        };
        let at = self.editor.draw(editor_area, buffer, marks, look);
        if self.in_editor { at } else { in_form }
    }

    /// The line that the refusal names.
    fn flawed_line(&self) -> Option<usize> {
        let rest = self.flaw.as_deref()?.strip_prefix("line ")?;
        rest.split(',').next()?.parse().ok()
    }

    /// Why the document is refused, to be said below it.
    pub(crate) fn flaw(&self) -> Option<&str> {
        self.flaw.as_deref()
    }
}
