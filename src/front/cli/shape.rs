//! What `--json` prints: a stable shape. Fields may be added; none is renamed, removed or given
//! another meaning within a major version.
//!
//! Times are RFC 3339 in UTC, sizes say their unit here, what is not known is `null` and never 0.
//! The help texts beside the shapes are what help and man page show.

mod consoles;
mod credits;
mod forward;
mod image;
mod key;
mod network;
mod users;

pub(super) use consoles::{CONSOLE_HELP, RECORDING_HELP, idle};
pub use consoles::{ConsoleShape, EndedShape, RecordShape, RecordingShape, RemovedShape};
pub use credits::{AdjustedShape, EntryShape, LedgerShape, PurseShape};
pub(super) use credits::{ENTRY_HELP, LEDGER_HELP, PURSE_HELP};
pub use forward::ForwardShape;
pub(super) use image::{
    CLEANED_HELP, IMAGE_HELP, LOCAL_IMAGE_HELP, PULLED_IMAGE_HELP, REMOVED_IMAGE_HELP, TRIED_HELP,
    VERIFIED_IMAGE_HELP,
};
pub use image::{
    CleanedShape, ImageShape, LocalImageShape, PulledShape, RemovedImageShape, TriedShape, VerifiedImageShape,
};
pub(super) use key::{KEY_HELP, REMOVED_KEY_HELP};
pub use key::{KeyShape, RemovedKeyShape};
pub(super) use network::NETWORK_HELP;
pub use network::NetworkShape;
pub(super) use users::USER_HELP;
pub use users::{AccountShape, UserShape};

use crate::core::doctor::Check;
use crate::core::log::ChainReport;
use crate::core::{Ctx, DomainState, Foreign, Machine};
use crate::model::text::visible;
use crate::model::{Event, Operation, Step};
use jiff::Timestamp;
use serde::Serialize;

/// A machine. The first ten fields are those of the seed's `.vm_info`.
#[derive(Debug, Serialize)]
pub struct MachineShape {
    name: String,
    user_id: i64,
    os_type: String,
    ram: u64,
    cpu: u32,
    disk: u64,
    status: &'static str,
    ip: Option<String>,
    created_at: Timestamp,
    uptime: Option<i64>,
    id: i64,
    uuid: String,
    owner: String,
    image: String,
    guest_user: String,
    ssh_port: Option<u16>,
    reason: Option<String>,
    started_at: Option<Timestamp>,
    cpu_percent: Option<f32>,
    memory_percent: Option<f32>,
    operation: Option<i64>,
    forwards: Vec<ForwardShape>,
    ip_source: Option<&'static str>,
    network: Option<String>,
    disk_allocated: Option<u64>,
}

pub(super) const MACHINE_HELP: &str = "\
JSON: a machine (`list`: an array of them) has
  name, user_id, os_type (its image), ram (MiB), cpu, disk (GiB),
  status (pending|running|paused|stopped|error|destroying), ip, created_at, uptime (seconds),
  id, uuid, owner, image, guest_user, ssh_port (on 127.0.0.1, session mode), reason, started_at,
  cpu_percent, memory_percent, operation (the number of the one at work),
  forwards (as `vm forward` has them), ip_source (lease|agent|arp),
  network (null: the configured one, or session mode's),
  disk_allocated (bytes that its disk takes on the host)

Where libvirt does not answer, the last known is printed and the exit code is 7.";

impl MachineShape {
    /// A machine as known at `now`.
    pub fn new(machine: &Machine, now: Timestamp) -> Self {
        let vm = &machine.vm;
        Self {
            name: vm.name.to_string(),
            user_id: vm.owner.0,
            os_type: visible(&vm.image).into_owned(),
            ram: vm.memory_mib,
            cpu: vm.vcpus,
            disk: vm.disk_gib,
            status: machine.status.as_str(),
            ip: address(machine),
            created_at: vm.created_at,
            uptime: uptime(machine, now),
            id: vm.id.0,
            uuid: vm.uuid.to_string(),
            owner: visible(&machine.owner).into_owned(),
            image: visible(&vm.image).into_owned(),
            guest_user: visible(&vm.guest_user).into_owned(),
            ssh_port: vm.ssh_port,
            reason: machine.reason.as_deref().map(|words| visible(words).into_owned()),
            started_at: vm.started_at,
            cpu_percent: machine.load.cpu_percent,
            memory_percent: machine.load.memory_percent,
            operation: machine.operation.as_ref().map(|operation| operation.id.0),
            forwards: machine.forwards.iter().map(ForwardShape::from).collect(),
            network: vm.network.as_deref().map(|it| visible(it).into_owned()),
            ip_source: vm.address.map(|address| address.source.as_str()),
            disk_allocated: machine.load.disk_allocated,
        }
    }
}

/// The guest's best address.
pub(super) fn address(machine: &Machine) -> Option<String> {
    machine.vm.address.map(|address| address.ip.to_string())
}

/// Seconds since the run that is going on began.
pub(super) fn uptime(machine: &Machine, now: Timestamp) -> Option<i64> {
    use crate::model::VmStatus::{Paused, Running};
    let started = machine.vm.started_at?;
    matches!(machine.status, Running | Paused).then(|| now.duration_since(started).as_secs().max(0))
}

/// A domain that twarga did not make.
#[derive(Debug, Serialize)]
pub struct ForeignShape {
    name: String,
    uuid: String,
    state: &'static str,
    vcpus: u32,
    memory_mib: u64,
}

impl From<&Foreign> for ForeignShape {
    fn from(domain: &Foreign) -> Self {
        Self {
            name: visible(&domain.name).into_owned(),
            uuid: domain.uuid.to_string(),
            state: domain_state(domain),
            vcpus: domain.vcpus,
            memory_mib: domain.memory_mib,
        }
    }
}

/// A domain's state in a word.
pub(super) fn domain_state(domain: &Foreign) -> &'static str {
    match domain.state {
        DomainState::Running => "running",
        DomainState::Paused => "paused",
        DomainState::PausedOnError => "paused on error",
        DomainState::ShuttingDown => "shutting down",
        DomainState::Off => "off",
        DomainState::Crashed => "crashed",
    }
}

/// An operation.
#[derive(Debug, Serialize)]
pub struct OperationShape {
    id: i64,
    kind: &'static str,
    vm_id: Option<i64>,
    vm: Option<String>,
    image: Option<String>,
    owner_id: i64,
    actor_id: i64,
    state: &'static str,
    error: Option<String>,
    steps: Vec<StepShape>,
    step_count: usize,
    bytes_done: Option<u64>,
    bytes_total: Option<u64>,
    cancel_requested: bool,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct StepShape {
    name: String,
    state: &'static str,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    remark: Option<String>,
    error: Option<String>,
}

pub(super) const OPERATION_HELP: &str = "\
JSON: an operation (`list`: an array of them) has
  id, kind (create|start|stop|kill|restart|pause|resume|destroy|pull), vm_id, vm (both null of
  an image's), image (id; null of a machine's), owner_id, actor_id,
  state (queued|running|undoing|done|failed|cancelled), error,
  steps (name, state, started_at, finished_at, remark, error), step_count, bytes_done,
  bytes_total, cancel_requested, created_at, finished_at";

impl From<&Operation> for OperationShape {
    fn from(operation: &Operation) -> Self {
        Self {
            id: operation.id.0,
            kind: operation.kind.as_str(),
            vm_id: operation.vm.map(|vm| vm.0),
            vm: operation.vm.map(|_| visible(&operation.name).into_owned()),
            image: operation
                .kind
                .is_on_image()
                .then(|| visible(&operation.name).into_owned()),
            owner_id: operation.owner.0,
            actor_id: operation.actor.0,
            state: operation.state.as_str(),
            error: operation
                .error
                .as_deref()
                .map(|words| visible(words).into_owned()),
            steps: operation.steps.iter().map(StepShape::from).collect(),
            step_count: operation.step_count,
            bytes_done: operation.progress.map(|progress| progress.done),
            bytes_total: operation.progress.and_then(|progress| progress.total),
            cancel_requested: operation.cancel_requested,
            created_at: operation.created_at,
            finished_at: operation.finished_at,
        }
    }
}

impl From<&Step> for StepShape {
    fn from(step: &Step) -> Self {
        Self {
            name: visible(&step.name).into_owned(),
            state: step.state.as_str(),
            started_at: step.started_at,
            finished_at: step.finished_at,
            remark: step.remark().map(|words| visible(words).into_owned()),
            error: step.failure().map(|words| visible(words).into_owned()),
        }
    }
}

/// What `vm create` and the actions print: the operation, and the machine unless it is gone.
#[derive(Debug, Serialize)]
pub struct ActedShape {
    /// What was done.
    pub operation: OperationShape,
    /// What it was done to, as it is now.
    pub machine: Option<MachineShape>,
}

/// An event of the log.
#[derive(Debug, Serialize)]
pub struct EventShape {
    id: i64,
    time: Timestamp,
    #[serde(rename = "type")]
    event_type: &'static str,
    severity: &'static str,
    action: String,
    message: String,
    user_id: Option<i64>,
    vm_id: Option<i64>,
    details: serde_json::Value,
}

pub(super) const EVENT_HELP: &str = "\
JSON: an array of events, newest first, each with
  id, time, type (vm|auth|system|security), severity (info|warning|critical), action, message,
  user_id, vm_id, details";

impl From<&Event> for EventShape {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.0,
            time: event.time,
            event_type: event.event_type.as_str(),
            severity: event.severity.as_str(),
            action: visible(&event.action).into_owned(),
            message: visible(&event.message).into_owned(),
            user_id: event.user.map(|user| user.0),
            vm_id: event.vm.map(|vm| vm.0),
            details: event.details.clone(),
        }
    }
}

/// What `audit verify` found.
#[derive(Debug, Serialize)]
pub struct AuditShape {
    rows: u64,
    intact: bool,
    broken_at: Option<i64>,
}

pub(super) const AUDIT_HELP: &str = "\
JSON: rows (events read), intact, broken_at (number of the first event that does not fit).
The exit code is 1 if the chain is broken.";

impl From<&ChainReport> for AuditShape {
    fn from(report: &ChainReport) -> Self {
        Self {
            rows: report.rows,
            intact: report.broken_at.is_none(),
            broken_at: report.broken_at.map(|event| event.0),
        }
    }
}

/// Who is signed in: what `whoami`, `login` and `register` print.
#[derive(Debug, Serialize)]
pub struct WhoShape {
    user_id: i64,
    username: String,
    role: &'static str,
}

impl From<&Ctx> for WhoShape {
    fn from(ctx: &Ctx) -> Self {
        Self {
            user_id: ctx.user().0,
            username: ctx.username().to_string(),
            role: ctx.role().as_str(),
        }
    }
}

pub(super) const DOCTOR_HELP: &str = "\
JSON: an array of checks, each with
  name, state (ok|warning|bad), finding, mend (the command or change that mends it)

Works without signing in and when nothing else does. The exit code is 1 if anything is bad.";

/// One thing that `doctor` looked at.
#[derive(Debug, Serialize)]
pub struct CheckShape<'a> {
    name: &'a str,
    state: &'static str,
    finding: &'a str,
    mend: Option<&'a str>,
}

impl<'a> From<&'a Check> for CheckShape<'a> {
    fn from(check: &'a Check) -> Self {
        Self {
            name: check.name,
            state: check.state.as_str(),
            finding: &check.finding,
            mend: check.mend.as_deref(),
        }
    }
}

/// A refusal or failure, beside the sentence on standard error.
#[derive(Debug, Serialize)]
pub struct ErrorShape<'a> {
    /// What went wrong.
    pub error: ErrorBody<'a>,
}

/// The inside of [`ErrorShape`].
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// The exit code.
    pub code: u8,
    /// A stable word: `not_found`, `conflict` …
    pub kind: &'a str,
    /// The sentence.
    pub message: &'a str,
}
