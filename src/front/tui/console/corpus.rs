//! Output of real programs, and what another emulator makes of it.
//!
//! `tests/fixtures/terminal` holds what vim, less, top, htop, mc, dialog, tmux and a shell wrote to
//! a terminal of 80×24 while somebody used them.

use super::emulator::{Emulator, Glyph, TerminalSize};
use ratatui::style::{Color, Modifier};
use std::path::Path;

/// The size that everything was recorded at.
pub(super) const SIZE: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};

/// All recordings with their names, in order.
pub(super) fn recordings() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/terminal");
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(found.len() >= 10, "not all of it: {found:?}");
    found
}

/// DEC's line drawing (VT220's special graphics), which the other emulator shows as letters.
fn line_drawing(letter: &str) -> Option<char> {
    const FROM: &str = "`afgjklmnopqrstuvwxyz{|}~";
    const TO: &str = "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";
    let at = FROM.chars().position(|it| letter.starts_with(it))?;
    TO.chars().nth(at)
}

fn colour(colour: vt100::Color) -> Option<Color> {
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Idx(index) => Some(Color::Indexed(index)),
        vt100::Color::Rgb(r, g, b) => Some(Color::Rgb(r, g, b)),
    }
}

/// What differs between our cell and the other's, in words.
fn difference(ours: &Glyph<'_>, other: &vt100::Cell) -> Option<String> {
    let text: String = std::iter::once(ours.character)
        .chain(ours.marks.iter().copied())
        .collect();
    let theirs = match other.contents() {
        "" => " ",
        text => text,
    };
    let same_text = text == theirs || line_drawing(theirs) == Some(ours.character);
    let style = (
        ours.foreground,
        ours.background,
        ours.modifier.contains(Modifier::BOLD),
        ours.modifier.contains(Modifier::REVERSED),
        ours.modifier.contains(Modifier::UNDERLINED),
    );
    let their_style = (
        colour(other.fgcolor()),
        colour(other.bgcolor()),
        other.bold(),
        other.inverse(),
        other.underline(),
    );
    // An erased cell keeps all attributes there, but only the background in xterm; and the room of
    // a wide character has none.
    let erased = other.contents().is_empty() && style.1 == their_style.1;
    let same_style = style == their_style || erased || ours.spacer;
    (!same_text || !same_style).then(|| format!("{text:?} {style:?} is {theirs:?} {their_style:?}"))
}

/// Compares the screens cell by cell.
fn compare(name: &str, emulator: &Emulator, other: &vt100::Screen) {
    let screen = emulator.screen();
    for row in 0..SIZE.rows {
        for (column, ours) in (0..SIZE.columns).zip(screen.row(row)) {
            let theirs = other.cell(row, column).unwrap();
            if let Some(difference) = difference(&ours, theirs) {
                panic!("{name}, row {row}, column {column}: {difference}");
            }
        }
    }
    assert_eq!(screen.cursor().is_none(), other.hide_cursor(), "{name}");
    if let Some(cursor) = screen.cursor() {
        let (row, column) = other.cursor_position();
        // After the last column the other one counts one further, until it wraps.
        let column = column.min(SIZE.columns - 1);
        assert_eq!((cursor.spot.row, cursor.spot.column), (row, column), "{name}");
    }
}

#[test]
fn real_programs_look_as_in_another_emulator() {
    for (name, bytes) in recordings() {
        let mut emulator = Emulator::new(SIZE, 100_000);
        let mut other = vt100::Parser::new(SIZE.rows, SIZE.columns, 0);
        let mut at = 0;
        while at < bytes.len() {
            let mut end = (at + 97).min(bytes.len());
            // The other one loses characters between two reads.
            while bytes.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
                end += 1;
            }
            emulator.feed(&bytes[at..end]);
            other.process(&bytes[at..end]);
            compare(&format!("{name} at byte {end}"), &emulator, other.screen());
            at = end;
        }
        assert!(!emulator.text().is_empty(), "{name} shows something");
    }
}

#[test]
fn how_output_is_cut_into_reads_makes_no_difference() {
    let hard = "e\u{301}e\u{301}\x1b[1;31m世界\x1b]0;t\u{e9}\x07é\r\n".repeat(50);
    let hard = ("hard".to_owned(), hard.into_bytes());
    for (name, bytes) in recordings().into_iter().chain([hard]) {
        let mut whole = Emulator::new(SIZE, 100_000);
        whole.feed(&bytes);
        for read in [1, 2, 3, 5, 700] {
            let mut emulator = Emulator::new(SIZE, 100_000);
            bytes.chunks(read).for_each(|read| emulator.feed(read));
            assert_eq!(emulator.text(), whole.text(), "{name} in reads of {read}");
        }
    }
}
