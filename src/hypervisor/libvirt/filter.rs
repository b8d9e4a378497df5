//! Guests are held to their own addresses: libvirt's filter `clean-traffic` on their taps.
//!
//! It drops what a guest sends with another hardware or IPv4 address than its own, in frames, packets
//! and ARP, and everything that is neither IPv4 nor ARP. Which IPv4 address is a guest's own, libvirt
//! learns: from the network's DHCP server where there is one, so that a guest cannot claim another
//! before; else from what the guest sends first.

use super::error::{During, is};
use super::xml::{Xml, element, empty, first};
use crate::hypervisor::Result;
use std::io;
use std::net::IpAddr;
use virt::connect::Connect;
use virt::error::ErrorNumber;

/// libvirt's name for it; its packages bring it.
const NAME: &str = "clean-traffic";

/// The filter of cards on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// The network's own DHCP server.
    server: Option<IpAddr>,
}

/// The filter for cards on a network; `None` where this libvirt has none.
pub(super) fn of(connect: &Connect, network: &str) -> Result<Option<Filter>> {
    match connect.lookup_nwfilter_by_name(NAME) {
        Ok(_) => {}
        Err(error) if is(&error, ErrorNumber::NoNwfilter) || is(&error, ErrorNumber::NoSupport) => {
            tracing::warn!(
                network,
                "no filter {NAME} in this libvirt: guests are not held to their addresses"
            );
            return Ok(None);
        }
        missing => missing
            .map(drop)
            .during("look up", format_args!("filter {NAME}"))?,
    }
    let object = format!("network {network}");
    let xml = connect
        .lookup_network_by_name(network)
        .and_then(|it| it.xml_desc(0))
        .during("describe", &object)?;
    Ok(Some(Filter {
        server: server(&object, &xml)?,
    }))
}

/// The address of a network's own DHCP server: the bridge's.
fn server(object: &str, xml: &str) -> Result<Option<IpAddr>> {
    if first(object, xml, &["network", "ip", "dhcp"])?.is_none() {
        return Ok(None);
    }
    let ip = first(object, xml, &["network", "ip"])?;
    Ok(ip.and_then(|it| it.attribute("address")?.parse().ok()))
}

impl Filter {
    /// Inside of a card.
    pub fn write(&self, xml: &mut Xml) -> io::Result<()> {
        element(xml, "filterref", &[("filter", NAME)], |xml| match self.server {
            None => Ok(()),
            Some(server) => {
                let learn = [("name", "CTRL_IP_LEARNING"), ("value", "dhcp")];
                empty(xml, "parameter", &learn)?;
                let server = server.to_string();
                empty(xml, "parameter", &[("name", "DHCPSERVER"), ("value", &server)])
            }
        })
    }
}

#[cfg(test)]
impl Filter {
    pub(super) fn with_server(server: Option<IpAddr>) -> Self {
        Self { server }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypervisor::libvirt::xml::{Element, document, find};

    #[test]
    fn an_address_is_learnt_from_the_networks_own_server() {
        let parameters = |server: Option<&str>| -> Vec<(String, String)> {
            let filter = Filter::with_server(server.map(|it| it.parse().unwrap()));
            let xml = document("card", |xml| filter.write(xml)).unwrap();
            let found = find("card", &xml, &["filterref", "parameter"]).unwrap();
            let text = |it: &Element, name: &str| it.attribute(name).unwrap_or_default().to_owned();
            found
                .iter()
                .map(|it| (text(it, "name"), text(it, "value")))
                .collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            parameters(Some("192.168.122.1")),
            [
                pair("CTRL_IP_LEARNING", "dhcp"),
                pair("DHCPSERVER", "192.168.122.1")
            ]
        );
        assert_eq!(parameters(None), [], "there is no server to learn from");
    }

    #[test]
    fn a_networks_own_dhcp_server_is_the_bridges_address() {
        let network = |inside: &str| format!("<network><name>x</name>{inside}</network>");
        let of = |inside: &str| server("x", &network(inside)).unwrap();
        let with = "<ip address='192.168.150.1'><dhcp><range start='a' end='b'/></dhcp></ip>";
        assert_eq!(of(with), Some("192.168.150.1".parse().unwrap()));
        assert_eq!(of("<ip address='192.168.150.1'/>"), None, "it gives none");
        assert_eq!(of("<forward mode='bridge'/><bridge name='br0'/>"), None);
    }
}
