//! Keys, pastes, the mouse and focus become the bytes that xterm would send, under the modes that
//! the guest asked for (xterm's `ctlseqs`, "PC-style function keys" and "Mouse tracking").
//!
//! Every function returns what is to be sent; nothing if there is nothing to say.

use super::{Modes, MouseReports, Spot};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

const ESC: char = '\x1b';
/// Arrow keys that one step of the wheel is worth where there is no history to scroll.
const WHEEL: usize = 3;
/// The last column or row that the old mouse report can name: one byte, counted from 33.
const LAST_OF_A_BYTE: u16 = 222;

/// A key.
pub fn key(key: KeyEvent, modes: &Modes) -> Vec<u8> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let application = if modes.application_cursor { 'O' } else { '[' };
    let modifiers = key.modifiers;
    match key.code {
        KeyCode::Char(c) => character(c, modifiers),
        KeyCode::Enter if modes.new_line => meta(modifiers, "\r\n"),
        KeyCode::Enter => meta(modifiers, "\r"),
        KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => "\x1b[Z".into(),
        KeyCode::BackTab => "\x1b[Z".into(),
        KeyCode::Tab => meta(modifiers, "\t"),
        KeyCode::Backspace if modifiers.contains(KeyModifiers::CONTROL) => meta(modifiers, "\x08"),
        KeyCode::Backspace => meta(modifiers, "\x7f"),
        KeyCode::Esc => meta(modifiers, "\x1b"),
        KeyCode::Up => letter('A', application, modifiers),
        KeyCode::Down => letter('B', application, modifiers),
        KeyCode::Right => letter('C', application, modifiers),
        KeyCode::Left => letter('D', application, modifiers),
        KeyCode::Home => letter('H', application, modifiers),
        KeyCode::End => letter('F', application, modifiers),
        KeyCode::Insert => number(2, modifiers),
        KeyCode::Delete => number(3, modifiers),
        KeyCode::PageUp => number(5, modifiers),
        KeyCode::PageDown => number(6, modifiers),
        KeyCode::F(n) => function(n, modifiers),
        _ => Vec::new(),
    }
}

/// Text that was pasted, as one piece. Controls other than tabs and line breaks are left out: a
/// paste can neither press keys nor end the brackets that mark it.
pub fn paste(text: &str, modes: &Modes) -> Vec<u8> {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let text: String = text.chars().filter(kept).collect();
    if modes.bracketed_paste {
        format!("{ESC}[200~{text}{ESC}[201~").into_bytes()
    } else {
        text.replace("\r\n", "\r").replace('\n', "\r").into_bytes()
    }
}

/// What the mouse did over a cell of the console, if the guest wants to know.
pub fn mouse(kind: MouseEventKind, modifiers: KeyModifiers, at: Spot, modes: &Modes) -> Vec<u8> {
    let wheel = match kind {
        MouseEventKind::ScrollUp => Some(KeyCode::Up),
        MouseEventKind::ScrollDown => Some(KeyCode::Down),
        _ => None,
    };
    if modes.mouse == MouseReports::Off {
        return match wheel {
            Some(arrow) if modes.alternate_screen && modes.alternate_scroll => {
                key(KeyEvent::new(arrow, KeyModifiers::NONE), modes).repeat(WHEEL)
            }
            _ => Vec::new(),
        };
    }
    let moves = modes.mouse == MouseReports::Motion;
    let code = match kind {
        MouseEventKind::Down(button) | MouseEventKind::Up(button) => button_code(button),
        MouseEventKind::Drag(button) if moves || modes.mouse == MouseReports::Drags => {
            button_code(button) + 32
        }
        MouseEventKind::Moved if moves => 35,
        MouseEventKind::Drag(_) | MouseEventKind::Moved => return Vec::new(),
        MouseEventKind::ScrollUp => 64,
        MouseEventKind::ScrollDown => 65,
        MouseEventKind::ScrollLeft => 66,
        MouseEventKind::ScrollRight => 67,
    };
    let held = |modifier, value| if modifiers.contains(modifier) { value } else { 0 };
    let with = held(KeyModifiers::SHIFT, 4) + held(KeyModifiers::ALT, 8) + held(KeyModifiers::CONTROL, 16);
    let released = matches!(kind, MouseEventKind::Up(_));
    if modes.sgr_mouse {
        let end = if released { 'm' } else { 'M' };
        let (column, row) = (u32::from(at.column) + 1, u32::from(at.row) + 1);
        return format!("{ESC}[<{};{column};{row}{end}", code + with).into_bytes();
    }
    // The old report does not say which button was released, and not what lies further out.
    let code = if released { 3 } else { code };
    let byte = |cell: u16| u8::try_from(cell + 33).ok();
    match (at.column.max(at.row) <= LAST_OF_A_BYTE)
        .then(|| Some([byte(at.column)?, byte(at.row)?]))
        .flatten()
    {
        Some([column, row]) => vec![0x1b, b'[', b'M', code + with + 32, column, row],
        None => Vec::new(),
    }
}

/// Whether the console has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// It was given to it.
    In,
    /// It was taken away.
    Out,
}

/// The keyboard came or went.
pub fn focus(focus: Focus, modes: &Modes) -> Vec<u8> {
    match focus {
        _ if !modes.focus => Vec::new(),
        Focus::In => "\x1b[I".into(),
        Focus::Out => "\x1b[O".into(),
    }
}

fn character(c: char, modifiers: KeyModifiers) -> Vec<u8> {
    let control = modifiers.contains(KeyModifiers::CONTROL);
    let c = if control { control_of(c).unwrap_or(c) } else { c };
    meta(modifiers, c.encode_utf8(&mut [0; 4]))
}

/// The control character that a key with Ctrl makes, as VT220s and xterm have it.
fn control_of(c: char) -> Option<char> {
    let byte = match c {
        'a'..='z' | 'A'..='Z' | '@' | '[' | '\\' | ']' | '^' | '_' => u8::try_from(c).ok()? & 0x1f,
        ' ' | '2' => 0,
        '3'..='7' => u8::try_from(c).ok()? - b'3' + 0x1b,
        '/' => 0x1f,
        '8' | '?' => 0x7f,
        _ => return None,
    };
    Some(char::from(byte))
}

/// With Alt, an escape character first.
fn meta(modifiers: KeyModifiers, text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    if modifiers.contains(KeyModifiers::ALT) {
        bytes.push(0x1b);
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// xterm's modifier parameter: 1 + shift 1 + alt 2 + control 4; `None` without any.
fn parameter(modifiers: KeyModifiers) -> Option<u8> {
    let held = |modifier, value| if modifiers.contains(modifier) { value } else { 0 };
    let sum = held(KeyModifiers::SHIFT, 1) + held(KeyModifiers::ALT, 2) + held(KeyModifiers::CONTROL, 4);
    (sum > 0).then_some(sum + 1)
}

/// A key that ends in a letter: `ESC [ A`, in the application mode `ESC O A`, `ESC [ 1 ; 5 A`.
fn letter(letter: char, application: char, modifiers: KeyModifiers) -> Vec<u8> {
    match parameter(modifiers) {
        Some(parameter) => format!("{ESC}[1;{parameter}{letter}"),
        None => format!("{ESC}{application}{letter}"),
    }
    .into_bytes()
}

/// A key that has a number: `ESC [ 3 ~`, `ESC [ 3 ; 5 ~`.
fn number(number: u8, modifiers: KeyModifiers) -> Vec<u8> {
    match parameter(modifiers) {
        Some(parameter) => format!("{ESC}[{number};{parameter}~"),
        None => format!("{ESC}[{number}~"),
    }
    .into_bytes()
}

/// F1 to F20. The numbers have gaps where the VT220's keyboard had.
fn function(n: u8, modifiers: KeyModifiers) -> Vec<u8> {
    const NUMBERS: [u8; 16] = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34];
    match n {
        1..=4 => letter(char::from(b'P' + n - 1), 'O', modifiers),
        5..=20 => number(NUMBERS[usize::from(n) - 5], modifiers),
        _ => Vec::new(),
    }
}

fn button_code(button: MouseButton) -> u8 {
    match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    }
}

#[cfg(test)]
mod tests;
