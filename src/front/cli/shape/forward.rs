//! Forwarded ports as `--json` prints them.

use crate::model::text::visible;
use crate::model::{Forward, KeptForward};
use serde::Serialize;

/// A forwarded port.
#[derive(Debug, Serialize)]
pub struct ForwardShape {
    protocol: &'static str,
    host_port: u16,
    guest_port: u16,
    problem: Option<String>,
}

impl ForwardShape {
    /// A forward, and why it does not work now.
    pub fn of(forward: Forward, problem: Option<&str>) -> Self {
        Self {
            protocol: forward.protocol.as_str(),
            host_port: forward.host,
            guest_port: forward.guest,
            problem: problem.map(|words| visible(words).into_owned()),
        }
    }

    /// As a line of a table.
    pub(in crate::front::cli) fn row(&self) -> [String; 4] {
        [
            self.protocol.to_owned(),
            format!("127.0.0.1:{}", self.host_port),
            self.guest_port.to_string(),
            self.problem.clone().unwrap_or_default(),
        ]
    }
}

impl From<&KeptForward> for ForwardShape {
    fn from(kept: &KeptForward) -> Self {
        Self::of(kept.forward, kept.problem.as_deref())
    }
}
