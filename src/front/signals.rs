//! Signals that ask the program to end.

use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{SignalKind, signal};

/// Waits until the user, the service manager or a lost terminal asks the program to end
/// (SIGINT, SIGTERM, SIGHUP). From the first call on these signals no longer end the process by
/// themselves, so whoever waits for anything long must wait for this too.
pub async fn end_asked() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    // A signal that cannot be listened to keeps its default effect: it ends the process.
    let mut listeners: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    poll_fn(|context| {
        let came = listeners.iter_mut().any(|it| it.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
