//! Joining a line's log and its stream, where the seam was found or while it is searched.

use super::super::seam::{Found, Seam};
use super::super::tail::Tail;
use super::Serial;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at the log while the seam is searched: while nothing came, and while it does.
const CALM: Duration = Duration::from_millis(100);
const BUSY: Duration = Duration::from_millis(15);

/// How log and stream are joined.
pub(super) struct Joint {
    /// The search, while the stream's beginning is not found in the log.
    joining: Option<Joining>,
    /// Bytes of the stream to come that were shown from the log.
    ahead: usize,
}

/// The search for the seam, while it goes on.
struct Joining {
    seam: Seam,
    tail: Tail,
    began: Instant,
    looked: Instant,
    look_at: Instant,
}

impl Joint {
    /// Begins to search at the moment of attaching; `more` is what the log has grown by since
    /// `history` was read.
    pub(super) fn begin(tail: Tail, history: &[u8], more: &[u8], now: Instant) -> Self {
        let mut seam = Seam::new(history, Duration::ZERO);
        seam.log(more, Duration::ZERO);
        let joining = Joining {
            seam,
            tail,
            began: now,
            looked: now,
            look_at: now + CALM,
        };
        Self {
            joining: Some(joining),
            ahead: 0,
        }
    }

    /// When the log is to be looked at again, if it is.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.joining.as_ref().map(|it| it.look_at)
    }
}

impl Serial {
    /// The guest wrote.
    pub(super) async fn wrote(&mut self, line: &mut Joint, mut bytes: Vec<u8>) {
        if let Some(joining) = &mut line.joining {
            joining.seam.stream(&bytes, joining.began.elapsed());
            joining.look_at = joining.look_at.min(joining.looked + BUSY);
            return;
        }
        let shown = line.ahead.min(bytes.len());
        line.ahead -= shown;
        bytes.drain(..shown);
        if let Some(place) = &mut self.place {
            place.pass(&bytes);
        }
        self.attendant.wrote(bytes).await;
    }

    /// Looks at the log once more, for the seam.
    pub(super) async fn join(&mut self, line: &mut Joint) {
        let Some(mut joining) = line.joining.take() else {
            return;
        };
        match joining.tail.more().await {
            Ok(bytes) => joining.seam.log(&bytes, joining.began.elapsed()),
            Err(error) => tracing::debug!(%error, "a console's log could not be read"),
        }
        joining.looked = Instant::now();
        joining.look_at = joining.looked + CALM;
        match joining.seam.find(joining.began.elapsed()) {
            Found::NotYet => {
                let fresh = joining.seam.show();
                self.show(fresh, joining.tail.offset()).await;
                if joining.seam.has_stream() {
                    joining.look_at = joining.looked + BUSY;
                }
                line.joining = Some(joining);
            }
            Found::At(before) => {
                let closed = joining.seam.close(before);
                tracing::debug!(
                    console = self.attendant.id.0,
                    before,
                    fresh = closed.stream.len(),
                    ahead = closed.ahead,
                    after = ?joining.began.elapsed(),
                    "log and stream are joined"
                );
                self.show(closed.log, joining.tail.offset()).await;
                if let Some(place) = &mut self.place {
                    place.pass(&closed.stream);
                }
                self.attendant.wrote(closed.stream).await;
                line.ahead = closed.ahead;
            }
        }
    }

    /// The line fell. Where the seam was never found, the log has everything: what comes next goes
    /// on from what was shown of it.
    pub(super) async fn fall(&mut self, line: Joint) {
        if let Some(mut joining) = line.joining {
            let fresh = joining.seam.show();
            self.show(fresh, joining.tail.offset()).await;
        }
    }
}
