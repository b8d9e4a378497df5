//! Signals that ask the program to end.

use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears what asks the program to end: the user, the service manager or a lost terminal (SIGINT,
/// SIGTERM, SIGHUP).
///
/// From the moment the first one listens these signals no longer end the process by themselves,
/// so whoever waits for anything long must listen, and must begin to before there is anything to
/// be put in order: before a readiness is told or an echo switched off.
pub struct Ending {
    listeners: Vec<Signal>,
}

impl Ending {
    /// Begins to listen. Must be called inside a tokio runtime.
    pub fn listen() -> Self {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        // A signal that cannot be listened to keeps its default effect: it ends the process.
        Self {
            listeners: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect(),
        }
    }

    /// Waits until the program is asked to end.
    pub async fn asked(&mut self) {
        poll_fn(|context| {
            let came = self
                .listeners
                .iter_mut()
                .any(|it| it.poll_recv(context).is_ready());
            if came { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
