//! Before there is a user: the welcome that makes the first account, registering, signing in;
//! and the lock, which has a user and keeps everything behind it.

use super::form::{Form, FormField, Kind};
use crate::core::{Door, Error, Strength};
use crate::front::tui::event::{Effect, Secret};
use crate::front::tui::words;
use crate::model::{Email, Field, Username};
use jiff::Timestamp;

/// The core's estimate of a password: a function, so that tests can hold it.
pub type Estimate = fn(&str, &[&str]) -> Strength;

/// What the door asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    SignIn,
    Register,
    /// Nothing can be asked for: it says why.
    Closed,
}

const NAME: usize = 0;
const EMAIL: usize = 1;
const PASSWORD: usize = 2;
const AGAIN: usize = 3;

/// The screen before there is a user.
#[derive(Clone, Debug)]
pub(crate) struct DoorScreen {
    pub(crate) door: Door,
    pub(crate) mode: Mode,
    pub(crate) form: Form,
    /// Of the password being chosen.
    pub(crate) strength: Option<Strength>,
    /// Until when nothing is heard, after too many failures.
    pub(crate) locked_until: Option<Timestamp>,
    estimate: Estimate,
}

impl DoorScreen {
    pub(crate) fn new(door: Door, estimate: Estimate) -> Self {
        let mode = match door {
            Door::FirstAccount => Mode::Register,
            Door::NotSetUp => Mode::Closed,
            Door::Open | Door::SignInOnly => Mode::SignIn,
        };
        let mut screen = Self {
            door,
            mode,
            form: form(mode),
            strength: None,
            locked_until: None,
            estimate,
        };
        screen.judge();
        screen
    }

    /// Between registering and signing in; the name that was typed stays.
    pub(crate) fn switch(&mut self) {
        let name = self.form.text(NAME).to_owned();
        self.mode = if self.mode == Mode::SignIn {
            Mode::Register
        } else {
            Mode::SignIn
        };
        self.form = form(self.mode);
        if let Some(field) = self.form.fields.get_mut(NAME) {
            *field = field.clone().with(name);
        }
        self.judge();
    }

    /// Checks every field after a change.
    pub(crate) fn judge(&mut self) {
        if self.mode != Mode::Register {
            let empty = |text: &str, what: &str| text.is_empty().then(|| what.to_owned());
            let errors = vec![
                empty(self.form.text(0), "your name"),
                empty(self.form.text(1), "your password"),
            ];
            self.form.judge(errors);
            return;
        }
        let (name, email) = (self.form.text(NAME), self.form.text(EMAIL));
        let (password, again) = (self.form.text(PASSWORD), self.form.text(AGAIN));
        let strength = (!password.is_empty()).then(|| (self.estimate)(password, &[name, email]));
        let weak = match &strength {
            Some(strength) => strength.refusal.clone(),
            None => Some("choose a password".to_owned()),
        };
        let errors = vec![
            Username::parse(name).err().map(|it| it.reason),
            Email::parse(email).err().map(|it| it.reason),
            weak,
            (password != again).then(|| "not the same as above".to_owned()),
        ];
        self.strength = strength;
        self.form.judge(errors);
    }

    /// Asks the core, if everything is filled in.
    pub(crate) fn submit(&mut self, now: Timestamp) -> Option<Effect> {
        if self.mode == Mode::Closed || self.form.busy.is_some() || self.waits(now) {
            return None;
        }
        self.form.message = None;
        if !self.form.accepts() {
            return None;
        }
        let username = self.form.text(NAME).to_owned();
        if self.mode == Mode::SignIn {
            self.form.busy = Some("checking your password");
            return Some(Effect::SignIn {
                username,
                password: Secret(self.form.text(1).to_owned()),
            });
        }
        self.form.busy = Some("making your account");
        Some(Effect::Register {
            username,
            email: self.form.text(EMAIL).to_owned(),
            password: Secret(self.form.text(PASSWORD).to_owned()),
        })
    }

    /// Whether too many failures keep the door shut at a moment.
    pub(crate) fn waits(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// The core said no.
    pub(crate) fn refused(&mut self, error: &Error) {
        self.form.busy = None;
        match error {
            Error::Invalid(errors) => return self.form.refuse(errors),
            Error::LockedOut { until } => self.locked_until = Some(*until),
            _ => {}
        }
        self.form.message = Some(words::of(error));
        if self.mode == Mode::SignIn {
            clear(&mut self.form, 1);
            self.judge();
        }
    }
}

/// The lock in front of a session.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    pub(crate) form: Form,
    pub(crate) since: Timestamp,
    pub(crate) locked_until: Option<Timestamp>,
}

impl Lock {
    pub(crate) fn new(since: Timestamp) -> Self {
        let form = Form::new(vec![FormField::new(Field::Password, "password", Kind::Secret)]);
        Self {
            form,
            since,
            locked_until: None,
        }
    }

    /// Asks the core whether the password is right.
    pub(crate) fn submit(&mut self, now: Timestamp) -> Option<Effect> {
        let waits = self.locked_until.is_some_and(|until| now < until);
        if waits || self.form.busy.is_some() || self.form.text(0).is_empty() {
            return None;
        }
        self.form.busy = Some("checking your password");
        self.form.message = None;
        Some(Effect::Unlock(Secret(self.form.text(0).to_owned())))
    }

    /// The core said no.
    pub(crate) fn refused(&mut self, error: &Error) {
        self.form.busy = None;
        clear(&mut self.form, 0);
        if let Error::LockedOut { until } = error {
            self.locked_until = Some(*until);
        }
        self.form.message = Some(match error {
            Error::WrongCredentials => "the password is wrong".to_owned(),
            other => words::of(other),
        });
    }
}

fn clear(form: &mut Form, index: usize) {
    if let Some(field) = form.fields.get_mut(index) {
        field.input.reset();
        field.touched = false;
        form.focus = index;
    }
}

fn form(mode: Mode) -> Form {
    Form::new(match mode {
        Mode::Closed => Vec::new(),
        Mode::SignIn => vec![
            FormField::new(Field::Username, "name", Kind::Text),
            FormField::new(Field::Password, "password", Kind::Secret),
        ],
        Mode::Register => vec![
            FormField::new(Field::Username, "name", Kind::Text).hint("3 to 20 of a-z 0-9 - _"),
            FormField::new(Field::Email, "e-mail", Kind::Text).hint("where to reach you"),
            FormField::new(Field::Password, "password", Kind::Secret).hint("at least 8 characters"),
            FormField::new(None, "again", Kind::Secret).hint("the same once more"),
        ],
    })
}
