//! Downloads as operations: killed, failed, cancelled and shared, and nothing left of them.

use crate::bench::{Bench, finish, register, until};
use crate::http::{Reply, Server};
use crate::images::{SIZE, ask, half, halting, image, library, offered, pool, pull, serving, went_on};
use std::sync::atomic::Ordering;
use twarga::core::{Error, Keeper, KeeperKind, LogQuery};
use twarga::model::{OperationState, Progress, StepState};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_does_wrong_nothing_is_left_and_it_can_be_asked_for_again() {
    let good = image(2);
    let (mut flipped, mut hostile) = (good.clone(), good.clone());
    flipped[SIZE / 2] ^= 1;
    hostile[15] = 200;
    // What is served, what was promised, and what is said.
    let stories = [
        ("a flipped bit", flipped, good.clone(), "sha256:"),
        ("a backing file", hostile.clone(), hostile, "backing file"),
        ("no image", vec![0; SIZE], vec![0; SIZE], "qcow2"),
    ];
    for (story, served, promised, said) in stories {
        let bench = Bench::new();
        let (core, keeper, alice) = bench.kept().await;
        let server = serving(&served).await;
        offered(&bench, &server, "/debian.qcow2", &promised);
        let failed = pull(&core, &alice).await;
        assert_eq!(failed.state, OperationState::Failed, "{story}");
        let error = failed.error.as_deref().unwrap();
        assert!(error.contains(said), "{story}: {error}");
        assert!(failed.steps.iter().all(|it| it.state == StepState::Undone));
        bench.assert_nothing_left(story);
        assert_eq!((pool(&bench), library(&bench)), (vec![], vec![]), "{story}");
        let server = serving(&good).await;
        offered(&bench, &server, "/debian.qcow2", &good);
        assert_eq!(pull(&core, &alice).await.state, OperationState::Done, "{story}");
        let log = core.events(&alice, LogQuery::default()).await.unwrap();
        let count = |action: &str| log.iter().filter(|it| it.action == action).count();
        assert_eq!(
            (
                count("image.pull.intent"),
                count("image.pull.failed"),
                count("image.pull.done"),
                count("image.pulled")
            ),
            (2, 1, 1, 1),
            "{story}"
        );
        keeper.end().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_fails_the_download_and_says_so() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let server = Server::start(|_| Reply::status(404)).await;
    offered(&bench, &server, "/debian.qcow2", &image(2));
    let failed = pull(&core, &alice).await;
    assert_eq!(failed.state, OperationState::Failed);
    assert!(failed.error.as_ref().unwrap().contains("404"), "{failed:?}");
    bench.assert_nothing_left("a missing file");
    let whole = library(&bench);
    assert!(
        !whole
            .iter()
            .any(|it| it.ends_with(".json") || it.ends_with(".image")),
        "{whole:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_lost_its_keeper_goes_on_with_the_next() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let (server, goes_on) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let operation = core.pull_image(&alice, "debian").await.unwrap();
    half(&bench).await;
    keeper.end().await.unwrap();
    let left = core.operation(&alice, operation).await.unwrap();
    assert_eq!(
        left.state,
        OperationState::Running,
        "it is not given up: {left:?}"
    );
    goes_on.store(true, Ordering::SeqCst);
    let other = bench.core().await;
    let keeper = Keeper::start(&other, KeeperKind::Tui);
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert!(went_on(&server), "{:?}", server.seen());
    keeper.end().await.unwrap();

    // Killed between the last act and its record: it is done again, and nothing is fetched again.
    let asked = server.seen().len();
    let again = core.pull_image(&alice, "debian").await.unwrap();
    bench
        .store()
        .write(jiff::Timestamp::now(), |writer| {
            writer.set_operation_state(again, OperationState::Running, None)?;
            writer.begin_step(again, 0, "download")
        })
        .unwrap();
    let keeper = Keeper::start(&bench.core().await, KeeperKind::Serve);
    let done = finish(&core, &alice, again).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert_eq!(server.seen().len(), asked, "{:?}", server.seen());
    assert_eq!(library(&bench).len(), 2, "{:?}", library(&bench));
    keeper.end().await.unwrap();
    bench.assert_nothing_left("handed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_waits_for_a_keeper_and_a_cancel_reaches_it_before_and_in_the_middle() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    let bytes = image(2);
    let (server, goes_on) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let queued = core.pull_image(&alice, "debian").await.unwrap();
    let seen = core.operation(&alice, queued).await.unwrap();
    assert_eq!(seen.state, OperationState::Queued);
    core.cancel(&alice, queued).await.unwrap();
    let keeper = Keeper::start(&core, KeeperKind::Tui);
    let cancelled = finish(&core, &alice, queued).await;
    assert_eq!(cancelled.state, OperationState::Cancelled);
    assert_eq!(server.seen().len(), 0, "nobody asked");

    let operation = core.pull_image(&alice, "debian").await.unwrap();
    half(&bench).await;
    core.cancel(&alice, operation).await.unwrap();
    let cancelled = finish(&core, &alice, operation).await;
    assert_eq!(cancelled.state, OperationState::Cancelled, "{cancelled:?}");
    assert_eq!(pool(&bench), Vec::<String>::new());
    let scraps = library(&bench);
    assert!(
        scraps.iter().all(|it| it.contains(".part")),
        "what the next one goes on from, and nothing else: {scraps:?}"
    );
    goes_on.store(true, Ordering::SeqCst);
    assert_eq!(pull(&core, &alice).await.state, OperationState::Done);
    assert!(went_on(&server), "{:?}", server.seen());
    keeper.end().await.unwrap();
    bench.assert_nothing_left("cancelled twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_download_serves_all_who_want_the_image_and_all_see_how_far_it_is() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let carol = register(&core, "carol").await;
    let bytes = image(2);
    let (server, goes_on) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let operation = core.pull_image(&bob, "debian").await.unwrap();
    half(&bench).await;
    // A second one is told of the first, which is everybody's to see and not everybody's to cancel.
    let second = core.pull_image(&carol, "debian").await.unwrap_err();
    assert!(matches!(second, Error::Busy(id) if id == operation), "{second}");
    let seen = core.operation(&carol, operation).await.unwrap();
    assert_eq!(seen.subject(), "image debian");
    assert!(matches!(
        core.cancel(&carol, operation).await,
        Err(Error::NotPermitted(_))
    ));
    let busy = core.remove_image(&alice, "debian").await;
    assert!(
        matches!(busy, Err(Error::Busy(id)) if id == operation),
        "{busy:?}"
    );

    // Machines wait for it, and show its progress as theirs.
    let creations = [
        ask(&core, &carol, "web-1").await.1,
        ask(&core, &alice, "web-2").await.1,
    ];
    let is_half = |it: Option<Progress>| {
        it.is_some_and(|it| it.done >= SIZE as u64 / 2 && it.total == Some(SIZE as u64))
    };
    let other = bench.core().await;
    until(&other, &alice, "one progress for all, in every process", |view| {
        let shown = |id| {
            view.operations
                .iter()
                .any(|it| it.id == id && is_half(it.progress))
        };
        shown(operation) && creations.iter().all(|id| shown(*id))
    })
    .await;
    assert_eq!(server.seen().len(), 1, "{:?}", server.seen());

    // The download is cancelled: whoever waits goes on from there.
    goes_on.store(true, Ordering::SeqCst);
    core.cancel(&alice, operation).await.unwrap();
    assert_eq!(
        finish(&core, &bob, operation).await.state,
        OperationState::Cancelled
    );
    for (creation, ctx) in creations.into_iter().zip([&carol, &alice]) {
        let done = finish(&core, ctx, creation).await;
        assert_eq!(done.state, OperationState::Done, "{done:?}");
    }
    assert_eq!(server.seen().len(), 2, "{:?}", server.seen());
    assert!(went_on(&server), "{:?}", server.seen());
    assert_eq!(pool(&bench).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_waits_for_a_download_can_be_cancelled_and_the_download_goes_on() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let (server, _) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let download = core.pull_image(&alice, "debian").await.unwrap();
    half(&bench).await;
    let (_, creation) = ask(&core, &alice, "web-1").await;
    until(&core, &alice, "it waits", |view| {
        view.operations
            .iter()
            .any(|it| it.id == creation && it.progress.is_some())
    })
    .await;
    core.cancel(&alice, creation).await.unwrap();
    let cancelled = finish(&core, &alice, creation).await;
    assert_eq!(cancelled.state, OperationState::Cancelled);
    let still = core.operation(&alice, download).await.unwrap();
    assert_eq!(still.state, OperationState::Running);
    core.cancel(&alice, download).await.unwrap();
    finish(&core, &alice, download).await;
    bench.assert_nothing_left("a creation that waited");
}
