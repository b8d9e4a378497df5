//! Where servers lead, and where nobody follows.

use crate::fixtures::{LENGTH, Scene, image, settings};
use crate::http::{Reply, Server};
use twarga::core::fetch::{FetchError, Place, Refusal};

fn refusal(error: FetchError) -> Refusal {
    match error {
        FetchError::Refused { refusal, .. } => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn redirects_are_followed_and_keep_the_range() {
    let server = Server::start(|request| match request.target.as_str() {
        "/image" => Reply::redirect("/there/"),
        "/there/" => Reply::redirect("image"),
        _ => {
            let reply = Reply::file(request, &image(), "\"1\"");
            if request.number < 3 {
                reply.cut(LENGTH / 2)
            } else {
                reply
            }
        }
    })
    .await;
    Scene::new(&server).succeeds().await;
    let seen = server.seen();
    assert_eq!(seen[5].target, "/there/image");
    assert_eq!(seen[5].from(), Some(LENGTH / 2));
    assert!(seen.iter().all(|it| it.header("referer").is_none()));
}

#[tokio::test]
async fn a_circle_is_left() {
    let server = Server::start(|_| Reply::redirect("/image")).await;
    let error = Scene::new(&server).fails().await;
    assert_eq!(refusal(error), Refusal::Circles(5));
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn nobody_is_led_to_the_metadata_service() {
    for to in [
        "http://169.254.169.254/latest/",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "http://0xa9fea9fe/",
    ] {
        let server = Server::start(move |_| Reply::redirect(to)).await;
        let error = Scene::new(&server).fails().await;
        assert!(matches!(refusal(error), Refusal::Private(_)), "{to}");
    }
}

#[tokio::test]
async fn what_is_public_leads_to_no_private_address() {
    let own = Server::start(|_| Reply::whole(&image())).await;
    let port = own.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "10.0.0.1",
        "100.64.1.1",
        "[fd00::1]",
        "169.254.169.254",
    ] {
        let to = format!("http://{host}:{port}/image");
        let proxy = Server::start(move |_| Reply::redirect(&to)).await;
        let scene = Scene::public(&proxy, "http://images.example.org/image");
        assert!(
            matches!(refusal(scene.fails().await), Refusal::Private(_)),
            "{host}"
        );
        assert_eq!(proxy.seen().len(), 1);
    }
    assert!(own.seen().is_empty());
}

#[tokio::test]
async fn a_public_name_that_leads_home_is_refused_where_it_is_resolved() {
    let own = Server::start(|_| Reply::whole(&image())).await;
    // The resolver knows this one without a network; the check of addresses does not.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for host in ["127.0.0.1", "localhost", name.trim()] {
        let mut scene = Scene::with(
            twarga::core::fetch::Settings {
                tries: 1,
                ..settings()
            },
            &format!("http://{host}:{}/image", own.address.port()),
        );
        scene.wanted.place = Place::Public;
        let error = scene.fails().await;
        // A host that does not know its own name cannot lead anywhere.
        let unknown = host == name.trim() && matches!(error, FetchError::GaveUp { .. });
        assert!(unknown || matches!(refusal(error), Refusal::Private(_)), "{host}");
    }
    assert!(own.seen().is_empty());
}

#[tokio::test]
async fn a_proxy_is_used_wherever_it_is() {
    let proxy = Server::start(|request| Reply::file(request, &image(), "\"1\"")).await;
    Scene::public(&proxy, "http://images.example.org/image")
        .succeeds()
        .await;
    assert_eq!(proxy.seen()[0].target, "http://images.example.org/image");
}

#[tokio::test]
async fn credentials_are_neither_sent_nor_shown() {
    let server = Server::start(|_| Reply::whole(&image())).await;
    let address = format!("http://me:secret@{}/image?key=secret", server.address);
    let error = Scene::with(settings(), &address).fails().await;
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(refusal(error), Refusal::Credentials);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn hostile_words_are_made_harmless() {
    let server = Server::start(|_| Reply::redirect("ftp://x/\u{202e}%1b[2J")).await;
    let error = Scene::new(&server).fails().await.to_string();
    assert!(!error.chars().any(twarga::model::text::is_hidden), "{error:?}");
}
