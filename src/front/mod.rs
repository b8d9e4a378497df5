//! What people touch: thin, and calling nothing but the core.

pub mod cli;
pub mod tui;
