//! The one table of keys. What a key does, where, what it is called and why it does nothing
//! right now stand in one row; the footer, the help, the palette and the README's table are
//! generated from it, so they cannot drift.

use super::state::{State, disabled};
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
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        disabled: disabled::never,
    }
}

impl Binding {
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

const VMS: &[Focus] = &[Focus::Vms];
const TABS: &[Focus] = &[Focus::Vms, Focus::Soc];
const LISTS: &[Focus] = &[
    Focus::Vms,
    Focus::Soc,
    Focus::Help,
    Focus::Operations,
    Focus::Messages,
];
const FORMS: &[Focus] = &[Focus::Door, Focus::Text, Focus::Number, Focus::Choice];
const LINES: &[Focus] = &[
    Focus::Door,
    Focus::Lock,
    Focus::Text,
    Focus::Number,
    Focus::Filter,
    Focus::Palette,
];
const TYPED: &[Focus] = &[
    Focus::Text,
    Focus::Number,
    Focus::Choice,
    Focus::Filter,
    Focus::Palette,
];
const ANYWHERE: &[Focus] = &[
    Focus::Opening,
    Focus::Door,
    Focus::Lock,
    Focus::Text,
    Focus::Number,
    Focus::Choice,
    Focus::Filter,
    Focus::Palette,
    Focus::Help,
    Focus::Operations,
    Focus::Messages,
    Focus::Confirm,
    Focus::Quit,
    Focus::Vms,
    Focus::Soc,
];

const MACHINES: &str = "Machines";
const LOG: &str = "Log (SOC)";
const MOVING: &str = "Moving";
const ASKING: &str = "Forms and questions";
const PROGRAM: &str = "Program";
const WORK: &str = "Operations";

use Command as C;
use disabled as why;

/// Every binding, in the order in which footer, help and palette show them.
#[rustfmt::skip]
pub static TABLE: &[Binding] = &[
    row(C::New, &[ch('n')], "new", "make a machine", VMS).shown().unless(why::create).section(MACHINES),
    row(C::Start, &[ch('s')], "start", "power the machine on", VMS).shown().unless(why::start).section(MACHINES),
    row(C::Stop, &[ch('S')], "stop", "ask the guest to power off", VMS).shown().unless(why::stop).section(MACHINES),
    row(C::ForceOff, &[ch('X')], "force off", "cut the power, when the guest does not react", VMS).shown().unless(why::force_off).section(MACHINES),
    row(C::Restart, &[ch('R')], "restart", "reboot the guest", VMS).shown().unless(why::restart).section(MACHINES),
    row(C::Pause, &[ch('p')], "pause", "halt the processors, or let them go on", VMS).shown().unless(why::pause).section(MACHINES),
    row(C::Destroy, &[ch('D')], "destroy", "remove the machine with its disk; its name must be typed", VMS).shown().unless(why::destroy).section(MACHINES),
    row(C::Open, &[code(KeyCode::Enter)], "detail", "enlarge the detail of the machine, or bring the list back", VMS).unless(why::no_machine).section(MACHINES),
    row(C::Pane, &[ch('v')], "pane", "show or hide the detail below the list", VMS).section(MACHINES),
    row(C::DetailNext, &[code(KeyCode::Right), ch('l')], "next page", "the next page of the detail", VMS).unless(why::no_machine).section(MACHINES),
    row(C::DetailPrevious, &[code(KeyCode::Left), ch('h')], "previous page", "the previous page of the detail", VMS).unless(why::no_machine).section(MACHINES),
    row(C::Filter, &[ch('/')], "filter", "show only machines that have these words in name, state, image or address", VMS).shown().section(MACHINES),
    row(C::SortNext, &[ch('>')], "sort by next", "sort by the next column", VMS).section(MACHINES),
    row(C::SortPrevious, &[ch('<')], "sort by previous", "sort by the previous column", VMS).section(MACHINES),
    row(C::SortReverse, &[ch('=')], "reverse", "sort the other way round", VMS).section(MACHINES),

    row(C::Severity, &[ch('f')], "severity", "all events, warnings and worse, critical ones only", &[Focus::Soc]).shown().section(LOG),
    row(C::Type, &[ch('t')], "type", "events of all types, or of one", &[Focus::Soc]).shown().section(LOG),

    row(C::Operations, &[ch('O')], "operations", "running and past operations, step by step", TABS).shown().section(WORK),
    row(C::CancelOperation, &[ch('x')], "cancel", "stop an operation and undo what it did", &[Focus::Operations]).shown().unless(why::cancel).section(WORK),

    row(C::Up, &[code(KeyCode::Up), ch('k')], "up", "one line up", LISTS).section(MOVING),
    row(C::Down, &[code(KeyCode::Down), ch('j')], "down", "one line down", LISTS).section(MOVING),
    row(C::Up, &[code(KeyCode::Up)], "up", "to the entry or field above", &[Focus::Palette, Focus::Filter]).section(MOVING),
    row(C::Down, &[code(KeyCode::Down)], "down", "to the entry or field below", &[Focus::Palette, Focus::Filter]).section(MOVING),
    row(C::PageUp, &[code(KeyCode::PageUp), ctrl('b')], "page up", "one page up", LISTS).section(MOVING),
    row(C::PageDown, &[code(KeyCode::PageDown), ctrl('f')], "page down", "one page down", LISTS).section(MOVING),
    row(C::First, &[code(KeyCode::Home), ch('g')], "first", "to the first line (in the log: to the newest)", LISTS).section(MOVING),
    row(C::Last, &[code(KeyCode::End), ch('G')], "last", "to the last line", LISTS).section(MOVING),
    row(C::NextTab, &[code(KeyCode::Tab)], "next tab", "the next tab", TABS).section(MOVING),
    row(C::PreviousTab, &[code(KeyCode::BackTab)], "previous tab", "the previous tab", TABS).section(MOVING),
    row(C::Tab(1), &[ch('1')], "tab 1", "the first tab", TABS).section(MOVING),
    row(C::Tab(2), &[ch('2')], "tab 2", "the second tab", TABS).unless(why::no_second_tab).section(MOVING),

    row(C::Submit, &[code(KeyCode::Enter)], "accept", "accept what was typed", &[Focus::Opening, Focus::Door, Focus::Lock, Focus::Text, Focus::Number, Focus::Choice, Focus::Filter, Focus::Palette]).shown().unless(why::nothing_to_accept).section(ASKING),
    row(C::NextField, &[code(KeyCode::Tab), code(KeyCode::Down)], "next field", "to the next field", FORMS).shown().section(ASKING),
    row(C::PreviousField, &[code(KeyCode::BackTab), code(KeyCode::Up)], "previous field", "to the previous field", FORMS).section(ASKING),
    row(C::More, &[ch('+'), code(KeyCode::PageUp)], "more", "the next larger value", &[Focus::Number]).shown().section(ASKING),
    row(C::Less, &[ch('-'), code(KeyCode::PageDown)], "less", "the next smaller value", &[Focus::Number]).shown().section(ASKING),
    row(C::More, &[code(KeyCode::Right), ch(' '), ch('+'), ch('l')], "next", "the next choice", &[Focus::Choice]).shown().section(ASKING),
    row(C::Less, &[code(KeyCode::Left), ch('-'), ch('h')], "previous", "the previous choice", &[Focus::Choice]).shown().section(ASKING),
    row(C::Edit, &[code(KeyCode::Left), code(KeyCode::Right), code(KeyCode::Home), code(KeyCode::End), code(KeyCode::Backspace), code(KeyCode::Delete), ctrl('a'), ctrl('e'), ctrl('u'), ctrl('k'), ctrl('w')], "edit", "move in the line and delete: a character, to the start (Ctrl-U) or end (Ctrl-K), a word (Ctrl-W)", LINES).section(ASKING),
    row(C::SwitchDoor, &[ctrl('n')], "register or sign in", "make a new account, or sign in to one", &[Focus::Door]).shown().unless(why::switch_door).section(ASKING),
    row(C::Yes, &[ch('y'), code(KeyCode::Enter)], "yes", "do it", &[Focus::Confirm]).shown().section(ASKING),
    row(C::No, &[ch('n'), code(KeyCode::Esc), ch('q')], "no", "leave it", &[Focus::Confirm]).shown().section(ASKING),
    row(C::WaitAndQuit, &[ch('w'), code(KeyCode::Enter)], "wait", "quit when the operations are done", &[Focus::Quit]).shown().section(ASKING),
    row(C::QuitNow, &[ch('l'), ch('q')], "leave now", "quit now; the next keeper goes on with the operations", &[Focus::Quit]).shown().section(ASKING),
    row(C::No, &[ch('c'), code(KeyCode::Esc)], "stay", "do not quit", &[Focus::Quit]).shown().section(ASKING),

    row(C::Palette, &[ch(':')], "command", "find any command by its name", TABS).shown().section(PROGRAM),
    row(C::Help, &[ch('?'), code(KeyCode::F(1))], "help", "every key, and what it does", &[Focus::Vms, Focus::Soc, Focus::Operations, Focus::Messages]).shown().section(PROGRAM),
    row(C::Messages, &[ch('E')], "messages", "earlier results and errors, in full", TABS).section(PROGRAM),
    row(C::Theme, &[ch('T')], "theme", "dark, light, monochrome; kept for your next sign-in", TABS).unless(why::no_colour).section(PROGRAM),
    row(C::Lock, &[ch('L')], "lock", "lock the screen; your password opens it where you were", TABS).section(PROGRAM),
    row(C::SignOut, &[ctrl('o')], "sign out", "end your session", TABS).section(PROGRAM),
    row(C::SignOut, &[ctrl('o')], "sign out", "end the session instead of unlocking it", &[Focus::Lock]).shown().section(PROGRAM),
    row(C::Back, &[code(KeyCode::Esc)], "back", "close what is open, clear the filter", &[Focus::Vms, Focus::Help, Focus::Operations, Focus::Messages]).section(PROGRAM),
    row(C::Back, &[code(KeyCode::Esc)], "cancel", "close the form (asks if something was typed) or the line", TYPED).shown().section(ASKING),
    row(C::Back, &[ch('q')], "close", "close this list", &[Focus::Help, Focus::Operations, Focus::Messages]).shown().section(PROGRAM),
    row(C::Quit, &[ch('q')], "quit", "leave twarga; machines go on", TABS).shown().section(PROGRAM),
    row(C::Interrupt, &[ctrl('c')], "quit", "leave twarga from anywhere", ANYWHERE).section(PROGRAM),
    row(C::Redraw, &[ctrl('l')], "redraw", "draw everything anew", ANYWHERE).section(PROGRAM),
    row(C::Suspend, &[ctrl('z')], "suspend", "stop the program; `fg` brings it back", ANYWHERE).section(PROGRAM),
];

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
        for &focus in ANYWHERE {
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
