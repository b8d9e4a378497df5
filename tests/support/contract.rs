//! What every [`Hypervisor`] promises, as one story that runs against any of them.
//!
//! Included by the tests of the real one and of the simulator (`#[path]`), so that whatever the
//! core learns from the simulator holds on libvirt. Nothing here waits for a time: it waits for
//! a condition, looked at again whenever the hypervisor tells of a change.

#[path = "console.rs"]
pub mod console;

use console::Talk;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use twarga::hypervisor::{
    Boot, Change, DomainSpec, DomainState, End, Error, Forward, Hypervisor, Mode, Network, Ownership,
    VolumeFormat, VolumeSpec,
};
use uuid::Uuid;

/// Where the story plays.
pub struct Stage<'a> {
    /// Who has to keep the contract.
    pub hypervisor: &'a dyn Hypervisor,
    /// The guest's network card.
    pub network: Network,
    /// Folder with the tiny guest's `vmlinuz` and `initramfs`; `None` boots from an empty disk.
    pub tiny: Option<PathBuf>,
    /// How long a guest may take to boot or to power off.
    pub patience: Duration,
}

/// The whole contract.
///
/// # Panics
/// At the first promise broken.
pub fn exercise(stage: &Stage<'_>) {
    let heard = Heard::listening_to(stage.hypervisor);
    prepares(stage);
    uploads_and_reads_back(stage);
    makes_volumes(stage);
    knows_nothing_of_strangers(stage);
    let guest = guest(stage);
    defines(stage, &guest);
    runs(stage, &guest, &heard);
    halts(stage, &guest);
    serves_its_guest(stage, &guest, &heard);
    console::exercise(stage.hypervisor, guest.uuid, &guest.log, stage.patience);
    powers_off(stage, &guest, &heard);
    forgets(stage, &guest, &heard);
}

fn prepares(stage: &Stage<'_>) {
    let hypervisor = stage.hypervisor;
    let host = hypervisor.host().unwrap();
    assert!(host.cpus > 0 && host.memory_mib > 0, "{host:?}");
    assert!(!host.uuid.is_nil() && !host.version.is_empty(), "{host:?}");
    assert_eq!(hypervisor.host().unwrap(), host, "the host stays the host");
    hypervisor.prepare("default").unwrap();
    assert_eq!(
        hypervisor.prepare("default").unwrap(),
        Vec::<String>::new(),
        "the second time nothing is left to do"
    );
    let space = hypervisor.pool_space().unwrap();
    assert!(
        0 < space.available && space.available <= space.capacity,
        "{space:?}"
    );
    assert!(hypervisor.pool_path().unwrap().is_absolute());
}

fn uploads_and_reads_back(stage: &Stage<'_>) {
    let hypervisor = stage.hypervisor;
    let content: Vec<u8> = (0..700_001u32).map(|n| (n % 251) as u8).collect();
    let size = content.len() as u64;
    let mut seen = Vec::new();
    hypervisor
        .upload("contract.raw", size, &mut content.as_slice(), &mut |done| {
            seen.push(done)
        })
        .unwrap();
    assert!(seen.is_sorted(), "progress goes forward: {seen:?}");
    assert_eq!(seen.last(), Some(&size), "and ends at the whole");
    assert_eq!(capacity(hypervisor, "contract.raw"), Some(size));
    assert_eq!(
        hypervisor.tail("contract.raw", 1000).unwrap(),
        content[content.len() - 1000..]
    );
    assert_eq!(
        hypervisor.tail("contract.raw", u64::MAX).unwrap(),
        content,
        "a limit beyond its size is its size"
    );

    hypervisor
        .upload("contract.raw", 5, &mut &b"short"[..], &mut |_| ())
        .unwrap();
    assert_eq!(
        hypervisor.tail("contract.raw", 100).unwrap(),
        b"short",
        "an upload replaces what was there"
    );

    let broken = hypervisor.upload("contract.raw", 1 << 20, &mut Failing, &mut |_| ());
    assert!(matches!(broken, Err(Error::Failed { .. })), "{broken:?}");
    hypervisor.delete_volume("contract.raw").unwrap();
    hypervisor.delete_volume("contract.raw").unwrap();
    assert_eq!(capacity(hypervisor, "contract.raw"), None);
    assert!(matches!(
        hypervisor.tail("contract.raw", 1),
        Err(Error::NotFound(_))
    ));
}

fn makes_volumes(stage: &Stage<'_>) {
    let hypervisor = stage.hypervisor;
    let base = volume("contract-base.qcow2", 32 << 20, None);
    hypervisor.create_volume(&base).unwrap();
    let disk = volume(
        "contract-disk.qcow2",
        64 << 20,
        Some(("contract-base.qcow2".into(), VolumeFormat::Qcow2)),
    );
    hypervisor.create_volume(&disk).unwrap();
    hypervisor.create_volume(&disk).unwrap();
    assert_eq!(capacity(hypervisor, &disk.name), Some(64 << 20));

    let larger = volume(&disk.name, 65 << 20, disk.backing.clone());
    let refused = hypervisor.create_volume(&larger);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let flat = volume(&disk.name, 64 << 20, None);
    let refused = hypervisor.create_volume(&flat);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let baseless = volume(
        "contract-x.qcow2",
        1 << 20,
        Some(("contract-none".into(), VolumeFormat::Qcow2)),
    );
    let refused = hypervisor.create_volume(&baseless);
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    assert_eq!(capacity(hypervisor, &baseless.name), None);
}

fn knows_nothing_of_strangers(stage: &Stage<'_>) {
    let (hypervisor, stranger) = (stage.hypervisor, Uuid::from_u128(0xdead));
    assert_eq!(hypervisor.state(stranger), Ok(None));
    assert_eq!(hypervisor.undefine(stranger), Ok(()), "what is gone is gone");
    let refusals = [
        hypervisor.start(stranger),
        hypervisor.pause(stranger),
        hypervisor.resume(stranger),
        hypervisor.shut_down(stranger),
        hypervisor.ownership(stranger).map(drop),
        hypervisor.addresses(stranger).map(drop),
        hypervisor.agent_answers(stranger).map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::NotFound(_))), "{refusal:?}");
    }
}

/// The guest of the story, its volumes made.
fn guest(stage: &Stage<'_>) -> DomainSpec {
    let hypervisor = stage.hypervisor;
    let seed = console::seed();
    hypervisor
        .upload(
            "contract-seed.img",
            seed.len() as u64,
            &mut seed.as_slice(),
            &mut |_| (),
        )
        .unwrap();
    let boot = stage.tiny.as_ref().map_or(Boot::Disk, |folder| {
        for (volume, file) in [
            ("contract-kernel", "vmlinuz"),
            ("contract-initramfs", "initramfs"),
        ] {
            let content = std::fs::read(folder.join(file)).unwrap();
            hypervisor
                .upload(volume, content.len() as u64, &mut content.as_slice(), &mut |_| ())
                .unwrap();
        }
        Boot::Kernel {
            kernel: "contract-kernel".into(),
            initramfs: "contract-initramfs".into(),
            command_line: "console=ttyS0 quiet".into(),
        }
    });
    let uuid = Uuid::from_u128(0x7477_6172_6761_4000_8000_0000_0000_0001);
    DomainSpec {
        uuid,
        name: "user1-contract".into(),
        ownership: Ownership {
            instance: Uuid::from_u128(7),
            machine: uuid,
            owner: 1,
        },
        memory_mib: 256,
        vcpus: 1,
        boot,
        disk: "contract-disk.qcow2".into(),
        seed: "contract-seed.img".into(),
        log: "contract-console.log".into(),
        network: stage.network.clone(),
    }
}

fn defines(stage: &Stage<'_>, guest: &DomainSpec) {
    let hypervisor = stage.hypervisor;
    hypervisor.define(guest).unwrap();
    hypervisor.define(guest).unwrap();
    let namesake = DomainSpec {
        uuid: Uuid::from_u128(0xbeef),
        ..guest.clone()
    };
    let refused = hypervisor.define(&namesake);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(hypervisor.state(namesake.uuid), Ok(None));
    assert_eq!(hypervisor.ownership(guest.uuid), Ok(Some(guest.ownership)));
    assert_eq!(hypervisor.state(guest.uuid), Ok(Some(DomainState::Off)));
    assert_eq!(
        hypervisor.addresses(guest.uuid),
        Ok(Vec::new()),
        "nobody is at home"
    );
    assert_eq!(hypervisor.agent_answers(guest.uuid), Ok(false));
    let seen = in_snapshot(hypervisor, guest.uuid).unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.state, seen.run),
        ("user1-contract", DomainState::Off, None)
    );
    assert_eq!((seen.vcpus, seen.memory_mib), (1, 256));
    assert_eq!(
        (seen.counters.cpu_time_ns, seen.counters.memory_kib),
        (None, None),
        "what is off has no figures"
    );
    let refused = hypervisor.pause(guest.uuid);
    assert!(
        matches!(refused, Err(Error::Conflict(_))),
        "what does not run cannot pause: {refused:?}"
    );
}

fn runs(stage: &Stage<'_>, guest: &DomainSpec, heard: &Heard) {
    let hypervisor = stage.hypervisor;
    heard.forget();
    hypervisor.start(guest.uuid).unwrap();
    hypervisor.start(guest.uuid).unwrap();
    assert_eq!(hypervisor.state(guest.uuid), Ok(Some(DomainState::Running)));
    heard.until("a listener is told", stage.patience, || {
        heard.has(Change::Domain(guest.uuid))
    });
    let seen = heard.until("processor time is counted", stage.patience, || {
        in_snapshot(hypervisor, guest.uuid).filter(|domain| domain.counters.cpu_time_ns > Some(0))
    });
    assert_eq!(seen.state, DomainState::Running);
    assert!(seen.run.is_some());
    assert!(seen.counters.memory_kib.is_some(), "{:?}", seen.counters);
    assert!(
        seen.counters.disk_capacity >= Some(64 << 20),
        "{:?}",
        seen.counters
    );
    let began = hypervisor.started_at(guest.uuid).unwrap();
    assert_eq!(
        hypervisor.started_at(guest.uuid).unwrap(),
        began,
        "a run begins once"
    );
}

fn halts(stage: &Stage<'_>, guest: &DomainSpec) {
    let hypervisor = stage.hypervisor;
    for _ in 0..2 {
        hypervisor.pause(guest.uuid).unwrap();
        assert_eq!(hypervisor.state(guest.uuid), Ok(Some(DomainState::Paused)));
    }
    assert_eq!(
        in_snapshot(hypervisor, guest.uuid).unwrap().state,
        DomainState::Paused
    );
    for _ in 0..2 {
        hypervisor.resume(guest.uuid).unwrap();
        assert_eq!(hypervisor.state(guest.uuid), Ok(Some(DomainState::Running)));
    }
}

fn serves_its_guest(stage: &Stage<'_>, guest: &DomainSpec, heard: &Heard) {
    let hypervisor = stage.hypervisor;
    // What its boot writes later would come between the lines that are counted below.
    let booted: &[&str] = match stage.tiny {
        Some(_) => &["login:", "twarga: ready"],
        None => &[],
    };
    heard.until("the console log tells of the boot", stage.patience, || {
        let log = hypervisor.tail(&guest.log, 64 << 10).ok()?;
        let text = String::from_utf8_lossy(&log);
        (!log.is_empty() && booted.iter().all(|it| text.contains(it))).then_some(())
    });
    assert!(
        capacity(hypervisor, &guest.log) > Some(0),
        "the log is a volume of the pool"
    );
    if stage.tiny.is_some() {
        let began = Instant::now();
        assert_eq!(hypervisor.agent_answers(guest.uuid), Ok(false), "tiny has none");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(2), "nobody is waited for: {took:?}");
    }
    if hypervisor.host().unwrap().mode == Mode::Session {
        assert_eq!(
            hypervisor.addresses(guest.uuid),
            Ok(Vec::new()),
            "nobody can reach it directly"
        );
        hypervisor.forward(guest.uuid, Forward::ssh(22022)).unwrap();
        hypervisor.forward(guest.uuid, Forward::ssh(22022)).unwrap();
        return;
    }
    let refused = hypervisor.forward(guest.uuid, Forward::ssh(22022));
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    let addresses = heard.until("an address is known", stage.patience, || {
        hypervisor
            .addresses(guest.uuid)
            .ok()
            .filter(|addresses| !addresses.is_empty())
    });
    assert!(
        addresses.is_sorted_by_key(|address| address.source),
        "best first: {addresses:?}"
    );
    assert!(
        addresses.iter().all(|address| !address.ip.is_loopback()),
        "{addresses:?}"
    );
}

fn powers_off(stage: &Stage<'_>, guest: &DomainSpec, heard: &Heard) {
    let hypervisor = stage.hypervisor;
    let first_run = in_snapshot(hypervisor, guest.uuid).unwrap().run;
    let off = || (hypervisor.state(guest.uuid) == Ok(Some(DomainState::Off))).then_some(());
    let mut watching = Talk::attach(hypervisor, guest.uuid, stage.patience);
    heard.forget();
    hypervisor.shut_down(guest.uuid).unwrap();
    heard.until("the guest powers off", stage.patience, off);
    assert_eq!(watching.end(), End::Closed);
    let refused = hypervisor.attach_console(guest.uuid, false);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    heard.until("a listener is told", stage.patience, || {
        heard.has(Change::Domain(guest.uuid))
    });
    hypervisor.shut_down(guest.uuid).unwrap();
    hypervisor.start(guest.uuid).unwrap();
    let second_run = in_snapshot(hypervisor, guest.uuid).unwrap().run;
    assert!(
        second_run.is_some() && second_run != first_run,
        "{first_run:?}, then {second_run:?}"
    );
    hypervisor.force_off(guest.uuid).unwrap();
    hypervisor.force_off(guest.uuid).unwrap();
    heard.until("the power is cut", stage.patience, off);
    let refused = hypervisor.resume(guest.uuid);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

fn forgets(stage: &Stage<'_>, guest: &DomainSpec, heard: &Heard) {
    let hypervisor = stage.hypervisor;
    heard.forget();
    hypervisor.undefine(guest.uuid).unwrap();
    hypervisor.undefine(guest.uuid).unwrap();
    assert_eq!(hypervisor.state(guest.uuid), Ok(None));
    assert_eq!(in_snapshot(hypervisor, guest.uuid), None);
    heard.until("a listener is told", stage.patience, || {
        heard.has(Change::Domain(guest.uuid))
    });
    let ours: Vec<String> = (hypervisor.volumes().unwrap().into_iter())
        .map(|volume| volume.name)
        .filter(|name| name.starts_with("contract"))
        .collect();
    assert!(ours.contains(&guest.log), "{ours:?}");
    for name in &ours {
        hypervisor.delete_volume(name).unwrap();
        hypervisor.delete_volume(name).unwrap();
        assert_eq!(capacity(hypervisor, name), None);
    }
}

fn volume(name: &str, capacity: u64, backing: Option<(String, VolumeFormat)>) -> VolumeSpec {
    VolumeSpec {
        name: name.into(),
        format: VolumeFormat::Qcow2,
        capacity,
        backing,
    }
}

fn capacity(hypervisor: &dyn Hypervisor, name: &str) -> Option<u64> {
    let volumes = hypervisor.volumes().unwrap();
    volumes
        .into_iter()
        .find(|volume| volume.name == name)
        .map(|volume| volume.capacity)
}

fn in_snapshot(hypervisor: &dyn Hypervisor, uuid: Uuid) -> Option<twarga::hypervisor::Domain> {
    let snapshot = hypervisor.snapshot().unwrap();
    snapshot.domains.into_iter().find(|domain| domain.uuid == uuid)
}

/// A source that breaks in the middle.
struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is on fire"))
    }
}

/// What the hypervisor has told.
#[derive(Default)]
pub struct Heard {
    changes: Mutex<Vec<Change>>,
    more: Condvar,
}

impl Heard {
    pub fn listening_to(hypervisor: &dyn Hypervisor) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        let told = Arc::clone(&heard);
        let listener = move |change| {
            told.changes.lock().unwrap().push(change);
            told.more.notify_all();
        };
        hypervisor.listen(Arc::new(listener)).unwrap();
        heard
    }

    pub fn forget(&self) {
        self.changes.lock().unwrap().clear();
    }

    /// Whether it has been told, as something to wait for.
    pub fn has(&self, change: Change) -> Option<()> {
        (self.count(change) > 0).then_some(())
    }

    pub fn count(&self, change: Change) -> usize {
        self.changes
            .lock()
            .unwrap()
            .iter()
            .filter(|told| **told == change)
            .count()
    }

    /// Looks at `probe` until it finds something; again at each change, and at least every 100 ms
    /// for what no change tells.
    pub fn until<T>(&self, what: &str, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = probe() {
                return found;
            }
            assert!(
                began.elapsed() < patience,
                "waited {patience:?} in vain until {what}"
            );
            let changes = self.changes.lock().unwrap();
            drop(
                self.more
                    .wait_timeout(changes, Duration::from_millis(100))
                    .unwrap(),
            );
        }
    }
}
