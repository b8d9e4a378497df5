//! Steps that several operations on machines share.

use super::files::Files;
use super::forwards;
use crate::core::Error;
use crate::core::consoles::tail;
use crate::core::operations::{Job, Step, Stop, Work};
use crate::hypervisor::{self, DomainState, Forward, Hypervisor, Mode};
use crate::model::Vm;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a guest that is booting or shutting down.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A guest that is still booting ignores the power button, so it is pressed again.
const PRESS_EVERY: Duration = Duration::from_secs(10);

/// The operation's machine.
pub async fn machine(job: &Job) -> Result<Vm, Stop> {
    let id = job.vm()?;
    let vm = job.core().read(move |reader| Ok(reader.vm(id)?)).await?;
    vm.ok_or_else(|| {
        Stop::Failed(Error::NotFound {
            what: "machine",
            name: id.to_string(),
        })
    })
}

/// A machine's libvirt network.
pub fn network_of(job: &Job, vm: &Vm) -> String {
    vm.network
        .clone()
        .unwrap_or_else(|| job.core().settings().network.default.clone())
}

/// Pool and network are ready, and the pool has room for what a guest will write.
pub struct Prepare {
    /// Whether the room counts: a guest that ran until now needs none anew.
    pub room: bool,
}

impl Step for Prepare {
    fn name(&self) -> &'static str {
        "prepare"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let network = network_of(job, &machine(job).await?);
            let changed = job
                .call("prepare pool and network", move |it| it.prepare(&network))
                .await?;
            if !changed.is_empty() {
                job.remark(changed.join("; "));
            }
            if self.room {
                let space = job.call("ask for room", |it| it.pool_space()).await?;
                super::room::check(space, job.core().settings().disk_reserve)?;
            }
            Ok(Value::Null)
        })
    }

    /// Pool and network belong to all machines and stay.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The domain runs, and in session mode its SSH port is forwarded.
pub struct PowerOn;

impl Step for PowerOn {
    fn name(&self) -> &'static str {
        "start"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let vm = machine(job).await?;
            let uuid = vm.uuid;
            if job.noted().is_null() {
                let before = job.call("look at a domain", move |it| it.state(uuid)).await?;
                let was_on = !matches!(before, None | Some(DomainState::Off | DomainState::Crashed));
                // What the guest writes from here on is this run's; of one that runs already, nothing
                // tells where its run began.
                let log = match tail::size(job.core(), &Files::of(&vm).log()).await {
                    Ok(size) => json!(size),
                    Err(_) => Value::Null,
                };
                job.note(json!({ "started": !was_on, "log": log })).await?;
            }
            if job.noted()["started"] == json!(true) {
                // What the last run was reached at may be somebody else's by now.
                let id = vm.id;
                job.write(move |writer| Ok(writer.set_vm_address(id, None)?))
                    .await?;
            }
            job.call("start a domain", move |it| it.start(uuid)).await?;
            note_start(job, &vm, job.noted()["started"] == json!(true)).await?;
            if job.host()?.mode == Mode::Session {
                forward(job, &vm).await?;
                forwards::apply(job, &vm).await?;
            }
            Ok(job.noted())
        })
    }

    /// Off again, if it was off before.
    fn undo<'a>(&'a self, job: &'a Job, output: &'a Value) -> Work<'a, ()> {
        Box::pin(async move {
            let uuid = machine(job).await?.uuid;
            if output["started"] == json!(true) {
                off(job, uuid).await?;
            }
            Ok(())
        })
    }
}

/// Notes when the run began: a command's process, which keeps only until its operation is done,
/// would be gone before the reconciler asks. Not to know it is no reason to fail. What was said of the
/// run before is over if this is a new one.
async fn note_start(job: &Job, vm: &Vm, is_new: bool) -> Result<(), Stop> {
    let (uuid, id) = (vm.uuid, vm.id);
    let asked = job.call("ask for a start time", move |it| it.started_at(uuid));
    let started_at = match asked.await {
        Ok(started_at) => started_at,
        Err(Stop::Failed(_)) => None,
        Err(stop) => return Err(stop),
    };
    job.write(move |writer| {
        // Which number the new run has, the reconciler will see.
        let run = if is_new { None } else { writer.vm_run(id)? };
        if is_new {
            writer.set_vm_unready(id, None)?;
        }
        Ok(writer.set_vm_run(id, run, started_at)?)
    })
    .await
}

/// Cuts a domain's power; one that is gone has none.
async fn off(job: &Job, uuid: uuid::Uuid) -> Result<(), Stop> {
    job.call("force a domain off", move |it| match it.force_off(uuid) {
        Err(hypervisor::Error::NotFound(_)) => Ok(()),
        done => done,
    })
    .await
}

/// Forwards the machine's own port, or another one if it has none yet or something else took it
/// meanwhile. A port is the machine's from the moment it stands in its row.
async fn forward(job: &Job, vm: &Vm) -> Result<(), Stop> {
    let (uuid, id) = (vm.uuid, vm.id);
    let (first, last) = job.core().settings().forward_ports;
    let taken = job.core().read(|reader| Ok(reader.forwarded_ports()?)).await?;
    let others = (first..=last).filter(|port| !taken.contains(port));
    for port in vm.ssh_port.into_iter().chain(others) {
        if Some(port) != vm.ssh_port {
            let kept = job.write(move |writer| Ok(writer.set_vm_ssh_port(id, port)?));
            match kept.await {
                Ok(()) => {}
                Err(Stop::Failed(Error::Conflict(_))) => continue,
                Err(stop) => return Err(stop),
            }
        }
        match job
            .call("forward a port", move |it| it.forward(uuid, Forward::ssh(port)))
            .await
        {
            Ok(()) => {
                if vm.ssh_port.is_some_and(|old| old != port) {
                    job.remark(format!("its SSH port is now {port}: the old one was taken"));
                }
                return Ok(());
            }
            Err(Stop::Failed(Error::Hypervisor(hypervisor::Error::Conflict(_)))) => {}
            Err(stop) => return Err(stop),
        }
    }
    let reason = format!("no port from {first} to {last} is free on 127.0.0.1; widen `forward_ports`");
    Err(Stop::Failed(Error::Conflict(reason)))
}

/// The guest was asked to power off, and did.
pub struct ShutDown;

impl Step for ShutDown {
    fn name(&self) -> &'static str {
        "shut down"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let uuid = machine(job).await?.uuid;
            let patience = job.core().settings().stop_timeout;
            let began = Instant::now();
            let mut pressed: Option<Instant> = None;
            while began.elapsed() < patience {
                let state = job.call("look at a domain", move |it| it.state(uuid)).await?;
                match state {
                    None => return Err(gone()),
                    Some(DomainState::Off | DomainState::Crashed) => return Ok(Value::Null),
                    Some(DomainState::Paused | DomainState::PausedOnError) => {
                        let reason = "the guest is paused and cannot hear; resume it, or force it off";
                        return Err(Stop::Failed(Error::Conflict(reason.to_owned())));
                    }
                    Some(DomainState::Running | DomainState::ShuttingDown) => {}
                }
                if pressed.is_none_or(|at| at.elapsed() >= PRESS_EVERY) {
                    job.call("ask a guest to shut down", move |it| it.shut_down(uuid))
                        .await?;
                    pressed = Some(Instant::now());
                }
                job.pause(LOOK_EVERY).await?;
            }
            let seconds = patience.as_secs();
            let reason =
                format!("the guest did not power off within {seconds} s; force it off to cut its power");
            Err(Stop::Failed(Error::Conflict(reason)))
        })
    }

    /// What was asked of the guest cannot be taken back; it may still do it.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn gone() -> Stop {
    Stop::Failed(Error::Conflict("its domain is gone from libvirt".to_owned()))
}

/// The domain is off, at once.
pub struct PowerOff;

impl Step for PowerOff {
    fn name(&self) -> &'static str {
        "force off"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            off(job, machine(job).await?.uuid).await?;
            Ok(Value::Null)
        })
    }

    /// Power that was cut does not come back by itself.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The processors are halted.
pub struct Pause;

impl Step for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let uuid = machine(job).await?.uuid;
            job.call("pause a domain", move |it| it.pause(uuid)).await?;
            Ok(Value::Null)
        })
    }

    /// It is the only step: when it fails, nothing is halted.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The processors go on.
pub struct Resume;

impl Step for Resume {
    fn name(&self) -> &'static str {
        "resume"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let uuid = machine(job).await?.uuid;
            job.call("resume a domain", move |it| it.resume(uuid)).await?;
            Ok(Value::Null)
        })
    }

    /// It is the only step: when it fails, nothing was resumed.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Takes a machine's domain out of libvirt.
pub async fn remove(job: &Job, uuid: uuid::Uuid) -> Result<(), Stop> {
    job.call("undefine a domain", move |it| take_out(it, uuid)).await
}

/// Takes a domain out of libvirt, whatever it does just now. A definition that is removed under
/// a running guest leaves the guest running, as a domain that nobody knows: so its power goes
/// before, and again should somebody have started it in between.
pub fn take_out(hypervisor: &dyn Hypervisor, uuid: uuid::Uuid) -> hypervisor::Result<()> {
    let off = || match hypervisor.force_off(uuid) {
        Err(hypervisor::Error::NotFound(_)) => Ok(()),
        done => done,
    };
    off()?;
    match hypervisor.undefine(uuid) {
        Ok(()) | Err(hypervisor::Error::NotFound(_)) => off(),
        Err(error) => Err(error),
    }
}
