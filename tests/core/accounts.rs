//! Who gets in, and who does not.

use crate::bench::{Bench, LOCAL, PASSWORD, TENANT, register};
use twarga::core::{Door, Error, LogQuery, Registration, Source};
use twarga::model::{Field, Preferences, Role, Theme};

fn as_of(username: &str, password: &str) -> Registration {
    Registration {
        username: username.into(),
        email: format!("{username}@example.org"),
        password: password.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_account_is_the_admin_and_made_on_the_host() {
    let bench = Bench::new();
    let core = bench.core().await;
    assert_eq!(core.door(TENANT).await.unwrap(), Door::NotSetUp);
    assert!(matches!(
        core.register(TENANT, as_of("mallory", PASSWORD)).await,
        Err(Error::NotPermitted(_))
    ));
    assert_eq!(core.door(LOCAL).await.unwrap(), Door::FirstAccount);
    assert_eq!(register(&core, "alice").await.role(), Role::Admin);
    assert_eq!(core.door(TENANT).await.unwrap(), Door::Open);
    let bob = core.register(TENANT, as_of("bob", PASSWORD)).await.unwrap();
    assert_eq!(bob.ctx.role(), Role::User);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_registration_lets_only_the_first_in() {
    let mut bench = Bench::new();
    bench.settings.registration = false;
    let core = bench.core().await;
    assert_eq!(register(&core, "alice").await.role(), Role::Admin);
    assert_eq!(core.door(LOCAL).await.unwrap(), Door::SignInOnly);
    assert!(matches!(
        core.register(LOCAL, as_of("bob", PASSWORD)).await,
        Err(Error::NotPermitted(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_refused_with_every_reason_at_once() {
    let bench = Bench::new();
    let core = bench.core().await;
    let bad = Registration {
        username: "Al".into(),
        email: "nowhere".into(),
        password: "short".into(),
    };
    let Err(Error::Invalid(fields)) = core.register(LOCAL, bad).await else {
        panic!("it is refused")
    };
    let fields: Vec<Field> = fields.into_iter().map(|it| it.field).collect();
    assert_eq!(fields, [Field::Username, Field::Email, Field::Password]);
    register(&core, "alice").await;
    assert!(matches!(
        core.register(LOCAL, as_of("alice", PASSWORD)).await,
        Err(Error::Conflict(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_lock_an_account_in_every_process_and_never_tell_whether_it_exists() {
    let bench = Bench::new();
    let (first, second) = (bench.core().await, bench.core().await);
    register(&first, "alice").await;
    for name in ["alice", "nobody"] {
        for attempt in 0..5 {
            let core = if attempt % 2 == 0 { &first } else { &second };
            let refused = core.sign_in(LOCAL, name, "wrong password").await;
            assert!(
                matches!(refused, Err(Error::WrongCredentials)),
                "{name} {attempt}: {refused:?}"
            );
        }
        for core in [&first, &second] {
            let refused = core.sign_in(LOCAL, name, PASSWORD).await;
            assert!(
                matches!(refused, Err(Error::LockedOut { .. })),
                "{name}: {refused:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifth_attempt_that_is_right_locks_nothing_and_the_log_says_so() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    for _ in 0..4 {
        let refused = core.sign_in(LOCAL, "alice", "wrong password").await;
        assert!(matches!(refused, Err(Error::WrongCredentials)));
    }
    core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap();
    let logged = |events: Vec<twarga::model::Event>| events.iter().any(|it| it.action == "auth.locked");
    let events = core.events(&alice, LogQuery::default()).await.unwrap();
    assert!(!logged(events), "nobody was locked");
    for _ in 0..5 {
        let refused = core.sign_in(LOCAL, "alice", "wrong password").await;
        assert!(matches!(refused, Err(Error::WrongCredentials)));
    }
    let events = core.events(&alice, LogQuery::default()).await.unwrap();
    assert!(logged(events), "and now somebody was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_tries_many_accounts_is_locked_but_others_are_not() {
    let bench = Bench::new();
    let core = bench.core().await;
    register(&core, "alice").await;
    let from = |last: u8| Source {
        address: Some([192, 0, 2, last].into()),
        ..TENANT
    };
    for attempt in 0..5 {
        let refused = core.sign_in(from(1), &format!("user{attempt}"), PASSWORD).await;
        assert!(matches!(refused, Err(Error::WrongCredentials)));
    }
    assert!(matches!(
        core.sign_in(from(1), "alice", PASSWORD).await,
        Err(Error::LockedOut { .. })
    ));
    assert!(core.sign_in(from(2), "alice", PASSWORD).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_at_the_same_moment_cannot_pass_the_limit_together() {
    let bench = Bench::new();
    let core = bench.core().await;
    register(&core, "alice").await;
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let core = core.clone();
            tokio::spawn(async move { core.sign_in(LOCAL, "alice", "wrong password").await })
        })
        .collect();
    let mut heard = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            Err(Error::WrongCredentials) => heard += 1,
            Err(Error::LockedOut { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_everywhere_when_it_is_signed_out() {
    let bench = Bench::new();
    let (here, there) = (bench.core().await, bench.core().await);
    register(&here, "alice").await;
    let session = here.sign_in(LOCAL, "alice", PASSWORD).await.unwrap();
    let again = there.resume(LOCAL, &session.token).await.unwrap();
    let mut watch = there.watch(&again.ctx).await.unwrap();
    here.sign_out(&session.ctx).await.unwrap();
    let ended = tokio::time::timeout(crate::bench::PATIENCE, async {
        loop {
            if let Err(error) = watch.changed().await {
                return error;
            }
        }
    });
    assert!(matches!(ended.await.unwrap(), Error::NotSignedIn(_)));
    assert!(matches!(
        there.resume(LOCAL, &session.token).await,
        Err(Error::NotSignedIn(_))
    ));
    assert!(matches!(
        there.images(&again.ctx).await,
        Err(Error::NotSignedIn(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    let other = core.sign_in(LOCAL, "alice", PASSWORD).await.unwrap();
    let new = "six grey llamas hum quietly";
    assert!(matches!(
        core.change_password(&alice, "wrong", new).await,
        Err(Error::WrongCredentials)
    ));
    assert!(matches!(
        core.change_password(&alice, PASSWORD, "alice123").await,
        Err(Error::Invalid(_))
    ));
    core.change_password(&alice, PASSWORD, new).await.unwrap();
    assert!(core.resume(LOCAL, &other.token).await.is_err());
    assert!(
        core.preferences(&alice).await.is_ok(),
        "the session that changed it goes on"
    );
    assert!(core.sign_in(LOCAL, "alice", new).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_each_users_own() {
    let bench = Bench::new();
    let core = bench.core().await;
    let (alice, bob) = (register(&core, "alice").await, register(&core, "bob").await);
    let mine = Preferences {
        theme: Some(Theme::Light),
        ..Preferences::default()
    };
    core.set_preferences(&alice, mine.clone()).await.unwrap();
    assert_eq!(core.preferences(&alice).await.unwrap(), mine);
    assert_eq!(core.preferences(&bob).await.unwrap(), Preferences::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sign_in_failure_lock_and_sign_out_is_in_the_chained_log() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    let secret_in_the_wrong_field = "my secret pass phrase";
    for name in ["alice", secret_in_the_wrong_field] {
        core.sign_in(LOCAL, name, "wrong password").await.unwrap_err();
    }
    core.lock(&alice).await.unwrap();
    core.unlock(&alice, PASSWORD).await.unwrap();
    let events = core.events(&alice, LogQuery::default()).await.unwrap();
    let actions: Vec<&str> = events.iter().rev().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "auth.register",
            "auth.sign_in",
            "auth.sign_in_failed",
            "auth.sign_in_failed",
            "auth.lock",
            "auth.unlock"
        ]
    );
    assert!(!format!("{events:?}").contains(secret_in_the_wrong_field));
    assert_eq!(core.verify_log(&alice).await.unwrap().broken_at, None);
    let bob = register(&core, "bob").await;
    assert!(matches!(core.verify_log(&bob).await, Err(Error::NotPermitted(_))));
    let seen = core.events(&bob, LogQuery::default()).await.unwrap();
    assert!(
        seen.iter().all(|event| event.user == Some(bob.user())),
        "a user reads of themself only"
    );
    core.sign_out(&alice).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_registers_without_end_is_locked_and_the_host_is_not() {
    let bench = Bench::new();
    let core = bench.core().await;
    register(&core, "alice").await;
    let mut refused = None;
    for _ in 0..40 {
        // A taken name costs as much as a new one, and tells something.
        match core.register(TENANT, as_of("alice", PASSWORD)).await {
            Err(Error::Conflict(_)) => {}
            Err(Error::LockedOut { .. }) => {
                refused = Some(());
                break;
            }
            other => panic!("{:?}", other.map(drop)),
        }
    }
    assert!(refused.is_some(), "it has an end");
    let elsewhere = Source {
        address: Some([192, 0, 2, 7].into()),
        ..TENANT
    };
    core.register(elsewhere, as_of("bob", PASSWORD)).await.unwrap();
    register(&core, "carol").await;
    core.sign_in(TENANT, "carol", PASSWORD).await.unwrap();
}
