//! Ready means ready: a creation ends when the guest says so, with its stages on the way; a guest that
//! never does is kept, and shows why.

use crate::child::wait_until;
use crate::place::{ADMIN, BOOT, Place, SOON, program, ssh_address};
use crate::screen;
use serde_json::{Value, json};

const NAME: &str = "mute";
/// Seconds in which the guest without a system does not become ready.
const LIMIT: u64 = 6;

/// What processors of this kind do with a disk's first sector: writes what follows to the serial line,
/// byte by byte (out to port 0x3f8), and halts.
const BOOT_SECTOR: [u8; 22] = [
    0xfc, // cld
    0x31, 0xc0, 0x8e, 0xd8, // ds = 0
    0xbe, 0x16, 0x7c, // si = the text
    0xac, 0x08, 0xc0, 0x74, 0x06, // al = its next byte, or to the end
    0xba, 0xf8, 0x03, 0xee, // out
    0xeb, 0xf5, // and again
    0xf4, 0xeb, 0xfd, // hlt, for ever
];
const SAYS: &[u8] = b"\r\nfirst\r\n\x1b[31mNo system\x1b[0m here\x1b]0;title\x07, \xe2\x80\xaehalted\r\n\0";

#[test]
fn a_guest_that_never_gets_ready_is_kept_and_shows_why() {
    let mut place = Place::new("mute");
    for name in ["READY", "EMULATED_READY"] {
        let name = format!("TWARGA_MACHINES_{name}_TIMEOUT_SECONDS");
        place.set(&name, &LIMIT.to_string());
    }
    place.register();
    offer_mute(&place);

    let create = ["vm", "create", NAME, "--image", NAME, "--memory", "512"];
    let said = place.refused(&create, 1);
    for part in [
        "create mute failed: the guest was not ready after ",
        "(booting); it wrote last: first / No system here, \\u{202e}halted",
        "The machine is kept: `twarga console mute`",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert!(!said.contains(['\x1b', '\u{202e}']), "{said:?}");
    is_in_error(&place);
    // Again, from the machine that runs already.
    let said = place.refused(&["vm", "start", NAME], 1);
    assert!(said.contains("not ready after"), "{said}");
    is_in_error(&place);

    let mut screen = place.open(100, 30);
    screen::signed_in(&screen);
    let row = format!("{ADMIN}/{NAME}");
    screen.wait_line(&row, "✗ error", SOON);
    screen.wait_line(&row, "the guest was not ready", SOON);
    screen.press("c");
    screen.wait_for("No system here", SOON);
    screen.press("\x1d");
    screen.press("x");
    screen.wait_line(&row, "✗ error", SOON);
    // Off, it is no longer in error: nothing is wrong with a machine that does not run.
    screen.press("X");
    screen.wait_for("Force off", SOON);
    screen.press("y");
    screen.wait_line(&row, "○ stopped", SOON);
    screen.wait_for("mute: forced off", SOON);
    screen::destroy(&mut screen, NAME);
    screen.press("q");
    assert!(screen.wait_end(SOON).success());
    place.assert_nothing_left();
    place.ok(&["audit", "verify"]);
}

/// A disk without any system, in the operator's catalogue.
fn offer_mute(place: &Place) {
    let mut disk = vec![0; 1 << 20];
    let text = BOOT_SECTOR.len();
    disk[..text].copy_from_slice(&BOOT_SECTOR);
    disk[text..text + SAYS.len()].copy_from_slice(SAYS);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let file = place.state().join("mute.raw");
    std::fs::write(&file, disk).unwrap();
    let entry = json!({ "image": [{
        "id": NAME, "title": "no system", "file": file, "format": "raw", "default_user": "nobody",
    }]});
    let document = toml::to_string(&entry).unwrap();
    std::fs::write(place.state().join("images.toml"), document).unwrap();
}

#[track_caller]
fn is_in_error(place: &Place) {
    let machine = place.machine(NAME).expect("it is kept");
    assert_eq!(machine["status"], "error", "{machine}");
    let reason = machine["reason"].as_str().unwrap();
    assert!(reason.contains("No system here"), "{reason}");
    let domain = format!("user1-{NAME}");
    assert_eq!(place.virsh(&["domstate", &domain]).trim(), "running");
    let last = &place.json(&["op", "list"])[0];
    assert_eq!(last["state"], "failed", "{last}");
    let steps = last["steps"].as_array().unwrap();
    let states: Vec<_> = steps.iter().map(|it| it["state"].as_str().unwrap()).collect();
    let (ready, before) = states.split_last().unwrap();
    assert!(
        *ready == "failed" && before.iter().all(|it| *it == "done"),
        "nothing is undone: {last}"
    );
}

/// The stages show on a terminal while a command waits, and the keeper's death does not end the wait.
#[test]
fn the_stages_show_and_outlive_their_keeper() {
    let place = Place::new("stages");
    place.register();
    let create = ["vm", "create", "told", "--memory", "512"];
    let first = place.open_program(program(), &create, 80, 24);
    first.wait_for("step 8 of 8, ready, ", BOOT);
    first.wait_for(" s: booting", SOON);
    first.signal(libc::SIGKILL);
    first.wait_end(SOON);

    let second = place.open_program(program(), &["op", "wait", "1"], 80, 24);
    second.wait_for("step 8 of 8, ready, ", SOON);
    second.wait_for("the guest says that it is ready", BOOT);
    assert!(second.wait_end(BOOT).success());
    let machine = place.machine("told").unwrap();
    assert_eq!(machine["status"], "running", "{machine}");
    // Ready means ready: the first try gets in.
    let (host, port) = ssh_address(&machine);
    let said = place.ssh(&host, port, "hostname");
    assert_eq!((said.code, said.out.trim()), (0, "told"), "{said:?}");
    let operation = place.json(&["op", "show", "1"]);
    let ready = operation["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&ready["name"], &ready["state"], &ready["error"]),
        (&json!("ready"), &json!("done"), &Value::Null)
    );
    wait_until("no operation at work", SOON, || {
        place.json(&["op", "list", "--active"]) == json!([])
    });
    place.ok(&["vm", "destroy", "told", "--yes"]);
    place.assert_nothing_left();
}
