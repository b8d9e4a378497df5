//! Plays a recording into an emulator: pause, speed, jumps. Pure: it is told how time goes by.
//!
//! A terminal cannot go back, so a jump back begins again and hurries. What a recording costs to
//! show is not in its bytes but in the work they make; each call does a bounded amount, and
//! [`Player::is_behind`] says that more is to be done to be where the clock is.

use super::SCROLLBACK;
use super::emulator::{Emulator, TerminalSize};
use crate::core::consoles::asciicast::{Cast, Happening, Moment};
use jiff::SignedDuration;
use std::time::Duration;

/// Work of one call, in the emulator's unit: some 10 ms.
const WORK: usize = 2_000_000;
/// Work that an event is at least: changing the size breaks all lines anew.
const RESIZE: usize = 200_000;
const LEAST: usize = 64;
/// Slowest and fastest.
const SPEEDS: (f64, f64) = (0.1, 100.0);

/// A recording being played.
#[derive(Debug)]
pub struct Player {
    size: TerminalSize,
    /// Times are those of the play: with long pauses shortened.
    moments: Vec<Moment>,
    emulator: Emulator,
    /// Events that were shown, and bytes of the next one.
    shown: usize,
    bytes: usize,
    position: Duration,
    speed: f64,
    paused: bool,
}

impl Player {
    /// At the beginning, running.
    pub fn new(cast: Cast) -> Self {
        let (columns, rows) = cast.size;
        let size = TerminalSize { columns, rows };
        let mut moments = cast.moments;
        // Keys are in a recording to be read, not to be seen.
        moments.retain(|moment| !matches!(moment.happening, Happening::Input(_)));
        let mut player = Self {
            size,
            moments,
            emulator: Emulator::new(size, SCROLLBACK),
            shown: 0,
            bytes: 0,
            position: Duration::ZERO,
            speed: 1.0,
            paused: false,
        };
        player.catch_up();
        player
    }

    /// Shortens every pause to at most so long. For a player that has not begun.
    #[must_use]
    pub fn with_longest_pause(mut self, longest: Duration) -> Self {
        let (mut before, mut cut) = (Duration::ZERO, Duration::ZERO);
        for moment in &mut self.moments {
            cut += moment.at.saturating_sub(before).saturating_sub(longest);
            before = moment.at;
            moment.at -= cut;
        }
        self
    }

    /// So much time went by: shows what came meanwhile.
    pub fn advance(&mut self, by: Duration) {
        if !self.paused && !self.is_behind() {
            let by = scaled(by, self.speed);
            self.position = self.position.saturating_add(by).min(self.length());
        }
        self.catch_up();
    }

    /// Stands still, or goes on.
    pub fn toggle_pause(&mut self) {
        self.paused = !self.paused;
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Plays so many times as fast as it was (0.1 to 100).
    pub fn set_speed(&mut self, speed: f64) {
        if speed.is_finite() {
            self.speed = speed.clamp(SPEEDS.0, SPEEDS.1);
        }
    }

    /// How fast it plays.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Goes so far forward or, if negative, back.
    pub fn jump(&mut self, by: SignedDuration) {
        let distance = by.unsigned_abs();
        if by.is_negative() {
            self.jump_to(self.position.saturating_sub(distance));
        } else {
            self.jump_to(self.position.saturating_add(distance));
        }
    }

    /// Goes to a position.
    pub fn jump_to(&mut self, position: Duration) {
        let position = position.min(self.length());
        if position < self.position {
            self.emulator = Emulator::new(self.size, SCROLLBACK);
            (self.shown, self.bytes) = (0, 0);
        }
        self.position = position;
        self.catch_up();
    }

    /// The terminal.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Where it is.
    pub fn position(&self) -> Duration {
        self.position
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.moments.last().map_or(Duration::ZERO, |last| last.at)
    }

    /// Whether everything was shown.
    pub fn is_over(&self) -> bool {
        self.shown == self.moments.len()
    }

    /// Whether the terminal is not yet where the position is: [`Player::advance`] works on it.
    pub fn is_behind(&self) -> bool {
        self.due().is_some()
    }

    /// After how much time there is something new to show; `None` if nothing comes by itself.
    pub fn next_event_in(&self) -> Option<Duration> {
        if self.is_behind() {
            return Some(Duration::ZERO);
        }
        let next = self.moments.get(self.shown).filter(|_| !self.paused)?;
        Some(scaled(next.at - self.position, 1.0 / self.speed))
    }

    fn due(&self) -> Option<&Moment> {
        self.moments
            .get(self.shown)
            .filter(|moment| moment.at <= self.position)
    }

    fn catch_up(&mut self) {
        let mut work: usize = 0;
        while work < WORK {
            let due = self.moments.get(self.shown);
            let Some(moment) = due.filter(|it| it.at <= self.position) else {
                break;
            };
            work += LEAST;
            match &moment.happening {
                Happening::Output(text) => {
                    let rest = &text.as_bytes()[self.bytes..];
                    self.bytes += self.emulator.feed_within(rest, WORK.saturating_sub(work).max(1));
                    work += self.emulator.work();
                    if self.bytes == text.len() {
                        (self.shown, self.bytes) = (self.shown + 1, 0);
                    }
                }
                Happening::Size(columns, rows) => {
                    let (columns, rows) = (*columns, *rows);
                    self.emulator.resize(TerminalSize { columns, rows });
                    work += RESIZE;
                    self.shown += 1;
                }
                Happening::Input(_) => self.shown += 1,
            }
        }
        // A recording's questions have nobody who answers.
        self.emulator.take_replies();
        self.emulator.take_bell();
    }
}

/// A recording may say that it takes longer than there is time.
fn scaled(time: Duration, by: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * by).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn output(at: u64, text: &str) -> Moment {
        Moment {
            at: secs(at),
            happening: Happening::Output(text.to_owned()),
        }
    }

    fn player(moments: &[Moment]) -> Player {
        Player::new(Cast {
            size: (20, 4),
            moments: moments.to_vec(),
        })
    }

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn text(player: &Player) -> String {
        let screen = player.emulator().screen();
        let rows = (0..player.emulator().size().rows).map(|row| {
            let row: String = screen.row(row).map(|glyph| glyph.character).collect();
            row.trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    fn three() -> Player {
        player(&[output(1, "one "), output(2, "two "), output(9, "three")])
    }

    #[test]
    fn what_is_due_is_shown_and_no_more() {
        let mut player = three();
        assert_eq!(
            (player.next_event_in(), player.length()),
            (Some(secs(1)), secs(9))
        );
        player.advance(secs(1));
        assert_eq!(text(&player), "one");
        player.advance(secs(2));
        assert_eq!((text(&player).as_str(), player.position()), ("one two", secs(3)));
        player.advance(secs(100));
        assert_eq!(
            (text(&player).as_str(), player.position()),
            ("one two three", secs(9))
        );
        assert!(player.is_over());
        assert_eq!(player.next_event_in(), None);
    }

    #[test]
    fn a_pause_stands_still_and_speed_is_bounded() {
        let mut player = three();
        player.toggle_pause();
        player.advance(secs(5));
        assert_eq!((player.position(), player.next_event_in()), (secs(0), None));
        player.toggle_pause();
        player.set_speed(2.0);
        assert_eq!(player.next_event_in(), Some(Duration::from_millis(500)));
        player.advance(secs(1));
        assert_eq!(player.position(), secs(2));
        for (wanted, kept) in [(0.0, 0.1), (1e9, 100.0), (f64::NAN, 100.0), (-1.0, 0.1)] {
            player.set_speed(wanted);
            assert!((player.speed() - kept).abs() < 1e-9, "{wanted}");
        }
    }

    #[test]
    fn jumps_go_both_ways_and_stay_inside() {
        let mut player = three();
        player.jump(SignedDuration::from_secs(5));
        assert_eq!((text(&player).as_str(), player.position()), ("one two", secs(5)));
        player.jump(SignedDuration::from_secs(-4));
        assert_eq!((text(&player).as_str(), player.position()), ("one", secs(1)));
        player.jump(SignedDuration::from_secs(-4));
        assert_eq!((text(&player).as_str(), player.position()), ("", secs(0)));
        player.jump(SignedDuration::MAX);
        assert_eq!(player.position(), secs(9));
        player.jump(SignedDuration::MIN);
        assert_eq!(player.position(), secs(0));
    }

    #[test]
    fn long_pauses_are_shortened_and_short_ones_kept() {
        let mut player = three().with_longest_pause(secs(2));
        assert_eq!(player.length(), secs(4));
        player.advance(secs(3));
        assert_eq!(text(&player), "one two");
        player.advance(secs(1));
        assert_eq!(text(&player), "one two three");
    }

    #[test]
    fn the_terminal_has_the_size_it_had() {
        let wider = Moment {
            at: secs(2),
            happening: Happening::Size(40, 5),
        };
        let mut player = player(&[output(1, "a"), wider]);
        player.advance(secs(1));
        assert_eq!(player.emulator().size().columns, 20);
        player.advance(secs(1));
        assert_eq!(player.emulator().size().columns, 40);
        player.jump(SignedDuration::from_secs(-1));
        assert_eq!(player.emulator().size().columns, 20, "the way back, too");
    }

    #[test]
    fn a_recording_longer_than_time_itself_is_played() {
        let mut player = player(&[output(u64::MAX, "late")]);
        player.set_speed(0.1);
        assert_eq!(player.next_event_in(), Some(Duration::MAX));
        player.set_speed(100.0);
        player.advance(Duration::MAX);
        player.jump(SignedDuration::MAX);
        player.jump_to(Duration::MAX);
        assert_eq!(text(&player), "late");
    }

    #[test]
    fn what_was_typed_is_not_shown_twice() {
        let typed = Moment {
            at: secs(8),
            happening: Happening::Input("secret".to_owned()),
        };
        let mut player = player(&[output(1, "$ "), typed]);
        assert_eq!(player.length(), secs(1));
        player.advance(secs(9));
        assert_eq!(text(&player), "$");
    }

    #[test]
    fn a_flood_takes_several_calls_and_none_takes_long() {
        // Each clears the screen: three bytes for the work of a screenful.
        let flood = "\x1b[J".repeat(1_000_000);
        let mut player = player(&[output(0, &flood), output(0, "end")]);
        let mut calls = 0;
        player.advance(Duration::ZERO);
        while player.is_behind() {
            assert_eq!(player.next_event_in(), Some(Duration::ZERO));
            assert!(
                player.emulator().work() <= WORK + WORK / 4,
                "{}",
                player.emulator().work()
            );
            player.advance(secs(1));
            calls += 1;
        }
        assert!(calls > 10, "{calls}");
        assert_eq!((text(&player).as_str(), player.position()), ("end", secs(0)));
    }

    proptest! {
        /// However it gets there, at a moment the screen is the same.
        #[test]
        fn a_position_has_one_screen(
            words in proptest::collection::vec(("[a-z\\n\x1b\\[0-9;ABCDHJm]{0,12}", 0u64..3), 1..20),
            jumps in proptest::collection::vec(-30i64..30, 0..6),
            target in 0u64..40,
        ) {
            let mut at = 0;
            let moments: Vec<_> = words.iter().map(|(word, gap)| { at += gap; output(at, word) }).collect();
            let mut straight = player(&moments);
            straight.jump_to(secs(target));
            let mut about = player(&moments);
            for jump in jumps {
                about.jump(SignedDuration::from_secs(jump));
                about.advance(Duration::from_millis(700));
            }
            about.jump_to(secs(target));
            prop_assert_eq!(text(&about), text(&straight));
            prop_assert_eq!(about.position(), straight.position());
        }
    }
}
