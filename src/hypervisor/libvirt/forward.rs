//! Session mode's way in: a port of the host's loopback that leads to a guest's SSH.
//!
//! QEMU's user-mode network takes forwards only through its monitor (libvirt's XML for them needs
//! passt), and forgets them when the guest powers off.

use super::error::During;
use super::lifecycle;
use crate::hypervisor::{DomainState, Error, Result};
use std::net::Ipv4Addr;
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt_sys as sys;

/// The guest's port.
const SSH: u16 = 22;

/// Makes 127.0.0.1:`port` lead to the guest's SSH, unless it does.
pub(super) fn ssh(connect: &Connect, uuid: Uuid, port: u16) -> Result<()> {
    let domain = lifecycle::domain(connect, uuid)?;
    if lifecycle::state(&domain, uuid)? == DomainState::Off {
        return Err(Error::Conflict(format!("domain {uuid} is not running")));
    }
    if is_forwarded(&monitor(&domain, uuid, "info usernet")?, port) {
        return Ok(());
    }
    // Numbers only, so nothing can break out of the command.
    let answer = monitor(
        &domain,
        uuid,
        &format!("hostfwd_add tcp:{}:{port}-:{SSH}", Ipv4Addr::LOCALHOST),
    )?;
    match answer.trim() {
        "" => Ok(()),
        // Older QEMUs begin with a small letter.
        refusal
            if refusal
                .to_ascii_lowercase()
                .contains("could not set up host forwarding rule") =>
        {
            Err(Error::Conflict(format!("port {port} of 127.0.0.1 is taken")))
        }
        refusal => Err(super::error::failed(
            "forward_ssh",
            format_args!("domain {uuid}"),
            refusal,
        )),
    }
}

fn monitor(domain: &Domain, uuid: Uuid, command: &str) -> Result<String> {
    domain
        .qemu_monitor_command(command, sys::VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
        .during("forward_ssh", format_args!("domain {uuid}"))
}

/// Whether QEMU's table of connections has the forward. Its columns: protocol with state,
/// descriptor, source, source port, destination, destination port, two queues.
fn is_forwarded(table: &str, port: u16) -> bool {
    table.lines().any(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        columns.first() == Some(&"TCP[HOST_FORWARD]")
            && columns.get(2) == Some(&"127.0.0.1")
            && columns.get(3) == Some(&port.to_string().as_str())
            && columns.get(5) == Some(&SSH.to_string().as_str())
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
        \x20 TCP[HOST_FORWARD]  35       127.0.0.1 22024       10.0.2.15    80     0     0\r\n";

    #[test]
    fn a_forward_is_recognised_and_not_mistaken() {
        assert!(is_forwarded(TABLE, 22022));
        assert!(!is_forwarded(TABLE, 22023), "a connection is no forward");
        assert!(!is_forwarded(TABLE, 22024), "not to SSH");
        assert!(!is_forwarded(TABLE, 2202), "another port");
    }
}
