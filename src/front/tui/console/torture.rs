//! Whatever a guest sends: nothing panics, nothing unsafe reaches a cell, and nothing but two
//! harmless reports goes back. Output is mutated, invented and random, with resizes from 2×1 to
//! 300×300 and a user who scrolls, searches and copies meanwhile.

use super::corpus::recordings;
use super::emulator::{CopyMove, Direction, Emulator, Scroll, SelectionKind, Spot, TerminalSize};
use super::view::{Colours, Paint, draw};
use crate::model::text::is_hidden;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

const MEGABYTE: usize = 1_000_000;

/// Numbers that are the same in every run (Vigna's splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below another.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn short(&mut self, end: usize) -> u16 {
        u16::try_from(self.below(end)).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Real output with bytes changed, lost and repeated.
fn mutated(dice: &mut Dice, recordings: &[(String, Vec<u8>)], out: &mut Vec<u8>) {
    let (_, bytes) = &recordings[dice.below(recordings.len())];
    let start = dice.below(bytes.len());
    let end = (start + 1 + dice.below(2_000)).min(bytes.len());
    for byte in &bytes[start..end] {
        match dice.below(200) {
            0 => out.push(dice.byte()),
            1 => {}
            2 => out.extend([*byte, *byte]),
            _ => out.push(*byte),
        }
    }
}

/// A parameter as nobody would write it.
fn parameter(dice: &mut Dice, out: &mut Vec<u8>) {
    let number = match dice.below(8) {
        0 => return,
        1 => 65_535,
        2 => usize::try_from(dice.next() >> 32).unwrap(),
        3 => dice.pick(&[25, 47, 1000, 1002, 1003, 1004, 1006, 1007, 1049, 2004, 2026]),
        _ => dice.below(320),
    };
    out.extend(number.to_string().bytes());
}

/// Sequences by the grammar of ECMA-48, with wild parameters, and what wide, combining and hidden
/// characters there are between them.
fn soup(dice: &mut Dice, out: &mut Vec<u8>) {
    match dice.below(10) {
        0..=3 => {
            out.extend(b"\x1b[");
            if dice.once_in(4) {
                out.push(dice.pick(b"?>=<!"));
            }
            for _ in 0..dice.below(5) {
                parameter(dice, out);
                out.push(dice.pick(b";;;:"));
            }
            parameter(dice, out);
            if dice.once_in(8) {
                out.push(dice.pick(b" !\"$'*"));
            }
            out.push(if dice.once_in(6) {
                dice.byte()
            } else {
                dice.pick(b"ABCDEFGHIJKLMPSTXZ@abcdefghilmnpqrstu`")
            });
        }
        4 => out.extend([0x1b, dice.pick(b"78=>DEHMNOZc#()*+%\\ "), dice.byte()]),
        5 => {
            out.extend([0x1b, dice.pick(b"]]]PX^_")]);
            out.extend(dice.pick(&[
                b"52;c;aGVsbG8=".as_slice(),
                b"0;t",
                b"4;1;?",
                b"11;?",
                b"8;;x:y",
                b"$qm",
            ]));
            (0..dice.below(40)).for_each(|_| out.push(dice.byte()));
            out.extend(dice.pick(&[b"\x07".as_slice(), b"\x1b\\", b"\x18", b""]));
        }
        6 => out.extend(
            dice.pick(&[
                "世界",
                "e\u{301}\u{302}\u{303}\u{304}",
                "\u{202e}\u{200b}",
                "\u{e000}",
                "👨\u{200d}👩",
                "\u{1100}\u{1161}",
                "\u{fe0f}",
                "ﷺ",
            ])
            .bytes(),
        ),
        7 => out.push(dice.pick(b"\t\r\n\x08\x07\x0e\x0f\x0b\x0c\x85\x9b")),
        _ => (0..dice.below(30)).for_each(|_| out.push(b' ' + dice.byte() % 95)),
    }
}

/// Whether these are whole replies of the two kinds that may leave.
fn are_allowed(mut replies: &[u8]) -> bool {
    while !replies.is_empty() {
        let Some(end) = replies.iter().position(u8::is_ascii_alphabetic) else {
            return false;
        };
        let (reply, rest) = replies.split_at(end + 1);
        let is_position = reply
            .strip_prefix(b"\x1b[")
            .and_then(|it| it.strip_suffix(b"R"))
            .is_some_and(|it| {
                let mut numbers = it.split(|c| *c == b';');
                let mut number = || {
                    numbers
                        .next()
                        .is_some_and(|it| !it.is_empty() && it.iter().all(u8::is_ascii_digit))
                };
                number() && number() && numbers.next().is_none()
            });
        if reply != b"\x1b[0n" && !is_position {
            return false;
        }
        replies = rest;
    }
    true
}

/// Draws into a part of a buffer and looks at every cell.
pub(super) fn check(emulator: &Emulator, area: Rect, buffer: &mut Buffer, paint: &Paint) {
    let cursor = draw(emulator, area, buffer, paint);
    let inside = area.intersection(buffer.area);
    if let Some(cursor) = cursor {
        assert!(inside.contains((cursor.spot.column, cursor.spot.row).into()));
    }
    for y in inside.top()..inside.bottom() {
        let mut x = inside.left();
        while x < inside.right() {
            let symbol = buffer[(x, y)].symbol();
            assert!(!symbol.chars().any(is_hidden), "{symbol:?} at {x}, {y}");
            let width = u16::try_from(symbol.width()).unwrap();
            assert!((1..=2).contains(&width), "{symbol:?} at {x}, {y}");
            x += width;
        }
        assert_eq!(x, inside.right(), "a character spills over in row {y}");
    }
}

/// Somebody uses the console meanwhile.
fn use_it(dice: &mut Dice, emulator: &mut Emulator) {
    let spot = Spot {
        column: dice.short(320),
        row: dice.short(320),
    };
    let kind = dice.pick(&[
        SelectionKind::Characters,
        SelectionKind::Words,
        SelectionKind::Lines,
        SelectionKind::Block,
    ]);
    let way = dice.pick(&[Direction::Forward, Direction::Backward]);
    let steps = [
        CopyMove::Left,
        CopyMove::Right,
        CopyMove::Up,
        CopyMove::Down,
        CopyMove::LineStart,
        CopyMove::LineEnd,
        CopyMove::NextWord,
        CopyMove::PreviousWord,
        CopyMove::PageUp,
        CopyMove::PageDown,
        CopyMove::Top,
        CopyMove::Bottom,
    ];
    match dice.below(12) {
        0 => emulator.scroll(Scroll::Lines(i32::from(dice.short(200)) - 100)),
        1 => emulator.scroll(dice.pick(&[Scroll::PageUp, Scroll::PageDown, Scroll::Top, Scroll::Bottom])),
        2 => emulator.select(spot, kind),
        3 => emulator.extend_selection(spot),
        4 => emulator.clear_selection(),
        5 => drop(emulator.search(
            dice.pick(&["a", "in", "世", "e\u{301}", ".", "  ", "", "Disk"]),
            way,
        )),
        6 => drop(emulator.search_again(way)),
        7 => emulator.start_copy(),
        8 => emulator.select_from_copy(kind),
        9 => emulator.end_copy(),
        _ => (0..5).for_each(|_| emulator.move_copy(dice.pick(&steps))),
    }
    if let Some(text) = emulator.selected_text() {
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)));
    }
}

/// Feeds so many bytes from a source and checks all along.
fn torture(seed: u64, bytes: usize, scrollback: usize, mut source: impl FnMut(&mut Dice, &mut Vec<u8>)) {
    let mut dice = Dice(seed);
    let mut emulator = Emulator::new(
        TerminalSize {
            columns: 80,
            rows: 24,
        },
        scrollback,
    );
    let mut buffer = Buffer::empty(Rect::new(3, 2, 120, 50));
    let paints = [Colours::Shown, Colours::Hidden].map(|colours| Paint {
        ground: Style::new(),
        colours,
    });
    let mut fed = 0;
    let mut output = Vec::new();
    while fed < bytes {
        output.clear();
        let length = 1 + dice.below(4_000);
        while output.len() < length {
            source(&mut dice, &mut output);
        }
        emulator.feed(&output);
        fed += output.len();
        let replies = emulator.take_replies();
        assert!(are_allowed(&replies), "{:?}", String::from_utf8_lossy(&replies));
        emulator.take_bell();
        use_it(&mut dice, &mut emulator);
        if dice.once_in(5) {
            let (columns, rows) = if dice.once_in(3) { (8, 4) } else { (300, 300) };
            emulator.resize(TerminalSize {
                columns: 2 + dice.short(columns - 1),
                rows: 1 + dice.short(rows),
            });
        }
        if dice.once_in(3) {
            let area = Rect::new(dice.short(100), dice.short(50), dice.short(320), dice.short(320));
            check(&emulator, area, &mut buffer, &dice.pick(&paints));
        }
        if dice.once_in(100) {
            assert!(!emulator.text().chars().any(|c| c != '\n' && is_hidden(c)));
        }
    }
}

/// History of the short runs: what a rewrap has to move costs most of the time.
const SMALL: usize = 200_000;

fn mutated_recordings(bytes: usize, scrollback: usize) {
    let recordings = recordings();
    torture(1, bytes, scrollback, |dice, out| mutated(dice, &recordings, out));
}

fn escape_soup(bytes: usize, scrollback: usize) {
    torture(2, bytes, scrollback, soup);
}

fn random_bytes(bytes: usize, scrollback: usize) {
    torture(3, bytes, scrollback, |dice, out| {
        out.extend((0..500).map(|_| dice.byte()))
    });
}

#[test]
fn mutated_recordings_do_no_harm() {
    mutated_recordings(MEGABYTE, SMALL);
}

#[test]
fn escape_soup_does_no_harm() {
    escape_soup(MEGABYTE, SMALL);
}

#[test]
fn random_bytes_do_no_harm() {
    random_bytes(MEGABYTE, SMALL);
}

#[test]
#[ignore = "long: make torture"]
fn a_hundred_megabytes_of_mutated_recordings_do_no_harm() {
    mutated_recordings(100 * MEGABYTE, 2 * MEGABYTE);
}

#[test]
#[ignore = "long: make torture"]
fn thirty_megabytes_of_escape_soup_do_no_harm() {
    escape_soup(30 * MEGABYTE, 2 * MEGABYTE);
}

#[test]
#[ignore = "long: make torture"]
fn ten_megabytes_of_random_bytes_do_no_harm() {
    random_bytes(10 * MEGABYTE, 2 * MEGABYTE);
}

#[test]
fn only_two_reports_are_allowed() {
    assert!(are_allowed(b"\x1b[0n\x1b[12;5R\x1b[0n"));
    for other in [
        "\x1b[?6c",
        "\x1b[0",
        "\x1b[;5R",
        "x\x1b[0n",
        "\x1b[1;2;3R",
        "\x1b]11;rgb:00/00/00\x07",
    ] {
        assert!(!are_allowed(other.as_bytes()), "{other:?}");
    }
}
