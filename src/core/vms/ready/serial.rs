//! What a booting guest says on its serial line: whether it is ready, and its last lines for people.
//!
//! Hostile bytes in, visible text out. Reads split lines and characters anywhere, so everything is
//! kept between them, and everything kept is bounded.

use crate::model::text;
use std::collections::VecDeque;

/// Bytes of a line that count; a guest may write lines without end.
const LINE: usize = 512;
/// Lines that are kept for people.
const KEPT: usize = 5;
/// Characters of a kept line, as shown: all of them are at most 400 with what is between them.
const SHOWN: usize = 76;
/// Between two lines where they are shown as one.
const BETWEEN: &str = " / ";

/// How far the guest's own words say it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Nothing that is known.
    #[default]
    Nothing,
    /// cloud-init is at work: users and keys are there only when it is done.
    CloudInit,
    /// cloud-init has said its final message.
    CloudInitDone,
    /// The tiny guest says that it is ready.
    TinyReady,
}

/// Where in an escape sequence (ECMA-48) the line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// After ESC and an intermediate byte, as in `ESC ( B`.
    Intermediate,
    Csi,
    /// OSC, DCS, APC, PM or SOS: until BEL or ST.
    Words,
    /// ESC inside of one: the beginning of ST.
    WordsEscape,
}

/// Follows one run's serial line.
#[derive(Debug, Default)]
pub struct Serial {
    state: State,
    line: Vec<u8>,
    /// A carriage return came: what follows, unless it ends the line, replaces it.
    returned: bool,
    last: VecDeque<String>,
    word: Word,
}

impl Serial {
    /// Takes what was written next.
    pub fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
        // A prompt or a message that is not ended yet counts as well.
        self.recognise();
    }

    /// Takes what was written before: it counts among the last lines only, because it may have been said
    /// of a run before this one. Of a `cut` beginning the rest of its line is left out.
    pub fn recall(&mut self, bytes: &[u8], cut: bool) {
        let whole = match bytes.iter().position(|&it| cut && it == b'\n') {
            Some(end) => &bytes[end..],
            None => bytes,
        };
        self.hear(whole);
        self.word = Word::Nothing;
    }

    /// The most telling of all that was said so far.
    pub fn word(&self) -> Word {
        self.word
    }

    /// The last lines with anything on them, as one visible text of at most 400 characters; none if
    /// nothing was written.
    pub fn last_lines(&self) -> Option<String> {
        let mut lines: Vec<String> = self.last.iter().cloned().collect();
        lines.extend(self.shown());
        let first = lines.len().saturating_sub(KEPT);
        (!lines.is_empty()).then(|| lines[first..].join(BETWEEN))
    }

    fn byte(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::Words, 0x1b) => State::WordsEscape,
            (State::Words, 0x07) => State::Text,
            (State::Words, _) => State::Words,
            (State::WordsEscape, b'\\') => State::Text,
            // CAN and SUB end any sequence; ESC begins another.
            (_, 0x18 | 0x1a) => State::Text,
            (_, 0x1b) => State::Escape,
            (State::Escape | State::WordsEscape, b'[') => State::Csi,
            (State::Escape | State::WordsEscape, b']' | b'P' | b'_' | b'^' | b'X') => State::Words,
            (State::Escape | State::WordsEscape | State::Intermediate, 0x20..=0x2f) => State::Intermediate,
            (State::Csi, b'H' | b'f' | b'A' | b'B' | b'd' | b'E' | b'F') => {
                // Elsewhere on the screen is another line.
                self.end_line();
                State::Text
            }
            (State::Csi, 0x20..=0x3f) => State::Csi,
            (State::Text, _) => {
                self.text(byte);
                State::Text
            }
            // A line's end inside of a sequence is obeyed, as terminals do.
            (state, b'\n') => {
                self.end_line();
                state
            }
            (state, 0..0x20) => state,
            (_, _) => State::Text,
        };
    }

    fn text(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => self.returned = true,
            0x08 => drop(self.line.pop()),
            b'\t' => self.put(b' '),
            0..0x20 | 0x7f => {}
            byte => self.put(byte),
        }
    }

    fn put(&mut self, byte: u8) {
        if std::mem::take(&mut self.returned) {
            self.recognise();
            self.line.clear();
        }
        if self.line.len() < LINE {
            self.line.push(byte);
        }
    }

    fn end_line(&mut self) {
        self.recognise();
        if let Some(shown) = self.shown() {
            if self.last.len() == KEPT {
                self.last.pop_front();
            }
            self.last.push_back(shown);
        }
        self.returned = false;
        self.line.clear();
    }

    fn shown(&self) -> Option<String> {
        let line = String::from_utf8_lossy(&self.line);
        let line = line.trim();
        (!line.is_empty()).then(|| text::visible_within(line, SHOWN))
    }

    fn recognise(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let after_version = line.split_once("Cloud-init v. ").map(|(_, rest)| rest);
        let said = if line.contains("twarga: ready") {
            Word::TinyReady
        } else if after_version.is_some_and(|rest| rest.contains(" finished at ")) {
            Word::CloudInitDone
        } else if line.contains("cloud-init[") || line.contains("Cloud-init v.") {
            Word::CloudInit
        } else {
            Word::Nothing
        };
        self.word = self.word.max(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FINAL: &str = "[   21.4] cloud-init[612]: Cloud-init v. 22.4.2 finished at Tue, 24 Nov 2026 08:00:00 \
                         +0000. Datasource DataSourceNoCloud [seed=/dev/vdb][dsmode=net].  Up 21.40 seconds\r\n";

    fn heard(pieces: &[&[u8]]) -> Serial {
        let mut serial = Serial::default();
        pieces.iter().for_each(|piece| serial.hear(piece));
        serial
    }

    #[test]
    fn the_words_of_a_boot_are_known() {
        for (text, word) in [
            ("[    0.0] Linux version 6.1\r\n", Word::Nothing),
            // A login prompt came before.
            ("web login: twarga: ready\r\n", Word::TinyReady),
            ("twarga: ready 10.0.2.15\r\n", Word::TinyReady),
            ("\x1b[0mtwarga: \x1b[1mready\x1b[0m 10.0.2.15", Word::TinyReady),
            (
                "[   9.1] cloud-init[300]: Cloud-init v. 22.4.2 running 'init'\r\n",
                Word::CloudInit,
            ),
            ("ci-info: | eth0 |\r\n", Word::Nothing),
            (FINAL, Word::CloudInitDone),
            ("a job finished at noon. Cloud-init v. 1\r\n", Word::CloudInit),
        ] {
            assert_eq!(heard(&[text.as_bytes()]).word(), word, "{text:?}");
        }
    }

    #[test]
    fn a_message_is_known_however_reads_split_it() {
        let soup = format!("\x1b]0;title\x07\x1b[2J\x1b[1;1H[\x1b[0;32m OK \x1b[0m]\r\n{FINAL}");
        for at in 0..soup.len() {
            let (one, two) = soup.as_bytes().split_at(at);
            assert_eq!(heard(&[one, two]).word(), Word::CloudInitDone, "split at {at}");
        }
        let bytes: Vec<&[u8]> = soup.as_bytes().chunks(1).collect();
        assert_eq!(heard(&bytes).word(), Word::CloudInitDone);
    }

    #[test]
    fn what_was_said_before_is_shown_and_means_nothing() {
        let mut serial = Serial::default();
        serial.recall(b"ginning\r\ntwarga: ready\r\n", true);
        assert_eq!(serial.word(), Word::Nothing);
        serial.hear(b"more\r\n");
        assert_eq!(serial.last_lines().unwrap(), "twarga: ready / more");
        assert_eq!(serial.word(), Word::Nothing);
    }

    #[test]
    fn words_hidden_in_a_title_are_none() {
        assert_eq!(heard(&[b"\x1b]0;twarga: ready\x07\r\n"]).word(), Word::Nothing);
        assert_eq!(heard(&[b"\x1bPtwarga: ready\x1b\\x\r\n"]).word(), Word::Nothing);
    }

    #[test]
    fn the_last_lines_are_what_one_would_read() {
        let serial = heard(&[
            b"one\r\n\r\n\x1b[31mtwo\x1b[0m\r\n 10%\r 99%\r\nthree\x1b[5;1Hfour\r\nfive\xff\r\nlogin: ",
        ]);
        let shown = serial.last_lines().unwrap();
        assert_eq!(shown, "99% / three / four / five\u{fffd} / login:");
        assert_eq!(heard(&[b"\r\n \x1b[2J"]).last_lines(), None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_stays_visible_and_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
            let serial = heard(&[&bytes]);
            prop_assert!(serial.line.len() <= LINE);
            if let Some(lines) = serial.last_lines() {
                prop_assert!(lines.chars().count() <= 400);
                prop_assert!(!lines.chars().any(text::is_hidden));
            }
        }
    }
}
