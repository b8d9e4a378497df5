//! A whole distribution: Debian with systemd and cloud-init becomes a machine, and its full-screen
//! programs are worked in from the screen, over SSH and on the serial line.
//!
//! What such a program draws in the pane is held against what it draws on a terminal without twarga
//! in between: the same keys go to both, and then both look the same, cell by cell.

use crate::both::{Both, ROWS};
use crate::child::{finish, start, wait_until};
use crate::place::{BOOT, PASSWORD, Place, SOON, SSH_FAILED, ssh_address};
use crate::published::{HALT, Published};
use crate::terminal::{ENTER, Terminal};
use std::process::Command;
use std::time::{Duration, Instant};

const NAME: &str = "deb";
const USER: &str = "debian";
const IMAGE: &str = "debian-whole";
const PROMPT: &str = "debian@deb:~$";
/// The disk that is asked for; the image's own is a fraction of it.
const DISK_GIB: u64 = 12;
/// For a distribution that boots for the first time, emulated, on a busy machine.
const FIRST_BOOT: Duration = Duration::from_secs(300);
/// After how long a password that had no answer is typed again.
const RETYPE: Duration = Duration::from_secs(15);

const LEADER: &str = "\x1d";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const LEFT: &str = "\x1b[D";
const ESCAPE: &str = "\x1b";
const F5: &str = "\x1b[15~";
const F9: &str = "\x1b[20~";
const F10: &str = "\x1b[21~";
const ALT_T: &str = "\x1bt";
const CTRL_B: &str = "\x02";
const CTRL_F: &str = "\x06";

const ZONE: &str = "Europe/Berlin";
const RUN: &str = r#"echo "then: a command" >> /root/ran"#;
/// The user's own document.
const DOCUMENT: &str = r#"#cloud-config
users:
  - name: helper
    shell: /bin/sh
runcmd:
  - |
    printf '%s\n' "it's \"ä😀\": 1" > /root/ran
write_files:
  - path: /etc/motd.own
    permissions: 0640
    content: |
      Welcome: #1 äöü
"#;

/// What the programs find: lines to page through, folders to list, a question to answer (a command
/// whose echo does not have its words), and an mc without its hint of the day.
const FURNISH: &str = r#"
seq 1 200 | sed 's/$/ a line of äöü ✓/' > lines
mkdir -p boxes/one boxes/two .config/mc
printf '[Layout]\nmessage_visible=0\n' > .config/mc/ini
cat > ask <<'SCRIPT'
answer=$(dialog --stdout --title Fruit --menu 'Which one?' 12 40 3 a Apples b Bears c Cherries)
clear
echo "It is $answer."
SCRIPT
"#;

#[test]
fn a_distribution_is_made_ready_and_worked_in() {
    let began = Instant::now();
    let place = Place::new("debian");
    let address = machine(&place);
    eprintln!("    Debian answers after {:.0?}", began.elapsed());
    is_as_asked(&place, &address);
    eprintln!("    cloud-init is done after {:.0?}", began.elapsed());

    let mut both = Both::open(&place, NAME, USER, &address);
    editor(&mut both);
    pager(&mut both);
    questions(&mut both);
    file_manager(&mut both);
    processes(&mut both);
    multiplexer(&mut both);
    let mut screen = both.close();
    on_the_serial_line(&mut screen);
    eprintln!("    all programs are seen after {:.0?}", began.elapsed());

    screen.press("q");
    let status = screen.wait_end(SOON);
    assert!(status.success(), "{status}");
    screen.assert_restored();
    other_ways_to_be_ready(&place, &address);
    eprintln!("    it was ready in three ways after {:.0?}", began.elapsed());
    place.ok(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
    place.ok(&["image", "remove", IMAGE, "--yes"]);
    assert_eq!(place.json(&["image", "show", IMAGE])["state"], "remote");
}

/// The operator's catalogue names an image that is elsewhere, and a machine is made from it, although
/// its keeper is killed in the middle of the download and of the first boot. Where it answers.
fn machine(place: &Place) -> (String, u16) {
    place.register();
    let published = Published::offer(place, IMAGE, USER);
    let disk = DISK_GIB.to_string();
    let size = ["--memory", "1024", "--vcpus", "2", "--disk", &disk];
    let create = [
        "vm",
        "create",
        NAME,
        "--image",
        IMAGE,
        "--password-stdin",
        "--no-wait",
    ];
    let document = place.state().join("user-data");
    std::fs::write(&document, DOCUMENT).expect("the document");
    let document = document.to_str().expect("its name");
    let boot = [
        "--timezone",
        ZONE,
        "--locale",
        "C.UTF-8",
        "--run",
        RUN,
        "--user-data",
        document,
    ];
    own_key(place);
    let keeper = place.serve();
    let said = place.call(&[&create[..], &size[..], &boot[..]].concat(), PASSWORD);
    assert_eq!(said.code, 0, "{said:?}");
    wait_until("half of a download", BOOT, || {
        let files = std::fs::read_dir(place.state().join("images"));
        let sizes = files
            .into_iter()
            .flatten()
            .filter_map(|it| it.ok()?.metadata().ok());
        sizes.map(|it| it.len()).max().is_some_and(|it| it >= HALT as u64)
    });
    keeper.kill();
    published.go_on();
    let keeper = place.serve();
    wait_until("a domain", BOOT, || !place.domains().is_empty());
    keeper.kill();
    let keeper = place.serve();
    let said = place.call_within(FIRST_BOOT, &["operation", "wait", "1"], "");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(ready_because(place, "1"), "cloud-init is done");
    let said = keeper.stop();
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(published.asked(), [0, HALT], "what came was not asked for again");
    let found = place.json(&["image", "verify", IMAGE]);
    assert_eq!(found[0]["found"], "sound", "{found}");
    let refused = place.refused(&["image", "remove", IMAGE, "--yes"], 6);
    assert!(
        refused.contains(&format!("is needed by alice/{NAME}")),
        "{refused}"
    );
    let address = ssh_address(&place.machine(NAME).expect("the machine is listed"));
    inside(place, &address, "true");
    address
}

/// Why the guest counted as ready in an operation.
#[track_caller]
fn ready_because(place: &Place, operation: &str) -> String {
    let shown = place.json(&["op", "show", operation]);
    let last = shown["steps"].as_array().and_then(|it| it.last()).unwrap();
    assert_eq!((&last["name"], &last["state"]), (&"ready".into(), &"done".into()));
    last["remark"].as_str().unwrap_or_default().to_owned()
}

/// Without cloud-init it is the SSH server that counts, and without that the guest's agent.
fn other_ways_to_be_ready(place: &Place, address: &(String, u16)) {
    let restarted = || {
        let said = place.call_within(FIRST_BOOT, &["vm", "restart", NAME, "--json"], "");
        assert_eq!(said.code, 0, "{said:?}");
        let acted: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(acted["machine"]["status"], "running", "{acted}");
        ready_because(place, &acted["operation"]["id"].to_string())
    };
    let without = "sudo touch /etc/cloud/cloud-init.disabled && sudo systemctl mask qemu-guest-agent";
    assert_eq!(inside(place, address, without).0, 0);
    assert_eq!(restarted(), "SSH answers");
    let without = "sudo systemctl unmask qemu-guest-agent && sudo systemctl mask ssh.service ssh.socket";
    assert_eq!(inside(place, address, without).0, 0);
    assert_eq!(restarted(), "its agent answers");
}

/// Makes a key of the user's own and adds it to the account.
fn own_key(place: &Place) {
    let key = place.state().join("own-key");
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    let made = finish(start(make), "", SOON);
    assert_eq!(made.code, 0, "{made:?}");
    let public = format!("{}.pub", key.display());
    place.ok(&["key", "add", "--file", &public, "--name", "own"]);
}

/// The user's own key gets in, by plain ssh.
fn own_key_gets_in(place: &Place, (host, port): &(String, u16)) {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .arg("-i")
        .arg(place.state().join("own-key"))
        .args(["-p", &port.to_string(), &format!("{USER}@{host}"), "id -un"]);
    let said = finish(start(ssh), "", BOOT);
    assert_eq!(said.out.trim(), USER, "{said:?}");
}

/// Runs a command in the guest by the key that twarga put there: exit code and output. Its SSH server
/// comes late, and once more: cloud-init restarts it where passwords may sign in.
#[track_caller]
fn inside(place: &Place, (host, port): &(String, u16), command: &str) -> (i32, String) {
    let mut said = None;
    wait_until("the guest's SSH server", FIRST_BOOT, || {
        said.insert(place.ssh_as(USER, (host, *port), command)).code != SSH_FAILED
    });
    let said = said.expect("it was asked");
    (said.code, format!("{}{}", said.out, said.err).trim().to_owned())
}

/// cloud-init took the seed: name, account, root's partition and file system grown to the disk.
fn is_as_asked(place: &Place, address: &(String, u16)) {
    let ask = |command| {
        let (code, out) = inside(place, address, command);
        assert_eq!(code, 0, "{command}: {out}");
        out
    };
    assert_eq!(ask("hostname"), NAME);
    assert_eq!(ask("id -un"), USER);
    assert_eq!(ask("sudo -n id -un"), "root");
    let status = ask("cloud-init status --wait --long");
    assert!(status.contains("status: done"), "{status}");
    assert!(status.contains("DataSourceNoCloud"), "{status}");
    let sizes = ask("lsblk -bdno SIZE /dev/vda && findmnt -bno SIZE /");
    let sizes: Vec<u64> = sizes.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let asked = DISK_GIB << 30;
    assert_eq!(sizes[0], asked);
    // Less the boot partition and the file system's own tables.
    assert!(
        sizes[1] > asked / 10 * 9,
        "the root file system did not grow: {sizes:?}"
    );
    // What was asked for beside the account: by fields, and by the document.
    assert_eq!(ask("cat /etc/timezone"), ZONE);
    assert_eq!(ask("date -d 2026-01-01T00:00Z +%H%Z"), "01CET");
    assert_eq!(ask(". /etc/default/locale; echo $LANG"), "C.UTF-8");
    assert_eq!(ask("sudo cat /root/ran"), "it's \"ä😀\": 1\nthen: a command");
    assert_eq!(
        ask("stat -c %a /etc/motd.own && sudo cat /etc/motd.own"),
        "640\nWelcome: #1 äöü"
    );
    assert_eq!(ask("getent passwd helper | cut -d: -f7"), "/bin/sh");
    own_key_gets_in(place, address);
    ask(FURNISH);
}

// Without a swap file, which the other one would find.
fn editor(both: &mut Both) {
    both.run("vi -n lines", "27 a line of äöü ✓");
    both.look_alike("vi");
    both.press_and_look(CTRL_F, "vi after Ctrl-F");
    both.press(&DOWN.repeat(2));
    both.press("iNEW \x1b");
    both.wait("NEW ");
    both.press_and_look(":set number\r", "vi after arrows and a word");
    both.press(":q!\r");
    both.wait(PROMPT);
}

fn pager(both: &mut Both) {
    both.run("less -M lines", "lines 1-27/200");
    both.look_alike("less");
    both.press("G");
    both.wait("(END)");
    both.press(UP);
    both.wait("lines 173-199/200");
    both.press_and_look("/9 a line\r", "less with matches marked");
    both.press("q");
    both.wait(PROMPT);
}

fn questions(both: &mut Both) {
    both.run("sh ask", "Cherries");
    both.look_alike("dialog");
    both.has(&["┌", "┐", "└", "┘", "│"]);
    both.press_and_look(DOWN, "dialog with the second line chosen");
    both.press(ENTER);
    both.wait("It is b.");
    both.wait(PROMPT);
}

fn file_manager(both: &mut Both) {
    both.run("mc -u boxes boxes", "10Quit");
    both.wait("/two");
    both.look_alike("mc");
    both.has(&["┌", "┐", "└", "┘", "│", "─"]);
    both.press_and_look(DOWN, "mc with another line chosen");
    both.press_and_look(ALT_T, "mc after Alt-T");
    both.press(F9);
    both.press(ENTER);
    both.wait("Listing format");
    both.look_alike("mc's menu");
    both.press_and_look(&ESCAPE.repeat(2), "mc without its menu");
    both.press(F10);
    both.wait(PROMPT);
}

/// Its figures differ from one look to the next; where they stand does not.
fn processes(both: &mut Both) {
    both.run("htop", "F10Quit");
    for part in ["0[", "1[", "Mem[", "Swp[", "Tasks:", "Load average:", "Uptime:"] {
        both.wait(part);
    }
    both.press(F5);
    both.wait("F5List");
    both.wait("├─ ");
    both.look_alike_in("htop's keys", ROWS - 1..ROWS);
    both.press(F10);
    both.wait(PROMPT);
}

fn multiplexer(both: &mut Both) {
    // A server of its own for each; what its foot tells of the clock is left out.
    both.run("tmux -L $(basename $SSH_TTY)", "[0] 0:bash*");
    both.press(CTRL_B);
    both.press("%");
    both.wait_count(PROMPT, 2);
    both.press(CTRL_B);
    both.press("\"");
    both.wait_count(PROMPT, 3);
    both.press("echo $(tput cols) by $(tput lines)\r");
    both.wait("49 by 13");
    both.look_alike_in("tmux in three parts", 0..ROWS - 1);
    both.has(&["│", "├", "─"]);
    both.press(CTRL_B);
    both.press(LEFT);
    both.press("echo left-$((6 * 7))\r");
    both.wait("left-42");
    both.look_alike_in("tmux with the left part chosen", 0..ROWS - 1);
    both.press("tmux -L $(basename $SSH_TTY) kill-server\r");
    both.wait("exited]");
}

/// A line that knows no size and whose terminal is a vt220: the programs draw, and keys reach them.
fn on_the_serial_line(screen: &mut Terminal) {
    screen.press("c");
    screen.wait_for("Ctrl-] is twarga's", SOON);
    screen.press("\r");
    screen.wait("a login", BOOT, |shown| {
        let last = shown.lines().rfind(|it| it.contains("login:"));
        last.is_some_and(|it| it.trim_end() == format!("{NAME} login:"))
    });
    screen.press(&format!("{USER}\r"));
    screen.wait_for("Password:", SOON);
    let mut typed: Option<Instant> = None;
    wait_until("a prompt", BOOT, || {
        if typed.is_none_or(|it| it.elapsed() > RETYPE) {
            screen.press(&format!("{PASSWORD}\r"));
            typed = Some(Instant::now());
        }
        screen.screen().contains(PROMPT)
    });
    screen.press("clear; htop\r");
    screen.wait_for("F10Quit", BOOT);
    screen.press(F10);
    screen.wait_gone("F10Quit", BOOT);
    screen.press("clear; mc -u boxes boxes\r");
    screen.wait("mc's frames", BOOT, |shown| {
        shown.contains("10Quit") && shown.contains("/two") && shown.contains('┌')
    });
    screen.press(DOWN);
    screen.press(F10);
    screen.wait_gone("10Quit", BOOT);
    screen.wait_for(PROMPT, BOOT);
    screen.press("exit\r");
    screen.press(LEADER);
    screen.press("x");
    screen.wait_for("1 running", SOON);
}
