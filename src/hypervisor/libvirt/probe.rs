//! A look at one libvirt for `doctor`: is it there, and are the network and the pool.
//!
//! Changes nothing but what connecting changes (a session's daemon starts), and never asks for
//! capabilities. Blocks for as long as libvirt does: callers bring a deadline.

use super::error::{During, if_there, words};
use super::events::ensure_loop;
use super::host::dotted;
use crate::hypervisor::{Error, Result};
use crate::model::text;
use virt::connect::Connect;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `libvirt 9.0.0`.
    pub version: String,
    /// The network.
    pub network: Standing,
    /// The storage pool.
    pub pool: Standing,
}

/// How a network or a pool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not defined.
    Absent,
    /// Defined, not started.
    Inactive,
    /// Started.
    Active,
}

/// Looks.
///
/// # Errors
/// [`Error::Unavailable`] with libvirt's words.
pub fn probe(uri: &str, network: &str, pool: &str) -> Result<Probe> {
    let unavailable = |reason| Error::Unavailable {
        uri: text::visible(uri).into_owned(),
        reason,
    };
    if [uri, network, pool].iter().any(|name| name.contains('\0')) {
        return Err(unavailable("a name contains a NUL".to_owned())); // `virt` would panic.
    }
    ensure_loop();
    let connect = Connect::open(Some(uri)).map_err(|error| unavailable(words(&error)))?;
    let version = connect.lib_version().during("look up", "libvirt's version")?;
    let network = if_there(connect.lookup_network_by_name(network).during("look up", network));
    let pool = if_there(connect.lookup_storage_pool_by_name(pool).during("look up", pool));
    Ok(Probe {
        version: format!("libvirt {}", dotted(version)),
        network: match known(network)? {
            None => Standing::Absent,
            Some(network) => standing(network.is_active().during("state of", "the network")?),
        },
        pool: match known(pool)? {
            None => Standing::Absent,
            Some(pool) => standing(pool.is_active().during("state of", "the pool")?),
        },
    })
}

/// A driver that knows no networks or pools has none.
fn known<T>(found: Result<Option<T>>) -> Result<Option<T>> {
    match found {
        Err(Error::Unsupported(_)) => Ok(None),
        found => found,
    }
}

fn standing(active: bool) -> Standing {
    if active {
        Standing::Active
    } else {
        Standing::Inactive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libvirts_own_mock_has_a_network_and_no_pool_of_ours() {
        let found = probe("test:///default", "default", "twarga").unwrap();
        assert!(found.version.starts_with("libvirt "), "{found:?}");
        assert_eq!((found.network, found.pool), (Standing::Active, Standing::Absent));
    }

    #[test]
    fn an_address_where_nobody_listens_is_named() {
        let error = probe("qemu+unix:///system?socket=/nowhere/sock", "default", "twarga").unwrap_err();
        assert!(
            matches!(&error, Error::Unavailable { uri, .. } if uri.contains("/nowhere/sock")),
            "{error}"
        );
    }
}
