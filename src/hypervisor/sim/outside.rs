//! What others do to the hypervisor's machines: somebody with `virsh`, another program of the
//! host, or the guests themselves. It goes past faults, hangs and a connection that is away.

use super::machines::Said;
use super::{Sim, World};
use crate::hypervisor::{DomainState, Result};
use std::time::Duration;
use uuid::Uuid;

/// Acts on a [`Sim`] without being a client of it. From [`Sim::outside`].
pub struct Outside<'a> {
    pub(super) sim: &'a Sim,
}

impl Outside<'_> {
    /// Defines a domain that is not twarga's.
    ///
    /// # Errors
    /// The name is taken.
    pub fn define(&self, name: &str, vcpus: u32, memory_mib: u64) -> Result<Uuid> {
        self.act(|world| {
            let uuid = world.uuids.next();
            world.machines.define_foreign(uuid, name, vcpus, memory_mib)?;
            Ok(uuid)
        })
    }

    /// A domain's UUID by its name.
    pub fn find(&self, name: &str) -> Option<Uuid> {
        self.sim.shared.lock().machines.by_name(name)
    }

    /// Powers a domain on. Looks at no volumes.
    ///
    /// # Errors
    /// It does not exist, or is paused.
    pub fn start(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.start(domain))
    }

    /// Presses its power button.
    ///
    /// # Errors
    /// It does not exist, or is paused.
    pub fn shut_down(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.shut_down(domain))
    }

    /// Cuts its power.
    ///
    /// # Errors
    /// It does not exist.
    pub fn force_off(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.force_off(domain))
    }

    /// Its guest writes on its console.
    ///
    /// # Errors
    /// It does not exist.
    pub fn say(&self, domain: Uuid, text: &str) -> Result<()> {
        self.act(|world| {
            let machine = world.machines.find(domain)?;
            let log = machine.spec.as_ref().map(|spec| spec.log.clone());
            let text = text.to_owned();
            world.machines.console.push(Said { domain, log, text });
            Ok(())
        })
    }

    /// Halts its processors.
    ///
    /// # Errors
    /// It does not exist or does not run.
    pub fn pause(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.pause(domain))
    }

    /// QEMU halts its processors because a disk is full or failed.
    ///
    /// # Errors
    /// It does not exist or does not run.
    pub fn pause_on_error(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.halt(domain, DomainState::PausedOnError))
    }

    /// Lets its processors go on.
    ///
    /// # Errors
    /// It does not exist or is not paused.
    pub fn resume(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.resume(domain))
    }

    /// Removes its definition; a running domain vanishes when it powers off.
    pub fn undefine(&self, domain: Uuid) {
        self.act(|world| world.machines.undefine(domain));
    }

    /// Renames it.
    ///
    /// # Errors
    /// It does not exist, or the name is taken.
    pub fn rename(&self, domain: Uuid, name: &str) -> Result<()> {
        self.act(|world| world.machines.rename(domain, name))
    }

    /// Its guest crashes.
    ///
    /// # Errors
    /// It does not exist or does not run.
    pub fn crash(&self, domain: Uuid) -> Result<()> {
        self.act(|world| world.machines.crash(domain))
    }

    /// Makes its run look as if it had begun earlier, with the counters of that age.
    ///
    /// # Errors
    /// It does not exist or does not run.
    pub fn backdate(&self, domain: Uuid, by: Duration) -> Result<()> {
        self.act(|world| world.machines.backdate(domain, by))
    }

    /// Writes to a console log what its guest never would have.
    pub fn write_log(&self, volume: &str, bytes: &[u8]) {
        self.act(|world| world.pool.log(volume, bytes));
    }

    /// Removes a volume's file.
    ///
    /// # Errors
    /// The pool is not there.
    pub fn delete_volume(&self, name: &str) -> Result<()> {
        self.act(|world| world.pool.delete(name))
    }

    /// Stops and undefines the pool; its files stay.
    pub fn forget_pool(&self) {
        self.act(|world| world.pool.forget());
    }

    /// Another program of the host takes a port of 127.0.0.1, or gives it back.
    pub fn occupy_port(&self, port: u16, occupied: bool) {
        self.act(|world| world.machines.occupy(port, occupied));
    }

    fn act<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.sim.shared.lock();
        world.settle();
        let result = act(&mut world);
        self.sim.shared.post(&mut world);
        result
    }
}
