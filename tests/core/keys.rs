//! Keys belong to users, and their new machines let them in.

use crate::bench::{Bench, finish, register, small};
use twarga::core::{Core, Ctx, Error, Keeper, KeeperKind, LogQuery, NewMachine};
use twarga::hypervisor::Hypervisor;
use twarga::model::{Event, Field, OperationState};

const ED25519: &str = include_str!("../fixtures/keys/ed25519.pub");
const RSA: &str = include_str!("../fixtures/keys/rsa2048.pub");
const ECDSA: &str = include_str!("../fixtures/keys/ecdsa256.pub");
const SHORT_RSA: &str = include_str!("../fixtures/keys/rsa1024.pub");
const PRINT: &str = "SHA256:2bIVtgGn9HdK0HOOXTfzJ0R7I6b1XX0eaSfVjhBdBXY";

/// The key itself, without its comment.
fn body(key: &str) -> &str {
    key.split(' ').nth(1).unwrap()
}

/// How often each key lets somebody in by the flat file of the only seed there is.
fn let_in(bench: &Bench, keys: &[&str]) -> Vec<usize> {
    let volumes = bench.left_behind().volumes;
    let seed = volumes.iter().find(|it| it.ends_with(".seed")).unwrap();
    let bytes = bench.sim.tail(seed, 2 << 20).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    keys.iter()
        .map(|key| {
            text.lines()
                .filter(|line| line.starts_with("ssh_key=") && line.contains(body(key)))
                .count()
        })
        .collect()
}

async fn log_of(core: &Core, ctx: &Ctx, action: &str) -> Vec<Event> {
    let mut events = core.events(ctx, LogQuery::default()).await.unwrap();
    events.retain(|event| event.action == action);
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_added_listed_and_removed_and_the_log_says_so() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    let bob = register(&core, "bob").await;
    let added = core.add_ssh_keys(&alice, ED25519, Some("laptop")).await.unwrap();
    assert_eq!(
        (added[0].name.as_str(), added[0].fingerprint.as_str()),
        ("laptop", PRINT)
    );
    assert!(added[0].public_key.ends_with(" laptop"), "{added:?}");
    let two = format!("# mine\n\n{RSA}{ECDSA}");
    assert_eq!(core.add_ssh_keys(&alice, &two, None).await.unwrap().len(), 2);
    assert_eq!(core.ssh_keys(&alice).await.unwrap().len(), 3);
    assert_eq!(core.allowance(&alice).await.unwrap().ssh_keys, 3);
    assert_eq!(core.ssh_keys(&bob).await.unwrap(), []);
    core.add_ssh_keys(&bob, ED25519, None).await.unwrap();

    let removed = core.remove_ssh_key(&alice, PRINT).await.unwrap();
    assert_eq!(removed, added[0]);
    let again = core.remove_ssh_key(&alice, PRINT).await;
    assert!(matches!(again, Err(Error::NotFound { what: "SSH key", .. })));
    assert_eq!(core.ssh_keys(&bob).await.unwrap().len(), 1, "bob's stays");

    let added = log_of(&core, &alice, "key.added").await;
    assert_eq!(added.len(), 4);
    let removed = log_of(&core, &alice, "key.removed").await;
    assert_eq!(removed.len(), 1);
    assert!(removed[0].message.contains(PRINT) && removed[0].details["fingerprint"] == PRINT);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_changes_nothing() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    core.add_ssh_keys(&alice, ED25519, None).await.unwrap();
    let Err(Error::Conflict(sentence)) = core.add_ssh_keys(&alice, &format!("{RSA}{ED25519}"), None).await
    else {
        panic!("a key twice");
    };
    assert!(
        sentence.contains(PRINT) && sentence.contains("already"),
        "{sentence}"
    );
    for (text, name, part) in [
        (format!("{RSA}{SHORT_RSA}"), None, "key 2: "),
        (format!("{RSA}{ECDSA}"), Some("both"), "a name is for one"),
        (RSA.to_owned(), Some(" "), "characters"),
        (RSA.to_owned(), Some("a\u{1b}[2J"), "characters"),
        ("\n# nothing\n".to_owned(), None, "there is no key"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n".to_owned(),
            None,
            "private key",
        ),
    ] {
        let Err(Error::Invalid(errors)) = core.add_ssh_keys(&alice, &text, name).await else {
            panic!("{text} {name:?}");
        };
        assert!(errors[0].reason.contains(part), "{errors:?}");
        assert!([Field::SshKey, Field::Name].contains(&errors[0].field));
    }
    assert_eq!(core.ssh_keys(&alice).await.unwrap().len(), 1);
    assert_eq!(log_of(&core, &alice, "key.added").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_more_than_fifty() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    let database = rusqlite::Connection::open(bench.state_dir().join("twarga.db")).unwrap();
    for number in 0..50 {
        database
            .execute(
                "INSERT INTO ssh_keys (user, name, public_key, fingerprint, created_at)
                 VALUES (1, 'k', 'ssh-ed25519 AAAA k', 'SHA256:' || ?1, 0)",
                [number],
            )
            .unwrap();
    }
    let refusal = core.add_ssh_keys(&alice, ED25519, None).await;
    assert!(matches!(refusal, Err(Error::Conflict(_))), "{refusal:?}");
    core.remove_ssh_key(&alice, "50").await.unwrap();
    core.add_ssh_keys(&alice, ED25519, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_lets_in_the_keys_its_owner_has_when_it_is_made() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = register(&core, "alice").await;
    let bob = register(&core, "bob").await;
    core.add_ssh_keys(&bob, ECDSA, None).await.unwrap();
    core.add_ssh_keys(&alice, ED25519, None).await.unwrap();
    // Named, too: it goes in once.
    let wanted = NewMachine {
        ssh_keys: vec![ED25519.to_owned()],
        ..small("web-1")
    };
    let lost = core.add_ssh_keys(&alice, RSA, None).await.unwrap();
    let (_, operation) = core.create_vm(&alice, wanted).await.unwrap();
    // Nobody keeps yet. A key that is lost meanwhile must not get in.
    core.remove_ssh_key(&alice, &lost[0].fingerprint).await.unwrap();
    let keeper = Keeper::start(&core, KeeperKind::Tui);
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    let twarga = core.ssh_identity().public_key.clone();
    assert_eq!(let_in(&bench, &[&twarga, ED25519, RSA, ECDSA]), [1, 1, 0, 0]);
    keeper.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_in_unless_they_are_left_out() {
    for (without_own_keys, expected) in [(false, [1, 1]), (true, [0, 1])] {
        let bench = Bench::new();
        let (core, keeper, alice) = bench.kept().await;
        core.add_ssh_keys(&alice, RSA, None).await.unwrap();
        let wanted = NewMachine {
            ssh_keys: vec![ED25519.to_owned()],
            without_own_keys,
            ..small("web-1")
        };
        let (_, operation) = core.create_vm(&alice, wanted).await.unwrap();
        let done = finish(&core, &alice, operation).await;
        assert_eq!(done.state, OperationState::Done, "{done:?}");
        assert_eq!(let_in(&bench, &[RSA, ED25519]), expected);
        keeper.end().await.unwrap();
    }
}
