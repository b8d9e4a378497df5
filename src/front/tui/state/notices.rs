//! What the screen has to tell: the latest for a while above the footer, all of it in a list.

use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// How many are kept.
const KEPT: usize = 200;

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    Note,
    Bad,
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// The messages of this run, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices {
    kept: VecDeque<Notice>,
    dismissed: bool,
}

impl Notices {
    /// Tells something.
    pub(crate) fn tell(&mut self, at: Timestamp, level: Level, text: impl Into<String>) {
        let text = text.into();
        // Pressing a dead key ten times is one message.
        if self.kept.front().is_some_and(|it| it.text == text) {
            self.kept.pop_front();
        }
        self.kept.push_front(Notice { at, level, text });
        self.kept.truncate(KEPT);
        self.dismissed = false;
    }

    /// What is shown at a moment.
    pub(crate) fn toast(&self, now: Timestamp) -> Option<&Notice> {
        let latest = self.kept.front().filter(|_| !self.dismissed)?;
        (now < expiry(latest)).then_some(latest)
    }

    /// When what is shown at a moment will not be shown any more.
    pub(crate) fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.toast(now).map(expiry)
    }

    /// Takes the shown one away.
    pub(crate) fn dismiss(&mut self) {
        self.dismissed = true;
    }

    /// All, newest first.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = &Notice> {
        self.kept.iter()
    }
}

/// Errors stay longer: they have more to read.
fn expiry(notice: &Notice) -> Timestamp {
    let seconds = if notice.level == Level::Bad { 15 } else { 6 };
    notice
        .at
        .saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
