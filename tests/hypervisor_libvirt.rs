//! The hypervisor's contract on a real libvirt: QEMU, storage, network, a guest that boots.
//!
//! Run by `make test` inside the private libvirts of `tests/harness` (this target has
//! `test = false`, so a plain `cargo test` needs no libvirt). `TWARGA_TEST_URI` says which libvirt,
//! `TWARGA_TINY_DIR` where the tiny guest lies. Without them it fails: it never skips.

#[path = "support/contract.rs"]
mod contract;
