//! Public SSH keys: as users paste them, and as they are kept.

use super::field::{Field, FieldError};
use super::ids::SshKeyId;
use super::text;
use jiff::Timestamp;
use ssh_key::public::{EcdsaPublicKey, KeyData};

/// Longest line of a key, bytes. An RSA key of 16,384 bits, the longest that OpenSSH takes, has
/// 2.8 KiB; and all keys of a machine must find room on its seed disk.
const LONGEST: usize = 4 * 1024;
/// Least bits of an RSA key.
const LEAST_RSA_BITS: usize = 2048;
/// How lines begin that hold a key and nothing before it.
const KINDS: [&str; 3] = ["ssh-", "ecdsa-", "sk-"];
const SHAPE: &str = "not a public key such as `ssh-ed25519 AAAA… name`";

/// A key that a user keeps: their new machines let it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    /// Row.
    pub id: SshKeyId,
    /// What its user calls it.
    pub name: String,
    /// In OpenSSH form, with the name as its comment.
    pub public_key: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it; unique among the user's keys.
    pub fingerprint: String,
    /// When it was added.
    pub created_at: Timestamp,
}

impl SshKey {
    /// `ed25519`, `rsa 3072` … (see [`Checked::kind`]).
    pub fn kind(&self) -> String {
        inspect(&self.public_key).map_or_else(|_| "unknown".to_owned(), |key| key.kind())
    }
}

/// A public key that was looked at and may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    key: ssh_key::PublicKey,
    line: String,
}

impl Checked {
    /// In OpenSSH form, one line with its comment.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The comment, which may be empty.
    pub fn comment(&self) -> &str {
        self.key.comment()
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// `ed25519`, `rsa 3072`, `ecdsa 256` …; `sk` in front of one that lives in a security key.
    pub fn kind(&self) -> String {
        match self.key.key_data() {
            KeyData::Ed25519(_) => "ed25519".to_owned(),
            KeyData::SkEd25519(_) => "sk ed25519".to_owned(),
            KeyData::SkEcdsaSha2NistP256(_) => "sk ecdsa 256".to_owned(),
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(_)) => "ecdsa 256".to_owned(),
            KeyData::Ecdsa(EcdsaPublicKey::NistP384(_)) => "ecdsa 384".to_owned(),
            KeyData::Ecdsa(EcdsaPublicKey::NistP521(_)) => "ecdsa 521".to_owned(),
            KeyData::Rsa(rsa) => format!("rsa {}", bits(&rsa.n)),
            other => other.algorithm().to_string(),
        }
    }

    /// The same key with another comment.
    ///
    /// # Errors
    /// A comment of more than one line, or with characters that do not show.
    pub fn named(mut self, name: &str) -> Result<Self, FieldError> {
        check_comment(name)?;
        self.key.set_comment(name);
        Self::of(self.key)
    }

    fn of(key: ssh_key::PublicKey) -> Result<Self, FieldError> {
        let line = key.to_openssh().map_err(|_| refuse(SHAPE))?;
        Ok(Self { key, line })
    }
}

/// Looks at a public key in OpenSSH form.
///
/// Refused are private keys, certificates, options before the key (`command=…`), lines of more
/// than 4 KiB, and keys that OpenSSH does not trust any more: DSA, RSA below 2048 bits.
///
/// # Errors
/// Says what is wrong with it, without repeating it.
pub fn inspect(pasted: &str) -> Result<Checked, FieldError> {
    let line = pasted.trim();
    if line.contains("PRIVATE KEY") {
        return Err(refuse(
            "this is a private key; paste the public one (ends in .pub)",
        ));
    }
    if line.len() > LONGEST {
        return Err(refuse("longer than any key"));
    }
    if line.lines().count() > 1 {
        return Err(refuse("one key, on one line"));
    }
    let mut words = line.split_ascii_whitespace();
    let kind = words.next().unwrap_or_default();
    if !is_kind(kind) && words.any(is_kind) {
        return Err(refuse(
            "options before the key (such as `command=…`) are not taken; leave them out",
        ));
    }
    if kind.contains("-cert-v0") {
        return Err(refuse(
            "this is a certificate; paste the key that it was made for",
        ));
    }
    let key = ssh_key::PublicKey::from_openssh(line).map_err(|_| refuse(SHAPE))?;
    check_comment(key.comment())?;
    check_strength(key.key_data())?;
    Checked::of(key)
}

/// Checks a public key in OpenSSH form as [`inspect`] does, and returns it normalised to one line.
///
/// # Errors
/// Says what is wrong with it, without repeating it.
pub fn parse(pasted: &str) -> Result<String, FieldError> {
    Ok(inspect(pasted)?.line)
}

/// SHA-256 fingerprint of a key that [`parse`] accepted, as `ssh-keygen -l` prints it.
pub fn fingerprint(key: &str) -> Option<String> {
    let key = ssh_key::PublicKey::from_openssh(key).ok()?;
    Some(key.fingerprint(ssh_key::HashAlg::Sha256).to_string())
}

/// The lines of a text or a file of keys that are not empty and no comments.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a text begins as a key does, with nothing before it.
pub fn looks_like_a_key(text: &str) -> bool {
    is_kind(text) && text.contains(' ')
}

fn refuse(reason: &str) -> FieldError {
    FieldError::new(Field::SshKey, reason)
}

fn is_kind(word: &str) -> bool {
    KINDS.iter().any(|kind| word.starts_with(kind))
}

fn check_comment(comment: &str) -> Result<(), FieldError> {
    if text::visible(comment) == comment {
        return Ok(());
    }
    Err(refuse("its comment has characters that do not show"))
}

fn check_strength(key: &KeyData) -> Result<(), FieldError> {
    match key {
        KeyData::Dsa(_) => Err(refuse(
            "DSA is broken, and no server takes it any more; make one with `ssh-keygen -t ed25519`",
        )),
        KeyData::Rsa(rsa) if bits(&rsa.n) < LEAST_RSA_BITS => Err(refuse(&format!(
            "an RSA key of {} bits is too weak; at least {LEAST_RSA_BITS}, or `ssh-keygen -t ed25519`",
            bits(&rsa.n)
        ))),
        // Kinds that only this parser's next version knows may be weak ones.
        KeyData::Rsa(_)
        | KeyData::Ecdsa(_)
        | KeyData::Ed25519(_)
        | KeyData::SkEcdsaSha2NistP256(_)
        | KeyData::SkEd25519(_) => Ok(()),
        _ => Err(refuse(
            "a kind of key that is not known here; ed25519, ecdsa or rsa",
        )),
    }
}

/// Length of a positive number; 0 for a negative one.
fn bits(number: &ssh_key::Mpint) -> usize {
    let bytes = number.as_positive_bytes().unwrap_or_default();
    let Some(first) = bytes.iter().position(|byte| *byte != 0) else {
        return 0;
    };
    let rest = &bytes[first..];
    rest.len() * 8 - rest.first().map_or(0, |byte| byte.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
