//! Networks as `--json` prints them.

use crate::model::NetworkChoice;
use crate::model::text::visible;
use serde::Serialize;
use std::net::IpAddr;

/// A libvirt network.
#[derive(Debug, Serialize)]
pub struct NetworkShape {
    name: String,
    kind: String,
    active: bool,
    default: bool,
    bridge: Option<String>,
    dhcp_first: Option<IpAddr>,
    dhcp_last: Option<IpAddr>,
}

pub(in crate::front::cli) const NETWORK_HELP: &str = "\
JSON: an array of networks, each with
  name, kind (nat|routed|bridge|isolated, or libvirt's own word), active, default, bridge,
  dhcp_first, dhcp_last";

impl From<&NetworkChoice> for NetworkShape {
    fn from(choice: &NetworkChoice) -> Self {
        let network = &choice.network;
        Self {
            name: visible(&network.name).into_owned(),
            kind: network.kind.to_string(),
            active: network.active,
            default: choice.is_default,
            bridge: network.bridge.clone(),
            dhcp_first: network.range.map(|it| it.0),
            dhcp_last: network.range.map(|it| it.1),
        }
    }
}

impl NetworkShape {
    /// As a line of a table.
    pub(in crate::front::cli) fn row(&self) -> [String; 6] {
        let range = self.dhcp_first.zip(self.dhcp_last);
        [
            self.name.clone(),
            self.kind.clone(),
            if self.active { "active" } else { "not started" }.to_owned(),
            self.bridge.clone().unwrap_or_default(),
            range
                .map(|(first, last)| format!("{first} to {last}"))
                .unwrap_or_default(),
            if self.default { "default" } else { "" }.to_owned(),
        ]
    }
}
