//! The core on a real database and the simulator, story by story.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod accounts;
mod bench;
mod consoles;
mod faults;
mod keepers;
mod machines;
mod permissions;
