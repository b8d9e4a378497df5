//! Shapes of SSH keys.

use crate::model::SshKey;
use crate::model::text::visible;
use jiff::Timestamp;
use serde::Serialize;

/// An SSH key of a user.
#[derive(Debug, Serialize)]
pub struct KeyShape {
    id: i64,
    name: String,
    kind: String,
    fingerprint: String,
    public_key: String,
    created_at: Timestamp,
}

pub(in crate::front::cli) const KEY_HELP: &str = "\
JSON: an array of keys, oldest first, each with
  id, name, kind (ed25519, rsa 3072, ecdsa 256 …), fingerprint (SHA256:…), public_key (in OpenSSH
  form), created_at";

pub(in crate::front::cli) const REMOVED_KEY_HELP: &str = "\
JSON: removed (its number), fingerprint";

impl From<&SshKey> for KeyShape {
    fn from(key: &SshKey) -> Self {
        Self {
            id: key.id.0,
            name: visible(&key.name).into_owned(),
            kind: key.kind(),
            fingerprint: visible(&key.fingerprint).into_owned(),
            public_key: visible(&key.public_key).into_owned(),
            created_at: key.created_at,
        }
    }
}

/// A key that is gone.
#[derive(Debug, Serialize)]
pub struct RemovedKeyShape {
    /// Its number.
    pub removed: i64,
    /// `SHA256:…`
    pub fingerprint: String,
}
