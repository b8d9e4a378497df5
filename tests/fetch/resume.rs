//! Downloads that were killed, cancelled, or met what others left.

use crate::fixtures::{LENGTH, Scene, image};
use crate::http::{Reply, Request, Server};
use std::fs;
use std::future::pending;
use tokio::sync::watch;
use twarga::core::fetch::FetchError;
use twarga::model::Progress;

/// A server that stalls at first, in the middle.
fn stalling(request: &Request) -> Reply {
    let reply = Reply::file(request, &image(), "\"1\"");
    if request.number == 0 {
        reply.stall(LENGTH / 2)
    } else {
        reply
    }
}

/// Tells when half of it came.
fn half() -> (impl FnMut(Progress) + Send, watch::Receiver<bool>) {
    let (tell, half) = watch::channel(false);
    let telling = move |it: Progress| {
        tell.send_replace(it.done >= LENGTH as u64 / 2);
    };
    (telling, half)
}

/// The second download asked for the second half only.
fn went_on(server: &Server) {
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].from(), Some(LENGTH / 2));
    assert_eq!(seen[1].header("if-range"), Some("\"1\""));
}

#[tokio::test]
async fn a_killed_download_goes_on_where_it_was() {
    let server = Server::start(stalling).await;
    let scene = Scene::new(&server);
    let (telling, mut half) = half();
    tokio::select! {
        ended = scene.fetch_telling(telling, pending()) => panic!("{ended:?}"),
        it = half.wait_for(|it| *it) => drop(it.unwrap()),
    }
    // The future was dropped here, in the middle of whatever it did.
    scene.succeeds().await;
    went_on(&server);
}

#[tokio::test]
async fn a_cancelled_download_is_quiet_at_once_and_goes_on_later() {
    let server = Server::start(stalling).await;
    let scene = Scene::new(&server);
    let (telling, mut half) = half();
    let cancel = async move { drop(half.wait_for(|it| *it).await) };
    let error = scene.fetch_telling(telling, cancel).await.unwrap_err();
    assert!(matches!(error, FetchError::Cancelled), "{error:?}");
    assert_eq!(fs::read(scene.partial()).unwrap(), image()[..LENGTH / 2]);
    scene.succeeds().await;
    went_on(&server);
}

#[tokio::test]
async fn what_was_cancelled_before_it_began_leaves_nothing() {
    let server = Server::start(stalling).await;
    let scene = Scene::new(&server);
    let error = scene.fetch_telling(|_| {}, async {}).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Cancelled) && scene.left().is_empty(),
        "{error:?}"
    );
}

#[tokio::test]
async fn two_downloads_never_write_one_file() {
    let server = Server::start(stalling).await;
    let scene = Scene::new(&server);
    let (telling, mut half) = half();
    let first = scene.fetch_telling(telling, pending());
    let second = async {
        half.wait_for(|it| *it).await.unwrap();
        scene.fetch().await
    };
    tokio::select! {
        ended = first => panic!("{ended:?}"),
        error = second => assert!(matches!(error, Err(FetchError::Busy { .. })), "{error:?}"),
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_whole_file_that_lies_there_needs_no_server() {
    let scene = Scene::with(crate::fixtures::settings(), "http://127.0.0.1:1/image");
    fs::write(scene.partial(), image()).unwrap();
    scene.succeeds().await;
}

#[tokio::test]
async fn garbage_that_lies_there_is_not_joined() {
    let server = Server::start(|request| Reply::file(request, &image(), "\"1\"")).await;
    let scene = Scene::new(&server);
    fs::write(scene.partial(), b"garbage").unwrap();
    scene.succeeds().await;
    // Nor is what belongs to another address, or what claims to be whole and is not.
    for state in [
        "{\"url\":\"http://127.0.0.1/other\"}",
        "nonsense",
        "{\"url\":\"URL\",\"total\":7}",
    ] {
        let state = state.replace("URL", scene.wanted.url.as_str());
        fs::write(scene.partial(), b"garbage").unwrap();
        fs::write(scene.folder.path().join("image.part.state"), state).unwrap();
        scene.succeeds().await;
    }
    assert!(server.seen().iter().all(|it| it.from().is_none()));
}

#[tokio::test]
async fn a_beginning_that_rotted_is_found_and_fetched_anew() {
    let server = Server::start(stalling).await;
    let scene = Scene::new(&server);
    let (telling, mut half) = half();
    let cancel = async move { drop(half.wait_for(|it| *it).await) };
    scene.fetch_telling(telling, cancel).await.unwrap_err();
    let mut rotten = fs::read(scene.partial()).unwrap();
    rotten[7] ^= 1;
    fs::write(scene.partial(), rotten).unwrap();
    scene.succeeds().await;
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn without_validators_only_a_digest_can_vouch_for_a_joint() {
    let server = Server::start(|request| {
        let reply = Reply::file(request, &image(), "W/\"1\"");
        if request.number == 0 {
            reply.cut(LENGTH / 2)
        } else {
            reply
        }
    })
    .await;
    let mut scene = Scene::new(&server);
    scene.succeeds().await;
    assert_eq!(
        (server.seen()[1].from(), server.seen()[1].header("if-range")),
        (Some(LENGTH / 2), None)
    );

    let server = Server::start(|request| {
        let reply = Reply::file(request, &image(), "W/\"1\"");
        if request.number == 0 {
            reply.cut(LENGTH / 2)
        } else {
            reply
        }
    })
    .await;
    scene = Scene::new(&server);
    scene.wanted.expect = None;
    scene.succeeds().await;
    assert_eq!(server.seen()[1].from(), None);
}

#[tokio::test]
async fn a_link_in_the_way_is_not_written_through() {
    let server = Server::start(|request| Reply::file(request, &image(), "\"1\"")).await;
    let scene = Scene::new(&server);
    let other = scene.folder.path().join("other");
    fs::write(&other, b"precious").unwrap();
    std::os::unix::fs::symlink(&other, scene.partial()).unwrap();
    let error = scene.fetch().await.unwrap_err();
    assert!(matches!(error, FetchError::File { .. }), "{error:?}");
    assert_eq!(fs::read(other).unwrap(), b"precious");
}
