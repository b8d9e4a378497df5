//! A hypervisor that exists only in memory: for `twarga --demo`, and for tests that must hold
//! time, load and misfortune in their hands.
//!
//! A [`Sim`] is made from a [`Script`] (clock, seed, how guests behave) and lives as long as its
//! value: two cores that share one `Arc<Sim>` see one hypervisor. It is as strict as libvirt:
//! pool and network must be prepared, a domain starts only if its volumes exist, an undefined
//! domain that runs stays until it powers off, a forwarded port ends with its run.
//!
//! - **Time** comes from the script's clock. Guests do what they do (boot, shut down, crash) at
//!   their own moments, however rarely anything looks, and counters are pure functions of seed
//!   and age (see `load.rs`). Only waits of a calling thread (latency, the rate of uploads) are real
//!   time.
//! - **Misfortune**: [`Sim::fail`] plans faults of single calls, before or after they take effect;
//!   [`Sim::hang`] holds calls until [`Sim::release`]; [`Sim::go_away`] is a daemon that died;
//!   [`Sim::set_disk_full`] fills the pool. [`Sim::outside`] is somebody with `virsh`.
//! - **Looking**: [`Sim::inventory`] is everything that could be orphaned, [`Sim::calls`] the
//!   calls made.
//! - **Listeners** are told on one thread of their own, never under the lock, within 20 ms of
//!   real time after a guest's own act and at once after anybody else's. Changes that wait are
//!   told once.
//!
//! Nothing here is random to a second run, and nothing touches the host.

mod calls;
mod console;
pub mod demo;
mod driver;
mod load;
mod machine;
mod machines;
mod network;
mod outbox;
mod outside;
mod pool;
mod power;
mod random;
mod script;
mod shell;

pub use calls::{Call, Fault, Moment, Record};
pub use outside::Outside;
pub use script::{Casting, Clock, Guest, Load, Pace, Script};

use super::{Change, Error, Result};
use crate::model::text;
use calls::{Faults, Gates, Journal, Struck};
use machines::Machines;
use outbox::Outbox;
use pool::Pool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The simulated hypervisor.
pub struct Sim {
    shared: Arc<Shared>,
}

/// Everything that a test may have left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Names of domains, twarga's and foreign ones, in order.
    pub domains: Vec<String>,
    /// Names of volumes, logs among them, in order.
    pub volumes: Vec<String>,
    /// Forwarded ports with their domains, in order.
    pub ports: Vec<(u16, Uuid)>,
}

/// What the simulator's threads share.
struct Shared {
    world: Mutex<World>,
    /// Something of the world changed that a thread may wait for.
    changed: Condvar,
}

/// The whole state.
struct World {
    script: Script,
    machines: Machines,
    pool: Pool,
    networks: network::Networks,
    uuids: random::Uuids,
    faults: Faults,
    gates: Gates,
    journal: Journal,
    /// Why the hypervisor cannot be reached, if it cannot.
    away: Option<String>,
    outbox: Outbox,
    consoles: console::Consoles,
    closing: bool,
}

impl World {
    /// Lets guests do what they were to do by now.
    fn settle(&mut self) {
        let now = (self.script.clock)();
        self.machines.settle(now);
        self.collect();
    }

    /// Hands on what guests wrote and what changed. Without a connection nobody hears of it.
    fn collect(&mut self) {
        self.settle_consoles();
        let changes = std::mem::take(&mut self.machines.changes);
        if self.away.is_none() {
            self.outbox.add(changes);
        }
    }

    fn check_reachable(&self) -> Result<()> {
        match &self.away {
            None => Ok(()),
            Some(reason) => Err(Error::Unavailable {
                uri: self.script.host.uri.clone(),
                reason: reason.clone(),
            }),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        // A test that panicked in a closure of its own has not broken the world.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, world: MutexGuard<'a, World>) -> MutexGuard<'a, World> {
        self.changed.wait(world).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'a>(&self, world: MutexGuard<'a, World>, time: Duration) -> MutexGuard<'a, World> {
        let woken = self.changed.wait_timeout(world, time);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes who waits for a change of the world.
    fn post(&self, world: &mut World) {
        world.collect();
        self.changed.notify_all();
    }

    /// Lets the calling thread wait so long, unless the pace makes it instant.
    fn take_time<'a>(&self, mut world: MutexGuard<'a, World>, time: Duration) -> MutexGuard<'a, World> {
        let begun = Instant::now();
        while world.machines.pace == Pace::Scripted {
            let left = time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            world = self.wait_for(world, left);
        }
        world
    }

    /// Holds the calling thread while its call hangs.
    fn pass_gate<'a>(
        &self,
        mut world: MutexGuard<'a, World>,
        call: Call,
        moment: Moment,
    ) -> MutexGuard<'a, World> {
        if !world.gates.is_closed(call, moment) {
            return world;
        }
        world.gates.arrive(call);
        self.changed.notify_all();
        while world.gates.is_closed(call, moment) {
            world = self.wait(world);
        }
        world.gates.depart(call);
        world
    }

    /// Begins a call: notes it, lets it take its time, hang and fail.
    fn enter(&self, call: Call, object: &str) -> Result<(MutexGuard<'_, World>, Option<Struck>)> {
        let mut world = self.lock();
        world.journal.note(call, object);
        let struck = world.faults.strike(call, object);
        let latency = world.script.latency;
        world = self.take_time(world, latency);
        world = self.pass_gate(world, call, Moment::Before);
        world.settle();
        world.check_reachable()?;
        let in_upload = |struck: &Struck| call == Call::Upload && struck.moment == Moment::Midway;
        match struck {
            Some(struck) if struck.moment != Moment::After && !in_upload(&struck) => Err(struck.error),
            struck => Ok((world, struck)),
        }
    }

    /// Ends a call that took effect, or not.
    fn leave<T>(
        &self,
        mut world: MutexGuard<'_, World>,
        call: Call,
        struck: Option<Struck>,
        result: Result<T>,
    ) -> Result<T> {
        self.post(&mut world);
        drop(self.pass_gate(world, call, Moment::After));
        match struck {
            Some(struck) if result.is_ok() => Err(struck.error),
            _ => result,
        }
    }
}

impl Sim {
    /// Makes a hypervisor without domains, whose pool and network are not prepared.
    pub fn new(script: Script) -> Self {
        let world = World {
            machines: Machines::new(script.seed, Arc::clone(&script.guests), (script.clock)()),
            pool: Pool::new(script.pool_capacity),
            networks: network::Networks::new(),
            uuids: random::Uuids::new(script.seed),
            faults: Faults::default(),
            gates: Gates::default(),
            journal: Journal::default(),
            away: None,
            outbox: Outbox::default(),
            consoles: console::Consoles::default(),
            closing: false,
            script,
        };
        Self {
            shared: Arc::new(Shared {
                world: Mutex::new(world),
                changed: Condvar::new(),
            }),
        }
    }

    /// Plans a fault of a call.
    pub fn fail(&self, call: Call, fault: Fault) {
        self.shared.lock().faults.plan(call, fault);
    }

    /// Takes back all planned faults.
    pub fn mend(&self) {
        self.shared.lock().faults.clear();
    }

    /// From now on this call hangs before it takes effect; after the release it goes on.
    pub fn hang(&self, call: Call) {
        self.shared.lock().gates.close(call, Moment::Before);
    }

    /// From now on this call takes effect and hangs then.
    pub fn hang_after(&self, call: Call) {
        self.shared.lock().gates.close(call, Moment::After);
    }

    /// From now on an upload hangs in its middle, and one that is under way does so, too.
    pub fn hang_uploads_midway(&self) {
        self.shared.lock().gates.close(Call::Upload, Moment::Midway);
    }

    /// Every call hangs, as with a daemon that was stopped.
    pub fn freeze(&self) {
        let mut world = self.shared.lock();
        for call in Call::ALL {
            world.gates.close(*call, Moment::Before);
        }
    }

    /// Lets all hanging calls go on.
    pub fn release(&self) {
        self.shared.lock().gates.open();
        self.shared.changed.notify_all();
    }

    /// Waits until `count` calls of this kind hang; says whether they did within `patience`.
    pub fn wait_until_hung(&self, call: Call, count: usize, patience: Duration) -> bool {
        let world = self.shared.lock();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(world, patience, |world| world.gates.waiting(call) < count);
        let (world, _) = waited.unwrap_or_else(PoisonError::into_inner);
        world.gates.waiting(call) >= count
    }

    /// Fills the pool's file system to the brim, or makes room again.
    pub fn set_disk_full(&self, full: bool) {
        self.shared.lock().pool.set_full(full);
    }

    /// The hypervisor cannot be reached any more; its guests go on.
    pub fn go_away(&self, reason: &str) {
        let mut world = self.shared.lock();
        world.settle();
        let reason = text::visible(reason).into_owned();
        world.consoles.lose(&reason);
        if world.away.replace(reason).is_none() {
            world.outbox.add([Change::Disconnected]);
        }
        self.shared.post(&mut world);
    }

    /// It can be reached again.
    pub fn come_back(&self) {
        let mut world = self.shared.lock();
        // What happened meanwhile is not told one by one: a new connection has not seen it.
        world.settle();
        if world.away.take().is_some() {
            world.outbox.add([Change::Connected]);
        }
        self.shared.post(&mut world);
    }

    /// Sets whether waits and boots take their time. A call that waits notices at once; a guest
    /// that boots already takes the time that it began with.
    pub fn set_pace(&self, pace: Pace) {
        self.shared.lock().machines.pace = pace;
        self.shared.changed.notify_all();
    }

    /// Lets the domain of that name behave so: one to come from the beginning, one that exists
    /// as to its address and the power button at once, for the rest from its next start on.
    pub fn behave(&self, name: &str, guest: Guest) {
        self.shared.lock().machines.behave(name, guest);
    }

    /// Acts on the machines as somebody else.
    pub fn outside(&self) -> Outside<'_> {
        Outside { sim: self }
    }

    /// Domains, volumes and ports that exist now.
    pub fn inventory(&self) -> Inventory {
        let mut world = self.shared.lock();
        world.settle();
        let mut domains: Vec<String> = world
            .machines
            .iter()
            .map(|machine| machine.name.clone())
            .collect();
        domains.sort_unstable();
        Inventory {
            domains,
            volumes: world.pool.names(),
            ports: world.machines.ports().collect(),
        }
    }

    /// The last 10,000 calls, in the order in which they arrived, hanging and failed ones too.
    pub fn calls(&self) -> Vec<Record> {
        self.shared.lock().journal.records()
    }

    /// How many calls of this kind were ever made.
    pub fn count(&self, call: Call) -> u64 {
        self.shared.lock().journal.count(call)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let mut world = self.shared.lock();
        world.closing = true;
        console::ring(&world);
        drop(world);
        self.shared.changed.notify_all();
    }
}
