//! The loop: events in, frames out.
//!
//! It is generic over the backend and fed by one bounded channel, so that tests drive it without
//! a terminal and one process can serve many screens.

use super::draw::draw;
use super::event::{Effect, Event, Exit};
use super::state::State;
use crate::core::Clock;
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::Rect;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// Most events taken in between two frames: a flood of keys must not keep the screen from drawing.
const BATCH: usize = 256;
/// Longest sleep without looking at the clock again.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// What the loop needs done outside of it.
pub trait Stage {
    /// Begins an effect; its reply comes as an event with this generation. Must not block.
    fn start(&mut self, generation: u64, effect: Effect);

    /// Gives the terminal back, stops the process or its whole group, and returns once it is
    /// continued.
    ///
    /// # Errors
    /// The terminal's.
    fn suspend(&mut self, group: bool) -> impl Future<Output = io::Result<()>>;

    /// Takes the terminal again, whatever was done to it meanwhile.
    ///
    /// # Errors
    /// The terminal's.
    fn restore(&mut self) -> io::Result<()>;
}

/// What ended the loop without the user's wish.
#[derive(Debug, thiserror::Error)]
pub enum LoopError<E: std::error::Error> {
    /// Drawing failed.
    #[error("drawing: {0}")]
    Draw(E),
    /// The terminal could not be given back or taken again.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Runs a screen until it is left.
///
/// # Errors
/// When the terminal fails.
pub async fn run<B, S>(
    terminal: &mut Terminal<B>,
    events: &mut Receiver<Event>,
    (mut state, first): (State, Vec<Effect>),
    stage: &mut S,
    clock: &Clock,
) -> Result<Exit, LoopError<B::Error>>
where
    B: Backend,
    S: Stage,
{
    let mut pending = first;
    let mut drawn: Option<Instant> = None;
    let mut dirty = false;
    loop {
        for effect in pending.drain(..) {
            match effect {
                Effect::Redraw | Effect::Suspend { .. } => {
                    if let Effect::Suspend { group } = effect {
                        stage.suspend(group).await?;
                    }
                    stage.restore()?;
                    wipe(terminal).map_err(LoopError::Draw)?;
                    dirty = true;
                }
                other => stage.start(state.generation(), other),
            }
        }
        if let Some(exit) = state.exit() {
            return Ok(exit);
        }
        dirty |= state.take_dirty();
        let due = drawn.map(|it| it + FRAME);
        if dirty && due.is_none_or(|due| due <= Instant::now()) {
            terminal
                .draw(|frame| draw(&state, frame))
                .map_err(LoopError::Draw)?;
            drawn = Some(Instant::now());
            dirty = false;
        }
        let wake = match due.filter(|_| dirty) {
            Some(due) => due,
            None => Instant::now() + until(state.next_wake(), clock()),
        };
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return Ok(Exit::HungUp) };
                take(&mut state, terminal, event, clock, &mut pending).map_err(LoopError::Draw)?;
                for _ in 0..BATCH {
                    // What was asked for is carried out before what came after it.
                    if !pending.is_empty() { break; }
                    let Ok(event) = events.try_recv() else { break };
                    take(&mut state, terminal, event, clock, &mut pending).map_err(LoopError::Draw)?;
                }
            }
            () = sleep_until(wake) => {
                let now = clock();
                if state.next_wake().is_some_and(|at| at <= now) {
                    pending = state.update(now, Event::Tick);
                }
            }
        }
    }
}

fn take<B: Backend>(
    state: &mut State,
    terminal: &mut Terminal<B>,
    event: Event,
    clock: &Clock,
    pending: &mut Vec<Effect>,
) -> Result<(), B::Error> {
    if let Event::Resize(size) = event {
        terminal.resize(Rect::new(0, 0, size.width, size.height))?;
    }
    pending.extend(state.update(clock(), event));
    Ok(())
}

/// Forgets what the terminal shows, so that everything is drawn anew. (`Terminal::clear` would
/// ask the terminal for its cursor and wait for the answer.)
fn wipe<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    let area = terminal.get_frame().area();
    terminal.resize(area)
}

/// How long to sleep until a moment.
fn until(moment: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(moment) = moment else {
        return LONGEST_SLEEP;
    };
    Duration::try_from(moment.duration_since(now))
        .unwrap_or(Duration::ZERO)
        .min(LONGEST_SLEEP)
}
