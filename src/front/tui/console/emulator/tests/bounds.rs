use super::*;

#[test]
fn strings_leave_nothing_on_the_screen() {
    let mut it = fed(
        80,
        24,
        "a\x1b]52;c;aGVsbG8=\x07b\x1b]8;;http://x\x07c\x1b]8;;\x07\x1bPq#0!9~\x1b\\d",
    );
    assert_eq!(it.lines()[0], "abcd");
    it.feed(b"\x1b]0;cut");
    it.feed(b"off\x1b[31me");
    assert_eq!(it.lines()[0], "abcde");
}

#[test]
fn a_string_that_never_ends_gives_the_screen_back() {
    let mut it = fed(80, 24, "\x1b]0;");
    for _ in 0..200 {
        it.feed(&[b'x'; 1_000]);
    }
    it.feed(b"\r\nKernel panic");
    assert_eq!(it.lines()[1].trim_start(), "Kernel panic");
}

#[test]
fn synchronized_updates_hold_nothing_back() {
    let it = fed(80, 24, "\x1b[?2026hnow");
    assert_eq!(it.lines()[0], "now");
}

#[test]
fn a_character_takes_few_marks() {
    let it = fed(80, 24, &format!("e{}x", "\u{301}".repeat(10_000)));
    assert_eq!(it.lines()[0].chars().count(), 2 + printing::MOST_MARKS);
}

#[test]
fn marked_cells_are_bounded_and_come_back_when_their_lines_are_gone() {
    let mut it = emulator(80, 24);
    let marked = |it: &Emulator| it.text().chars().filter(|c| *c == '\u{301}').count();
    it.feed("e\u{301}".repeat(80 * 400).as_bytes());
    assert_eq!(marked(&it), LEAST_MARKED);
    it.feed("e\u{301}".repeat(80).as_bytes());
    assert_eq!(marked(&it), LEAST_MARKED, "no more");
    it.feed(numbered(150_000).as_bytes());
    it.feed("\r\ne\u{301}".as_bytes());
    assert_eq!(marked(&it), 1, "room again");
}

#[test]
fn what_hides_is_replaced_and_what_reorders_is_dropped() {
    let it = fed(80, 24, "a\u{202e}b\u{200d}c\u{fe0f}d\u{e000}e\u{9b}f");
    assert_eq!(it.lines()[0], "abcd\u{fffd}ef");
    assert_eq!(it.text(), "abcd\u{fffd}ef\n");
}

#[test]
fn repetition_fills_lines_and_not_minutes() {
    let mut it = fed(80, 24, "x\x1b[79b");
    assert_eq!(it.lines()[0], "x".repeat(80));
    it.feed("\x1b[65535b".repeat(1_000).as_bytes());
    assert!(it.account.prints < 10_000);
    assert!(it.history_len() < 3_000, "{}", it.history_len());
}

#[test]
fn work_is_counted_and_feeding_stops_for_it() {
    let mut it = emulator(300, 300);
    let soup = "\x1b#8".repeat(10_000);
    let taken = it.feed_within(soup.as_bytes(), 1_000_000);
    assert!(
        (1..2_000).contains(&taken),
        "{taken} bytes fill the screen {} times",
        taken / 3
    );
    let text = "x".repeat(30_000);
    assert_eq!(it.feed_within(text.as_bytes(), 1_000_000), text.len());
}

#[test]
fn sizes_are_clamped() {
    for (columns, rows) in [(0, 0), (1, 1), (1, 0)] {
        let mut it = emulator(columns, rows);
        it.feed("世界\r\n".repeat(10).as_bytes());
        assert_eq!(it.size(), TerminalSize { columns: 2, rows: 1 });
    }
    let mut it = emulator(80, 24);
    it.resize(TerminalSize {
        columns: u16::MAX,
        rows: u16::MAX,
    });
    assert_eq!(it.size(), LARGEST);
}

#[test]
fn the_history_is_bounded_in_bytes_whatever_the_width() {
    let budget = 1_000_000;
    let mut it = emulator(80, 24);
    it.feed(numbered(30_000).as_bytes());
    let lines = it.history_len();
    assert!((500..520).contains(&lines), "{lines}");
    for columns in [300, 20, 2, 80] {
        it.resize(TerminalSize { columns, rows: 24 });
        it.feed(numbered(60_000).as_bytes());
        let line = usize::from(columns) * 24 + 32;
        let bytes = it.history_len() * line;
        assert!(
            bytes <= budget && bytes + line > budget,
            "{columns} columns: {bytes}"
        );
    }
}

#[test]
fn rows_that_were_cut_give_their_memory_back() {
    let mut it = emulator(300, 24);
    it.feed(numbered(1_000).as_bytes());
    it.feed(b"\x1b[?1049h");
    it.resize(TerminalSize {
        columns: 20,
        rows: 24,
    });
    assert!(it.loose, "out of reach");
    it.feed(b"\x1b[?1049l");
    it.feed(b"x");
    assert!(!it.loose);
}
