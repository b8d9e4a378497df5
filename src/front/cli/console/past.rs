//! What a guest wrote before anybody listened, as plain lines: the caller's terminal would answer
//! the questions in it, and the answers would be typed into the guest.

use crate::front::tui::console::{Emulator, SCROLLBACK, TerminalSize};

/// What a serial line's guest takes its terminal for.
const SIZE: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};

/// The lines, and the cursor where the guest left it in the last one: what comes next goes on there.
pub fn plain(past: &[u8]) -> Vec<u8> {
    let mut emulator = Emulator::new(SIZE, SCROLLBACK);
    emulator.feed(past);
    let mut text = emulator.text();
    text.truncate(text.trim_end_matches('\n').len());
    let screen = emulator.screen();
    if let Some(cursor) = screen.cursor() {
        let row: String = screen.row(cursor.spot.row).map(|glyph| glyph.character).collect();
        let length = row.trim_end().chars().count();
        if length == 0 && !text.is_empty() {
            text.push('\n');
        }
        let blanks = usize::from(cursor.spot.column).saturating_sub(length);
        text.push_str(&" ".repeat(blanks));
    }
    text.replace('\n', "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(past: &str) -> String {
        String::from_utf8(plain(past.as_bytes())).unwrap()
    }

    #[test]
    fn lines_stay_and_what_acts_goes() {
        assert_eq!(shown("a\r\n\x1b[31mb\x1b[0m\x1b[6n\x1b]0;t\x07"), "a\r\nb");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn what_comes_next_goes_on_where_the_guest_is() {
        assert_eq!(shown("web login: "), "web login: ", "a prompt keeps its blank");
        assert_eq!(shown("seam 1\r\n"), "seam 1\r\n", "the next line is another");
        assert_eq!(shown("seam 1\r\nse"), "seam 1\r\nse");
        assert_eq!(shown("a\r\n    "), "a\r\n    ");
    }

    #[test]
    fn long_lines_are_one() {
        let long = "x".repeat(200);
        assert_eq!(shown(&format!("{long}\r\n$ ")), format!("{long}\r\n$ "));
    }
}
