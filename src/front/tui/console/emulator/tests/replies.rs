use super::*;

#[test]
fn well_being_and_the_cursors_position_are_told() {
    let mut it = fed(80, 24, "\x1b[5n\x1b[3;7H\x1b[6n");
    assert_eq!(it.take_replies(), b"\x1b[0n\x1b[3;7R");
    assert!(it.take_replies().is_empty(), "once");
}

#[test]
fn nothing_else_is_told() {
    for question in [
        "\x1b[c",
        "\x1b[>c",
        "\x1b[=c",
        "\x1bZ",
        "\x1b[?u",
        "\x1b[?1$p",
        "\x1b[4$p",
        "\x1b[14t",
        "\x1b[18t",
        "\x1b[21t",
        "\x1b]2;evil\x07\x1b[21t",
        "\x1b]11;?\x07",
        "\x1b]4;1;?\x1b\\",
        "\x1b]52;c;?\x07",
        "\x1bP$qm\x1b\\",
        "\x1b[?6n",
        "\x1b[>q",
        "\x1b[?4m",
        "\x05",
    ] {
        let mut it = fed(80, 24, question);
        assert_eq!(it.take_replies(), b"", "{question:?}");
    }
}

#[test]
fn a_flood_of_questions_is_answered_in_part() {
    let mut it = emulator(80, 24);
    for _ in 0..100 {
        it.feed("\x1b[6n".repeat(1_000).as_bytes());
    }
    let replies = it.take_replies();
    assert!((3_000..=4_096).contains(&replies.len()), "{}", replies.len());
    assert!(replies.ends_with(b"R"), "no reply is cut");
}

#[test]
fn the_bell_is_noticed_once() {
    let mut it = fed(80, 24, "a\x07b");
    assert!(it.take_bell());
    assert!(!it.take_bell());
    it.feed(b"\x1b]0;title\x07");
    assert!(!it.take_bell(), "this one ends a title");
}
