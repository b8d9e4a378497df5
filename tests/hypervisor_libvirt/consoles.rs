//! A real guest's console: what can go wrong under it, and what it costs.

use super::contract::Heard;
use super::contract::console::Talk;
use super::{PATIENCE, Place, Stopped, setting};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};
use twarga::hypervisor::{End, Error, Hypervisor, Mode};
use uuid::Uuid;

impl Place {
    fn attach(&self, domain: Uuid) -> Talk {
        Talk::attach(self.libvirt.as_ref(), domain, PATIENCE)
    }
}

#[test]
fn a_console_hears_of_a_libvirtd_that_dies_and_can_be_had_again() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-orphan");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    place.kill_libvirtd();
    let end = talk.end();
    assert!(matches!(end, End::Lost(_)), "{end:?}");
    if place.mode == Mode::System {
        // Nobody starts the system's daemon here. (A session's is started by whoever asks.)
        let orphaned = place.libvirt.attach_console(guest.uuid, false);
        assert!(matches!(orphaned, Err(Error::Unavailable { .. })), "{orphaned:?}");
        assert!(Command::new("libvirtd").arg("-d").status().unwrap().success());
    }
    let heard = Heard::listening_to(place.libvirt.as_ref());
    let console = heard.until("its console can be had again", PATIENCE, || {
        place.libvirt.attach_console(guest.uuid, false).ok()
    });
    let mut talk = Talk::new(console, PATIENCE);
    talk.log_in();
    assert_eq!(talk.run("echo back"), "back", "its shell went on");
    place.remove(&guest);
}

#[test]
fn a_libvirtd_that_hangs_loses_who_stays_and_holds_nobody_who_leaves() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-held");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    let libvirtd = Stopped::new(place.libvirtd());
    let end = talk.end();
    assert!(matches!(end, End::Lost(_)), "{end:?}");
    drop(libvirtd);
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    let libvirtd = Stopped::new(place.libvirtd());
    // More than fits anywhere on the way: its thread is stuck in libvirt.
    talk.press(vec![b'#'; 1 << 20]);
    let began = Instant::now();
    drop(talk);
    assert!(
        began.elapsed() < Duration::from_millis(100),
        "{:?}",
        began.elapsed()
    );
    drop(libvirtd);
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    place.remove(&guest);
}

#[test]
fn a_paste_arrives_whole() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-paste");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    paste(&mut talk, 256 << 10);
    place.remove(&guest);
}

#[test]
#[ignore = "a minute of pasting"]
fn a_large_paste_arrives_whole() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-paste");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    paste(&mut talk, 1 << 20);
    place.remove(&guest);
}

#[test]
#[ignore = "40 s of silence"]
fn a_paste_to_a_paused_guest_waits_for_it() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-paused");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    paste_meanwhile(&mut talk, 256 << 10, |talk, send| {
        place.libvirt.pause(guest.uuid).unwrap();
        send(talk);
        // Longer than a connection lives on which libvirtd does not read.
        talk.assert_silent(Duration::from_secs(40));
        place.libvirt.resume(guest.uuid).unwrap();
    });
    place.remove(&guest);
}

/// Sends so many bytes in one input; the guest sums them up.
fn paste(talk: &mut Talk, size: usize) {
    paste_meanwhile(talk, size, |talk, send| send(talk));
}

fn paste_meanwhile(talk: &mut Talk, size: usize, meanwhile: impl FnOnce(&mut Talk, &dyn Fn(&Talk))) {
    let content: Vec<u8> = (0..size as u32)
        .map(|n| b' ' + (n.wrapping_mul(n) % 91) as u8)
        .collect();
    // Broken in two, so that its echo does not look like it.
    talk.press(format!(
        "stty raw -echo; echo 'rea''dy'; head -c {size} | sha256sum; stty sane\r"
    ));
    talk.until("ready\n");
    let began = Instant::now();
    meanwhile(talk, &|talk| talk.press(content.clone()));
    let said = talk.until("  -");
    let took = began.elapsed();
    let sum: String = (Sha256::digest(&content).iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(said.contains(&sum), "{said:?}");
    eprintln!("{size} bytes pasted in {took:?}");
}

#[test]
#[ignore = "minutes of coming and going"]
fn no_key_and_no_end_is_lost_by_coming_and_going() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-quarrel");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    for round in 0..100 {
        // The guest still writes its prompt.
        let taken = place.libvirt.attach_console(guest.uuid, true).unwrap();
        assert_eq!(talk.end(), End::Closed);
        talk = Talk::new(taken, PATIENCE);
        answers(&mut talk, &format!("taken {round}"));
        drop(talk);
        talk = place.attach(guest.uuid);
        answers(&mut talk, &format!("again {round}"));
        place.libvirt.pause(guest.uuid).unwrap();
        talk.press(format!("echo paused {round}\r"));
        place.libvirt.resume(guest.uuid).unwrap();
        talk.until(&format!("\r\npaused {round}\r\n"));
    }
    place.remove(&guest);
}

fn answers(talk: &mut Talk, word: &str) {
    talk.press(format!("echo {word}\r"));
    talk.until(&format!("\r\n{word}\r\n"));
}

#[test]
fn consoles_leave_nothing_behind() {
    let place = Place::new();
    let guest = place.running_guest("user1-often");
    let round = || drop(place.libvirt.attach_console(guest.uuid, false).unwrap());
    round();
    let count = || {
        let count = |what| fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
        (count("task"), count("fd"))
    };
    let heard = Heard::listening_to(place.libvirt.as_ref());
    let settled = || {
        let mut before = count();
        heard.until("threads and files are given back", PATIENCE, || {
            let now = count();
            let same = now == before;
            before = now;
            same.then_some(now)
        })
    };
    let before = settled();
    for _ in 0..20 {
        round();
    }
    heard.until("threads and files are given back", PATIENCE, || {
        (count() <= before).then_some(())
    });
    place.remove(&guest);
}

#[test]
#[ignore = "figures, not a promise"]
fn what_a_console_costs() {
    let place = Place::new();
    let guest = place.tiny_guest("user1-figures");
    let mut talk = place.attach(guest.uuid);
    talk.log_in();
    let through_libvirt = median_of_echoes(|| {
        talk.press("x");
        talk.until("x");
    });
    talk.press("\u{15}");
    talk.run("flood() { i=0; while [ $i -lt $1 ]; do i=$((i+1)); echo line $i; done; }");
    let began = Instant::now();
    let written = talk.run("flood 20000").len();
    let by_shell = written as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let written = talk
        .run("yes $(head -c 70 /dev/zero | tr '\\0' x) | head -n 40000")
        .len();
    let by_program = written as f64 / began.elapsed().as_secs_f64();
    drop(talk);
    let mut pty = pty_of(&guest.name);
    let direct = median_of_echoes(|| {
        pty.write_all(b"x").unwrap();
        let mut byte = [0];
        while byte != *b"x" {
            pty.read_exact(&mut byte).unwrap();
        }
    });
    eprintln!("echo: {through_libvirt:?} through libvirt, {direct:?} from the pty");
    eprintln!("flood: {by_shell:.0} B/s by a shell, {by_program:.0} B/s by a program");
    drop(pty);
    let others: Vec<_> = (0..5)
        .map(|n| place.running_guest(&format!("user2-{n}")))
        .collect();
    let before = resident();
    let consoles = others
        .iter()
        .map(|it| place.libvirt.attach_console(it.uuid, false).unwrap());
    let consoles: Vec<_> = consoles.collect();
    // Each has its first round behind it.
    let mut talks: Vec<_> = (consoles.into_iter()).map(|it| Talk::new(it, PATIENCE)).collect();
    talks
        .iter_mut()
        .for_each(|it| it.assert_silent(Duration::from_millis(300)));
    eprintln!("memory: {} KiB a console", (resident() - before) / 5);
    drop(talks);
    others.iter().for_each(|it| place.remove(it));
    place.remove(&guest);
}

fn median_of_echoes(mut echo: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let began = Instant::now();
            echo();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[100]
}

/// Resident memory of this process, KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The terminal at QEMU's end, as it runs: QEMU has made it raw.
fn pty_of(domain: &str) -> fs::File {
    let uri = setting("TWARGA_TEST_URI");
    let said = Command::new("virsh")
        .args(["-q", "-c", &uri, "ttyconsole", domain])
        .output()
        .unwrap();
    let path = String::from_utf8(said.stdout).unwrap();
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).open(path.trim()).unwrap()
}
