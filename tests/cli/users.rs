//! Accounts from the command line: an admin makes, keeps out and lets in.

use super::bench::{Bench, PASSWORD};
use serde_json::json;

/// Whether these may sign in; whoever does is signed out again.
fn may_sign_in(bench: &Bench, name: &str, password: &str) -> bool {
    let run = bench.run_with(&format!("login {name} --password-stdin"), password);
    let done = run.code == 0;
    bench.run_with("login alice --password-stdin", PASSWORD).expect(0);
    done
}

#[test]
fn an_admin_makes_accounts_keeps_them_out_and_lets_them_in() {
    let bench = Bench::with_alice();
    let weak = bench.run_with(
        "user create bobby --email b@example.org --password-stdin",
        "12345678",
    );
    weak.expect(2);
    let made = bench.run_with(
        "user create bobby --email b@example.org --password-stdin --json",
        PASSWORD,
    );
    made.expect(0);
    assert!(
        made.out.contains("\"role\": \"user\"") || made.out.contains("\"role\":\"user\""),
        "{}",
        made.out
    );
    assert!(may_sign_in(&bench, "bobby", PASSWORD));
    bench.run("user deactivate bobby").expect(0);
    assert!(!may_sign_in(&bench, "bobby", PASSWORD));
    bench.run("user activate bobby").expect(0);
    bench
        .run_with(
            "user password bobby --password-stdin",
            "quiet lemon harbour walks",
        )
        .expect(0);
    assert!(!may_sign_in(&bench, "bobby", PASSWORD));
    assert!(may_sign_in(&bench, "bobby", "quiet lemon harbour walks"));
    bench.run("user role bobby auditor").expect(0);
    let users = bench.json("user list");
    assert_eq!(
        (&users[1]["username"], &users[1]["role"]),
        (&json!("bobby"), &json!("auditor"))
    );
    assert_eq!(
        (&users[1]["credits"], &users[1]["machines"]),
        (&json!(1000), &json!(0))
    );
    assert_eq!(users[1]["sessions"], json!(0), "another role ends them");
    for own in ["user deactivate alice", "user role alice user"] {
        bench.run(own).expect(6);
    }
    bench.run("user role nobody admin").expect(5);
    bench.run("user role bobby emperor").expect(2);
    for _ in 0..5 {
        bench.run_with("login bobby --password-stdin", "wrong").expect(4);
    }
    assert!(
        !may_sign_in(&bench, "bobby", "quiet lemon harbour walks"),
        "locked"
    );
    assert!(bench.json("user list")[1]["locked_until"].is_string());
    bench.run("user unlock bobby").expect(0);
    bench
        .run_with("login bobby --password-stdin", "quiet lemon harbour walks")
        .expect(0);
    bench.run("user list").expect(0);
    bench.run("user deactivate alice").expect(4);
}
