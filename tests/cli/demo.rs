//! The commands about machines, on the demonstration: invented, but through the same core.

use super::bench::{Bench, files};
use serde_json::Value;

/// Every field of the seed's `.vm_info`.
const VM_INFO: [&str; 10] = [
    "name",
    "user_id",
    "os_type",
    "ram",
    "cpu",
    "disk",
    "status",
    "ip",
    "created_at",
    "uptime",
];

fn demo(words: &str) -> Value {
    Bench::new().json(&format!("--demo {words}"))
}

#[test]
fn a_machine_in_json_has_every_field_of_the_seeds() {
    let bench = Bench::new();
    let machines = bench.json("--demo vm list");
    let machines = machines.as_array().unwrap();
    assert!(machines.len() >= 10, "{machines:?}");
    for machine in machines {
        for field in VM_INFO
            .iter()
            .chain(&["id", "uuid", "owner", "image", "ssh_port", "reason"])
        {
            assert!(machine.get(field).is_some(), "{field} is missing in {machine}");
        }
    }
    let web = machines
        .iter()
        .find(|machine| machine["name"] == "web-1")
        .unwrap();
    assert_eq!(web["status"], "running");
    assert_eq!(
        (web["ram"].as_u64(), web["cpu"].as_u64(), web["disk"].as_u64()),
        (Some(2048), Some(2), Some(20))
    );
    assert!(web["uptime"].is_i64() && web["ip"].is_string(), "{web}");
    assert_eq!(
        files(&bench.path("tmp")),
        Vec::<std::path::PathBuf>::new(),
        "nothing is left behind"
    );
    assert!(!bench.state().exists(), "nothing is kept");
}

#[test]
fn a_machine_is_made_and_waited_for() {
    let made = demo("vm create shop --memory 1024 --vcpus 2 --disk 12");
    assert_eq!(made["operation"]["state"], "done", "{made}");
    assert_eq!(made["operation"]["kind"], "create");
    assert_eq!(made["machine"]["status"], "running");
    assert_eq!(made["machine"]["ram"], 1024);
    let steps = made["operation"]["steps"].as_array().unwrap();
    assert_eq!(
        steps.len() as u64,
        made["operation"]["step_count"].as_u64().unwrap()
    );
}

#[test]
fn a_machine_is_paused_by_its_owners_name() {
    let acted = demo("vm pause alice/web-2");
    assert_eq!(acted["machine"]["status"], "paused", "{acted}");
}

#[test]
fn what_the_state_does_not_allow_is_a_conflict() {
    Bench::new().run("--demo vm resume alice/web-1").expect(6);
}

#[test]
fn destroying_in_a_pipe_needs_a_yes() {
    let bench = Bench::new();
    bench
        .run("--demo vm destroy alice/old-db")
        .expect(2)
        .says(&["--yes"]);
    let gone = bench.json("--demo vm destroy alice/old-db --yes");
    assert_eq!(gone["machine"], Value::Null);
    assert_eq!(gone["operation"]["state"], "done");
}

#[test]
fn tables_are_for_people() {
    let run = Bench::new().run("--demo vm list");
    run.expect(0);
    let head = run.out.lines().next().unwrap();
    assert!(head.starts_with("NAME") && head.contains("STATE"), "{head}");
    assert!(
        run.out.contains("alice/web-1"),
        "an admin sees whose each is: {}",
        run.out
    );
    assert!(
        !run.out.contains('\x1b') && run.err.is_empty(),
        "a pipe gets no colour and no progress: {}",
        run.err
    );
}

#[test]
fn foreign_domains_are_shown_apart() {
    let foreign = demo("vm list --foreign");
    assert!(
        foreign
            .as_array()
            .unwrap()
            .iter()
            .any(|domain| domain["name"] == "pfsense"),
        "{foreign}"
    );
}

#[test]
fn the_catalogue_and_the_log_have_their_shapes() {
    let images = demo("image list");
    assert_eq!(
        (images[0]["id"].as_str(), images[0]["ready"].as_bool()),
        (Some("tiny"), Some(true))
    );
    let debian = demo("image show debian/bookworm64");
    for (field, value) in [
        ("id", "debian-12"),
        ("end_of_life", "2028-06-30"),
        ("architecture", "x86_64"),
        ("trust", "pinned"),
        ("state", "remote"),
    ] {
        assert_eq!(debian[field], value, "{debian}");
    }
    assert_eq!(
        (&debian["ready"], &debian["ended"]),
        (&false.into(), &false.into())
    );
    assert!(
        debian["reason"].is_null(),
        "it is brought when it is wanted: {debian}"
    );
    assert!(debian["machines"].is_u64(), "{debian}");
    let events = demo("event list --vm alice/web-1");
    let event = &events[0];
    for field in [
        "id", "time", "type", "severity", "action", "message", "user_id", "vm_id", "details",
    ] {
        assert!(event.get(field).is_some(), "{field} is missing in {event}");
    }
}
