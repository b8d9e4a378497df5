//! The settings of guests' terminals.

use super::file::{Refusal, within};
use crate::model::RecordingMode;
use serde::{Deserialize, Serialize};

/// Guests' terminals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consoles {
    /// After how long without input a console is closed; 0 never.
    pub idle_minutes: u64,
    /// The one key that does not go to the guest: `ctrl-` and a character.
    pub leader: String,
    /// Lines of 80 columns that can be scrolled back to.
    pub scrollback_lines: u64,
    /// What is recorded of every machine at least.
    pub record: RecordingMode,
    /// How many days recordings are kept.
    pub keep_recordings_days: u64,
    /// Where a recording ends.
    pub longest_recording_mib: u64,
}

impl Default for Consoles {
    fn default() -> Self {
        Self {
            idle_minutes: 30,
            leader: "ctrl-]".to_owned(),
            scrollback_lines: 10_000,
            record: RecordingMode::Off,
            keep_recordings_days: 30,
            longest_recording_mib: 64,
        }
    }
}

impl Consoles {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), Refusal> {
        within("consoles.idle_minutes", self.idle_minutes, 0..=10_080)?;
        within("consoles.scrollback_lines", self.scrollback_lines, 0..=1_000_000)?;
        within(
            "consoles.keep_recordings_days",
            self.keep_recordings_days,
            1..=3_660,
        )?;
        within(
            "consoles.longest_recording_mib",
            self.longest_recording_mib,
            1..=256,
        )?;
        match self.leader_character() {
            Some(_) => Ok(()),
            None => Err((
                "consoles.leader",
                "`ctrl-` and one of a-z, ], \\, ^, _; but not c, m, i, j or h".to_owned(),
            )),
        }
    }

    /// The leader's character. Not those that a terminal cannot tell from other keys (Tab, Enter,
    /// Backspace), and not the one that interrupts.
    pub fn leader_character(&self) -> Option<char> {
        let mut rest = self.leader.strip_prefix("ctrl-")?.chars();
        let character = rest.next()?;
        let usable = character.is_ascii_lowercase() || "]\\^_".contains(character);
        let taken = "cmijh".contains(character) || rest.next().is_some();
        (usable && !taken).then_some(character)
    }
}
