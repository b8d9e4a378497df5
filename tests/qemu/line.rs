//! A guest's serial line by `twarga console`, for several stories.

use crate::child::wait_until;
use crate::place::{BOOT, PASSWORD, Place, SOON, program};
use crate::terminal::Terminal;
use std::time::{Duration, Instant};

/// The machine.
pub const NAME: &str = "line";
/// The key that is twarga's.
pub const LEADER: &str = "\x1d";
/// After how long a password that had no answer is typed again.
const RETYPE: Duration = Duration::from_secs(10);

/// A place with a machine whose account has a password.
pub fn place_with_machine(story: &str) -> Place {
    with_machine(Place::new(story))
}

/// The same, in a place that was prepared.
#[track_caller]
pub fn with_machine(place: Place) -> Place {
    place.register();
    let create = [
        "vm",
        "create",
        NAME,
        "--memory",
        "512",
        "--password-stdin",
        "--wait",
    ];
    let said = place.call(&create, &format!("{PASSWORD}\n"));
    assert_eq!(said.code, 0, "{said:?}");
    place
}

pub fn console(place: &Place, flags: &[&str]) -> Terminal {
    place.open_program(program(), &[&["console", NAME], flags].concat(), 80, 24)
}

/// Logs in on the serial line. The guest's login throws away what was typed before its prompt was
/// complete, and shows the prompt first: nobody types that fast, but this does.
#[track_caller]
pub fn log_in(line: &mut Terminal) {
    line.wait_for("login: ", BOOT);
    line.press("tiny\r");
    line.wait_for("Password: ", SOON);
    let mut typed: Option<Instant> = None;
    wait_until("a prompt", BOOT, || {
        if typed.is_none_or(|it| it.elapsed() > RETYPE) {
            line.press(&format!("{PASSWORD}\r"));
            typed = Some(Instant::now());
        }
        line.screen().trim_end().ends_with('$')
    });
}

#[track_caller]
pub fn leave(line: &mut Terminal) {
    line.press(LEADER);
    let status = line.wait_end(SOON);
    assert!(status.success(), "{status}");
    line.assert_restored();
}
