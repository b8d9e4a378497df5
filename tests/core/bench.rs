//! A state directory, a simulated hypervisor, and as many cores on them as a story needs.

use jiff::SignedDuration;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use twarga::core::fetch::Proxies;
use twarga::core::{
    Action, BootClock, Clock, ConsoleSettings, Core, CreditSettings, Ctx, ImageSettings, Keeper, KeeperKind,
    Machine, NewMachine, Origin, Parts, Registration, Settings, Source, View,
    time::{system_boot_clock, system_clock},
};
use twarga::hypervisor::sim::{Guest, Inventory, Script, Sim};
use twarga::model::{Limits, Operation, OperationId, OperationState, RecordingMode, VmId};
use twarga::store::Store;

pub const LOCAL: Source = Source {
    origin: Origin::Local,
    address: None,
};
pub const TENANT: Source = Source {
    origin: Origin::Tenant,
    address: None,
};
pub const PASSWORD: &str = "tall ginger otter sings";
/// Longer than anything here takes on a busy machine; only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The computer's clocks, which a story moves on.
#[derive(Clone, Default)]
pub struct Clocks {
    /// Milliseconds that the wall clock is set on.
    wall: Arc<AtomicI64>,
    /// Milliseconds that both are.
    both: Arc<AtomicI64>,
}

impl Clocks {
    /// Time passes.
    pub fn pass(&self, milliseconds: i64) {
        self.both.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock, by so much.
    pub fn set(&self, milliseconds: i64) {
        self.wall.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn wall(&self) -> Clock {
        let (clocks, system) = (self.clone(), system_clock());
        Arc::new(move || {
            let on = clocks.wall.load(Ordering::SeqCst) + clocks.both.load(Ordering::SeqCst);
            system().checked_add(SignedDuration::from_millis(on)).unwrap()
        })
    }

    fn boot(&self) -> BootClock {
        let (clocks, system) = (self.clone(), system_boot_clock());
        BootClock {
            boot: system.boot,
            milliseconds: Arc::new(move || (system.milliseconds)() + clocks.both.load(Ordering::SeqCst)),
        }
    }
}

pub struct Bench {
    _dir: TempDir,
    pub sim: Arc<Sim>,
    pub settings: Settings,
    pub clocks: Clocks,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Script::new(system_clock(), 7))
    }

    pub fn with_guest(guest: Guest) -> Self {
        Self::with(Script::new(system_clock(), 7).guest(guest))
    }

    pub fn with(script: Script) -> Self {
        Self::at(script, Clocks::default())
    }

    /// One whose clocks can be moved; the guests have them, too.
    pub fn with_clocks() -> Self {
        let clocks = Clocks::default();
        let mut bench = Self::at(Script::new(clocks.wall(), 7), clocks);
        // Sessions outlive what passes in a story.
        bench.settings.session = Duration::from_secs(10 * 365 * 86_400);
        bench
    }

    fn at(script: Script, clocks: Clocks) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tiny_dir = dir.path().join("tiny");
        std::fs::create_dir(&tiny_dir).unwrap();
        std::fs::write(tiny_dir.join("tiny.json"), r#"{"version":"1.0"}"#).unwrap();
        std::fs::write(tiny_dir.join("vmlinuz"), vec![1u8; 100_000]).unwrap();
        std::fs::write(tiny_dir.join("initramfs"), vec![2u8; 50_000]).unwrap();
        let settings = Settings {
            state_dir: dir.path().join("state"),
            limits: Limits::default(),
            credits: CreditSettings {
                metering: Duration::from_millis(300),
                ..CreditSettings::default()
            },
            registration: true,
            session: Duration::from_secs(3600),
            stop_timeout: Duration::from_secs(2),
            ready_timeout: Duration::from_secs(2),
            emulated_ready_timeout: Duration::from_secs(2),
            disk_reserve: 1 << 30,
            network: twarga::core::NetworkSettings::default(),
            forward_ports: (42_000, 42_010),
            tiny_dir,
            refresh: Duration::from_millis(200),
            leftovers: Duration::from_secs(3600),
            consoles: ConsoleSettings {
                idle: None,
                record: RecordingMode::Off,
                keep_recordings: Duration::from_secs(86_400),
                longest_recording: 1 << 20,
            },
            images: loopback(),
            secret_key: None,
        };
        Self {
            _dir: dir,
            sim: Arc::new(Sim::new(script)),
            settings,
            clocks,
        }
    }

    pub fn state_dir(&self) -> PathBuf {
        self.settings.state_dir.clone()
    }

    pub fn store(&self) -> Store {
        Store::open(&self.state_dir(), jiff::Timestamp::now()).unwrap()
    }

    /// One more process on the state directory, as far as one process can play another.
    pub async fn core(&self) -> Core {
        let store = self.store();
        let (settings, hypervisor) = (self.settings.clone(), self.sim.clone());
        Core::assemble(Parts {
            settings,
            store,
            hypervisor,
            clock: self.clocks.wall(),
            boot_clock: self.clocks.boot(),
        })
        .await
        .unwrap()
    }

    /// A core that keeps, with its admin.
    pub async fn kept(&self) -> (Core, Keeper, Ctx) {
        let core = self.core().await;
        let admin = register(&core, "alice").await;
        let keeper = Keeper::start(&core, KeeperKind::Tui);
        (core, keeper, admin)
    }

    /// What libvirt would have left, but for images, which stay.
    pub fn left_behind(&self) -> Inventory {
        let mut inventory = self.sim.inventory();
        inventory.volumes.retain(|name| !name.starts_with("image-"));
        inventory
    }

    pub fn assert_nothing_left(&self, story: &str) {
        assert_eq!(self.left_behind(), Inventory::default(), "{story}");
        let store = self.store();
        assert_eq!(
            store.read(|reader| reader.vms()).unwrap(),
            vec![],
            "{story}: no row"
        );
        assert_eq!(
            store.read(|reader| reader.open_intents()).unwrap(),
            vec![],
            "{story}: every intent is closed"
        );
        assert_eq!(
            store.verify_chain().unwrap().broken_at,
            None,
            "{story}: the log is whole"
        );
    }
}

/// Downloads from this computer alone: whatever lies elsewhere meets a proxy that does not exist.
fn loopback() -> ImageSettings {
    let mut images = ImageSettings::default();
    images.fetch.tries = 1;
    images.fetch.proxies = Proxies {
        except: Some("127.0.0.1".to_owned()),
        ..Proxies::one("http://127.0.0.1:9")
    };
    images
}

pub async fn register(core: &Core, name: &str) -> Ctx {
    let registration = Registration {
        username: name.to_owned(),
        email: format!("{name}@example.org"),
        password: PASSWORD.to_owned(),
    };
    core.register(LOCAL, registration).await.unwrap().ctx
}

pub fn small(name: &str) -> NewMachine {
    NewMachine {
        name: name.to_owned(),
        image: "tiny".to_owned(),
        memory_mib: 512,
        vcpus: 1,
        disk_gib: 10,
        ..NewMachine::default()
    }
}

pub async fn finish(core: &Core, ctx: &Ctx, operation: OperationId) -> Operation {
    tokio::time::timeout(PATIENCE, core.wait(ctx, operation, |_| {}))
        .await
        .expect("it ends")
        .unwrap()
}

pub async fn create(core: &Core, ctx: &Ctx, name: &str) -> VmId {
    let (vm, operation) = core.create_vm(ctx, small(name)).await.unwrap();
    let done = finish(core, ctx, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    vm
}

pub async fn act(core: &Core, ctx: &Ctx, vm: VmId, action: Action) -> Operation {
    let operation = core.act(ctx, vm, action).await.unwrap();
    finish(core, ctx, operation).await
}

/// Waits until the user's view is as wanted.
pub async fn until(core: &Core, ctx: &Ctx, what: &str, wanted: impl Fn(&View) -> bool) -> Arc<View> {
    let mut watch = core.watch(ctx).await.unwrap();
    let seen = tokio::time::timeout(PATIENCE, async {
        let mut view = watch.view();
        while !wanted(&view) {
            view = watch.changed().await.unwrap();
        }
        view
    });
    match seen.await {
        Ok(view) => view,
        Err(_) => panic!("never: {what}; last seen {:#?}", watch.view()),
    }
}

pub fn find<'a>(view: &'a View, name: &str) -> Option<&'a Machine> {
    view.machines
        .iter()
        .find(|machine| machine.vm.name.as_str() == name)
}
