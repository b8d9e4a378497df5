//! What a frame costs: `cargo bench --bench frame`.
//!
//! A full table of 10, 1,000 and 10,000 machines, taking a new view in, and how many bytes and
//! writes a first, an unchanged and a fully changed frame cost on the wire (printed once).

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark prints, and stops at the first surprise"
)]

#[path = "../tests/tui/fixtures.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod fixtures;

use criterion::{Criterion, criterion_group, criterion_main};
use fixtures::{load, many, noon, somebody};
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::cell::Cell;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::rc::Rc;
use std::sync::Arc;
use twarga::core::{Door, View};
use twarga::front::tui::{Event, Reply, Setup, State, draw};
use twarga::model::Role;

fn state(machines: i64, width: u16, height: u16) -> State {
    let (mut state, _) = State::new(Setup::default(), Size::new(width, height), noon());
    tell(&mut state, Reply::Door(Ok(Door::Open)));
    tell(&mut state, Reply::SignedIn(Ok(somebody(Role::User))));
    tell(&mut state, Reply::View(Arc::new(many(machines))));
    state
}

fn tell(state: &mut State, reply: Reply) {
    let generation = state.generation();
    let reply = Box::new(reply);
    state.update(noon(), Event::Reply { generation, reply });
}

/// Counts what would go over the wire.
#[derive(Clone, Default)]
struct Wire {
    bytes: Rc<Cell<usize>>,
    writes: Rc<Cell<usize>>,
}

impl Write for Wire {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.bytes.set(self.bytes.get() + data.len());
        self.writes.set(self.writes.get() + 1);
        Ok(data.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wire(width: u16, height: u16) {
    let wire = Wire::default();
    let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, wire.clone()));
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    let mut state = state(1_000, width, height);
    let mut frame = |what: &str, state: &State| {
        let before = (wire.bytes.get(), wire.writes.get());
        terminal.draw(|frame| draw(state, frame)).unwrap();
        let (bytes, writes) = (wire.bytes.get() - before.0, wire.writes.get() - before.1);
        eprintln!("{width}x{height} {what}: {bytes} bytes in {writes} writes");
    };
    frame("first frame", &state);
    frame("unchanged frame", &state);
    let mut changed = many(1_000);
    for machine in &mut changed.machines {
        machine.load = load(77.0);
    }
    tell(&mut state, Reply::View(Arc::new(changed)));
    frame("every load changed", &state);
}

fn frames(criterion: &mut Criterion) {
    wire(80, 24);
    wire(120, 40);
    for count in [10, 1_000, 10_000] {
        let mut state = state(count, 120, 40);
        let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
        criterion.bench_function(&format!("frame of {count} machines"), |bencher| {
            bencher.iter(|| {
                terminal.draw(|frame| draw(black_box(&state), frame)).unwrap();
            });
        });
        let view: Arc<View> = Arc::new(many(count));
        criterion.bench_function(&format!("new view of {count} machines"), |bencher| {
            bencher.iter(|| tell(&mut state, Reply::View(black_box(view.clone()))));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = frames
}
criterion_main!(benches);
