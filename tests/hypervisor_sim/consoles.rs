//! Simulated guests' consoles: their shells, and the ways they end.

use super::contract::console::Talk;
use super::{Held, PATIENCE, machine, seconds, state};
use std::sync::Arc;
use std::time::Duration;
use twarga::hypervisor::sim::{Call, Fault, Guest, Sim};
use twarga::hypervisor::{DomainState, End, Error, Hypervisor, Output};
use uuid::Uuid;

/// A running machine whose guest is up.
fn running(clock: &Held, guest: Guest) -> (Sim, Uuid) {
    let sim = Sim::new(clock.script().guest(guest));
    let web = machine(&sim, "user1-web", 1);
    sim.start(web).unwrap();
    (sim, web)
}

fn attach(sim: &Sim, domain: Uuid) -> Talk {
    Talk::attach(sim, domain, PATIENCE)
}

fn log(sim: &Sim) -> String {
    String::from_utf8(sim.tail("user1-web.log", 1 << 20).unwrap()).unwrap()
}

#[test]
fn a_shell_knows_a_few_words() {
    let clock = Held::new();
    let (sim, web) = running(&clock, Guest::default());
    let mut talk = attach(&sim, web);
    talk.log_in();
    assert_eq!(talk.run("echo hello  there"), "hello  there");
    assert!(talk.run("help").contains("flood N"));
    assert!(talk.run("ls").contains("notes.txt"));
    assert!(talk.run("uname -a").starts_with("Linux web 6.1.0-sim"));
    clock.pass_seconds(2 * 86_400 + 3 * 3600 + 4 * 60 + 5);
    assert_eq!(talk.run("uptime"), "up 2 d 03:04:05");
    assert!(talk.run("colours").contains("\x1b[44m"));
    assert_eq!(talk.run("rm -rf /"), "sh: rm: not found");
    assert_eq!(talk.run(""), "");
    assert!(
        log(&sim).contains("sh: rm: not found\r\nweb:~$ "),
        "{}",
        log(&sim)
    );
    assert!(log(&sim).starts_with("[    0.000000] Linux"), "from the boot on");
}

#[test]
fn a_line_can_be_edited() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    talk.log_in();
    talk.press("nonsense\u{15}echo grün\u{7f}\u{7f}een\u{1b}[A\r");
    talk.until("\r\ngreen\r\n");
    talk.press("half a line\u{3}");
    talk.until("^C\r\nweb:~$ ");
    assert_eq!(talk.run("echo whole"), "whole");
}

#[test]
fn who_logs_out_is_asked_who_comes_in() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    talk.press("exit\r");
    talk.until("\r\nweb login: ");
    talk.press("demo\r");
    talk.until("Password: ");
    talk.press("secret\r");
    talk.until("web:~$ ");
    assert!(!log(&sim).contains("secret"), "a password is not shown");
    talk.press("\u{4}");
    talk.until("web login: ");
}

#[test]
fn top_draws_by_itself_until_it_is_quit() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    talk.press("top\r");
    talk.until("\x1b[?1049h");
    for _ in 0..3 {
        talk.until("top - web");
        talk.until("q quits");
    }
    talk.press("xq");
    talk.until("\x1b[?1049lweb:~$ ");
    assert_eq!(talk.run("echo x"), "x", "what was pressed in between is gone");
}

#[test]
fn a_flood_that_nobody_reads_is_bounded_and_says_what_it_lost() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    talk.log_in();
    talk.press("flood 1500000\r");
    super::until("the flood is over", || {
        log(&sim).ends_with("line 1500000\r\nweb:~$ ")
    });
    let (mut kept, mut dropped, mut last) = (0, 0, Vec::new());
    while !last.ends_with(b"line 1500000\r\nweb:~$ ") {
        match talk.next().unwrap() {
            Output::Bytes(bytes) => {
                kept += bytes.len();
                last.extend(bytes);
                last.drain(..last.len().saturating_sub(64));
            }
            Output::Dropped(bytes) => dropped += bytes,
            Output::Ended(end) => panic!("{end:?}"),
        }
    }
    assert!(dropped > 0 && kept <= 8 << 20, "{dropped} dropped, {kept} kept");
    let written: usize = (1..=1_500_000).map(|n| format!("line {n}\r\n").len()).sum();
    let whole = written + "flood 1500000\r\nweb:~$ ".len();
    assert_eq!(kept + usize::try_from(dropped).unwrap(), whole);
}

#[test]
fn a_flood_can_be_stopped_and_stands_still_while_nobody_is_there() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    talk.press("flood 1000000000\r");
    talk.until("line 5\r\n");
    drop(talk);
    let mut talk = attach(&sim, web);
    talk.until("\r\nline ");
    talk.press("\u{3}");
    // What it wrote before is still on its way.
    loop {
        match talk.next().unwrap() {
            Output::Bytes(bytes) if bytes.ends_with(b"^C\r\nweb:~$ ") => break,
            Output::Ended(end) => panic!("{end:?}"),
            _ => (),
        }
    }
}

#[test]
fn a_guest_can_power_itself_off() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    talk.press("poweroff\r");
    talk.until("going down");
    assert_eq!(talk.end(), End::Closed);
    assert_eq!(state(&sim, web), DomainState::Off);
    sim.start(web).unwrap();
    let mut talk = attach(&sim, web);
    talk.log_in();
    assert_eq!(talk.run("echo anew"), "anew");
}

#[test]
fn a_console_ends_with_what_guests_do_by_themselves() {
    let clock = Held::new();
    let guest = Guest {
        boot: seconds(5),
        crash_after: Some(seconds(60)),
        ..Guest::default()
    };
    let (sim, web) = running(&clock, guest);
    let mut talk = attach(&sim, web);
    talk.press("too early\r");
    clock.pass_seconds(5);
    assert_eq!(
        talk.until("web:~$ "),
        "\r\nweb login: demo (automatic login)\r\n\r\nweb:~$ "
    );
    clock.pass_seconds(55);
    assert_eq!(talk.end(), End::Closed);
    assert_eq!(state(&sim, web), DomainState::Crashed);
    let refused = sim.attach_console(web, true);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

#[test]
fn a_hypervisor_that_goes_loses_its_consoles() {
    let (sim, web) = running(&Held::new(), Guest::default());
    let mut talk = attach(&sim, web);
    sim.go_away("the daemon died");
    assert_eq!(talk.end(), End::Lost("the daemon died".to_owned()));
    let refused = sim.attach_console(web, false);
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    sim.come_back();
    let mut talk = attach(&sim, web);
    talk.log_in();
    drop(sim);
    assert!(matches!(talk.end(), End::Lost(_)));
}

#[test]
fn who_closes_a_console_can_open_it_at_once() {
    let (sim, web) = running(&Held::new(), Guest::default());
    for _ in 0..200 {
        drop(sim.attach_console(web, false).unwrap());
    }
}

#[test]
fn an_attachment_fails_and_hangs_as_planned() {
    let (sim, web) = running(&Held::new(), Guest::default());
    for fault in [Fault::before(), Fault::after()] {
        sim.fail(Call::AttachConsole, fault);
        let failed = sim.attach_console(web, false);
        assert!(matches!(failed, Err(Error::Failed { .. })), "{failed:?}");
        attach(&sim, web).log_in();
    }
    let sim = Arc::new(sim);
    sim.hang(Call::AttachConsole);
    let asking = Arc::clone(&sim);
    let attaching = std::thread::spawn(move || asking.attach_console(web, false));
    assert!(sim.wait_until_hung(Call::AttachConsole, 1, PATIENCE));
    sim.release();
    let mut talk = Talk::new(attaching.join().unwrap().unwrap(), PATIENCE);
    talk.log_in();
}

#[test]
fn a_foreign_domain_has_a_console_without_a_log() {
    let sim = Sim::new(Held::new().script());
    let theirs = sim.outside().define("pfsense", 1, 512).unwrap();
    sim.outside().start(theirs).unwrap();
    let mut talk = attach(&sim, theirs);
    talk.press("\r");
    talk.until("pfsense:~$ ");
    talk.assert_silent(Duration::from_millis(50));
}
