//! A screen without a terminal: give it keys and replies, look at what it shows and wants.

use crate::fixtures::{noon, somebody, view};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::{SignedDuration, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use std::sync::Arc;
use twarga::core::{Door, View};
use twarga::front::tui::{Effect, Event, Reply, Setup, State, draw};
use twarga::model::Role;

pub struct Screen {
    pub state: State,
    pub now: Timestamp,
    pub size: Size,
    /// What it wanted since the last look.
    wanted: Vec<Effect>,
}

impl Screen {
    /// Just opened: it asks the core which door to show.
    pub fn opened(setup: Setup, width: u16, height: u16) -> Self {
        let size = Size::new(width, height);
        let (state, wanted) = State::new(setup, size, noon());
        Self {
            state,
            now: noon(),
            size,
            wanted,
        }
    }

    pub fn at_door(door: Door, width: u16, height: u16) -> Self {
        Self::opened(Setup::default(), width, height).reply(Reply::Door(Ok(door)))
    }

    /// Somebody of that role is signed in and sees the fixtures' view.
    pub fn signed_in(role: Role, width: u16, height: u16) -> Self {
        Self::with(Setup::default(), role, view(), width, height)
    }

    pub fn with(setup: Setup, role: Role, view: View, width: u16, height: u16) -> Self {
        let mut it = Self::opened(setup, width, height)
            .reply(Reply::Door(Ok(Door::Open)))
            .reply(Reply::SignedIn(Ok(somebody(role))))
            .see(view);
        it.wanted.clear();
        it
    }

    pub fn see(self, view: View) -> Self {
        self.reply(Reply::View(Arc::new(view)))
    }

    pub fn reply(self, reply: Reply) -> Self {
        let generation = self.state.generation();
        self.event(Event::Reply {
            generation,
            reply: Box::new(reply),
        })
    }

    pub fn event(mut self, event: Event) -> Self {
        if let Event::Resize(size) = event {
            self.size = size;
        }
        self.wanted.extend(self.state.update(self.now, event));
        self
    }

    /// Time passes; the screen is woken as often as it asks to be.
    pub fn wait(mut self, seconds: i64) -> Self {
        let end = self.now + SignedDuration::from_secs(seconds);
        while let Some(wake) = self.state.next_wake().filter(|it| *it <= end) {
            assert!(wake > self.now, "it asks to be woken at once, for ever");
            self.now = wake;
            self = self.event(Event::Tick);
        }
        self.now = end;
        self
    }

    /// Presses keys: characters as they are, others as `<Enter>`, `<C-c>`.
    pub fn keys(mut self, keys: &str) -> Self {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let (key, length) = match rest.strip_prefix('<').and_then(|it| it.split_once('>')) {
                Some((name, _)) if name.len() > 1 => (named(name), name.len() + 2),
                _ => (KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), c.len_utf8()),
            };
            rest = &rest[length..];
            self = self.event(Event::Key(key));
        }
        self
    }

    pub fn click(self, column: u16, row: u16) -> Self {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row)
    }

    /// Moves the mouse from one place to another with its button held.
    pub fn drag(self, from: (u16, u16), to: (u16, u16)) -> Self {
        self.click(from.0, from.1)
            .mouse(MouseEventKind::Drag(MouseButton::Left), to.0, to.1)
            .mouse(MouseEventKind::Up(MouseButton::Left), to.0, to.1)
    }

    fn mouse(self, kind: MouseEventKind, column: u16, row: u16) -> Self {
        self.event(Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }))
    }

    /// What it wanted since this was last asked, as text.
    pub fn wants(&mut self) -> Vec<String> {
        self.wanted.drain(..).map(|it| format!("{it:?}")).collect()
    }

    /// What it shows, line by line.
    pub fn text(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.size.width, self.size.height)).unwrap();
        terminal.draw(|frame| draw(&self.state, frame)).unwrap();
        terminal
            .backend()
            .to_string()
            .lines()
            .map(trimmed)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The cells' symbols.
    pub fn symbols(&self) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(self.size.width, self.size.height)).unwrap();
        terminal.draw(|frame| draw(&self.state, frame)).unwrap();
        terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .map(|it| it.symbol().to_owned())
            .collect()
    }

    pub fn shows(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// The line that has this text.
    #[track_caller]
    pub fn line(&self, text: &str) -> String {
        let shown = self.text();
        match shown.lines().find(|it| it.contains(text)) {
            Some(line) => line.to_owned(),
            None => panic!("no line has {text:?} in\n{shown}"),
        }
    }
}

/// A line of the test backend without its quotes.
fn trimmed(line: &str) -> &str {
    line.strip_prefix('"')
        .unwrap_or(line)
        .split_once("\" Hidden")
        .map_or_else(
            || line.trim_start_matches('"').trim_end_matches('"').trim_end(),
            |(shown, _)| shown.trim_end(),
        )
}

pub fn named(name: &str) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match name {
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Tab" => plain(KeyCode::Tab),
        "BackTab" => plain(KeyCode::BackTab),
        "Up" => plain(KeyCode::Up),
        "Down" => plain(KeyCode::Down),
        "Left" => plain(KeyCode::Left),
        "Right" => plain(KeyCode::Right),
        "PageDown" => plain(KeyCode::PageDown),
        "PageUp" => plain(KeyCode::PageUp),
        "Home" => plain(KeyCode::Home),
        "End" => plain(KeyCode::End),
        "BS" => plain(KeyCode::Backspace),
        _ => {
            let c = name.strip_prefix("C-").and_then(|it| it.chars().next());
            KeyEvent::new(
                KeyCode::Char(c.unwrap_or_else(|| panic!("no key {name}"))),
                KeyModifiers::CONTROL,
            )
        }
    }
}
