//! Whether the database is well, for `doctor`.

use super::{Reader, Result};

impl Reader<'_> {
    /// Number of the newest migration that the database has had.
    ///
    /// # Errors
    /// SQLite's.
    pub fn schema_version(&self) -> Result<u32> {
        self.one(
            "asking for the schema's version",
            "PRAGMA user_version",
            [],
            |row| row.get(0),
        )
    }

    /// SQLite's own check of the file's structure; what it found first, if anything. Reads the
    /// whole file: not for a refresh.
    ///
    /// # Errors
    /// SQLite's.
    pub fn quick_check(&self) -> Result<Option<String>> {
        let said: String = self.one("checking the database", "PRAGMA quick_check(1)", [], |row| {
            row.get(0)
        })?;
        Ok((said != "ok").then_some(said))
    }
}
