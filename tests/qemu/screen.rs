//! What a user does on the screen and reads from it, in the user's words.

use crate::place::{ADMIN, BOOT, PASSWORD, Place, SOON};
use crate::terminal::{ENTER, TAB, Terminal};

/// Makes the first account on the welcome screen.
#[track_caller]
pub fn register(screen: &mut Terminal) {
    screen.wait_for("Welcome to twarga", SOON);
    screen.press(ADMIN);
    screen.press(TAB);
    screen.press("alice@example.org");
    screen.press(TAB);
    screen.press(PASSWORD);
    screen.press(TAB);
    screen.press(PASSWORD);
    screen.press(ENTER);
    signed_in(screen);
}

/// Waits for the list of machines of somebody who is signed in, with libvirt there.
#[track_caller]
pub fn signed_in(screen: &Terminal) {
    screen.wait_for(&format!("{ADMIN} ⬥ admin"), SOON);
    screen.wait_for("libvirt ● up", SOON);
}

/// Fills in the form for a new machine of 512 MiB and sends it off.
#[track_caller]
pub fn ask_for_machine(screen: &mut Terminal, name: &str) {
    screen.press("n");
    screen.wait_for("New machine", SOON);
    // The catalogue has been read: the form can tell what is allowed.
    screen.wait_for("of 5 machines", SOON);
    screen.press(name);
    // Past the image, to the memory: what stands there goes.
    screen.press(&TAB.repeat(2));
    screen.press("\x15512");
    screen.wait_line("RAM", "512", SOON);
    screen.press(ENTER);
    screen.wait_gone("New machine", SOON);
}

/// Destroys the selected machine: its name has to be typed.
#[track_caller]
pub fn destroy(screen: &mut Terminal, name: &str) {
    screen.press("D");
    screen.wait_for("╭ Destroy ──", SOON);
    screen.press(name);
    screen.wait_gone("not yet the machine's name", SOON);
    screen.press(ENTER);
    screen.wait_for("nothing of it is left", BOOT);
}

/// Where SSH answers, as the detail of the selected machine says it: `ssh tiny@192.168.122.36`
/// or `ssh -p 20022 tiny@127.0.0.1`.
#[track_caller]
pub fn ssh_address(screen: &Terminal, place: &Place) -> (String, u16) {
    screen.wait("a way to log in", BOOT, |it| it.contains("tiny@"));
    let line = screen.line("tiny@").unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    let port = words
        .iter()
        .position(|it| *it == "-p")
        .map(|at| words[at + 1].parse().unwrap());
    let host = words.iter().find_map(|it| it.strip_prefix("tiny@")).unwrap();
    // A NAT address of its own, or a port of this host.
    assert_eq!(
        (port.is_none(), host != "127.0.0.1"),
        (place.is_system(), place.is_system()),
        "{line}"
    );
    (host.to_owned(), port.unwrap_or(22))
}
