//! Shapes of accounts.

use crate::core::Account;
use crate::model::{Credits, User};
use jiff::Timestamp;
use serde::Serialize;

/// An account.
#[derive(Debug, Serialize)]
pub struct UserShape {
    id: i64,
    username: String,
    email: String,
    role: &'static str,
    active: bool,
    created_at: Timestamp,
}

/// An account and how it stands.
#[derive(Debug, Serialize)]
pub struct AccountShape {
    #[serde(flatten)]
    user: UserShape,
    credits: Credits,
    machines: u32,
    sessions: u64,
    last_sign_in: Option<Timestamp>,
    locked_until: Option<Timestamp>,
}

pub(in crate::front::cli) const USER_HELP: &str = "\
JSON: an account has id, username, email, role (user|auditor|admin), active, created_at; in `list`
  (an array of them) also credits, machines, sessions (alive), last_sign_in (null if none is
  remembered), locked_until";

impl From<&User> for UserShape {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.0,
            username: user.username.to_string(),
            email: user.email.to_string(),
            role: user.role.as_str(),
            active: user.active,
            created_at: user.created_at,
        }
    }
}

impl From<&Account> for AccountShape {
    fn from(account: &Account) -> Self {
        Self {
            user: UserShape::from(&account.user),
            credits: account.balance,
            machines: account.machines,
            sessions: account.sessions.alive,
            last_sign_in: account.sessions.last_sign_in,
            locked_until: account.locked_until,
        }
    }
}
