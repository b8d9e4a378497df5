//! Where a guest can be reached: its network's lease, its agent's word, the host's ARP table.

use super::domain_xml::AGENT;
use super::error::During;
use super::xml::find;
use super::{ffi, lifecycle};
use crate::hypervisor::{Address, AddressSource, DomainState, Result};
use std::net::IpAddr;
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt_sys as sys;

/// Seconds an agent has to answer. It runs in the guest, which may do what it likes.
const AGENT_SECONDS: i32 = 2;

/// A guest's addresses from the best source that knows any.
pub(super) fn addresses(connect: &Connect, uuid: Uuid) -> Result<Vec<Address>> {
    let domain = lifecycle::domain(connect, uuid)?;
    if lifecycle::state(&domain, uuid)? == DomainState::Off {
        return Ok(Vec::new());
    }
    let leased = ask(&domain, uuid, AddressSource::Lease);
    if !leased.is_empty() {
        return Ok(leased);
    }
    if has_agent(&domain, uuid)? {
        // Refused by older libvirts, which then wait for their own time.
        let _ = ffi::limit_agent(&domain, AGENT_SECONDS);
        let told = ask(&domain, uuid, AddressSource::Agent);
        if !told.is_empty() {
            return Ok(told);
        }
    }
    Ok(ask(&domain, uuid, AddressSource::Arp))
}

/// Whether the guest's agent answers a question.
pub(super) fn agent_answers(connect: &Connect, uuid: Uuid) -> Result<bool> {
    let domain = lifecycle::domain(connect, uuid)?;
    if lifecycle::state(&domain, uuid)? != DomainState::Running || !has_agent(&domain, uuid)? {
        return Ok(false);
    }
    let _ = ffi::limit_agent(&domain, AGENT_SECONDS);
    Ok(ffi::interface_addresses(&domain, sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT).is_ok())
}

/// What one source knows. A source that fails knows nothing: the next may.
fn ask(domain: &Domain, uuid: Uuid, source: AddressSource) -> Vec<Address> {
    let number = match source {
        AddressSource::Lease => sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
        AddressSource::Agent => sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
        AddressSource::Arp => sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
    };
    match ffi::interface_addresses(domain, number) {
        Ok(texts) => reachable(&texts, source),
        Err(error) => {
            tracing::debug!(domain = %uuid, source = source.as_str(), error = %super::error::words(&error),
                "no addresses from here");
            Vec::new()
        }
    }
}

/// Whether the guest's agent holds its end of the channel. Asking one that does not would wait.
fn has_agent(domain: &Domain, uuid: Uuid) -> Result<bool> {
    let xml = domain
        .xml_desc(0)
        .during("describe", format_args!("domain {uuid}"))?;
    let channels = find("domain", &xml, &["domain", "devices", "channel", "target"])?;
    Ok(channels.iter().any(|target| {
        target.attribute("name") == Some(AGENT) && target.attribute("state") == Some("connected")
    }))
}

/// Those that lead to the guest from outside, IPv4 first; a guest's agent may say anything.
fn reachable(texts: &[String], source: AddressSource) -> Vec<Address> {
    let mut ips: Vec<IpAddr> = texts
        .iter()
        .filter_map(|text| text.parse().ok())
        .filter(|ip| leads_somewhere(*ip))
        .collect();
    ips.sort_by_key(IpAddr::is_ipv6);
    ips.dedup();
    ips.into_iter().map(|ip| Address { ip, source }).collect()
}

fn leads_somewhere(ip: IpAddr) -> bool {
    let odd = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast();
    !odd && match ip {
        IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_lead_to_the_guest_count() {
        let told = [
            "127.0.0.1",
            "::1",
            "fe80::1",
            "169.254.3.4",
            "2001:db8::5",
            "192.168.122.9",
            "0.0.0.0",
            "x\x1b[2J",
        ];
        let told: Vec<String> = told.map(String::from).to_vec();
        let ips: Vec<String> = reachable(&told, AddressSource::Agent)
            .iter()
            .map(|address| address.ip.to_string())
            .collect();
        assert_eq!(ips, ["192.168.122.9", "2001:db8::5"]);
    }
}
