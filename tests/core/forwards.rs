//! Forwarded ports in session mode: kept, made at each start, and never two machines' at once.

use crate::bench::{Bench, act, create, find, register, until};
use std::time::Duration;
use twarga::core::{Action, Core, Ctx, Error, LogQuery, View};
use twarga::hypervisor::Hypervisor;
use twarga::hypervisor::Mode;
use twarga::hypervisor::sim::{Call, Fault, Script};
use twarga::model::{Forward, OperationState, Protocol, VmId, WantedForward};

fn session() -> Bench {
    let mut bench = Bench::with(Script::new(twarga::core::time::system_clock(), 7).mode(Mode::Session));
    bench.settings.ready_timeout = Duration::from_millis(100);
    bench
}

fn wanted(texts: &[&str]) -> Vec<WantedForward> {
    texts.iter().map(|it| WantedForward::parse(it).unwrap()).collect()
}

async fn add(core: &Core, ctx: &Ctx, vm: VmId, texts: &[&str]) -> Result<Vec<String>, Error> {
    let added = core.add_forwards(ctx, vm, wanted(texts)).await?;
    Ok(added.iter().map(ToString::to_string).collect())
}

fn problems(view: &View, name: &str) -> Vec<(u16, bool)> {
    let machine = find(view, name).unwrap();
    let shown = machine.forwards.iter();
    shown.map(|it| (it.forward.host, it.problem.is_some())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_is_kept_and_made_again_at_each_start() {
    let bench = session();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    // 42000 is its SSH; the next free one is taken for what names none.
    assert_eq!(
        add(&core, &alice, vm, &["8080:80", "443", "5353:53/udp"])
            .await
            .unwrap(),
        ["8080:80", "42001:443", "5353:53/udp"]
    );
    let ports = |bench: &Bench| {
        let ports = bench.sim.inventory().ports;
        ports.into_iter().map(|(port, _)| port).collect::<Vec<_>>()
    };
    assert_eq!(ports(&bench), [8080, 42_000, 42_001, 5353], "at once");
    assert_eq!(
        act(&core, &alice, vm, Action::Stop).await.state,
        OperationState::Done
    );
    assert_eq!(ports(&bench), Vec::<u16>::new());
    let last = act(&core, &alice, vm, Action::Start).await;
    assert_eq!(last.state, OperationState::Done);
    assert_eq!(ports(&bench), [8080, 42_000, 42_001, 5353], "at its start");

    // Whoever starts it with virsh brings no forward back; the keeper does.
    let uuid = bench.sim.outside().find("user1-web-1").unwrap();
    bench.sim.outside().force_off(uuid).unwrap();
    until(&core, &alice, "off", |view| {
        find(view, "web-1").is_some_and(|it| it.status.as_str() == "stopped")
    })
    .await;
    bench.sim.outside().start(uuid).unwrap();
    let made = async {
        while ports(&bench) != [8080, 42_000, 42_001, 5353] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::bench::PATIENCE, made)
        .await
        .expect("made again");

    core.remove_forwards(&alice, vm, wanted(&["443", "53/udp"]))
        .await
        .unwrap();
    assert_eq!(ports(&bench), [8080, 42_000], "gone at once");
    let events = core.events(&alice, LogQuery::default()).await.unwrap();
    let count = |action: &str| events.iter().filter(|it| it.action == action).count();
    assert_eq!((count("vm.forward.added"), count("vm.forward.removed")), (3, 2));

    assert_eq!(
        act(&core, &alice, vm, Action::Destroy).await.state,
        OperationState::Done
    );
    let kept = bench.store().read(|reader| reader.forwards()).unwrap();
    assert_eq!(kept, [], "they go with the machine");
    bench.assert_nothing_left("a machine with forwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_somebody_has_is_told_and_changes_nothing() {
    let bench = session();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let web = create(&core, &alice, "web-1").await;
    let db = create(&core, &bob, "db-1").await;
    add(&core, &alice, web, &["8080:80"]).await.unwrap();
    let refused = async |ctx: &Ctx, vm, texts: &[&str]| {
        let error = add(&core, ctx, vm, texts).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
        error.to_string()
    };
    let said = refused(&bob, db, &["9090:90", "8080:80"]).await;
    assert!(
        said.contains("another machine") && !said.contains("web-1"),
        "{said}"
    );
    assert!(refused(&alice, web, &["8080:81"]).await.contains("web-1 itself"));
    assert!(
        refused(&alice, web, &["42001:81"])
            .await
            .contains("another machine"),
        "its SSH"
    );
    assert!(
        refused(&alice, web, &["9000:1", "9000:2"])
            .await
            .contains("twice")
    );
    bench.sim.outside().occupy_port(9091, true);
    assert!(refused(&bob, db, &["9091:90"]).await.contains("another program"));
    let kept = bench.store().read(|reader| reader.forwards()).unwrap();
    assert_eq!(kept.len(), 1, "all or none: {kept:?}");
    let missing = core.remove_forwards(&bob, db, wanted(&["80"])).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_qemu_refuses_is_taken_back() {
    let bench = session();
    let (core, keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    keeper.end().await.unwrap();
    let before = bench.sim.inventory().ports;
    bench.sim.fail(Call::Forward, Fault::before().nth(2));
    add(&core, &alice, vm, &["8080:80", "8081:81"]).await.unwrap_err();
    assert_eq!(bench.sim.inventory().ports, before);
    assert_eq!(bench.store().read(|reader| reader.forwards()).unwrap(), []);
    let events = core.events(&alice, LogQuery::default()).await.unwrap();
    assert_eq!(
        events
            .iter()
            .filter(|it| it.action == "vm.forward.failed")
            .count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_port_was_taken_meanwhile_starts_and_says_so() {
    let bench = session();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    add(&core, &alice, vm, &["8080:80", "8081:81"]).await.unwrap();
    act(&core, &alice, vm, Action::Stop).await;
    bench.sim.outside().occupy_port(8080, true);
    let started = act(&core, &alice, vm, Action::Start).await;
    assert_eq!(started.state, OperationState::Done);
    until(&core, &alice, "shown", |view| {
        problems(view, "web-1") == [(8080, true), (8081, false)]
    })
    .await;
    let uuid = bench.sim.outside().find("user1-web-1").unwrap();
    let theirs = Forward {
        protocol: Protocol::Tcp,
        host: 8080,
        guest: 80,
    };
    assert!(bench.sim.forward(uuid, theirs).is_err());
    act(&core, &alice, vm, Action::Stop).await;
    until(&core, &alice, "nothing wrong with one that is off", |view| {
        problems(view, "web-1") == [(8080, false), (8081, false)]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_machines_have_addresses_nothing_is_forwarded() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let said = add(&core, &alice, vm, &["8080:80"])
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("can be reached"), "{said}");
    assert_eq!(bench.store().read(|reader| reader.forwards()).unwrap(), []);
}
