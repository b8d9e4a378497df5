//! Cuts the truth down to what one user may see.

use super::truth::Truth;
use super::{Foreign, Load, Machine, View};
use crate::core::Purse;
use crate::core::policy::{Permission, Relation, allows};
use crate::hypervisor::{Domain, DomainState};
use crate::model::{Operation, Role, UserId, Vm, VmStatus};
use std::collections::HashMap;

/// What `user` in `role` may see of `truth`.
pub fn build(truth: &Truth, user: UserId, role: Role) -> View {
    let relation = |owner: UserId| {
        if owner == user {
            Relation::Own
        } else {
            Relation::Others
        }
    };
    let sees = |owner: UserId| allows(role, Permission::SeeMachine, relation(owner));
    let busy: HashMap<_, &Operation> = truth
        .operations
        .iter()
        .filter_map(|it| Some((it.vm?, it)))
        .collect();
    let machines: Vec<Machine> = truth
        .vms
        .iter()
        .filter(|vm| sees(vm.owner))
        .map(|vm| machine(truth, vm, busy.get(&vm.id).copied()))
        .collect();
    let foreign = if allows(role, Permission::SeeForeign, Relation::Others) {
        truth
            .domains
            .values()
            .filter(|it| !truth.is_ours(it.uuid))
            .map(foreign)
            .collect()
    } else {
        Vec::new()
    };
    let mut view = View {
        health: truth.health.clone(),
        host: truth.host.clone(),
        as_of: truth.as_of,
        keeping: truth.keeping.clone(),
        machines,
        foreign,
        operations: truth
            .operations
            .iter()
            .filter(|it| it.is_everyones() || sees(it.owner))
            .cloned()
            .collect(),
        last_event: truth.last_event,
        prices: truth.prices,
        purse: Purse {
            balance: truth.balances.get(&user).copied().unwrap_or_default(),
            rate: truth.rate_of(user),
        },
        problems: truth.problems(),
    };
    view.machines
        .sort_by(|a, b| (&a.owner, &a.vm.name).cmp(&(&b.owner, &b.vm.name)));
    view.foreign
        .sort_by(|a, b| (&a.name, a.uuid).cmp(&(&b.name, b.uuid)));
    view
}

fn machine(truth: &Truth, vm: &Vm, operation: Option<&Operation>) -> Machine {
    let domain = truth.domains.get(&vm.uuid);
    let (status, reason) = match truth.as_of {
        Some(_) => status(vm, domain.map(|it| it.state)),
        None => (vm.status, vm.reason.clone()),
    };
    // A guest that never became ready is in error and runs all the same.
    let on =
        matches!(status, VmStatus::Running | VmStatus::Paused | VmStatus::Pending) || vm.unready.is_some();
    let mut vm = vm.clone();
    // The row is settled a moment later: nobody is to try an address that somebody else may get next.
    vm.address = vm.address.filter(|_| on);
    Machine {
        owner: truth
            .names
            .get(&vm.owner)
            .cloned()
            .unwrap_or_else(|| format!("user {}", vm.owner)),
        status,
        reason,
        load: load(truth.loads.get(&vm.uuid), on),
        operation: operation.cloned(),
        forwards: truth.forwards.get(&vm.id).cloned().unwrap_or_default(),
        vm,
    }
}

/// What a machine does; of one that is off, what its disk takes.
fn load(load: Option<&Load>, on: bool) -> Load {
    match load {
        Some(load) if on => load.clone(),
        off => Load {
            disk_allocated: off.and_then(|it| it.disk_allocated),
            ..Load::default()
        },
    }
}

fn foreign(domain: &Domain) -> Foreign {
    Foreign {
        name: domain.name.clone(),
        uuid: domain.uuid,
        state: domain.state,
        vcpus: domain.vcpus,
        memory_mib: domain.memory_mib,
    }
}

/// A machine's status and a remark, from its row and its domain as libvirt shows it now. Being
/// created, being destroyed and never having become ready are twarga's own; everything else is
/// libvirt's to say.
pub fn status(vm: &Vm, domain: Option<DomainState>) -> (VmStatus, Option<String>) {
    if matches!(vm.status, VmStatus::Pending | VmStatus::Destroying) {
        return (vm.status, None);
    }
    let Some(domain) = domain else {
        let reason = "its domain is gone from libvirt; destroy the machine to remove what is left of it";
        return (VmStatus::Error, Some(reason.to_owned()));
    };
    match domain {
        DomainState::Running | DomainState::ShuttingDown | DomainState::Off | DomainState::Crashed
            if vm.unready.is_some() =>
        {
            (VmStatus::Error, vm.unready.clone())
        }
        DomainState::Running => (VmStatus::Running, None),
        DomainState::ShuttingDown => (VmStatus::Running, Some("the guest is shutting down".to_owned())),
        DomainState::Paused => (VmStatus::Paused, None),
        DomainState::PausedOnError => {
            let reason = "disk full: QEMU paused it because the host's disk is full or failed; make room on the host, then resume it";
            (VmStatus::Paused, Some(reason.to_owned()))
        }
        DomainState::Off => (VmStatus::Stopped, None),
        DomainState::Crashed => (
            VmStatus::Error,
            Some("the guest crashed; start it again, or look at its console log".to_owned()),
        ),
    }
}
