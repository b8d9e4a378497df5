use super::super::torture::check;
use super::super::{Direction, SelectionKind, TerminalSize};
use super::*;
use ratatui::style::Style;

const PAINT: Paint = Paint {
    ground: Style::new(),
    colours: Colours::Shown,
};

fn fed(columns: u16, rows: u16, bytes: &str) -> Emulator {
    let mut emulator = Emulator::new(TerminalSize { columns, rows }, 100_000);
    emulator.feed(bytes.as_bytes());
    emulator
}

fn drawn(emulator: &Emulator, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    check(emulator, buffer.area, &mut buffer, &PAINT);
    buffer
}

#[test]
fn colours_lines_wide_and_combining_characters() {
    let screen = "\x1b[31mred\x1b[0m \x1b[1;38;5;208mbold 256\x1b[0m \x1b[48;2;10;20;30mtrue\x1b[0m\r\n\
                  \x1b(0lqqk\x1b(B \x1b[4munder\x1b[24;7minverse\x1b[0m \x1b[2;3;9mdim\x1b[0m\r\n\
                  \x1b(0mqqj\x1b(B 世界 e\u{301} \x1b[92mbright\x1b[0m \x1b[8mhidden\x1b[0m\r\n\
                  a\u{202e}b\tc\u{e000}\x1b[44m\x1b[K";
    insta::assert_debug_snapshot!(drawn(&fed(30, 5, screen), 30, 5));
}

#[test]
fn without_colours_the_attributes_remain() {
    let emulator = fed(10, 1, "\x1b[1;31;44mx");
    let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
    let paint = Paint {
        colours: Colours::Hidden,
        ..PAINT
    };
    draw(&emulator, buffer.area, &mut buffer, &paint);
    assert_eq!(
        (buffer[(0, 0)].fg, buffer[(0, 0)].bg),
        (Color::Reset, Color::Reset)
    );
    assert_eq!(buffer[(0, 0)].modifier, Modifier::BOLD);
}

#[test]
fn the_ground_is_where_the_guest_chose_nothing() {
    let emulator = fed(10, 1, "x\x1b[31my");
    let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 2));
    let ground = Style::new().fg(Color::Indexed(252)).bg(Color::Indexed(234));
    draw(&emulator, buffer.area, &mut buffer, &Paint { ground, ..PAINT });
    assert_eq!(buffer[(0, 0)].fg, Color::Indexed(252));
    assert_eq!(buffer[(1, 0)].fg, Color::Indexed(1));
    assert!(
        buffer.content.iter().all(|cell| cell.bg == Color::Indexed(234)),
        "also around"
    );
}

#[test]
fn what_is_marked_is_reversed() {
    let mut emulator = fed(20, 2, "\x1b[7mab\x1b[0mcd disk disk");
    emulator.select(Spot { column: 1, row: 0 }, SelectionKind::Characters);
    emulator.extend_selection(Spot { column: 2, row: 0 });
    let reversed = |emulator: &Emulator| -> String {
        let buffer = drawn(emulator, 20, 1);
        let marks = buffer.content.iter().map(|cell| {
            match (
                cell.modifier.contains(Modifier::REVERSED),
                cell.modifier.contains(Modifier::UNDERLINED),
            ) {
                (false, _) => '.',
                (true, false) => 'r',
                (true, true) => 'u',
            }
        });
        marks.collect()
    };
    assert_eq!(
        reversed(&emulator),
        "r.r.................",
        "what was reversed is turned back"
    );
    emulator.clear_selection();
    emulator.search("disk", Direction::Forward);
    assert_eq!(reversed(&emulator), "rr...uuuu.rrrr......");
}

#[test]
fn a_wide_character_never_leaves_its_room() {
    let emulator = fed(10, 2, "ab世界\x1b[2;1H世\x1b[2;1H\x1b[P");
    let row =
        |buffer: &Buffer, y| -> String { (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect() };
    assert_eq!(row(&drawn(&emulator, 10, 2), 0), "ab世 界     ");
    assert_eq!(row(&drawn(&emulator, 3, 2), 0), "ab ", "cut at the right");
    assert_eq!(
        row(&drawn(&emulator, 10, 2), 1),
        " ".repeat(10),
        "half of it was deleted"
    );
}

#[test]
fn any_area_is_clipped() {
    let emulator = fed(80, 24, &"世x".repeat(700));
    let places = [0, 1, 5, 9, 10, 11, 40, u16::MAX];
    for (x, y) in places.iter().flat_map(|x| places.iter().map(move |y| (*x, *y))) {
        for (width, height) in [
            (0, 0),
            (0, 5),
            (5, 0),
            (1, 1),
            (7, 3),
            (200, 60),
            (u16::MAX, u16::MAX),
        ] {
            let mut buffer = Buffer::empty(Rect::new(5, 5, 30, 10));
            check(&emulator, Rect::new(x, y, width, height), &mut buffer, &PAINT);
        }
    }
}

#[test]
fn nothing_outside_of_the_area_is_touched() {
    let emulator = fed(80, 24, &"x".repeat(2_000));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 10));
    draw(&emulator, Rect::new(5, 3, 4, 2), &mut buffer, &PAINT);
    let written = buffer.content.iter().filter(|cell| cell.symbol() == "x").count();
    assert_eq!(written, 8);
}

#[test]
fn the_cursor_is_where_it_is_drawn() {
    let emulator = fed(20, 5, "\x1b[3;4H");
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 20));
    let mut at = |area| draw(&emulator, area, &mut buffer, &PAINT).map(|it| it.spot);
    assert_eq!(at(Rect::new(10, 2, 20, 5)), Some(Spot { column: 13, row: 4 }));
    assert_eq!(at(Rect::new(10, 2, 3, 5)), None, "cut off");
}
