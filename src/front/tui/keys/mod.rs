//! The one table of keys. What a key does, where, what it is called and why it does nothing
//! right now stand in one row; the footer, the help, the palette and the README's table are
//! generated from it, so they cannot drift. The rows are in `table`.

mod table;

pub use table::TABLE;

use super::console::{CopyMove, Direction, SelectionKind};
use super::state::{Features, State, disabled};
use crate::core::Action;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt::Write as _;

/// What has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Focus {
    /// Nothing yet: the core is being asked.
    Opening,
    /// A line of text on the sign-in or register screen.
    Door,
    /// The password on the lock.
    Lock,
    /// A line of text in a form.
    Text,
    /// A number in a form.
    Number,
    /// A choice in a form.
    Choice,
    /// A document of several lines in a form.
    Editor,
    /// The filter of the machines.
    Filter,
    /// The command palette.
    Palette,
    /// The help.
    Help,
    /// The list of operations.
    Operations,
    /// The list of messages.
    Messages,
    /// A question with yes and no.
    Confirm,
    /// The question what to do with running operations.
    Quit,
    /// The list of machines.
    Vms,
    /// The log.
    Soc,
    /// The list of consoles.
    Consoles,
    /// The list of recordings.
    Recordings,
    /// The list of images.
    Images,
    /// A recording being played.
    Replay,
    /// A guest's terminal: every key but the leader goes there.
    Console,
    /// A guest's terminal, after the leader.
    ConsoleLeader,
    /// A cursor over what a guest wrote.
    ConsoleCopy,
    /// A text to search for in what a guest wrote.
    ConsoleSearch,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says what each one is")]
pub enum Command {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    New,
    Start,
    Stop,
    Restart,
    Pause,
    Destroy,
    Ports,
    ForceOff,
    Open,
    Pane,
    DetailNext,
    DetailPrevious,
    Filter,
    SortNext,
    SortPrevious,
    SortReverse,
    Severity,
    Type,
    CancelOperation,
    NextTab,
    PreviousTab,
    Tab(u8),
    Operations,
    Messages,
    Palette,
    Help,
    Theme,
    Lock,
    SignOut,
    SwitchDoor,
    FirstBoot,
    NextField,
    PreviousField,
    More,
    Less,
    Submit,
    Edit,
    Yes,
    No,
    WaitAndQuit,
    QuitNow,
    Back,
    Quit,
    Interrupt,
    Redraw,
    Suspend,
    Console,
    Ssh,
    Consoles,
    EndConsole,
    EndConsoles,
    ConsoleLeader,
    ConsoleType,
    ConsoleHide,
    ConsoleClose,
    ConsoleFull,
    ConsoleNext,
    ConsolePrevious,
    ConsoleCopy,
    ConsoleSearch,
    ConsoleSize,
    CopyMove(CopyMove),
    CopyMatch(Direction),
    CopySelect(SelectionKind),
    CopyTake,
    CopyEnd,
    Images,
    ImageFilter,
    PullImage,
    VerifyImage,
    RemoveImage,
    CleanImages,
    Recordings,
    RemoveRecording,
    ReplayPause,
    ReplayFaster,
    ReplaySlower,
    ReplayForward,
    ReplayBack,
    ReplayStart,
}

/// A key with its modifiers. Shift is part of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Key {
    /// Whether this is the key that was pressed.
    fn is(self, pressed: KeyEvent) -> bool {
        let relevant = KeyModifiers::CONTROL.union(KeyModifiers::ALT);
        self.code == pressed.code && self.modifiers == pressed.modifiers & relevant
    }

    /// Its name: `Ctrl-L`, `↑`, `Page down`.
    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.modifiers.is_empty() => c.to_string(),
            KeyCode::Char(c) => c.to_ascii_uppercase().to_string(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::PageUp => "Page up".to_owned(),
            KeyCode::PageDown => "Page down".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::F(n) => format!("F{n}"),
            other => format!("{other:?}"),
        };
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            format!("Ctrl-{name}")
        } else {
            name
        }
    }
}

/// A row of the table.
pub struct Binding {
    /// What it asks for.
    pub command: Command,
    /// The keys, the one to show first.
    pub keys: &'static [Key],
    /// Its name in footer and palette: a word or two.
    pub name: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
    /// Where in the help it stands.
    pub section: &'static str,
    /// Where it works.
    pub places: &'static [Focus],
    /// Whether the footer shows it.
    pub footer: bool,
    /// Whether it is of a part that can be switched off and is.
    pub hidden: fn(&Features) -> bool,
    /// Why it does nothing right now.
    pub disabled: fn(&State) -> Option<String>,
}

const fn code(code: KeyCode) -> Key {
    Key {
        code,
        modifiers: KeyModifiers::NONE,
    }
}
const fn ch(c: char) -> Key {
    code(KeyCode::Char(c))
}
const fn ctrl(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        modifiers: KeyModifiers::CONTROL,
    }
}

const fn row(
    command: Command,
    keys: &'static [Key],
    name: &'static str,
    help: &'static str,
    places: &'static [Focus],
) -> Binding {
    Binding {
        command,
        keys,
        name,
        help,
        section: "",
        places,
        footer: false,
        hidden: |_| false,
        disabled: disabled::never,
    }
}

impl Binding {
    /// Its name now: a key that does one of two things is called what it would do.
    pub fn name_now(&self, state: &State) -> &'static str {
        match self.command {
            Command::Pause if disabled::pause_action(state) == Action::Resume => "resume",
            _ => self.name,
        }
    }

    /// The key to show first, as it is configured.
    pub fn key_now(&self, state: &State) -> String {
        match self.command {
            Command::ConsoleLeader => ctrl(state.setup().leader).name(),
            _ => self.keys.first().map(|key| key.name()).unwrap_or_default(),
        }
    }

    const fn of_consoles(self) -> Self {
        Self {
            hidden: |features| !features.terminal,
            ..self
        }
    }
    const fn shown(self) -> Self {
        Self { footer: true, ..self }
    }
    const fn unless(self, disabled: fn(&State) -> Option<String>) -> Self {
        Self { disabled, ..self }
    }
    const fn section(self, section: &'static str) -> Self {
        Self { section, ..self }
    }
}

/// What a key means to what has the keyboard.
pub fn lookup(focus: Focus, pressed: KeyEvent) -> Option<&'static Binding> {
    in_place(focus).find(|row| row.keys.iter().any(|key| key.is(pressed)))
}

/// The rows that work in a place, in the table's order.
pub fn in_place(focus: Focus) -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().filter(move |row| row.places.contains(&focus))
}

/// The sections of the help with their rows, in the table's order.
pub fn sections() -> Vec<(&'static str, Vec<&'static Binding>)> {
    let mut sections: Vec<(&'static str, Vec<&'static Binding>)> = Vec::new();
    for row in TABLE {
        match sections.iter_mut().find(|(name, _)| *name == row.section) {
            Some((_, rows)) => rows.push(row),
            None => sections.push((row.section, vec![row])),
        }
    }
    sections
}

/// A row's keys as people write them: `↑ k`.
pub fn names(binding: &Binding) -> String {
    binding
        .keys
        .iter()
        .map(|key| key.name())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The table of keys for the README.
pub fn markdown() -> String {
    let mut text = String::new();
    for (section, rows) in sections() {
        let _ = writeln!(text, "| {section} | |\n|---|---|");
        for row in rows {
            let keys: Vec<_> = row.keys.iter().map(|key| format!("`{}`", key.name())).collect();
            let _ = writeln!(text, "| {} | {} |", keys.join(" "), row.help);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for &focus in table::ANYWHERE {
            let mut taken = HashSet::new();
            for row in in_place(focus) {
                for key in row.keys {
                    assert!(taken.insert(*key), "{} is taken twice in {focus:?}", key.name());
                }
            }
        }
    }

    #[test]
    fn every_row_says_what_it_does_and_where() {
        for row in TABLE {
            assert!(!row.keys.is_empty() && !row.places.is_empty());
            assert!(!row.name.is_empty() && !row.help.is_empty() && !row.section.is_empty());
        }
    }

    #[test]
    fn shift_is_part_of_a_character() {
        let shifted = KeyEvent::new(KeyCode::Char('S'), KeyModifiers::SHIFT);
        assert_eq!(
            lookup(Focus::Vms, shifted).map(|row| row.command),
            Some(Command::Stop)
        );
    }

    #[test]
    fn alt_does_not_trigger_a_plain_key() {
        let alt = KeyEvent::new(KeyCode::Char('D'), KeyModifiers::ALT);
        assert!(lookup(Focus::Vms, alt).is_none());
    }
}
