//! Machines.

use super::query::{integer, optional_time, optional_word, time, unsigned, word};
use super::{Error, Reader, Result, Writer};
use crate::model::limits::Usage;
use crate::model::vm::{Address, AddressSource};
use crate::model::{UserId, Vm, VmId, VmName, VmRequest, VmStatus};
use jiff::Timestamp;
use rusqlite::{Row, params};
use uuid::Uuid;

const COLUMNS: &str = "vms.id, uuid, owner, name, image, memory_mib, vcpus, disk_gib, guest_user, status, \
                       reason, unready, ip, ip_source, ssh_port, network, vms.created_at, started_at";

/// A machine about to be made, in status `pending`.
pub struct NewVm<'a> {
    /// The domain's UUID.
    pub uuid: Uuid,
    /// Whose.
    pub owner: UserId,
    /// What was asked for.
    pub request: &'a VmRequest,
    /// Account inside the guest.
    pub guest_user: &'a str,
}

/// A machine, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its image's id.
    pub image: String,
    /// The image's volume, if it is known.
    pub base: Option<String>,
    /// `OWNER/NAME`.
    pub machine: String,
}

impl Standing {
    /// Whether it may stand on that volume of that image.
    pub fn needs(&self, image: &str, volume: &str) -> bool {
        match &self.base {
            Some(base) => base == volume,
            None => self.image == image,
        }
    }
}

impl Reader<'_> {
    /// A machine that exists, by row.
    pub fn vm(&self, id: VmId) -> Result<Option<Vm>> {
        self.row(
            "reading a machine",
            &format!("SELECT {COLUMNS} FROM vms WHERE id = ?1 AND removed_at IS NULL"),
            [id.0],
            vm,
        )
    }
    /// All machines that exist, by owner's name and name.
    pub fn vms(&self) -> Result<Vec<Vm>> {
        self.rows(
            "listing machines",
            &format!(
                "SELECT {COLUMNS} FROM vms JOIN users ON users.id = owner
                 WHERE vms.removed_at IS NULL ORDER BY username, name"
            ),
            [],
            vm,
        )
    }
    /// The volume of an image that a machine stands on, if it is known.
    pub fn vm_base(&self, id: VmId) -> Result<Option<String>> {
        let found = self.row(
            "reading a machine's image",
            "SELECT base FROM vms WHERE id = ?1",
            [id.0],
            |row| row.get(0),
        )?;
        Ok(found.flatten())
    }
    /// How many machines were made from each image, by its id: of one owner, or of all.
    pub fn image_uses(&self, owner: Option<UserId>) -> Result<Vec<(String, u64)>> {
        self.rows(
            "counting the machines of images",
            "SELECT image AS what, count(*) AS machines FROM vms
             WHERE removed_at IS NULL AND (?1 IS NULL OR owner = ?1) GROUP BY image",
            [owner.map(|it| it.0)],
            count,
        )
    }
    /// Every machine that there is: its image's id, its owner and name, and the volume it stands on. That
    /// is unknown of one that is being created, and of those that older programs made.
    pub fn standing(&self) -> Result<Vec<Standing>> {
        self.rows(
            "looking for the machines of images",
            "SELECT vms.image, vms.base, users.username, vms.name FROM vms JOIN users ON users.id = vms.owner
             WHERE vms.removed_at IS NULL ORDER BY users.username, vms.name",
            [],
            |row| {
                let (owner, name): (String, String) = (row.get("username")?, row.get("name")?);
                Ok(Standing {
                    image: row.get("image")?,
                    base: row.get("base")?,
                    machine: format!("{owner}/{name}"),
                })
            },
        )
    }
    /// Machines that are gone, with no operation at work on them, whose UUIDs begin so.
    pub fn gone_vms(&self, uuid_beginning: &str) -> Result<Vec<Vm>> {
        self.rows(
            "looking for machines that are gone",
            // `g` sorts after every hexadecimal digit and the hyphen.
            &format!(
                "SELECT {COLUMNS} FROM vms WHERE uuid >= ?1 AND uuid < ?1 || 'g' AND removed_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM operations WHERE vm = vms.id AND finished_at IS NULL)"
            ),
            [uuid_beginning],
            vm,
        )
    }
    /// What a user has, machines being created or destroyed included.
    pub fn usage(&self, owner: UserId) -> Result<Usage> {
        self.one(
            "adding up a user's machines",
            "SELECT count(*) AS machines, ifnull(sum(memory_mib), 0) AS memory_mib FROM vms
             WHERE owner = ?1 AND removed_at IS NULL",
            [owner.0],
            |row| {
                Ok(Usage {
                    vms: row.get("machines")?,
                    memory_mib: unsigned(row, "memory_mib")?,
                })
            },
        )
    }
    /// libvirt's number of the run that `started_at` belongs to.
    pub fn vm_run(&self, id: VmId) -> Result<Option<u32>> {
        let run = self.row(
            "reading a machine's run",
            "SELECT run FROM vms WHERE id = ?1 AND removed_at IS NULL",
            [id.0],
            |row| row.get(0),
        )?;
        Ok(run.flatten())
    }
    /// TCP ports of the host's loopback that machines hold.
    pub fn forwarded_ports(&self) -> Result<Vec<u16>> {
        self.rows(
            "listing forwarded ports",
            "SELECT ssh_port AS port FROM vms WHERE removed_at IS NULL AND ssh_port IS NOT NULL
             UNION SELECT host_port FROM forwards WHERE protocol = 'tcp' ORDER BY port",
            [],
            |row| row.get(0),
        )
    }
}

impl Writer<'_> {
    /// Makes a machine's row. `Taken("name")` if the owner has one of that name, `Taken("UUID")`,
    /// `Taken("port")`.
    pub fn insert_vm(&self, vm: &NewVm<'_>) -> Result<VmId> {
        let request = vm.request;
        if self.exists(
            "looking for a machine",
            "SELECT 1 FROM vms WHERE owner = ?1 AND name = ?2 AND removed_at IS NULL",
            params![vm.owner.0, request.name.as_str()],
        )? {
            return Err(Error::Taken("name"));
        }
        let uuid = vm.uuid.to_string();
        if self.exists(
            "looking for a machine",
            "SELECT 1 FROM vms WHERE uuid = ?1",
            [&uuid],
        )? {
            return Err(Error::Taken("UUID"));
        }
        let id = self.insert(
            "making a machine",
            "INSERT INTO vms (uuid, owner, name, image, memory_mib, vcpus, disk_gib, guest_user, status,
                              network, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                uuid,
                vm.owner.0,
                request.name.as_str(),
                request.image,
                integer(request.memory_mib),
                request.vcpus,
                integer(request.disk_gib),
                vm.guest_user,
                VmStatus::Pending.as_str(),
                request.network,
                self.now_ms()
            ],
        )?;
        Ok(VmId(id))
    }
    /// Settles a machine's status.
    pub fn set_vm_status(&self, id: VmId, status: VmStatus, reason: Option<&str>) -> Result<()> {
        self.change_one(
            "machine",
            "settling a machine's status",
            "UPDATE vms SET status = ?2, reason = ?3 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, status.as_str(), reason],
        )
    }
    /// Notes why a machine's guest never became ready, or forgets it.
    pub fn set_vm_unready(&self, id: VmId, reason: Option<&str>) -> Result<()> {
        self.change_one(
            "machine",
            "noting that a guest is not ready",
            "UPDATE vms SET unready = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, reason],
        )
    }
    /// Notes which run of the domain is going on and since when.
    pub fn set_vm_run(&self, id: VmId, run: Option<u32>, started_at: Option<Timestamp>) -> Result<()> {
        self.change_one(
            "machine",
            "noting a machine's run",
            "UPDATE vms SET run = ?2, started_at = ?3 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, run, started_at.map(Timestamp::as_millisecond)],
        )
    }
    /// Notes the guest's address.
    pub fn set_vm_address(&self, id: VmId, address: Option<Address>) -> Result<()> {
        self.change_one(
            "machine",
            "noting a machine's address",
            "UPDATE vms SET ip = ?2, ip_source = ?3 WHERE id = ?1 AND removed_at IS NULL",
            params![
                id.0,
                address.map(|address| address.ip.to_string()),
                address.map(|address| address.source.as_str())
            ],
        )
    }
    /// Notes another forwarded port (the kept one was taken). `Taken("port")` if another machine
    /// holds it.
    pub fn set_vm_ssh_port(&self, id: VmId, port: u16) -> Result<()> {
        self.check_port(port, id)?;
        self.change_one(
            "machine",
            "noting a machine's port",
            "UPDATE vms SET ssh_port = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, port],
        )
    }
    /// Notes which volume of an image a machine stands on.
    pub fn set_vm_base(&self, id: VmId, volume: &str) -> Result<()> {
        self.change_one(
            "machine",
            "noting a machine's image",
            "UPDATE vms SET base = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, volume],
        )
    }
    /// Turns a machine's row into a tombstone: its name and its ports are free again, its id is not.
    pub fn remove_vm(&self, id: VmId) -> Result<()> {
        self.change(
            "removing a machine's forwards",
            "DELETE FROM forwards WHERE vm = ?1",
            [id.0],
        )?;
        self.change_one(
            "machine",
            "removing a machine",
            "UPDATE vms SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, self.now_ms()],
        )
    }

    /// Refuses a port that a machine other than `but` holds.
    fn check_port(&self, port: u16, but: VmId) -> Result<()> {
        let held = self.exists(
            "looking for a port",
            "SELECT 1 FROM vms WHERE ssh_port = ?1 AND removed_at IS NULL AND id <> ?2
             UNION ALL SELECT 1 FROM forwards WHERE protocol = 'tcp' AND host_port = ?1",
            params![port, but.0],
        )?;
        if held { Err(Error::Taken("port")) } else { Ok(()) }
    }
}

fn count(row: &Row<'_>) -> rusqlite::Result<(String, u64)> {
    Ok((row.get("what")?, unsigned(row, "machines")?))
}

fn vm(row: &Row<'_>) -> rusqlite::Result<Vm> {
    Ok(Vm {
        id: VmId(row.get("id")?),
        uuid: word(row, "uuid", |text| Uuid::parse_str(text).ok())?,
        owner: UserId(row.get("owner")?),
        name: word(row, "name", |text| VmName::parse(text).ok())?,
        image: row.get("image")?,
        memory_mib: unsigned(row, "memory_mib")?,
        vcpus: row.get("vcpus")?,
        disk_gib: unsigned(row, "disk_gib")?,
        guest_user: row.get("guest_user")?,
        status: word(row, "status", VmStatus::parse)?,
        reason: row.get("reason")?,
        unready: row.get("unready")?,
        address: address(row)?,
        ssh_port: row.get("ssh_port")?,
        network: row.get("network")?,
        created_at: time(row, "created_at")?,
        started_at: optional_time(row, "started_at")?,
    })
}

fn address(row: &Row<'_>) -> rusqlite::Result<Option<Address>> {
    let ip = optional_word(row, "ip", |text| text.parse().ok())?;
    let source = optional_word(row, "ip_source", AddressSource::parse)?;
    Ok(ip.zip(source).map(|(ip, source)| Address { ip, source }))
}
