//! Where the log of a serial line ends and its live stream begins.
//!
//! What the guest wrote before anybody attached is in the log that QEMU keeps; what it writes from
//! then on comes through the stream, and goes into the log as well. QEMU notices an attached client
//! only within a second, and what the guest writes meanwhile is in the log alone. So the beginning
//! of the stream stands somewhere in the log: `log = before ++ stream…`, and neither libvirt nor
//! QEMU tells where. [`Seam`] finds the place by content and by count. Until it is found, what is
//! shown comes from the log; afterwards from the stream, without what the log has shown already.
//!
//! Pure: it is told the time and given the bytes.

use std::time::Duration;

/// After so long without a byte of the stream QEMU has noticed the client: what the log has then is
/// all that comes before the stream (QEMU looks every second).
const NOTICED: Duration = Duration::from_millis(1_500);
/// Log and stream that end alike and have not grown for so long hold the same bytes at their ends.
const QUIET: Duration = Duration::from_millis(60);
/// So many bytes of the stream that stand in the log at one place only are that place.
const TELLING: usize = 256;
/// After so long the likeliest place is taken.
const LONG_ENOUGH: Duration = Duration::from_secs(4);
/// Most of the stream that is kept back meanwhile, bytes.
const MOST: usize = 1 << 20;

/// The search for the seam.
pub struct Seam {
    /// The log from where it was first read.
    log: Vec<u8>,
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
    /// So many bytes of the log come before the stream.
    At(usize),
}

impl Seam {
    /// Begins at the moment of attaching.
    pub fn new(now: Duration) -> Self {
        Self {
            log: Vec::new(),
            shown: 0,
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
        // By content: nowhere else does the log read like the stream's beginning.
        let telling = &self.stream[..self.stream.len().min(16 * TELLING)];
        if telling.len() >= TELLING {
            let mut places = places(&self.log, telling);
            if let (Some(place), None) = (places.next(), places.next()) {
                return Found::At(place);
            }
        }
        let long = now.saturating_sub(first) >= LONG_ENOUGH || self.stream.len() > MOST;
        if long {
            Found::At(self.likeliest())
        } else {
            Found::NotYet
        }
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

    /// The last place where log and stream agree as far as both are known; the log's end, if there
    /// is none: rather a line twice than a line lost.
    fn likeliest(&self) -> usize {
        let agree = |place: &usize| {
            let rest = &self.log[*place..];
            let both = rest.len().min(self.stream.len());
            rest[..both] == self.stream[..both]
        };
        let least = self.log.len().saturating_sub(self.stream.len());
        (least..self.log.len()).find(agree).unwrap_or(self.log.len())
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

/// Where `needle` begins in `hay`, from the left.
fn places<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    // Numbered lines, boot messages: the first byte seldom matches, so this is one pass.
    hay.windows(needle.len().max(1))
        .enumerate()
        .filter(move |(_, window)| *window == needle)
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn lines(from: usize, to: usize) -> Vec<u8> {
        (from..to)
            .flat_map(|n| format!("line {n}\r\n").into_bytes())
            .collect()
    }

    #[test]
    fn a_guest_that_is_silent_begins_where_its_log_ends() {
        let mut seam = Seam::new(ms(0));
        seam.log(b"login: ", ms(1));
        assert_eq!(seam.find(ms(500)), Found::NotYet, "QEMU may not have noticed");
        assert_eq!(seam.find(ms(1_600)), Found::At(7));
        assert_eq!(
            seam.close(7),
            Closed {
                log: b"login: ".to_vec(),
                stream: vec![],
                ahead: 0
            }
        );
    }

    #[test]
    fn what_only_the_log_has_is_shown_once_and_what_both_have_too() {
        let mut seam = Seam::new(ms(0));
        let whole = lines(0, 300);
        seam.log(&lines(0, 200), ms(10));
        assert_eq!(seam.show(), lines(0, 200));
        // QEMU noticed at line 150; the log lags behind the stream.
        seam.stream(&lines(150, 300), ms(20));
        let Found::At(before) = seam.find(ms(21)) else {
            seam.log(&lines(200, 300), ms(30));
            let Found::At(before) = seam.find(ms(31)) else {
                panic!("it is told")
            };
            assert_eq!(before, lines(0, 150).len());
            let closed = seam.close(before);
            let shown = [lines(0, 200), closed.log, closed.stream].concat();
            assert_eq!(shown, whole);
            return;
        };
        panic!("found too early: {before}");
    }

    #[test]
    fn a_log_that_is_ahead_leaves_something_to_skip() {
        let mut seam = Seam::new(ms(0));
        seam.log(&lines(0, 400), ms(10));
        let stream = lines(100, 300);
        seam.stream(&stream, ms(20));
        let Found::At(before) = seam.find(ms(21)) else {
            panic!("it is told")
        };
        let closed = seam.close(before);
        assert_eq!(closed.log, lines(0, 400));
        assert_eq!((closed.stream, closed.ahead), (vec![], lines(300, 400).len()));
    }

    #[test]
    fn the_same_line_for_ever_is_told_by_counting() {
        let mut seam = Seam::new(ms(0));
        let same = b"yyyy\r\n".repeat(100);
        seam.log(&same, ms(10));
        seam.stream(&same[..60], ms(20));
        assert_eq!(seam.find(ms(30)), Found::NotYet);
        assert_eq!(seam.find(ms(90)), Found::At(540), "quiet: both end at one moment");
    }

    #[test]
    fn a_flood_of_the_same_line_is_settled_after_a_while() {
        let mut seam = Seam::new(ms(0));
        let same = b"yyyy\r\n".repeat(1_000);
        seam.log(&same, ms(4_100));
        seam.stream(&same[..3_000], ms(10));
        seam.stream(&same[..60], ms(4_100));
        let Found::At(before) = seam.find(ms(4_120)) else {
            panic!("it ends")
        };
        assert_eq!(before, 6_000 - 3_060, "as if both ended now");
    }

    proptest! {
        /// However the bytes come in pieces: shown once, all of them, in order.
        #[test]
        fn nothing_is_doubled_or_lost(
            before in 0usize..300,
            after in 0usize..600,
            steps in proptest::collection::vec((0usize..900, 0usize..900), 1..30),
        ) {
            let whole = lines(0, before + after);
            let live = lines(0, before).len();
            let (mut read, mut got, mut now) = (0, live, ms(0));
            let mut seam = Some(Seam::new(now));
            let (mut shown, mut ahead) = (Vec::new(), 0);
            // As the guest writes, log and stream follow at their own pace; then both catch up.
            let pace = steps.into_iter().chain([(whole.len(), whole.len()), (0, 0)]);
            for (at, (logged, streamed)) in pace.enumerate() {
                now += if logged + streamed == 0 || at == 0 { ms(2_000) } else { ms(20) };
                let more = (read + logged).min(whole.len());
                let came = whole[got..(got + streamed).min(whole.len())].to_vec();
                got += came.len();
                let Some(mut search) = seam.take() else {
                    let skipped = ahead.min(came.len());
                    ahead -= skipped;
                    shown.extend(&came[skipped..]);
                    continue;
                };
                search.log(&whole[read..more], now);
                search.stream(&came, now);
                read = more;
                shown.extend(search.show());
                // A quiet moment in the middle of a flood is not one.
                let still = now + if read == whole.len() && got == whole.len() { ms(100) } else { ms(0) };
                match search.find(still) {
                    Found::At(found) => {
                        let closed = search.close(found);
                        shown.extend(closed.log);
                        shown.extend(closed.stream);
                        ahead = closed.ahead;
                    }
                    Found::NotYet => seam = Some(search),
                }
            }
            if seam.is_none() {
                prop_assert_eq!(String::from_utf8(shown), String::from_utf8(whole));
            } else {
                prop_assert!(false, "the seam was never found");
            }
        }
    }
}
