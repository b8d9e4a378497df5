//! Misfortune at every step, and nothing left of it.

use crate::bench::{Bench, PATIENCE, act, create, find, finish, small, until};
use twarga::core::{Action, Health};
use twarga::hypervisor::sim::{Call, Fault, Guest};
use twarga::model::{OperationState, StepState, VmStatus};

/// Calls that creating a machine makes, and how often each.
const CREATE: [(Call, u32); 8] = [
    (Call::Prepare, 1),
    (Call::Volumes, 1),
    (Call::Upload, 5),
    (Call::CreateVolume, 1),
    (Call::Define, 1),
    (Call::State, 1),
    (Call::Start, 1),
    (Call::Addresses, 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_any_call_of_create_leaves_nothing() {
    for (call, times) in CREATE {
        for nth in 1..=times {
            for fault in [Fault::before(), Fault::midway(), Fault::after()] {
                let story = format!("{call:?} number {nth}, {fault:?}");
                let bench = Bench::new();
                let (core, keeper, alice) = bench.kept().await;
                bench.sim.fail(call, fault.nth(nth));
                let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
                let failed = finish(&core, &alice, operation).await;
                // An address that could not be asked for once is asked for by the reconciler too.
                if failed.state == OperationState::Done && call == Call::Addresses {
                    keeper.end().await.unwrap();
                    continue;
                }
                assert_eq!(failed.state, OperationState::Failed, "{story}");
                assert!(failed.error.is_some(), "{story}");
                assert!(
                    failed.steps.iter().all(|step| step.state == StepState::Undone),
                    "{story}: {failed:?}"
                );
                bench.assert_nothing_left(&story);
                create(&core, &alice, "web-1").await;
                keeper.end().await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_that_fails_once_is_gone_on_with() {
    for call in [Call::ForceOff, Call::Undefine, Call::Volumes, Call::DeleteVolume] {
        for fault in [Fault::before(), Fault::after()] {
            let story = format!("{call:?} {fault:?}");
            let bench = Bench::new();
            let (core, keeper, alice) = bench.kept().await;
            let vm = create(&core, &alice, "web-1").await;
            bench.sim.fail(call, fault);
            assert_eq!(
                act(&core, &alice, vm, Action::Destroy).await.state,
                OperationState::Done,
                "{story}"
            );
            bench.assert_nothing_left(&story);
            keeper.end().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_that_keeps_failing_says_so_and_can_be_asked_for_again() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    bench.sim.fail(Call::DeleteVolume, Fault::before().always());
    let failed = act(&core, &alice, vm, Action::Destroy).await;
    assert_eq!(failed.state, OperationState::Failed);
    until(&core, &alice, "an error", |view| {
        find(view, "web-1").is_some_and(|it| it.status == VmStatus::Error)
    })
    .await;
    bench.sim.mend();
    assert_eq!(
        act(&core, &alice, vm, Action::Destroy).await.state,
        OperationState::Done
    );
    bench.assert_nothing_left("the second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_fails_is_shown_and_tried_again() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    bench.sim.fail(Call::Define, Fault::before());
    bench.sim.fail(Call::DeleteVolume, Fault::before().always());
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    until(&core, &alice, "the undo's trouble", |view| {
        view.operations.iter().any(|it| {
            it.state == OperationState::Undoing
                && it.steps.iter().any(|step| {
                    step.error
                        .as_deref()
                        .is_some_and(|it| it.contains("trying again"))
                })
        })
    })
    .await;
    bench.sim.mend();
    assert_eq!(
        finish(&core, &alice, operation).await.state,
        OperationState::Failed
    );
    bench.assert_nothing_left("in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_unwinds_what_was_done() {
    let mut bench = Bench::with_guest(Guest {
        address: false,
        ..Guest::default()
    });
    bench.settings.address_timeout = PATIENCE;
    let (core, _keeper, alice) = bench.kept().await;
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    until(&core, &alice, "waiting for an address", |view| {
        view.operations
            .iter()
            .any(|it| it.current_step().is_some_and(|step| step.name == "address"))
    })
    .await;
    core.cancel(&alice, operation).await.unwrap();
    assert_eq!(
        finish(&core, &alice, operation).await.state,
        OperationState::Cancelled
    );
    bench.assert_nothing_left("cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hypervisor_that_goes_away_for_a_moment_fails_nothing() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    create(&core, &alice, "web-1").await;
    bench.sim.go_away("the daemon died");
    until(&core, &alice, "down", |view| {
        matches!(view.health, Health::Down { .. })
    })
    .await;
    let (_, operation) = core.create_vm(&alice, small("web-2")).await.unwrap();
    until(&core, &alice, "at work", |view| {
        view.operations
            .iter()
            .any(|it| it.id == operation && !it.steps.is_empty())
    })
    .await;
    bench.sim.come_back();
    assert_eq!(finish(&core, &alice, operation).await.state, OperationState::Done);
    until(&core, &alice, "up", |view| view.health == Health::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_hypervisor_shows_within_five_seconds_and_what_is_known_stays() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    create(&core, &alice, "web-1").await;
    until(&core, &alice, "seen", |view| {
        view.as_of.is_some() && !view.machines.is_empty()
    })
    .await;
    bench.sim.freeze();
    let began = std::time::Instant::now();
    let view = until(&core, &alice, "silent", |view| {
        matches!(view.health, Health::Silent { .. })
    })
    .await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(view.machines.len(), 1);
    bench.sim.release();
    until(&core, &alice, "up", |view| view.health == Health::Up).await;
}
