//! The real program on real QEMU, as its users meet it: stories told through a terminal, the
//! command line, and several processes at once.
//!
//! Run by `tests/harness/real-tests` inside a private `qemu:///system` and a private
//! `qemu:///session` (this target has `test = false`, so a plain `cargo test` needs no libvirt).
//! Without them it fails: it never skips. The guests are the tiny one and, for one story, a whole Debian
//! (`tests/harness/debian-image`), booted under emulation where there is no KVM.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise, and tells what it measured"
)]

#[allow(dead_code, reason = "the stories of downloads use the rest")]
#[path = "../support/http.rs"]
mod http;

mod both;
mod child;
mod drawing;
mod line;
mod place;
mod published;
mod screen;
mod story_cli;
mod story_console;
mod story_debian;
mod story_firmware;
mod story_idle;
mod story_keepers;
mod story_manners;
mod story_networks;
mod story_panes;
mod story_ports;
mod story_ready;
mod story_tui;
mod terminal;
