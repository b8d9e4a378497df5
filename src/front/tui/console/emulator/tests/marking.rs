use super::*;

#[test]
fn a_selection_goes_along_the_lines() {
    let mut it = fed(20, 4, "first line\r\nsecond line\r\nthird");
    it.select(spot(6, 0), SelectionKind::Characters);
    assert_eq!(it.selected_text().unwrap(), "l");
    it.extend_selection(spot(5, 1));
    assert_eq!(it.selected_text().unwrap(), "line\nsecond");
    it.extend_selection(spot(2, 0));
    assert_eq!(it.selected_text().unwrap(), "rst l", "backwards");
    it.clear_selection();
    assert_eq!(it.selected_text(), None);
}

#[test]
fn words_lines_and_blocks_are_selected_whole() {
    let mut it = fed(10, 5, "see /var/log/messages now\r\nabc def");
    it.select(spot(6, 0), SelectionKind::Words);
    assert_eq!(it.selected_text().unwrap(), "/var/log/messages", "over a break");
    it.select(spot(1, 1), SelectionKind::Lines);
    assert_eq!(it.selected_text().unwrap(), "see /var/log/messages now");
    it.select(spot(5, 3), SelectionKind::Block);
    it.extend_selection(spot(4, 2));
    assert_eq!(it.selected_text().unwrap(), "w\nde");
}

#[test]
fn a_selection_moves_with_its_text_and_goes_when_written_over() {
    let mut it = fed(20, 3, &numbered(3));
    it.select(spot(0, 1), SelectionKind::Lines);
    it.feed(numbered(20).as_bytes());
    assert_eq!(it.selected_text().unwrap(), "line 2");
    it.select(spot(0, 0), SelectionKind::Lines);
    it.feed(b"\x1b[H\x1b[2J");
    assert_eq!(it.selected_text(), None);
}

#[test]
fn half_a_wide_character_at_the_edge_is_no_trouble() {
    let mut it = fed(10, 2, "世界\x1b[H\x1b[P");
    it.select(spot(0, 0), SelectionKind::Characters);
    it.extend_selection(spot(9, 0));
    assert_eq!(it.selected_text().unwrap(), "界");
    it.start_copy();
    for step in [
        CopyMove::Right,
        CopyMove::Left,
        CopyMove::LineStart,
        CopyMove::PreviousWord,
    ] {
        it.move_copy(step);
    }
    assert!(it.search("界", Direction::Backward));
}

#[test]
fn the_copy_cursor_walks_by_words_and_over_wide_characters() {
    let mut it = fed(20, 3, "one two-three\r\n世界 end\x1b[H");
    it.start_copy();
    let mut walk = |step| {
        it.move_copy(step);
        it.copy_spot().unwrap()
    };
    assert_eq!(walk(CopyMove::NextWord), spot(4, 0));
    assert_eq!(walk(CopyMove::NextWord), spot(7, 0));
    assert_eq!(walk(CopyMove::NextWord), spot(8, 0));
    assert_eq!(walk(CopyMove::NextWord), spot(0, 1));
    assert_eq!(walk(CopyMove::Right), spot(2, 1));
    assert_eq!(walk(CopyMove::NextWord), spot(5, 1));
    assert_eq!(walk(CopyMove::LineEnd), spot(7, 1));
    assert_eq!(walk(CopyMove::PreviousWord), spot(5, 1));
    assert_eq!(walk(CopyMove::PreviousWord), spot(0, 1));
    assert_eq!(walk(CopyMove::PreviousWord), spot(8, 0));
    assert_eq!(walk(CopyMove::Top), spot(0, 0));
    assert_eq!(walk(CopyMove::Left), spot(0, 0));
    assert_eq!(walk(CopyMove::PreviousWord), spot(0, 0));
    assert_eq!(walk(CopyMove::Bottom), spot(0, 2));
}

#[test]
fn the_copy_cursor_takes_the_view_and_the_selection_along() {
    let mut it = fed(20, 3, &numbered(100));
    it.start_copy();
    it.move_copy(CopyMove::LineStart);
    it.select_from_copy(SelectionKind::Lines);
    it.move_copy(CopyMove::PageUp);
    assert_eq!(it.scrolled_back(), 3);
    assert_eq!(it.selected_text().unwrap(), "line 97\nline 98\nline 99\nline 100");
    it.unselect_from_copy();
    assert_eq!(it.selected_text(), None);
    it.move_copy(CopyMove::Top);
    assert_eq!(it.lines()[0], "line 1");
    it.end_copy();
    assert_eq!((it.copy_spot(), it.is_copying()), (None, false));
}

#[test]
fn the_copy_cursor_stays_on_its_text_and_in_view() {
    let mut it = fed(20, 3, &numbered(100));
    it.start_copy();
    it.move_copy(CopyMove::PageUp);
    let before = it.copy_spot();
    it.feed(b"\r\nmore\r\nand more");
    assert_eq!(it.copy_spot(), before);
    it.feed(b"\x1b[?1049h");
    assert!(it.copy_spot().is_some());
    it.resize(TerminalSize { columns: 5, rows: 1 });
    assert!(it.copy_spot().is_some());
}
