//! Tells a line that went silent from a guest that did.
//!
//! libvirt may not tell a client that another one took its console by force (`virsh console
//! --force`): the stream just brings nothing any more. But what the guest writes still goes into the
//! log. So a line that brings nothing while the log grows is no line any more.

use super::Serial;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at the log of a line that brings nothing; longer than the log lags behind.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is known of a line's silence.
pub(super) struct Silence {
    look_at: Instant,
    /// The log's size at the last look, if the line has brought nothing since.
    size: Option<u64>,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self {
            look_at: Instant::now() + LOOK_EVERY,
            size: None,
        }
    }

    /// The line brought something.
    pub(super) fn broken(&mut self) {
        *self = Self::new();
    }

    pub(super) fn look_at(&self) -> Instant {
        self.look_at
    }
}

impl Serial {
    /// Looks at the log of a silent line: whether the guest wrote and the line did not bring it.
    pub(super) async fn is_deaf(&self, silence: &mut Silence) -> bool {
        silence.look_at = Instant::now() + LOOK_EVERY;
        // What cannot be asked now tells nothing.
        let Ok(size) = self.log_size().await else {
            return false;
        };
        silence.size.replace(size).is_some_and(|before| before != size)
    }
}
