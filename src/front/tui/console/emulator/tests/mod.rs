mod bounds;
mod bypass;
mod marking;
mod replies;
mod searching;
mod view;

use super::size::LARGEST;
use super::*;
use std::fmt::Write as _;

fn emulator(columns: u16, rows: u16) -> Emulator {
    Emulator::new(TerminalSize { columns, rows }, 1_000_000)
}

fn fed(columns: u16, rows: u16, bytes: &str) -> Emulator {
    let mut emulator = emulator(columns, rows);
    emulator.feed(bytes.as_bytes());
    emulator
}

fn spot(column: u16, row: u16) -> Spot {
    Spot { column, row }
}

/// Numbered lines, one per row.
fn numbered(count: usize) -> String {
    let mut text = String::new();
    for n in 1..=count {
        write!(text, "\r\nline {n}").unwrap();
    }
    text.split_off(2)
}
