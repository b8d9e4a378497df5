//! Where the log of a serial line ends and its live stream begins.
//!
//! What the guest wrote before anybody attached is in the log that QEMU keeps; what it writes from
//! then on comes through the stream, and goes into the log as well. QEMU notices an attached client
//! only within a second, and what the guest writes meanwhile is in the log alone. So the beginning
//! of the stream stands somewhere in the log: `log = before ++ stream…`, and neither libvirt nor
//! QEMU tells where. [`Seam`] finds the place by content and by count. Until it is found, what is
//! shown comes from the log; afterwards from the stream, without what the log has shown already.
//!
//! A pty outlives its clients: what the guest wrote after the last one had gone and before QEMU
//! noticed (seconds, on a busy host) waits there for the next. So the stream may begin before the
//! moment of attaching, in what was shown as history; and where QEMU did notice, what the guest
//! wrote until it noticed the new client is missing behind that beginning.
//!
//! Pure: it is told the time and given the bytes.

use memchr::memmem;
use std::time::Duration;

/// After so long without a byte of the stream QEMU has noticed the client: what the log has then is
/// all that comes before the stream (QEMU looks every second).
const NOTICED: Duration = Duration::from_millis(1_500);
/// Log and stream that end alike and have not grown for so long hold the same bytes at their ends.
const QUIET: Duration = Duration::from_millis(60);
/// So many bytes that agree, at one place only, are that place.
const TELLING: usize = 256;
/// After so long the end of the stream is looked for, in case its beginning is of another time.
const STALE: Duration = Duration::from_secs(2);
/// After so long the likeliest place is taken.
const LONG_ENOUGH: Duration = Duration::from_secs(4);
/// More than a pty holds for its next client, bytes (Linux: 16 KiB or so).
const WAITS: usize = 64 << 10;
/// Bytes that stand at so many places are not looked at further: a guest that repeats itself must
/// not cost time.
const FEW: usize = 64;
/// Most of the stream that is kept back meanwhile, bytes.
const MOST: usize = 1 << 20;

/// The search for the seam.
pub struct Seam {
    /// The log, and how much of it was there before the client was attached.
    log: Vec<u8>,
    history: usize,
    /// How much of `log` has been shown.
    shown: usize,
    stream: Vec<u8>,
    /// When the client was attached, the first byte of the stream came, and anything grew last; from
    /// a beginning that the caller chose.
    attached: Duration,
    first: Option<Duration>,
    grown: Duration,
}

/// What is known of the seam.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet: read the log again.
    NotYet,
    /// So many bytes of the log come before the stream, or would if the stream missed none.
    At(usize),
}

impl Seam {
    /// Begins at the moment of attaching, after `history`, which has been shown.
    pub fn new(history: &[u8], now: Duration) -> Self {
        let kept = &history[history.len().saturating_sub(WAITS)..];
        Self {
            log: kept.to_vec(),
            history: kept.len(),
            shown: kept.len(),
            stream: Vec::new(),
            attached: now,
            first: None,
            grown: now,
        }
    }

    /// More of the log was read.
    pub fn log(&mut self, bytes: &[u8], now: Duration) {
        if !bytes.is_empty() {
            self.log.extend_from_slice(bytes);
            self.grown = now;
        }
    }

    /// More of the stream came.
    pub fn stream(&mut self, bytes: &[u8], now: Duration) {
        if !bytes.is_empty() {
            self.stream.extend_from_slice(bytes);
            self.first.get_or_insert(now);
            self.grown = now;
        }
    }

    /// What of the log has not been shown yet; it has been now.
    pub fn show(&mut self) -> Vec<u8> {
        let fresh = self.log[self.shown..].to_vec();
        self.shown = self.log.len();
        fresh
    }

    /// Whether anything of the stream is waiting for the seam.
    pub fn has_stream(&self) -> bool {
        !self.stream.is_empty()
    }

    /// Looks for the seam.
    pub fn find(&self, now: Duration) -> Found {
        let quiet = now.saturating_sub(self.grown) >= QUIET;
        let Some(first) = self.first else {
            let noticed = now.saturating_sub(self.attached) >= NOTICED;
            return if noticed && quiet {
                Found::At(self.log.len())
            } else {
                Found::NotYet
            };
        };
        // By count: both ends are the same moment.
        if quiet && self.log.ends_with(&self.stream) {
            return Found::At(self.log.len() - self.stream.len());
        }
        if let Some(place) = self.by_content() {
            return Found::At(place);
        }
        if now.saturating_sub(first) >= STALE
            && let Some(place) = self.by_end(now)
        {
            return Found::At(place);
        }
        let long = now.saturating_sub(first) >= LONG_ENOUGH || self.stream.len() > MOST;
        if long {
            Found::At(self.likeliest())
        } else {
            Found::NotYet
        }
    }

    /// The only place from which on log and stream agree as far as both are known.
    fn by_content(&self) -> Option<usize> {
        let beginning = self.stream.get(..TELLING)?;
        let mut found: Vec<usize> = places(&self.log, beginning).take(FEW).collect();
        if found.len() == FEW {
            return None;
        }
        found.retain(|place| self.agree_from(*place));
        let place = only(found.into_iter())?;
        // A guest may write again what it wrote before: in history only the whole rest tells.
        let rest = self.log.len() - place;
        let tells = if place < self.history {
            rest <= self.stream.len()
        } else {
            rest >= self.stream.len().min(16 * TELLING)
        };
        tells.then_some(place)
    }

    fn agree_from(&self, place: usize) -> bool {
        let rest = &self.log[place..];
        let both = rest.len().min(self.stream.len());
        rest[..both] == self.stream[..both]
    }

    /// The place by where the stream has come to, whatever it began with.
    fn by_end(&self, now: Duration) -> Option<usize> {
        let (log, stream) = (&self.log, &self.stream);
        if let Some(tail) = log.len().checked_sub(TELLING)
            && let Some(at) = only(places(stream, &log[tail..]))
        {
            return tail.checked_sub(at);
        }
        if let Some(tail) = stream.len().checked_sub(TELLING)
            && let Some(at) = only(places(log, &stream[tail..]))
        {
            return at.checked_sub(tail);
        }
        // Nothing but leftovers so far: what comes next is new.
        let silent = now.saturating_sub(self.grown) >= NOTICED;
        let known = silent && memmem::find(log, stream).is_some();
        known.then(|| log.len() - stream.len())
    }

    /// Ends the search: the log's bytes that were not shown yet, and those of the stream that the log
    /// does not have. `ahead` of the stream's bytes to come have been shown already.
    pub fn close(mut self, before: usize) -> Closed {
        let log = self.show();
        let doubled = self.log.len().saturating_sub(before);
        let fresh = self.stream.get(doubled..).unwrap_or_default().to_vec();
        Closed {
            log,
            ahead: doubled.saturating_sub(self.stream.len()),
            stream: fresh,
        }
    }

    /// A place near the log's end from which on log and stream agree as far as both are known; the
    /// log's end, if there is none: rather a line twice than a line lost.
    fn likeliest(&self) -> usize {
        let least = self.log.len() - self.stream.len().min(self.log.len()).min(WAITS);
        (least..self.log.len())
            .find(|place| self.agree_from(*place))
            .unwrap_or(self.log.len())
    }
}

/// A seam that was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    /// To be shown first.
    pub log: Vec<u8>,
    /// To be shown then.
    pub stream: Vec<u8>,
    /// So many bytes of the stream to come have been shown.
    pub ahead: usize,
}

/// Where `needle` begins in `hay`, from the left; places may overlap.
fn places<'h>(hay: &'h [u8], needle: &'h [u8]) -> impl Iterator<Item = usize> + 'h {
    let finder = memmem::Finder::new(needle);
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + finder.find(hay.get(from..)?)?;
        from = at + 1;
        Some(at)
    })
}

/// The place, if there is one only.
fn only(mut places: impl Iterator<Item = usize>) -> Option<usize> {
    places.next().filter(|_| places.next().is_none())
}

#[cfg(test)]
mod tests;
