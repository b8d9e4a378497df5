//! The line-drawing character set, which the test's emulator does not know: what a program writes
//! after `ESC ( 0` is put as Unicode before the emulator sees it.
//!
//! vt100 reads `ESC ( 0` and goes on with letters: `lqqk` where a terminal shows `┌──┐`. Written from
//! the VT100's table, apart from the emulator under test, since it is held against that.

/// The table from 0x60 on (VT100 User Guide, table 3-9).
const DRAWN: [char; 31] = [
    '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├',
    '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// Where in the stream of bytes we are.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Text,
    Escape,
    /// After `ESC (` or `ESC )`: the next byte names the set.
    Names(usize),
    Sequence,
    /// A title or the like, until BEL or `ESC \`.
    Words,
}

/// Remembers which set is in use from one piece of output to the next.
#[derive(Default)]
pub struct Drawing {
    at: At,
    /// Whether G0 and G1 are the drawing set.
    sets: [bool; 2],
    /// Which of them is in use: shift in and shift out.
    used: usize,
}

impl Drawing {
    /// The same output with drawn characters as Unicode.
    pub fn put(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            let is_text = self.at == At::Text;
            self.step(byte);
            let drawn = usize::from(byte).checked_sub(0x60).and_then(|it| DRAWN.get(it));
            match drawn {
                Some(drawn) if is_text && self.sets[self.used] => {
                    out.extend(drawn.to_string().bytes());
                }
                _ => out.push(byte),
            }
        }
        out
    }

    fn step(&mut self, byte: u8) {
        self.at = match (self.at, byte) {
            (At::Text, 0x0e | 0x0f) => {
                self.used = usize::from(byte == 0x0e);
                At::Text
            }
            (At::Names(set), _) => {
                self.sets[set] = byte == b'0';
                At::Text
            }
            (_, 0x1b) => At::Escape,
            (At::Escape, b'(') => At::Names(0),
            (At::Escape, b')') => At::Names(1),
            (At::Escape, b'[') => At::Sequence,
            (At::Escape, b']' | b'P' | b'_' | b'^') => At::Words,
            (At::Escape, 0x20..=0x2f) => At::Escape,
            (At::Sequence, 0x40..=0x7e) | (At::Words, 0x07) | (At::Escape, _) => At::Text,
            (at, _) => at,
        };
    }
}

#[test]
fn drawn_characters_are_put_as_unicode() {
    let mut drawing = Drawing::default();
    let put = |drawing: &mut Drawing, text: &str| String::from_utf8(drawing.put(text.as_bytes())).unwrap();
    assert_eq!(
        put(&mut drawing, "lq\x1b(0lq\x1b[0mq\x1b]2;lq\x07k"),
        "lq\x1b(0┌─\x1b[0m─\x1b]2;lq\x07┐"
    );
    assert_eq!(put(&mut drawing, "x\x1b("), "│\x1b(");
    assert_eq!(put(&mut drawing, "Bxä\x1b)0\x0ex\x0fx"), "Bxä\x1b)0\x0e│\x0fx");
}
