//! Misfortune at every step, and nothing left of it.

use crate::bench::{Bench, LOCAL, PASSWORD, PATIENCE, act, create, find, finish, small, until};
use twarga::core::{Action, Health};
use twarga::hypervisor::sim::{Call, Fault, Guest};
use twarga::hypervisor::{DomainState, Hypervisor, VolumeFormat, VolumeSpec};
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
        agent: false,
        ..Guest::default()
    });
    bench.settings.ready_timeout = PATIENCE;
    let (core, _keeper, alice) = bench.kept().await;
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    until(&core, &alice, "waiting for an address", |view| {
        view.operations
            .iter()
            .any(|it| it.current_step().is_some_and(|step| step.name == "ready"))
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

#[tokio::test(flavor = "multi_thread")]
async fn a_libvirt_that_hangs_from_the_start_shows_as_silent() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = crate::bench::register(&core, "alice").await;
    drop(core);
    bench.sim.freeze();
    let began = std::time::Instant::now();
    let core = bench.core().await;
    until(&core, &alice, "silent", |view| {
        matches!(view.health, Health::Silent { .. })
    })
    .await;
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    bench.sim.release();
    until(&core, &alice, "up", |view| view.health == Health::Up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_on_a_machine_that_ran_already_leaves_it_running() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    act(&core, &alice, vm, Action::Kill).await;
    bench.sim.hang(Call::Prepare);
    let operation = core.act(&alice, vm, Action::Start).await.unwrap();
    let sim = bench.sim.clone();
    let hung = tokio::task::spawn_blocking(move || sim.wait_until_hung(Call::Prepare, 1, PATIENCE));
    assert!(hung.await.unwrap());
    let domain = bench.sim.outside().find("user1-web-1").unwrap();
    bench.sim.outside().start(domain).unwrap();
    bench.sim.fail(Call::Start, Fault::before());
    bench.sim.release();
    let failed = finish(&core, &alice, operation).await;
    assert_eq!(failed.state, OperationState::Failed);
    assert_eq!(
        bench.sim.state(domain).unwrap(),
        Some(DomainState::Running),
        "its power was not twarga's to cut"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_after_it_powered_on_powers_off_again() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    act(&core, &alice, vm, Action::Kill).await;
    bench.sim.fail(Call::Start, Fault::after());
    let failed = act(&core, &alice, vm, Action::Start).await;
    assert_eq!(failed.state, OperationState::Failed);
    let domain = bench.sim.outside().find("user1-web-1").unwrap();
    assert_eq!(bench.sim.state(domain).unwrap(), Some(DomainState::Off));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_heard_in_the_middle_of_a_copy() {
    // On a busy machine the rest of a copy can be faster than the wish; not time after time.
    for _ in 0..10 {
        if cancelled_in_the_copy().await {
            return;
        }
    }
    panic!("every copy went on to its end");
}

/// Cancels a creation in the middle of its copy; whether that ended the copy.
async fn cancelled_in_the_copy() -> bool {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    bench.sim.hang_uploads_midway();
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    let sim = bench.sim.clone();
    let hung = tokio::task::spawn_blocking(move || sim.wait_until_hung(Call::Upload, 1, PATIENCE));
    assert!(hung.await.unwrap());
    core.cancel(&alice, operation).await.unwrap();
    until(&core, &alice, "the wish to cancel", |view| {
        view.operations.iter().any(|it| it.cancel_requested)
    })
    .await;
    bench.sim.release();
    let ended = finish(&core, &alice, operation).await;
    assert_eq!(ended.state, OperationState::Cancelled);
    assert!(
        ended.steps.last().is_some_and(|step| step.name == "image"),
        "it stopped in the copy: {ended:?}"
    );
    bench.assert_nothing_left("cancelled in the copy");
    // Half an image does not count as one.
    let volumes = bench.sim.inventory().volumes;
    !volumes.iter().any(|name| name.ends_with(".whole"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passwords_hash_goes_with_the_end_of_its_operation() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let mut machine = small("web-1");
    machine.password = PASSWORD.to_owned();
    let (_, operation) = core.create_vm(&alice, machine).await.unwrap();
    let store = bench.store();
    let input = store.read(|reader| reader.operation_input(operation)).unwrap();
    assert!(input.to_string().contains("$6$"), "while it is needed: {input}");
    finish(&core, &alice, operation).await;
    let input = store.read(|reader| reader.operation_input(operation)).unwrap();
    assert!(input.is_null(), "{input}");
}

/// What a call makes after its operation was undone belongs to a tombstone.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_late_call_made_is_found_and_removed() {
    let mut bench = Bench::new();
    bench.settings.leftovers = std::time::Duration::from_millis(100);
    let (core, keeper, alice) = bench.kept().await;
    create(&core, &alice, "web-1").await;
    let bystander = bench.left_behind();
    let vm = create(&core, &alice, "web-2").await;
    let both = bench.left_behind();
    let late: Vec<String> = both
        .volumes
        .iter()
        .filter(|name| !bystander.volumes.contains(name))
        .cloned()
        .collect();
    assert!(late.len() >= 2, "disk and seed: {late:?}");
    act(&core, &alice, vm, Action::Destroy).await;
    let strangers = ["user1-web-2_0badf00d.qcow2", "somebodys.qcow2"].map(str::to_owned);
    for name in late.iter().chain(&strangers) {
        let spec = VolumeSpec {
            name: name.clone(),
            format: VolumeFormat::Qcow2,
            capacity: 1 << 30,
            backing: None,
        };
        bench.sim.create_volume(&spec).unwrap();
    }
    let began = std::time::Instant::now();
    let left = |name: &String| bench.sim.inventory().volumes.contains(name);
    while late.iter().any(left) {
        assert!(began.elapsed() < PATIENCE, "{:?}", bench.sim.inventory());
        tokio::task::yield_now().await;
    }
    assert!(strangers.iter().all(left), "{:?}", bench.sim.inventory());
    keeper.end().await.unwrap();
    let log = core
        .events(&alice, twarga::core::LogQuery::default())
        .await
        .unwrap();
    assert!(log.iter().any(|event| event.action == "vm.leftovers"), "{log:#?}");
    let still: Vec<String> = bench.left_behind().volumes;
    assert!(
        bystander.volumes.iter().all(|name| still.contains(name)),
        "{still:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_a_late_call_defined_is_removed_and_a_strangers_is_not() {
    let mut bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    bench.sim.hang_after(Call::Define);
    let (vm, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    let sim = bench.sim.clone();
    let hung = tokio::task::spawn_blocking(move || sim.wait_until_hung(Call::Define, 1, PATIENCE));
    assert!(hung.await.unwrap());
    // The keeper dies with the call out; somebody undoes the row by hand as an older program would.
    std::mem::forget(keeper);
    let store = bench.store();
    store
        .write(jiff::Timestamp::now(), |writer| {
            writer.set_operation_state(operation, OperationState::Failed, Some("for the story"))?;
            writer.remove_vm(vm)
        })
        .unwrap();
    bench.sim.outside().define("user1-web-9", 1, 512).unwrap();
    bench.sim.release();
    bench.settings.leftovers = std::time::Duration::from_millis(100);
    let successor = bench.core().await;
    let there = successor.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
    let keeper = twarga::core::Keeper::start(&successor, twarga::core::KeeperKind::Serve);
    until(&successor, &there, "only the stranger's", |_| {
        bench.sim.inventory().domains == ["user1-web-9"]
    })
    .await;
    keeper.end().await.unwrap();
}
