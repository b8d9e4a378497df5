//! A guest that never ends what it begins costs no memory. A test binary with one test in it: what
//! is measured is the whole process.

#![cfg(test)]

use std::fs;
use twarga::front::tui::console::{Emulator, SCROLLBACK, TerminalSize};

const MIB: usize = 1024 * 1024;

/// Memory of this process that is in use, bytes (`proc(5)`).
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib * 1024
}

#[test]
fn endless_strings_and_updates_take_no_memory() {
    let size = TerminalSize {
        columns: 80,
        rows: 24,
    };
    let mut emulator = Emulator::new(size, SCROLLBACK);
    // The history is full before anything is measured.
    let line = format!("{}\r\n", "x".repeat(79));
    emulator.feed(line.repeat(10_100).as_bytes());
    assert!(emulator.history_len() >= 9_999);

    let filler = vec![b'y'; MIB];
    for opener in ["\x1b]0;", "\x1b]52;c;", "\x1bP$q", "\x1bX", "\x1b^", "\x1b_"] {
        let before = resident();
        emulator.feed(opener.as_bytes());
        for _ in 0..64 {
            emulator.feed(&filler);
        }
        let added = resident().saturating_sub(before);
        assert!(added < 16 * MIB, "{opener:?} added {} MiB", added / MIB);
        emulator.feed(b"\x1b\\");
    }

    let before = resident();
    emulator.feed(b"\x1b[?2026h");
    emulator.feed(line.repeat(50_000).as_bytes());
    let added = resident().saturating_sub(before);
    assert!(added < 16 * MIB, "an update added {} MiB", added / MIB);
    assert_eq!(emulator.lines()[0], line.trim_end(), "and is shown");
}
