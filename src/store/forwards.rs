//! Forwarded ports.

use super::query::word;
use super::{Error, Reader, Result, Writer};
use crate::model::{Forward, KeptForward, Protocol, VmId};
use rusqlite::{Row, params};

const COLUMNS: &str = "vm, protocol, host_port, guest_port, problem";

impl Reader<'_> {
    /// Every forward of machines that exist, by machine and guest's port.
    pub fn forwards(&self) -> Result<Vec<KeptForward>> {
        self.rows(
            "listing forwards",
            &format!("SELECT {COLUMNS} FROM forwards ORDER BY vm, guest_port, protocol, host_port"),
            [],
            forward,
        )
    }
    /// A machine's forwards, by guest's port.
    pub fn forwards_of(&self, vm: VmId) -> Result<Vec<KeptForward>> {
        self.rows(
            "listing a machine's forwards",
            &format!("SELECT {COLUMNS} FROM forwards WHERE vm = ?1 ORDER BY guest_port, protocol, host_port"),
            [vm.0],
            forward,
        )
    }
    /// Which machine a port of the host's loopback belongs to, if to one.
    pub fn port_holder(&self, protocol: Protocol, port: u16) -> Result<Option<VmId>> {
        let holder = self.row(
            "looking for a port",
            "SELECT vm FROM forwards WHERE protocol = ?1 AND host_port = ?2
             UNION ALL
             SELECT id FROM vms WHERE ?1 = 'tcp' AND ssh_port = ?2 AND removed_at IS NULL",
            params![protocol.as_str(), port],
            |row| row.get(0),
        )?;
        Ok(holder.map(VmId))
    }
}

impl Writer<'_> {
    /// Keeps a forward. `Taken("port")` if a machine has that port of the host.
    pub fn insert_forward(&self, vm: VmId, forward: Forward) -> Result<()> {
        if self.port_holder(forward.protocol, forward.host)?.is_some() {
            return Err(Error::Taken("port"));
        }
        self.change_one(
            "forward",
            "keeping a forward",
            "INSERT INTO forwards (vm, protocol, host_port, guest_port) VALUES (?1, ?2, ?3, ?4)",
            params![vm.0, forward.protocol.as_str(), forward.host, forward.guest],
        )
    }
    /// Forgets a machine's forward.
    pub fn remove_forward(&self, vm: VmId, forward: Forward) -> Result<()> {
        self.change_one(
            "forward",
            "forgetting a forward",
            "DELETE FROM forwards WHERE vm = ?1 AND protocol = ?2 AND host_port = ?3",
            params![vm.0, forward.protocol.as_str(), forward.host],
        )
    }
    /// Notes what keeps a forward from working, or that nothing does.
    pub fn set_forward_problem(&self, vm: VmId, forward: Forward, problem: Option<&str>) -> Result<()> {
        self.change_one(
            "forward",
            "noting a forward's problem",
            "UPDATE forwards SET problem = ?4 WHERE vm = ?1 AND protocol = ?2 AND host_port = ?3",
            params![vm.0, forward.protocol.as_str(), forward.host, problem],
        )
    }
}

fn forward(row: &Row<'_>) -> rusqlite::Result<KeptForward> {
    Ok(KeptForward {
        vm: VmId(row.get("vm")?),
        forward: Forward {
            protocol: word(row, "protocol", Protocol::parse)?,
            host: row.get("host_port")?,
            guest: row.get("guest_port")?,
        },
        problem: row.get("problem")?,
    })
}
