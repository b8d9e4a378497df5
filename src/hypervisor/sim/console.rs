//! Consoles of simulated guests: who sits at which, and what their shells write.
//!
//! A guest's shell lives as long as its run, whoever comes and goes. What it writes goes to its log
//! and to whoever is attached. Nobody attached, nobody served: a flood or `top` stands still until
//! somebody looks again, so no thread works for nobody.

use super::machine::Machine;
use super::machines::{conflict, missing};
use super::power::Cause;
use super::shell::{self, Deed, Shell};
use super::{Shared, World};
use crate::hypervisor::console::{Backend, Line, Received, Wanted};
use crate::hypervisor::{DomainState, End, Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// How often a guest that will do something by itself is looked at: its clock cannot be slept towards.
const LOOK: Duration = Duration::from_millis(20);

/// What may be typed to a guest that is paused, bytes; more has to wait.
const UNREAD: usize = 4096;

/// All terminals and who is attached.
#[derive(Default)]
pub(super) struct Consoles {
    terminals: BTreeMap<Uuid, Terminal>,
    clients: BTreeMap<u64, Client>,
    made: u64,
}

/// A run's terminal.
struct Terminal {
    run: u32,
    shell: Shell,
    client: Option<u64>,
    /// Typed while it was paused.
    unread: Vec<u8>,
}

/// Somebody attached, until he leaves: also after he lost his terminal.
struct Client {
    output: Vec<u8>,
    end: Option<End>,
    bell: Arc<Notify>,
    wanted: Wanted,
}

impl Consoles {
    fn end(&mut self, client: u64, end: &End) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.end.get_or_insert_with(|| end.clone());
            client.bell.notify_one();
        }
    }

    /// The hypervisor has gone.
    pub(super) fn lose(&mut self, reason: &str) {
        let end = End::Lost(reason.to_owned());
        let seated = self.terminals.values_mut().filter_map(|it| it.client.take());
        for client in seated.collect::<Vec<_>>() {
            self.end(client, &end);
        }
    }

    /// Ends the consoles of runs that are over. `run` knows a domain's present one.
    fn close_old(&mut self, run: impl Fn(Uuid) -> Option<u32>) {
        let mut closed = Vec::new();
        self.terminals.retain(|domain, terminal| {
            let stays = run(*domain) == Some(terminal.run);
            closed.extend(terminal.client.filter(|_| !stays));
            stays
        });
        for client in closed {
            self.end(client, &End::Closed);
        }
    }

    fn deliver(&mut self, domain: Uuid, bytes: &[u8]) {
        let client = self.terminals.get(&domain).and_then(|it| it.client);
        if let Some(client) = client.and_then(|client| self.clients.get_mut(&client)) {
            client.output.extend_from_slice(bytes);
            client.bell.notify_one();
        }
    }
}

/// Whether a guest's shell hears now.
fn hears(machine: &Machine) -> bool {
    machine.state == DomainState::Running && machine.run.as_ref().is_some_and(|run| run.greeted)
}

impl World {
    /// Seats somebody at a guest's console.
    pub(super) fn attach(&mut self, domain: Uuid, takeover: bool, backend: &Backend) -> Result<u64> {
        let machine = self.machines.find(domain)?;
        let Some(run) = &machine.run else {
            return Err(conflict(machine, "does not run"));
        };
        let (run, host) = (run.number, shell::host_name(&machine.name));
        let consoles = &mut self.consoles;
        let terminal = consoles.terminals.entry(domain).or_insert_with(|| Terminal {
            run,
            shell: Shell::new(host),
            client: None,
            unread: Vec::new(),
        });
        consoles.made += 1;
        let id = consoles.made;
        let before = terminal.client.replace(id);
        let is_there = |id| consoles.clients.get(&id).is_some_and(|it| !it.wanted.is_left());
        if let Some(before) = before.filter(|id| is_there(*id)) {
            if !takeover {
                terminal.client = Some(before);
                return Err(Error::Busy(format!("console of domain {domain}")));
            }
            consoles.end(before, &End::Closed);
        }
        let client = Client {
            output: Vec::new(),
            end: None,
            bell: backend.bell(),
            wanted: backend.watch(),
        };
        consoles.clients.insert(id, client);
        Ok(id)
    }

    /// Brings consoles up to date with what happened to their guests.
    pub(super) fn settle_consoles(&mut self) {
        for said in std::mem::take(&mut self.machines.console) {
            self.write(said.domain, said.log.as_deref(), said.text.as_bytes());
        }
        let machines = &self.machines;
        let run = |domain| Some(machines.find(domain).ok()?.run.as_ref()?.number);
        self.consoles.close_old(run);
        for (domain, terminal) in &self.consoles.terminals {
            if !terminal.unread.is_empty() && self.machines.find(*domain).is_ok_and(hears) {
                let client = terminal.client.and_then(|it| self.consoles.clients.get(&it));
                client.inspect(|it| it.bell.notify_one());
            }
        }
    }

    fn write(&mut self, domain: Uuid, log: Option<&str>, bytes: &[u8]) {
        if let Some(log) = log {
            self.pool.log(log, bytes);
        }
        self.consoles.deliver(domain, bytes);
    }

    /// Types on a terminal; says how many bytes it took.
    fn type_in(&mut self, domain: Uuid, bytes: &[u8]) -> Result<usize> {
        let machine = self.machines.find(domain)?;
        let terminal = self
            .consoles
            .terminals
            .get_mut(&domain)
            .ok_or_else(|| missing(domain))?;
        if machine.state != DomainState::Running {
            let taken = bytes.len().min(UNREAD.saturating_sub(terminal.unread.len()));
            terminal.unread.extend_from_slice(&bytes[..taken]);
            return Ok(taken);
        }
        if !hears(machine) {
            return Ok(bytes.len()); // It boots: whatever asks for a login will discard what came before.
        }
        let now = self.machines.now;
        let up = machine.run.as_ref().map_or(Duration::ZERO, |run| run.age(now));
        let log = machine.spec.as_ref().map(|spec| spec.log.clone());
        let (mut out, mut deed) = (Vec::new(), None);
        for byte in std::mem::take(&mut terminal.unread).iter().chain(bytes) {
            deed = deed.or(terminal.shell.key(*byte, up, &mut out));
        }
        self.write(domain, log.as_deref(), &out);
        if deed == Some(Deed::PowerOff) {
            self.machines.end(domain, DomainState::Off, Cause::Guest);
            self.collect();
        }
        Ok(bytes.len())
    }

    /// Lets a terminal's shell go on.
    fn go_on(&mut self, domain: Uuid, room: usize, frame_is_due: bool) {
        // What was typed while it was paused comes first.
        if self.type_in(domain, &[]).is_err() {
            return;
        }
        let Ok(machine) = self.machines.find(domain) else {
            return;
        };
        let Some(terminal) = self
            .consoles
            .terminals
            .get_mut(&domain)
            .filter(|_| hears(machine))
        else {
            return;
        };
        let now = self.machines.now;
        let up = machine.run.as_ref().map_or(Duration::ZERO, |run| run.age(now));
        let log = machine.spec.as_ref().map(|spec| spec.log.clone());
        let mut out = Vec::new();
        terminal.shell.go_on(room, frame_is_due, up, &mut out);
        if !out.is_empty() {
            self.write(domain, log.as_deref(), &out);
        }
    }
}

/// A client's end of a terminal.
pub(super) struct Seat {
    pub(super) shared: Arc<Shared>,
    pub(super) domain: Uuid,
    pub(super) client: u64,
    pub(super) next_frame: Instant,
}

impl Seat {
    fn holds_terminal(&self, world: &World) -> bool {
        let terminal = world.consoles.terminals.get(&self.domain);
        terminal.is_some_and(|it| it.client == Some(self.client))
    }
}

impl Line for Seat {
    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let mut world = self.shared.lock();
        world.settle();
        let now = Instant::now();
        let is_waiting = |world: &World| world.consoles.clients.get(&self.client).map(|it| it.output.len());
        if self.holds_terminal(&world) && is_waiting(&world) == Some(0) {
            let frame_is_due = self.next_frame <= now;
            world.go_on(self.domain, buffer.len(), frame_is_due);
            if frame_is_due {
                self.next_frame = now + shell::FRAME;
            }
        }
        if world.closing {
            return Received::Ended(End::Lost("the simulator was dropped".to_owned()));
        }
        let Some(client) = world.consoles.clients.get_mut(&self.client) else {
            return Received::Ended(End::Closed);
        };
        let count = client.output.len().min(buffer.len());
        if count > 0 {
            for (to, from) in buffer.iter_mut().zip(client.output.drain(..count)) {
                *to = from;
            }
            return Received::Bytes(count);
        }
        client.end.clone().map_or(Received::Nothing, Received::Ended)
    }

    fn send(&mut self, bytes: &[u8]) -> std::result::Result<usize, End> {
        let mut world = self.shared.lock();
        world.settle();
        // What a client types who has lost his terminal goes nowhere; he hears of the end next.
        if !self.holds_terminal(&world) {
            return Ok(bytes.len());
        }
        let taken = world.type_in(self.domain, bytes).map_err(|_| End::Closed)?;
        self.shared.post(&mut world);
        Ok(taken)
    }

    fn patience(&self) -> Option<Duration> {
        let world = self.shared.lock();
        let terminal = world.consoles.terminals.get(&self.domain);
        let is_animated = terminal.is_some_and(|it| it.shell.is_animated());
        let acts_by_itself = world
            .machines
            .find(self.domain)
            .is_ok_and(|it| it.look_at.is_some());
        let frame = is_animated.then(|| self.next_frame.saturating_duration_since(Instant::now()));
        let look = acts_by_itself.then_some(LOOK);
        frame.into_iter().chain(look).min()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut world = self.shared.lock();
        world.consoles.clients.remove(&self.client);
        if let Some(terminal) = world.consoles.terminals.get_mut(&self.domain)
            && terminal.client == Some(self.client)
        {
            terminal.client = None;
        }
    }
}

/// Rings all bells: the simulator is being dropped.
pub(super) fn ring(world: &World) {
    for client in world.consoles.clients.values() {
        client.bell.notify_one();
    }
}
