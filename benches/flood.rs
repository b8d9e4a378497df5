//! Twenty guests that write without end: `cargo bench --bench flood`.
//!
//! Every console's next piece of words is there as soon as the last one was taken in, as the
//! screen's wires deliver them. Printed once: how long the screen takes from one frame to the next,
//! with everything that arrived in between, and what the nineteen that nobody watches cost of it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark prints, and stops at the first surprise"
)]

#[path = "../tests/tui/fixtures.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod fixtures;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fixtures::{many, noon, somebody};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use twarga::core::Door;
use twarga::core::consoles::Line;
use twarga::front::tui::console::Words;
use twarga::front::tui::{ConsoleReply, Event, Reply, Setup, State, draw};
use twarga::model::{ConsoleId, Role};

const GUESTS: u64 = 20;
const FRAMES: usize = 500;
/// What the wires put into one piece at most.
const PIECE: usize = 128 * 1024;

fn tell(state: &mut State, reply: Reply) {
    let generation = state.generation();
    let reply = Box::new(reply);
    state.update(noon(), Event::Reply { generation, reply });
}

fn press(state: &mut State, code: KeyCode, modifiers: KeyModifiers) {
    state.update(noon(), Event::Key(KeyEvent::new(code, modifiers)));
}

/// A screen on which so many consoles are open; the last one is shown.
fn screen(consoles: u64) -> State {
    let (mut state, _) = State::new(Setup::default(), Size::new(80, 24), noon());
    tell(&mut state, Reply::Door(Ok(Door::Open)));
    tell(&mut state, Reply::SignedIn(Ok(somebody(Role::User))));
    tell(&mut state, Reply::View(Arc::new(many(30))));
    for pane in 1..=consoles {
        press(&mut state, KeyCode::Char('c'), KeyModifiers::NONE);
        for reply in [
            ConsoleReply::Opened(Ok(ConsoleId(i64::try_from(pane).unwrap()))),
            ConsoleReply::Line(Line::Attached),
        ] {
            tell(&mut state, Reply::Console { pane, reply });
        }
        if pane < consoles {
            press(&mut state, KeyCode::Char(']'), KeyModifiers::CONTROL);
            press(&mut state, KeyCode::Char('q'), KeyModifiers::NONE);
            press(&mut state, KeyCode::Char('j'), KeyModifiers::NONE);
        }
    }
    state
}

/// The times of frames while that many guests write `size` bytes each between two of them, sorted.
fn flood(guests: u64, size: usize) -> Vec<Duration> {
    let mut state = screen(guests);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let line = b"[   12.345678] usb 1-1: new high-speed USB device number 2 using xhci_hcd\r\n";
    let words: Vec<u8> = line.iter().copied().cycle().take(size).collect();
    let mut times = Vec::with_capacity(FRAMES);
    for _ in 0..FRAMES {
        let began = Instant::now();
        for pane in 1..=guests {
            let turn = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
            let reply = ConsoleReply::Wrote(Words {
                bytes: words.clone(),
                past: false,
                turn,
            });
            tell(&mut state, Reply::Console { pane, reply });
        }
        while state.next_wake() == Some(noon()) {
            state.update(noon(), Event::Tick);
        }
        terminal.draw(|frame| draw(&state, frame)).unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times
}

fn main() {
    for (guests, size, what) in [
        (1, 16 * 1024, "one guest, 16 KiB a frame (1 MB/s)"),
        (GUESTS, 16 * 1024, "twenty guests, 16 KiB a frame each (20 MB/s)"),
        (GUESTS, PIECE, "twenty guests, as fast as they are taken in"),
    ] {
        let times = flood(guests, size);
        let at = |share: usize| times[times.len() * share / 100];
        eprintln!(
            "{what}: a frame takes {:?} at the median, {:?} at p99",
            at(50),
            at(99)
        );
    }
}
