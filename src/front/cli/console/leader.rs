//! The one key that does not go to the guest. Pure: it is told the time.
//!
//! Pressed once it leaves, but only after [`AGAIN`], because pressed twice within that time it goes
//! to the guest, once. Any other key that follows meanwhile leaves at once, and goes nowhere.

use std::time::Duration;
use tokio::time::Instant;

/// How long the leader waits for itself.
pub const AGAIN: Duration = Duration::from_millis(400);

/// Looks at what is typed.
#[derive(Debug)]
pub struct Leader {
    forms: [Vec<u8>; 3],
    /// The leader was pressed; if nothing follows until then, that leaves.
    leaves_at: Option<Instant>,
}

/// What becomes of keys.
#[derive(Debug, PartialEq, Eq)]
pub struct Keys {
    /// These go to the guest.
    pub to_guest: Vec<u8>,
    /// The user leaves.
    pub leaves: bool,
}

impl Leader {
    /// Ctrl and this character.
    pub fn new(character: char) -> Self {
        let code = u32::from(character);
        Self {
            forms: [
                vec![control(character)],
                // A guest can ask the terminal to send keys like this (kitty's protocol, xterm's
                // modifyOtherKeys); it must not be able to take the leader away.
                format!("\x1b[{code};5u").into_bytes(),
                format!("\x1b[27;5;{code}~").into_bytes(),
            ],
            leaves_at: None,
        }
    }

    /// Keys were pressed. Bytes of one key come in one piece, as terminals send them.
    pub fn press(&mut self, mut bytes: &[u8], now: Instant) -> Keys {
        let mut to_guest = Vec::with_capacity(bytes.len());
        loop {
            if self.leaves_by(now) {
                return Keys {
                    to_guest,
                    leaves: true,
                };
            }
            if bytes.is_empty() {
                return Keys {
                    to_guest,
                    leaves: false,
                };
            }
            let form = self.forms.iter().find(|form| bytes.starts_with(form));
            match (form, self.leaves_at) {
                (Some(form), None) => {
                    self.leaves_at = Some(now + AGAIN);
                    bytes = &bytes[form.len()..];
                }
                (Some(form), Some(_)) => {
                    self.leaves_at = None;
                    to_guest.extend_from_slice(form);
                    bytes = &bytes[form.len()..];
                }
                (None, Some(_)) => self.leaves_at = Some(now),
                (None, None) => {
                    to_guest.push(bytes[0]);
                    bytes = &bytes[1..];
                }
            }
        }
    }

    /// When the leader leaves if nothing more is pressed.
    pub fn leaves_at(&self) -> Option<Instant> {
        self.leaves_at
    }

    fn leaves_by(&self, now: Instant) -> bool {
        self.leaves_at.is_some_and(|at| now >= at)
    }
}

/// The byte of Ctrl and a character (ASCII: the character without its upper bits).
fn control(character: char) -> u8 {
    u8::try_from(u32::from(character) & 0x1f).unwrap_or_default()
}

/// How the leader is called: `Ctrl-]`.
pub fn name(character: char) -> String {
    format!("Ctrl-{}", character.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(to_guest: &[u8], leaves: bool) -> Keys {
        Keys {
            to_guest: to_guest.to_vec(),
            leaves,
        }
    }

    #[test]
    fn everything_but_the_leader_goes_to_the_guest() {
        let mut leader = Leader::new(']');
        let all: Vec<u8> = (0..=255).filter(|byte| *byte != 0x1d).collect();
        assert_eq!(leader.press(&all, Instant::now()), keys(&all, false));
        assert_eq!(leader.leaves_at(), None);
    }

    #[test]
    fn once_leaves_after_a_while() {
        let (mut leader, now) = (Leader::new(']'), Instant::now());
        assert_eq!(leader.press(b"ls\x1d", now), keys(b"ls", false));
        assert_eq!(leader.leaves_at(), Some(now + AGAIN));
        assert_eq!(leader.press(b"", now + AGAIN), keys(b"", true));
    }

    #[test]
    fn twice_goes_to_the_guest_once() {
        let (mut leader, now) = (Leader::new(']'), Instant::now());
        assert_eq!(leader.press(b"\x1d\x1dx", now), keys(b"\x1dx", false));
        assert_eq!(leader.press(b"\x1d", now), keys(b"", false));
        let soon = now + AGAIN - Duration::from_millis(1);
        assert_eq!(leader.press(b"\x1d", soon), keys(b"\x1d", false));
        assert_eq!(leader.leaves_at(), None);
    }

    #[test]
    fn too_late_is_not_twice() {
        let (mut leader, now) = (Leader::new(']'), Instant::now());
        leader.press(b"\x1d", now);
        assert_eq!(leader.press(b"\x1d", now + AGAIN), keys(b"", true));
    }

    #[test]
    fn another_key_leaves_at_once_and_goes_nowhere() {
        for key in [b".".as_slice(), b"q", b"\r", "ü".as_bytes()] {
            let (mut leader, now) = (Leader::new(']'), Instant::now());
            leader.press(b"\x1d", now);
            assert_eq!(leader.press(key, now), keys(b"", true));
        }
    }

    #[test]
    fn a_guest_cannot_take_it_away() {
        for form in ["\x1b[93;5u", "\x1b[27;5;93~"] {
            let (mut leader, now) = (Leader::new(']'), Instant::now());
            assert_eq!(leader.press(form.as_bytes(), now), keys(b"", false));
            assert_eq!(leader.press(form.as_bytes(), now), keys(form.as_bytes(), false));
            assert_eq!(leader.press(form.as_bytes(), now), keys(b"", false));
            assert!(leader.press(b"", now + AGAIN).leaves);
        }
    }

    #[test]
    fn other_leaders_have_their_own_bytes() {
        for (character, byte) in [('a', 0x01), ('\\', 0x1c), ('^', 0x1e), ('_', 0x1f)] {
            let mut leader = Leader::new(character);
            let now = Instant::now();
            leader.press(&[byte], now);
            assert!(leader.leaves_at().is_some(), "{}", name(character));
        }
        assert_eq!((name('a'), name(']')), ("Ctrl-A".to_owned(), "Ctrl-]".to_owned()));
    }
}
