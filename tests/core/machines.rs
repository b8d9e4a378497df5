//! A machine's life, and who may take part in it.

use crate::bench::{Bench, LOCAL, PASSWORD, act, create, find, finish, register, small, until};
use std::sync::Arc;
use twarga::core::{Action, Error, Health, Keeper, KeeperKind, LogQuery, OperationQuery};
use twarga::hypervisor::sim::{Guest, Inventory, Script, Sim};
use twarga::hypervisor::{DomainState, Hypervisor, Mode};
use twarga::model::{Field, OperationState, VmStatus};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_lives_and_leaves_nothing() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let view = until(&core, &alice, "running with an address and load", |view| {
        find(view, "web-1").is_some_and(|it| {
            it.status == VmStatus::Running
                && it.vm.address.is_some()
                && it.vm.started_at.is_some()
                && it.load.cpu_percent.is_some()
        })
    })
    .await;
    assert_eq!(view.machines[0].owner, "alice");
    assert_eq!(bench.left_behind().domains, ["user1-web-1"]);

    for (action, status) in [
        (Action::Pause, VmStatus::Paused),
        (Action::Resume, VmStatus::Running),
        (Action::Stop, VmStatus::Stopped),
        (Action::Start, VmStatus::Running),
        (Action::Restart, VmStatus::Running),
        (Action::Kill, VmStatus::Stopped),
    ] {
        let done = act(&core, &alice, vm, action).await;
        assert_eq!(done.state, OperationState::Done, "{action:?}: {done:?}");
        until(&core, &alice, action.verb(), |view| {
            find(view, "web-1").is_some_and(|it| it.status == status)
        })
        .await;
    }
    let destroyed = act(&core, &alice, vm, Action::Destroy).await;
    assert_eq!(destroyed.state, OperationState::Done);
    until(&core, &alice, "gone", |view| view.machines.is_empty()).await;
    bench.assert_nothing_left("after destroy");

    let again = create(&core, &alice, "web-1").await;
    assert_ne!(again, vm, "the name is free again, the id is not");
    let log = core
        .events(
            &alice,
            LogQuery {
                vm: Some(vm),
                ..LogQuery::default()
            },
        )
        .await
        .unwrap();
    assert!(
        log.iter().any(|event| event.action == "vm.destroy.done"),
        "events outlive the machine"
    );
    let blamed: Vec<_> = log
        .iter()
        .filter(|event| event.action == "vm.changed_outside")
        .collect();
    assert!(
        blamed.is_empty(),
        "twarga's own doing is nobody else's: {blamed:?}"
    );
    keeper.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_wrongly_is_refused_field_by_field_and_changes_nothing() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let mut bad = small("Web 1");
    bad.image = "windows".into();
    bad.memory_mib = 100;
    bad.vcpus = 0;
    bad.disk_gib = 1000;
    bad.guest_user = "root".into();
    bad.password = "short".into();
    bad.ssh_keys = vec!["-----BEGIN OPENSSH PRIVATE KEY-----".into()];
    let Err(Error::Invalid(problems)) = core.create_vm(&alice, bad).await else {
        panic!("it is refused")
    };
    let fields: Vec<Field> = problems.iter().map(|it| it.field).collect();
    assert_eq!(
        fields,
        [
            Field::Name,
            Field::Image,
            Field::Memory,
            Field::Vcpus,
            Field::Disk,
            Field::GuestUser,
            Field::Password,
            Field::SshKey
        ]
    );
    bench.assert_nothing_left("refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_quotas_hold_also_for_machines_that_are_being_made() {
    let mut bench = Bench::new();
    bench.settings.limits.max_vms_per_user = 2;
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    core.create_vm(&alice, small("one")).await.unwrap();
    assert!(
        matches!(
            core.create_vm(&alice, small("one")).await,
            Err(Error::Conflict(_))
        ),
        "the name is taken"
    );
    core.create_vm(&alice, small("two")).await.unwrap();
    let Err(Error::Invalid(problems)) = core.create_vm(&alice, small("three")).await else {
        panic!("over quota")
    };
    assert_eq!(problems[0].reason, "you have 2 of 2 machines");
    let bob = register(&core, "bob").await;
    core.create_vm(&bob, small("one"))
        .await
        .expect("names are each user's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_knows_nothing_of_others_machines() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let vm = create(&core, &alice, "secret").await;
    for action in Action::ALL {
        assert!(
            matches!(core.act(&bob, vm, action).await, Err(Error::NotFound { .. })),
            "{action:?}"
        );
    }
    assert!(core.watch(&bob).await.unwrap().view().machines.is_empty());
    assert!(matches!(
        core.find_vm(&bob, "alice/secret").await,
        Err(Error::NotFound { .. })
    ));
    assert!(
        core.operations(&bob, OperationQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
    let operation = core.operations(&alice, OperationQuery::default()).await.unwrap()[0].id;
    assert!(matches!(
        core.operation(&bob, operation).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        core.cancel(&bob, operation).await,
        Err(Error::NotFound { .. })
    ));
    assert!(core.find_vm(&alice, "secret").await.is_ok());

    let theirs = create(&core, &bob, "box").await;
    assert_eq!(
        act(&core, &alice, theirs, Action::Stop).await.state,
        OperationState::Done,
        "an admin may"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_the_state_does_not_take_is_refused_at_once() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    until(&core, &alice, "running", |view| {
        find(view, "web-1").is_some_and(|it| it.status == VmStatus::Running)
    })
    .await;
    for action in [Action::Start, Action::Resume] {
        let refused = core.act(&alice, vm, action).await;
        assert!(
            matches!(refused, Err(Error::Conflict(_))),
            "{action:?}: {refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_does_not_listen_is_stopped_by_force_only() {
    let bench = Bench::with_guest(Guest {
        shutdown: None,
        ..Guest::default()
    });
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "deaf").await;
    let stop = act(&core, &alice, vm, Action::Stop).await;
    assert_eq!(stop.state, OperationState::Failed);
    assert!(stop.error.unwrap().contains("force it off"));
    let busy = core.act(&alice, vm, Action::Kill).await.unwrap();
    assert_eq!(finish(&core, &alice, busy).await.state, OperationState::Done);
    until(&core, &alice, "off", |view| {
        find(view, "deaf").is_some_and(|it| it.status == VmStatus::Stopped)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_from_outside_show_and_nothing_is_deleted() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    create(&core, &alice, "web-1").await;
    let outside = bench.sim.outside();
    let domain = outside.find("user1-web-1").unwrap();
    let seen = |status| {
        move |view: &twarga::core::View| find(view, "web-1").is_some_and(|it| it.vm.status == status)
    };
    until(&core, &alice, "running", seen(VmStatus::Running)).await;
    outside.force_off(domain).unwrap();
    until(&core, &alice, "off", seen(VmStatus::Stopped)).await;
    outside.start(domain).unwrap();
    until(&core, &alice, "on", seen(VmStatus::Running)).await;
    outside.pause_on_error(domain).unwrap();
    let view = until(&core, &alice, "paused", seen(VmStatus::Paused)).await;
    assert!(
        find(&view, "web-1")
            .unwrap()
            .reason
            .as_ref()
            .unwrap()
            .contains("disk is full")
    );
    outside.force_off(domain).unwrap();
    outside.undefine(domain);
    let view = until(&core, &alice, "gone", seen(VmStatus::Error)).await;
    assert!(
        find(&view, "web-1")
            .unwrap()
            .reason
            .as_ref()
            .unwrap()
            .contains("gone from libvirt")
    );
    assert!(
        !bench.left_behind().volumes.is_empty(),
        "nothing is deleted by itself"
    );
    let log = core.events(&alice, LogQuery::default()).await.unwrap();
    assert!(
        log.iter()
            .filter(|event| event.action == "vm.changed_outside")
            .count()
            >= 4
    );

    let vm = find(&view, "web-1").unwrap().vm.id;
    assert_eq!(
        act(&core, &alice, vm, Action::Destroy).await.state,
        OperationState::Done
    );
    bench.assert_nothing_left("what was left of it is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_domains_are_shown_to_admins_and_never_touched() {
    let bench = Bench::new();
    let foreign = bench.sim.outside().define("someones-database", 2, 2048).unwrap();
    bench.sim.outside().start(foreign).unwrap();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let view = until(&core, &alice, "the foreign domain", |view| {
        !view.foreign.is_empty()
    })
    .await;
    assert_eq!(
        (view.foreign[0].name.as_str(), view.foreign[0].state),
        ("someones-database", DomainState::Running)
    );
    assert!(core.watch(&bob).await.unwrap().view().foreign.is_empty());

    // A machine whose domain would take a foreign one's name is refused and unwound.
    bench.sim.outside().define("user1-web-1", 1, 512).unwrap();
    let (_, operation) = core.create_vm(&alice, small("web-1")).await.unwrap();
    assert_eq!(
        finish(&core, &alice, operation).await.state,
        OperationState::Failed
    );
    assert_eq!(bench.left_behind().domains, ["someones-database", "user1-web-1"]);
    assert!(bench.left_behind().volumes.is_empty());
    assert_eq!(bench.sim.state(foreign).unwrap(), Some(DomainState::Running));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_session_mode_a_port_is_kept_and_replaced_when_it_is_taken() {
    let bench = Bench::with(Script::new(twarga::core::time::system_clock(), 7).mode(Mode::Session));
    let (core, _keeper, alice) = bench.kept().await;
    until(&core, &alice, "connected", |view| view.host.is_some()).await;
    let vm = create(&core, &alice, "web-1").await;
    let port = |view: &twarga::core::View| find(view, "web-1").and_then(|it| it.vm.ssh_port);
    assert_eq!(port(&core.watch(&alice).await.unwrap().view()), Some(42_000));
    assert_eq!(
        act(&core, &alice, vm, Action::Stop).await.state,
        OperationState::Done
    );
    bench.sim.outside().occupy_port(42_000, true);
    assert_eq!(
        act(&core, &alice, vm, Action::Start).await.state,
        OperationState::Done
    );
    until(&core, &alice, "another port", |view| port(view) == Some(42_001)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_belongs_to_one_hypervisor() {
    let mut bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    create(&core, &alice, "web-1").await;
    keeper.end().await.unwrap();
    drop(core);

    bench.sim = Arc::new(Sim::new(Script::new(twarga::core::time::system_clock(), 8)));
    let (core, _keeper) = {
        let core = bench.core().await;
        let keeper = Keeper::start(&core, KeeperKind::Tui);
        (core, keeper)
    };
    let alice = core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
    let view = until(&core, &alice, "refused", |view| {
        matches!(view.health, Health::Down { .. })
    })
    .await;
    let Health::Down { reason, .. } = &view.health else {
        unreachable!()
    };
    assert!(reason.contains("belongs to another host"), "{reason}");
    assert_eq!(
        view.machines[0].status,
        VmStatus::Running,
        "what was known is not settled with strangers"
    );
    assert_eq!(
        bench.left_behind(),
        Inventory::default(),
        "and nothing was made there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_from_an_image_of_ones_own_stands_on_an_overlay() {
    let bench = Bench::new();
    let image = crate::images::image(11);
    let (core, _keeper, alice) = bench.kept().await;
    let file = bench.state_dir().join("debian.qcow2");
    std::fs::write(&file, image).unwrap();
    let own = format!(
        "[[image]]\nid = \"debian\"\ntitle = \"Debian\"\nfile = {file:?}\nformat = \"qcow2\"\ndefault_user = \"debian\"\n"
    );
    std::fs::write(bench.state_dir().join("images.toml"), own).unwrap();
    let mut wanted = small("web-1");
    wanted.image = "debian".into();
    let Err(Error::Invalid(problems)) = core.create_vm(&alice, wanted.clone()).await else {
        panic!("10 GiB is too small")
    };
    assert_eq!(problems[0].to_string(), "disk: debian needs at least 11 GiB");
    wanted.disk_gib = 12;
    let (vm, operation) = core.create_vm(&alice, wanted).await.unwrap();
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert_eq!(
        core.find_vm(&alice, "web-1").await.unwrap().vm.guest_user,
        "debian"
    );
    assert_eq!(
        act(&core, &alice, vm, Action::Destroy).await.state,
        OperationState::Done
    );
    bench.assert_nothing_left("the machine");
    let image = |name: &String| name.starts_with("image-debian-");
    assert!(
        bench.sim.inventory().volumes.iter().any(image),
        "the image stays for the next one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_dead_or_unknown_is_refused_with_what_to_do() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    for (image, words) in [
        ("centos8", "take `centos-stream-9`, `rocky-9` or `almalinux-9`"),
        ("windows", "no image `windows`"),
    ] {
        let mut wanted = small("web-1");
        wanted.image = image.into();
        let Err(Error::Invalid(problems)) = core.create_vm(&alice, wanted).await else {
            panic!("{image} cannot be had")
        };
        assert!(problems[0].to_string().contains(words), "{}", problems[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_made_by_an_alias_remembers_the_image() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let file = bench.state_dir().join("debian.img");
    std::fs::write(&file, [0; 4096]).unwrap();
    let own = format!(
        "[[image]]\nid = \"debian-12\"\ntitle = \"Debian\"\nfile = {file:?}\nformat = \"raw\"\ndefault_user = \"debian\"\n"
    );
    std::fs::write(bench.state_dir().join("images.toml"), own).unwrap();
    let mut wanted = small("web-1");
    wanted.image = "debian/bookworm64".into();
    let (_, operation) = core.create_vm(&alice, wanted).await.unwrap();
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    let machine = core.find_vm(&alice, "web-1").await.unwrap();
    assert_eq!(
        (machine.vm.image.as_str(), machine.vm.guest_user.as_str()),
        ("debian-12", "debian")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_started_that_the_disk_cannot_hold() {
    let mut bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    act(&core, &alice, vm, Action::Stop).await;
    let off = until(&core, &alice, "off", |view| {
        find(view, "web-1").is_some_and(|it| it.status == VmStatus::Stopped && it.vm.address.is_none())
    })
    .await;
    assert!(
        find(&off, "web-1").unwrap().load.disk_allocated.is_some(),
        "still on the disk"
    );
    keeper.end().await.unwrap();
    drop(core);

    bench.settings.disk_reserve = 1 << 50;
    let core = bench.core().await;
    let _keeper = Keeper::start(&core, KeeperKind::Tui);
    let alice = core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
    let refused = act(&core, &alice, vm, Action::Start).await;
    assert_eq!(refused.state, OperationState::Failed);
    let said = refused.error.unwrap();
    assert!(
        said.contains("MiB free of 512000 MiB") && said.contains("image gc"),
        "{said}"
    );
    let (_, operation) = core.create_vm(&alice, small("web-2")).await.unwrap();
    assert_eq!(
        finish(&core, &alice, operation).await.state,
        OperationState::Failed
    );
}
