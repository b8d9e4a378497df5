use super::*;

#[test]
fn new_output_does_not_move_a_view_into_the_past() {
    let mut it = fed(20, 3, &numbered(100));
    it.scroll(Scroll::Lines(10));
    let seen = it.lines();
    assert_eq!(seen, ["line 88", "line 89", "line 90"]);
    it.feed(numbered(50).as_bytes());
    assert_eq!(it.lines(), seen);
    assert_eq!(it.scrolled_back(), 59);
    it.scroll(Scroll::Bottom);
    assert_eq!(it.lines()[2], "line 50");
}

#[test]
fn scrolling_below_a_header_moves_no_view_either() {
    let mut it = fed(20, 4, &numbered(100));
    it.scroll(Scroll::Lines(10));
    let seen = it.lines();
    for bytes in [
        "\x1b[2;4r\x1b[4;1H\n\n\n\n\n\n\n\n\n\n\n\n",
        "\x1b[9S",
        "\x1b[4;1Hprinted until it wraps, and wraps again, and again",
        "\x1b[4;1Hprinted to the edge.\t",
        "\x1b[r\x1b[2;1H\x1b[3M",
    ] {
        it.feed(bytes.as_bytes());
        assert_eq!((it.lines(), it.scrolled_back()), (seen.clone(), 10), "{bytes:?}");
    }
    it.feed(b"\x1b[r\x1b[4;1H\n");
    assert_eq!((it.lines(), it.scrolled_back()), (seen, 11));
}

#[test]
fn scrolling_stops_at_both_ends() {
    let mut it = fed(20, 3, &numbered(10));
    it.scroll(Scroll::Lines(i32::MAX));
    assert_eq!(it.scrolled_back(), it.history_len());
    assert_eq!(it.lines()[0], "line 1");
    it.scroll(Scroll::PageDown);
    assert_eq!(it.lines()[0], "line 4");
    it.scroll(Scroll::Lines(i32::MIN));
    assert_eq!(it.scrolled_back(), 0);
    it.scroll(Scroll::Top);
    it.scroll(Scroll::PageUp);
    assert_eq!(it.scrolled_back(), 7);
}

#[test]
fn lines_that_the_terminal_broke_are_broken_anew() {
    let mut it = fed(10, 4, "0123456789abcdef\r\nnext");
    assert_eq!(it.lines()[..3], ["0123456789", "abcdef", "next"]);
    it.resize(TerminalSize { columns: 20, rows: 4 });
    assert_eq!(it.lines()[..2], ["0123456789abcdef", "next"]);
    it.resize(TerminalSize { columns: 8, rows: 4 });
    assert_eq!(it.lines()[..2], ["89abcdef", "next"]);
    assert_eq!(it.text(), "0123456789abcdef\nnext\n");
}

#[test]
fn the_cursor_is_hidden_by_the_guest_and_by_scrolling() {
    let mut it = fed(20, 3, &numbered(10));
    let cursor = it.screen().cursor().unwrap();
    assert_eq!((cursor.spot, cursor.shape), (spot(7, 2), CursorShape::Block));
    it.feed(b"\x1b[5 q");
    assert_eq!(it.screen().cursor().unwrap().shape, CursorShape::Bar);
    it.scroll(Scroll::Lines(1));
    assert!(it.screen().cursor().is_none());
    it.scroll(Scroll::Bottom);
    it.feed(b"\x1b[?25l");
    assert!(it.screen().cursor().is_none());
}

#[test]
fn erasing_above_reaches_the_first_line() {
    let it = fed(20, 3, "one\r\ntwo\r\nthree\x1b[2;3H\x1b[1J");
    assert_eq!(it.lines(), ["", "", "three"]);
}

#[test]
fn tabs_are_blanks() {
    let it = fed(20, 2, "a\tb");
    assert_eq!(it.lines()[0], "a       b");
}

#[test]
fn a_revision_stands_for_a_picture() {
    let mut it = fed(20, 3, &numbered(10));
    let before = it.revision();
    it.take_bell();
    it.resize(TerminalSize { columns: 20, rows: 3 });
    assert_eq!(it.revision(), before);
    it.feed(b"x");
    assert_ne!(it.revision(), before);
}

#[test]
fn modes_are_what_the_guest_asked_for() {
    let mut it = fed(80, 24, "");
    assert_eq!(
        it.modes(),
        Modes {
            alternate_scroll: true,
            ..Modes::default()
        }
    );
    it.feed(b"\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?1049h\x1b[20h");
    let all = Modes {
        application_cursor: true,
        application_keypad: true,
        new_line: true,
        bracketed_paste: true,
        mouse: MouseReports::Drags,
        sgr_mouse: true,
        focus: true,
        alternate_screen: true,
        alternate_scroll: true,
    };
    assert_eq!(it.modes(), all);
    it.feed(b"\x1bc");
    assert!(!it.modes().bracketed_paste, "a reset ends them");
}
