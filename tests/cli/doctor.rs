//! `twarga doctor`: when nothing works, too.

use super::bench::Bench;

fn state_of(checks: &serde_json::Value, name: &str) -> String {
    let check = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("no {name} in {checks}"))["state"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn doctor_looks_at_an_empty_computer_and_makes_nothing() {
    let bench = Bench::new();
    let checks = bench.run("doctor --json").json();
    for name in [
        "configuration",
        "libvirt system",
        "libvirt configured",
        "machines",
        "tiny guest",
        "clock",
    ] {
        state_of(&checks, name);
    }
    assert_eq!(state_of(&checks, "libvirt configured"), "ok");
    assert_eq!(state_of(&checks, "state directory"), "ok");
    assert!(!bench.state().exists());
    for check in checks.as_array().unwrap() {
        assert!(
            check["state"] == "ok" || check["mend"].is_string(),
            "{check} does not say what mends it"
        );
    }
}

#[test]
fn doctor_names_what_is_wrong_and_fails() {
    let bench = Bench::new();
    std::fs::write(bench.path("bad.toml"), "nonsense = 1\n").unwrap();
    let run = bench.run("doctor --json --config bad.toml");
    run.expect(1);
    assert_eq!(state_of(&run.json(), "configuration"), "bad");
    let run = bench.run("doctor --json --uri qemu+unix:///system?socket=/nowhere/sock");
    run.expect(1);
    assert_eq!(state_of(&run.json(), "libvirt configured"), "bad");
    assert!(
        !run.err.contains("libvirt: "),
        "libvirt's own words are kept off the terminal: {}",
        run.err
    );
}

#[test]
fn doctor_sees_a_database_that_is_no_database() {
    let bench = Bench::with_alice();
    for companion in ["twarga.db-wal", "twarga.db-shm"] {
        let _absent = std::fs::remove_file(bench.state().join(companion));
    }
    std::fs::write(bench.state().join("twarga.db"), "shopping list ".repeat(500)).unwrap();
    let run = bench.run("doctor --json");
    run.expect(1);
    assert_eq!(state_of(&run.json(), "database"), "bad");
}

#[test]
fn doctor_speaks_to_people_too() {
    let run = Bench::with_alice().run("doctor");
    assert!(run.out.contains("database"), "{}", run.out);
    assert!(!run.out.contains('\x1b'), "no colour in a pipe");
}
