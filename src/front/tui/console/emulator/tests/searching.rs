use super::*;

fn at(it: &Emulator) -> (String, u16) {
    let spot = it.copy_spot().unwrap();
    (it.lines()[usize::from(spot.row)].clone(), spot.column)
}

#[test]
fn a_search_goes_to_the_next_match_and_round() {
    let mut it = fed(40, 5, &numbered(1_000));
    assert!(it.search("line 10", Direction::Backward));
    assert_eq!(at(&it), ("line 1000".to_owned(), 0));
    assert!(it.search_again(Direction::Backward));
    assert_eq!(at(&it).0, "line 10*".replace('*', "9"));
    assert!(it.search_again(Direction::Forward));
    assert!(it.search_again(Direction::Forward));
    assert_eq!(at(&it).0, "line 10", "round to the first");
    assert!(it.search_again(Direction::Backward));
    assert_eq!(at(&it).0, "line 1000", "and back");
}

#[test]
fn capitals_make_it_exact() {
    let mut it = fed(40, 3, "Error: disk\r\nerror: net");
    assert!(it.search("error", Direction::Forward));
    assert_eq!(at(&it).0, "Error: disk");
    assert!(it.search_again(Direction::Forward));
    assert_eq!(at(&it).0, "error: net");
    assert!(it.search("Error", Direction::Forward));
    assert_eq!(at(&it).0, "Error: disk");
    assert!(!it.search("ERROR", Direction::Forward));
}

#[test]
fn it_is_text_and_no_pattern() {
    let mut it = fed(40, 3, "abc a.c (x) [1] \\d");
    for text in ["a.c", "(x)", "[1]", "\\d"] {
        assert!(it.search(text, Direction::Forward), "{text}");
        assert_ne!(at(&it).1, 0, "{text}");
    }
    for text in ["", "a*", "(", "\x1b", "\u{0}"] {
        assert_eq!(it.search(text, Direction::Forward), text == "(", "{text:?}");
    }
}

#[test]
fn breaks_and_wide_characters_do_not_hide_a_match() {
    let mut it = fed(10, 5, "01234 世界 disk is full");
    for (text, found) in [
        ("世界 disk", spot(6, 0)),
        ("is full", spot(6, 1)),
        ("界", spot(8, 0)),
    ] {
        assert!(it.search(text, Direction::Forward), "{text}");
        assert_eq!(it.copy_spot(), Some(found), "{text}");
    }
}

#[test]
fn matches_in_view_are_marked_and_the_current_one_more() {
    let mut it = fed(20, 3, "a disk, a disk");
    it.search("disk", Direction::Forward);
    let marked = |it: &Emulator| -> String {
        let screen = it.screen();
        let marks = screen.row(0).map(|glyph| match glyph.highlight {
            Highlight::None => '.',
            Highlight::Selected => 's',
            Highlight::Match => 'm',
            Highlight::CurrentMatch => 'c',
        });
        marks.collect()
    };
    assert_eq!(marked(&it), "..cccc....mmmm......");
    it.search_again(Direction::Forward);
    assert_eq!(marked(&it), "..mmmm....cccc......");
    it.end_search();
    assert_eq!(marked(&it), ".".repeat(20));
}

#[test]
fn ten_thousand_lines_take_no_time() {
    let mut it = Emulator::new(
        TerminalSize {
            columns: 80,
            rows: 24,
        },
        crate::front::tui::console::SCROLLBACK,
    );
    // The worst there is: one line as long as the history, almost matching everywhere.
    it.feed("a".repeat(80 * 10_024).as_bytes());
    assert!(it.history_len() >= 9_999);
    let started = std::time::Instant::now();
    assert!(!it.search(&format!("{}b", "a".repeat(200)), Direction::Backward));
    assert!(
        started.elapsed().as_secs() < 5,
        "{:?} unoptimised",
        started.elapsed()
    );
}
