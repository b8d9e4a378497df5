//! A recording being played, over the whole screen.

use crate::core::consoles::Played;
use crate::front::tui::console::{Colours, Paint, Player, picture};
use crate::front::tui::keys::Command;
use crate::front::tui::state::State;
use crate::front::tui::widgets::pen::{Pen, row};
use crate::front::tui::widgets::units;
use crate::model::Theme;
use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};
use std::fmt;
use std::time::Duration;

/// Pauses are shortened to this: nobody watches somebody think.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How far a jump goes.
const JUMP: SignedDuration = SignedDuration::from_secs(5);
/// Between two frames, and between two looks at the clock.
const FRAME: SignedDuration = SignedDuration::from_millis(40);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A recording being played.
pub(crate) struct Replay {
    title: String,
    player: Box<Player>,
    /// Until when it was played.
    played_to: Timestamp,
}

impl Replay {
    /// From its beginning, now.
    pub(crate) fn new(played: Played, now: Timestamp) -> Self {
        let recording = played.recording;
        Self {
            title: format!("{} by {}", recording.vm_name, recording.username),
            player: Box::new(Player::new(played.cast).with_longest_pause(LONGEST_PAUSE)),
            played_to: now,
        }
    }

    /// Time went by.
    pub(crate) fn play_to(&mut self, now: Timestamp) {
        let by = Duration::try_from(now.duration_since(self.played_to)).unwrap_or_default();
        self.played_to = now;
        self.player.advance(by);
    }

    /// When there will be something new to show.
    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.player.is_behind() {
            return Some(now);
        }
        let wait = SignedDuration::try_from(self.player.next_event_in()?).unwrap_or(SECOND);
        now.saturating_add(wait.clamp(FRAME, SECOND)).ok()
    }

    /// What a key does.
    pub(crate) fn steer(&mut self, command: Command) {
        let player = &mut self.player;
        match command {
            Command::ReplayPause => player.toggle_pause(),
            Command::ReplayFaster => player.set_speed(player.speed() * 2.0),
            Command::ReplaySlower => player.set_speed(player.speed() / 2.0),
            Command::ReplayForward => player.jump(JUMP),
            Command::ReplayBack => player.jump(-JUMP),
            Command::ReplayStart => player.jump_to(Duration::ZERO),
            _ => {}
        }
    }

    pub(super) fn draw(&self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        Clear.render(screen, buffer);
        buffer.set_style(screen, look.ground);
        let title = row(screen, 0);
        buffer.set_style(title, look.selected);
        let player = &self.player;
        let mark = match (player.is_over(), player.is_paused()) {
            (true, _) => "■",
            (false, true) => "‖",
            (false, false) => "▶",
        };
        let clock = |at: Duration| units::span(i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
        let text = format!(
            "{mark} {} ── {} of {} ── {}×",
            self.title,
            clock(player.position()),
            clock(player.length()),
            player.speed()
        );
        Pen::new(buffer, title).put(&text, look.selected);
        let guest = Rect {
            y: screen.y + 1,
            height: screen.height.saturating_sub(1),
            ..screen
        };
        let colours = match state.theme() {
            Theme::Mono => Colours::Hidden,
            Theme::Dark | Theme::Light => Colours::Shown,
        };
        let ground = look.ground;
        picture::guest(player.emulator(), guest, buffer, &Paint { ground, colours })
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}
