//! The lock that only one process holds, and the bell that wakes it.

use crate::core::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tokio::net::UnixDatagram;

/// The held lock; the system frees it when its process ends, however that happens.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Tries to take it; `None` if another process has it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be made or locked.
    pub fn try_take(state_dir: &Path) -> Result<Option<Self>> {
        let path = state_dir.join("keeper.lock");
        let failed = |error: std::io::Error| Error::Io {
            what: path.display().to_string(),
            reason: error.to_string(),
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

const BELL: &str = "keeper.sock";

/// The keeper's end of the bell. Polling is the fallback where it cannot be hung up (a state
/// directory whose path is too long for a socket).
pub struct Bell {
    socket: Option<UnixDatagram>,
}

impl Bell {
    /// Hangs it up; the caller holds the lock, so an old one belongs to nobody.
    pub fn hang(state_dir: &Path) -> Self {
        let path = state_dir.join(BELL);
        // A missing one is fine, and what cannot be removed shows when binding.
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)
            .inspect_err(|error| tracing::warn!(%error, "no keeper socket; requests are polled for"))
            .ok();
        Self { socket }
    }

    /// Waits until somebody rings.
    pub async fn rung(&self) {
        let mut byte = [0u8; 1];
        match &self.socket {
            Some(socket) if socket.recv(&mut byte).await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }
}

/// Rings the keeper of a state directory, if one listens. Never blocks; what is not heard is
/// polled for.
pub fn ring(state_dir: &Path) {
    let Ok(socket) = std::os::unix::net::UnixDatagram::unbound() else {
        return;
    };
    if socket.set_nonblocking(true).is_ok() {
        let _ = socket.send_to(&[1], state_dir.join(BELL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::try_take(dir.path()).unwrap();
        assert!(first.is_some());
        assert!(Lock::try_take(dir.path()).unwrap().is_none());
        drop(first);
        assert!(Lock::try_take(dir.path()).unwrap().is_some());
    }

    #[tokio::test]
    async fn a_ring_is_heard_and_a_ring_for_nobody_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        ring(dir.path());
        let bell = Bell::hang(dir.path());
        ring(dir.path());
        tokio::time::timeout(std::time::Duration::from_secs(10), bell.rung())
            .await
            .unwrap();
    }
}
