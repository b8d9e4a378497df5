//! The simulator keeps the trait's promises, and fails the ways it is told to.

#![cfg(test)]

use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use twarga::hypervisor::sim::{Call, Fault, Guest, Inventory, Pace, Script, Sim};
use twarga::hypervisor::{
    Boot, Change, DomainSpec, DomainState, Error, Forward, Hypervisor, Mode, Network, Ownership,
    VolumeFormat, VolumeSpec,
};
use uuid::Uuid;

#[path = "hypervisor_sim/consoles.rs"]
mod consoles;
#[path = "support/contract.rs"]
mod contract;

const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands until the test moves it.
#[derive(Clone)]
struct Held(Arc<AtomicI64>);

impl Held {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_790_000_000_000)))
    }

    fn pass(&self, time: Duration) {
        self.0
            .fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn pass_seconds(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn script(&self) -> Script {
        let clock = self.clone();
        Script::new(Arc::new(move || clock.now()), 42)
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn qcow2(name: &str) -> VolumeSpec {
    VolumeSpec {
        name: name.to_owned(),
        format: VolumeFormat::Qcow2,
        capacity: 10 << 30,
        backing: None,
    }
}

fn spec(name: &str, uuid: u128, network: Network) -> DomainSpec {
    let uuid = Uuid::from_u128(uuid);
    DomainSpec {
        uuid,
        name: name.to_owned(),
        ownership: Ownership {
            instance: Uuid::from_u128(99),
            machine: uuid,
            owner: 1,
        },
        memory_mib: 1024,
        vcpus: 2,
        boot: Boot::Disk,
        disk: format!("{name}.qcow2"),
        seed: format!("{name}.seed"),
        log: format!("{name}.log"),
        network,
    }
}

/// Defines a machine with its volumes; does not start it.
fn machine(sim: &Sim, name: &str, uuid: u128) -> Uuid {
    let network = match sim.host().unwrap().mode {
        Mode::Session => Network::User,
        _ => Network::Libvirt("default".to_owned()),
    };
    let spec = spec(name, uuid, network);
    sim.prepare("default").unwrap();
    sim.create_volume(&qcow2(&spec.disk)).unwrap();
    sim.upload(&spec.seed, 3, &mut &b"abc"[..], &mut |_| ()).unwrap();
    sim.define(&spec).unwrap();
    spec.uuid
}

fn state(sim: &Sim, domain: Uuid) -> DomainState {
    sim.state(domain).unwrap().unwrap()
}

/// The contract, on a clock that goes by itself, with guests that take a moment.
fn keep_the_contract(mode: Mode, network: Network) {
    let guest = Guest {
        boot: Duration::from_millis(50),
        shutdown: Some(Duration::from_millis(50)),
        // As the tiny guest.
        agent: false,
        says: vec![(Duration::from_millis(60), "twarga: ready\r\n".to_owned())],
        ..Guest::default()
    };
    let sim = Sim::new(Script::new(Arc::new(Timestamp::now), 1).mode(mode).guest(guest));
    let tiny = tempfile::tempdir().unwrap();
    for file in ["vmlinuz", "initramfs"] {
        std::fs::write(tiny.path().join(file), file).unwrap();
    }
    contract::exercise(&contract::Stage {
        hypervisor: &sim,
        network,
        tiny: Some(tiny.path().to_owned()),
        patience: PATIENCE,
    });
}

#[test]
fn the_contract_is_kept_with_a_network() {
    keep_the_contract(Mode::Simulated, Network::Libvirt("default".to_owned()));
}

#[test]
fn the_contract_is_kept_in_session_mode() {
    keep_the_contract(Mode::Session, Network::User);
}

#[test]
fn a_machine_lives_and_leaves_nothing_behind() {
    let clock = Held::new();
    let guest = Guest {
        boot: seconds(8),
        shutdown: Some(seconds(3)),
        ..Guest::default()
    };
    let sim = Sim::new(clock.script().guest(guest));
    let web = machine(&sim, "user1-web", 1);
    let began = clock.now();
    sim.start(web).unwrap();
    assert!(sim.addresses(web).unwrap().is_empty());
    assert!(!sim.agent_answers(web).unwrap());
    assert_eq!(sim.started_at(web).unwrap(), Some(began));

    clock.pass_seconds(8);
    let ip: IpAddr = "192.168.122.2".parse().unwrap();
    assert_eq!(sim.addresses(web).unwrap()[0].ip, ip);
    assert!(sim.agent_answers(web).unwrap());
    let log = sim.tail("user1-web.log", 100).unwrap();
    assert!(String::from_utf8(log).unwrap().ends_with("web:~$ "));

    sim.shut_down(web).unwrap();
    assert_eq!(state(&sim, web), DomainState::Running);
    clock.pass_seconds(3);
    assert_eq!(state(&sim, web), DomainState::Off);
    assert_eq!(sim.started_at(web).unwrap(), None);

    sim.undefine(web).unwrap();
    for volume in sim.inventory().volumes {
        sim.delete_volume(&volume).unwrap();
    }
    assert_eq!(sim.inventory(), Inventory::default());
}

#[test]
fn what_is_done_already_succeeds_again() {
    let sim = Sim::new(Held::new().script().mode(Mode::Session));
    let web = machine(&sim, "user1-web", 1);
    assert!(sim.prepare("default").unwrap().is_empty());
    sim.create_volume(&qcow2("user1-web.qcow2")).unwrap();
    sim.define(&spec("user1-web", 1, Network::User)).unwrap();
    for _ in 0..2 {
        sim.start(web).unwrap();
    }
    for _ in 0..2 {
        sim.forward(web, Forward::ssh(2200)).unwrap();
    }
    for _ in 0..2 {
        sim.pause(web).unwrap();
    }
    for _ in 0..2 {
        sim.resume(web).unwrap();
    }
    for _ in 0..2 {
        sim.force_off(web).unwrap();
    }
    sim.shut_down(web).unwrap();
    for _ in 0..2 {
        sim.undefine(web).unwrap();
        sim.delete_volume("user1-web.qcow2").unwrap();
    }
}

#[test]
fn what_is_there_in_another_shape_is_a_conflict() {
    let sim = Sim::new(Held::new().script().mode(Mode::Session));
    let web = machine(&sim, "user1-web", 1);
    let is_conflict = |result| matches!(result, Err(Error::Conflict(_)));
    assert!(is_conflict(sim.define(&spec("user1-web", 2, Network::User))));
    assert!(is_conflict(sim.define(&spec("user1-other", 1, Network::User))));
    let larger = VolumeSpec {
        capacity: 11 << 30,
        ..qcow2("user1-web.qcow2")
    };
    assert!(is_conflict(sim.create_volume(&larger)));
    assert!(is_conflict(sim.pause(web)));
    assert!(is_conflict(sim.resume(web)));

    let db = machine(&sim, "user1-db", 3);
    sim.start(web).unwrap();
    sim.start(db).unwrap();
    sim.forward(web, Forward::ssh(2200)).unwrap();
    assert!(is_conflict(sim.forward(db, Forward::ssh(2200))));
    sim.outside().occupy_port(2201, true);
    assert!(is_conflict(sim.forward(db, Forward::ssh(2201))));
    sim.pause(db).unwrap();
    assert!(is_conflict(sim.start(db)));
    assert!(is_conflict(sim.shut_down(db)));
}

#[test]
fn what_is_not_there_is_not_found() {
    let sim = Sim::new(Held::new().script());
    let nobody = Uuid::from_u128(7);
    let missing = |result| assert!(matches!(result, Err(Error::NotFound(_))), "{result:?}");
    missing(sim.create_volume(&qcow2("before-prepare")));
    sim.prepare("default").unwrap();
    missing(sim.start(nobody));
    missing(sim.shut_down(nobody));
    missing(sim.force_off(nobody));
    missing(sim.pause(nobody));
    missing(sim.ownership(nobody).map(drop));
    missing(sim.addresses(nobody).map(drop));
    missing(sim.tail("nothing", 1).map(drop));
    let overlay = VolumeSpec {
        backing: Some(("no-image".to_owned(), VolumeFormat::Qcow2)),
        ..qcow2("overlay")
    };
    missing(sim.create_volume(&overlay));
    assert_eq!(sim.state(nobody).unwrap(), None);
}

#[test]
fn a_domain_does_not_start_without_its_volumes() {
    let sim = Sim::new(Held::new().script());
    let web = machine(&sim, "user1-web", 1);
    sim.delete_volume("user1-web.seed").unwrap();
    let refused = sim.start(web);
    assert!(matches!(&refused, Err(Error::Failed { reason, .. }) if reason.contains("user1-web.seed")));
    assert_eq!(state(&sim, web), DomainState::Off);
}

#[test]
fn forwarded_ports_end_with_the_run_and_exist_in_session_mode_only() {
    let session = Sim::new(Held::new().script().mode(Mode::Session));
    let web = machine(&session, "user1-web", 1);
    session.start(web).unwrap();
    session.forward(web, Forward::ssh(2200)).unwrap();
    assert_eq!(session.inventory().ports, [(2200, web)]);
    assert!(session.addresses(web).unwrap().is_empty());
    assert_eq!(session.snapshot().unwrap().domains[0].counters.net_sent, None);
    session.force_off(web).unwrap();
    assert_eq!(session.inventory().ports, []);

    let system = Sim::new(Held::new().script());
    let web = machine(&system, "user1-web", 1);
    system.start(web).unwrap();
    assert!(matches!(
        system.forward(web, Forward::ssh(2200)),
        Err(Error::Unsupported(_))
    ));
}

#[test]
fn a_fault_strikes_before_or_after_the_effect() {
    let sim = Sim::new(Held::new().script());
    sim.prepare("default").unwrap();
    sim.fail(Call::CreateVolume, Fault::before());
    assert!(sim.create_volume(&qcow2("one")).is_err());
    assert_eq!(sim.inventory().volumes, Vec::<String>::new());

    sim.fail(Call::CreateVolume, Fault::after());
    assert!(sim.create_volume(&qcow2("one")).is_err());
    assert_eq!(sim.inventory().volumes, ["one"]);
    sim.create_volume(&qcow2("one")).unwrap();
}

#[test]
fn a_fault_strikes_the_call_it_was_planned_for() {
    let sim = Sim::new(Held::new().script());
    sim.fail(Call::Host, Fault::before().nth(2).times(2));
    let failed: Vec<bool> = (0..5).map(|_| sim.host().is_err()).collect();
    assert_eq!(failed, [false, true, true, false, false]);
    sim.fail(
        Call::Host,
        Fault::before().always().with(Error::NotFound("x".to_owned())),
    );
    assert_eq!(sim.host(), Err(Error::NotFound("x".to_owned())));
    assert!(sim.snapshot().is_ok());
    sim.mend();
    assert!(sim.host().is_ok());
    assert_eq!(sim.count(Call::Host), 7);
    assert_eq!(sim.calls().last().unwrap().call, Call::Host);
}

#[test]
fn an_upload_that_fails_midway_leaves_a_part_and_can_be_done_again() {
    let sim = Sim::new(Held::new().script());
    sim.prepare("default").unwrap();
    let content = vec![7; 1_000_000];
    sim.fail(Call::Upload, Fault::midway());
    assert!(
        sim.upload("image", 1_000_000, &mut Cursor::new(&content), &mut |_| ())
            .is_err()
    );
    let part = sim.volumes().unwrap()[0].allocation;
    assert!(0 < part && part < 1_000_000, "{part} bytes");

    let mut told = Vec::new();
    sim.upload("image", 1_000_000, &mut Cursor::new(&content), &mut |done| {
        told.push(done)
    })
    .unwrap();
    assert!(told.is_sorted() && told.len() > 2);
    assert_eq!(told.last(), Some(&1_000_000));
    assert_eq!(sim.volumes().unwrap()[0].allocation, 1_000_000);
    assert_eq!(sim.tail("image", 4).unwrap(), [7; 4]);
    assert!(
        sim.upload("image", 2_000_000, &mut Cursor::new(&content), &mut |_| ())
            .is_err()
    );
}

#[test]
fn a_call_hangs_until_it_is_released_and_then_takes_effect() {
    let sim = Sim::new(Held::new().script());
    sim.prepare("default").unwrap();
    sim.hang(Call::CreateVolume);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| sim.create_volume(&qcow2("late")));
        assert!(sim.wait_until_hung(Call::CreateVolume, 1, PATIENCE));
        assert_eq!(sim.inventory().volumes, Vec::<String>::new());
        assert!(sim.volumes().is_ok(), "other calls go on");
        sim.release();
        call.join().unwrap().unwrap();
    });
    assert_eq!(sim.inventory().volumes, ["late"]);
}

#[test]
fn a_call_can_hang_after_its_effect() {
    let sim = Sim::new(Held::new().script());
    sim.prepare("default").unwrap();
    sim.hang_after(Call::CreateVolume);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| sim.create_volume(&qcow2("early")));
        assert!(sim.wait_until_hung(Call::CreateVolume, 1, PATIENCE));
        assert_eq!(sim.inventory().volumes, ["early"]);
        sim.release();
        call.join().unwrap().unwrap();
    });
}

#[test]
fn a_full_disk_takes_nothing_more() {
    let sim = Sim::new(Held::new().script());
    sim.prepare("default").unwrap();
    sim.set_disk_full(true);
    assert_eq!(sim.pool_space().unwrap().available, 0);
    let refused = sim.create_volume(&qcow2("one"));
    assert!(matches!(&refused, Err(Error::Failed { reason, .. }) if reason.contains("No space left")));
    assert!(sim.upload("two", 1, &mut &b"x"[..], &mut |_| ()).is_err());
    sim.set_disk_full(false);
    sim.create_volume(&qcow2("one")).unwrap();
}

/// A listener and what it has heard.
fn listening(sim: &Sim) -> mpsc::Receiver<Change> {
    let (heard, hearing) = mpsc::channel();
    sim.listen(Arc::new(move |change| {
        let _ = heard.send(change);
    }))
    .unwrap();
    hearing
}

#[test]
fn listeners_hear_what_others_do_and_what_guests_do_by_themselves() {
    let clock = Held::new();
    let sim = Sim::new(clock.script());
    sim.behave(
        "foreign",
        Guest {
            crash_after: Some(seconds(60)),
            ..Guest::default()
        },
    );
    let heard = listening(&sim);
    let foreign = sim.outside().define("foreign", 1, 512).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Change::Domain(foreign)));
    sim.outside().start(foreign).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Change::Domain(foreign)));
    clock.pass_seconds(60);
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Change::Domain(foreign)));
    assert_eq!(state(&sim, foreign), DomainState::Crashed);
}

#[test]
fn a_listener_may_call_back_and_is_let_go_with_the_simulator() {
    let sim = Arc::new(Sim::new(Held::new().script()));
    let (heard, hearing) = mpsc::channel();
    let weak = Arc::downgrade(&sim);
    let listener = move |_| {
        if let Some(sim) = weak.upgrade() {
            let _ = heard.send(sim.snapshot().unwrap().domains.len());
        }
    };
    sim.listen(Arc::new(listener)).unwrap();
    sim.outside().define("foreign", 1, 512).unwrap();
    assert_eq!(hearing.recv_timeout(PATIENCE), Ok(1));
    drop(sim);
    assert_eq!(
        hearing.recv_timeout(PATIENCE),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
}

#[test]
fn a_hypervisor_goes_away_and_comes_back_with_its_guests_running() {
    let sim = Sim::new(Held::new().script());
    let heard = listening(&sim);
    let foreign = sim.outside().define("foreign", 1, 512).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Change::Domain(foreign)));
    sim.go_away("end of file from daemon");
    assert!(matches!(sim.snapshot(), Err(Error::Unavailable { .. })));
    sim.outside().start(foreign).unwrap();
    sim.come_back();
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Change::Disconnected));
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(Change::Connected));
    assert_eq!(state(&sim, foreign), DomainState::Running);
    assert!(heard.try_recv().is_err(), "what happened meanwhile is not told");
}

#[test]
fn a_slow_listener_is_told_to_look_at_everything_rather_than_of_every_change() {
    let sim = Sim::new(Held::new().script());
    let (heard, hearing) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let listener = move |change| {
        let _ = heard.send(change);
        let _ = may_go_on.lock().unwrap().recv();
    };
    sim.listen(Arc::new(listener)).unwrap();
    sim.outside().define("first", 1, 512).unwrap();
    hearing.recv_timeout(PATIENCE).unwrap();
    for number in 0..5_000 {
        sim.outside().define(&format!("vm-{number}"), 1, 512).unwrap();
    }
    drop(go_on);
    let told: Vec<Change> = std::iter::from_fn(|| hearing.recv_timeout(PATIENCE).ok())
        .take(906)
        .collect();
    assert_eq!(told[..2], [Change::Disconnected, Change::Connected]);
    assert_eq!(
        told.len(),
        906,
        "and of what came after that: 4,096 waited, 904 came later"
    );
}

#[test]
fn what_others_name_their_domains_does_no_harm() {
    let sim = Sim::new(Held::new().script());
    sim.outside().define("evil\x1b[2J", 1, 512).unwrap();
    assert_eq!(sim.snapshot().unwrap().domains[0].name, "evil␛[2J");
}

#[test]
fn guests_may_be_deaf_lost_mute_or_restless() {
    let clock = Held::new();
    let guests = |name: &str| match name {
        "deaf" => Guest {
            shutdown: None,
            ..Guest::default()
        },
        "lost" => Guest {
            address: false,
            memory_statistics: false,
            ..Guest::default()
        },
        "restless" => Guest {
            power_off_after: Some(seconds(60)),
            back_after: Some(seconds(30)),
            ..Guest::default()
        },
        _ => Guest::default(),
    };
    let sim = Sim::new(clock.script().casting(guests));
    let start = |name| {
        let domain = sim.outside().define(name, 1, 512).unwrap();
        sim.outside().start(domain).unwrap();
        domain
    };
    let (deaf, lost, restless) = (start("deaf"), start("lost"), start("restless"));
    sim.shut_down(deaf).unwrap();
    clock.pass_seconds(59);
    assert_eq!(state(&sim, restless), DomainState::Running);
    clock.pass_seconds(1);
    assert_eq!(state(&sim, restless), DomainState::Off);
    // Nobody looked for two and a half cycles: it is as if somebody had.
    clock.pass_seconds(2 * 90 + 40);
    assert_eq!(state(&sim, restless), DomainState::Running);
    let run = clock
        .now()
        .duration_since(sim.started_at(restless).unwrap().unwrap());
    assert_eq!(run.as_secs(), 10);
    assert_eq!(state(&sim, deaf), DomainState::Running);
    assert!(sim.addresses(lost).unwrap().is_empty());
    let counters = |domain| {
        let snapshot = sim.snapshot().unwrap();
        snapshot
            .domains
            .into_iter()
            .find(|it| it.uuid == domain)
            .unwrap()
            .counters
    };
    assert_eq!(counters(lost).usable_kib, None);
    assert!(counters(deaf).usable_kib.unwrap() < counters(deaf).available_kib.unwrap());
}

#[test]
fn a_paused_guest_stands_still() {
    let clock = Held::new();
    let guest = Guest {
        crash_after: Some(seconds(100)),
        ..Guest::default()
    };
    let sim = Sim::new(clock.script().guest(guest));
    let domain = sim.outside().define("foreign", 1, 512).unwrap();
    sim.start(domain).unwrap();
    clock.pass_seconds(40);
    sim.pause(domain).unwrap();
    let before = sim.snapshot().unwrap();
    clock.pass_seconds(1000);
    assert_eq!(sim.snapshot().unwrap(), before);
    sim.resume(domain).unwrap();
    clock.pass_seconds(59);
    assert_eq!(state(&sim, domain), DomainState::Running);
    clock.pass_seconds(1);
    assert_eq!(state(&sim, domain), DomainState::Crashed);
    sim.start(domain).unwrap();
    assert_ne!(sim.snapshot().unwrap().domains[0].run, before.domains[0].run);
}

#[test]
fn a_running_domain_that_is_undefined_stays_until_it_is_off() {
    let sim = Sim::new(Held::new().script());
    let foreign = sim.outside().define("foreign", 1, 512).unwrap();
    sim.start(foreign).unwrap();
    let address = sim.addresses(foreign).unwrap();
    sim.outside().undefine(foreign);
    assert_eq!(state(&sim, foreign), DomainState::Running);
    sim.force_off(foreign).unwrap();
    assert_eq!(sim.state(foreign).unwrap(), None);
    let successor = sim.outside().define("foreign", 1, 512).unwrap();
    sim.start(successor).unwrap();
    assert_eq!(
        sim.addresses(successor).unwrap(),
        address,
        "name and address are free again"
    );
}

#[test]
fn a_rename_frees_the_old_name_and_takes_the_new() {
    let sim = Sim::new(Held::new().script());
    let one = sim.outside().define("one", 1, 512).unwrap();
    sim.outside().define("two", 1, 512).unwrap();
    assert!(sim.outside().rename(one, "two").is_err());
    sim.outside().rename(one, "three").unwrap();
    sim.outside().define("one", 1, 512).unwrap();
    assert_eq!(sim.inventory().domains, ["one", "three", "two"]);
}

#[test]
fn an_instant_pace_waits_for_nothing() {
    let mut script = Held::new().script().guest(Guest {
        boot: seconds(3600),
        shutdown: Some(seconds(3600)),
        ..Guest::default()
    });
    script.latency = seconds(3600);
    script.upload_rate = Some(1);
    let sim = Sim::new(script);
    sim.set_pace(Pace::Instant);
    let web = machine(&sim, "user1-web", 1);
    sim.start(web).unwrap();
    assert_eq!(sim.addresses(web).unwrap().len(), 1);
    sim.shut_down(web).unwrap();
    assert_eq!(state(&sim, web), DomainState::Off);
}

#[test]
fn an_upload_takes_the_time_that_its_rate_says() {
    let mut script = Held::new().script();
    script.upload_rate = Some(10_000_000);
    let sim = Sim::new(script);
    sim.prepare("default").unwrap();
    let begun = Instant::now();
    sim.upload(
        "image",
        1_000_000,
        &mut Cursor::new(vec![1; 1_000_000]),
        &mut |_| (),
    )
    .unwrap();
    assert!(
        begun.elapsed() >= Duration::from_millis(95),
        "{:?}",
        begun.elapsed()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_same_seed_and_times_give_the_same_world(
        seed in any::<u64>(),
        steps in prop::collection::vec(0..600_000i64, 1..20),
    ) {
        let worlds: Vec<_> = (0..2)
            .map(|_| {
                let clock = Held::new();
                let mut script = clock.script();
                script.seed = seed;
                let sim = Sim::new(script);
                for name in ["one", "two"] {
                    let domain = sim.outside().define(name, 2, 2048).unwrap();
                    sim.outside().start(domain).unwrap();
                }
                (clock, sim)
            })
            .collect();
        let mut last: BTreeMap<Uuid, [Option<u64>; 5]> = BTreeMap::new();
        for step in steps {
            let mut snapshots = worlds.iter().map(|(clock, sim)| {
                // The clock may go back; counters never do.
                clock.0.fetch_add(step - 60_000, Ordering::SeqCst);
                sim.snapshot().unwrap()
            });
            let (first, second) = (snapshots.next().unwrap(), snapshots.next().unwrap());
            prop_assert_eq!(&first, &second);
            for domain in first.domains {
                let it = domain.counters;
                let now = [it.cpu_time_ns, it.disk_read, it.disk_written, it.net_received, it.net_sent];
                if let Some(before) = last.insert(domain.uuid, now) {
                    prop_assert!(before.iter().zip(&now).all(|(before, now)| before <= now));
                }
            }
        }
    }
}

#[test]
fn ten_thousand_domains_are_no_burden() {
    let clock = Held::new();
    let sim = Sim::new(clock.script());
    for number in 0..10_000 {
        let domain = sim.outside().define(&format!("vm-{number}"), 2, 2048).unwrap();
        sim.start(domain).unwrap();
    }
    clock.pass_seconds(86_400);
    let begun = Instant::now();
    let snapshot = sim.snapshot().unwrap();
    let took = begun.elapsed();
    assert_eq!(snapshot.domains.len(), 10_000);
    // Unoptimised, on a machine that builds other things meanwhile.
    assert!(took < seconds(1), "{took:?}");
    let mut addresses: Vec<_> = snapshot
        .domains
        .iter()
        .map(|it| sim.addresses(it.uuid).unwrap()[0].ip)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 10_000);
}

/// Waits until it is so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
