//! The settings of downloads.

use super::file::{AUTO, Refusal, within};
use crate::core::fetch::{self, Proxies};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where no proxy is to be used.
const NONE: &str = "none";

/// Images and their downloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Images {
    /// Through which proxy images are downloaded.
    pub proxy: String,
    /// How large an image may be.
    pub max_image_gib: u64,
    /// After how long without a byte a line counts as dead.
    pub dead_line_seconds: u64,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            proxy: AUTO.to_owned(),
            max_image_gib: 32,
            dead_line_seconds: 30,
        }
    }
}

impl Images {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), Refusal> {
        within("images.max_image_gib", self.max_image_gib, 1..=1 << 16)?;
        within("images.dead_line_seconds", self.dead_line_seconds, 1..=3_600)?;
        let chosen = matches!(self.proxy.as_str(), AUTO | NONE);
        // Not the text itself: it may hold a password.
        match chosen || Proxies::one(&self.proxy).are_sound() {
            true => Ok(()),
            false => Err(("images.proxy", "`auto`, `none`, or `http://host:port`".to_owned())),
        }
    }

    /// Bytes an image may have.
    pub fn limit(&self) -> u64 {
        self.max_image_gib << 30
    }

    /// How downloads are made, with what the environment says about proxies.
    pub fn fetch(&self, variable: impl Fn(&str) -> Option<String>) -> fetch::Settings {
        fetch::Settings {
            proxies: match self.proxy.as_str() {
                AUTO => Proxies::of_variables(variable),
                NONE => Proxies::default(),
                address => Proxies::one(address),
            },
            dead_line: Duration::from_secs(self.dead_line_seconds),
            ..fetch::Settings::default()
        }
    }
}
