//! The token file: the session that `twarga login` keeps for further commands and the screen.
//!
//! It belongs to the local origin alone, lies in the state directory, is readable by its owner
//! only, and is replaced as a whole, so that a crash leaves the old one or the new one.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A token is a few hundred bytes.
const LIMIT: u64 = 16 * 1024;

/// The file.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

/// Why it could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others may read it, so it proves nothing.
    #[error("{path}: others may read this session: remove it and sign in again", path = .0.display())]
    TooOpen(PathBuf),
    /// The system refused.
    #[error("{path}: {reason}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
}

impl TokenFile {
    /// The one of a state directory.
    pub fn of(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("token"),
        }
    }

    /// The token kept, if there is one.
    ///
    /// # Errors
    /// [`Error::TooOpen`] unless only its owner, who is this user, can read it.
    pub fn read(&self) -> Result<Option<String>, Error> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let meta = file.metadata().map_err(|error| self.io(error))?;
        if !meta.is_file() || meta.mode() & 0o077 != 0 {
            return Err(Error::TooOpen(self.path.clone()));
        }
        let mut token = String::new();
        file.take(LIMIT)
            .read_to_string(&mut token)
            .map_err(|error| self.io(error))?;
        let token = token.trim();
        Ok((!token.is_empty()).then(|| token.to_owned()))
    }

    /// Keeps a token, replacing the one before.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, token: &str) -> Result<(), Error> {
        let fresh = self.path.with_extension(format!("new.{}", std::process::id()));
        let written = write_private(&fresh, token).and_then(|()| std::fs::rename(&fresh, &self.path));
        written.map_err(|error| {
            let _left_over = std::fs::remove_file(&fresh);
            self.io(error)
        })
    }

    /// Forgets the token.
    ///
    /// # Errors
    /// The system's; that there is none is not one.
    pub fn remove(&self) -> Result<(), Error> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.io(error)),
            _ => Ok(()),
        }
    }

    fn io(&self, reason: std::io::Error) -> Error {
        Error::Io {
            path: self.path.clone(),
            reason,
        }
    }
}

fn write_private(path: &Path, token: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // A left-over of an earlier process with the same id keeps its mode when it is opened.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(token.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_kept_privately_and_forgotten() {
        let state = tempfile::tempdir().unwrap();
        let file = TokenFile::of(state.path());
        assert_eq!(file.read().unwrap(), None);
        file.write("a.b.c").unwrap();
        file.write("d.e.f").unwrap();
        assert_eq!(file.read().unwrap().as_deref(), Some("d.e.f"));
        let mode = std::fs::metadata(state.path().join("token")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(state.path()).unwrap().count(),
            1,
            "nothing is left over"
        );
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.read().unwrap(), None);
    }

    #[test]
    fn a_token_that_others_may_read_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let file = TokenFile::of(state.path());
        file.write("a.b.c").unwrap();
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(state.path().join("token"), open).unwrap();
        assert!(matches!(file.read(), Err(Error::TooOpen(_))));
    }
}
