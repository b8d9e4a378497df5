//! Seams in the guest's output: a read can end in the middle of a character.
//!
//! The parser behind joins the halves of a character by itself, but loses the one that follows it
//! within the same four bytes (`vte` 0.15, `advance_partial_utf8`). So it only ever gets whole
//! characters; the beginning of one waits here for the rest.

use std::str::from_utf8;

/// What stands for bytes that are no character, as everywhere in Unicode.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The beginning of a character whose end has not come.
#[derive(Debug, Default)]
pub(super) struct Seams {
    held: [u8; 4],
    length: usize,
}

impl Seams {
    /// The first piece of output, of at most `most` bytes (four or more) and ending between
    /// characters, and how many bytes it took. Takes at least one; the piece may be empty.
    pub(super) fn piece<'b>(&mut self, bytes: &'b [u8], most: usize) -> (Piece<'b>, usize) {
        if self.length > 0 {
            return self.join(bytes);
        }
        let end = most.min(bytes.len());
        let whole = end - cut_off(&bytes[..end]);
        if end < bytes.len() && whole > 0 {
            return (Piece::Output(&bytes[..whole]), whole);
        }
        self.length = end - whole;
        self.held[..self.length].copy_from_slice(&bytes[whole..end]);
        (Piece::Output(&bytes[..whole]), end)
    }

    /// Adds to the character that waits.
    fn join<'b>(&mut self, bytes: &[u8]) -> (Piece<'b>, usize) {
        for (used, byte) in bytes.iter().enumerate() {
            self.held[self.length] = *byte;
            match from_utf8(&self.held[..=self.length]) {
                Ok(_) => {
                    let character = Piece::Character(self.held, self.length + 1);
                    self.length = 0;
                    return (character, used + 1);
                }
                Err(error) if error.error_len().is_none() => self.length += 1,
                // This byte is no part of it.
                Err(_) => {
                    self.length = 0;
                    return (Piece::Output(REPLACEMENT), used);
                }
            }
        }
        (Piece::Output(&[]), bytes.len())
    }
}

/// Output that ends between characters.
pub(super) enum Piece<'b> {
    /// As it came.
    Output(&'b [u8]),
    /// A character that was put together, and its length.
    Character([u8; 4], usize),
}

impl Piece<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Piece::Output(bytes) => bytes,
            Piece::Character(bytes, length) => &bytes[..*length],
        }
    }
}

/// How many bytes at the end are the beginning of a character that is cut off.
fn cut_off(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3))
        .find(|length| {
            let end = from_utf8(&bytes[bytes.len() - length..]);
            end.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(reads: &[&[u8]], most: usize) -> Vec<u8> {
        let mut seams = Seams::default();
        let mut whole = Vec::new();
        for read in reads {
            let mut rest = *read;
            while !rest.is_empty() {
                let (piece, used) = seams.piece(rest, most);
                assert!(piece.bytes().len() <= most.max(4));
                whole.extend_from_slice(piece.bytes());
                rest = &rest[used..];
            }
        }
        whole
    }

    #[test]
    fn a_character_in_halves_is_put_together() {
        let text = "e\u{301}e世👩x".as_bytes();
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(joined(&bytes, 4), text);
    }

    #[test]
    fn half_a_character_is_replaced_and_what_follows_stays() {
        assert_eq!(joined(&[b"\xe4\xb8", b"ab"], 512), "\u{fffd}ab".as_bytes());
        assert_eq!(
            joined(&[b"\xf0\x9f", b"\xf0\x9f\x91\xa9"], 512),
            "\u{fffd}👩".as_bytes()
        );
        assert_eq!(joined(&[b"a\xe4"], 512), b"a");
    }

    proptest! {
        #[test]
        fn whole_text_comes_out_as_it_went_in(text in any::<String>(), at in 0usize..64, most in 4usize..20) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len());
            prop_assert_eq!(joined(&[&bytes[..at], &bytes[at..]], most), bytes);
        }

        #[test]
        fn bytes_that_are_no_text_keep_their_order(reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..8)) {
            let reads: Vec<&[u8]> = reads.iter().map(Vec::as_slice).collect();
            let ascii = |bytes: &[u8]| bytes.iter().copied().filter(u8::is_ascii).collect::<Vec<u8>>();
            prop_assert_eq!(ascii(&joined(&reads, 4)), ascii(&reads.concat()));
        }
    }
}
