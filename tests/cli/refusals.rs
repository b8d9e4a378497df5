//! What is refused, in which words and with which exit code; and that nothing was changed.

use super::bench::{Bench, PASSWORD};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

const NOWHERE: &str = "--uri qemu+unix:///system?socket=/nowhere/libvirt-sock";

#[test]
fn without_a_terminal_the_screen_points_to_the_command_line() {
    let bench = Bench::new();
    for words in ["", "tui", "--demo"] {
        bench.run(words).expect(2).says(&["terminal", "twarga vm list"]);
    }
    assert!(!bench.state().exists(), "nothing was made");
}

#[test]
fn a_line_that_is_not_understood_is_a_usage_error() {
    let bench = Bench::new();
    for words in [
        "vm explode",
        "vm create",
        "--nonsense",
        "op show seven",
        "event list --severity bad",
    ] {
        bench.run(words).expect(2);
    }
    bench
        .run("tui --tenant --state-dir /x")
        .expect(2)
        .says(&["--state-dir", "--tenant"]);
}

#[test]
fn bad_values_are_a_usage_error_that_names_them() {
    let bench = Bench::with_alice();
    bench
        .run("vm create 1x --memory 4 --image tiny")
        .expect(2)
        .says(&["name:", "RAM: 512 to 4096 MiB"]);
    assert_eq!(bench.json("op list"), serde_json::json!([]));
}

#[test]
fn a_bad_configuration_names_its_line() {
    let bench = Bench::new();
    std::fs::write(bench.path("bad.toml"), "[limits]\nmax_vcpu = 1\n").unwrap();
    bench
        .run("vm list --config bad.toml")
        .expect(3)
        .says(&["bad.toml:2", "max_vcpu"]);
    bench
        .run("vm list --config absent.toml")
        .expect(3)
        .says(&["absent.toml"]);
}

#[test]
fn a_state_directory_that_others_may_read_is_refused() {
    let bench = Bench::with_alice();
    std::fs::set_permissions(bench.state(), Permissions::from_mode(0o755)).unwrap();
    bench.run("vm list").expect(3).says(&["chmod 700"]);
}

#[test]
fn a_newer_database_is_left_as_it_is() {
    let bench = Bench::with_alice();
    let database = bench.state().join("twarga.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    connection.pragma_update(None, "journal_mode", "delete").unwrap();
    drop(connection);
    let before = std::fs::read(&database).unwrap();
    bench.run("vm list").expect(3).says(&["newer twarga", "999"]);
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let bench = Bench::with_alice();
    for companion in ["twarga.db-wal", "twarga.db-shm"] {
        let _absent = std::fs::remove_file(bench.state().join(companion));
    }
    let database = bench.state().join("twarga.db");
    let nonsense = "This is a shopping list. ".repeat(400);
    std::fs::write(&database, &nonsense).unwrap();
    bench.run("vm list").expect(3).says(&["twarga.db"]);
    assert_eq!(std::fs::read_to_string(&database).unwrap(), nonsense);
}

#[test]
fn who_is_not_signed_in_may_nothing() {
    let bench = Bench::new();
    for words in [
        "vm list",
        "vm create web-1",
        "op list",
        "event list",
        "audit verify",
        "image list",
        "whoami",
    ] {
        bench
            .run(words)
            .expect(4)
            .says(&["not signed in", "twarga login"]);
    }
    let run = bench.run("vm list --json");
    run.expect(4);
    assert_eq!(run.json()["error"]["code"], 4);
    assert_eq!(run.json()["error"]["kind"], "not_signed_in");
}

#[test]
fn wrong_credentials_do_not_tell_whether_the_name_exists() {
    let bench = Bench::with_alice();
    let of = |name: &str| bench.run_with(&format!("login {name} --password-stdin"), "wrong");
    let (known, unknown) = (of("alice"), of("nobody"));
    known.expect(4);
    assert_eq!(known.err, unknown.err);
    assert_eq!(known.code, unknown.code);
}

#[test]
fn too_many_failures_lock_the_account_for_a_while() {
    let bench = Bench::with_alice();
    let fail = || bench.run_with("login alice --password-stdin", "wrong");
    for _ in 0..7 {
        fail().expect(4);
    }
    fail().expect(4).says(&["too many"]);
    let run = bench.run_with("login alice --password-stdin --json", PASSWORD);
    run.expect(4);
    assert_eq!(run.json()["error"]["kind"], "locked_out");
}

#[test]
fn what_is_not_there_is_not_found() {
    let bench = Bench::with_alice();
    let (vm, op, image) = ("vm show nowhere", "op show 99", "image show windows");
    bench.run(vm).expect(5).says(&["nowhere", "twarga vm list"]);
    bench.run(op).expect(5).says(&["99", "twarga op list"]);
    bench.run(image).expect(5).says(&["windows", "twarga image list"]);
    bench
        .run("image show centos7")
        .expect(2)
        .says(&["CentOS 7 ended", "`rocky-9`"]);
    let run = bench.run("vm destroy nowhere --yes --json");
    run.expect(5);
    assert_eq!(run.json()["error"]["kind"], "not_found");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let bench = Bench::with_alice();
    bench
        .run_with(
            "register alice --email other@example.org --password-stdin",
            PASSWORD,
        )
        .expect(6)
        .says(&["taken"]);
}

#[test]
fn while_libvirt_is_away_nothing_is_asked_for() {
    let bench = Bench::with_alice();
    let run = bench.run(&format!("vm create web-1 {NOWHERE} --json"));
    run.expect(7).says(&["/nowhere/libvirt-sock", "twarga doctor"]);
    assert_eq!(run.json()["error"]["kind"], "hypervisor_unavailable");
    assert_eq!(
        bench.json("op list"),
        serde_json::json!([]),
        "nothing waits unseen"
    );
}

#[test]
fn while_libvirt_is_away_the_last_known_is_still_shown() {
    let bench = Bench::with_alice();
    let run = bench.run(&format!("vm list {NOWHERE} --json"));
    run.expect(7).says(&["last known"]);
    assert_eq!(run.json(), serde_json::json!([]), "one document, not two");
    assert!(
        !run.err.contains("libvirt: "),
        "libvirt's own words are kept off the terminal: {}",
        run.err
    );
}

#[test]
fn a_password_is_not_asked_for_in_a_pipe() {
    let bench = Bench::with_alice();
    bench
        .run_with("login alice", "secret\n")
        .expect(2)
        .says(&["--password-stdin"]);
    bench
        .run_with("login", "alice\nsecret\n")
        .expect(2)
        .says(&["twarga login NAME"]);
}
