//! Lines that break, stall, and servers that are busy.

use crate::fixtures::{LENGTH, Scene, image, settings, sha256, url};
use crate::http::{Reply, Server};
use std::time::{Duration, Instant};
use twarga::core::fetch::{FetchError, Place, Settings, fetch_small, put_in_place};

#[tokio::test]
async fn an_honest_server_is_asked_once() {
    let server = Server::start(|request| Reply::file(request, &image(), "\"1\"")).await;
    let scene = Scene::new(&server);
    let mut told = Vec::new();
    let fetched = scene
        .fetch_telling(|it| told.push(it), std::future::pending())
        .await
        .unwrap();
    assert_eq!(Some(fetched.digest), scene.wanted.expect);
    assert!(told.is_sorted_by_key(|it| it.done), "{told:?}");
    let last = told.last().unwrap();
    assert_eq!((last.done, last.total), (LENGTH as u64, Some(LENGTH as u64)));
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].header("user-agent").unwrap().starts_with("twarga/"));
    assert_eq!(seen[0].header("accept-encoding"), Some("identity"));

    let target = scene.folder.path().join("image");
    put_in_place(&fetched.path, &target).unwrap();
    assert_eq!(scene.left(), ["image"]);
}

#[tokio::test]
async fn without_a_digest_the_sha256_of_what_came_is_told() {
    let server = Server::start(|request| Reply::file(request, &image(), "\"1\"")).await;
    let mut scene = Scene::new(&server);
    scene.wanted.expect = None;
    assert_eq!(scene.succeeds().await.digest, sha256(&image()));
}

#[tokio::test]
async fn a_line_that_breaks_is_taken_up_where_it_broke() {
    let server = Server::start(|request| {
        let reply = Reply::file(request, &image(), "\"1\"");
        if request.number < 6 {
            reply.cut(LENGTH / 8)
        } else {
            reply
        }
    })
    .await;
    let scene = Scene::new(&server);
    scene.succeeds().await;
    let from: Vec<_> = server.seen().iter().map(|it| it.from().unwrap_or(0)).collect();
    assert_eq!(
        from,
        (0..7).map(|n| n * LENGTH / 8).collect::<Vec<_>>(),
        "more tries than without progress"
    );
    assert!(
        server.seen()[1..]
            .iter()
            .all(|it| it.header("if-range") == Some("\"1\""))
    );
}

#[tokio::test]
async fn a_line_that_brings_nothing_any_more_is_given_up_and_what_came_is_kept() {
    let server = Server::start(|request| {
        let reply = Reply::file(request, &image(), "\"1\"");
        reply.cut(if request.number == 0 { LENGTH / 2 } else { 0 })
    })
    .await;
    let scene = Scene::new(&server);
    let (error, length) = scene.fails_keeping().await;
    assert!(
        matches!(error, FetchError::GaveUp { tries: 5, kept, .. } if kept == length),
        "{error:?}"
    );
    assert_eq!(length, LENGTH as u64 / 2);
    assert!(
        error
            .to_string()
            .ends_with("512.0 KiB are kept, the next try goes on from there"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn a_server_that_breaks_off_after_every_byte_is_not_asked_for_ever() {
    let server = Server::start(|request| Reply::file(request, &image(), "\"1\"").cut(1)).await;
    let (error, kept) = Scene::new(&server).fails_keeping().await;
    assert!(matches!(error, FetchError::GaveUp { tries: 5, .. }), "{error:?}");
    assert_eq!(kept, 5);
}

#[tokio::test]
async fn a_dead_line_is_told_from_a_slow_one_and_taken_up() {
    let server = Server::start(|request| {
        let reply = Reply::file(request, &image(), "\"1\"");
        if request.number == 0 {
            reply.stall(LENGTH / 4)
        } else {
            reply
        }
    })
    .await;
    let impatient = Settings {
        dead_line: Duration::from_millis(300),
        ..settings()
    };
    Scene::with(impatient, &server.url("/image")).succeeds().await;
    let seen = server.seen();
    assert!(seen[1].from().is_some_and(|from| from > 0), "{seen:?}");
}

#[tokio::test]
async fn a_line_that_stays_dead_is_given_up() {
    let server = Server::start(|request| {
        let reply = Reply::file(request, &image(), "\"1\"");
        reply.stall(if request.number == 0 { LENGTH / 4 } else { 0 })
    })
    .await;
    let impatient = Settings {
        dead_line: Duration::from_millis(200),
        tries: 2,
        ..settings()
    };
    let mut scene = Scene::with(impatient, &server.url("/image"));
    scene.wanted.url.set_query(Some("token=secret"));
    let (error, kept) = scene.fails_keeping().await;
    let FetchError::GaveUp { last, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(matches!(**last, FetchError::Silent { .. }), "{error:?}");
    assert!(kept > 0 && !error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let gone = Server::start(|_| Reply::status(200)).await;
    let address = gone.url("/image");
    drop(gone);
    let error = Scene::with(settings(), &address).fails().await;
    assert!(matches!(error, FetchError::GaveUp { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&address), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_taken_for_one_with_it() {
    let server = Server::start(|_| Reply::whole(&image())).await;
    let address = server.url("/image").replace("http:", "https:");
    let error = Scene::with(
        Settings {
            tries: 1,
            ..settings()
        },
        &address,
    )
    .fails()
    .await;
    let FetchError::GaveUp { last, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(matches!(**last, FetchError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_busy_server_is_given_the_time_that_it_asks_for() {
    for status in [429, 503] {
        let server = Server::start(move |request| match request.number {
            0 => Reply::status(status).header("Retry-After", "1"),
            _ => Reply::file(request, &image(), "\"1\""),
        })
        .await;
        let began = Instant::now();
        Scene::new(&server).succeeds().await;
        assert!(
            began.elapsed() >= Duration::from_secs(1),
            "{status} after {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_server_that_wants_to_be_asked_tomorrow_is_not_waited_for() {
    let server = Server::start(|_| Reply::status(503).header("Retry-After", "86400")).await;
    let error = Scene::new(&server).fails().await;
    assert!(
        matches!(
            error,
            FetchError::Later {
                status: 503,
                seconds: 86_400,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_stays_broken_is_given_up() {
    for status in [500, 502, 503, 429] {
        let server = Server::start(move |_| Reply::status(status)).await;
        let error = Scene::new(&server).fails().await;
        assert!(
            matches!(
                error,
                FetchError::GaveUp {
                    tries: 5,
                    kept: 0,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_once() {
    for status in [404, 410, 403] {
        let server = Server::start(move |_| Reply::status(status)).await;
        let error = Scene::new(&server).fails().await;
        assert!(
            matches!(error, FetchError::Answered { status: told, .. } if told == status),
            "{error:?}"
        );
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_mirror_goes_on_where_the_first_server_died() {
    let first = Server::start(|request| match request.number {
        0 => Reply::file(request, &image(), "\"1\"").cut(LENGTH / 2),
        _ => Reply::status(404),
    })
    .await;
    let bad = Server::start(|_| Reply::status(403)).await;
    let good = Server::start(|request| Reply::file(request, &image(), "\"other\"")).await;
    let mut scene = Scene::new(&first);
    scene.wanted.mirrors = vec![url(&bad.url("/image")), url(&good.url("/image"))];
    assert_eq!(scene.succeeds().await.url, scene.wanted.mirrors[1]);
    let asked = &good.seen()[0];
    assert_eq!((asked.from(), asked.header("if-range")), (Some(LENGTH / 2), None));
}

#[tokio::test]
async fn when_no_mirror_has_it_all_are_told() {
    let first = Server::start(|_| Reply::status(404)).await;
    let second = Server::start(|_| Reply::whole(b"an advertisement")).await;
    let mut scene = Scene::new(&first);
    scene.wanted.mirrors = vec![url(&second.url("/image"))];
    let FetchError::Everywhere(failures) = scene.fails().await else {
        panic!("another error")
    };
    assert!(matches!(
        failures[..],
        [FetchError::Answered { .. }, FetchError::Mismatch { .. }]
    ));
}

#[tokio::test]
async fn a_small_file_follows_the_same_rules() {
    let server = Server::start(|request| match (request.target.as_str(), request.number) {
        ("/sums", 0) => Reply::whole(b"0123456789").cut(5),
        ("/sums", _) => Reply::whole(b"0123456789"),
        _ => Reply::status(404),
    })
    .await;
    let scene = Scene::new(&server);
    let get =
        async |path, limit, place| fetch_small(&scene.client, &url(&server.url(path)), limit, place).await;
    assert_eq!(
        get("/sums", 10, Place::OperatorsOwn).await.unwrap(),
        b"0123456789"
    );
    let large = get("/sums", 9, Place::OperatorsOwn).await;
    assert!(
        matches!(large, Err(FetchError::TooLarge { limit: 9, .. })),
        "{large:?}"
    );
    let gone = get("/other", 9, Place::OperatorsOwn).await;
    assert!(
        matches!(gone, Err(FetchError::Answered { status: 404, .. })),
        "{gone:?}"
    );
    let refused = get("/sums", 10, Place::Public).await;
    assert!(matches!(refused, Err(FetchError::Refused { .. })), "{refused:?}");
}
