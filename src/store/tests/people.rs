//! Accounts, preferences, sessions and the slow-down of failed sign-ins.

use super::*;
use crate::model::{Preferences, user::Theme};

#[test]
fn an_account_is_found_again_by_row_and_by_name() {
    let bench = Bench::new();
    let id = bench.user("alice");
    let found = bench.read(|reader| reader.user(id)).unwrap();
    assert_eq!(found.username.as_str(), "alice");
    assert_eq!(found.role, Role::User);
    assert!(found.active);
    assert_eq!(found.created_at, at(1));
    let credentials = bench.read(|reader| reader.credentials("alice")).unwrap();
    assert_eq!(credentials.user, found);
    assert_eq!(credentials.password_hash, "$argon2id$v=19$…");
    assert!(
        bench
            .read(|reader| reader.credentials("alice' OR 1=1 --"))
            .is_none()
    );
    assert_eq!(bench.read(|reader| reader.count_users()), 1);
}

#[test]
fn names_and_addresses_are_taken_once() {
    let bench = Bench::new();
    bench.user("alice");
    let again = bench.write(|writer| writer.insert_user(&new_user("alice", "other@example.org")));
    assert!(matches!(again, Err(Error::Taken("username"))));
    let address = bench.write(|writer| writer.insert_user(&new_user("bob", "ALICE@Example.ORG")));
    assert!(matches!(address, Err(Error::Taken("e-mail"))));
    assert_eq!(bench.read(|reader| reader.count_users()), 1);
}

#[test]
fn a_removed_account_frees_its_name_but_not_its_id() {
    let bench = Bench::new();
    let old = bench.user("alice");
    bench
        .raw()
        .execute("UPDATE users SET removed_at = 1 WHERE id = ?1", [old.0])
        .unwrap();
    assert!(bench.read(|reader| reader.user(old)).is_none());
    assert!(bench.read(|reader| reader.credentials("alice")).is_none());
    let missing = bench.write(|writer| writer.set_password_hash(old, "x"));
    assert!(matches!(missing, Err(Error::Missing("user"))));
    let new = bench.user("alice");
    assert!(new > old);
    assert_eq!(bench.read(|reader| reader.users()).len(), 1);
}

#[test]
fn preferences_of_a_newer_program_do_not_keep_anybody_out() {
    let bench = Bench::new();
    let id = bench.user("alice");
    assert_eq!(
        bench.read(|reader| reader.preferences(id)),
        Preferences::default()
    );
    let light = Preferences {
        theme: Some(Theme::Light),
        ..Preferences::default()
    };
    bench.write(|writer| writer.set_preferences(id, &light)).unwrap();
    assert_eq!(bench.read(|reader| reader.preferences(id)), light);
    let newer = r#"{"theme": "solarized", "stars": 5}"#;
    bench
        .raw()
        .execute("UPDATE users SET preferences = ?1", [newer])
        .unwrap();
    assert_eq!(
        bench.read(|reader| reader.preferences(id)),
        Preferences::default()
    );
}

#[test]
fn a_role_that_nobody_knows_is_reported_as_damage() {
    let bench = Bench::new();
    let id = bench.user("alice");
    let raw = bench.raw();
    raw.pragma_update(None, "ignore_check_constraints", true).unwrap();
    raw.execute("UPDATE users SET role = 'wizard\u{1b}[2J'", [])
        .unwrap();
    let Err(error) = bench.store.read::<_, Error>(|reader| reader.user(id)) else {
        panic!("a wizard came in");
    };
    let text = error.to_string();
    assert!(matches!(error, Error::Corrupt { .. }), "{text}");
    assert!(text.contains("role") && text.contains("wizard␛[2J"), "{text}");
}

fn session(user: UserId, opened: i64, lasts: i64) -> Session {
    Session {
        id: Uuid::new_v4(),
        user,
        source: "local".to_owned(),
        created_at: at(opened),
        expires_at: at(opened + lasts),
        revoked: false,
    }
}

#[test]
fn a_session_ends_alone_or_with_all_others() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let sessions = [
        session(alice, 0, 60),
        session(alice, 1, 60),
        session(alice, 2, 60),
    ];
    for session in &sessions {
        bench.write(|writer| writer.insert_session(session)).unwrap();
    }
    assert_eq!(
        bench.read(|reader| reader.session(sessions[0].id)).unwrap(),
        sessions[0]
    );
    let revoked = |index: usize| {
        bench
            .read(|reader| reader.session(sessions[index].id))
            .unwrap()
            .revoked
    };
    bench
        .write(|writer| writer.revoke_session(sessions[0].id))
        .unwrap();
    assert!(revoked(0) && !revoked(1) && !revoked(2));
    bench
        .write(|writer| writer.revoke_sessions_of(alice, Some(sessions[2].id)))
        .unwrap();
    assert!(revoked(1) && !revoked(2));
    bench
        .write(|writer| writer.revoke_sessions_of(alice, None))
        .unwrap();
    assert!(revoked(2));
}

#[test]
fn sessions_that_ended_a_day_ago_are_forgotten() {
    const DAY: i64 = 24 * 3600;
    let bench = Bench::new();
    let alice = bench.user("alice");
    let (expired, signed_out, alive) = (
        session(alice, 0, 60),
        session(alice, 0, 9 * DAY),
        session(alice, 0, 9 * DAY),
    );
    for session in [&expired, &signed_out, &alive] {
        bench.write(|writer| writer.insert_session(session)).unwrap();
    }
    bench
        .write_at(60, |writer| writer.revoke_session(signed_out.id))
        .unwrap();
    let known = |session: &Session| bench.read(|reader| reader.session(session.id)).is_some();
    bench
        .write_at(DAY + 59, |writer| writer.insert_session(&session(alice, DAY, 60)))
        .unwrap();
    assert!(known(&expired) && known(&signed_out) && known(&alive));
    bench
        .write_at(DAY + 61, |writer| writer.insert_session(&session(alice, DAY, 60)))
        .unwrap();
    assert!(!known(&expired) && !known(&signed_out) && known(&alive));
}

#[test]
fn one_user_cannot_fill_the_table_of_sessions() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let first = session(alice, 0, 60);
    bench
        .write(|writer| {
            writer.insert_session(&first)?;
            (1..=1_000).try_for_each(|second| writer.insert_session(&session(alice, second, 60)))
        })
        .unwrap();
    assert!(bench.read(|reader| reader.session(first.id)).is_none());
    let kept: u32 = bench
        .raw()
        .query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1_000);
}

fn failed(second: i64, locked_until: Option<i64>) -> Throttle {
    Throttle {
        failures: 3,
        window_start: at(second - 60),
        last_failure: at(second),
        locked_until: locked_until.map(at),
    }
}

#[test]
fn failures_are_kept_per_key_and_forgotten_when_cleared_or_old() {
    const DAY: i64 = 24 * 3600;
    let bench = Bench::new();
    let alice = failed(0, Some(600));
    bench
        .write(|writer| writer.set_throttle("account:alice", &alice))
        .unwrap();
    assert_eq!(bench.read(|reader| reader.throttle("account:alice")), Some(alice));
    assert_eq!(bench.read(|reader| reader.throttle("account:bob")), None);
    bench
        .write(|writer| writer.set_throttle("account:alice", &failed(5, None)))
        .unwrap();
    assert_eq!(
        bench.read(|reader| reader.throttle("account:alice")),
        Some(failed(5, None))
    );
    bench
        .write(|writer| writer.set_throttle("account:carol", &failed(9, None)))
        .unwrap();
    bench
        .write(|writer| writer.clear_throttle("account:carol"))
        .unwrap();
    assert_eq!(bench.read(|reader| reader.throttle("account:carol")), None);
    bench
        .write_at(DAY + 6, |writer| {
            writer.set_throttle("account:dave", &failed(DAY + 6, None))
        })
        .unwrap();
    assert_eq!(bench.read(|reader| reader.throttle("account:alice")), None);
}

#[test]
fn spraying_names_neither_fills_the_table_nor_unlocks_an_account() {
    let bench = Bench::new();
    let locked = failed(0, Some(600));
    bench
        .write_at(20, |writer| {
            writer.set_throttle("account:admin", &locked)?;
            writer.set_throttle("account:first", &failed(1, None))?;
            (0..10_000).try_for_each(|n| writer.set_throttle(&format!("account:spray{n}"), &failed(10, None)))
        })
        .unwrap();
    let kept: u32 = bench
        .raw()
        .query_row("SELECT count(*) FROM throttles", [], |row| row.get(0))
        .unwrap();
    assert!((9_000..=10_000).contains(&kept), "{kept}");
    assert_eq!(
        bench.read(|reader| reader.throttle("account:admin")),
        Some(locked)
    );
    assert_eq!(bench.read(|reader| reader.throttle("account:first")), None);
}

#[test]
fn a_key_of_any_length_takes_little_room_and_is_found_again() {
    let bench = Bench::new();
    let (long, other) = ("x".repeat(1 << 20), "x".repeat((1 << 20) - 1));
    bench
        .write(|writer| writer.set_throttle(&long, &failed(0, None)))
        .unwrap();
    assert!(bench.read(|reader| reader.throttle(&long)).is_some());
    assert!(bench.read(|reader| reader.throttle(&other)).is_none());
    let stored: u32 = bench
        .raw()
        .query_row("SELECT length(key) FROM throttles", [], |row| row.get(0))
        .unwrap();
    assert!(stored < 100);
}
