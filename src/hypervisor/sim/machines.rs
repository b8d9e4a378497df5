//! All simulated domains, and what happens to them by command and by themselves.
//!
//! What a guest does by itself (it has shut down, it crashes) lies in the agenda and is made up
//! for, each at its own moment, before anything looks: so it does not matter how often one looks.

use super::machine::{Machine, Run};
use super::network::Leases;
use super::power::Cause;
use super::random;
use super::script::{Casting, Guest, Pace};
use super::shell;
use crate::hypervisor::{Change, DomainSpec, DomainState, Error, Protocol, Result};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use uuid::Uuid;

/// Domains, their names, addresses and forwarded ports.
pub(super) struct Machines {
    pub(super) seed: u64,
    casting: Casting,
    pub(super) now: Timestamp,
    pub(super) pace: Pace,
    machines: BTreeMap<Uuid, Machine>,
    names: HashMap<String, Uuid>,
    /// Behaviours set for a name after the script was written.
    recast: HashMap<String, Guest>,
    /// When to look at whom: one entry per machine at most.
    agenda: BTreeSet<(Timestamp, Uuid)>,
    pub(super) runs: u32,
    pub(super) leases: Leases,
    /// Forwarded ports with their domain and its port; `None` is one that another program of the
    /// host has.
    pub(super) ports: BTreeMap<(Protocol, u16), Option<(Uuid, u16)>>,
    /// What happened since it was last asked.
    pub(super) changes: Vec<Change>,
    /// What guests wrote since it was last asked.
    pub(super) console: Vec<Said>,
}

/// What a guest wrote by itself, for its log and for whoever watches.
pub(super) struct Said {
    pub(super) domain: Uuid,
    pub(super) log: Option<String>,
    pub(super) text: String,
}

impl Machines {
    pub(super) fn new(seed: u64, casting: Casting, now: Timestamp) -> Self {
        Self {
            seed,
            casting,
            now,
            pace: Pace::Scripted,
            machines: BTreeMap::new(),
            names: HashMap::new(),
            recast: HashMap::new(),
            agenda: BTreeSet::new(),
            runs: 0,
            leases: Leases::default(),
            ports: BTreeMap::new(),
            changes: Vec::new(),
            console: Vec::new(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    pub(super) fn ports(&self) -> impl Iterator<Item = (u16, Uuid)> {
        self.ports
            .iter()
            .filter_map(|((_, port), taker)| Some((*port, (*taker)?.0)))
    }

    pub(super) fn find(&self, domain: Uuid) -> Result<&Machine> {
        self.machines.get(&domain).ok_or_else(|| missing(domain))
    }

    pub(super) fn by_name(&self, name: &str) -> Option<Uuid> {
        self.names.get(name).copied()
    }

    /// When the next guest will do something by itself.
    pub(super) fn next_turn(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// Lets everything happen that was to happen until `clock`. Time never goes back.
    pub(super) fn settle(&mut self, clock: Timestamp) {
        let until = clock.max(self.now);
        while let Some((at, domain)) = self.agenda.first().copied().filter(|(at, _)| *at <= until) {
            self.now = at.max(self.now);
            self.turn(domain);
        }
        self.now = until;
    }

    /// Does what is due for a guest now.
    fn turn(&mut self, domain: Uuid) {
        let now = self.now;
        let Some(machine) = self.machines.get(&domain) else {
            return;
        };
        let due = |age: Option<Duration>, run: &Run| age.is_some_and(|age| run.age(now) >= age);
        match &machine.run {
            Some(run) if due(run.crash_at, run) => self.end(domain, DomainState::Crashed, Cause::Guest),
            Some(run) if due(run.off_at, run) => self.end(domain, DomainState::Off, Cause::Guest),
            Some(run) if due(machine.guest.says.get(run.said).map(|(age, _)| *age), run) => self.say(domain),
            Some(run) if !run.greeted && due(Some(run.up_at), run) => self.greet(domain),
            None if machine.back_at.is_some_and(|at| at <= now) => self.begin(domain),
            _ => self.plan(domain),
        }
    }

    /// A guest says the next of what it says by itself.
    fn say(&mut self, domain: Uuid) {
        let Some(machine) = self.machines.get_mut(&domain) else {
            return;
        };
        let next = machine.run.as_mut().and_then(|run| {
            run.said += 1;
            machine.guest.says.get(run.said - 1)
        });
        if let Some((_, text)) = next {
            self.console.push(Said {
                domain,
                log: machine.spec.as_ref().map(|spec| spec.log.clone()),
                text: text.clone(),
            });
        }
        self.plan(domain);
    }

    /// A guest is up: its console shows a shell.
    fn greet(&mut self, domain: Uuid) {
        let Some(machine) = self.machines.get_mut(&domain) else {
            return;
        };
        if let Some(run) = &mut machine.run {
            run.greeted = true;
        }
        self.console.push(Said {
            domain,
            log: machine.spec.as_ref().map(|spec| spec.log.clone()),
            text: shell::greeting(shell::host_name(&machine.name)),
        });
        self.plan(domain);
    }

    /// Puts a machine's next turning point into the agenda, in place of the one before.
    pub(super) fn plan(&mut self, domain: Uuid) {
        let Some(machine) = self.machines.get_mut(&domain) else {
            return;
        };
        if let Some(at) = machine.look_at.take() {
            self.agenda.remove(&(at, domain));
        }
        machine.look_at = machine.next_turn();
        if let Some(at) = machine.look_at {
            self.agenda.insert((at, domain));
        }
    }

    pub(super) fn changed(&mut self, domain: Uuid) {
        self.changes.push(Change::Domain(domain));
        self.plan(domain);
    }

    /// Defines one of twarga's domains, or defines it anew.
    pub(super) fn define(&mut self, spec: &DomainSpec) -> Result<()> {
        match self.machines.get_mut(&spec.uuid) {
            Some(there) if there.name != spec.name => {
                return Err(conflict(there, "is defined already under this UUID"));
            }
            Some(there) if there.spec.as_ref() == Some(spec) && !there.transient => return Ok(()),
            Some(there) => {
                there.transient = false;
                there.vcpus = spec.vcpus;
                there.memory_mib = spec.memory_mib;
                there.ownership = Some(spec.ownership);
                there.spec = Some(spec.clone());
            }
            None => {
                let machine = self.blank(spec.uuid, &spec.name, spec.vcpus, spec.memory_mib)?;
                machine.ownership = Some(spec.ownership);
                machine.spec = Some(spec.clone());
            }
        }
        self.changed(spec.uuid);
        Ok(())
    }

    /// Defines a domain that twarga did not make.
    pub(super) fn define_foreign(
        &mut self,
        uuid: Uuid,
        name: &str,
        vcpus: u32,
        memory_mib: u64,
    ) -> Result<()> {
        let allocated = (random::unit(random::of_uuid(self.seed, uuid), 1) * 6e9) as u64 + (1 << 30);
        let machine = self.blank(uuid, name, vcpus, memory_mib)?;
        (machine.disk_capacity, machine.disk_allocated) = (20 << 30, allocated);
        self.changed(uuid);
        Ok(())
    }

    fn blank(&mut self, uuid: Uuid, name: &str, vcpus: u32, memory_mib: u64) -> Result<&mut Machine> {
        self.check_name_free(name)?;
        self.names.insert(name.to_owned(), uuid);
        let guest = self.cast(name);
        Ok(self.machines.entry(uuid).or_insert(Machine {
            uuid,
            name: name.to_owned(),
            vcpus,
            memory_mib,
            ownership: None,
            spec: None,
            transient: false,
            state: DomainState::Off,
            run: None,
            guest,
            lease: None,
            back_at: None,
            look_at: None,
            disk_capacity: 0,
            disk_allocated: 0,
        }))
    }

    pub(super) fn rename(&mut self, domain: Uuid, name: &str) -> Result<()> {
        self.check_name_free(name)?;
        let machine = self.get(domain)?;
        let old = std::mem::replace(&mut machine.name, name.to_owned());
        if let Some(spec) = &mut machine.spec {
            name.clone_into(&mut spec.name);
        }
        self.names.remove(&old);
        self.names.insert(name.to_owned(), domain);
        self.changed(domain);
        Ok(())
    }

    /// Removes a definition; one that runs stays until it powers off, as libvirt has it.
    pub(super) fn undefine(&mut self, domain: Uuid) {
        match self.machines.get_mut(&domain) {
            None => return,
            Some(machine) if machine.run.is_some() => machine.transient = true,
            Some(_) => self.forget(domain),
        }
        self.changed(domain);
    }

    pub(super) fn forget(&mut self, domain: Uuid) {
        let Some(machine) = self.machines.remove(&domain) else {
            return;
        };
        self.names.remove(&machine.name);
        if let Some(lease) = machine.lease {
            self.leases.give_back(lease);
        }
        if let Some(at) = machine.look_at {
            self.agenda.remove(&(at, domain));
        }
    }

    /// Sets the behaviour of the domain of that name, present or to come.
    pub(super) fn behave(&mut self, name: &str, guest: Guest) {
        if let Some(machine) = self
            .names
            .get(name)
            .and_then(|domain| self.machines.get_mut(domain))
        {
            // Counters are a function of load and age: another load would make them jump.
            let load = machine.guest.load.clone();
            machine.guest = Guest {
                load,
                ..guest.clone()
            };
        }
        self.recast.insert(name.to_owned(), guest);
    }

    /// How a domain of that name behaves.
    pub(super) fn cast(&self, name: &str) -> Guest {
        self.recast
            .get(name)
            .cloned()
            .unwrap_or_else(|| (self.casting)(name))
    }

    /// A domain to change.
    pub(super) fn get(&mut self, domain: Uuid) -> Result<&mut Machine> {
        self.machines.get_mut(&domain).ok_or_else(|| missing(domain))
    }

    fn check_name_free(&self, name: &str) -> Result<()> {
        if self.names.contains_key(name) {
            return Err(Error::Conflict(format!("domain {name} exists already")));
        }
        Ok(())
    }
}

/// The error for a domain that does not exist.
pub(super) fn missing(domain: Uuid) -> Error {
    Error::NotFound(format!("domain {domain}"))
}

/// The error for a domain whose state does not allow a call.
pub(super) fn conflict(machine: &Machine, why: &str) -> Error {
    Error::Conflict(format!("domain {} {why}", machine.name))
}
