//! System mode's network: libvirt's NAT network, made where a distribution has left it out.

use super::error::{During, failed, if_there, is};
use super::xml::{document, element, empty, find, first, value};
use crate::hypervisor::{Error, NetworkInfo, NetworkKind, Result};
use crate::model::text;
use std::fs;
use std::net::Ipv4Addr;
use virt::connect::Connect;
use virt::error::ErrorNumber;
use virt::network::Network;

/// The network that every libvirt documentation speaks of, and that many packages define.
const DEFAULT: &str = "default";

/// The third number of its customary addresses, 192.168.122.0/24.
const CUSTOMARY: u8 = 122;

fn named(name: &str) -> String {
    format!("network {name}")
}

/// Starts the network where needed, and defines it if it is the default one; says what it did.
pub(super) fn prepare(connect: &Connect, name: &str) -> Result<Vec<String>> {
    let mut done = Vec::new();
    let object = named(name);
    let found = if_there(connect.lookup_network_by_name(name).during("look up", &object))?;
    let network = match found {
        Some(network) => network,
        // Somebody's own network has their own addresses and rules: not ours to invent.
        None if name != DEFAULT => return Err(Error::NotFound(object)),
        None => {
            let third = free_subnet(&taken(connect)?)
                .ok_or_else(|| failed("define", &object, "all of 192.168.0.0/16 is in use on this host"))?;
            let network = connect
                .define_network_xml(&definition(name, third)?)
                .during("define", &object)?;
            done.push(format!("defined {object}: 192.168.{third}.0/24, NAT, DHCP"));
            network
        }
    };
    if !network.is_active().during("state of", &object)? {
        network.create().during("start", &object)?;
        done.push(format!("started {object}"));
    }
    // Whether somebody's own network comes up with the host is theirs to say.
    if name == DEFAULT && !network.autostart().during("autostart of", &object)? {
        network.set_autostart(true).during("autostart of", &object)?;
        done.push(format!("{object} starts with libvirt from now on"));
    }
    Ok(done)
}

/// All networks, by name.
pub(super) fn list(connect: &Connect) -> Result<Vec<NetworkInfo>> {
    let found = connect.list_all_networks(0).during("list", "networks")?;
    let mut networks = Vec::new();
    for network in found {
        let described = network
            .name()
            .and_then(|name| Ok((name, network.is_active()?, network.xml_desc(0)?)));
        let (name, active, xml) = match described {
            // Undefined between the two calls.
            Err(error) if is(&error, ErrorNumber::NoNetwork) => continue,
            described => described.during("describe", "a network")?,
        };
        networks.push(info(name, active, &xml)?);
    }
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(networks)
}

fn info(name: String, active: bool, xml: &str) -> Result<NetworkInfo> {
    let object = named(&name);
    let mode = first(&object, xml, &["network", "forward"])?;
    // Without a mode libvirt takes NAT.
    let mode = mode.map(|it| it.attribute("mode").unwrap_or("nat").to_owned());
    let bridge = first(&object, xml, &["network", "bridge"])?;
    let range = first(&object, xml, &["network", "ip", "dhcp", "range"])?;
    let end = |which| range.as_ref()?.attribute(which)?.parse().ok();
    Ok(NetworkInfo {
        kind: NetworkKind::of_mode(mode.as_deref()),
        active,
        bridge: bridge.and_then(|it| it.attribute("name").map(|it| text::visible(it).into_owned())),
        range: end("start").zip(end("end")),
        name,
    })
}

/// As libvirt's own `default.xml`, only that libvirt picks the next free bridge name.
fn definition(name: &str, third: u8) -> Result<String> {
    let address = |last: u8| Ipv4Addr::new(192, 168, third, last).to_string();
    document(&named(name), |xml| {
        element(xml, "network", &[], |xml| {
            value(xml, "name", name)?;
            empty(xml, "forward", &[("mode", "nat")])?;
            empty(xml, "bridge", &[("stp", "on"), ("delay", "0")])?;
            element(
                xml,
                "ip",
                &[("address", &address(1)), ("netmask", "255.255.255.0")],
                |xml| {
                    element(xml, "dhcp", &[], |xml| {
                        empty(xml, "range", &[("start", &address(2)), ("end", &address(254))])
                    })
                },
            )
        })
    })
}

/// A range of IPv4 addresses: network and mask.
type Range = (u32, u32);

/// The customary subnet, or the next one that no range touches.
fn free_subnet(taken: &[Range]) -> Option<u8> {
    let candidates = (CUSTOMARY..=254).chain(1..CUSTOMARY);
    candidates.into_iter().find(|third| {
        let subnet = u32::from(Ipv4Addr::new(192, 168, *third, 0));
        let mask = u32::from(Ipv4Addr::new(255, 255, 255, 0));
        // Two ranges overlap if they agree in the bits that both masks have.
        taken
            .iter()
            .all(|(network, other)| (network ^ subnet) & mask & other != 0)
    })
}

/// What the host routes and what libvirt's networks, running or not, claim.
fn taken(connect: &Connect) -> Result<Vec<Range>> {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let mut taken = routed(&routes);
    let networks: Vec<Network> = connect.list_all_networks(0).during("list", "networks")?;
    for network in networks {
        let xml = network.xml_desc(0).during("describe", "a network")?;
        for ip in find("a network", &xml, &["network", "ip"])? {
            let part = |name| ip.attribute(name).and_then(|text| text.parse::<Ipv4Addr>().ok());
            let prefix = ip.attribute("prefix").and_then(|bits| bits.parse::<u32>().ok());
            let mask = part("netmask")
                .map(u32::from)
                .or_else(|| prefix.map(|bits| u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0)));
            taken.extend(
                part("address")
                    .zip(mask)
                    .map(|(address, mask)| (u32::from(address) & mask, mask)),
            );
        }
    }
    Ok(taken)
}

/// The ranges of `/proc/net/route`: destination and mask are columns 2 and 8, hexadecimal, in the
/// order of the network, which a little-endian machine reads backwards. The default route is
/// everything and means nothing.
fn routed(table: &str) -> Vec<Range> {
    let range = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |index: usize| {
            let word = u32::from_str_radix(columns.get(index)?, 16).ok()?;
            Some(u32::from_be_bytes(word.to_ne_bytes()))
        };
        Some((number(1)?, number(7)?)).filter(|(_, mask)| *mask != 0)
    };
    table.lines().skip(1).filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t007AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    fn range(text: &str, bits: u32) -> Range {
        let mask = u32::MAX << (32 - bits);
        (u32::from(text.parse::<Ipv4Addr>().unwrap()) & mask, mask)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_are_read_as_the_kernel_writes_them() {
        assert_eq!(
            routed(ROUTES),
            [range("192.168.122.0", 24)],
            "and the default route is none"
        );
    }

    #[test]
    fn the_network_stays_out_of_the_hosts_way() {
        assert_eq!(free_subnet(&[]), Some(122));
        assert_eq!(
            free_subnet(&[range("192.168.122.0", 24), range("192.168.123.128", 25)]),
            Some(124)
        );
        assert_eq!(
            free_subnet(&[range("192.168.0.0", 17), range("192.168.128.0", 18)]),
            Some(192)
        );
        assert_eq!(free_subnet(&[range("192.168.0.0", 16)]), None);
        assert_eq!(free_subnet(&[range("10.0.0.0", 8)]), Some(122));
    }

    #[test]
    fn a_network_is_what_its_definition_says() {
        let ours = info("default".to_owned(), true, &definition("default", 130).unwrap()).unwrap();
        assert_eq!((ours.kind, ours.active), (NetworkKind::Nat, true));
        let range = ours
            .range
            .map(|(first, last)| (first.to_string(), last.to_string()));
        assert_eq!(
            range,
            Some(("192.168.130.2".to_owned(), "192.168.130.254".to_owned()))
        );
        let kind = |inside: &str| {
            let xml = format!("<network><name>x</name>{inside}</network>");
            info("x".to_owned(), false, &xml).unwrap().kind
        };
        assert_eq!(kind(""), NetworkKind::Isolated);
        assert_eq!(kind("<forward/>"), NetworkKind::Nat);
        assert_eq!(
            kind("<forward mode='bridge'/><bridge name='br0'/>"),
            NetworkKind::Bridge
        );
        assert_eq!(kind("<forward mode='open'/>"), NetworkKind::Routed);
        assert_eq!(
            kind("<forward mode='vepa'/>"),
            NetworkKind::Other("vepa".to_owned())
        );
    }

    #[test]
    fn the_default_network_is_nat_with_dhcp() {
        let xml = definition("default", 130).unwrap();
        let ip = first("n", &xml, &["network", "ip"]).unwrap().unwrap();
        assert_eq!(ip.attribute("address"), Some("192.168.130.1"));
        let range = first("n", &xml, &["network", "ip", "dhcp", "range"])
            .unwrap()
            .unwrap();
        assert_eq!(
            (range.attribute("start"), range.attribute("end")),
            (Some("192.168.130.2"), Some("192.168.130.254"))
        );
    }
}
