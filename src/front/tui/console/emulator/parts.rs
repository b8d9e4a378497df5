//! What the guest's output is made of: text, strings and everything else.
//!
//! Strings (OSC, DCS, SOS, PM and APC, ECMA-48 5.6) carry titles, clipboards, colours and pictures.
//! None of them means anything here, and the parser behind would keep an OSC in memory for as long
//! as it does not end. So they are cut out before it, and kept nowhere. One that does not end is
//! given up at the first line feed after [`LONGEST`] bytes: a program that died in the middle of a
//! title does not silence a kernel's log.
//!
//! Text between sequences is most of what a guest writes, and needs no parser. Without it, lines
//! are taken in twice as fast and full-screen programs by a fifth (`cargo bench --bench console`).

/// Bytes that a string may have, line feeds or not. Above the 100,000 that programs allow themselves
/// for a clipboard (OSC 52 in hterm and tmux), which is the longest that occurs in daily use.
const LONGEST: usize = 128 * 1024;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// A part of a guest's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'b> {
    /// Printable ASCII outside of any sequence.
    Text(&'b [u8]),
    /// The letter that ends a repetition of the last character (`CSI b`).
    Repetition(&'b [u8]),
    /// Whatever else, for the parser.
    Output(&'b [u8]),
}

/// Takes a stream apart, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(super) struct Parts {
    state: State,
}

/// Where the parser is. It may be in its ground state sooner than this says, never later.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Ground,
    /// After an escape character.
    Escape,
    /// After `ESC [`, before the letter that ends it.
    Control,
    /// After `ESC` and an intermediate character, before the letter that ends it.
    Intermediate,
    /// Inside a string, so many bytes.
    Inside { length: usize, bell_ends: bool },
}

impl Parts {
    /// Hands on everything that is no string.
    pub(super) fn split<'b>(&mut self, bytes: &'b [u8], mut pass: impl FnMut(Part<'b>)) {
        // First byte that was neither handed on nor cut out.
        let mut from = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match self.state {
                State::Ground if byte == ESC => self.state = State::Escape,
                State::Ground => {
                    let text = count(&bytes[at - 1..], |byte| matches!(byte, b' '..=b'~'));
                    if text > 0 {
                        if from < at - 1 {
                            pass(Part::Output(&bytes[from..at - 1]));
                        }
                        from = at + text - 1;
                        pass(Part::Text(&bytes[at - 1..from]));
                    }
                    at += text.saturating_sub(1);
                }
                State::Escape => match byte {
                    b'[' => {
                        self.state = State::Control;
                        at += count(&bytes[at..], |byte| matches!(byte, b' '..=b'?'));
                    }
                    b']' | b'P' | b'X' | b'^' | b'_' => {
                        pass(Part::Output(&bytes[from..at - 1]));
                        // The escape character has gone ahead: takes it back.
                        pass(Part::Output(&[CAN]));
                        from = at;
                        let bell_ends = byte == b']';
                        self.state = State::Inside { length: 0, bell_ends };
                    }
                    b' '..=b'/' => self.state = State::Intermediate,
                    b'0'..=b'~' | CAN | SUB => self.state = State::Ground,
                    // Other controls act inside of a sequence, and the rest is ignored there.
                    _ => {}
                },
                State::Control if byte == b'b' => {
                    pass(Part::Output(&bytes[from..at - 1]));
                    pass(Part::Repetition(&bytes[at - 1..at]));
                    from = at;
                    self.state = State::Ground;
                }
                State::Control | State::Intermediate => match byte {
                    ESC => self.state = State::Escape,
                    b'@'..=b'~' | CAN | SUB => self.state = State::Ground,
                    b'0'..=b'?' if matches!(self.state, State::Intermediate) => self.state = State::Ground,
                    _ => {}
                },
                State::Inside { length, bell_ends } => {
                    self.state = inside(byte, length, bell_ends);
                    // An escape character belongs to the terminator or to what comes next, a line
                    // feed that ends a string to what comes next.
                    from = at - usize::from(byte == ESC || byte == b'\n' && length >= LONGEST);
                }
            }
        }
        if from < bytes.len() {
            pass(Part::Output(&bytes[from..]));
        }
    }
}

/// How many bytes from the first on are like this.
#[inline]
fn count(bytes: &[u8], like: impl Fn(u8) -> bool) -> usize {
    let other = bytes.iter().position(|byte| !like(*byte));
    other.unwrap_or(bytes.len())
}

/// The state after a byte of a string.
fn inside(byte: u8, length: usize, bell_ends: bool) -> State {
    match byte {
        ESC => State::Escape,
        CAN | SUB => State::Ground,
        BEL if bell_ends => State::Ground,
        b'\n' if length >= LONGEST => State::Ground,
        _ => State::Inside {
            length: length.saturating_add(1),
            bell_ends,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> Vec<u8> {
        let mut parts = Parts::default();
        let mut passed = Vec::new();
        for piece in pieces {
            parts.split(piece, |part| match part {
                Part::Text(bytes) | Part::Repetition(bytes) | Part::Output(bytes) => {
                    passed.extend_from_slice(bytes)
                }
            });
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
    fn text_is_told_apart() {
        let bytes = b"one\r\n\x1b[1mtwo\x1b(Bthree\x1b]0;four\x07\x1b[12";
        let mut parts = Parts::default();
        let mut text = Vec::new();
        let mut take = |part| {
            if let Part::Text(run) = part {
                text.push(String::from_utf8(run.to_vec()).unwrap());
            }
        };
        parts.split(bytes, &mut take);
        parts.split(b"34;5mfive", &mut take);
        assert_eq!(text, ["one", "two", "three", "five"]);
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
