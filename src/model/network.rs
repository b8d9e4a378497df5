//! libvirt networks that machines can be on.

use std::fmt;
use std::net::IpAddr;

/// What a network does with what leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkKind {
    /// Guests share the host's address outwards.
    Nat,
    /// The host routes.
    Routed,
    /// Guests are on a bridge of the host, beside it on its own network.
    Bridge,
    /// Nothing leaves the host.
    Isolated,
    /// Another of libvirt's words, sanitized.
    Other(String),
}

impl NetworkKind {
    /// What libvirt's `<forward mode>` means; none is an isolated network.
    pub fn of_mode(mode: Option<&str>) -> Self {
        match mode {
            None => Self::Isolated,
            Some("nat") => Self::Nat,
            Some("route" | "open") => Self::Routed,
            Some("bridge") => Self::Bridge,
            Some(other) => Self::Other(super::text::visible_within(other, 20)),
        }
    }

    /// The word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Nat => "nat",
            Self::Routed => "routed",
            Self::Bridge => "bridge",
            Self::Isolated => "isolated",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A libvirt network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInfo {
    /// Its name, as libvirt has it.
    pub name: String,
    /// What it does.
    pub kind: NetworkKind,
    /// Whether it is started.
    pub active: bool,
    /// The host's bridge, if it is known.
    pub bridge: Option<String>,
    /// First and last address that its own DHCP gives, if it has one.
    pub range: Option<(IpAddr, IpAddr)>,
}

/// A network, and whether it may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkChoice {
    /// The network.
    pub network: NetworkInfo,
    /// Whether machines get it that name none.
    pub is_default: bool,
}
