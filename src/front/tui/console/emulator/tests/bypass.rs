//! Text goes past the parser, and nobody can tell.

use super::*;
use proptest::prelude::*;

/// What the guest's terminal is when the parser gets everything.
fn parsed(pieces: &[Vec<u8>]) -> Emulator {
    let mut it = emulator(10, 4);
    it.parser = Processor::new();
    let columns = it.term.columns();
    for piece in pieces {
        it.account.begin(piece.len(), columns);
        let mut guest = Guest {
            term: &mut it.term,
            account: &mut it.account,
        };
        let parser = &mut it.parser;
        it.parts.split(piece, |part| match part {
            Part::Text(bytes) | Part::Repetition(bytes) | Part::Output(bytes) => {
                parser.advance(&mut guest, bytes)
            }
        });
    }
    it
}

/// Every cell with its colours, of the history, too.
fn cells(it: &Emulator) -> Vec<Vec<Cell>> {
    let lines = it.term.topmost_line().0..=it.term.bottommost_line().0;
    lines
        .map(|line| it.term.grid()[Line(line)][..].to_vec())
        .collect()
}

/// What meets text: wraps, modes, character sets, wide characters, marks, repetitions, regions.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "x",
        "abc",
        "lqqk",
        "twelve chars",
        "世",
        "e\u{301}",
        "\r\n",
        "\n",
        "\t",
        "\u{8}",
    ];
    let sequences = [
        "\x1b[4h",
        "\x1b[4l",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0",
        "\x0e",
        "\x0f",
        "\x1b7",
        "\x1b8",
        "\x1b[3b",
        "\x1b[31m",
        "\x1b[m",
        "\x1b[2;3r",
        "\x1b[r",
        "\x1b[2;8H",
        "\x1b[H",
        "\x1b[K",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1bc",
        "\x1b[!p",
        "\x1b]0;title\x07",
        "\x1b[1",
        "\x1b",
        "\x18",
    ];
    let one = prop::sample::select([&words[..], &sequences[..]].concat());
    prop::collection::vec(one, 0..40).prop_map(|all| all.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn text_past_the_parser_is_printed_as_by_it(pieces in prop::collection::vec(output(), 1..4)) {
        let mut it = emulator(10, 4);
        for piece in &pieces {
            it.feed(piece);
        }
        let other = parsed(&pieces);
        prop_assert_eq!(it.text(), other.text());
        prop_assert_eq!(cells(&it), cells(&other));
        prop_assert_eq!(&it.term.grid().cursor, &other.term.grid().cursor);
    }
}
