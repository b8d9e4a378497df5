//! Why a value was refused, and which field it stood in, so that a form can say it beside the
//! field and a command line beside the flag.

use std::fmt;

/// A field of a form or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Sign-in name of a user.
    Username,
    /// E-mail address of a user.
    Email,
    /// Password of a user or of a guest's account.
    Password,
    /// Name of a machine.
    Name,
    /// Image a machine is made from.
    Image,
    /// Memory of a machine.
    Memory,
    /// Virtual processors of a machine.
    Vcpus,
    /// Disk of a machine.
    Disk,
    /// Account inside the guest.
    GuestUser,
    /// Public SSH key for the guest's account.
    SshKey,
    /// An amount of credits.
    Credits,
    /// Why something is done.
    Reason,
    /// Locale of the guest.
    Locale,
    /// Time zone of the guest.
    Timezone,
    /// Package that the guest installs.
    Package,
    /// Command that the guest runs once.
    Command,
    /// A user's own user-data document.
    UserData,
    /// Network of a machine.
    Network,
    /// Forwarded port of a machine.
    Port,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::Email => "e-mail",
            Self::Password => "password",
            Self::Name => "name",
            Self::Image => "image",
            Self::Memory => "RAM",
            Self::Vcpus => "vCPU",
            Self::Disk => "disk",
            Self::GuestUser => "guest user",
            Self::SshKey => "SSH key",
            Self::Credits => "credits",
            Self::Reason => "reason",
            Self::Locale => "locale",
            Self::Timezone => "time zone",
            Self::Package => "package",
            Self::Command => "command",
            Self::UserData => "user-data",
            Self::Network => "network",
            Self::Port => "port",
        })
    }
}

/// A refused value: the field and the reason in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// Where the value stood.
    pub field: Field,
    /// Why it was refused and what would be accepted.
    pub reason: String,
}

impl FieldError {
    /// A refusal of what stands in `field`.
    pub fn new(field: Field, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }
}
