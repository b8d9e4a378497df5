//! Power: what starts, stops, halts and crashes a simulated domain.

use super::machine::{Run, later};
use super::machines::{Machines, conflict};
use super::random;
use super::script::Pace;
use crate::hypervisor::{DomainState, Result};
use std::time::Duration;
use uuid::Uuid;

/// What ended a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody outside the guest.
    Command,
    /// The guest.
    Guest,
}

impl Machines {
    /// Powers on. Nothing happens to a domain that runs.
    pub(super) fn start(&mut self, domain: Uuid) -> Result<()> {
        let machine = self.find(domain)?;
        match machine.state {
            DomainState::Running => Ok(()),
            DomainState::Off | DomainState::Crashed => {
                self.begin(domain);
                Ok(())
            }
            _ => Err(conflict(machine, "is not powered off")),
        }
    }

    /// Begins a run.
    pub(super) fn begin(&mut self, domain: Uuid) {
        let (now, pace, seed) = (self.now, self.pace, random::of_uuid(self.seed, domain));
        let Ok(machine) = self.find(domain) else {
            return;
        };
        let guest = self.cast(&machine.name);
        let needs_lease = guest.address && machine.lease.is_none() && !machine.is_on_user_network();
        let lease = needs_lease.then(|| self.leases.take());
        self.runs += 1;
        let run = Run::new(self.runs, now, seed, &guest, pace);
        if let Ok(machine) = self.get(domain) {
            machine.state = DomainState::Running;
            machine.back_at = None;
            machine.lease = machine.lease.or(lease);
            machine.guest = guest;
            machine.run = Some(run);
        }
        self.changed(domain);
    }

    /// Ends a run.
    pub(super) fn end(&mut self, domain: Uuid, state: DomainState, cause: Cause) {
        let now = self.now;
        self.ports
            .retain(|_, taker| taker.is_none_or(|it| it.0 != domain));
        let Ok(machine) = self.get(domain) else {
            return;
        };
        machine.disk_allocated = machine.allocated(now);
        machine.run = None;
        machine.state = state;
        let back_after = machine.guest.back_after.filter(|_| cause == Cause::Guest);
        machine.back_at = back_after.map(|wait| later(now, wait.max(Duration::from_secs(1))));
        if machine.transient {
            self.forget(domain);
        }
        self.changed(domain);
    }

    /// Presses the power button: heard once the guest is up, obeyed if it is that kind of guest.
    pub(super) fn shut_down(&mut self, domain: Uuid) -> Result<()> {
        let (now, pace) = (self.now, self.pace);
        let machine = self.get(domain)?;
        match (machine.state, machine.run.as_mut()) {
            (DomainState::Running, Some(run)) => {
                let Some(wait) = machine.guest.shutdown else {
                    return Ok(());
                };
                let wait = if pace == Pace::Instant {
                    Duration::ZERO
                } else {
                    wait
                };
                let off_at = run.age(now).max(run.up_at) + wait;
                run.off_at = Some(run.off_at.map_or(off_at, |planned| planned.min(off_at)));
            }
            (DomainState::Off | DomainState::Crashed | DomainState::ShuttingDown, _) => return Ok(()),
            _ => return Err(conflict(machine, "is paused: its guest cannot hear")),
        }
        self.plan(domain);
        self.settle(now);
        Ok(())
    }

    /// Cuts the power.
    pub(super) fn force_off(&mut self, domain: Uuid) -> Result<()> {
        if self.find(domain)?.state != DomainState::Off {
            self.end(domain, DomainState::Off, Cause::Command);
        }
        Ok(())
    }

    /// Halts the processors.
    pub(super) fn pause(&mut self, domain: Uuid) -> Result<()> {
        match self.find(domain)?.state {
            DomainState::Paused => Ok(()),
            _ => self.halt(domain, DomainState::Paused),
        }
    }

    /// Halts the processors for a reason: paused by a user, or on an error.
    pub(super) fn halt(&mut self, domain: Uuid, state: DomainState) -> Result<()> {
        let now = self.now;
        let machine = self.get(domain)?;
        match machine.run.as_mut() {
            Some(run) => run.pause(now),
            None => return Err(conflict(machine, "does not run")),
        }
        machine.state = state;
        self.changed(domain);
        Ok(())
    }

    /// Lets the processors go on.
    pub(super) fn resume(&mut self, domain: Uuid) -> Result<()> {
        let now = self.now;
        let machine = self.get(domain)?;
        match (machine.state, machine.run.as_mut()) {
            (DomainState::Running, _) => return Ok(()),
            (DomainState::Paused | DomainState::PausedOnError, Some(run)) => run.resume(now),
            _ => return Err(conflict(machine, "is not paused")),
        }
        machine.state = DomainState::Running;
        self.changed(domain);
        Ok(())
    }

    /// The guest crashes.
    pub(super) fn crash(&mut self, domain: Uuid) -> Result<()> {
        match self.find(domain)?.run {
            Some(_) => self.end(domain, DomainState::Crashed, Cause::Guest),
            None => return Err(conflict(self.find(domain)?, "does not run")),
        }
        Ok(())
    }

    /// Makes a run look as if it had begun earlier.
    pub(super) fn backdate(&mut self, domain: Uuid, by: Duration) -> Result<()> {
        let machine = self.get(domain)?;
        match machine.run.as_mut() {
            Some(run) => run.backdate(by),
            None => return Err(conflict(machine, "does not run")),
        }
        Ok(())
    }
}
