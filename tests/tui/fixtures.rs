//! Views made by hand: no core, no libvirt, no database.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use twarga::core::{
    Action, DomainState, Foreign, Health, KeeperKind, Keeping, Load, Machine, Mode, Purse, View,
    vms::Allowance,
};
use twarga::front::tui::{Entered, Permit};
use twarga::model::limits::Usage;
use twarga::model::vm::{Address, AddressSource};
use twarga::model::{
    ConsoleKind, Credits, Event, EventId, EventType, Image, ImageKind, Limits, Operation, OperationId,
    OperationKind, OperationState, Prices, Progress, Readiness, Role, Severity, Step, StepState, Trust,
    UserId, Vm, VmId, VmName, VmStatus,
};
use uuid::Uuid;

/// The moment at which every story begins: 2026-11-23 12:00:00 UTC.
pub fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub fn ago(seconds: i64) -> Timestamp {
    noon() - SignedDuration::from_secs(seconds)
}

pub const ALICE: UserId = UserId(1);

/// Somebody of that role; what is refused depends on the machine's status alone.
pub fn somebody(role: Role) -> Entered {
    let reads_only = role == Role::Auditor;
    Entered {
        user: ALICE,
        name: "alice".to_owned(),
        role,
        permit: Permit {
            console: Arc::new(move |machine, kind| {
                let refused = match (kind, machine.status) {
                    _ if reads_only => "only its owner or an admin may",
                    (ConsoleKind::Ssh, status) if status != VmStatus::Running => "it does not run",
                    _ => return None,
                };
                Some(refused.to_owned())
            }),
            act: Arc::new(move |machine, action| {
                if reads_only {
                    return Some("only its owner or an admin may".to_owned());
                }
                let refused = match (action, machine.status) {
                    (_, VmStatus::Pending) => "it is being created",
                    (Action::Start, VmStatus::Running) => "it runs already",
                    (Action::Start | Action::Destroy, _) => return None,
                    (Action::Resume, VmStatus::Paused) => return None,
                    (_, VmStatus::Running) => return None,
                    _ => "it does not run",
                };
                Some(refused.to_owned())
            }),
            forward: Arc::new(move |_, mode| match mode {
                _ if reads_only => Some("only its owner or an admin may".to_owned()),
                Some(Mode::Session) => None,
                _ => Some("every port of it can be reached at its address".to_owned()),
            }),
            create: reads_only.then(|| "an auditor changes nothing".to_owned()),
            pull: reads_only.then(|| "an auditor changes nothing".to_owned()),
            images: (role != Role::Admin).then(|| "only an admin may".to_owned()),
        },
    }
}

pub fn vm(id: i64, name: &str, status: VmStatus) -> Machine {
    let running = status == VmStatus::Running;
    Machine {
        vm: Vm {
            id: VmId(id),
            uuid: Uuid::from_u128(0x1000 + id as u128),
            owner: ALICE,
            name: VmName::parse(name).unwrap(),
            image: "debian-12".to_owned(),
            memory_mib: 2048,
            vcpus: 2,
            disk_gib: 20,
            guest_user: "debian".to_owned(),
            status,
            reason: None,
            unready: None,
            address: running.then(|| Address {
                ip: format!("192.168.122.{}", 30 + id % 200).parse().unwrap(),
                source: AddressSource::Lease,
            }),
            ssh_port: None,
            network: None,
            created_at: ago(400_000),
            started_at: running.then(|| ago(266_400)),
        },
        owner: "alice".to_owned(),
        status,
        reason: None,
        load: if running { load(41.0) } else { Load::default() },
        operation: None,
        forwards: Vec::new(),
    }
}

pub fn load(cpu: f32) -> Load {
    Load {
        cpu_percent: Some(cpu),
        cpu_history: [8.0, 20.0, 33.0, 60.0, 90.0, 64.0, 48.0, cpu].into(),
        memory_percent: Some(62.0),
        disk_read: Some(0.0),
        disk_written: Some(312_000.0),
        disk_allocated: Some(3_100_000_000),
        net_received: Some(1_200_000.0),
        net_sent: Some(88_000.0),
    }
}

pub fn operation(id: i64, kind: OperationKind, vm: &Machine) -> Operation {
    let step = |name: &str, state, began: i64, ended: Option<i64>| Step {
        name: name.to_owned(),
        state,
        started_at: ago(began),
        finished_at: ended.map(ago),
        error: None,
    };
    Operation {
        id: OperationId(id),
        kind,
        vm: Some(vm.vm.id),
        name: vm.vm.name.to_string(),
        owner: vm.vm.owner,
        actor: ALICE,
        state: OperationState::Running,
        error: None,
        steps: vec![
            step("volume", StepState::Done, 20, Some(19)),
            step("download", StepState::Running, 19, None),
        ],
        step_count: 4,
        progress: Some(Progress {
            done: 231_000_000,
            total: Some(378_000_000),
        }),
        cancel_requested: false,
        created_at: ago(21),
        finished_at: None,
    }
}

/// An operation that is over.
pub fn ended(id: i64, kind: OperationKind, state: OperationState, error: Option<&str>) -> Operation {
    let mut it = operation(id, kind, &vm(2, "web-2", VmStatus::Running));
    for step in &mut it.steps {
        step.state = StepState::Done;
        step.finished_at = Some(ago(10));
    }
    if error.is_some() {
        for step in &mut it.steps {
            step.state = StepState::Undone;
        }
    }
    it.state = state;
    it.error = error.map(str::to_owned);
    it.progress = None;
    it.finished_at = Some(ago(10));
    it
}

/// A creation whose guest boots, and how far it is.
pub fn booting(stage: &str) -> Operation {
    let mut it = operation(17, OperationKind::Create, &vm(3, "build", VmStatus::Pending));
    it.progress = None;
    it.step_count = 2;
    let last = it.steps.last_mut().unwrap();
    last.name = "ready".to_owned();
    last.error = Some(stage.to_owned());
    it
}

/// The same, given up and kept.
pub fn never_ready(reason: &str) -> Operation {
    let mut it = booting(reason);
    it.steps.last_mut().unwrap().state = StepState::Failed;
    it.state = OperationState::Failed;
    it.error = Some(reason.to_owned());
    it.finished_at = Some(ago(2));
    it
}

/// The picture of the design: two running, one being made, one stopped, one in error.
pub fn view() -> View {
    let web = vm(1, "web-1", VmStatus::Running);
    let mut web2 = vm(2, "web-2", VmStatus::Running);
    web2.vm.memory_mib = 1024;
    web2.vm.vcpus = 1;
    web2.vm.started_at = Some(ago(18_720));
    web2.load = load(3.0);
    let mut build = vm(3, "build", VmStatus::Pending);
    build.vm.image = "ubuntu-24.04".to_owned();
    build.vm.memory_mib = 4096;
    build.operation = Some(operation(17, OperationKind::Create, &build));
    let mut old = vm(4, "old-db", VmStatus::Stopped);
    old.vm.image = "debian-11".to_owned();
    let mut broken = vm(5, "broken", VmStatus::Error);
    broken.reason = Some("its disk is missing from the pool".to_owned());
    View {
        health: Health::Up,
        host: None,
        as_of: Some(ago(1)),
        keeping: Keeping::Here {
            kind: KeeperKind::Tui,
        },
        operations: vec![build.operation.clone().unwrap()],
        machines: vec![web, web2, build, old, broken],
        foreign: Vec::new(),
        last_event: 40,
        prices: Some(Prices::default()),
        purse: Purse {
            balance: Credits(812_400),
            rate: Prices::default().running(2048, 2),
        },
        problems: Vec::new(),
    }
}

/// What an admin sees of a host that others use too.
pub fn shared_view() -> View {
    let mut view = view();
    view.machines[3].owner = "bob".to_owned();
    view.machines[3].vm.owner = UserId(2);
    view.foreign = vec![Foreign {
        name: "win-build".to_owned(),
        uuid: Uuid::from_u128(0xf0),
        state: DomainState::Running,
        vcpus: 8,
        memory_mib: 16384,
    }];
    view
}

/// A view with nothing at work, of so many machines.
pub fn many(count: i64) -> View {
    let machines: Vec<_> = (1..=count)
        .map(|id| {
            let status = if id % 4 == 0 {
                VmStatus::Stopped
            } else {
                VmStatus::Running
            };
            let mut it = vm(id, &format!("node-{id:05}"), status);
            it.load.cpu_percent = it.load.cpu_percent.map(|_| (id % 100) as f32);
            it
        })
        .collect();
    View {
        machines,
        operations: Vec::new(),
        ..view()
    }
}

pub fn events(newest: i64, count: i64) -> Vec<Event> {
    (0..count)
        .map(|back| {
            let id = newest - back;
            let (event_type, severity, message) = match id % 5 {
                0 => (
                    EventType::Security,
                    Severity::Critical,
                    "5 failed sign-ins for alice from 192.0.2.7",
                ),
                1 => (EventType::Auth, Severity::Info, "alice signed in"),
                2 => (EventType::Vm, Severity::Info, "alice's machine web-1 was started"),
                3 => (
                    EventType::Vm,
                    Severity::Warning,
                    "web-1 did not power off within 60 s",
                ),
                _ => (
                    EventType::System,
                    Severity::Info,
                    "this process became the keeper",
                ),
            };
            Event {
                id: EventId(id),
                time: ago(60 * (40 - id)),
                event_type,
                severity,
                action: format!("{event_type}.example"),
                message: message.to_owned(),
                user: (id % 2 == 0).then_some(ALICE),
                vm: (event_type == EventType::Vm).then_some(VmId(1)),
                details: serde_json::Value::Null,
            }
        })
        .collect()
}

pub fn catalogue() -> (Vec<Image>, Allowance) {
    let image = |id: &str, title: &str, readiness| Image {
        id: id.to_owned(),
        aliases: Vec::new(),
        title: title.to_owned(),
        kind: ImageKind::Disk,
        version: "1".to_owned(),
        end_of_life: None,
        architecture: None,
        trust: Trust::Local,
        default_user: "debian".to_owned(),
        min_disk_gib: 10,
        size: Some(400_000_000),
        brought_at: None,
        readiness,
    };
    let missing = Readiness::Unavailable("not on this host yet: run `make tiny`".to_owned());
    let images = vec![
        image("tiny", "twarga tiny guest", Readiness::Ready),
        image("debian-12", "Debian 12", missing),
    ];
    (
        images,
        Allowance {
            networks: Vec::new(),
            limits: Limits::default(),
            usage: Usage {
                vms: 2,
                memory_mib: 3072,
            },
            ssh_keys: 0,
        },
    )
}

/// A library of every sort: here, elsewhere, ended, imported, not ready.
pub fn images() -> Vec<Image> {
    let mut tiny = catalogue().0.remove(0);
    tiny.size = Some(19_000_000);
    let of = |id: &str, title: &str, readiness| Image {
        id: id.to_owned(),
        aliases: vec![format!("vagrant/{id}")],
        title: title.to_owned(),
        version: "20261101".to_owned(),
        trust: Trust::Signed,
        readiness,
        ..tiny.clone()
    };
    let mut debian12 = of("debian-12", "Debian 12 (bookworm)", Readiness::Ready);
    debian12.end_of_life = Some(jiff::civil::date(2028, 6, 30));
    debian12.size = Some(350_000_000);
    debian12.brought_at = Some(ago(300_000));
    let mut debian11 = of("debian-11", "Debian 11 (bullseye)", Readiness::Ready);
    debian11.end_of_life = Some(jiff::civil::date(2026, 8, 31));
    debian11.trust = Trust::TlsOnly;
    debian11.brought_at = Some(ago(40_000_000));
    let mut ubuntu = of("ubuntu-24.04", "Ubuntu 24.04 LTS", Readiness::Remote);
    ubuntu.end_of_life = Some(jiff::civil::date(2029, 5, 31));
    ubuntu.trust = Trust::Pinned;
    let mut appliance = of("appliance", "Appliance", Readiness::Ready);
    appliance.trust = Trust::Local;
    appliance.brought_at = Some(ago(500));
    let mut arch = of("arch", "Arch Linux", Readiness::Remote);
    (arch.size, arch.trust) = (None, Trust::TlsOnly);
    let windows = Readiness::Unavailable("it boots with UEFI only, which this host has not".to_owned());
    let windows = of("windows", "Windows Server", windows);
    vec![tiny, debian12, debian11, ubuntu, appliance, arch, windows]
}

/// A download of an image.
pub fn download(id: i64, image: &str) -> Operation {
    let mut it = operation(id, OperationKind::Pull, &vm(9, "none", VmStatus::Pending));
    it.vm = None;
    it.name = image.to_owned();
    it.steps.remove(0);
    it.step_count = 1;
    it
}
