//! Machines: asking for one, acting on one, destroying one.

use super::{Core, Ctx, Machine, Result};
use crate::model::limits::Usage;
use crate::model::{Image, Limits, OperationId, VmId};

/// What a person asks for; unchecked.
#[derive(Clone, Debug, Default)]
pub struct NewMachine {
    /// Name.
    pub name: String,
    /// Id of an image.
    pub image: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Disk, GiB.
    pub disk_gib: u64,
    /// Account inside the guest; empty takes the image's default.
    pub guest_user: String,
    /// Password for that account (serial console); empty leaves it locked.
    pub password: String,
    /// Public keys in OpenSSH form, one per entry.
    pub ssh_keys: Vec<String>,
}

/// What can be done to a machine that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Power on.
    Start,
    /// Ask the guest to power off; the operation fails with a hint at `Kill` if it does not.
    Stop,
    /// Cut the power.
    Kill,
    /// Reboot.
    Restart,
    /// Halt its processors.
    Pause,
    /// Let them go on.
    Resume,
    /// Remove it and everything it has.
    Destroy,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 7] = [
        Self::Start,
        Self::Stop,
        Self::Kill,
        Self::Restart,
        Self::Pause,
        Self::Resume,
        Self::Destroy,
    ];

    /// The word for it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "force off",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Destroy => "destroy",
        }
    }
}

/// Bounds and use of the one who asks, for a form to check against as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bounds.
    pub limits: Limits,
    /// What the user has.
    pub usage: Usage,
}

/// Why an action on a machine is refused now, for a greyed key; `None` if it is not. Pure: the
/// core checks again when asked to act.
pub fn refusal(ctx: &Ctx, machine: &Machine, action: Action) -> Option<String> {
    let _ = (ctx, machine, action);
    todo!()
}

impl Core {
    /// The catalogue.
    pub async fn images(&self, ctx: &Ctx) -> Result<Vec<Image>> {
        let _ = ctx;
        todo!()
    }
    /// The user's bounds and use.
    pub async fn allowance(&self, ctx: &Ctx) -> Result<Allowance> {
        let _ = ctx;
        todo!()
    }
    /// Asks for a machine: checks every field, makes its row and queues its creation.
    pub async fn create_vm(&self, ctx: &Ctx, machine: NewMachine) -> Result<(VmId, OperationId)> {
        let _ = (ctx, machine);
        todo!()
    }
    /// Asks for an action on a machine. Destroying asks nothing back: the front does.
    pub async fn act(&self, ctx: &Ctx, vm: VmId, action: Action) -> Result<OperationId> {
        let _ = (ctx, vm, action);
        todo!()
    }
    /// A machine by `NAME` (one's own), or `OWNER/NAME`.
    pub async fn find_vm(&self, ctx: &Ctx, name: &str) -> Result<Machine> {
        let _ = (ctx, name);
        todo!()
    }
}
