//! What fronts watch: the latest truth about everything one user may see.
//!
//! Two tasks of every process gather it, one from the hypervisor and one from the database, so
//! that a hung libvirtd never delays what the database tells. Fronts get snapshots of it, each
//! cut down to what its user may see.

mod load;
mod rows;
mod truth;
mod view;

pub(super) use truth::{Truth, World, observe};
pub(super) use view::status;

use super::{Core, Ctx, Purse, Result};
use crate::hypervisor::{DomainState, Host};
use crate::model::{KeptForward, Operation, Prices, Role, Vm, VmStatus};
use crate::store::KeeperKind;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;

/// Whether the hypervisor answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet.
    Connecting,
    /// It answers.
    Up,
    /// It has not answered since.
    Silent {
        /// Last answer.
        since: Timestamp,
    },
    /// It refuses or is gone.
    Down {
        /// Since when.
        since: Timestamp,
        /// libvirt's words, sanitized.
        reason: String,
    },
}

/// The keeper as this process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Nobody: background work stands still (seconds at most, while one takes over).
    Nobody,
    /// This process.
    Here {
        /// As what.
        kind: KeeperKind,
    },
    /// Another process.
    Elsewhere {
        /// Which.
        pid: u32,
        /// As what.
        kind: KeeperKind,
        /// It holds the lock but shows no life (stopped?) since then.
        silent_since: Option<Timestamp>,
    },
}

/// Load of a running machine over the last interval; what is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Processor use, % of all its vCPUs.
    pub cpu_percent: Option<f32>,
    /// Processor use of the last 60 intervals, oldest first.
    pub cpu_history: Arc<[f32]>,
    /// Memory use inside the guest, %.
    pub memory_percent: Option<f32>,
    /// Bytes per second read from disk.
    pub disk_read: Option<f64>,
    /// Bytes per second written to disk.
    pub disk_written: Option<f64>,
    /// Bytes that its disk takes on the host.
    pub disk_allocated: Option<u64>,
    /// Bytes per second received.
    pub net_received: Option<f64>,
    /// Bytes per second sent.
    pub net_sent: Option<f64>,
}

/// A machine: its row, what libvirt says of it now, and what is being done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The row.
    pub vm: Vm,
    /// Owner's name.
    pub owner: String,
    /// Status now (libvirt's truth over the row's).
    pub status: VmStatus,
    /// Why, for `error`, or another remark such as "paused: the disk is full".
    pub reason: Option<String>,
    /// Load, while running.
    pub load: Load,
    /// The operation that is not final, if any.
    pub operation: Option<Operation>,
    /// Its forwarded ports beside SSH's, by guest's port.
    pub forwards: Vec<KeptForward>,
}

/// A domain that twarga did not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Name, sanitized.
    pub name: String,
    /// UUID.
    pub uuid: uuid::Uuid,
    /// State.
    pub state: DomainState,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
}

/// Everything one user may see, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Whether the hypervisor answers.
    pub health: Health,
    /// The host, once connected.
    pub host: Option<Arc<Host>>,
    /// When machines were last seen; their age is what fronts show when health is bad.
    pub as_of: Option<Timestamp>,
    /// Who keeps.
    pub keeping: Keeping,
    /// Machines, by owner and name.
    pub machines: Vec<Machine>,
    /// Foreign domains, for those who may see them.
    pub foreign: Vec<Foreign>,
    /// Operations that are not final on machines the user may see, oldest first.
    pub operations: Vec<Operation>,
    /// Highest event id the user's log may contain: changes when there is something to read.
    pub last_event: i64,
    /// What machines cost; `None` where credits are switched off.
    pub prices: Option<Prices>,
    /// What the user has, and what their machines cost just now.
    pub purse: Purse,
    /// What background work reports as wrong, in words (database full, pool missing …).
    pub problems: Vec<String>,
}

/// Follows the latest [`View`] of one user.
pub struct Watch {
    core: Core,
    ctx: Ctx,
    role: Role,
    truth: watch::Receiver<Arc<Truth>>,
    shown: Arc<View>,
}

impl Watch {
    /// The view now.
    pub fn view(&mut self) -> Arc<View> {
        let truth = self.truth.borrow_and_update().clone();
        let view = view::build(&truth, self.ctx.user, self.role);
        if *self.shown != view {
            self.shown = Arc::new(view);
        }
        self.shown.clone()
    }

    /// Waits for the view to change.
    ///
    /// # Errors
    /// [`super::Error::NotSignedIn`] when the session ended: the watch is over then. An error of
    /// the database is passed on; the watch can be asked again.
    pub async fn changed(&mut self) -> Result<Arc<View>> {
        loop {
            if self.truth.changed().await.is_err() {
                return Err(super::Error::Internal("observation has ended".to_owned()));
            }
            self.role = self.core.inspect(&self.ctx, |_, actor| Ok(actor.role)).await?;
            let before = self.shown.clone();
            let after = self.view();
            if !Arc::ptr_eq(&before, &after) {
                return Ok(after);
            }
        }
    }
}

impl Core {
    /// Follows what the user may see.
    ///
    /// # Errors
    /// [`super::Error::NotSignedIn`], the database's.
    pub async fn watch(&self, ctx: &Ctx) -> Result<Watch> {
        let role = self.inspect(ctx, |_, actor| Ok(actor.role)).await?;
        let truth = self.world().subscribe();
        let shown = Arc::new(view::build(&truth.borrow(), ctx.user, role));
        Ok(Watch {
            core: self.clone(),
            ctx: ctx.clone(),
            role,
            truth,
            shown,
        })
    }
}
