//! Manners: the terminal is given back however the program ends, a closed one is left alone, and
//! a libvirt that goes away or a process that is killed breaks nothing.

use crate::child::{process_state, wait_until};
use crate::place::{ADMIN, BOOT, Place, SOON, program, setting};
use crate::screen;
use crate::terminal::{CTRL_C, CTRL_Z, ENTER, Terminal, send};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// How long the program may outlive its terminal.
const HANG_UP: Duration = Duration::from_secs(2);
/// How long a libvirtd may hang before the screen says so: 5 s (DESIGN), and one refresh.
const HUNG: Duration = Duration::from_secs(7);
/// How long a key may take whatever libvirt does.
const ANSWER: Duration = Duration::from_secs(1);

#[test]
fn signals_give_the_terminal_back() {
    let place = Place::new("signals");
    place.register();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let screen = open(&place);
        screen.signal(signal);
        screen.wait_end(SOON);
        screen.assert_restored();
    }
    // Ctrl-C is a key here, and quitting by it is no failure; before signing in, too.
    place.ok(&["logout"]);
    let mut screen = place.open(80, 24);
    screen.wait_for("sign in", SOON);
    screen.press(CTRL_C);
    assert!(screen.wait_end(SOON).success());
    screen.assert_restored();
}

#[test]
fn a_closed_terminal_ends_the_program() {
    let place = Place::new("hangup");
    place.register();
    let mut screen = open(&place);
    screen.hang_up();
    screen.wait_end(HANG_UP);
    // What it held is free: the next one keeps at once.
    open(&place).wait_for("keeper here", Duration::from_secs(4));
}

#[test]
fn small_windows_and_new_sizes_are_drawn() {
    let place = Place::new("sizes");
    place.register();
    let mut screen = open(&place);
    for (columns, rows) in [(40, 10), (120, 40), (80, 24)] {
        screen.resize(columns, rows);
        screen.wait("the list", SOON, |it| {
            it.contains("VMs") && it.lines().count() > usize::from(rows) / 2
        });
    }
    screen.resize(20, 5);
    screen.wait("a sentence", SOON, |it| {
        !it.contains("NAME") && !it.trim().is_empty()
    });
    screen.resize(80, 24);
    signed_in(&screen);
}

/// A shell with job control is what a user suspends to.
#[test]
fn suspending_gives_terminal_and_keeping_up() {
    let place = Place::new("suspend");
    place.register();
    let mut shell = place.open_program("bash", &["--norc", "--noprofile", "-i"], 110, 30);
    shell.wait_for("bash-", SOON);
    shell.press(program());
    shell.press(ENTER);
    signed_in(&shell);
    shell.wait_for("keeper here", SOON);
    let other = place.open(110, 30);
    signed_in(&other);

    shell.press(CTRL_Z);
    shell.wait_for("Stopped", SOON);
    // The shell's own modes now; it tells them as a user would ask for them.
    shell.press("stty -a");
    shell.press(ENTER);
    shell.wait("cooked modes", SOON, |it| {
        it.contains(" icanon") && it.contains(" echo ")
    });
    // One that is stopped must not keep.
    other.wait_for("keeper here", Duration::from_secs(6));

    shell.press("fg");
    shell.press(ENTER);
    signed_in(&shell);
    shell.wait_for(&format!("keeper tui {}", other.pid()), SOON);
    shell.press("q");
    shell.wait("the shell's prompt", SOON, |it| {
        it.trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("bash-") && line.len() < 12)
    });
    shell.press("exit");
    shell.press(ENTER);
    assert!(shell.wait_end(SOON).success());
    shell.assert_restored();
}

/// libvirtd dies and comes back; its library's complaints never reach the screen.
#[test]
fn libvirt_may_go_and_come() {
    let place = Place::new("libvirtd");
    place.register();
    let mut screen = open(&place);
    let daemon = Daemon::of(&place);
    let before = daemon.pid().expect("a libvirtd");
    send(before, libc::SIGKILL);
    wait_until("the daemon's end", SOON, || daemon.pid() != Some(before));
    if place.is_system() {
        screen.wait_for("libvirt ✗ down", SOON);
        keys_answer(&mut screen);
        place.refused(&["vm", "list"], 7);
        daemon.start();
    }
    wait_until("another daemon", SOON, || {
        daemon.pid().is_some_and(|pid| pid != before)
    });
    screen.wait_for("libvirt ● up", SOON);

    // One that hangs is worse than one that is gone.
    let hanging = daemon.pid().expect("a libvirtd");
    send(hanging, libc::SIGSTOP);
    let took = screen.wait_for("libvirt ◌ silent", HUNG);
    eprintln!("a hung libvirtd shows after {} ms", took.as_millis());
    keys_answer(&mut screen);
    send(hanging, libc::SIGCONT);
    screen.wait_for("libvirt ● up", SOON);

    screen.press("q");
    assert!(screen.wait_end(SOON).success());
    screen.assert_restored();
    screen.assert_no_words_of_libvirt();
}

/// Killed without warning in the middle of a creation: the next start goes on with it.
#[test]
fn a_killed_screen_leaves_no_orphan() {
    let place = Place::new("killed");
    place.register();
    for (name, step) in [("torn-1", "◌ pending"), ("torn-2", "ready")] {
        let mut screen = open(&place);
        screen.wait_for("keeper here", SOON);
        screen::ask_for_machine(&mut screen, name);
        let row = format!("{ADMIN}/{name}");
        screen.wait_line(&row, step, SOON);
        screen.signal(libc::SIGKILL);
        screen.wait_end(SOON);

        let screen = open(&place);
        // Gone on with, or undone.
        screen.wait("the creation's end", BOOT, |it| {
            it.lines()
                .find(|line| line.contains(&row))
                .map_or(it.contains("no machines yet"), |line| line.contains("● running"))
        });
        wait_until("no operation at work", SOON, || {
            place.json(&["op", "list", "--active"]) == json!([])
        });
        let domains = place.domains();
        match place.machine(name) {
            Some(machine) => {
                assert_eq!(machine["status"], "running", "{machine}");
                assert_eq!(domains, [format!("user1-{name}")]);
                place.ok(&["vm", "destroy", name, "--yes"]);
            }
            None => assert_eq!(domains, Vec::<String>::new()),
        }
        place.assert_nothing_left();
    }
    place.ok(&["audit", "verify"]);
}

#[track_caller]
fn keys_answer(screen: &mut Terminal) {
    screen.press("?");
    screen.wait_for("╭ Keys ──", ANSWER);
    screen.press("q");
    screen.wait_gone("╭ Keys ──", ANSWER);
}

fn open(place: &Place) -> Terminal {
    let screen = place.open(80, 24);
    signed_in(&screen);
    screen
}

fn signed_in(screen: &Terminal) {
    screen::signed_in(screen);
}

/// The libvirtd of the private libvirt, which a story may harm: it is well again afterwards.
struct Daemon {
    /// Where it leaves its process number.
    pid_file: PathBuf,
    is_system: bool,
}

impl Daemon {
    fn of(place: &Place) -> Self {
        let folder = match place.is_system() {
            true => PathBuf::from("/run"),
            false => PathBuf::from(setting("XDG_RUNTIME_DIR")).join("libvirt"),
        };
        Self {
            pid_file: folder.join("libvirtd.pid"),
            is_system: place.is_system(),
        }
    }

    /// Its process number, if it runs.
    fn pid(&self) -> Option<u32> {
        let pid = std::fs::read_to_string(&self.pid_file)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        matches!(process_state(pid), Some(state) if state != 'Z').then_some(pid)
    }

    /// Starts it. A user's own is started by libvirt's library, on the next call.
    fn start(&self) {
        if self.is_system {
            let started = Command::new("libvirtd")
                .arg("-d")
                .status()
                .expect("libvirtd is installed");
            assert!(started.success(), "{started}");
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        match self.pid() {
            Some(pid) => send(pid, libc::SIGCONT),
            None => self.start(),
        }
    }
}
