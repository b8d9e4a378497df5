//! Session mode's way in: ports of the host's loopback that lead to a guest's.
//!
//! QEMU's user-mode network takes forwards only through its monitor (libvirt's XML for them needs
//! passt), and forgets them when the guest powers off.

use super::error::{During, failed};
use super::lifecycle;
use crate::hypervisor::{DomainState, Error, Forward, Protocol, Result};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt_sys as sys;

/// Makes a port of 127.0.0.1 lead to the guest's, unless it does.
pub(super) fn add(connect: &Connect, uuid: Uuid, forward: Forward) -> Result<()> {
    let domain = lifecycle::domain(connect, uuid)?;
    if lifecycle::state(&domain, uuid)? == DomainState::Off {
        return Err(Error::Conflict(format!("domain {uuid} is not running")));
    }
    if is_forwarded(&monitor(&domain, uuid, "info usernet")?, forward) {
        return Ok(());
    }
    // Words of our own and numbers only, so nothing can break out of the command.
    let command = format!("hostfwd_add {}-:{}", place(forward), forward.guest);
    let answer = monitor(&domain, uuid, &command)?;
    match answer.trim() {
        "" => Ok(()),
        // Older QEMUs begin with a small letter.
        refusal
            if refusal
                .to_ascii_lowercase()
                .contains("could not set up host forwarding rule") =>
        {
            let port = forward.host;
            Err(Error::Conflict(format!("port {port} of 127.0.0.1 is taken")))
        }
        refusal => Err(failed("forward", format_args!("domain {uuid}"), refusal)),
    }
}

/// Takes a forward back, unless it is gone. Connections that stand go on.
pub(super) fn remove(connect: &Connect, uuid: Uuid, forward: Forward) -> Result<()> {
    let domain = lifecycle::domain(connect, uuid)?;
    if lifecycle::state(&domain, uuid)? == DomainState::Off
        || !is_forwarded(&monitor(&domain, uuid, "info usernet")?, forward)
    {
        return Ok(());
    }
    let answer = monitor(&domain, uuid, &format!("hostfwd_remove {}", place(forward)))?;
    match answer.trim() {
        "" => Ok(()),
        words if words.ends_with("removed") || words.ends_with("not found") => Ok(()),
        refusal => Err(failed("unforward", format_args!("domain {uuid}"), refusal)),
    }
}

/// Whether a port of 127.0.0.1 is free: nobody listens on it, there or on all addresses.
pub(super) fn is_free(protocol: Protocol, port: u16) -> Result<bool> {
    let address = (Ipv4Addr::LOCALHOST, port);
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind(address).map(drop),
        Protocol::Udp => UdpSocket::bind(address).map(drop),
    };
    match bound {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(failed("look at", format_args!("port {port} of 127.0.0.1"), error)),
    }
}

/// As QEMU names the host's end.
fn place(forward: Forward) -> String {
    format!("{}:{}:{}", forward.protocol, Ipv4Addr::LOCALHOST, forward.host)
}

fn monitor(domain: &Domain, uuid: Uuid, command: &str) -> Result<String> {
    domain
        .qemu_monitor_command(command, sys::VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
        .during("forward", format_args!("domain {uuid}"))
}

/// Whether QEMU's table of connections has the forward. Its columns: protocol with state,
/// descriptor, source, source port, destination, destination port, two queues.
fn is_forwarded(table: &str, forward: Forward) -> bool {
    let kind = match forward.protocol {
        Protocol::Tcp => "TCP[HOST_FORWARD]",
        Protocol::Udp => "UDP[HOST_FORWARD]",
    };
    table.lines().any(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        columns.first() == Some(&kind)
            && columns.get(2) == Some(&"127.0.0.1")
            && columns.get(3) == Some(&forward.host.to_string().as_str())
            && columns.get(5) == Some(&forward.guest.to_string().as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As QEMU 7.2 says it.
    const TABLE: &str = "Hub -1 (hostnet0):\r\n\
        \x20 Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n\
        \x20 TCP[HOST_FORWARD]  33       127.0.0.1 22022       10.0.2.15    22     0     0\r\n\
        \x20 TCP[ESTABLISHED]   34       127.0.0.1 22023       10.0.2.15    22     0     0\r\n\
        \x20 UDP[HOST_FORWARD]  36       127.0.0.1  5353       10.0.2.15    53     0     0\r\n\
        \x20 TCP[HOST_FORWARD]  35       127.0.0.1 22024       10.0.2.15    80     0     0\r\n";

    #[test]
    fn a_forward_is_recognised_and_not_mistaken() {
        let has = |forward| is_forwarded(TABLE, forward);
        assert!(has(Forward::ssh(22022)));
        assert!(!has(Forward::ssh(22023)), "a connection is no forward");
        assert!(!has(Forward::ssh(22024)), "not to SSH");
        assert!(!has(Forward::ssh(2202)), "another port");
        let dns = |protocol| Forward {
            protocol,
            host: 5353,
            guest: 53,
        };
        assert!(has(dns(Protocol::Udp)));
        assert!(!has(dns(Protocol::Tcp)), "another protocol");
    }

    #[test]
    fn a_port_that_somebody_has_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(is_free(Protocol::Tcp, port), Ok(false));
        drop(listener);
        assert_eq!(is_free(Protocol::Tcp, port), Ok(true));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(is_free(Protocol::Udp, port), Ok(false));
    }
}
