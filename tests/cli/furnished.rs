//! Commands on machines that an earlier run has made: each command is a new process, which knows
//! nothing until it has read the database.

use super::bench::Bench;
use std::fmt::Display;
use twarga::model::{UserId, VmName, VmRequest, VmStatus};
use twarga::store::{Error, NewVm, Store};

/// Alice's state directory with her machine `web-1` in it, powered off.
pub fn furnished() -> Bench {
    let bench = Bench::with_alice();
    let alice = bench.json("whoami")["user_id"].as_i64().unwrap();
    let store = Store::open(&bench.state(), jiff::Timestamp::now()).unwrap();
    let request = VmRequest {
        name: VmName::parse("web-1").unwrap(),
        image: "tiny".to_owned(),
        memory_mib: 512,
        vcpus: 1,
        disk_gib: 10,
        guest_user: None,
        password_hash: None,
        ssh_keys: Vec::new(),
        provision: Default::default(),
        network: None,
    };
    let made = store.write(jiff::Timestamp::now(), |writer| {
        let vm = writer.insert_vm(&NewVm {
            uuid: uuid::Uuid::new_v4(),
            owner: UserId(alice),
            request: &request,
            guest_user: "tiny",
        })?;
        writer.set_vm_status(vm, VmStatus::Stopped, None)
    });
    made.unwrap_or_else(|error: Error| fail(&error));
    bench
}

fn fail(error: &dyn Display) {
    panic!("{error}")
}

#[test]
fn a_machine_is_found_by_its_name_at_once() {
    let bench = furnished();
    let machine = bench.json("vm show web-1");
    assert_eq!(
        (machine["name"].as_str(), machine["owner"].as_str()),
        (Some("web-1"), Some("alice"))
    );
    assert_eq!(machine["uptime"], serde_json::Value::Null, "it does not run");
    bench.json("vm show alice/web-1");
    bench.json("event list --vm web-1");
    bench.run("vm show bob/web-1").expect(5);
}

#[test]
fn destroying_asks_for_a_yes_before_anything_else() {
    let bench = furnished();
    bench
        .run("vm destroy web-1")
        .expect(2)
        .says(&["twarga vm destroy web-1 --yes"]);
    assert_eq!(bench.json("op list"), serde_json::json!([]));
}

#[test]
fn a_stranger_cannot_tell_whether_a_machine_exists() {
    let bench = furnished();
    bench
        .run_with(
            "register mallory --email m@example.org --password-stdin",
            super::bench::PASSWORD,
        )
        .expect(0);
    let (there, not) = (bench.run("vm show alice/web-1"), bench.run("vm show alice/web-2"));
    there.expect(5);
    assert_eq!(there.err.replace("web-1", "web-2"), not.err);
    assert_eq!(bench.json("vm list"), serde_json::json!([]));
}
