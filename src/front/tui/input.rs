//! Bytes of a terminal become keys.
//!
//! A parser of our own, because crossterm's reads only the process's own terminal and spins when
//! that one is closed, and because the same screens will be served to SSH channels, whose bytes
//! come in packets. It is pure: [`Parser::feed`] takes bytes, [`Parser::flush`] says that for a
//! moment nothing followed, which is what tells the Escape key from the beginning of a sequence.

use super::event::Event;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// Longest escape sequence that is waited for; a longer one is no key of any terminal.
const LONGEST_SEQUENCE: usize = 64;
/// Most that one paste may bring; the rest is dropped.
pub(crate) const LONGEST_PASTE: usize = 4 * 1024 * 1024;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Turns bytes into events, whatever the pieces they come in.
#[derive(Default)]
pub struct Parser {
    pending: Vec<u8>,
    paste: Option<Vec<u8>>,
}

enum Step {
    /// An event, and the bytes it took.
    Event(Event, usize),
    /// Bytes that mean nothing here.
    Skip(usize),
    /// A bracketed paste begins after so many bytes.
    Paste(usize),
    /// More bytes are needed to tell.
    Wait,
}

impl Parser {
    /// Takes bytes as they came and returns the events they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.pending.extend_from_slice(bytes);
        self.drain(false)
    }

    /// Whether bytes wait for others that may follow.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty() && self.paste.is_none()
    }

    /// Nothing followed: what waits is taken for what it is.
    pub fn flush(&mut self) -> Vec<Event> {
        self.drain(true)
    }

    fn drain(&mut self, last: bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            if self.paste.is_some() {
                match self.take_paste() {
                    Some(event) => events.push(event),
                    None => return events,
                }
            }
            if self.pending.is_empty() {
                return events;
            }
            let used = match step(&self.pending, last) {
                Step::Event(event, used) => {
                    events.push(event);
                    used
                }
                Step::Skip(used) => used,
                Step::Paste(used) => {
                    self.paste = Some(Vec::new());
                    used
                }
                Step::Wait => return events,
            };
            self.pending.drain(..used.min(self.pending.len()));
        }
    }

    /// Moves pasted bytes aside; the event once the paste has ended.
    fn take_paste(&mut self) -> Option<Event> {
        let paste = self.paste.as_mut()?;
        let end = self
            .pending
            .windows(PASTE_END.len())
            .position(|it| it == PASTE_END);
        // The end mark may be cut by a packet: keep what could be its beginning.
        let taken = end.unwrap_or_else(|| self.pending.len().saturating_sub(PASTE_END.len() - 1));
        let room = LONGEST_PASTE.saturating_sub(paste.len());
        paste.extend_from_slice(&self.pending[..taken.min(room)]);
        self.pending.drain(..end.map_or(taken, |at| at + PASTE_END.len()));
        end?;
        let text = String::from_utf8_lossy(&self.paste.take()?)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        Some(Event::Paste(text))
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

fn step(bytes: &[u8], last: bool) -> Step {
    let plain = |code| Step::Event(key(code, KeyModifiers::NONE), 1);
    let ctrl = |c: u8| Step::Event(key(KeyCode::Char(char::from(c)), KeyModifiers::CONTROL), 1);
    match bytes[0] {
        0x1b => escape(bytes, last),
        b'\r' | b'\n' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x7f | 0x08 => plain(KeyCode::Backspace),
        0 => ctrl(b' '),
        c @ 0x01..=0x1a => ctrl(c + b'a' - 1),
        c @ 0x1c..=0x1f => ctrl(c + 0x40),
        _ => character(bytes, last, KeyModifiers::NONE, 0),
    }
}

/// A UTF-8 character after `skip` bytes.
fn character(bytes: &[u8], last: bool, modifiers: KeyModifiers, skip: usize) -> Step {
    let rest = &bytes[skip..];
    let length = match rest[0] {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return Step::Skip(skip + 1),
    };
    if rest.len() < length {
        return if last { Step::Skip(bytes.len()) } else { Step::Wait };
    }
    match std::str::from_utf8(&rest[..length])
        .ok()
        .and_then(|it| it.chars().next())
    {
        Some(c) => Step::Event(key(KeyCode::Char(c), modifiers), skip + length),
        None => Step::Skip(skip + 1),
    }
}

fn escape(bytes: &[u8], last: bool) -> Step {
    let Some(&second) = bytes.get(1) else {
        return if last {
            Step::Event(key(KeyCode::Esc, KeyModifiers::NONE), 1)
        } else {
            Step::Wait
        };
    };
    match second {
        0x1b => Step::Event(key(KeyCode::Esc, KeyModifiers::NONE), 1),
        b'[' => sequence(bytes, last),
        b'O' => match bytes.get(2) {
            Some(&c) => match final_key(c) {
                Some(code) => Step::Event(key(code, KeyModifiers::NONE), 3),
                None => Step::Skip(3),
            },
            None if last => Step::Event(key(KeyCode::Char('O'), KeyModifiers::ALT), 2),
            None => Step::Wait,
        },
        b'\r' => Step::Event(key(KeyCode::Enter, KeyModifiers::ALT), 2),
        0..0x20 | 0x7f => Step::Event(key(KeyCode::Esc, KeyModifiers::NONE), 1),
        _ => character(bytes, last, KeyModifiers::ALT, 1),
    }
}

/// `ESC [ parameters final` (ECMA-48 CSI).
fn sequence(bytes: &[u8], last: bool) -> Step {
    // The Linux console's F1 to F5 are `ESC [ [ A` to `E`.
    if bytes.get(2) == Some(&b'[') {
        return match bytes.get(3) {
            Some(&c @ b'A'..=b'E') => Step::Event(key(KeyCode::F(c - b'A' + 1), KeyModifiers::NONE), 4),
            Some(_) => Step::Skip(4),
            None if last => Step::Skip(bytes.len()),
            None => Step::Wait,
        };
    }
    let Some(end) = bytes.iter().skip(2).position(|c| !(0x20..0x40).contains(c)) else {
        let hopeless = last || bytes.len() > LONGEST_SEQUENCE;
        return if hopeless {
            Step::Skip(bytes.len())
        } else {
            Step::Wait
        };
    };
    let used = end + 3;
    let parameters = std::str::from_utf8(&bytes[2..end + 2]).unwrap_or_default();
    let event = match bytes[end + 2] {
        b'~' if parameters == "200" => return Step::Paste(used),
        b'~' => tilde(parameters),
        c @ (b'M' | b'm') if parameters.starts_with('<') => mouse(&parameters[1..], c == b'm'),
        b'Z' => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        c => final_key(c).map(|code| key(code, modifiers(parameters.split(';').nth(1)))),
    };
    event.map_or(Step::Skip(used), |event| Step::Event(event, used))
}

fn final_key(c: u8) -> Option<KeyCode> {
    Some(match c {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(c - b'P' + 1),
        _ => return None,
    })
}

fn tilde(parameters: &str) -> Option<Event> {
    let mut parts = parameters.split(';');
    let code = match parts.next()?.parse::<u8>().ok()? {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        n @ 11..=15 => KeyCode::F(n - 10),
        n @ 17..=21 => KeyCode::F(n - 11),
        n @ 23..=24 => KeyCode::F(n - 12),
        _ => return None,
    };
    Some(key(code, modifiers(parts.next())))
}

/// xterm's modifier parameter: 1 + shift 1 + alt 2 + control 4.
fn modifiers(parameter: Option<&str>) -> KeyModifiers {
    let bits = parameter
        .and_then(|it| it.parse::<u8>().ok())
        .unwrap_or(1)
        .saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
    modifiers.set(KeyModifiers::ALT, bits & 2 != 0);
    modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
    modifiers
}

/// xterm's SGR mouse report: `button;column;row`, counted from 1.
fn mouse(parameters: &str, released: bool) -> Option<Event> {
    let mut parts = parameters.split(';').map(|it| it.parse::<u16>().ok());
    let (button, column, row) = (parts.next()??, parts.next()??, parts.next()??);
    let kind = match button & 0b1100_0011 {
        64 => MouseEventKind::ScrollUp,
        65 => MouseEventKind::ScrollDown,
        0 if button & 32 != 0 => MouseEventKind::Drag(MouseButton::Left),
        _ if button & 32 != 0 => return None,
        0 if released => MouseEventKind::Up(MouseButton::Left),
        0 => MouseEventKind::Down(MouseButton::Left),
        _ => return None,
    };
    let (column, row) = (column.checked_sub(1)?, row.checked_sub(1)?);
    Some(Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<String> {
        let mut parser = Parser::default();
        let mut events = parser.feed(bytes);
        events.extend(parser.flush());
        events.into_iter().map(|event| describe(&event)).collect()
    }

    fn describe(event: &Event) -> String {
        match event {
            Event::Key(key) if key.modifiers.is_empty() => format!("{:?}", key.code),
            Event::Key(key) => format!("{:?}+{:?}", key.modifiers, key.code),
            Event::Mouse(mouse) => format!("{:?} {},{}", mouse.kind, mouse.column, mouse.row),
            Event::Paste(text) => format!("paste {text:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_lone_escape_is_the_key_once_nothing_follows() {
        let mut parser = Parser::default();
        assert!(parser.feed(b"\x1b").is_empty());
        assert!(parser.is_waiting());
        assert_eq!(describe(&parser.flush()[0]), "Esc");
    }

    #[test]
    fn a_sequence_cut_by_packets_is_one_key() {
        let mut parser = Parser::default();
        assert!(parser.feed(b"\x1b").is_empty());
        assert!(parser.feed(b"[").is_empty());
        assert_eq!(describe(&parser.feed(b"A")[0]), "Up");
    }

    #[test]
    fn keys_of_common_terminals() {
        assert_eq!(
            keys(b"q\x03\r\x7f\t"),
            [
                "Char('q')",
                "KeyModifiers(CONTROL)+Char('c')",
                "Enter",
                "Backspace",
                "Tab"
            ]
        );
        assert_eq!(
            keys(b"\x1b[Z\x1bOP\x1b[15~\x1b[[B"),
            ["KeyModifiers(SHIFT)+BackTab", "F(1)", "F(5)", "F(2)"]
        );
        assert_eq!(
            keys(b"\x1b[1;5C\x1b[5~\x1b[3;2~"),
            [
                "KeyModifiers(CONTROL)+Right",
                "PageUp",
                "KeyModifiers(SHIFT)+Delete"
            ]
        );
        assert_eq!(
            keys("ü世\u{1b}x".as_bytes()),
            ["Char('ü')", "Char('世')", "KeyModifiers(ALT)+Char('x')"]
        );
        assert_eq!(
            keys(b"\x1b[<0;3;5M\x1b[<32;4;5M\x1b[<35;4;6M\x1b[<0;4;5m\x1b[<64;1;1M"),
            ["Down(Left) 2,4", "Drag(Left) 3,4", "Up(Left) 3,4", "ScrollUp 0,0"]
        );
    }

    #[test]
    fn a_paste_is_one_text_however_it_is_cut() {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for byte in b"\x1b[200~ssh-ed25519 A\r\nq\x1b[201~x" {
            events.extend(parser.feed(&[*byte]));
        }
        let shown: Vec<_> = events.iter().map(describe).collect();
        assert_eq!(shown, ["paste \"ssh-ed25519 A\\nq\"", "Char('x')"]);
    }

    #[test]
    fn a_paste_without_end_takes_bounded_memory() {
        let mut parser = Parser::default();
        parser.feed(b"\x1b[200~");
        for _ in 0..100 {
            parser.feed(&[b'a'; 4096]);
        }
        assert!(parser.pending.len() < 16);
        assert!(parser.paste.as_ref().is_some_and(|it| it.len() <= LONGEST_PASTE));
    }

    proptest! {
        #[test]
        fn any_bytes_leave_nothing_waiting(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut parser = Parser::default();
            for piece in bytes.chunks(7) {
                parser.feed(piece);
            }
            parser.flush();
            prop_assert!(!parser.is_waiting());
        }
    }
}
