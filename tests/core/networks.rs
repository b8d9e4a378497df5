//! Networks: which may be chosen, and what becomes of the choice.

use crate::bench::{Bench, LOCAL, PASSWORD, TENANT, act, finish, register, small};
use twarga::core::{Action, Core, Ctx, Error, NewMachine};
use twarga::hypervisor::Mode;
use twarga::hypervisor::sim::{Call, Script};
use twarga::model::{OperationState, VmId};

fn on(network: &str) -> NewMachine {
    NewMachine {
        network: network.to_owned(),
        ..small("web-1")
    }
}

async fn names(core: &Core, ctx: &Ctx) -> Vec<String> {
    let choices = core.networks(ctx).await.unwrap();
    choices.into_iter().map(|it| it.network.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_network_is_started_and_stays_the_machines() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    assert_eq!(names(&core, &alice).await, ["default", "lab"]);
    let (vm, operation) = core.create_vm(&alice, on("lab")).await.unwrap();
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done);
    let said: Vec<_> = done.steps.iter().filter_map(|it| it.error.clone()).collect();
    assert!(
        said.iter().any(|it| it.contains("network lab started")),
        "{said:?}"
    );
    let active = |name: &str, choices: &[twarga::model::NetworkChoice]| {
        choices
            .iter()
            .any(|it| it.network.name == name && it.network.active)
    };
    let choices = core.networks(&alice).await.unwrap();
    assert!(
        active("lab", &choices) && !active("default", &choices),
        "{choices:?}"
    );
    act(&core, &alice, vm, Action::Stop).await;
    act(&core, &alice, vm, Action::Start).await;
    let prepared: Vec<_> = bench
        .sim
        .calls()
        .into_iter()
        .filter(|it| it.call == Call::Prepare)
        .collect();
    assert!(prepared.iter().all(|it| it.object == "lab"), "{prepared:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_choose_among_what_is_allowed() {
    let mut bench = Bench::new();
    let core = bench.core().await;
    register(&core, "alice").await;
    register(&core, "bob").await;
    let tenant = |core: Core| async move { core.sign_in(TENANT, "bob", PASSWORD).await.unwrap().ctx };
    let bob = tenant(core.clone()).await;
    assert_eq!(names(&core, &bob).await, ["default"]);
    let refused = |result: Result<(VmId, _), Error>| match result {
        Err(Error::Invalid(errors)) => errors[0].to_string(),
        other => panic!("{:?}", other.map(|it| it.0)),
    };
    let lab = refused(core.create_vm(&bob, on("lab")).await);
    let none = refused(core.create_vm(&bob, on("xyz")).await);
    assert_eq!(lab.replace("lab", "xyz"), none, "which there are is not told");
    let local = core.sign_in(LOCAL, "bob", PASSWORD).await.unwrap().ctx;
    assert_eq!(
        names(&core, &local).await,
        ["default", "lab"],
        "on the host itself any"
    );
    let admin = core.sign_in(TENANT, "alice", PASSWORD).await.unwrap().ctx;
    assert_eq!(names(&core, &admin).await, ["default", "lab"]);

    bench.settings.network.allowed = vec!["lab".to_owned()];
    let core = bench.core().await;
    let bob = tenant(core.clone()).await;
    core.create_vm(&bob, on("lab")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn session_mode_has_no_networks_to_choose() {
    let bench = Bench::with(Script::new(twarga::core::time::system_clock(), 7).mode(Mode::Session));
    let (core, _keeper, alice) = bench.kept().await;
    assert_eq!(names(&core, &alice).await, Vec::<String>::new());
    let refused = core.create_vm(&alice, on("default")).await.unwrap_err();
    assert!(refused.to_string().contains("user-mode network"), "{refused}");
}
