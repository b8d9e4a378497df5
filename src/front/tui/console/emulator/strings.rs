//! Strings in the guest's output: OSC, DCS, SOS, PM and APC (ECMA-48 5.6), which carry titles,
//! clipboards, colours and pictures.
//!
//! None of them means anything here, and the parser behind would keep an OSC in memory for as long
//! as it does not end. So they are cut out before it, and kept nowhere. One that does not end is
//! given up at the first line feed after [`LONGEST`] bytes: a program that died in the middle of a
//! title does not silence a kernel's log.

use memchr::memchr;

/// Bytes that a string may have, line feeds or not. Above the 100,000 that programs allow themselves
/// for a clipboard (OSC 52 in hterm and tmux), which is the longest that occurs in daily use.
const LONGEST: usize = 128 * 1024;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// Cuts strings out of a stream, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(super) struct Strings {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Plain,
    /// After an escape character. The parser never leaves its own escape state later than this.
    Escape,
    /// Inside a string, so many bytes.
    Inside { length: usize, bell_ends: bool },
}

impl Strings {
    /// Hands on everything that is no string.
    pub(super) fn cut(&mut self, bytes: &[u8], mut pass: impl FnMut(&[u8])) {
        // First byte that was neither handed on nor cut out.
        let mut from = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match self.state {
                State::Plain => {
                    let ahead = memchr(ESC, &bytes[at - 1..]);
                    at = ahead.map_or(bytes.len(), |ahead| at + ahead);
                    if ahead.is_some() {
                        self.state = State::Escape;
                    }
                }
                State::Escape => match byte {
                    b']' | b'P' | b'X' | b'^' | b'_' => {
                        pass(&bytes[from..at - 1]);
                        // The escape character has gone ahead: takes it back.
                        pass(&[CAN]);
                        from = at;
                        let bell_ends = byte == b']';
                        self.state = State::Inside { length: 0, bell_ends };
                    }
                    b' '..=b'~' | CAN | SUB => self.state = State::Plain,
                    // Other controls act inside of a sequence, and the rest is ignored there.
                    _ => {}
                },
                State::Inside { length, bell_ends } => {
                    from = at;
                    match byte {
                        // Belongs to the terminator or to what comes next.
                        ESC => {
                            from = at - 1;
                            self.state = State::Escape;
                        }
                        CAN | SUB => self.state = State::Plain,
                        BEL if bell_ends => self.state = State::Plain,
                        b'\n' if length >= LONGEST => {
                            from = at - 1;
                            self.state = State::Plain;
                        }
                        _ => {
                            let length = length.saturating_add(1);
                            self.state = State::Inside { length, bell_ends };
                        }
                    }
                }
            }
        }
        pass(&bytes[from..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> Vec<u8> {
        let mut strings = Strings::default();
        let mut passed = Vec::new();
        for piece in pieces {
            strings.cut(piece, |bytes| passed.extend_from_slice(bytes));
        }
        passed
    }

    #[test]
    fn a_title_goes_and_the_text_around_it_stays() {
        assert_eq!(cut(&[b"a\x1b]0;title\x07b"]), b"a\x1b\x18b");
        assert_eq!(cut(&[b"a\x1b]0;title\x1b\\b"]), b"a\x1b\x18\x1b\\b");
        for opener in [b'P', b'X', b'^', b'_'] {
            let bytes = [b"a\x1b", &[opener][..], b"x\x07y\x1b\\b"].concat();
            assert_eq!(cut(&[&bytes]), b"a\x1b\x18\x1b\\b", "{}", char::from(opener));
        }
    }

    #[test]
    fn controls_between_the_escape_and_its_letter_change_nothing() {
        assert_eq!(cut(&[b"\x1b\n\x80\x1b\x07]0;t\x07b"]), b"\x1b\n\x80\x1b\x07\x18b");
    }

    #[test]
    fn other_sequences_pass() {
        let bytes = b"\x1b[1;31m]P\x1b(B]\x1b#8X\x1b c_".as_slice();
        assert_eq!(cut(&[bytes]), bytes);
    }

    #[test]
    fn one_that_does_not_end_gives_the_screen_back() {
        let endless = vec![b'\n'; LONGEST];
        assert_eq!(cut(&[b"\x1b]", &endless, b"x\npanic"]), b"\x1b\x18\npanic");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            bytes in prop::collection::vec(prop_oneof![Just(ESC), Just(b']'), Just(BEL), any::<u8>()], 0..80),
            at in 0usize..80,
        ) {
            let at = at.min(bytes.len());
            prop_assert_eq!(cut(&[&bytes]), cut(&[&bytes[..at], &bytes[at..]]));
        }
    }
}
