use super::*;
use proptest::prelude::*;

const PLAIN: Modes = Modes {
    application_cursor: false,
    application_keypad: false,
    new_line: false,
    bracketed_paste: false,
    mouse: MouseReports::Off,
    sgr_mouse: false,
    focus: false,
    alternate_screen: false,
    alternate_scroll: false,
};
const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;

fn pressed(code: KeyCode, modifiers: KeyModifiers, modes: &Modes) -> String {
    String::from_utf8(key(KeyEvent::new(code, modifiers), modes)).unwrap()
}

#[test]
fn keys_are_what_xterm_sends() {
    let char = KeyCode::Char;
    let table = [
        (char('a'), NONE, "a"),
        (char('é'), NONE, "é"),
        (char('A'), SHIFT, "A"),
        (char('a'), ALT, "\x1ba"),
        (char('c'), CTRL, "\x03"),
        (char('C'), CTRL | SHIFT, "\x03"),
        (char('x'), CTRL | ALT, "\x1b\x18"),
        (char(' '), CTRL, "\0"),
        (char('@'), CTRL, "\0"),
        (char('['), CTRL, "\x1b"),
        (char('\\'), CTRL, "\x1c"),
        (char(']'), CTRL, "\x1d"),
        (char('^'), CTRL, "\x1e"),
        (char('_'), CTRL, "\x1f"),
        (char('/'), CTRL, "\x1f"),
        (char('3'), CTRL, "\x1b"),
        (char('7'), CTRL, "\x1f"),
        (char('8'), CTRL, "\x7f"),
        (char('1'), CTRL, "1"),
        (KeyCode::Enter, NONE, "\r"),
        (KeyCode::Enter, ALT, "\x1b\r"),
        (KeyCode::Tab, NONE, "\t"),
        (KeyCode::BackTab, SHIFT, "\x1b[Z"),
        (KeyCode::Backspace, NONE, "\x7f"),
        (KeyCode::Backspace, ALT, "\x1b\x7f"),
        (KeyCode::Backspace, CTRL, "\x08"),
        (KeyCode::Esc, NONE, "\x1b"),
        (KeyCode::Up, NONE, "\x1b[A"),
        (KeyCode::Left, CTRL, "\x1b[1;5D"),
        (KeyCode::Right, SHIFT | ALT | CTRL, "\x1b[1;8C"),
        (KeyCode::Home, NONE, "\x1b[H"),
        (KeyCode::End, SHIFT, "\x1b[1;2F"),
        (KeyCode::Insert, NONE, "\x1b[2~"),
        (KeyCode::Delete, CTRL, "\x1b[3;5~"),
        (KeyCode::PageUp, NONE, "\x1b[5~"),
        (KeyCode::PageDown, ALT, "\x1b[6;3~"),
        (KeyCode::F(1), NONE, "\x1bOP"),
        (KeyCode::F(4), SHIFT, "\x1b[1;2S"),
        (KeyCode::F(5), NONE, "\x1b[15~"),
        (KeyCode::F(6), NONE, "\x1b[17~"),
        (KeyCode::F(10), NONE, "\x1b[21~"),
        (KeyCode::F(11), CTRL, "\x1b[23;5~"),
        (KeyCode::F(12), NONE, "\x1b[24~"),
        (KeyCode::F(20), NONE, "\x1b[34~"),
        (KeyCode::F(21), NONE, ""),
        (KeyCode::CapsLock, NONE, ""),
    ];
    for (code, modifiers, bytes) in table {
        assert_eq!(pressed(code, modifiers, &PLAIN), bytes, "{code:?} {modifiers:?}");
    }
}

#[test]
fn the_guests_modes_change_arrows_and_enter() {
    let application = Modes {
        application_cursor: true,
        new_line: true,
        ..PLAIN
    };
    assert_eq!(pressed(KeyCode::Up, NONE, &application), "\x1bOA");
    assert_eq!(pressed(KeyCode::End, NONE, &application), "\x1bOF");
    assert_eq!(pressed(KeyCode::Up, CTRL, &application), "\x1b[1;5A");
    assert_eq!(pressed(KeyCode::Enter, NONE, &application), "\r\n");
}

#[test]
fn a_key_let_go_says_nothing() {
    let event = KeyEvent::new_with_kind(KeyCode::Char('a'), NONE, KeyEventKind::Release);
    assert_eq!(key(event, &PLAIN), b"");
}

#[test]
fn what_our_own_parser_reads_is_what_is_sent() {
    let keys = "a\x01\x1bx\r\t\x7f\x1b[A\x1b[1;5C\x1b[H\x1b[3~\x1b[5;3~\x1b[15~\x1b[Z世";
    let mut sent = Vec::new();
    for event in crate::front::tui::Parser::default().feed(keys.as_bytes()) {
        if let crate::front::tui::Event::Key(event) = event {
            sent.extend(key(event, &PLAIN));
        }
    }
    assert_eq!(String::from_utf8(sent).unwrap(), keys);
}

#[test]
fn a_paste_presses_enter_unless_it_is_bracketed() {
    assert_eq!(paste("ls\necho\r\n", &PLAIN), b"ls\recho\r");
    let bracketed = Modes {
        bracketed_paste: true,
        ..PLAIN
    };
    assert_eq!(paste("ls\n\techo", &bracketed), b"\x1b[200~ls\n\techo\x1b[201~");
}

proptest! {
    #[test]
    fn a_paste_cannot_break_out_of_its_brackets(
        parts in prop::collection::vec(prop_oneof![
            Just("\x1b[201~".to_owned()), Just("\x1b[20".to_owned()), Just("1~".to_owned()),
            Just("\u{9b}201~".to_owned()), any::<String>(),
        ], 0..8),
    ) {
        let sent = paste(&parts.concat(), &Modes { bracketed_paste: true, ..PLAIN });
        let inner = sent.strip_prefix(b"\x1b[200~").unwrap().strip_suffix(b"\x1b[201~").unwrap();
        let inner = std::str::from_utf8(inner).unwrap();
        prop_assert!(!inner.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)));
    }
}

fn reported(
    kind: MouseEventKind,
    modifiers: KeyModifiers,
    (column, row): (u16, u16),
    modes: &Modes,
) -> Vec<u8> {
    mouse(kind, modifiers, Spot { column, row }, modes)
}

#[test]
fn the_mouse_is_reported_as_far_as_it_was_asked_for() {
    let left = MouseButton::Left;
    let sgr = |mouse| Modes {
        mouse,
        sgr_mouse: true,
        ..PLAIN
    };
    let cases = [
        (MouseEventKind::Down(left), NONE, "\x1b[<0;3;5M", "\x1b[<0;3;5M"),
        (
            MouseEventKind::Up(MouseButton::Right),
            NONE,
            "\x1b[<2;3;5m",
            "\x1b[<2;3;5m",
        ),
        (
            MouseEventKind::Down(left),
            CTRL | SHIFT,
            "\x1b[<20;3;5M",
            "\x1b[<20;3;5M",
        ),
        (MouseEventKind::ScrollDown, NONE, "\x1b[<65;3;5M", "\x1b[<65;3;5M"),
        (MouseEventKind::Drag(left), NONE, "", "\x1b[<32;3;5M"),
        (MouseEventKind::Moved, NONE, "", "\x1b[<35;3;5M"),
    ];
    for (kind, modifiers, clicks, motion) in cases {
        let report = |mouse| String::from_utf8(reported(kind, modifiers, (2, 4), &sgr(mouse))).unwrap();
        assert_eq!(report(MouseReports::Off), "", "{kind:?}");
        assert_eq!(report(MouseReports::Clicks), clicks, "{kind:?}");
        assert_eq!(report(MouseReports::Motion), motion, "{kind:?}");
    }
    let drags = sgr(MouseReports::Drags);
    assert_eq!(
        reported(MouseEventKind::Drag(left), NONE, (2, 4), &drags),
        b"\x1b[<32;3;5M"
    );
    assert_eq!(reported(MouseEventKind::Moved, NONE, (2, 4), &drags), b"");
}

#[test]
fn the_old_report_names_no_button_on_release_and_nothing_far_out() {
    let old = Modes {
        mouse: MouseReports::Clicks,
        ..PLAIN
    };
    let down = MouseEventKind::Down(MouseButton::Left);
    let up = MouseEventKind::Up(MouseButton::Left);
    assert_eq!(reported(down, NONE, (0, 1), &old), b"\x1b[M !\"");
    assert_eq!(reported(up, NONE, (0, 1), &old), b"\x1b[M#!\"");
    assert_eq!(reported(down, NONE, (222, 0), &old), b"\x1b[M \xff!");
    assert_eq!(reported(down, NONE, (223, 0), &old), b"");
    assert_eq!(reported(down, NONE, (u16::MAX, u16::MAX), &old), b"");
}

#[test]
fn the_wheel_becomes_arrows_where_there_is_no_history() {
    let pager = Modes {
        alternate_screen: true,
        alternate_scroll: true,
        application_cursor: true,
        ..PLAIN
    };
    assert_eq!(
        reported(MouseEventKind::ScrollUp, NONE, (0, 0), &pager),
        b"\x1bOA\x1bOA\x1bOA"
    );
    let off = Modes {
        alternate_scroll: false,
        ..pager
    };
    assert_eq!(reported(MouseEventKind::ScrollUp, NONE, (0, 0), &off), b"");
}

#[test]
fn focus_is_told_to_who_asked() {
    assert_eq!(focus(Focus::In, &PLAIN), b"");
    let asked = Modes { focus: true, ..PLAIN };
    assert_eq!(focus(Focus::In, &asked), b"\x1b[I");
    assert_eq!(focus(Focus::Out, &asked), b"\x1b[O");
}
