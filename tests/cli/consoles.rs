//! Consoles, their sessions and their recordings: on the demonstration's guests, and at a machine
//! that is off, whose console waits for it. Real guests are the end-to-end tests' business.

use super::bench::{Bench, PASSWORD};
use super::furnished::furnished;
use super::terminal::Terminal;
use serde_json::{Value, json};

const LEADER: &str = "\x1d";
const WAITS: &str = "[twarga] waiting: the machine has no domain";

#[test]
fn without_a_terminal_there_is_no_console() {
    let bench = furnished();
    bench.run("console web-1").expect(2).says(&["terminal"]);
    bench
        .run("ssh web-1")
        .expect(2)
        .says(&["terminal", "twarga ssh NAME -- COMMAND"]);
    bench.run("console web-1 --yes").expect(2).says(&["--force"]);
    assert_eq!(bench.json("consoles list"), json!([]), "nothing was opened");
}

#[test]
fn who_is_not_signed_in_has_no_console() {
    let bench = Bench::new();
    for words in [
        "ssh web-1 -- true",
        "consoles list",
        "consoles end --all",
        "record web-1",
        "recordings list",
        "recordings remove 1 --yes",
        "replay 1",
    ] {
        bench.run(words).expect(4).says(&["twarga login"]);
    }
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_asked_wrongly_is_usage() {
    let bench = furnished();
    for (words, next) in [
        ("record nowhere", "twarga vm list"),
        ("ssh nowhere -- true", "twarga vm list"),
        ("consoles end 99", "twarga consoles list"),
        ("replay 99", "twarga recordings list"),
        ("recordings remove 99 --yes", "twarga recordings list"),
    ] {
        bench.run(words).expect(5).says(&[next]);
    }
    for words in [
        "consoles end",
        "consoles end 1 --all",
        "record web-1 everything",
        "recordings remove 99",
        "replay 1 --speed 0",
        "replay 1 --speed 101",
        "replay 1 --idle -1",
        "ssh web-1 uname",
    ] {
        bench.run(words).expect(2);
    }
    bench
        .run("ssh web-1 -- true")
        .expect(6)
        .says(&["has no address yet"]);
    let ended = bench.json("consoles end --all");
    assert_eq!(ended, json!({ "ended": 0 }));
}

#[test]
fn a_stranger_records_and_plays_nothing() {
    let bench = furnished();
    bench.json("record web-1 output");
    attend(&bench, |_| {});
    bench
        .run_with(
            "register mallory --email m@example.org --password-stdin",
            PASSWORD,
        )
        .expect(0);
    bench.run("record alice/web-1 off").expect(5);
    bench.run("replay 1").expect(5);
    bench.run("recordings remove 1 --yes").expect(5);
    assert_eq!(bench.json("recordings list"), json!([]));
}

#[test]
fn a_guest_is_typed_at_until_the_leader() {
    let bench = Bench::new();
    let mut terminal = Terminal::new(&bench, "--demo console alice/web-1");
    terminal.wait_for("Ctrl-] leaves");
    terminal.wait_for("Linux version");
    assert!(!terminal.is_restored(), "raw");
    terminal.press("echo one two\r");
    terminal.wait_for("\none two");
    // Keys that a shell would take for itself are the guest's.
    terminal.press("\x03\x1a\x1c");
    terminal.press("echo three\r");
    terminal.wait_for("\nthree");
    terminal.press(LEADER);
    assert_eq!(terminal.end(), 0, "{:?}", terminal.shown);
    terminal.wait_for("[twarga] left");
    assert!(terminal.is_restored());
}

#[test]
fn the_leader_twice_is_the_guests_and_other_keys_after_it_leave() {
    let bench = Bench::new();
    let mut terminal = Terminal::new(&bench, "--demo console alice/web-1");
    terminal.wait_for("Linux version");
    terminal.press(LEADER);
    terminal.press(LEADER);
    terminal.press("\recho one two\r");
    terminal.wait_for("\none two");
    terminal.press(LEADER);
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_restored());
}

#[test]
fn signals_leave_and_give_the_terminal_back() {
    let bench = furnished();
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let mut terminal = Terminal::new(&bench, "console web-1");
        terminal.wait_for(WAITS);
        terminal.signal(signal);
        assert_eq!(terminal.end(), 1, "SIG{signal}");
        assert!(terminal.is_restored(), "SIG{signal}");
        assert_eq!(bench.json("consoles list"), json!([]), "SIG{signal}");
    }
}

#[test]
fn one_at_a_time_and_who_takes_it_is_named() {
    let bench = furnished();
    let mut first = Terminal::new(&bench, "console web-1");
    first.wait_for(WAITS);
    let open = bench.json("consoles list");
    for field in [
        "id",
        "vm_id",
        "vm",
        "owner_id",
        "user_id",
        "user",
        "kind",
        "source",
        "opened_at",
        "last_input_at",
        "idle",
    ] {
        assert!(open[0].get(field).is_some(), "{field} is missing in {open}");
    }
    assert_eq!(
        (&open[0]["vm"], &open[0]["user"], &open[0]["kind"]),
        (&json!("web-1"), &json!("alice"), &json!("serial"))
    );
    let table = bench.run("consoles list");
    assert!(
        table.out.contains("web-1") && table.out.contains("local"),
        "{}",
        table.out
    );

    let mut second = Terminal::new(&bench, "console web-1");
    assert_eq!(second.end(), 6);
    second.wait_for("alice has this console (local)");
    second.wait_for("--force");
    let mut second = Terminal::new(&bench, "console web-1 --force");
    second.wait_for("Take it from them? They are told. [y/N] ");
    second.type_line("n");
    assert_eq!(second.end(), 6);
    let mut second = Terminal::new(&bench, "console web-1 --force --yes");
    assert_eq!(first.end(), 6, "{:?}", first.shown);
    first.wait_for("alice took it over");
    assert!(first.is_restored());
    second.wait_for(WAITS);
    let id = bench.json("consoles list")[0]["id"].to_string();
    assert_eq!(bench.json(&format!("consoles end {id}")), json!({ "ended": 1 }));
    assert_eq!(second.end(), 1);
    second.wait_for("alice ended it");
    bench.run(&format!("consoles end {id}")).expect(6);
}

#[test]
fn a_console_is_recorded_played_and_removed() {
    let bench = furnished();
    assert_eq!(
        bench.json("record web-1"),
        json!({ "vm": "web-1", "mode": "off" })
    );
    bench.json("record web-1 output");
    assert_eq!(bench.json("record web-1")["mode"], "output");
    attend(&bench, |terminal| {
        terminal.wait_for("[twarga] recorded: what the guest writes\r\n")
    });
    let recordings = bench.json("recordings list");
    for field in [
        "id",
        "vm_id",
        "vm",
        "owner_id",
        "user_id",
        "user",
        "input",
        "started_at",
        "ended_at",
        "bytes",
    ] {
        assert!(
            recordings[0].get(field).is_some(),
            "{field} is missing in {recordings}"
        );
    }
    let played = bench.run("replay 1");
    played.expect(0);
    let header: Value = serde_json::from_str(played.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&header["version"], &header["width"], &header["title"]),
        (&json!(2), &json!(80), &json!("web-1 by alice"))
    );
    bench
        .run("recordings remove 1")
        .expect(2)
        .says(&["twarga recordings remove 1 --yes"]);
    assert_eq!(bench.json("recordings remove 1 --yes"), json!({ "removed": 1 }));
    bench.run("replay 1").expect(5);
}

/// What a guest wrote is hostile in a recording, too.
#[test]
fn on_a_terminal_a_recording_is_confined_and_steered() {
    let bench = furnished();
    bench.json("record web-1 output");
    attend(&bench, |_| {});
    let event = |at: f64, text: &str| format!("{}\n", json!([at, "o", text]));
    let cast = [
        "{\"version\":2,\"width\":80,\"height\":24}\n".to_owned(),
        event(0.0, "first \u{1b}]0;owned\u{7}\u{1b}[6n\u{1b}]52;c;aGk=\u{7}"),
        event(60.0, "second "),
        event(120.0, "third"),
    ]
    .concat();
    std::fs::write(bench.state().join("recordings/1.cast"), &cast).unwrap();
    assert_eq!(bench.run("replay 1").out, cast, "as it is, for a pipe");

    let mut terminal = Terminal::new(&bench, "replay 1 --idle 60");
    terminal.wait_for("first");
    terminal.wait_for("/ 2:00 ×1 web-1 by alice");
    terminal.press(" ");
    terminal.wait_for("paused");
    for _ in 0..12 {
        terminal.press(".");
    }
    terminal.wait_for("second");
    for _ in 0..12 {
        terminal.press("\x1b[C");
    }
    terminal.wait_for("third");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_restored());
    for hostile in ["owned", "\x1b[6n", "\x1b]52"] {
        assert!(!terminal.shown.contains(hostile), "{:?}", terminal.shown);
    }
    // Faster, with pauses cut, to the end by itself; then the leader leaves.
    let mut terminal = Terminal::new(&bench, "replay 1 --idle 0.2 --speed 4");
    terminal.wait_for("third");
    terminal.wait_for("over");
    terminal.press(LEADER);
    assert_eq!(terminal.end(), 0);
    let mut terminal = Terminal::new(&bench, "replay 1 --raw");
    assert_eq!(terminal.end(), 0);
    terminal.wait_for("\"version\":2");
}

/// Opens web-1's console, which waits for the machine, and leaves it after a visit.
#[track_caller]
fn attend(bench: &Bench, visit: impl FnOnce(&mut Terminal)) {
    let mut terminal = Terminal::new(bench, "console web-1");
    terminal.wait_for(WAITS);
    visit(&mut terminal);
    terminal.press(LEADER);
    assert_eq!(terminal.end(), 0, "{:?}", terminal.shown);
    assert!(terminal.is_restored());
}
