//! Several processes and threads on one database: nothing lost, nobody kept waiting for ever.

use super::*;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use twarga::store::{ChainReport, Error, EventQuery};

fn spawn(folder: &Path, name: &str) -> Child {
    fs::write(folder.join(MARK), "").unwrap();
    play(name)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

#[test]
#[ignore = "a process of the tests below"]
fn child_hammer() {
    if is_child() {
        let store = Store::open(Path::new("state"), now()).unwrap();
        for _ in 0..150 {
            store.write(now(), append).unwrap();
        }
    }
}

#[test]
fn three_processes_that_open_migrate_and_write_at_once_lose_nothing() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let children: Vec<Child> = (0..3)
            .map(|_| spawn(folder.path(), "processes::child_hammer"))
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
        let report = open(&folder).unwrap().verify_chain().unwrap();
        let (rows, broken_at) = (450, None);
        assert_eq!(report, ChainReport { rows, broken_at });
    }
}

#[test]
#[ignore = "a process of the tests below"]
fn child_writes_for_ever() {
    if is_child() {
        let store = Store::open(Path::new("state"), now()).unwrap();
        loop {
            let id = store.write(now(), append).unwrap();
            tell(&format!("wrote {id}"));
        }
    }
}

#[test]
fn what_was_acknowledged_outlives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut child = spawn(folder.path(), "processes::child_writes_for_ever");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let written: Vec<i64> = lines
            .map_while(std::io::Result::ok)
            .filter_map(|line| line.strip_prefix("wrote ")?.parse().ok())
            .take(40)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(&folder).unwrap();
        let report = store.verify_chain().unwrap();
        assert_eq!(report.broken_at, None);
        assert!(report.rows >= *written.last().unwrap() as u64);
    }
}

#[test]
#[ignore = "a process of the tests below"]
fn child_holds_the_lock() {
    if is_child() {
        let store = Store::open(Path::new("state"), now()).unwrap();
        let held: Result<i64> = store.write(now(), |writer| {
            let id = append(writer)?;
            tell("holds");
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            Ok(id)
        });
        held.unwrap();
    }
}

#[test]
fn a_process_stopped_in_a_write_delays_others_for_a_bounded_time_and_readers_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    let mut child = spawn(folder.path(), "processes::child_holds_the_lock");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "holds"));
    assert!(matches!(store.write(now(), append), Err(Error::Locked)));
    let seen = store.read(|reader| reader.events(EventQuery::default())).unwrap();
    assert_eq!(seen, []);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(store.write(now(), append).unwrap(), 2);
}

#[test]
fn readers_do_not_keep_the_log_from_being_cut() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    let page = EventQuery {
        limit: 3,
        ..EventQuery::default()
    };
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    store.read(|reader| reader.events(page)).unwrap();
                }
            });
        }
        for _ in 0..300 {
            let long = serde_json::json!("x".repeat(100_000));
            let event = NewEvent::new(EventType::System, Severity::Info, "test.long", "x").details(long);
            store.write(now(), |writer| writer.append_event(&event)).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let log = fs::metadata(database(&folder).with_extension("db-wal"))
        .unwrap()
        .len();
    assert!(log < 16 << 20, "30 MB were written, the log has {log} bytes");
}
