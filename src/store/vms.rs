//! Machines.

use super::{Reader, Result, Writer};
use crate::model::limits::Usage;
use crate::model::vm::Address;
use crate::model::{UserId, Vm, VmId, VmRequest, VmStatus};
use jiff::Timestamp;
use uuid::Uuid;

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
    /// Session mode: the forwarded port.
    pub ssh_port: Option<u16>,
}

impl Reader<'_> {
    /// A machine that exists, by row.
    pub fn vm(&self, id: VmId) -> Result<Option<Vm>> {
        let _ = id;
        todo!()
    }
    /// All machines that exist, by owner and name.
    pub fn vms(&self) -> Result<Vec<Vm>> {
        todo!()
    }
    /// What a user has, machines being created or destroyed included.
    pub fn usage(&self, owner: UserId) -> Result<Usage> {
        let _ = owner;
        todo!()
    }
    /// libvirt's number of the run that `started_at` belongs to.
    pub fn vm_run(&self, id: VmId) -> Result<Option<u32>> {
        let _ = id;
        todo!()
    }
    /// Forwarded ports that machines hold.
    pub fn ssh_ports(&self) -> Result<Vec<u16>> {
        todo!()
    }
}

impl Writer<'_> {
    /// Makes a machine's row. `Taken("name")` if the owner has one of that name.
    pub fn insert_vm(&self, vm: &NewVm<'_>) -> Result<VmId> {
        let _ = vm;
        todo!()
    }
    /// Settles a machine's status.
    pub fn set_vm_status(&self, id: VmId, status: VmStatus, reason: Option<&str>) -> Result<()> {
        let _ = (id, status, reason);
        todo!()
    }
    /// Notes which run of the domain is going on and since when.
    pub fn set_vm_run(&self, id: VmId, run: Option<u32>, started_at: Option<Timestamp>) -> Result<()> {
        let _ = (id, run, started_at);
        todo!()
    }
    /// Notes the guest's address.
    pub fn set_vm_address(&self, id: VmId, address: Option<Address>) -> Result<()> {
        let _ = (id, address);
        todo!()
    }
    /// Notes another forwarded port (the kept one was taken).
    pub fn set_vm_ssh_port(&self, id: VmId, port: u16) -> Result<()> {
        let _ = (id, port);
        todo!()
    }
    /// Turns a machine's row into a tombstone: its name is free again, its id is not.
    pub fn remove_vm(&self, id: VmId) -> Result<()> {
        let _ = id;
        todo!()
    }
}
