//! No password or token reaches an argument, a log or the terminal.

use super::bench::{Bench, PASSWORD};
use super::terminal::Terminal;
use std::process::Command;

#[test]
fn nothing_that_is_kept_holds_a_password() {
    let bench = Bench::with_alice();
    bench
        .run_with("-vv login alice --password-stdin", PASSWORD)
        .expect(0);
    bench
        .run_with("-vv login alice --password-stdin", "hunter2-hunter2")
        .expect(4);
    bench.run_with("-vv vm create web-1 --password-stdin", PASSWORD);
    let token = std::fs::read_to_string(bench.state().join("token")).unwrap();
    let logs = bench.state().join("logs");
    let mut looked_at = 0;
    for file in bench.state_files() {
        let bytes = std::fs::read(&file).unwrap();
        let holds = |secret: &str| {
            bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        };
        for secret in [PASSWORD, "hunter2-hunter2"] {
            assert!(!holds(secret), "{} holds a password", file.display());
        }
        if file.starts_with(&logs) {
            looked_at += 1;
            assert!(!holds(&token), "{} holds a token", file.display());
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{} is open to others", file.display());
    }
    assert!(looked_at > 0, "there is a log");
}

#[test]
fn the_log_is_one_json_document_a_line() {
    let bench = Bench::with_alice();
    bench.run("-vv whoami").expect(0);
    let mut command = bench.command("whoami");
    command.env("TWARGA_NONSENSE", "1");
    super::bench::finish(&mut command, "").expect(0);
    let mut lines = 0;
    for file in super::bench::files(&bench.state().join("logs")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(
                event["level"].is_string() && event["timestamp"].is_string(),
                "{event}"
            );
            lines += 1;
        }
    }
    assert!(lines > 0, "something was logged");
}

#[test]
fn a_password_is_typed_without_echo() {
    let bench = Bench::with_alice();
    let mut terminal = Terminal::new(&bench, "login alice");
    terminal.wait_for("Password: ");
    terminal.type_line(PASSWORD);
    terminal.wait_for("signed in as alice");
    assert!(terminal.child.wait().unwrap().success());
    assert!(!terminal.shown.contains(PASSWORD), "{:?}", terminal.shown);
    assert!(terminal.echoes(), "the echo is back");
}

#[test]
fn a_signal_at_the_prompt_brings_the_echo_back() {
    for signal in ["INT", "TERM", "HUP"] {
        let bench = Bench::with_alice();
        let mut terminal = Terminal::new(&bench, "login alice");
        terminal.wait_for("Password: ");
        let pid = terminal.child.process_id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        let ended = terminal.child.wait().unwrap();
        assert_eq!(ended.exit_code(), 1, "SIG{signal}");
        assert!(terminal.echoes(), "SIG{signal}: the echo is back");
    }
}
