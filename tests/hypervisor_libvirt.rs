//! The hypervisor's contract on a real libvirt: QEMU, storage, network, a guest that boots.
//!
//! Run by `make test` inside the private libvirts of `tests/harness` (this target has
//! `test = false`, so a plain `cargo test` needs no libvirt). `TWARGA_TEST_URI` says which libvirt,
//! `TWARGA_TINY_DIR` where the tiny guest lies. Without them it fails: it never skips.

#[path = "support/contract.rs"]
mod contract;

use contract::Stage;
use std::path::PathBuf;
use std::time::Duration;
use twarga::hypervisor::libvirt::{Accel, Libvirt, Options};
use twarga::hypervisor::{Hypervisor, Mode, Network};

fn setting(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness tells by environment where libvirt is"
    )]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run this in tests/harness, see `make test`"))
}

#[test]
fn libvirt_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let libvirt = Libvirt::new(Options {
        accel: Accel::Auto,
        pool_dir: Some(folder.path().join("pool")),
        ..Options::at(setting("TWARGA_TEST_URI"))
    });
    let network = match libvirt.host().unwrap().mode {
        Mode::System => Network::Libvirt("default".into()),
        Mode::Session => Network::User,
        Mode::Simulated => panic!("this is to be a real libvirt"),
    };
    contract::exercise(&Stage {
        hypervisor: &libvirt,
        network,
        tiny: Some(PathBuf::from(setting("TWARGA_TINY_DIR"))),
        patience: Duration::from_secs(120),
    });
}
