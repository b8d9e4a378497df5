//! The same story from the command line, as a script reads it.

use crate::child::{finish, start};
use crate::place::{ADMIN, BOOT, Place};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const NAME: &str = "script";

#[test]
fn a_machine_lives_and_dies_by_commands() {
    let place = Place::new("cli");
    place.refused(&["vm", "list"], 4);
    place.register();
    let who = place.json(&["whoami"]);
    assert_eq!((&who["username"], &who["role"]), (&json!(ADMIN), &json!("admin")));
    doctor_finds_nothing_bad(&place);
    let image = place.json(&["image", "show", "tiny"]);
    assert_eq!(image["ready"], true, "{image}");
    assert!(place.ok(&["image", "list"]).contains("tiny"));
    refusals_change_nothing(&place);

    let create = ["vm", "create", NAME, "--memory", "512", "--wait"];
    let acted = place.json(&create);
    assert_eq!(acted["operation"]["state"], "done", "{acted}");
    let said = place.refused(&create, 6);
    assert!(said.contains("taken"), "{said}");
    let machine = shown(&place);
    every_field_has_its_value(&place, &machine);
    place.assert_guest(&machine);
    assert!(place.ok(&["vm", "show", NAME]).contains("ssh "));

    act(&place, "pause", "paused");
    place.refused(&["vm", "pause", NAME], 6);
    act(&place, "resume", "running");
    act(&place, "restart", "running");
    place.assert_guest(&shown(&place));
    act(&place, "stop", "stopped");
    place.refused(&["vm", "stop", NAME], 6);
    act(&place, "start", "running");
    place.assert_guest(&shown(&place));

    // Nobody can be asked here, so nothing is destroyed.
    place.refused(&["vm", "destroy", NAME], 2);
    assert_eq!(shown(&place)["status"], "running");
    let acted = place.json(&["vm", "destroy", NAME, "--yes"]);
    assert_eq!(
        (&acted["operation"]["state"], &acted["machine"]),
        (&json!("done"), &Value::Null)
    );
    place.assert_nothing_left();
    place.refused(&["vm", "show", NAME], 5);
    the_past_is_kept(&place);
}

fn doctor_finds_nothing_bad(place: &Place) {
    let checks = place.json(&["doctor"]);
    let checks = checks.as_array().unwrap();
    assert!(checks.len() >= 5, "{checks:?}");
    for check in checks {
        assert_ne!(check["state"], "bad", "{check}");
        assert!(check["finding"].is_string(), "{check}");
    }
}

fn refusals_change_nothing(place: &Place) {
    place.refused(&["vm", "create", "9-bad", "--memory", "512"], 2);
    place.refused(&["vm", "create", NAME, "--memory", "7"], 2);
    place.refused(&["vm", "create", NAME, "--image", "no-such-image"], 2);
    place.refused(&["vm", "show", NAME], 5);
    place.refused(&["vm", "start", NAME], 5);
    place.refused(&["vm", "frobnicate"], 2);
    place.refused(&["--uri", "nonsense", "vm", "list"], 3);
    assert_eq!(place.json(&["vm", "list"]), json!([]));
    assert_eq!(place.json(&["op", "list"]), json!([]));
}

/// What a script reads of a machine that runs: the seed's fields, then twarga's own.
fn every_field_has_its_value(place: &Place, machine: &Value) {
    let fixed = json!({
        "name": NAME, "user_id": 1, "os_type": "tiny", "ram": 512, "cpu": 1, "disk": 10,
        "status": "running", "owner": ADMIN, "image": "tiny", "guest_user": "tiny",
        "reason": null, "operation": null,
    });
    for (field, value) in fixed.as_object().unwrap() {
        assert_eq!(&machine[field], value, "{field} of {machine}");
    }
    assert_eq!(
        (machine["ip"].is_string(), machine["ssh_port"].is_u64()),
        (place.is_system(), !place.is_system())
    );
    for moment in ["created_at", "started_at"] {
        let text = machine[moment]
            .as_str()
            .unwrap_or_else(|| panic!("{moment} of {machine}"));
        assert!(text.ends_with('Z'), "{text}");
    }
    assert!(
        machine["uptime"]
            .as_i64()
            .is_some_and(|it| (0..600).contains(&it)),
        "{machine}"
    );
    let uuid = place.virsh(&["domuuid", &format!("user1-{NAME}")]);
    assert_eq!(machine["uuid"], uuid.trim());
    let again = place.json(&["vm", "show", &format!("{ADMIN}/{NAME}")]);
    assert_eq!(timeless(machine), timeless(&again));
}

/// A machine without what changes between two looks at it.
fn timeless(machine: &Value) -> Value {
    let mut machine = machine.clone();
    for field in ["uptime", "cpu_percent", "memory_percent"] {
        machine.as_object_mut().unwrap().remove(field).unwrap();
    }
    machine
}

fn act(place: &Place, verb: &str, status: &str) {
    let acted = place.json(&["vm", verb, NAME]);
    assert_eq!(acted["operation"]["state"], "done", "{acted}");
    assert_eq!(acted["operation"]["kind"], verb, "{acted}");
    assert_eq!(acted["machine"]["status"], status, "{acted}");
    assert_eq!(shown(place)["status"], status);
}

fn shown(place: &Place) -> Value {
    place.machine(NAME).expect("the machine is listed")
}

fn the_past_is_kept(place: &Place) {
    let operations = place.json(&["op", "list"]);
    let kinds: Vec<_> = operations
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["destroy", "start", "stop", "restart", "resume", "pause", "create"]
    );
    let create = operations.as_array().unwrap().last().unwrap();
    let steps: Vec<_> = create["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "reserve", "prepare", "image", "disk", "seed", "define", "start", "ready"
        ]
    );
    let id = create["id"].to_string();
    assert_eq!(place.json(&["op", "show", &id]), *create);
    assert_eq!(place.json(&["op", "wait", &id]), *create);
    place.refused(&["op", "show", "4711"], 5);
    let audit = place.json(&["audit", "verify"]);
    assert_eq!(
        (&audit["intact"], &audit["broken_at"]),
        (&json!(true), &Value::Null)
    );
    assert!(audit["rows"].as_u64().is_some_and(|rows| rows >= 14), "{audit}");
    let events = place.json(&["event", "list"]);
    assert!(events.as_array().unwrap().len() >= 14, "{events}");
}

/// A disk image that boots by itself, as a distribution's does: the machine's disk is an overlay,
/// and the image stays what it was.
#[test]
fn an_image_of_ones_own_boots_as_an_overlay() {
    let place = Place::new("own");
    place.register();
    let image = place.state().join("own.qcow2");
    make_disk_image(&image);
    let entry = json!({ "image": [{
        "id": "own-1", "title": "our own", "file": image, "format": "qcow2", "default_user": "tiny",
    }]});
    let document = toml::to_string(&entry).unwrap();
    std::fs::write(place.state().join("images.toml"), document).unwrap();
    let listed = place.json(&["image", "show", "own-1"]);
    assert_eq!(
        (&listed["ready"], &listed["kind"]),
        (&json!(true), &json!("disk")),
        "{listed}"
    );

    let acted = place.json(&[
        "vm", "create", NAME, "--image", "own-1", "--memory", "512", "--wait",
    ]);
    assert_eq!(acted["operation"]["state"], "done", "{acted}");
    let machine = shown(&place);
    place.assert_guest(&machine);
    let disk = place
        .files_of_machines()
        .into_iter()
        .find(|it| it.extension().is_some_and(|it| it == "qcow2"))
        .unwrap();
    let described = place.virsh(&["vol-dumpxml", "--vol", disk.to_str().unwrap()]);
    let (_, backing) = described.split_once("<backingStore>").unwrap();
    assert!(backing.contains("/image-own-1-"), "{described}");
    assert!(
        backing.contains("<format type='qcow2'/>"),
        "never probed: {described}"
    );
    assert!(
        described.contains("<capacity unit='bytes'>10737418240<"),
        "{described}"
    );

    act(&place, "restart", "running");
    place.assert_guest(&shown(&place));
    place.json(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
    assert_eq!(place.json(&["image", "show", "own-1"])["ready"], true);
}

#[track_caller]
fn make_disk_image(file: &Path) {
    let mut make = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/disk-image"));
    make.arg(file);
    let said = finish(start(make), "", BOOT);
    assert_eq!(said.code, 0, "{said:?}");
}
