//! Signing in and out, and the session that is kept between commands.

use super::bench::{Bench, PASSWORD};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_first_account_is_the_admin_and_the_second_is_not() {
    let bench = Bench::with_alice();
    let who = bench.json("whoami");
    assert_eq!(
        (who["username"].as_str(), who["role"].as_str()),
        (Some("alice"), Some("admin"))
    );
    bench
        .run_with("register bob --email bob@example.org --password-stdin", PASSWORD)
        .expect(0);
    let who = bench.json("whoami");
    assert_eq!(
        (who["username"].as_str(), who["role"].as_str()),
        (Some("bob"), Some("user"))
    );
}

#[test]
fn a_session_is_kept_until_logout() {
    let bench = Bench::with_alice();
    let token = bench.state().join("token");
    assert_eq!(
        std::fs::metadata(&token).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let kept = std::fs::read_to_string(&token).unwrap();
    bench.run("logout").expect(0);
    assert!(!token.exists());
    bench.run("whoami").expect(4);
    bench.run("logout").expect(0);

    std::fs::write(&token, kept).unwrap();
    std::fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    bench.run("whoami").expect(4).says(&["not signed in"]);
}

#[test]
fn a_session_that_others_may_read_is_refused() {
    let bench = Bench::with_alice();
    let token = bench.state().join("token");
    std::fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    bench.run("whoami").expect(3).says(&["others may read"]);
}

#[test]
fn a_changed_password_is_the_one_that_counts() {
    let bench = Bench::with_alice();
    let new = "copper-lantern-57-meadow";
    bench
        .run_with("passwd --password-stdin", &format!("{PASSWORD}\n{new}\n"))
        .expect(0);
    bench.run("whoami").expect(0);
    bench.run_with("login alice --password-stdin", PASSWORD).expect(4);
    bench.run_with("login alice --password-stdin", new).expect(0);
}

#[test]
fn a_weak_password_is_refused_with_the_reason() {
    let bench = Bench::new();
    bench
        .run_with(
            "register alice --email alice@example.org --password-stdin",
            "short",
        )
        .expect(2)
        .says(&["password", "8"]);
    bench.run("whoami").expect(4);
}

#[test]
fn every_sign_in_failure_and_sign_out_is_in_the_log_and_the_log_is_whole() {
    let bench = Bench::with_alice();
    bench.run_with("login alice --password-stdin", "wrong").expect(4);
    bench.run("logout").expect(0);
    bench.run_with("login alice --password-stdin", PASSWORD).expect(0);
    let events = bench.json("event list --type auth");
    let actions: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap().to_owned())
        .collect();
    for action in ["auth.register", "auth.sign_in", "auth.sign_out"] {
        assert!(
            actions.iter().any(|it| it == action),
            "{action} is not in {actions:?}"
        );
    }
    assert!(
        bench
            .json("event list --severity warning")
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["severity"] != "info")
    );
    assert_eq!(bench.json("event list -n 1").as_array().unwrap().len(), 1);
    let audit = bench.json("audit verify");
    assert_eq!(audit["intact"], true);
    assert!(audit["rows"].as_u64().unwrap() >= 4);
}

#[test]
fn closed_registration_says_so_before_it_asks_for_anything() {
    let bench = Bench::with_alice();
    let mut command = bench.command("register bob");
    command.env("TWARGA_ACCOUNTS_REGISTRATION", "false");
    super::bench::finish(&mut command, "").expect(4).says(&["closed"]);
}
