//! `twarga --demo`: the whole program on a simulated hypervisor, with an invented company.
//!
//! Everything is made through the core's own operations, as people would have made it, so that
//! the demonstration shows nothing that the program cannot do. Nothing of it is kept: its state
//! directory is a temporary folder.

use crate::core::{
    Action, Clock, Core, Ctx, Error, NewMachine, Origin, Registration, Result, Settings, SignedIn, Source,
};
use crate::hypervisor::sim::demo::{self, Invented, Wanted};
use crate::hypervisor::sim::{Pace, Sim};
use crate::model::{Limits, OperationId, OperationState};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Everybody's password in the demonstration: it guards nothing.
pub const PASSWORD: &str = "just looking around";
/// Who is signed in.
pub const ADMIN: &str = "admin";
/// Sizes of the pretended tiny guest's kernel and initramfs, bytes: those of the real one.
const TINY_FILES: [(&str, u64); 2] = [("vmlinuz", 14_000_000), ("initramfs", 5_000_000)];

/// How long the curtain waits for one machine.
const PATIENCE: Duration = Duration::from_secs(3);

/// The company and its host.
pub struct Stage {
    sim: Arc<Sim>,
}

impl Stage {
    /// Sets it up below `state_dir`, and the core's settings for it: no limits, accounts or
    /// folders of the operator's own apply.
    ///
    /// # Errors
    /// The temporary folder cannot be written.
    pub fn set(settings: &mut Settings, state_dir: &Path, clock: &Clock) -> Result<Self> {
        settings.state_dir = state_dir.to_owned();
        settings.tiny_dir = state_dir.join("tiny");
        settings.limits = Limits::default();
        settings.registration = true;
        // A simulated guest boots in nine seconds; one never finds its network, and nobody who
        // looks around wants to wait two minutes for it.
        settings.ready_timeout = Duration::from_secs(20);
        settings.secret_key = None;
        settings.images.refusal = Some("the demonstration downloads nothing");
        pretend_tiny(&settings.tiny_dir).map_err(|error| Error::Io {
            what: format!("making {}", settings.tiny_dir.display()),
            reason: error.to_string(),
        })?;
        let sim = demo::hypervisor(clock.clone())?;
        // Setting the scene takes no time; what is done on it later does.
        sim.set_pace(Pace::Instant);
        Ok(Self { sim: Arc::new(sim) })
    }

    /// The company's host.
    pub fn hypervisor(&self) -> Arc<Sim> {
        Arc::clone(&self.sim)
    }

    /// Signs the company's admin in.
    ///
    /// # Errors
    /// The core's.
    pub async fn admin(&self, core: &Core, source: Source) -> Result<SignedIn> {
        register(core, source, ADMIN).await
    }

    /// Lets the company move in. Somebody has to keep meanwhile.
    ///
    /// # Errors
    /// The core's.
    pub async fn play(self, core: &Core, source: Source) -> Result<()> {
        let fleet = demo::fleet();
        let mut owners = BTreeMap::new();
        for machine in &fleet {
            if !owners.contains_key(machine.owner) {
                owners.insert(machine.owner, register(core, source, machine.owner).await?.ctx);
            }
        }
        let mut asked = Vec::new();
        for machine in &fleet {
            let Some(owner) = owners.get(machine.owner) else {
                continue;
            };
            let (vm, operation) = core.create_vm(owner, wanted(machine)).await?;
            asked.push((machine, owner, vm, operation));
        }
        for (machine, owner, vm, operation) in asked {
            if !finish(core, owner, operation).await? {
                continue;
            }
            let act = match machine.wanted {
                Wanted::Running => None,
                Wanted::Paused => Some(Action::Pause),
                Wanted::Stopped => Some(Action::Kill),
            };
            if let Some(action) = act {
                let operation = core.act(owner, vm, action).await?;
                finish(core, owner, operation).await?;
            } else {
                let found = core.find_vm(owner, machine.name).await?;
                self.sim.outside().backdate(found.vm.uuid, machine.up)?;
            }
        }
        knock(core).await;
        self.sim.set_pace(Pace::Scripted);
        Ok(())
    }
}

async fn register(core: &Core, source: Source, name: &str) -> Result<SignedIn> {
    let registration = Registration {
        username: name.to_owned(),
        email: format!("{name}@example.org"),
        password: PASSWORD.to_owned(),
    };
    core.register(source, registration).await
}

fn wanted(machine: &Invented) -> NewMachine {
    NewMachine {
        name: machine.name.to_owned(),
        image: machine.image.to_owned(),
        memory_mib: machine.memory_mib,
        vcpus: machine.vcpus,
        disk_gib: machine.disk_gib,
        ..NewMachine::default()
    }
}

/// Waits for an operation; false if it takes longer than anybody wants to wait for a scene: a
/// machine that never finds its network is part of the show.
async fn finish(core: &Core, ctx: &Ctx, operation: OperationId) -> Result<bool> {
    let done = core.wait(ctx, operation, |_| {});
    match tokio::time::timeout(PATIENCE, done).await {
        Ok(done) => Ok(done?.state == OperationState::Done),
        Err(_) => Ok(false),
    }
}

/// Somebody outside tries a few doors: every one stays shut, and the log tells of it.
async fn knock(core: &Core) {
    // TEST-NET-3 (RFC 5737): nobody's address.
    let stranger = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66));
    let source = Source {
        origin: Origin::Tenant,
        address: Some(stranger),
    };
    for name in ["root", "admin", "oracle"] {
        let _refused = core.sign_in(source, name, "123456").await;
    }
}

/// Files that look like the tiny guest's: the simulator only counts their bytes.
fn pretend_tiny(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir(folder)?;
    for (name, size) in TINY_FILES {
        // A hole: it takes no room.
        std::fs::File::create(folder.join(name))?.set_len(size)?;
    }
    std::fs::write(folder.join("tiny.json"), r#"{"id":"tiny","version":"demo"}"#)
}
