//! Users: who they are and what their names may look like.

use super::field::{Field, FieldError};
use super::ids::UserId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a user may do; the table is in `core::policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Own machines only.
    User,
    /// Reads everything, changes nothing.
    Auditor,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role, for tables and tests that must not forget one.
    pub const ALL: [Role; 3] = [Role::User, Role::Auditor, Role::Admin];

    /// The word the database and the screen use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role a word of the database stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account as others may see it. The password hash never leaves the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Row.
    pub id: UserId,
    /// Sign-in name.
    pub username: Username,
    /// Where to reach the person.
    pub email: Email,
    /// What they may do.
    pub role: Role,
    /// A deactivated account cannot sign in and its sessions are dead.
    pub active: bool,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A sign-in name: 3–20 characters of `a-z0-9_-`, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// Checks a name as typed.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let refuse = |reason: &str| Err(FieldError::new(Field::Username, reason));
        match text.chars().count() {
            0 => return refuse("choose a name"),
            1 | 2 => return refuse("at least 3 characters"),
            3..=20 => {}
            _ => return refuse("at most 20 characters"),
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refuse("must start with a lower-case letter");
        }
        if !text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
        {
            return refuse("only a-z, 0-9, - and _");
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An e-mail address: checked for form only (RFC 5321 lengths, one `@`, a dotted or local host).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Checks an address as typed.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let refuse = |reason: &str| Err(FieldError::new(Field::Email, reason));
        let Some((local, host)) = text.split_once('@') else {
            return refuse("an address has the form name@host");
        };
        let printable = text.chars().all(|c| c.is_ascii_graphic());
        if local.is_empty() || host.is_empty() || host.contains('@') || !printable {
            return refuse("an address has the form name@host");
        }
        if local.len() > 64 || text.len() > 254 {
            return refuse("longer than an address may be");
        }
        let labels_ok = host.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
        if !labels_ok {
            return refuse("the part after @ is not a host name");
        }
        Ok(Self(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Colours of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
    /// No colours; bold, underline and reverse only.
    Mono,
}

/// What a user set for themselves; unknown fields of a newer program are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Colours; `None` follows the configuration.
    pub theme: Option<Theme>,
    /// Column the machines are sorted by, as the front names it.
    pub sort: Option<String>,
    /// Sort downwards.
    pub sort_descending: bool,
}
