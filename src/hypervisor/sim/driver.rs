//! The trait's calls on the simulated world.

use super::calls::{Call, Moment};
use super::console::Seat;
use super::{Shared, Sim, World, outbox};
use crate::hypervisor::console;
use crate::hypervisor::{
    Address, Boot, Console, DomainSpec, DomainState, Error, Forward, Host, Hypervisor, Listener, Mode,
    Network, NetworkInfo, OnBytes, Ownership, PoolSpace, Protocol, Result, Snapshot, Volume, VolumePart,
    VolumeSpec,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Bytes of an upload between two looks at the world.
const CHUNK: usize = 128 * 1024;

/// What a guest says on its console when it starts.
const BOOT_MESSAGES: &str = "[    0.000000] Linux version 6.1.0-sim (twarga)\r\n\
    [    0.412733] Freeing unused kernel image memory\r\n";

impl Sim {
    fn call<T>(
        &self,
        call: Call,
        object: impl ToString,
        act: impl FnOnce(&mut World) -> Result<T>,
    ) -> Result<T> {
        let (mut world, struck) = self.shared.enter(call, &object.to_string())?;
        let result = act(&mut world);
        self.shared.leave(world, call, struck, result)
    }
}

fn in_session(world: &World) -> Result<()> {
    match world.script.host.mode {
        Mode::Session => Ok(()),
        Mode::System | Mode::Simulated => {
            let reason = "ports are forwarded in session mode only";
            Err(Error::Unsupported(reason.to_owned()))
        }
    }
}

impl Hypervisor for Sim {
    fn host(&self) -> Result<Host> {
        self.call(Call::Host, "", |world| Ok(world.script.host.clone()))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.call(Call::Snapshot, "", |world| {
            let now = world.machines.now;
            let domains = world.machines.iter().map(|machine| machine.seen(now)).collect();
            Ok(Snapshot { domains })
        })
    }

    fn started_at(&self, domain: Uuid) -> Result<Option<Timestamp>> {
        self.call(Call::StartedAt, domain, |world| {
            let machine = world.machines.find(domain)?;
            Ok(machine.run.as_ref().map(|run| run.started_at))
        })
    }

    fn ownership(&self, domain: Uuid) -> Result<Option<Ownership>> {
        self.call(Call::Ownership, domain, |world| {
            Ok(world.machines.find(domain)?.ownership)
        })
    }

    fn networks(&self) -> Result<Vec<NetworkInfo>> {
        self.call(Call::Networks, "", |world| {
            Ok(match world.script.host.mode {
                Mode::Session => Vec::new(),
                Mode::System | Mode::Simulated => world.networks.list(),
            })
        })
    }

    fn prepare(&self, network: &str) -> Result<Vec<String>> {
        self.call(Call::Prepare, network, |world| {
            let mut changed = Vec::new();
            if world.pool.prepare() {
                changed.push("storage pool twarga defined and started".to_owned());
            }
            let has_network = world.script.host.mode != Mode::Session;
            if has_network && world.networks.start(network)? {
                changed.push(format!("network {network} started"));
            }
            Ok(changed)
        })
    }

    fn define(&self, spec: &DomainSpec) -> Result<()> {
        self.call(Call::Define, &spec.name, |world| world.machines.define(spec))
    }

    fn undefine(&self, domain: Uuid) -> Result<()> {
        self.call(Call::Undefine, domain, |world| {
            world.machines.undefine(domain);
            Ok(())
        })
    }

    fn start(&self, domain: Uuid) -> Result<()> {
        self.call(Call::Start, domain, |world| world.start(domain))
    }

    fn shut_down(&self, domain: Uuid) -> Result<()> {
        self.call(Call::ShutDown, domain, |world| world.machines.shut_down(domain))
    }

    fn force_off(&self, domain: Uuid) -> Result<()> {
        self.call(Call::ForceOff, domain, |world| world.machines.force_off(domain))
    }

    fn pause(&self, domain: Uuid) -> Result<()> {
        self.call(Call::Pause, domain, |world| world.machines.pause(domain))
    }

    fn resume(&self, domain: Uuid) -> Result<()> {
        self.call(Call::Resume, domain, |world| world.machines.resume(domain))
    }

    fn state(&self, domain: Uuid) -> Result<Option<DomainState>> {
        self.call(Call::State, domain, |world| {
            Ok(world.machines.find(domain).ok().map(|machine| machine.state))
        })
    }

    fn addresses(&self, domain: Uuid) -> Result<Vec<Address>> {
        self.call(Call::Addresses, domain, |world| world.machines.addresses(domain))
    }

    fn agent_answers(&self, domain: Uuid) -> Result<bool> {
        self.call(Call::AgentAnswers, domain, |world| {
            let machine = world.machines.find(domain)?;
            Ok(machine.guest.agent && machine.is_up(world.machines.now))
        })
    }

    fn forward(&self, domain: Uuid, forward: Forward) -> Result<()> {
        self.call(Call::Forward, domain, |world| {
            in_session(world)?;
            world.machines.forward(domain, forward)
        })
    }

    fn unforward(&self, domain: Uuid, forward: Forward) -> Result<()> {
        self.call(Call::Unforward, domain, |world| {
            in_session(world)?;
            world.machines.unforward(domain, forward)
        })
    }

    fn is_port_free(&self, protocol: Protocol, port: u16) -> Result<bool> {
        self.call(Call::IsPortFree, port, |world| {
            Ok(world.machines.is_port_free(protocol, port))
        })
    }

    fn attach_console(&self, domain: Uuid, takeover: bool) -> Result<Console> {
        let failed = |error: std::io::Error| Error::Failed {
            call: format!("attach console of domain {domain}"),
            reason: error.to_string(),
        };
        let (console, backend) = console::open();
        let seat = self.call(Call::AttachConsole, domain, |world| {
            Ok(Seat {
                shared: Arc::clone(&self.shared),
                domain,
                client: world.attach(domain, takeover, &backend)?,
                next_frame: Instant::now(),
            })
        })?;
        backend.serve(seat).map_err(failed)?;
        Ok(console)
    }

    fn volumes(&self) -> Result<Vec<Volume>> {
        self.call(Call::Volumes, "", |world| {
            world.pool.volumes(&world.disks_in_use())
        })
    }

    fn pool_space(&self) -> Result<PoolSpace> {
        self.call(Call::PoolSpace, "", |world| {
            world.pool.space(&world.disks_in_use())
        })
    }

    fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        self.call(Call::CreateVolume, &spec.name, |world| world.pool.create(spec))
    }

    fn upload(&self, name: &str, size: u64, source: &mut dyn Read, progress: OnBytes<'_>) -> Result<()> {
        let (mut world, struck) = self.shared.enter(Call::Upload, name)?;
        let midway = struck
            .as_ref()
            .is_some_and(|struck| struck.moment == Moment::Midway);
        let begun = world.pool.truncate(name, size);
        drop(world);
        let stop_at = if midway { size / 2 } else { size };
        let result =
            begun.and_then(|()| copy(&self.shared, &Target { name, size, stop_at }, source, progress));
        world = self.shared.lock();
        self.shared.leave(world, Call::Upload, struck, result)
    }

    fn delete_volume(&self, name: &str) -> Result<()> {
        self.call(Call::DeleteVolume, name, |world| world.pool.delete(name))
    }

    fn read_volume(&self, name: &str, offset: u64, limit: u64) -> Result<VolumePart> {
        self.call(Call::ReadVolume, name, |world| {
            world.pool.read(name, offset, limit)
        })
    }

    fn tail(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        self.call(Call::Tail, name, |world| world.pool.tail(name, limit))
    }

    fn pool_path(&self) -> Result<PathBuf> {
        self.call(Call::PoolPath, "", |_| Ok(PathBuf::from("/simulated/twarga")))
    }

    fn listen(&self, listener: Listener) -> Result<()> {
        self.call(Call::Listen, "", |world| {
            outbox::listen(&self.shared, world, listener)
        })
    }
}

impl World {
    /// Starts a domain if everything that it names exists.
    fn start(&mut self, domain: Uuid) -> Result<()> {
        let machine = self.machines.find(domain)?;
        let Some(spec) = machine.spec.clone().filter(|_| machine.run.is_none()) else {
            return self.machines.start(domain);
        };
        self.check_parts(&spec)?;
        let (capacity, allocation) = self.pool.size(&spec.disk).unwrap_or_default();
        let machine = self.machines.get(domain)?;
        machine.disk_capacity = capacity;
        machine.disk_allocated = machine.disk_allocated.max(allocation);
        self.machines.start(domain)?;
        self.pool.log(&spec.log, BOOT_MESSAGES.as_bytes());
        Ok(())
    }

    fn check_parts(&self, spec: &DomainSpec) -> Result<()> {
        let refuse = |reason: String| {
            Err(Error::Failed {
                call: format!("start {}", spec.name),
                reason,
            })
        };
        let mut volumes = vec![&spec.disk, &spec.seed];
        if let Boot::Kernel {
            kernel, initramfs, ..
        } = &spec.boot
        {
            volumes.extend([kernel, initramfs]);
        }
        if let Some(absent) = volumes.into_iter().find(|volume| !self.pool.has(volume)) {
            return refuse(format!("Cannot access storage file '{absent}': No such file"));
        }
        match &spec.network {
            Network::Libvirt(network) if !self.networks.is_active(network) => {
                refuse(format!("network '{network}' is not active"))
            }
            _ => Ok(()),
        }
    }

    /// What disks of domains take now, bytes, by volume.
    fn disks_in_use(&self) -> BTreeMap<&str, u64> {
        let now = self.machines.now;
        let mut disks = BTreeMap::new();
        for machine in self.machines.iter() {
            if let Some(spec) = &machine.spec {
                disks.insert(spec.disk.as_str(), machine.allocated(now));
            }
        }
        disks
    }
}

/// An upload's volume.
struct Target<'a> {
    name: &'a str,
    size: u64,
    /// Bytes after which a planned fault strikes.
    stop_at: u64,
}

/// Copies an upload's bytes, at the script's rate, with the world unlocked while the source is
/// read and progress is told.
fn copy(
    shared: &Arc<Shared>,
    target: &Target<'_>,
    source: &mut dyn Read,
    progress: OnBytes<'_>,
) -> Result<()> {
    let failed = |reason: String| Error::Failed {
        call: format!("upload {}", target.name),
        reason,
    };
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    loop {
        let count = source
            .read(&mut buffer)
            .map_err(|error| failed(error.to_string()))?;
        if count == 0 {
            break;
        }
        done += count as u64;
        if done > target.size {
            return Err(failed(format!("the source has more than {} bytes", target.size)));
        }
        let mut world = shared.lock();
        if let Some(rate) = world.script.upload_rate {
            let time = Duration::from_secs_f64(count as f64 / rate.max(1) as f64);
            world = shared.take_time(world, time);
        }
        world = shared.pass_gate(world, Call::Upload, Moment::Midway);
        world.check_reachable()?;
        world.pool.write(target.name, &buffer[..count])?;
        drop(world);
        progress(done);
        if done >= target.stop_at && target.stop_at < target.size {
            return Ok(());
        }
    }
    if done < target.size {
        return Err(failed(format!(
            "the source ended after {done} of {} bytes",
            target.size
        )));
    }
    Ok(())
}
