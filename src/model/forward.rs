//! Forwarded ports: a port of the host's loopback that leads to one of a guest, in session mode.

use super::field::{Field, FieldError};
use super::ids::VmId;
use std::fmt;
use std::num::NonZeroU16;

/// The first port that needs no privilege to listen on. QEMU has none in session mode.
pub const FIRST_UNPRIVILEGED: u16 = 1024;

/// What is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The protocol a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp].into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A forward: 127.0.0.1:`host` leads to the guest's port `guest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Forward {
    /// What is forwarded.
    pub protocol: Protocol,
    /// Port of the host's loopback.
    pub host: u16,
    /// Port of the guest.
    pub guest: u16,
}

impl Forward {
    /// The one that leads to a guest's SSH.
    pub fn ssh(host: u16) -> Self {
        Self {
            protocol: Protocol::Tcp,
            host,
            guest: 22,
        }
    }
}

impl fmt::Display for Forward {
    /// As it is typed: `8080:80`, `5353:53/udp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.guest)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

/// A forward of a machine, and why it does not work now if it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptForward {
    /// Whose.
    pub vm: VmId,
    /// The forward.
    pub forward: Forward,
    /// What the keeper met when it made it.
    pub problem: Option<String>,
}

/// A forward as it is asked for: without a host's port a free one is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedForward {
    /// What is forwarded.
    pub protocol: Protocol,
    /// Port of the host's loopback, if it is named.
    pub host: Option<u16>,
    /// Port of the guest.
    pub guest: u16,
}

impl WantedForward {
    /// Reads `[HOST:]GUEST[/tcp|/udp]`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let (ports, protocol) = match text.trim().split_once('/') {
            None => (text.trim(), Protocol::Tcp),
            Some((ports, word)) => {
                let known = Protocol::parse(&word.to_ascii_lowercase());
                (ports, known.ok_or_else(|| refusal("the protocol is tcp or udp"))?)
            }
        };
        let (host, guest) = match ports.split_once(':') {
            None => (None, port(ports)?),
            Some((host, guest)) => (Some(port(host)?), port(guest)?),
        };
        match host {
            Some(host) if host < FIRST_UNPRIVILEGED => Err(refusal(format!(
                "port {host} of the host is privileged: below {FIRST_UNPRIVILEGED} only root may listen, \
                 and in session mode QEMU is not root's; take one from {FIRST_UNPRIVILEGED} on, such as {}",
                host.saturating_add(8000)
            ))),
            _ => Ok(Self {
                protocol,
                host,
                guest,
            }),
        }
    }

    /// Whether a forward is one of those meant.
    pub fn means(&self, forward: &Forward) -> bool {
        self.protocol == forward.protocol
            && self.guest == forward.guest
            && self.host.is_none_or(|host| host == forward.host)
    }
}

impl fmt::Display for WantedForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = self.host {
            write!(f, "{host}:")?;
        }
        write!(f, "{}", self.guest)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

fn port(text: &str) -> Result<u16, FieldError> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let number = text.parse::<NonZeroU16>().ok().filter(|_| digits);
    number
        .map(NonZeroU16::get)
        .ok_or_else(|| refusal("a port is a number from 1 to 65535, as in `80`, `8080:80` or `53/udp`"))
}

fn refusal(reason: impl Into<String>) -> FieldError {
    FieldError::new(Field::Port, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forward_is_read_as_people_write_it() {
        let read = |text: &str| WantedForward::parse(text).map(|it| it.to_string());
        for text in ["80", "8080:80", "53/udp", "5353:53/udp"] {
            assert_eq!(read(text).unwrap(), text);
        }
        assert_eq!(read(" 8080:80/TCP ").unwrap(), "8080:80");
    }

    #[test]
    fn what_is_no_forward_says_why() {
        let reason = |text: &str| WantedForward::parse(text).unwrap_err().reason;
        for text in ["", ":", "x", "0", "65536", "+80", "80:", "1:2:3", "８０"] {
            assert!(reason(text).contains("1 to 65535"), "{text}: {}", reason(text));
        }
        assert!(reason("80/sctp").contains("tcp or udp"));
        assert!(reason("80:80").contains("only root may listen"));
        assert!(reason("80:80").contains("8080"));
    }

    #[test]
    fn without_a_host_port_every_forward_to_the_guests_is_meant() {
        let kept = Forward {
            protocol: Protocol::Tcp,
            host: 8080,
            guest: 80,
        };
        let means = |text: &str| WantedForward::parse(text).unwrap().means(&kept);
        assert!(means("80") && means("8080:80"));
        assert!(!means("8081:80") && !means("81") && !means("80/udp"));
    }
}
