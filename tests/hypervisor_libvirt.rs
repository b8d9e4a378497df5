//! The hypervisor's contract on a real libvirt: QEMU, storage, network, a guest that boots.
//!
//! Run by `make test` inside the private libvirts of `tests/harness` (this target has
//! `test = false`, so a plain `cargo test` needs no libvirt). `TWARGA_TEST_URI` says which libvirt,
//! `TWARGA_TINY_DIR` where the tiny guest lies. Without them it fails: it never skips.

#![cfg(test)]
#![allow(clippy::print_stderr, reason = "a test tells what it measured")]

#[path = "hypervisor_libvirt/consoles.rs"]
mod consoles;
#[path = "support/contract.rs"]
mod contract;

use contract::{Heard, Stage};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use twarga::hypervisor::caller::{Caller, Lane};
use twarga::hypervisor::libvirt::{Libvirt, Options};
use twarga::hypervisor::{
    Boot, Change, DomainSpec, DomainState, Error, Forward, Hypervisor, Mode, Network, Ownership,
    VolumeFormat, VolumeSpec,
};
use uuid::Uuid;

/// These stories stop and kill the one libvirtd that all have: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn libvirt_keeps_the_contract() {
    let place = Place::new();
    contract::exercise(&Stage {
        hypervisor: place.libvirt.as_ref(),
        network: place.network(),
        tiny: Some(PathBuf::from(setting("TWARGA_TINY_DIR"))),
        patience: PATIENCE,
    });
}

#[test]
fn a_port_of_the_host_leads_to_a_session_guest() {
    let place = Place::new();
    let guest = place.running_guest("user1-forwarded");
    let forward = |port| place.libvirt.forward(guest.uuid, Forward::ssh(port));
    let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = theirs.local_addr().unwrap();
    if place.mode == Mode::Session {
        let taken = forward(port.port());
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
        drop(theirs);
        forward(port.port()).unwrap();
        TcpStream::connect(port).unwrap();
        forward(port.port()).unwrap();
        place.libvirt.force_off(guest.uuid).unwrap();
        let off = forward(port.port());
        assert!(matches!(off, Err(Error::Conflict(_))), "{off:?}");
    } else {
        let refused = forward(port.port());
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    }
    place.remove(&guest);
}

#[tokio::test]
async fn one_hung_qemu_does_not_hide_the_others() {
    let place = Place::new();
    let guest = place.running_guest("user1-hung");
    let healthy = place.libvirt.snapshot().unwrap();
    let qemu = Stopped::new(process_with(&format!("guest={}", guest.name)));
    // Who looks first gets stuck at QEMU's monitor; who looks then still sees all domains, without
    // that one's own figures.
    let caller = Caller::new(Arc::clone(&place.libvirt) as Arc<dyn Hypervisor>);
    let look = || {
        caller.call(Lane::Watch, "snapshot", Duration::from_secs(2), |it| {
            it.snapshot()
        })
    };
    assert!(matches!(look().await, Err(Error::Unresponsive { .. })));
    let snapshot = look().await.unwrap();
    let seen = snapshot.domains.iter().find(|it| it.uuid == guest.uuid).unwrap();
    assert_eq!(seen.counters.rss_kib, None);
    assert!(
        seen.counters.cpu_time_ns.is_some(),
        "the kernel's figures are there"
    );
    let before = healthy.domains.iter().find(|it| it.uuid == guest.uuid).unwrap();
    assert_eq!((seen.state, seen.run), (DomainState::Running, before.run));
    assert_eq!((seen.vcpus, seen.memory_mib), (before.vcpus, before.memory_mib));
    drop(qemu);
    let snapshot = caller
        .call(Lane::Watch, "snapshot", PATIENCE, |it| it.snapshot())
        .await
        .unwrap();
    assert_eq!(snapshot.domains.len(), healthy.domains.len());
    place.remove(&guest);
}

#[test]
fn a_libvirtd_that_dies_is_found_again() {
    let place = Place::new();
    let guest = place.running_guest("user1-survivor");
    let heard = Heard::listening_to(place.libvirt.as_ref());
    let run = place.run_of(&guest);
    place.kill_libvirtd();
    let orphaned = place.libvirt.snapshot();
    if place.mode == Mode::System {
        // Nobody starts the system's daemon here. (A session's is started by whoever asks.)
        assert!(matches!(orphaned, Err(Error::Unavailable { .. })), "{orphaned:?}");
        assert!(matches!(
            place.libvirt.state(guest.uuid),
            Err(Error::Unavailable { .. })
        ));
        assert!(Command::new("libvirtd").arg("-d").status().unwrap().success());
    }
    heard.until("the listener is told of the end", PATIENCE, || {
        let _ = place.libvirt.snapshot();
        heard.has(Change::Disconnected)
    });
    heard.until("a call goes through again", PATIENCE, || {
        place.libvirt.snapshot().ok()
    });
    heard.until("the listener is told of the beginning", PATIENCE, || {
        heard.has(Change::Connected)
    });
    assert_eq!(heard.count(Change::Disconnected), 1, "one end per connection");
    heard.until("the guest is known again", PATIENCE, || {
        (place.libvirt.state(guest.uuid) == Ok(Some(DomainState::Running))).then_some(())
    });
    assert_eq!(place.run_of(&guest), run, "it ran on meanwhile");
    heard.forget();
    place.libvirt.pause(guest.uuid).unwrap();
    heard.until("events flow again", PATIENCE, || {
        heard.has(Change::Domain(guest.uuid))
    });
    place.remove(&guest);
}

#[tokio::test]
async fn a_libvirtd_that_hangs_costs_deadlines_and_comes_back() {
    let place = Place::new();
    let caller = Caller::new(Arc::clone(&place.libvirt) as Arc<dyn Hypervisor>);
    let second = Duration::from_secs(1);
    let unresponsive = Err(Error::Unresponsive {
        call: "snapshot",
        seconds: 1,
    });
    caller
        .call(Lane::Watch, "snapshot", PATIENCE, |it| it.snapshot())
        .await
        .unwrap();
    let libvirtd = Stopped::new(place.libvirtd());
    let (told, outcome) = mpsc::channel();
    let look = caller.call(Lane::Watch, "snapshot", second, move |it| {
        let outcome = it.snapshot();
        told.send(outcome.clone()).unwrap();
        outcome
    });
    assert_eq!(look.await, unresponsive);
    // Its caller has gone, its thread still waits: until keepalive notices and sets it free.
    let given_up = outcome.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(given_up, Err(Error::Unavailable { .. })), "{given_up:?}");
    let look = caller.call(Lane::Watch, "snapshot", second, |it| it.snapshot());
    assert_eq!(look.await, unresponsive, "nor can it be connected to");
    drop(libvirtd);
    caller
        .call(Lane::Watch, "snapshot", PATIENCE, |it| it.snapshot())
        .await
        .unwrap();
    assert_eq!(place.libvirt.state(Uuid::nil()), Ok(None));
}

fn setting(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness tells by environment where libvirt is"
    )]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run this in tests/harness, see `make test`"))
}

/// A libvirt with a pool for the length of a test.
struct Place {
    libvirt: Arc<Libvirt>,
    mode: Mode,
    /// Holds the pool's folder.
    _folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let libvirt = Libvirt::new(Options {
            pool_dir: Some(folder.path().join("pool")),
            pool: format!("twarga-{}", Uuid::new_v4()),
            ..Options::at(setting("TWARGA_TEST_URI"))
        });
        let mode = libvirt.host().unwrap().mode;
        Self {
            libvirt: Arc::new(libvirt),
            mode,
            _folder: folder,
            _alone: alone,
        }
    }

    fn network(&self) -> Network {
        match self.mode {
            Mode::System => Network::Libvirt("default".into()),
            Mode::Session => Network::User,
            Mode::Simulated => panic!("this is to be a real libvirt"),
        }
    }

    /// A guest that runs, if only to look in vain for something to boot.
    fn running_guest(&self, name: &str) -> DomainSpec {
        self.guest(name, &[0; 512], Boot::Disk, 64)
    }

    /// The tiny guest, up and asking for a login.
    fn tiny_guest(&self, name: &str) -> DomainSpec {
        self.libvirt.prepare("default").unwrap();
        let folder = PathBuf::from(setting("TWARGA_TINY_DIR"));
        for part in ["vmlinuz", "initramfs"] {
            let content = fs::read(folder.join(part)).unwrap();
            let size = content.len() as u64;
            self.libvirt
                .upload(part, size, &mut content.as_slice(), &mut |_| ())
                .unwrap();
        }
        let boot = Boot::Kernel {
            kernel: "vmlinuz".into(),
            initramfs: "initramfs".into(),
            command_line: "console=ttyS0 quiet".into(),
        };
        let spec = self.guest(name, &contract::console::seed(), boot, 256);
        let heard = Heard::listening_to(self.libvirt.as_ref());
        heard.until("the guest is up", PATIENCE, || {
            let log = self.libvirt.tail(&spec.log, 64 << 10).ok()?;
            String::from_utf8_lossy(&log).contains("login:").then_some(())
        });
        spec
    }

    fn guest(&self, name: &str, mut seed: &[u8], boot: Boot, memory_mib: u64) -> DomainSpec {
        self.libvirt.prepare("default").unwrap();
        let disk = VolumeSpec {
            name: format!("{name}.qcow2"),
            format: VolumeFormat::Qcow2,
            capacity: 1 << 20,
            backing: None,
        };
        self.libvirt.create_volume(&disk).unwrap();
        let (image, size) = (format!("{name}.seed"), seed.len() as u64);
        self.libvirt.upload(&image, size, &mut seed, &mut |_| ()).unwrap();
        let uuid = Uuid::new_v4();
        let spec = DomainSpec {
            uuid,
            name: name.into(),
            ownership: Ownership {
                instance: Uuid::nil(),
                machine: uuid,
                owner: 1,
            },
            memory_mib,
            vcpus: 1,
            boot,
            disk: disk.name,
            seed: image,
            log: format!("{name}.log"),
            network: self.network(),
        };
        self.libvirt.define(&spec).unwrap();
        self.libvirt.start(uuid).unwrap();
        spec
    }

    fn run_of(&self, guest: &DomainSpec) -> Option<u32> {
        let snapshot = self.libvirt.snapshot().unwrap();
        snapshot
            .domains
            .iter()
            .find(|it| it.uuid == guest.uuid)
            .unwrap()
            .run
    }

    fn remove(&self, guest: &DomainSpec) {
        self.libvirt.force_off(guest.uuid).unwrap();
        self.libvirt.undefine(guest.uuid).unwrap();
    }

    /// The private libvirtd's process; never the host's.
    fn libvirtd(&self) -> i32 {
        let file = match self.mode {
            Mode::System => {
                let init = fs::read_to_string("/proc/1/cmdline").unwrap();
                assert!(
                    init.contains("tests/harness/inside-system"),
                    "this is no private libvirt: {init}"
                );
                PathBuf::from("/run/libvirtd.pid")
            }
            _ => {
                let runtime = PathBuf::from(setting("XDG_RUNTIME_DIR"));
                assert!(
                    !runtime.starts_with("/run/user"),
                    "this is somebody's own session"
                );
                runtime.join("libvirt/libvirtd.pid")
            }
        };
        fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{file:?}: {error}"))
            .trim()
            .parse()
            .unwrap()
    }

    fn kill_libvirtd(&self) {
        signal(self.libvirtd(), "KILL");
    }
}

/// The process whose command line contains `text`.
fn process_with(text: &str) -> i32 {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let found = pids.find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text) && *pid != std::process::id().cast_signed()
    });
    found.unwrap_or_else(|| panic!("no process has {text} in its command line"))
}

fn signal(pid: i32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, "--", &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "kill -s {name} {pid}");
}

/// A process that stands still until this is dropped.
struct Stopped(i32);

impl Stopped {
    fn new(pid: i32) -> Self {
        signal(pid, "STOP");
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}
