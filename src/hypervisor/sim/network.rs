//! Addresses of a simulated network, and forwarded ports.

use super::machines::{Machines, conflict};
use crate::hypervisor::{Address, AddressSource, Error, Forward, NetworkInfo, NetworkKind, Protocol, Result};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use uuid::Uuid;

/// Addresses handed out, by number; the lowest free one goes next.
#[derive(Default)]
pub(super) struct Leases {
    used: u32,
    returned: BTreeSet<u32>,
}

impl Leases {
    pub(super) fn take(&mut self) -> u32 {
        self.returned.pop_first().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    pub(super) fn give_back(&mut self, lease: u32) {
        self.returned.insert(lease);
    }
}

/// 192.168.122.2 to .254 as in libvirt's default network; more guests than that go to 10/8.
fn address(lease: u32) -> Ipv4Addr {
    match u8::try_from(lease) {
        Ok(host) if host < 253 => Ipv4Addr::new(192, 168, 122, host + 2),
        _ => Ipv4Addr::from_bits(Ipv4Addr::new(10, 64, 0, 0).to_bits() | (lease & 0x003f_ffff)),
    }
}

/// The host's networks: `default`, and one that leads nowhere.
pub(super) struct Networks {
    active: BTreeSet<&'static str>,
}

impl Networks {
    pub(super) fn new() -> Self {
        Self {
            active: BTreeSet::new(),
        }
    }

    pub(super) fn list(&self) -> Vec<NetworkInfo> {
        let address = |third, last| IpAddr::V4(Ipv4Addr::new(192, 168, third, last));
        let network = |(name, kind, bridge, third): (&str, NetworkKind, &str, u8)| NetworkInfo {
            name: name.to_owned(),
            kind,
            active: self.active.contains(name),
            bridge: Some(bridge.to_owned()),
            range: Some((address(third, 2), address(third, 254))),
        };
        [
            ("default", NetworkKind::Nat, "virbr0", 122),
            ("lab", NetworkKind::Isolated, "virbr1", 150),
        ]
        .map(network)
        .to_vec()
    }

    pub(super) fn is_active(&self, name: &str) -> bool {
        self.active.contains(name)
    }

    /// Starts one; whether it was not.
    pub(super) fn start(&mut self, name: &str) -> Result<bool> {
        let known = ["default", "lab"].into_iter().find(|it| *it == name);
        let known = known.ok_or_else(|| Error::NotFound(format!("network {name}")))?;
        Ok(self.active.insert(known))
    }
}

impl Machines {
    /// A guest's addresses: none until it is up, and none that its host could tell in the
    /// user-mode network.
    pub(super) fn addresses(&self, domain: Uuid) -> Result<Vec<Address>> {
        let machine = self.find(domain)?;
        let known = machine
            .lease
            .filter(|_| machine.guest.address && machine.is_up(self.now));
        let leased = |lease| Address {
            ip: IpAddr::V4(address(lease)),
            source: AddressSource::Lease,
        };
        Ok(known.map(leased).into_iter().collect())
    }

    /// Forwards a port of the host to a guest that is on.
    pub(super) fn forward(&mut self, domain: Uuid, forward: Forward) -> Result<()> {
        let machine = self.find(domain)?;
        if machine.run.is_none() {
            return Err(conflict(machine, "does not run"));
        }
        let port = (forward.protocol, forward.host);
        match self.ports.get(&port) {
            Some(taker) if *taker == Some((domain, forward.guest)) => Ok(()),
            Some(_) => Err(Error::Conflict(format!("port {} is taken", forward.host))),
            None => {
                self.ports.insert(port, Some((domain, forward.guest)));
                Ok(())
            }
        }
    }

    /// Takes a forward back.
    pub(super) fn unforward(&mut self, domain: Uuid, forward: Forward) -> Result<()> {
        self.find(domain)?;
        let port = (forward.protocol, forward.host);
        if self.ports.get(&port) == Some(&Some((domain, forward.guest))) {
            self.ports.remove(&port);
        }
        Ok(())
    }

    /// Whether nobody has a port of the host.
    pub(super) fn is_port_free(&self, protocol: Protocol, port: u16) -> bool {
        !self.ports.contains_key(&(protocol, port))
    }

    /// Another program of the host takes or gives back a TCP port.
    pub(super) fn occupy(&mut self, port: u16, occupied: bool) {
        let port = (Protocol::Tcp, port);
        if occupied {
            self.ports.insert(port, None);
        } else {
            self.ports.remove(&port);
        }
    }
}
