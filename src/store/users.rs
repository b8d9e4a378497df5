//! Accounts.

use super::query::{time, word};
use super::{Error, Reader, Result, Writer};
use crate::model::{Email, Preferences, Role, User, UserId, Username};
use rusqlite::{Row, params};

const COLUMNS: &str = "id, username, email, role, active, created_at";

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
        self.one(
            "counting users",
            "SELECT count(*) AS users FROM users WHERE removed_at IS NULL",
            [],
            |row| super::query::unsigned(row, "users"),
        )
    }
    /// An account by row.
    pub fn user(&self, id: UserId) -> Result<Option<User>> {
        self.row(
            "reading a user",
            &format!("SELECT {COLUMNS} FROM users WHERE id = ?1 AND removed_at IS NULL"),
            [id.0],
            user,
        )
    }
    /// Every account, by name.
    pub fn users(&self) -> Result<Vec<User>> {
        self.rows(
            "listing users",
            &format!("SELECT {COLUMNS} FROM users WHERE removed_at IS NULL ORDER BY username"),
            [],
            user,
        )
    }
    /// An account by sign-in name (any text).
    pub fn user_by_name(&self, username: &str) -> Result<Option<User>> {
        self.row(
            "reading a user",
            &format!("SELECT {COLUMNS} FROM users WHERE username = ?1 AND removed_at IS NULL"),
            [username],
            user,
        )
    }
    /// An account with its hash, by sign-in name (any text).
    pub fn credentials(&self, username: &str) -> Result<Option<Credentials>> {
        self.row(
            "reading a user's credentials",
            &format!("SELECT {COLUMNS}, password_hash FROM users WHERE username = ?1 AND removed_at IS NULL"),
            [username],
            |row| {
                Ok(Credentials {
                    user: user(row)?,
                    password_hash: row.get("password_hash")?,
                })
            },
        )
    }
    /// A user's preferences. Ones that a newer program wrote and this one cannot read are the
    /// default ones: nobody is kept out for a colour.
    pub fn preferences(&self, id: UserId) -> Result<Preferences> {
        let text = self.row(
            "reading a user's preferences",
            "SELECT preferences FROM users WHERE id = ?1 AND removed_at IS NULL",
            [id.0],
            |row| row.get::<_, String>(0),
        )?;
        let text = text.ok_or(Error::Missing("user"))?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

impl Writer<'_> {
    /// Makes an account. `Taken("username")`, `Taken("e-mail")`.
    pub fn insert_user(&self, user: &NewUser) -> Result<UserId> {
        // Asked before, under the write lock, and not read out of a constraint's message.
        let taken = |sql, value| self.exists("looking for a user", sql, [value]);
        if taken(
            "SELECT 1 FROM users WHERE username = ?1 AND removed_at IS NULL",
            user.username.as_str(),
        )? {
            return Err(Error::Taken("username"));
        }
        if taken(
            "SELECT 1 FROM users WHERE email = ?1 COLLATE NOCASE AND removed_at IS NULL",
            user.email.as_str(),
        )? {
            return Err(Error::Taken("e-mail"));
        }
        let id = self.insert(
            "making a user",
            "INSERT INTO users (username, email, password_hash, role, active, preferences, created_at)
             VALUES (?1, ?2, ?3, ?4, 1, '{}', ?5)",
            params![
                user.username.as_str(),
                user.email.as_str(),
                user.password_hash,
                user.role.as_str(),
                self.now_ms()
            ],
        )?;
        Ok(UserId(id))
    }
    /// Replaces a password's hash.
    pub fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()> {
        self.change_one(
            "user",
            "changing a password",
            "UPDATE users SET password_hash = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, hash],
        )
    }
    /// Gives a user another role.
    pub fn set_user_role(&self, id: UserId, role: Role) -> Result<()> {
        self.change_one(
            "user",
            "changing a role",
            "UPDATE users SET role = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, role.as_str()],
        )
    }
    /// Lets a user in, or keeps them out.
    pub fn set_user_active(&self, id: UserId, active: bool) -> Result<()> {
        self.change_one(
            "user",
            "activating a user",
            "UPDATE users SET active = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, active],
        )
    }
    /// Keeps a user's preferences.
    pub fn set_preferences(&self, id: UserId, preferences: &Preferences) -> Result<()> {
        let text = serde_json::to_string(preferences).map_err(|error| Error::Sqlite {
            context: "keeping a user's preferences",
            reason: error.to_string(),
        })?;
        self.change_one(
            "user",
            "keeping a user's preferences",
            "UPDATE users SET preferences = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, text],
        )
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(row.get("id")?),
        username: word(row, "username", |text| Username::parse(text).ok())?,
        email: word(row, "email", |text| Email::parse(text).ok())?,
        role: word(row, "role", Role::parse)?,
        active: row.get("active")?,
        created_at: time(row, "created_at")?,
    })
}
