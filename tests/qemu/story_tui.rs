//! The story of the product through the screen, at the size of a plain terminal.

use crate::place::{ADMIN, BOOT, Place, SOON};
use crate::screen;
use crate::terminal::ESCAPE;

const NAME: &str = "tale";

#[test]
fn a_machine_lives_and_dies_on_the_screen() {
    let place = Place::new("tui");
    let mut screen = place.open(80, 24);
    screen::register(&mut screen);
    screen.assert_taken();
    screen.wait_for("no machines yet: n makes one", SOON);

    screen::ask_for_machine(&mut screen, NAME);
    screen.press("O");
    for step in [
        "reserve", "prepare", "image", "disk", "seed", "define", "start", "ready",
    ] {
        screen.wait_line(step, "✓", BOOT);
    }
    screen.press(ESCAPE);
    let row = format!("{ADMIN}/{NAME}");
    screen.wait_line(&row, "● running", BOOT);

    let (host, port) = screen::ssh_address(&screen, &place);
    let shown = if place.is_system() {
        host.clone()
    } else {
        format!(":{port}")
    };
    screen.wait_line(&row, &shown, SOON);
    place.assert_answers((&host, port), NAME);

    screen.press("S");
    screen.wait_line(&row, "○ stopped", BOOT);
    // Until the operation is over, the keys for others are refused.
    screen.wait_for("tale: powered off", SOON);
    let domain = format!("user1-{NAME}");
    assert_eq!(place.virsh(&["domstate", &domain]).trim(), "shut off");

    screen.press("s");
    screen.wait_line(&row, "● running", BOOT);
    screen.wait_for("tale: started", BOOT);
    let (host, port) = screen::ssh_address(&screen, &place);
    place.assert_answers((&host, port), NAME);

    screen::destroy(&mut screen, NAME);
    screen.wait_for("no machines yet: n makes one", SOON);
    place.assert_nothing_left();

    screen.press("q");
    let status = screen.wait_end(SOON);
    assert!(status.success(), "{status}");
    screen.assert_restored();
    screen.assert_no_words_of_libvirt();
    place.ok(&["audit", "verify"]);
}
