//! Consoles on the screen: a guest's serial line and its SSH server in a pane.

use crate::child::wait_until;
use crate::place::{ADMIN, BOOT, PASSWORD, Place, SOON};
use crate::screen;
use crate::terminal::Terminal;
use std::time::{Duration, Instant};

const NAME: &str = "pane";
const LEADER: &str = "\x1d";
/// After how long a password that had no answer is typed again.
const RETYPE: Duration = Duration::from_secs(10);

#[test]
fn a_guest_is_worked_in_from_the_screen() {
    let place = Place::new("panes");
    place.register();
    let create = [
        "vm",
        "create",
        NAME,
        "--memory",
        "512",
        "--wait",
        "--password-stdin",
    ];
    let said = place.call(&create, PASSWORD);
    assert_eq!(said.code, 0, "{said:?}");
    let mut screen = place.open(80, 24);
    screen::signed_in(&screen);
    screen.wait_line(&format!("{ADMIN}/{NAME}"), "● running", BOOT);

    serial_line(&mut screen);
    whole_screen(&mut screen);
    history(&mut screen);
    somebody_else(&place, &mut screen);
    over_ssh(&mut screen);
    restarted(&place, &mut screen);

    screen.press(LEADER);
    screen.press("q");
    screen.wait_for("1 running", SOON);
    screen.press("q");
    let status = screen.wait_end(SOON);
    assert!(status.success(), "{status}");
    screen.assert_restored();
    let log = place.json(&["event", "list"]);
    for action in ["console.opened", "console.closed", "console.forced"] {
        assert!(log.to_string().contains(action), "{action}");
    }
    assert_eq!(
        place.json(&["consoles", "list"]),
        serde_json::json!([]),
        "all are left"
    );
    place.ok(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
}

/// Logs in on the serial line and runs a command; what the guest wrote at its boot is there.
fn serial_line(screen: &mut Terminal) {
    screen.press("c");
    screen.wait_for("Ctrl-] is twarga's", SOON);
    screen.wait_for("ready", SOON);
    log_in(screen);
    screen.press("echo $((6 * 7)) > /tmp/x; cat /tmp/x; stty size\r");
    screen.wait("the answers", SOON, |shown| {
        shown.lines().any(|it| it.trim() == "42") && shown.lines().any(|it| it.trim() == "24 80")
    });
}

fn log_in(screen: &mut Terminal) {
    screen.press("\r");
    screen.wait(&format!("{NAME} login:"), BOOT, |shown| {
        shown
            .lines()
            .rfind(|it| !it.trim().is_empty() && !it.contains("leader"))
            .is_some_and(|it| it.trim_end() == format!("{NAME} login:"))
    });
    screen.press("tiny\r");
    screen.wait_for("Password:", SOON);
    // The guest's login throws away what was typed before its prompt was complete, and shows the
    // prompt first: nobody types that fast, but this does.
    let mut typed: Option<Instant> = None;
    wait_until("a prompt", BOOT, || {
        if typed.is_none_or(|it| it.elapsed() > RETYPE) {
            screen.press(&format!("{PASSWORD}\r"));
            typed = Some(Instant::now());
        }
        // An older prompt may still be in sight.
        let shown = screen.screen();
        let last = shown.lines().rfind(|it| !it.trim().is_empty());
        last.is_some_and(|it| it.starts_with("tiny@pane:~$"))
    });
}

/// A program that draws the whole screen, and keys that a plain line does not have.
fn whole_screen(screen: &mut Terminal) {
    screen.press("seq 1 60 > n; vi n\r");
    screen.wait_for("n 1/60 1%", SOON);
    screen.press("\x1b[B\x1b[B");
    screen.wait_for("n 3/60 5%", SOON);
    screen.press("G");
    screen.wait_for("n 60/60 100%", SOON);
    screen.press(":q!\r");
    screen.wait_for("tiny@pane:~$", SOON);
}

/// Closes and opens again: the log has everything, once; search and copy find it.
fn history(screen: &mut Terminal) {
    screen.press("i=1; while [ $i -le 200 ]; do echo item-$i; i=$((i+1)); done\r");
    screen.wait_for("item-200", SOON);
    screen.press(LEADER);
    screen.press("x");
    screen.wait_for("1 running", SOON);
    screen.press("c");
    screen.wait_for("item-200", SOON);
    search(screen, "item-37");
    let numbers: Vec<u32> = screen
        .screen()
        .lines()
        .filter_map(|it| it.trim().strip_prefix("item-")?.parse().ok())
        .collect();
    assert!(numbers.len() > 10, "{numbers:?}");
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    screen.press("V");
    screen.press("y");
    screen.wait_for("clipboard", SOON);
    screen.wait_for("item-200", SOON);
}

/// Searches until the match is in sight, well above where the guest writes. A busy host may still be
/// taking the history in, so what is not found is asked for again.
fn search(screen: &mut Terminal, text: &str) {
    let began = Instant::now();
    loop {
        screen.press(LEADER);
        screen.press("/");
        screen.press(&format!("{text}\r"));
        screen.wait("an answer", SOON, |shown| {
            shown.contains("is not in what the guest wrote") || shown.contains("V lines")
        });
        let shown = screen.screen();
        if shown.contains('↑') && shown.lines().any(|it| it.trim() == text) {
            return;
        }
        assert!(began.elapsed() < SOON, "never found {text}:\n{shown}");
        screen.wait_gone("is not in what", SOON);
    }
}

/// A second screen is told who has the line, takes it, and the first is told.
fn somebody_else(place: &Place, screen: &mut Terminal) {
    let mut second = place.open(80, 24);
    screen::signed_in(&second);
    second.wait_line(&format!("{ADMIN}/{NAME}"), "● running", BOOT);
    second.press("c");
    second.wait_for("alice has this console (local)", SOON);
    second.press("n");
    second.wait_for("1 running", SOON);
    second.press("c");
    second.wait_for("alice has this console (local)", SOON);
    second.press("y");
    second.wait_for("tiny@pane:~$", SOON);
    screen.wait_for("alice took it over", SOON);
    second.press("echo mine-$((1 + 1))\r");
    second.wait_for("mine-2", SOON);
    second.press(LEADER);
    second.press("x");
    second.wait_for("1 running", SOON);
    second.press("q");
    assert!(second.wait_end(SOON).success());
    second.assert_restored();
    screen.press(LEADER);
    screen.press("x");
    screen.wait_for("1 running", SOON);
}

/// No password, its own size, and the size follows the window.
fn over_ssh(screen: &mut Terminal) {
    screen.press("o");
    screen.wait_for("SSH ── ● 80×22", SOON);
    screen.wait_for("tiny@pane:~$", BOOT);
    screen.press("stty size\r");
    screen.wait_for("22 80", SOON);
    screen.resize(100, 30);
    screen.wait_for("SSH ── ● 100×28", SOON);
    screen.press("stty size\r");
    screen.wait_for("28 100", SOON);
    screen.press("exit 5\r");
    screen.wait_for("exit code 5", SOON);
    screen.press(LEADER);
    screen.press("x");
    screen.resize(80, 24);
    screen.wait_for("1 running", SOON);
}

/// The pane stays, and the guest that comes up again is in it.
fn restarted(place: &Place, screen: &mut Terminal) {
    screen.press("c");
    screen.wait_for("tiny@pane:~$", SOON);
    place.ok(&["vm", "restart", NAME]);
    log_in(screen);
    screen.press("echo again-$((2 + 2))\r");
    screen.wait_for("again-4", SOON);
    // Pressed twice, the leader is the guest's: `cat -v` shows it.
    screen.press("cat -v\r");
    screen.press(LEADER);
    screen.press(LEADER);
    screen.press("\r");
    screen.wait_for("^]", SOON);
    screen.press("\x03");
}
