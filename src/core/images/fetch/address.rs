//! Where a download may go: which addresses are asked, which redirects are followed, and which
//! computers are connected to.
//!
//! A catalogue entry, a mirror or a redirect is somebody else's word. Whoever wrote it must not
//! make this host talk to what only this host can reach: its own services, its neighbours, a
//! cloud's metadata. So the rule is checked where it counts, on the addresses a name resolved to,
//! by the resolver that the connection uses.

use super::error::Refusal;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use url::{Host, Url};

/// Whose word an address is, and so what it may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// From a catalogue that came from elsewhere: public computers only.
    Public,
    /// From what the operator wrote: this host and private networks, too, but never link-local,
    /// multicast or unspecified addresses: no mirror lives there, and metadata services do.
    OperatorsOwn,
}

/// Checks an address before anything is asked of it.
///
/// # Errors
/// Why it is not used.
pub fn check(url: &Url, place: Place) -> Result<(), Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let literal = match url.host() {
        None | Some(Host::Domain("")) => return Err(Refusal::Scheme),
        // The resolver judges names, except those that a proxy resolves; this one it would not.
        Some(Host::Domain(name)) if place == Place::Public && is_local_name(name) => {
            return Err(Refusal::Private(name.to_owned()));
        }
        Some(Host::Domain(_)) => return Ok(()),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
    };
    match may_connect(literal, place) {
        true => Ok(()),
        false => Err(Refusal::Private(literal.to_string())),
    }
}

/// Where a redirect leads, if it may be followed.
///
/// # Errors
/// Why it is not followed.
pub fn follow(from: &Url, location: &str, place: Place) -> Result<Url, Refusal> {
    let mut next = from.join(location).map_err(|_| Refusal::Nonsense)?;
    next.set_fragment(None);
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(Refusal::Downgrade);
    }
    check(&next, place)?;
    Ok(next)
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a computer may be connected to.
pub fn may_connect(address: IpAddr, place: Place) -> bool {
    let address = v4_inside(address).map_or(address, IpAddr::V4);
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
    .is_some_and(|reach| reach == Reach::Public || place == Place::OperatorsOwn)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    /// Loopback and private networks.
    Private,
}

/// From IANA's registry of special-purpose addresses; `None` where nobody serves images.
fn reach_v4(address: Ipv4Addr) -> Option<Reach> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // This network; link-local; multicast, reserved and broadcast.
        (0 | 224..=255, ..) | (169, 254, _) => None,
        (127 | 10, ..) | (172, 16..=31, _) | (192, 168, _) => Some(Reach::Private),
        // Carrier-grade NAT; protocol assignments; documentation; benchmarks; 6to4's relay.
        (100, 64..=127, _) | (192, 0, 0 | 2) | (198, 18 | 19, _) => Some(Reach::Private),
        (198, 51, 100) | (203, 0, 113) | (192, 88, 99) => Some(Reach::Private),
        _ => Some(Reach::Public),
    }
}

fn reach_v6(address: Ipv6Addr) -> Option<Reach> {
    let [first, second, ..] = address.segments();
    if address.is_unspecified() || address.is_multicast() || address.is_unicast_link_local() {
        return None;
    }
    // Global unicast is 2000::/3; of it, 2001::/23 are protocols and 2001:db8::/32 and 3fff::/20
    // documentation. Everything else (unique-local, site-local, loopback …) stays at home.
    let global = first & 0xe000 == 0x2000;
    let special =
        first == 0x2001 && (second < 0x200 || second == 0xdb8) || first == 0x3fff && second < 0x1000;
    Some(if global && !special {
        Reach::Public
    } else {
        Reach::Private
    })
}

/// The IPv4 address that an IPv6 one is a way of writing or a tunnel to: mapped, compatible,
/// NAT64 (RFC 6052) and 6to4.
fn v4_inside(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let s = address.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        // Not `::` and `::1`, which are themselves.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// The resolver of the connections: a name leads only to computers that may be connected to.
pub struct Resolver {
    /// Whose names it resolves.
    pub place: Place,
    /// Names of proxies: the operator's own word, wherever they are.
    pub proxies: Arc<BTreeSet<String>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let place = match self.proxies.contains(&name) {
            true => Place::OperatorsOwn,
            false => self.place,
        };
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (may, not): (Vec<_>, Vec<_>) = found.partition(|it| may_connect(it.ip(), place));
            match (may.is_empty(), not.first()) {
                (true, Some(first)) => Err(Refusal::Private(format!("{name} ({})", first.ip())).into()),
                _ => Ok(Box::new(may.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn refused(text: &str, place: Place) -> bool {
        matches!(check(&url(text), place), Err(Refusal::Private(_)))
    }

    #[test]
    fn what_only_this_host_reaches_is_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "017700000001",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::127.0.0.1]",
            "[fec0::1]",
            "[2001:db8::1]",
            "[2001:0:1::1]",
            "[100::1]",
            "[64:ff9b:1::1]",
            "localhost",
            "LocalHost.",
            "a.localhost",
            "127.0.0.1.",
        ] {
            assert!(refused(&format!("http://{host}/i"), Place::Public), "{host}");
        }
    }

    #[test]
    fn public_computers_are_not() {
        for host in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "[2a00::1]",
            "[::ffff:8.8.8.8]",
            "example.org",
        ] {
            assert_eq!(
                check(&url(&format!("https://{host}/i")), Place::Public),
                Ok(()),
                "{host}"
            );
        }
    }

    #[test]
    fn the_operator_may_use_the_own_network_but_nobody_link_local() {
        for host in ["127.0.0.1", "10.0.0.1", "[fd00::1]", "[::1]", "localhost"] {
            assert_eq!(
                check(&url(&format!("http://{host}/i")), Place::OperatorsOwn),
                Ok(()),
                "{host}"
            );
        }
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "0.0.0.0",
            "[::ffff:169.254.1.1]",
            "224.0.0.1",
        ] {
            assert!(
                refused(&format!("http://{host}/i"), Place::OperatorsOwn),
                "{host}"
            );
        }
    }

    #[test]
    fn a_redirect_keeps_what_was_promised() {
        let from = url("https://example.org/images/a");
        let to = |location| follow(&from, location, Place::Public);
        assert_eq!(to("b?c#d").unwrap().as_str(), "https://example.org/images/b?c");
        assert_eq!(
            to("//mirror.example.net/b").unwrap().as_str(),
            "https://mirror.example.net/b"
        );
        assert_eq!(to("http://example.org/b"), Err(Refusal::Downgrade));
        assert_eq!(to("file:///etc/passwd"), Err(Refusal::Downgrade));
        assert_eq!(to("https://a:b@example.org/b"), Err(Refusal::Credentials));
        assert_eq!(to("https://[::1"), Err(Refusal::Nonsense));
        assert!(matches!(to("https://169.254.169.254/"), Err(Refusal::Private(_))));
        let plain = url("http://example.org/");
        assert_eq!(
            follow(&plain, "ftp://example.org/", Place::Public),
            Err(Refusal::Scheme)
        );
        assert!(follow(&plain, "https://example.org/", Place::Public).is_ok());
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let resolver = |place, proxies: &[&str]| Resolver {
            place,
            proxies: Arc::new(proxies.iter().map(|it| (*it).to_owned()).collect()),
        };
        let lookup = |it: Resolver| it.resolve("localhost".parse().unwrap());
        let refusal = lookup(resolver(Place::Public, &[])).await.err().unwrap();
        assert!(refusal.downcast_ref::<Refusal>().is_some(), "{refusal}");
        assert!(
            lookup(resolver(Place::OperatorsOwn, &[]))
                .await
                .unwrap()
                .next()
                .is_some()
        );
        assert!(
            lookup(resolver(Place::Public, &["localhost"]))
                .await
                .unwrap()
                .next()
                .is_some()
        );
    }
}
