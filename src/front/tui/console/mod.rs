//! The console inside the screen: a guest's bytes become cells, and keys become bytes for it.
//!
//! [`Emulator`] is the guest's terminal, [`draw`] paints it, `encode` turns keys, pastes and the
//! mouse into what the guest asked for, [`Player`] plays a recording. Nothing here does IO or reads
//! a clock; where the bytes come from is somebody else's business.

pub mod encode;

mod emulator;
mod pane;
pub(crate) mod panes;
pub(crate) mod picture;
mod player;
mod view;

pub use emulator::{
    CopyMove, Cursor, CursorShape, Direction, Emulator, Glyph, Highlight, Modes, MouseReports, Screen,
    Scroll, SelectionKind, Spot, TerminalSize,
};
pub use pane::Words;
pub(crate) use pane::{Pane, SERIAL};
pub use player::Player;
pub use view::{Colours, Paint, draw};

/// Bytes of 10,000 lines of 80 columns: a history that a console is commonly given.
pub const SCROLLBACK: usize = 10_000 * (80 * 24 + 32);

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod torture;
