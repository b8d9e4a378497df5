//! What people touch: thin, and calling nothing but the core.

pub mod cli;
pub mod signals;
pub mod token;
pub mod tui;
