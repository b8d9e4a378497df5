//! Which database this is, and the hypervisor it is bound to.

use super::query::{optional_word, word};
use super::{Reader, Result, Writer};
use rusqlite::params;
use uuid::Uuid;

impl Reader<'_> {
    /// UUID of this state directory.
    pub(super) fn instance(&self) -> Result<Uuid> {
        self.one("reading the instance", "SELECT uuid FROM instance", [], |row| {
            word(row, "uuid", |text| Uuid::parse_str(text).ok())
        })
    }

    /// The hypervisor this state directory is bound to: URI and host UUID.
    ///
    /// # Errors
    /// SQLite's.
    pub fn hypervisor_binding(&self) -> Result<Option<(String, Uuid)>> {
        let (uri, host) = self.one(
            "reading the hypervisor's binding",
            "SELECT hypervisor_uri, host_uuid FROM instance",
            [],
            |row| {
                let uri: Option<String> = row.get("hypervisor_uri")?;
                Ok((
                    uri,
                    optional_word(row, "host_uuid", |text| Uuid::parse_str(text).ok())?,
                ))
            },
        )?;
        Ok(uri.zip(host))
    }
}

impl Writer<'_> {
    /// Binds this state directory to a hypervisor.
    ///
    /// # Errors
    /// SQLite's.
    pub fn bind_hypervisor(&self, uri: &str, host: Uuid) -> Result<()> {
        self.change_one(
            "instance",
            "binding the hypervisor",
            "UPDATE instance SET hypervisor_uri = ?1, host_uuid = ?2",
            params![uri, host.to_string()],
        )
    }
}
