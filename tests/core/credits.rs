//! Credits: what runs is paid for once, whatever happens to keepers and clocks.

use crate::bench::{Bench, PASSWORD, PATIENCE, TENANT, act, create, find, finish, register, small, until};
use std::time::Duration;
use twarga::core::{Action, Core, Ctx, Error, Keeper, KeeperKind, LogQuery, OnEmpty, StatementQuery};
use twarga::hypervisor::sim::{Call, Fault};
use twarga::model::{Credits, EntryKind, Event, OperationState};

const HOUR: i64 = 3_600_000;

/// What a machine of `small` costs per hour: 512 MiB and one processor.
const SMALL: i64 = 10_000;

async fn balance(core: &Core, ctx: &Ctx) -> Credits {
    core.purse(ctx, None).await.unwrap().1.balance
}

/// Waits until the balance is as wanted.
async fn until_balance(core: &Core, ctx: &Ctx, what: &str, wanted: impl Fn(Credits) -> bool) -> Credits {
    until(core, ctx, what, |view| wanted(view.purse.balance)).await;
    balance(core, ctx).await
}

/// Thousandths, give or take what a slow test takes.
fn near(balance: Credits, thousandths: i64) -> bool {
    (thousandths - 500..=thousandths).contains(&balance.0)
}

/// Waits until an event of that name is in the log.
async fn until_told(core: &Core, ctx: &Ctx, action: &str) {
    let looking = async {
        let told = |events: Vec<Event>| events.iter().any(|it| it.action == action);
        while !told(core.events(ctx, LogQuery::default()).await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect(action);
}

async fn sums_hold(core: &Core, admin: &Ctx) {
    let report = core.verify_ledger(admin).await.unwrap();
    assert_eq!((report.wrong, report.doubled), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_paid_for_by_the_hour_and_its_disk_once() {
    let bench = Bench::with_clocks();
    let (core, _keeper, alice) = bench.kept().await;
    assert_eq!(balance(&core, &alice).await, Credits::whole(1000));
    let vm = create(&core, &alice, "web").await;
    bench.clocks.pass(2 * HOUR);
    let paid = 1_000_000 - 10_000 - 2 * SMALL;
    until_balance(&core, &alice, "two hours are paid for", |it| near(it, paid)).await;
    act(&core, &alice, vm, Action::Pause).await;
    bench.clocks.pass(2 * HOUR);
    let paid = paid - 2 * 5_000;
    until_balance(&core, &alice, "paused, only memory is", |it| near(it, paid)).await;
    act(&core, &alice, vm, Action::Kill).await;
    bench.clocks.pass(100 * HOUR);
    until(&core, &alice, "off, nothing is", |view| view.purse.rate.0 == 0).await;
    act(&core, &alice, vm, Action::Start).await;
    until(&core, &alice, "on again", |view| view.purse.rate.0 > 0).await;
    assert!(near(balance(&core, &alice).await, paid));
    act(&core, &alice, vm, Action::Destroy).await;
    sums_hold(&core, &alice).await;
    let statement = core.statement(&alice, StatementQuery::default()).await.unwrap();
    let of = |kind| statement.iter().filter(|it| it.kind == kind).count();
    assert_eq!((of(EntryKind::Initial), of(EntryKind::Disk)), (1, 1));
    assert!(of(EntryKind::Usage) >= 2, "{statement:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_without_a_keeper_is_charged_once_for_what_ran() {
    let bench = Bench::with_clocks();
    let (core, keeper, alice) = bench.kept().await;
    create(&core, &alice, "web").await;
    let stopped = create(&core, &alice, "data").await;
    until_balance(&core, &alice, "both are metered", |it| it.0 < 980_000).await;
    keeper.end().await.unwrap();
    let uuid = find(&core.watch(&alice).await.unwrap().view(), "data")
        .unwrap()
        .vm
        .uuid;
    bench.clocks.pass(HOUR);
    bench.sim.outside().force_off(uuid).unwrap();
    bench.clocks.pass(4 * HOUR);
    let _keeper = Keeper::start(&core, KeeperKind::Tui);
    let paid = 1_000_000 - 20_000 - 5 * SMALL;
    until_balance(&core, &alice, "five hours of one", |it| near(it, paid)).await;
    act(&core, &alice, stopped, Action::Start).await;
    // A wall clock that is set changes nothing.
    for jump in [-HOUR, 30 * 24 * HOUR, -50 * 365 * 24 * HOUR] {
        bench.clocks.set(jump);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(near(balance(&core, &alice).await, paid), "{jump}");
    }
    sums_hold(&core, &alice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_fails_costs_nothing() {
    let bench = Bench::with_clocks();
    let (core, _keeper, alice) = bench.kept().await;
    bench.sim.fail(Call::Start, Fault::before().always());
    let (_, operation) = core.create_vm(&alice, small("web")).await.unwrap();
    assert_eq!(balance(&core, &alice).await, Credits::whole(990), "reserved");
    let ended = finish(&core, &alice, operation).await;
    assert_eq!(ended.state, OperationState::Failed);
    assert_eq!(balance(&core, &alice).await, Credits::whole(1000));
    let statement = core.statement(&alice, StatementQuery::default()).await.unwrap();
    assert_eq!(statement[0].kind, EntryKind::Refund);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_paid_is_waived_warned_of_and_nothing_new_starts() {
    let bench = Bench::with_clocks();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let vm = create(&core, &bob, "web").await;
    let bobs = || vec!["bob".to_owned()];
    core.adjust_credits(&alice, bobs(), -Credits::whole(970), "the trial is over")
        .await
        .unwrap();
    bench.clocks.pass(100 * HOUR);
    until_balance(&core, &bob, "nothing is left", |it| it == Credits::ZERO).await;
    let all = StatementQuery {
        username: Some("bob".to_owned()),
        kind: Some(EntryKind::Waived),
        ..StatementQuery::default()
    };
    let waived = core.statement(&alice, all).await.unwrap();
    let sum: i64 = waived.iter().map(|it| it.waived.0).sum();
    assert!((980_000..981_000).contains(&sum), "{sum}");
    let refused = core.create_vm(&bob, small("two")).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    act(&core, &bob, vm, Action::Kill).await;
    let refused = core.act(&bob, vm, Action::Start).await;
    assert!(
        matches!(&refused, Err(Error::Conflict(why)) if why.contains("no credits")),
        "{refused:?}"
    );
    until_told(&core, &bob, "credits.empty").await;
    let told = core.events(&bob, LogQuery::default()).await.unwrap();
    let count = told.iter().filter(|it| it.action == "credits.empty").count();
    assert_eq!(count, 1, "{told:#?}");
    core.adjust_credits(&alice, bobs(), Credits::whole(500), "a new month")
        .await
        .unwrap();
    act(&core, &bob, vm, Action::Start).await;
    let took = core
        .adjust_credits(&alice, bobs(), -Credits::whole(501), "too much")
        .await;
    assert!(matches!(took, Err(Error::Conflict(_))));
    sums_hold(&core, &alice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_of_an_empty_account_are_stopped_after_the_grace() {
    let mut bench = Bench::with_clocks();
    bench.settings.credits.on_empty = OnEmpty::Stop;
    let (core, _keeper, alice) = bench.kept().await;
    create(&core, &alice, "web").await;
    bench.clocks.pass(100 * HOUR);
    until_balance(&core, &alice, "nothing is left", |it| it == Credits::ZERO).await;
    until_told(&core, &alice, "credits.empty").await;
    assert!(
        core.watch(&alice).await.unwrap().view().purse.rate.0 > 0,
        "within the grace"
    );
    bench.clocks.pass(HOUR);
    until(&core, &alice, "it is off", |view| view.purse.rate.0 == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_credits_are_off_nothing_is_counted_and_nothing_is_made_up_for_later() {
    let mut bench = Bench::with_clocks();
    bench.settings.credits.enabled = false;
    let (core, keeper, alice) = bench.kept().await;
    create(&core, &alice, "web").await;
    bench.clocks.pass(100 * HOUR);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(balance(&core, &alice).await, Credits::whole(1000));
    keeper.end().await.unwrap();
    bench.settings.credits.enabled = true;
    bench.clocks.pass(10 * HOUR);
    let later = bench.core().await;
    let alice = later.sign_in(TENANT, "alice", PASSWORD).await.unwrap().ctx;
    let _keeper = Keeper::start(&later, KeeperKind::Tui);
    tokio::time::sleep(Duration::from_millis(700)).await;
    bench.clocks.pass(HOUR);
    until_balance(&later, &alice, "one hour", |it| near(it, 1_000_000 - SMALL)).await;
}

/// What a keeper does not know of a meter, it does not charge: one that another keeper left on is
/// closed where that one saw it last, though this one looked at the machine for hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_went_off_unseen_is_not_charged_when_it_runs_again() {
    let bench = Bench::with_clocks();
    let (core, keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web").await;
    bench.clocks.pass(HOUR);
    let paid = 1_000_000 - 10_000 - SMALL;
    until_balance(&core, &alice, "an hour is paid for", |it| near(it, paid)).await;
    keeper.end().await.unwrap();
    let uuid = find(&core.watch(&alice).await.unwrap().view(), "web")
        .unwrap()
        .vm
        .uuid;
    bench.sim.outside().force_off(uuid).unwrap();
    until(&core, &alice, "it is off", |view| view.purse.rate.0 == 0).await;
    let _keeper = Keeper::start(&core, KeeperKind::Tui);
    bench.clocks.pass(5 * HOUR);
    tokio::time::sleep(Duration::from_millis(700)).await;
    act(&core, &alice, vm, Action::Start).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let now = balance(&core, &alice).await;
    assert!(near(now, paid), "{now}");
    sums_hold(&core, &alice).await;
}
