//! When a machine counts as ready, and what becomes of one that never is.

use crate::bench::{Bench, LOCAL, PASSWORD, PATIENCE, act, find, finish, small, until};
use std::io::Write;
use std::time::Duration;
use twarga::core::{Action, Keeper, KeeperKind, consoles, vms};
use twarga::hypervisor::sim::{Guest, Script};
use twarga::hypervisor::{DomainState, Hypervisor, Mode};
use twarga::model::{ConsoleKind, Operation, OperationState, StepState, VmStatus};

/// Neither address nor agent: only its console tells of it.
fn says(words: &[(u64, &str)]) -> Guest {
    let said = words
        .iter()
        .map(|(at, text)| (Duration::from_millis(*at), format!("{text}\r\n")));
    Guest {
        address: false,
        agent: false,
        says: said.collect(),
        ..Guest::default()
    }
}

fn remark(operation: &Operation) -> &str {
    let last = operation.steps.last().unwrap();
    assert_eq!(last.name, "ready");
    last.error.as_deref().unwrap_or_default()
}

async fn created(bench: &Bench) -> Operation {
    let (core, keeper, alice) = bench.kept().await;
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    let ended = finish(&core, &alice, operation).await;
    keeper.end().await.unwrap();
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_ready_when_it_says_so() {
    const FINAL: &str = "Cloud-init v. 23.1 finished at Tue. Up 9 s";
    for (guest, words) in [
        (
            says(&[(100, "twarga: ready 10.0.2.15")]),
            "the guest says that it is ready",
        ),
        (
            says(&[(100, "cloud-init[9]: hello"), (600, FINAL)]),
            "cloud-init is done",
        ),
        // Its agent answers long before.
        (
            Guest {
                agent: true,
                ..says(&[(0, "cloud-init[9]: hello"), (1200, FINAL)])
            },
            "cloud-init is done",
        ),
        (
            Guest {
                agent: true,
                ..says(&[(0, "cloud-init[9]: hello")])
            },
            "its agent answers, but cloud-init was not done after 2 s",
        ),
        (Guest::default(), "its agent answers"),
    ] {
        let done = created(&Bench::with_guest(guest)).await;
        assert_eq!(done.state, OperationState::Done, "{done:?}");
        assert_eq!(remark(&done), words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_session_mode_a_guest_is_ready_when_its_forwarded_port_greets() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let _ = stream.unwrap().write_all(b"SSH-2.0-test\r\n");
        }
    });
    let script = Script::new(twarga::core::time::system_clock(), 7).mode(Mode::Session);
    let mut bench = Bench::with(script.guest(says(&[])));
    bench.settings.forward_ports = (port, port);
    let done = created(&bench).await;
    assert_eq!((done.state, remark(&done)), (OperationState::Done, "SSH answers"));
}

/// A lease is the network's word, not the guest's.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_alone_is_not_ready() {
    let guest = Guest {
        address: true,
        ..says(&[(0, "sshd: no hostkeys available")])
    };
    let failed = created(&Bench::with_guest(guest)).await;
    assert_eq!(failed.state, OperationState::Failed);
    let reason = failed.error.unwrap();
    let words = "the guest was not ready after 2 s (address 192.168.122.2); it wrote last: ";
    assert!(
        reason.starts_with(words) && reason.contains("sshd: no hostkeys"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stages_show_while_it_boots() {
    let guest = Guest {
        address: true,
        ..says(&[(0, "cloud-init[9]: hello")])
    };
    let mut bench = Bench::with_guest(guest);
    bench.settings.ready_timeout = PATIENCE;
    let (core, _keeper, alice) = bench.kept().await;
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    until(&core, &alice, "the stage", |view| {
        view.operations.iter().any(|it| {
            it.current_step()
                .and_then(|step| step.error.as_deref())
                .is_some_and(|it| it == "cloud-init is at work, address 192.168.122.2")
        })
    })
    .await;
    core.cancel(&alice, operation).await.unwrap();
    let ended = finish(&core, &alice, operation).await;
    assert_eq!(ended.state, OperationState::Cancelled);
    bench.assert_nothing_left("cancelled while it booted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_never_gets_there_is_kept_in_error_until_it_is_ready() {
    let bench = Bench::with_guest(says(&[(0, "one"), (0, "\x1b[31mKernel panic\x1b[0m")]));
    let (core, keeper, alice) = bench.kept().await;
    let (vm, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    let failed = finish(&core, &alice, operation).await;
    assert_eq!(failed.state, OperationState::Failed);
    let undone = failed.steps.iter().any(|step| step.state == StepState::Undone);
    assert!(!undone, "{failed:?}");
    let reason = failed.error.clone().unwrap();
    assert!(
        reason.starts_with("the guest was not ready after 2 s"),
        "{reason}"
    );
    assert!(reason.contains("one / Kernel panic / "), "{reason}");
    assert!(!reason.contains('\x1b'));

    let in_error =
        |view: &twarga::core::View| find(view, "web-1").is_some_and(|it| it.status == VmStatus::Error);
    until(&core, &alice, "in error", in_error).await;
    // Looks at the domain, which runs, change nothing of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let view = until(&core, &alice, "in error still", in_error).await;
    let machine = find(&view, "web-1").unwrap();
    assert_eq!(machine.reason.as_deref(), Some(reason.as_str()));
    for action in [
        Action::Start,
        Action::Stop,
        Action::Kill,
        Action::Restart,
        Action::Destroy,
    ] {
        assert_eq!(vms::refusal(&alice, machine, action), None, "{action:?}");
    }
    assert_eq!(consoles::refusal(&alice, machine, ConsoleKind::Serial), None);
    let domain = bench.sim.outside().find("user1-web-1").unwrap();
    assert_eq!(bench.sim.state(domain).unwrap(), Some(DomainState::Running));

    let again = act(&core, &alice, vm, Action::Restart).await;
    assert_eq!(again.state, OperationState::Failed, "it is as before");
    until(&core, &alice, "in error again", in_error).await;
    bench.sim.behave("user1-web-1", Guest::default());
    let again = act(&core, &alice, vm, Action::Restart).await;
    assert_eq!(again.state, OperationState::Done, "{again:?}");
    until(&core, &alice, "running", |view| {
        find(view, "web-1").is_some_and(|it| it.status == VmStatus::Running && it.reason.is_none())
    })
    .await;
    assert_eq!(
        act(&core, &alice, vm, Action::Destroy).await.state,
        OperationState::Done
    );
    keeper.end().await.unwrap();
    bench.assert_nothing_left("destroyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_in_error_can_be_destroyed_or_started_from_outside() {
    let bench = Bench::with_guest(says(&[]));
    let (core, keeper, alice) = bench.kept().await;
    let (vm, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    let failed = finish(&core, &alice, operation).await;
    assert_eq!(failed.state, OperationState::Failed);
    // What ran until now must be known before another run can be told from it.
    let known = || bench.store().read(|reader| reader.vm_run(vm)).unwrap();
    let began = std::time::Instant::now();
    while known().is_none() {
        assert!(began.elapsed() < PATIENCE, "the reconciler never saw the run");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let outside = bench.sim.outside();
    let domain = outside.find("user1-web-1").unwrap();
    outside.force_off(domain).unwrap();
    let status =
        |status| move |view: &twarga::core::View| find(view, "web-1").is_some_and(|it| it.status == status);
    outside.start(domain).unwrap();
    until(&core, &alice, "running", status(VmStatus::Running)).await;
    assert_eq!(
        act(&core, &alice, vm, Action::Destroy).await.state,
        OperationState::Done
    );
    keeper.end().await.unwrap();
    bench.assert_nothing_left("destroyed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_goes_off_while_booting_is_kept_too() {
    let mut bench = Bench::with_guest(Guest {
        power_off_after: Some(Duration::from_secs(1)),
        ..says(&[(500, "no init found")])
    });
    bench.settings.ready_timeout = PATIENCE;
    let (core, _keeper, alice) = bench.kept().await;
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    let failed = finish(&core, &alice, operation).await;
    let reason = failed.error.unwrap();
    assert!(reason.starts_with("the guest went off while booting"), "{reason}");
    assert!(reason.contains("no init found"), "{reason}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    until(&core, &alice, "in error", |view| {
        find(view, "web-1").is_some_and(|it| it.status == VmStatus::Error)
    })
    .await;
}

/// A keeper that ends in the wait leaves it to the next, who hears all that this run said, and looks
/// although the time was over meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_keeper_goes_on_waiting() {
    let mut bench = Bench::with_guest(says(&[(0, "cloud-init[9]: hello")]));
    bench.settings.ready_timeout = PATIENCE;
    let (core, keeper, alice) = bench.kept().await;
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    until(&core, &alice, "cloud-init at work", |view| {
        view.operations.iter().any(|it| {
            let error = it.current_step().and_then(|step| step.error.as_deref());
            error.is_some_and(|it| it.contains("cloud-init is at work"))
        })
    })
    .await;
    let began = |operation: &Operation| operation.steps.last().unwrap().started_at;
    let before = began(&core.operation(&alice, operation).await.unwrap());
    keeper.end().await.unwrap();
    drop(core);
    bench.settings.ready_timeout = Duration::from_millis(1);
    let domain = bench.sim.outside().find("user1-web-1").unwrap();
    bench
        .sim
        .outside()
        .say(domain, "Cloud-init v. 23.1 finished at Tue\r\n")
        .unwrap();
    let core = bench.core().await;
    let alice = core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
    let _keeper = Keeper::start(&core, KeeperKind::Tui);
    let done = finish(&core, &alice, operation).await;
    assert_eq!(
        (done.state, remark(&done)),
        (OperationState::Done, "cloud-init is done")
    );
    assert_eq!(began(&done), before, "the wait's time goes on");
}
