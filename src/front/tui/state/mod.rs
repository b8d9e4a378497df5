//! Everything the screen knows, and how it changes.
//!
//! [`State`] has one owner, the loop. It changes only in [`State::update`], which is given what
//! happened and when, and answers what it wants done. It reads no clock, does no IO and holds no
//! permission logic, so a test drives it with plain values.

mod alerts;
mod commands;
mod consoles;
pub(crate) mod disabled;
pub(crate) mod door;
pub(crate) mod events;
pub(crate) mod form;
mod images;
mod leaving;
mod mouse;
pub(crate) mod notices;
mod recordings;
mod replies;
pub(crate) mod session;
mod submit;
mod typing;
pub(crate) mod work;

pub(crate) use alerts::{alerts, keeper as keeper_words};
pub(crate) use commands::target as commands_target;
pub use door::Estimate;

use super::console::SCROLLBACK;
use super::event::{Effect, Event, Exit};
use super::keys::{self, Focus};
use super::layout;
use super::popups::Popup;
use super::theme::{Look, look};
use crate::model::{Role, Theme};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use door::{DoorScreen, Lock};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use notices::{Level, Notices};
use ratatui::layout::Size;
use session::Session;
use std::time::Duration;

/// Which parts the configuration has switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Figures of load.
    pub monitoring: bool,
    /// The log.
    pub soc: bool,
    /// Consoles.
    pub terminal: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            monitoring: true,
            soc: true,
            terminal: true,
        }
    }
}

/// What the screen is set up with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Colours, until the user's own preference is known.
    pub theme: Option<Theme>,
    /// `NO_COLOR` was set: monochrome whatever else is preferred.
    pub no_color: bool,
    /// After how long without a key the screen locks itself.
    pub idle_lock: Option<Duration>,
    /// An auditor's screen on a wall does not lock itself.
    pub kiosk: bool,
    /// The hypervisor is simulated: the header says so.
    pub demo: bool,
    /// Which parts are switched on.
    pub features: Features,
    /// The zone in which moments are shown.
    pub zone: TimeZone,
    /// Estimates a password that is being chosen.
    pub estimate: Estimate,
    /// The key after Ctrl that is not a guest's.
    pub leader: char,
    /// Bytes of a console's history.
    pub scrollback: usize,
    /// A token is at hand: go on with its session instead of asking.
    pub resume: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            theme: None,
            no_color: false,
            idle_lock: Some(Duration::from_secs(15 * 60)),
            kiosk: false,
            demo: false,
            features: Features::default(),
            zone: TimeZone::UTC,
            estimate: crate::core::auth::strength,
            leader: ']',
            scrollback: SCROLLBACK,
            resume: false,
        }
    }
}

/// What is on the screen.
pub(crate) enum Screen {
    /// The core is being asked; or it could not be, and this is why.
    Opening(Option<String>),
    Door(Box<DoorScreen>),
    Session(Box<Session>),
}

/// Everything the screen knows.
pub struct State {
    setup: Setup,
    now: Timestamp,
    size: Size,
    screen: Screen,
    generation: u64,
    notices: Notices,
    last_input: Timestamp,
    dirty: bool,
    exit: Option<Exit>,
}

impl State {
    /// A screen of that size that has just been opened, and what it wants first.
    pub fn new(setup: Setup, size: Size, now: Timestamp) -> (Self, Vec<Effect>) {
        let first = if setup.resume {
            Effect::Resume
        } else {
            Effect::AskDoor
        };
        let state = Self {
            setup,
            now,
            size,
            screen: Screen::Opening(None),
            generation: 0,
            notices: Notices::default(),
            last_input: now,
            dirty: true,
            exit: None,
        };
        (state, vec![first])
    }

    /// Takes in what happened at `at`, and answers what is to be done.
    pub fn update(&mut self, at: Timestamp, event: Event) -> Vec<Effect> {
        // A clock that is set back must not make anything younger than it was.
        self.now = self.now.max(at);
        let mut wanted = Vec::new();
        self.dirty = true;
        let live = self.live_console();
        self.play_on();
        match event {
            Event::Key(key) => {
                self.last_input = self.now;
                self.key(key, &mut wanted);
            }
            Event::Mouse(mouse) => {
                self.last_input = self.now;
                self.mouse(mouse, &mut wanted);
            }
            Event::Paste(text) => {
                self.last_input = self.now;
                match self.focus() {
                    Focus::Console => self.paste_to_guest(&text, &mut wanted),
                    _ => self.paste(&text),
                }
            }
            Event::Resize(size) => self.size = size,
            Event::Tick => self.tick(&mut wanted),
            Event::Suspend => wanted.push(Effect::Suspend { group: false }),
            Event::Continued => wanted.push(Effect::Redraw),
            Event::Terminate(signal) => self.exit = Some(Exit::Signal(signal)),
            Event::HungUp => self.exit = Some(Exit::HungUp),
            Event::Reply { generation, reply } if generation == self.generation => {
                self.reply(*reply, &mut wanted);
            }
            Event::Reply { .. } => {}
        }
        self.fit_consoles(&mut wanted);
        self.tell_focus(live, &mut wanted);
        self.settle();
        wanted
    }

    /// The number of the present sign-in: goes with every effect and comes back with its reply.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether something may look different since this was last asked.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// How the screen is to be left, once it is.
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// When something will look or be different without anything happening.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let after = |seconds| self.now.saturating_add(SignedDuration::from_secs(seconds)).ok();
        let shown = match &self.screen {
            Screen::Opening(_) => None,
            Screen::Session(session) if session.consoles.is_behind() => Some(self.now),
            Screen::Session(session) if session.next_frame(self.now).is_some() => {
                session.next_frame(self.now)
            }
            Screen::Door(door) if door.waits(self.now) => after(1),
            Screen::Door(_) => None,
            Screen::Session(session) => match &session.lock {
                Some(lock) if lock.locked_until.is_some_and(|until| self.now < until) => after(1),
                Some(_) => None,
                None if session.counts_seconds(self.now) => after(1),
                None => after(60 - self.now.as_second().rem_euclid(60)),
            },
        };
        [shown, self.notices.next_expiry(self.now), self.lock_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn lock_at(&self) -> Option<Timestamp> {
        let session = self.session().filter(|it| it.lock.is_none())?;
        if self.setup.kiosk && session.me.role == Role::Auditor {
            return None;
        }
        let idle = SignedDuration::try_from(self.setup.idle_lock?).ok()?;
        self.last_input.saturating_add(idle).ok()
    }

    fn tick(&mut self, wanted: &mut Vec<Effect>) {
        self.work_consoles(wanted);
        if self.lock_at().is_some_and(|at| at <= self.now) {
            self.lock(wanted);
        }
    }

    pub(crate) fn lock(&mut self, wanted: &mut Vec<Effect>) {
        let now = self.now;
        if let Some(session) = self.session_mut()
            && session.lock.is_none()
        {
            session.lock = Some(Lock::new(now));
            wanted.push(Effect::Lock);
        }
    }

    /// What has the keyboard.
    pub fn focus(&self) -> Focus {
        match &self.screen {
            Screen::Opening(_) => Focus::Opening,
            Screen::Door(_) => Focus::Door,
            Screen::Session(session) => session.focus(&self.setup.features),
        }
    }

    fn key(&mut self, key: KeyEvent, wanted: &mut Vec<Effect>) {
        let focus = self.focus();
        if matches!(focus, Focus::Console | Focus::ConsoleLeader) && self.console_key(key, wanted) {
            return;
        }
        let found = keys::lookup(focus, key).filter(|it| !(it.hidden)(&self.setup.features));
        if let Some(binding) = found {
            self.invoke(binding, key, wanted);
        } else if let KeyCode::Char(c) = key.code
            && !key
                .modifiers
                .intersects(KeyModifiers::CONTROL.union(KeyModifiers::ALT))
        {
            self.type_in(c);
        }
    }

    /// Does what a row of the table says, or says why not.
    pub(crate) fn invoke(&mut self, binding: &keys::Binding, key: KeyEvent, wanted: &mut Vec<Effect>) {
        match (binding.disabled)(self) {
            Some(reason) => self.tell(Level::Note, format!("{}: {reason}", binding.name)),
            None => self.command(binding.command, key, wanted),
        }
    }

    /// Tells something.
    pub(crate) fn tell(&mut self, level: Level, text: impl Into<String>) {
        self.notices.tell(self.now, level, text);
    }

    /// Brings every selection into sight after a change.
    fn settle(&mut self) {
        if layout::too_small(self.size) {
            return;
        }
        let body = layout::areas(self).body;
        if let Screen::Session(session) = &mut self.screen {
            session.settle(body, self.notices.all().len());
            if let Some(Popup::NewVm(new)) = session.popups.last_mut() {
                new.settle(layout::above_footer(self.size));
            }
        }
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.screen {
            Screen::Session(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.screen {
            Screen::Session(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.notices
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.setup.zone
    }

    /// The theme in use.
    pub(crate) fn theme(&self) -> Theme {
        if self.setup.no_color {
            return Theme::Mono;
        }
        let preferred = self.session().and_then(|it| it.preferences.theme);
        preferred.or(self.setup.theme).unwrap_or_default()
    }

    pub(crate) fn look(&self) -> Look {
        look(self.theme())
    }
}
