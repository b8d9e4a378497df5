//! Which networks machines are on.

use super::file::AUTO;
use crate::core::NetworkSettings;
use serde::{Deserialize, Serialize};

/// Networks of machines, in system mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// The libvirt network of machines that name none.
    pub default: String,
    /// Networks that tenants may choose.
    pub allowed: String,
    /// Whether guests are held to their own addresses.
    pub clean_traffic: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            default: "default".to_owned(),
            allowed: AUTO.to_owned(),
            clean_traffic: true,
        }
    }
}

impl Network {
    /// As the core has them.
    pub fn settings(&self) -> NetworkSettings {
        let named = self.allowed.split_whitespace().filter(|it| *it != AUTO);
        NetworkSettings {
            default: self.default.clone(),
            allowed: named.map(str::to_owned).collect(),
        }
    }
}
