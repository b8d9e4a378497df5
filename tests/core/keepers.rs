//! Exactly one keeper, whoever comes and goes.

use crate::bench::{Bench, LOCAL, PASSWORD, PATIENCE, create, finish, small, until};
use twarga::core::{Keeper, KeeperKind, Keeping};
use twarga::hypervisor::sim::{Call, Guest};
use twarga::hypervisor::{Domain, DomainState, Hypervisor};
use twarga::model::OperationState;

#[tokio::test(flavor = "multi_thread")]
async fn two_screens_have_one_keeper_and_the_second_takes_over() {
    let bench = Bench::new();
    let (first, keeper, alice) = bench.kept().await;
    until(&first, &alice, "keeping", |view| {
        matches!(view.keeping, Keeping::Here { .. })
    })
    .await;
    let second = bench.core().await;
    let there = second.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
    let other = Keeper::start(&second, KeeperKind::Tui);
    until(&second, &there, "elsewhere", |view| {
        matches!(
            view.keeping,
            Keeping::Elsewhere {
                silent_since: None,
                ..
            }
        )
    })
    .await;
    create(&second, &there, "web-1").await;
    keeper.end().await.unwrap();
    until(&second, &there, "here", |view| {
        matches!(view.keeping, Keeping::Here { .. })
    })
    .await;
    create(&first, &alice, "web-2").await;
    other.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_outranks_a_screen_even_one_that_keeps() {
    let bench = Bench::new();
    let (screen, keeper, alice) = bench.kept().await;
    until(&screen, &alice, "keeping", |view| {
        matches!(view.keeping, Keeping::Here { .. })
    })
    .await;
    let daemon = bench.core().await;
    let serve = Keeper::start(&daemon, KeeperKind::Serve);
    until(&screen, &alice, "serve keeps", |view| {
        matches!(
            view.keeping,
            Keeping::Elsewhere {
                kind: KeeperKind::Serve,
                ..
            }
        )
    })
    .await;
    create(&screen, &alice, "web-1").await;
    serve.end().await.unwrap();
    until(&screen, &alice, "the screen keeps again", |view| {
        matches!(view.keeping, Keeping::Here { .. })
    })
    .await;
    keeper.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_screen_gives_the_work_up_and_takes_it_again() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    until(&core, &alice, "keeping", |view| {
        matches!(view.keeping, Keeping::Here { .. })
    })
    .await;
    keeper.suspend().await;
    until(&core, &alice, "nobody", |view| view.keeping == Keeping::Nobody).await;
    keeper.resume();
    until(&core, &alice, "keeping again", |view| {
        matches!(view.keeping, Keeping::Here { .. })
    })
    .await;
}

/// A keeper that dies takes its whole runtime with it, as a killed process does.
#[test]
fn a_keeper_that_dies_in_the_middle_of_a_create_leaves_it_to_its_successor() {
    for call in [
        Call::Prepare,
        Call::Upload,
        Call::CreateVolume,
        Call::Define,
        Call::Start,
    ] {
        let bench = Bench::new();
        let doomed = tokio::runtime::Runtime::new().unwrap();
        let operation = doomed.block_on(async {
            let (core, keeper, alice) = bench.kept().await;
            bench.sim.hang(call);
            let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
            let sim = bench.sim.clone();
            let hung = tokio::task::spawn_blocking(move || sim.wait_until_hung(call, 1, PATIENCE));
            assert!(hung.await.unwrap(), "{call:?}");
            std::mem::forget(keeper);
            operation
        });
        doomed.shutdown_background();
        bench.sim.release();
        let successor = tokio::runtime::Runtime::new().unwrap();
        successor.block_on(async {
            let core = bench.core().await;
            let alice = core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
            let keeper = Keeper::start(&core, KeeperKind::Tui);
            let done = finish(&core, &alice, operation).await;
            assert_eq!(done.state, OperationState::Done, "{call:?}: {done:?}");
            assert_eq!(bench.left_behind().domains, ["user1-web-1"], "{call:?}");
            keeper.end().await.unwrap();
        });
    }
}

/// Between "start" and its record the keeper dies; the successor finds a running domain, which it
/// must not take for one that ran before.
#[test]
fn a_create_that_is_cancelled_after_a_death_leaves_no_running_domain() {
    let mut bench = Bench::with_guest(Guest {
        address: false,
        agent: false,
        ..Guest::default()
    });
    bench.settings.ready_timeout = PATIENCE;
    let doomed = tokio::runtime::Runtime::new().unwrap();
    let operation = doomed.block_on(async {
        let (core, keeper, alice) = bench.kept().await;
        bench.sim.hang(Call::Start);
        let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
        let sim = bench.sim.clone();
        let hung = tokio::task::spawn_blocking(move || sim.wait_until_hung(Call::Start, 1, PATIENCE));
        assert!(hung.await.unwrap());
        std::mem::forget(keeper);
        operation
    });
    doomed.shutdown_background();
    bench.sim.release();
    let began = std::time::Instant::now();
    let runs = |domain: &Domain| domain.state == DomainState::Running;
    while !bench.sim.snapshot().unwrap().domains.iter().any(runs) {
        assert!(began.elapsed() < PATIENCE, "the dead keeper's call takes effect");
        std::thread::yield_now();
    }
    let successor = tokio::runtime::Runtime::new().unwrap();
    successor.block_on(async {
        let core = bench.core().await;
        let alice = core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
        let keeper = Keeper::start(&core, KeeperKind::Tui);
        until(&core, &alice, "waiting for an address", |view| {
            let waits = |step: &twarga::model::Step| step.name == "ready";
            view.operations
                .iter()
                .any(|it| it.current_step().is_some_and(waits))
        })
        .await;
        core.cancel(&alice, operation).await.unwrap();
        let ended = finish(&core, &alice, operation).await;
        assert_eq!(ended.state, OperationState::Cancelled);
        bench.assert_nothing_left("cancelled by the successor");
        keeper.end().await.unwrap();
    });
}
