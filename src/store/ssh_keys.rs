//! Users' SSH keys.

use super::query::time;
use super::{Error, Reader, Result, Writer};
use crate::model::{SshKey, SshKeyId, UserId};
use rusqlite::{Row, params};

const COLUMNS: &str = "id, name, public_key, fingerprint, created_at";

/// A key about to be kept.
pub struct NewSshKey<'a> {
    /// Whose.
    pub user: UserId,
    /// What its user calls it.
    pub name: &'a str,
    /// In OpenSSH form.
    pub public_key: &'a str,
    /// `SHA256:…`; unique among the user's keys.
    pub fingerprint: &'a str,
}

impl Reader<'_> {
    /// A user's keys, oldest first.
    pub fn ssh_keys(&self, user: UserId) -> Result<Vec<SshKey>> {
        self.rows(
            "listing SSH keys",
            &format!("SELECT {COLUMNS} FROM ssh_keys WHERE user = ?1 ORDER BY id"),
            [user.0],
            ssh_key,
        )
    }
    /// How many keys a user has.
    pub fn count_ssh_keys(&self, user: UserId) -> Result<u64> {
        self.one(
            "counting SSH keys",
            "SELECT count(*) AS keys FROM ssh_keys WHERE user = ?1",
            [user.0],
            |row| super::query::unsigned(row, "keys"),
        )
    }
    /// A user's key by its fingerprint.
    pub fn ssh_key_by_fingerprint(&self, user: UserId, fingerprint: &str) -> Result<Option<SshKey>> {
        self.row(
            "reading an SSH key",
            &format!("SELECT {COLUMNS} FROM ssh_keys WHERE user = ?1 AND fingerprint = ?2"),
            params![user.0, fingerprint],
            ssh_key,
        )
    }
    /// A user's key by row.
    pub fn ssh_key(&self, user: UserId, id: SshKeyId) -> Result<Option<SshKey>> {
        self.row(
            "reading an SSH key",
            &format!("SELECT {COLUMNS} FROM ssh_keys WHERE user = ?1 AND id = ?2"),
            params![user.0, id.0],
            ssh_key,
        )
    }
}

impl Writer<'_> {
    /// Keeps a key. `Taken("SSH key")` if the user has it.
    pub fn insert_ssh_key(&self, key: &NewSshKey<'_>) -> Result<SshKeyId> {
        if self.ssh_key_by_fingerprint(key.user, key.fingerprint)?.is_some() {
            return Err(Error::Taken("SSH key"));
        }
        let id = self.insert(
            "keeping an SSH key",
            "INSERT INTO ssh_keys (user, name, public_key, fingerprint, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                key.user.0,
                key.name,
                key.public_key,
                key.fingerprint,
                self.now_ms()
            ],
        )?;
        Ok(SshKeyId(id))
    }
    /// Forgets a user's key.
    pub fn remove_ssh_key(&self, user: UserId, id: SshKeyId) -> Result<()> {
        self.change_one(
            "SSH key",
            "removing an SSH key",
            "DELETE FROM ssh_keys WHERE user = ?1 AND id = ?2",
            params![user.0, id.0],
        )
    }
}

fn ssh_key(row: &Row<'_>) -> rusqlite::Result<SshKey> {
    Ok(SshKey {
        id: SshKeyId(row.get("id")?),
        name: row.get("name")?,
        public_key: row.get("public_key")?,
        fingerprint: row.get("fingerprint")?,
        created_at: time(row, "created_at")?,
    })
}
