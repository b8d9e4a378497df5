//! Guests' terminals from the command line: the serial line, SSH, recordings; and that what is shown
//! where the log ends and the live stream begins is what the guest wrote, each byte once.

use crate::child::wait_until;
use crate::line::{NAME, console, leave, log_in, place_with_machine};
use crate::place::{ADMIN, BOOT, SOON, program};
use crate::terminal::{CTRL_C, Terminal};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Keys whose echo is timed.
const KEYS: usize = 40;
#[test]
fn the_serial_line_has_one_user_and_is_recorded() {
    let place = place_with_machine("serial");
    let mut first = console(&place, &[]);
    first.wait_for("Ctrl-] leaves", SOON);
    log_in(&mut first);
    first.press("echo $((6 * 7))-$((1 + 1))\r");
    first.wait_for("42-2", SOON);
    eprintln!(
        "a key's echo takes {:?} (median of {KEYS})",
        echo_time(&mut first)
    );

    let second = console(&place, &[]);
    assert_eq!(second.wait_end(SOON).exit_code(), 6);
    second.wait_for(&format!("{ADMIN} has this console"), SOON);
    let open = place.json(&["consoles", "list"]);
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    let mut second = console(&place, &["--force", "--yes"]);
    assert_eq!(first.wait_end(SOON).exit_code(), 6);
    first.wait_for(&format!("{ADMIN} took it over"), SOON);
    first.assert_restored();
    // The guest noticed nothing: the shell of the first one is there.
    second.wait_for("42-2", SOON);
    second.press("echo $((20 + 3))-same\r");
    second.wait_for("23-same", SOON);
    leave(&mut second);
    assert_eq!(place.json(&["consoles", "list"]), json!([]));

    place.ok(&["record", NAME, "output"]);
    let mut third = console(&place, &[]);
    third.wait_for("recorded: what the guest writes", SOON);
    third.wait_for("23-same", SOON);
    third.press("echo $((30 + 4))-kept\r");
    third.wait_for("34-kept", SOON);
    leave(&mut third);
    let recordings = place.json(&["recordings", "list"]);
    let recording = &recordings[0];
    assert!(
        recording["ended_at"].is_string() && recording["input"] == json!(false),
        "{recordings}"
    );
    let played = played(&place.ok(&["replay", &recording["id"].to_string()]));
    for shown in ["23-same", "34-kept"] {
        assert!(played.contains(shown), "{shown} is not in {played:?}");
    }
    place.ok(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
    place.ok(&["audit", "verify"]);
}

/// The output of an asciicast.
fn played(cast: &str) -> String {
    let mut lines = cast
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.next().unwrap()["version"], 2);
    lines
        .filter(|event| event[1] == "o")
        .map(|event| event[2].as_str().unwrap().to_owned())
        .collect()
}

fn echo_time(line: &mut Terminal) -> Duration {
    line.press("\r");
    line.wait("a prompt", SOON, |it| it.trim_end().ends_with('$'));
    let mut times: Vec<_> = (1..=KEYS)
        .map(|count| {
            line.press("x");
            let typed = "x".repeat(count);
            line.wait("its echo", SOON, |it| it.trim_end().ends_with(&typed))
        })
        .collect();
    line.press(CTRL_C);
    times.sort();
    times[KEYS / 2]
}

#[test]
fn ssh_runs_commands_and_a_shell() {
    let place = place_with_machine("ssh");
    place.assert_guest(&place.machine(NAME).unwrap());
    assert_eq!(place.call(&["ssh", NAME, "--", "sh", "-c", "exit 7"], "").code, 7);
    let words = ["a b", "it's", "", "$HOME", "*", "\"", "a\\b", "tab\there"];
    let said = place.ok(&[&["ssh", NAME, "--", "printf", "%s|"], words.as_slice()].concat());
    assert_eq!(said, words.map(|word| format!("{word}|")).concat());
    let said = place.call(&["ssh", NAME, "--", "cat"], "hi\n");
    assert_eq!((said.code, said.out.as_str()), (0, "hi\n"), "{said:?}");
    let said = place.call(&["ssh", NAME, "--", "sh", "-c", "echo oh >&2"], "");
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "oh\n"));
    // A terminal in the guest only where there is one here.
    assert_eq!(
        place
            .call(&["ssh", NAME, "--tty", "--", "test", "-t", "0"], "")
            .code,
        1
    );

    let mut shell = place.open_program(program(), &["ssh", NAME], 100, 30);
    shell.wait("a prompt", BOOT, |it| it.trim_end().ends_with('$'));
    shell.press("stty size\r");
    shell.wait_for("30 100", SOON);
    shell.resize(90, 20);
    wait_until("the new size in the guest", SOON, || {
        shell.press("stty size\r");
        shell.output().contains("20 90")
    });
    assert_eq!(place.json(&["consoles", "list"])[0]["kind"], "ssh");
    shell.press("exit 5\r");
    assert_eq!(shell.wait_end(SOON).exit_code(), 5);
    shell.assert_restored();
    let mut shell = place.open_program(program(), &["ssh", NAME], 80, 24);
    shell.wait("a prompt", BOOT, |it| it.trim_end().ends_with('$'));
    leave(&mut shell);
}

/// The proof of `core::consoles::seam` on a real QEMU.
#[test]
fn every_line_is_shown_once_across_the_seam() {
    let place = place_with_machine("seam");
    let mut line = console(&place, &[]);
    log_in(&mut line);
    for (word, pause) in [("seam", "usleep 10000"), ("flood", ":")] {
        line.press(&format!(
            "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo {word} $i; {pause}; done\r"
        ));
        line.wait("the first lines", SOON, |it| last(it, word) > 20);
        leave(&mut line);
        for opening in 1..=3 {
            line = console(&place, &[]);
            line.wait("something", SOON, |it| last(it, word) > 0);
            let first = last(&line.output(), word);
            // Beyond the moment at which QEMU notices, and beyond any search for the seam.
            let more = if word == "seam" { 500 } else { 8_000 };
            line.wait("the live stream", BOOT, |it| last(it, word) > first + more);
            if opening < 3 {
                leave(&mut line);
            }
            let (shown, missing) = gaps(&line.output(), word);
            assert!(shown > first.min(20) + more, "opening {opening}: {shown} lines");
            assert!(missing.is_empty(), "opening {opening} of {word}: {missing:?}");
            eprintln!("{word}, opening {opening}: {shown} lines in order");
        }
        interrupt(&mut line);
    }
    leave(&mut line);
}

/// Ends a loop of the guest's shell. An interrupt that comes after a child has ended and before the
/// shell has its terminal back reaches nobody: so it is pressed until the shell is there.
fn interrupt(line: &mut Terminal) {
    let mut pressed: Option<Instant> = None;
    wait_until("the shell", BOOT, || {
        if pressed.is_none_or(|at| at.elapsed() > SOON / 4) {
            line.press(CTRL_C);
            line.press("\recho $((50 + 5))-quiet\r");
            pressed = Some(Instant::now());
        }
        line.output().contains("55-quiet")
    });
}

/// The number of the last whole line of that word; 0 if there is none.
fn last(text: &str, word: &str) -> u64 {
    numbers(text, word).last().unwrap_or(0)
}

fn numbers<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = u64> + 't {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().filter_map(move |line| {
        let number = line.trim().strip_prefix(word)?.strip_prefix(' ')?;
        number.parse().ok()
    })
}

/// How many numbered lines there are, and where they do not follow each other. What the guest's
/// terminal or the shell puts between is no line of these.
fn gaps(text: &str, word: &str) -> (u64, Vec<(u64, u64)>) {
    let numbers: Vec<u64> = numbers(text, word).collect();
    let gaps = numbers
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    (numbers.len() as u64, gaps)
}

#[test]
fn a_restart_keeps_the_console() {
    let place = place_with_machine("restart");
    let mut line = console(&place, &[]);
    line.wait_for("login: ", BOOT);
    let prompts = |line: &Terminal| line.output().matches("login: ").count();
    let (before, began) = (prompts(&line), line.output().len());
    place.ok(&["vm", "restart", NAME]);
    wait_until("the new login prompt", BOOT, || prompts(&line) > before);
    log_in(&mut line);
    line.press("echo $((6 * 7))-again\r");
    line.wait_for("42-again", SOON);
    let since = line.output().split_off(began);
    eprintln!("a restart says: {:?}", asides(&since));
    // The power goes, the console stays.
    place.ok(&["vm", "stop", NAME, "--force"]);
    line.wait_for("[twarga] waiting: the machine is off", SOON);
    let before = prompts(&line);
    place.ok(&["vm", "start", NAME]);
    wait_until("the new login prompt", BOOT, || prompts(&line) > before);
    wait_until("twarga's word", SOON, || {
        line.output().contains("[twarga] attached")
    });
    log_in(&mut line);
    leave(&mut line);
}

/// What twarga said among the guest's words.
fn asides(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.contains("[twarga]"))
        .map(|line| line.trim().to_owned())
        .collect()
}
