//! The core on a real database and the simulator, story by story.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[allow(dead_code, reason = "the stories of downloads use the rest")]
#[path = "../support/http.rs"]
mod http;

mod accounts;
mod bench;
mod consoles;
mod credits;
mod faults;
mod forwards;
mod images;
mod keepers;
mod keys;
mod machines;
mod networks;
mod permissions;
mod provision;
mod pulls;
mod ready;
mod signatures;
