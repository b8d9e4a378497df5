//! Accounts.

use super::{Reader, Result, Writer};
use crate::model::{Email, Preferences, Role, User, UserId, Username};

/// An account about to be made.
pub struct NewUser {
    /// Sign-in name, unique.
    pub username: Username,
    /// E-mail address, unique without regard to case.
    pub email: Email,
    /// argon2id hash in PHC form.
    pub password_hash: String,
    /// Role.
    pub role: Role,
}

/// What a sign-in is checked against.
pub struct Credentials {
    /// The account.
    pub user: User,
    /// argon2id hash in PHC form.
    pub password_hash: String,
}

impl Reader<'_> {
    /// Number of accounts that exist (not tombstones).
    pub fn count_users(&self) -> Result<u64> {
        todo!()
    }
    /// An account by row.
    pub fn user(&self, id: UserId) -> Result<Option<User>> {
        let _ = id;
        todo!()
    }
    /// Every account, by name.
    pub fn users(&self) -> Result<Vec<User>> {
        todo!()
    }
    /// An account with its hash, by sign-in name (any text).
    pub fn credentials(&self, username: &str) -> Result<Option<Credentials>> {
        let _ = username;
        todo!()
    }
    /// A user's preferences.
    pub fn preferences(&self, id: UserId) -> Result<Preferences> {
        let _ = id;
        todo!()
    }
}

impl Writer<'_> {
    /// Makes an account. `Taken("username")`, `Taken("e-mail")`.
    pub fn insert_user(&self, user: &NewUser) -> Result<UserId> {
        let _ = user;
        todo!()
    }
    /// Replaces a password's hash.
    pub fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()> {
        let _ = (id, hash);
        todo!()
    }
    /// Keeps a user's preferences.
    pub fn set_preferences(&self, id: UserId, preferences: &Preferences) -> Result<()> {
        let _ = (id, preferences);
        todo!()
    }
}
