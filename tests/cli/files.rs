//! What the command line's definition gives besides: completions and man pages; and pipes.

use super::bench::Bench;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(&format!("completions {shell}"));
        script.expect(0);
        assert!(script.out.contains("destroy"), "{shell}");
        let check = Command::new(shell)
            .arg("-n")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        // A shell that is not installed cannot judge.
        let Ok(mut check) = check else { continue };
        check
            .stdin
            .take()
            .unwrap()
            .write_all(script.out.as_bytes())
            .unwrap();
        let judged = check.wait_with_output().unwrap();
        assert!(
            judged.status.success(),
            "{shell}: {}",
            String::from_utf8_lossy(&judged.stderr)
        );
    }
    assert!(!bench.state().exists(), "nothing else was made");
}

#[test]
fn the_man_page_renders_and_tells_the_json_shapes() {
    let bench = Bench::new();
    let page = bench.run("man");
    page.expect(0);
    assert!(page.out.contains(".TH twarga"), "{}", page.out);
    assert!(page.out.contains("hypervisor unavailable"));
    std::fs::create_dir(bench.path("man1")).unwrap();
    bench.run("man man1").expect(0);
    let list = std::fs::read_to_string(bench.path("man1/twarga-vm-list.1")).unwrap();
    assert!(list.contains("os_type") && list.contains("uptime"), "{list}");
    bench.run("man absent").expect(1).says(&["absent"]);
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let bench = Bench::new();
    let mut child = bench
        .command("completions zsh")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn a_disk_that_is_full_is_an_error() {
    let bench = Bench::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = bench
        .command("completions zsh")
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output"));
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    let help = Bench::new().run("--help");
    help.expect(0);
    assert!(
        help.out.contains("5 not found") && help.out.contains("twarga vm create"),
        "{}",
        help.out
    );
    Bench::new().run("--version").expect(0);
}
