//! Several processes on one state directory: one of them keeps, all of them are live.

use crate::child::wait_until;
use crate::place::{ADMIN, BOOT, Place, SOON};
use crate::screen;
use crate::terminal::Terminal;
use std::time::Duration;

/// How long a change may take to show (DESIGN: "changes made elsewhere show within 2 s").
const LIVE: Duration = Duration::from_secs(2);
/// How long the keeping may stay with nobody ("another takes over within seconds").
const TAKEOVER: Duration = Duration::from_secs(6);

#[test]
fn one_keeps_and_all_are_live() {
    let place = Place::new("keepers");
    place.register();
    let mut one = open(&place);
    one.wait_for("keeper here", SOON);
    let two = open(&place);
    two.wait_for(&format!("keeper tui {}", one.pid()), SOON);

    screen::ask_for_machine(&mut one, "shared");
    let both = [&one, &two];
    shows(both, "shared", "◌ pending", LIVE);
    shows(both, "shared", "● running", BOOT);

    changes_by_virsh_show(&place, both);
    foreign_domains_are_left_alone(&place, both);
    the_work_goes_on_without_its_keeper(&place, &mut one, &two);

    for name in ["shared", "orphan"] {
        place.ok(&["vm", "destroy", name, "--yes"]);
    }
    for screen in [&one, &two] {
        screen.wait_for("no machines yet", SOON);
    }
    place.assert_nothing_left();
    for mut screen in [one, two] {
        screen.press("q");
        assert!(screen.wait_end(SOON).success());
        screen.assert_restored();
        screen.assert_no_words_of_libvirt();
    }
}

/// A screen wide enough to say who keeps. The session is the one that `register` kept.
fn open(place: &Place) -> Terminal {
    let screen = place.open(120, 40);
    screen::signed_in(&screen);
    screen
}

/// Waits until both screens show a machine in that state; answers how long the slower one took.
#[track_caller]
fn shows(screens: [&Terminal; 2], name: &str, state: &str, patience: Duration) -> Duration {
    let row = format!("{ADMIN}/{name}");
    let took = screens[0].wait_line(&row, state, patience);
    took + screens[1].wait_line(&row, state, patience.saturating_sub(took))
}

fn changes_by_virsh_show(place: &Place, both: [&Terminal; 2]) {
    let acts = [
        ("suspend", "‖ paused"),
        ("resume", "● running"),
        ("destroy", "○ stopped"),
        ("start", "● running"),
    ];
    for (act, state) in acts {
        place.virsh(&[act, "user1-shared"]);
        let took = shows(both, "shared", state, LIVE);
        eprintln!("virsh {act}: both screens after {} ms", took.as_millis());
    }
    // Started behind twarga's back it can be reached like any other: in session mode a domain
    // forgets its forwarded port when it goes off.
    let machine = || place.machine("shared").expect("it is listed");
    wait_until("an address or a port", BOOT, || {
        !machine()["ip"].is_null() || !machine()["ssh_port"].is_null()
    });
    place.assert_guest(&machine());
}

/// A domain that somebody else made is shown, as what it is, and nothing is done to it.
fn foreign_domains_are_left_alone(place: &Place, both: [&Terminal; 2]) {
    const DOMAIN: &str = "<domain type='qemu'><name>somebody-elses</name><memory unit='MiB'>64</memory>\
        <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>";
    let file = place.state().join("foreign.xml");
    std::fs::write(&file, DOMAIN).unwrap();
    place.virsh(&["define", file.to_str().unwrap()]);
    let before = place.virsh(&["dumpxml", "somebody-elses"]);
    for screen in both {
        screen.wait_line("somebody-elses", "foreign", LIVE);
        screen.wait_line("somebody-elses", "○ stopped", LIVE);
    }
    let foreign = place.json(&["vm", "list", "--foreign"]);
    assert_eq!(foreign.as_array().unwrap().len(), 1, "{foreign}");
    assert_eq!(foreign[0]["name"], "somebody-elses");
    assert!(
        place.machine("somebody-elses").is_none(),
        "a foreign domain is no machine"
    );
    place.refused(&["vm", "destroy", "somebody-elses", "--yes"], 5);
    assert_eq!(place.virsh(&["dumpxml", "somebody-elses"]), before);
    place.virsh(&["undefine", "somebody-elses"]);
    for screen in both {
        screen.wait_gone("somebody-elses", LIVE);
    }
}

/// `serve` takes the keeping over; killed in the middle of a creation, it leaves both to a screen.
fn the_work_goes_on_without_its_keeper(place: &Place, one: &mut Terminal, two: &Terminal) {
    let serve = place.serve();
    let keeping = format!("keeper serve {}", serve.pid());
    one.wait_for(&keeping, TAKEOVER);
    two.wait_for(&keeping, TAKEOVER);

    screen::ask_for_machine(one, "orphan");
    // The guest boots: the longest of the steps has begun.
    one.wait_line(&format!("{ADMIN}/orphan"), "ready", SOON);
    serve.kill();
    let took = one.wait("a screen to keep", TAKEOVER, |screen| {
        !screen.contains(&keeping) && screen.contains("keeper ")
    });
    eprintln!(
        "killed serve: the next keeper shows after {} ms",
        took.as_millis()
    );
    let here = [one.screen(), two.screen()]
        .iter()
        .filter(|it| it.contains("keeper here"))
        .count();
    assert!(here <= 1, "two keepers");
    shows([one, two], "orphan", "● running", BOOT);
    let keepers = [&*one, two].map(|screen| screen.line("keeper ").unwrap_or_default());
    assert_eq!(
        keepers.iter().filter(|it| it.contains("keeper here")).count(),
        1,
        "{keepers:?}"
    );
    assert_eq!(
        keepers.iter().filter(|it| it.contains("keeper tui")).count(),
        1,
        "{keepers:?}"
    );

    // The other way round in good order: one that is asked to end gives the keeping up.
    let serve = place.serve();
    one.wait_for(&format!("keeper serve {}", serve.pid()), TAKEOVER);
    let said = serve.stop();
    assert_eq!(said.code, 0, "{said:?}");
    one.wait("a screen to keep", TAKEOVER, |it| {
        it.contains("keeper here") || it.contains("keeper tui")
    });
}
