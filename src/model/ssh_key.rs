//! Public SSH keys as users paste them.

use super::field::{Field, FieldError};
use super::text;

/// Checks a public key in OpenSSH form and returns it normalised to one line.
///
/// Private keys, options before the key (`command=…`) and keys of more than 16 KiB are refused.
///
/// # Errors
/// Says what is wrong with it, without repeating it.
pub fn parse(pasted: &str) -> Result<String, FieldError> {
    let refuse = |reason: &str| FieldError::new(Field::SshKey, reason);
    let line = pasted.trim();
    if line.contains("PRIVATE KEY") {
        return Err(refuse(
            "this is a private key; paste the public one (ends in .pub)",
        ));
    }
    if line.len() > 16 * 1024 {
        return Err(refuse("longer than any key"));
    }
    if line.lines().count() > 1 {
        return Err(refuse("one key, on one line"));
    }
    let key = ssh_key::PublicKey::from_openssh(line)
        .map_err(|_| refuse("not a public key such as `ssh-ed25519 AAAA… name`"))?;
    if text::visible(key.comment()) != key.comment() {
        return Err(refuse("its comment has characters that do not show"));
    }
    key.to_openssh()
        .map_err(|_| refuse("not a public key such as `ssh-ed25519 AAAA… name`"))
}

/// SHA-256 fingerprint of a key that [`parse`] accepted, as `ssh-keygen -l` prints it.
pub fn fingerprint(key: &str) -> Option<String> {
    let key = ssh_key::PublicKey::from_openssh(key).ok()?;
    Some(key.fingerprint(ssh_key::HashAlg::Sha256).to_string())
}
