//! One's own SSH keys, from a file, pasted, and chosen on a terminal.

use super::bench::{Bench, PASSWORD, finish};
use super::terminal::Terminal;
use serde_json::json;

const ED25519: &str = include_str!("../fixtures/keys/ed25519.pub");
const RSA: &str = include_str!("../fixtures/keys/rsa2048.pub");
const DSA: &str = include_str!("../fixtures/keys/dsa1024.pub");
const PRINT: &str = "SHA256:2bIVtgGn9HdK0HOOXTfzJ0R7I6b1XX0eaSfVjhBdBXY";
const RSA_PRINT: &str = "SHA256:Wi3WHFewVCHjwzhzqG/wxyRksBL6v94DtOomoduyRwc";

#[test]
fn keys_come_from_a_file_or_a_pipe_and_go() {
    let bench = Bench::with_alice();
    assert_eq!(bench.json("key list"), json!([]));
    std::fs::write(bench.path("mine.pub"), ED25519).unwrap();
    let added = bench.json("key add --file mine.pub --name laptop");
    assert_eq!(
        (
            &added[0]["id"],
            &added[0]["name"],
            &added[0]["kind"],
            &added[0]["fingerprint"]
        ),
        (&json!(1), &json!("laptop"), &json!("ed25519"), &json!(PRINT))
    );
    let run = bench.run_with("key add", RSA);
    run.expect(0);
    assert!(run.out.contains(RSA_PRINT), "{}", run.out);
    let list = bench.run("key list");
    for part in ["laptop", PRINT, "alice@rsa2048", "rsa 2048", RSA_PRINT] {
        assert!(list.out.contains(part), "{part}: {}", list.out);
    }
    let removed = bench.json("key remove 1");
    assert_eq!(removed, json!({ "removed": 1, "fingerprint": PRINT }));
    bench.run(&format!("key remove {RSA_PRINT}")).expect(0);
    assert_eq!(bench.json("keys ls"), json!([]));
    let log = bench.run("event list");
    assert!(
        log.out.contains(&format!("removed the SSH key laptop {PRINT}")),
        "{}",
        log.out
    );
}

#[test]
fn refusals_have_their_exit_codes() {
    let bench = Bench::with_alice();
    bench.run_with("key add", ED25519).expect(0);
    bench
        .run_with("key add", ED25519)
        .expect(6)
        .says(&[PRINT, "already"]);
    bench.run_with("key add", DSA).expect(2).says(&["DSA"]);
    bench.run_with("key add", "").expect(2).says(&["there is no key"]);
    bench
        .run_with("key add", &"#\n".repeat(40_000))
        .expect(2)
        .says(&["64 KiB"]);
    let with_options = format!("command=\"sh\" {RSA}");
    bench
        .run_with("key add", &with_options)
        .expect(2)
        .says(&["options"]);
    std::fs::write(bench.path("id"), "-----BEGIN OPENSSH PRIVATE KEY-----\n").unwrap();
    bench.run("key add --file id").expect(2).says(&[".pub"]);
    bench
        .run("key add --file not-there")
        .expect(2)
        .says(&["not-there"]);
    bench.run("key remove 7").expect(5).says(&["twarga key list"]);
    bench
        .run_with("register bob --email bob@example.org --password-stdin", PASSWORD)
        .expect(0);
    bench.run(&format!("key remove {PRINT}")).expect(5);
    bench.run("logout").expect(0);
    bench.run("key list").expect(4);
}

#[test]
fn on_a_terminal_the_keys_of_the_home_are_offered() {
    let bench = Bench::with_alice();
    std::fs::create_dir(bench.path(".ssh")).unwrap();
    for (name, text) in [("a.pub", ED25519), ("b.pub", RSA), ("c.pub", DSA), ("d", RSA)] {
        std::fs::write(bench.path(".ssh").join(name), text).unwrap();
    }
    let mut terminal = Terminal::new(&bench, "key add");
    terminal.wait_for("Which (numbers, `all`)");
    for part in [PRINT, RSA_PRINT, "~/.ssh/a.pub"] {
        assert!(terminal.shown.contains(part), "{part}: {}", terminal.shown);
    }
    assert!(!terminal.shown.contains("c.pub"), "it would be refused");
    terminal.type_line("2");
    assert_eq!(terminal.end(), 0, "{}", terminal.shown);
    assert_eq!(bench.json("key list")[0]["fingerprint"], RSA_PRINT);

    let mut terminal = Terminal::new(&bench, "key add");
    terminal.wait_for("Which (numbers, `all`)");
    assert!(!terminal.shown.contains(RSA_PRINT), "that one is added");
    terminal.type_line("2");
    assert_eq!(terminal.end(), 2, "{}", terminal.shown);
    assert!(terminal.shown.contains("there is no 2"), "{}", terminal.shown);

    std::fs::remove_dir_all(bench.path(".ssh")).unwrap();
    let mut terminal = Terminal::new(&bench, "key add --name pasted");
    terminal.wait_for("Paste a public key: ");
    terminal.type_line(ED25519.trim());
    assert_eq!(terminal.end(), 0, "{}", terminal.shown);
    assert_eq!(bench.json("key list")[1]["name"], "pasted");
}

#[test]
fn a_link_to_a_pipe_is_not_waited_for() {
    let bench = Bench::with_alice();
    std::fs::create_dir(bench.path(".ssh")).unwrap();
    let pipe = bench.path(".ssh/pipe.pub");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut terminal = Terminal::new(&bench, "key add");
    terminal.wait_for("Paste a public key: ");
    terminal.type_line("");
    assert_eq!(terminal.end(), 2, "{}", terminal.shown);
    // Named by hand, its end is the user's business; a folder is none.
    let run = finish(&mut bench.command("key add --file .ssh"), "");
    run.expect(2);
}
