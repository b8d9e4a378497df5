//! Keys that live in the state directory: what signs session tokens, and twarga's own SSH key.

use super::{Error, Result};
use ssh_key::{Algorithm, LineEnding, PrivateKey, rand_core::OsRng};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Fewest bytes of a signing key (RFC 7518: as long as the hash's output).
const SIGNING_KEY_BYTES: usize = 32;

/// twarga's own key pair: its public half is put into every guest.
#[derive(Clone, Debug)]
pub struct SshIdentity {
    /// The private key's file, for `ssh -i`.
    pub private_key: PathBuf,
    /// The public key on one line.
    pub public_key: String,
}

/// Keys that sign tokens, newest first: `given`, or the lines of `session.key` (hexadecimal),
/// made at first use. A line put on top of the file rotates the key; older tokens stay readable
/// until their line is taken out.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read or made, [`Error::Conflict`] if a key is too short.
pub fn signing_keys(state_dir: &Path, given: Option<&str>) -> Result<Vec<Vec<u8>>> {
    if let Some(given) = given {
        if given.len() < SIGNING_KEY_BYTES {
            return Err(Error::Conflict(format!(
                "the secret key has less than {SIGNING_KEY_BYTES} characters"
            )));
        }
        return Ok(vec![given.as_bytes().to_vec()]);
    }
    let path = state_dir.join("session.key");
    let text = read_or_make(&path, || {
        let mut key = [0u8; SIGNING_KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
        Ok(format!("{}\n", hex(&key)))
    })?;
    let keys: Option<Vec<Vec<u8>>> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(unhex)
        .collect();
    match keys {
        Some(keys) if !keys.is_empty() && keys.iter().all(|key| key.len() >= SIGNING_KEY_BYTES) => Ok(keys),
        _ => Err(Error::Conflict(format!(
            "{} does not hold keys of {SIGNING_KEY_BYTES} bytes in hexadecimal; remove it to make a new one \
             (everybody signs in again)",
            path.display()
        ))),
    }
}

/// twarga's SSH key pair (ed25519), made at first use as `ssh/id_ed25519`.
///
/// # Errors
/// [`Error::Io`] if it cannot be read or made, [`Error::Conflict`] if it is not a private key.
pub fn ssh_identity(state_dir: &Path) -> Result<SshIdentity> {
    let folder = state_dir.join("ssh");
    make_private_folder(&folder)?;
    let path = folder.join("id_ed25519");
    let text = read_or_make(&path, || {
        let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)
            .map_err(|error| Error::Internal(format!("making an SSH key: {error}")))?;
        key.to_openssh(LineEnding::LF)
            .map(|text| text.to_string())
            .map_err(|error| Error::Internal(format!("making an SSH key: {error}")))
    })?;
    let unusable = || Error::Conflict(format!("{} is not an OpenSSH private key", path.display()));
    let key = PrivateKey::from_openssh(&text).map_err(|_| unusable())?;
    let mut public = key.public_key().clone();
    public.set_comment("twarga");
    let public_key = public.to_openssh().map_err(|_| unusable())?;
    Ok(SshIdentity {
        private_key: path,
        public_key,
    })
}

/// Reads a private file, or makes it with what `make` gives. Several processes may race: the
/// first one's content stands.
fn read_or_make(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let failed = |error: io::Error| io_error(path, &error);
    match fs::metadata(path) {
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            return Err(Error::Conflict(format!(
                "{0} can be read by others; it may be known. Remove it, or `chmod 600 {0}` if you trust them",
                path.display()
            )));
        }
        Ok(_) => return fs::read_to_string(path).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    // Written aside and linked into place, so that nobody ever reads half a key.
    let content = make()?;
    let aside = path.with_extension(format!("new-{}", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed)?;
    let written = file.write_all(content.as_bytes()).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside).map_err(failed)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => fs::read_to_string(path).map_err(failed),
    }
}

/// Makes a folder only the owner can enter; one that exists is taken as it is.
pub fn make_private_folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io_error(path, &error)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path, error: &io::Error) -> Error {
    Error::Io {
        what: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = signing_keys(dir.path(), None).unwrap();
        assert_eq!(first, signing_keys(dir.path(), None).unwrap());
        let identity = ssh_identity(dir.path()).unwrap();
        assert_eq!(identity.public_key, ssh_identity(dir.path()).unwrap().public_key);
        for file in ["session.key", "ssh/id_ed25519"] {
            assert_eq!(
                fs::metadata(dir.path().join(file)).unwrap().mode() & 0o777,
                0o600,
                "{file}"
            );
        }
        assert_eq!(
            fs::read_dir(dir.path().join("ssh")).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        signing_keys(dir.path(), None).unwrap();
        fs::set_permissions(dir.path().join("session.key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(signing_keys(dir.path(), None), Err(Error::Conflict(_))));
    }

    #[test]
    fn a_line_on_top_rotates_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let old = signing_keys(dir.path(), None).unwrap();
        let path = dir.path().join("session.key");
        let new = "ab".repeat(32);
        fs::write(&path, format!("{new}\n{}", fs::read_to_string(&path).unwrap())).unwrap();
        assert_eq!(
            signing_keys(dir.path(), None).unwrap(),
            vec![vec![0xab; 32], old[0].clone()]
        );
        fs::write(&path, "rubbish").unwrap();
        assert!(signing_keys(dir.path(), None).is_err());
    }

    #[test]
    fn a_given_key_must_be_long() {
        let dir = tempfile::tempdir().unwrap();
        assert!(signing_keys(dir.path(), Some("short")).is_err());
        assert!(signing_keys(dir.path(), Some(&"k".repeat(32))).is_ok());
    }
}
