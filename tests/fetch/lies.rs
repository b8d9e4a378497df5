//! Servers that lie: about the length, the bytes, the part, and what the file is.

use crate::fixtures::{LENGTH, Scene, image, sha512};
use crate::http::{Reply, Server};
use twarga::core::fetch::FetchError;

#[tokio::test]
async fn a_flipped_bit_is_found_and_nothing_is_kept() {
    let mut flipped = image();
    flipped[LENGTH / 3] ^= 4;
    let got = sha512(&flipped);
    let server = Server::start(move |request| Reply::file(request, &flipped, "\"1\"")).await;
    let error = Scene::new(&server).fails().await;
    let FetchError::Mismatch {
        expected, got: told, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!((*expected, *told), (sha512(&image()), got));
    assert_eq!(server.seen().len(), 1, "a whole file that is wrong is wrong");
}

#[tokio::test]
async fn a_length_that_is_too_short_is_no_file() {
    let length = (LENGTH / 2).to_string();
    let server = Server::start(move |_| Reply::whole(&image()).header("Content-Length", &length)).await;
    let error = Scene::new(&server).fails().await;
    assert!(matches!(error, FetchError::Mismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_length_that_is_too_long_is_waited_for_in_vain() {
    let length = (LENGTH + 1).to_string();
    let server = Server::start(move |_| Reply::whole(&image()).header("Content-Length", &length)).await;
    let (error, _) = Scene::new(&server).fails_keeping().await;
    assert!(matches!(error, FetchError::GaveUp { .. }), "{error:?}");
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_a_byte_is_taken() {
    let server = Server::start(|_| Reply::whole(&[7; 10 * LENGTH])).await;
    let scene = Scene::new(&server);
    let mut most = 0;
    let error = scene
        .fetch_telling(|it| most = it.done, std::future::pending())
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
    assert_eq!((most, scene.left()), (0, vec![]));
}

#[tokio::test]
async fn ten_times_the_size_without_a_length_ends_at_the_limit() {
    let server = Server::start(|_| Reply::whole(&[7; 10 * LENGTH]).without("Content-Length")).await;
    let scene = Scene::new(&server);
    let mut most = 0;
    let error = scene
        .fetch_telling(|it| most = it.done, std::future::pending())
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
    assert!(
        most <= scene.wanted.limit && scene.left().is_empty(),
        "{most}, {:?}",
        scene.left()
    );
}

#[tokio::test]
async fn a_file_without_a_length_is_taken_by_its_digest() {
    let server = Server::start(|_| Reply::whole(&image()).without("Content-Length")).await;
    Scene::new(&server).succeeds().await;
}

#[tokio::test]
async fn a_length_that_no_disk_holds_is_refused_before_a_byte_is_taken() {
    let server =
        Server::start(|_| Reply::whole(&image()).header("Content-Length", "1152921504606846976")).await;
    let mut scene = Scene::new(&server);
    scene.wanted.limit = u64::MAX;
    let error = scene.fails().await;
    assert!(
        matches!(error, FetchError::NoRoom { needed: Some(_), .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("for 1048576.0 TiB; free some"),
        "{error}"
    );
}

/// A server that breaks off first and then answers the resumption with this.
async fn resumed_with(answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Scene, Server) {
    let server = Server::start(move |request| match (request.number, request.from()) {
        (0, _) => Reply::file(request, &image(), "\"1\"").cut(LENGTH / 2),
        (_, Some(from)) => answer(from),
        (_, None) => Reply::file(request, &image(), "\"1\""),
    })
    .await;
    (Scene::new(&server), server)
}

#[tokio::test]
async fn a_server_that_ignores_the_range_starts_over() {
    let (scene, server) = resumed_with(|_| Reply::whole(&image())).await;
    scene.succeeds().await;
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn another_part_than_was_asked_for_is_not_joined() {
    // Without a digest nothing else would notice.
    let other = |from: usize| Reply::part(&image(), (from + 1).min(LENGTH - 1)).header("ETag", "\"1\"");
    let (mut scene, server) = resumed_with(other).await;
    scene.wanted.expect = None;
    scene.succeeds().await;
    assert_eq!(server.seen()[2].from(), None, "from the first byte");
}

#[tokio::test]
async fn a_part_that_says_nothing_of_itself_is_not_joined() {
    let (scene, _server) = resumed_with(|from| Reply::part(&image(), from).without("Content-Range")).await;
    scene.succeeds().await;
    let other = |from| Reply::part(&image(), from).header("Content-Range", "bytes 524288-1048576/1048577");
    let (scene, _server) = resumed_with(other).await;
    scene.succeeds().await;
}

#[tokio::test]
async fn a_file_that_changed_in_between_starts_over() {
    let (scene, _server) = resumed_with(|from| Reply::part(&image(), from).header("ETag", "\"2\"")).await;
    scene.succeeds().await;
    let (scene, _server) = resumed_with(|_| Reply::status(416)).await;
    scene.succeeds().await;
}

#[tokio::test]
async fn a_file_that_changes_all_the_time_is_given_up() {
    let server = Server::start(|request| match request.from() {
        None => Reply::file(request, &image(), &format!("\"{}\"", request.number)).cut(LENGTH / 2),
        Some(from) => Reply::part(&image(), from).header("ETag", &format!("\"{}\"", request.number)),
    })
    .await;
    let scene = Scene::new(&server);
    let error = scene.fetch().await.unwrap_err();
    assert!(matches!(error, FetchError::GaveUp { .. }), "{error:?}");
    assert!(server.seen().len() < 15, "{}", server.seen().len());
}

#[tokio::test]
async fn parts_that_do_not_belong_together_get_a_second_chance() {
    let mut other = image();
    other.reverse();
    let (scene, server) = resumed_with(move |from| Reply::part(&other, from)).await;
    scene.succeeds().await;
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_server_that_breaks_off_and_lies_for_ever_gets_no_third_chance() {
    let server = Server::start(|request| match request.from() {
        None => Reply::file(request, &image(), "\"1\"").cut(LENGTH / 2),
        Some(from) => Reply::part(&vec![7; LENGTH], from),
    })
    .await;
    let error = Scene::new(&server).fails().await;
    assert!(matches!(error, FetchError::Mismatch { .. }), "{error:?}");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_part_that_is_longer_than_it_said_is_not_joined() {
    let (scene, _server) = resumed_with(|from| {
        let mut long = image();
        long.extend_from_slice(&[7; 1000]);
        let told = format!("bytes {from}-{}/{LENGTH}", LENGTH - 1);
        Reply::part(&long, from).header("Content-Range", &told)
    })
    .await;
    scene.succeeds().await;
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_is_no_file() {
    let server = Server::start(|_| Reply::part(&image(), 0)).await;
    let error = Scene::new(&server).fails().await;
    assert!(matches!(error, FetchError::GaveUp { .. }), "{error:?}");
}
