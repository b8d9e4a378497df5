//! Consoles: somebody at a guest's terminal, and what was recorded of it.

use super::ids::{ConsoleId, RecordingId, UserId, VmId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Words of the database for the values of an enum.
macro_rules! words {
    ($name:ident { $($value:ident => $word:literal,)* }) => {
        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$(Self::$value,)*];

            /// The word the database and scripts use.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)*
                }
            }

            /// The value a word stands for.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

/// How a guest's terminal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsoleKind {
    /// Its serial line, of which there is one.
    Serial,
    /// Its SSH server, by twarga's own key.
    Ssh,
}

words!(ConsoleKind { Serial => "serial", Ssh => "ssh", });

impl ConsoleKind {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Ssh => "SSH",
        }
    }
}

/// How a console came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Its user left it.
    Left,
    /// Somebody else took the serial line over.
    Taken,
    /// Its user, the machine's owner or an admin ended it from elsewhere.
    Stopped,
    /// Nothing was typed for too long.
    Idle,
    /// Its user may no longer: the session ended, the role or the machine's owner changed.
    Refused,
    /// The way to the guest broke and did not come back.
    Lost,
    /// The program at the other end is done: the SSH session ended.
    Finished,
    /// Its process died.
    Gone,
}

words!(Ending {
    Left => "left",
    Taken => "taken",
    Stopped => "stopped",
    Idle => "idle",
    Refused => "refused",
    Lost => "lost",
    Finished => "finished",
    Gone => "gone",
});

/// Somebody at a guest's terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Its row.
    pub id: ConsoleId,
    /// The machine.
    pub vm: VmId,
    /// The machine's name.
    pub vm_name: String,
    /// Whose machine it is.
    pub owner: UserId,
    /// Who sits there.
    pub user: UserId,
    /// Their name.
    pub username: String,
    /// How the guest is reached.
    pub kind: ConsoleKind,
    /// Where they are: `local`, `tenant 192.0.2.7`.
    pub source: String,
    /// Since when.
    pub opened_at: Timestamp,
    /// When something was typed last, to within half a minute.
    pub last_input_at: Timestamp,
    /// When and how it ended, if it did.
    pub ended: Option<(Timestamp, Ending)>,
}

/// Whether a machine's consoles are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingMode {
    /// No.
    #[default]
    Off,
    /// What the guest writes.
    Output,
    /// And what is typed into it, passwords included.
    Input,
}

words!(RecordingMode { Off => "off", Output => "output", Input => "input", });

/// What was recorded of a console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its row.
    pub id: RecordingId,
    /// The machine.
    pub vm: VmId,
    /// The machine's name.
    pub vm_name: String,
    /// Whose machine it was.
    pub owner: UserId,
    /// Who sat there.
    pub user: UserId,
    /// Their name.
    pub username: String,
    /// Whether what was typed is in it.
    pub input: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it goes on, or if its process died.
    pub ended_at: Option<Timestamp>,
    /// Its size once it ended, bytes.
    pub bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_one_thing() {
        for kind in ConsoleKind::ALL {
            assert_eq!(ConsoleKind::parse(kind.as_str()), Some(*kind));
        }
        for ending in Ending::ALL {
            assert_eq!(Ending::parse(ending.as_str()), Some(*ending));
        }
        for mode in RecordingMode::ALL {
            assert_eq!(RecordingMode::parse(mode.as_str()), Some(*mode));
        }
        assert_eq!(Ending::parse("no such"), None);
    }
}
