//! Consoles that nobody uses, that somebody else took by force, and that are recorded by policy.

use crate::line::{LEADER, NAME, console, leave, log_in, place_with_machine, with_machine};
use crate::place::{ADMIN, BOOT, Place, SOON, program};
use crate::screen;
use serde_json::json;
use std::time::{Duration, Instant};

/// The shortest that the settings know.
const IDLE: Duration = Duration::from_secs(60);
/// How long libvirt and the watch over a silent line may take.
const TAKEN: Duration = Duration::from_secs(60);

#[test]
fn a_console_that_nobody_uses_is_closed_and_its_recording_plays() {
    let mut place = Place::new("idle");
    place.set("TWARGA_CONSOLES_IDLE_MINUTES", "1");
    place.set("TWARGA_CONSOLES_RECORD", "output");
    let place = with_machine(place);
    let mut line = console(&place, &[]);
    log_in(&mut line);
    // The guest goes on writing, and asks the terminal where its cursor is: nobody is there for that.
    line.press("while :; do printf 'still-%s-%s\\033[6n\\n' on $((2 + 3)); sleep 3; done\r");
    line.wait_for("still-on-5", SOON);
    leave(&mut line);

    let mut screen = place.open(80, 24);
    screen::signed_in(&screen);
    screen.wait_line(&format!("{ADMIN}/{NAME}"), "● running", BOOT);
    screen.press("c");
    screen.wait_for("is recorded: what the guest writes", SOON);
    screen.wait_for("still-on-5", SOON);
    let pressed = Instant::now();
    screen.press(" ");
    screen.wait_for("closed: nothing was typed for too long", IDLE + SOON);
    assert!(pressed.elapsed() >= IDLE, "after {:?}", pressed.elapsed());
    assert_eq!(place.json(&["consoles", "list"]), json!([]));
    screen.press(LEADER);
    screen.press("x");
    screen.wait_for("1 running", SOON);

    let recordings = place.json(&["recordings", "list"]);
    assert_eq!(recordings.as_array().map(Vec::len), Some(2), "{recordings}");
    screen.press("P");
    screen.wait_for("Enter play", SOON);
    screen.wait_for(" 1m ago", SOON);
    screen.press("\r");
    screen.wait_for("still-on-5", SOON);
    screen.press("q");
    screen.press("\x1b");
    screen.wait_for("1 running", SOON);
    screen.press("q");
    assert!(screen.wait_end(SOON).success());
    screen.assert_restored();
    place.ok(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
}

#[test]
fn whoever_is_taken_over_from_outside_is_told_although_libvirt_is_silent() {
    let place = place_with_machine("outside");
    let mut line = console(&place, &[]);
    log_in(&mut line);
    line.press("i=0; while :; do i=$((i+1)); echo tick $i; sleep 1; done\r");
    line.wait_for("tick 2", SOON);
    let domain = place.domains().remove(0);
    let uri = place.uri();
    let mut other = place.open_program("virsh", &["-c", &uri, "console", "--force", &domain], 80, 24);
    other.wait_for("tick ", TAKEN);
    line.wait_for("somebody outside twarga took it over", TAKEN);
    assert_eq!(line.wait_end(SOON).exit_code(), 6);
    line.assert_restored();
    // And it is taken back.
    let mut line = place.open_program(program(), &["console", NAME, "--force", "--yes"], 80, 24);
    line.wait_for("tick ", SOON);
    leave(&mut line);
    other.press(LEADER);
}
