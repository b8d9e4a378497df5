//! The full-screen terminal application.
//!
//! terminal → [`Event`] on one bounded channel → [`keys`]: what has the keyboard and a key become
//! a command → [`State::update`] returns [`Effect`]s → `effects` runs them against the core →
//! replies come back as events → [`draw`]. `update` and `draw` do no IO and read no clock: the
//! screen never waits, and tests need neither a terminal nor a runtime.
//!
//! In reading order: `event`, `keys`, `state`, `draw` (with `tabs`, `popups`, `widgets`), `run`,
//! `effects`, `terminal`.

pub mod console;
mod door;
mod draw;
mod effects;
mod entered;
mod event;
mod footer;
mod header;
mod input;
pub mod keys;
mod layout;
pub(in crate::front) mod listen;
mod popups;
mod run;
mod state;
mod tabs;
pub(in crate::front) mod terminal;
mod theme;
mod widgets;
mod wires;
mod words;

pub use draw::draw;
pub use effects::SaveToken;
pub use event::{
    ConsoleReply, Effect, Entered, Event, Exit, ImageReply, ImageWish, Permit, Reply, Rule, Secret, Slot,
};
pub use input::Parser;
pub use run::{LoopError, Stage, run as run_loop};
pub use state::{Estimate, Features, Setup, State};

use crate::core::{Clock, Core, Keeper, Source, time};
use effects::Runner;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::fs::File;
use std::io::{self, BufWriter};
use terminal::{Guard, Screen};
use tokio::sync::mpsc;

/// Events that may wait for the loop; who sends more waits.
const CHANNEL: usize = 256;
/// A first frame makes thousands of small writes: they leave in one piece.
const WRITE_BUFFER: usize = 64 * 1024;

/// What the screen is started with.
pub struct Options {
    /// Looks, locks and features.
    pub setup: Setup,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// The time.
    pub clock: Clock,
    /// Token of a session to go on with.
    pub resume_token: Option<String>,
    /// Keeps the token of a session (local origin only).
    pub save_token: Option<SaveToken>,
    /// Where standard error goes while the screen is up; nowhere if `None`.
    pub stderr: Option<File>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            setup: Setup::default(),
            mouse: true,
            clock: time::system_clock(),
            resume_token: None,
            save_token: None,
            stderr: None,
        }
    }
}

/// Why the screen could not be shown, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard input or output is no terminal.
    #[error("the screen needs a terminal; without one use the command line: `twarga --help`")]
    NoTerminal,
    /// The terminal failed.
    #[error("{doing}: {source}")]
    Terminal {
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        source: io::Error,
    },
}

/// Shows the screen on the process's terminal until it is left. The keeper, if this process has
/// one, is put to rest while the program is suspended; ending it is the caller's business.
///
/// # Errors
/// [`Error::NoTerminal`], or what the terminal says.
pub async fn run(
    core: Core,
    source: Source,
    keeper: Option<&Keeper>,
    options: Options,
) -> Result<Exit, Error> {
    if !terminal::is_present() {
        return Err(Error::NoTerminal);
    }
    let failed = |doing| move |source| Error::Terminal { doing, source };
    let (sender, mut events) = mpsc::channel(CHANNEL);
    let listener = listen::listen(&sender).map_err(failed("listening to the terminal"))?;
    let screen = Screen::take(options.mouse, options.stderr).map_err(failed("taking the terminal"))?;
    let guard = Guard(screen.clone());
    let size = terminal::size();
    let setup = Setup {
        resume: options.resume_token.is_some(),
        ..options.setup
    };
    let opened = State::new(setup, size, (options.clock)());
    let tokens = (options.resume_token, options.save_token);
    let mut runner = Runner::new(core, source, keeper, tokens, (sender, screen));
    let result = show(&mut events, opened, &mut runner, size, &options.clock).await;
    drop(guard);
    listener.abort();
    result.map_err(failed("drawing"))
}

async fn show(
    events: &mut mpsc::Receiver<Event>,
    opened: (State, Vec<Effect>),
    runner: &mut Runner<'_>,
    size: ratatui::layout::Size,
    clock: &Clock,
) -> io::Result<Exit> {
    let backend = CrosstermBackend::new(BufWriter::with_capacity(WRITE_BUFFER, terminal::writer()?));
    // A fixed viewport: the size comes as an event, so that drawing and the mouse agree on it.
    let viewport = Viewport::Fixed(Rect::new(0, 0, size.width, size.height));
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
    run::run(&mut terminal, events, opened, runner, clock)
        .await
        .map_err(|error| match error {
            LoopError::Draw(error) | LoopError::Terminal(error) => error,
        })
}
