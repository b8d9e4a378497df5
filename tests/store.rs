//! The database among processes, and what stands in the state directory when it should not:
//! other programs' files, newer and damaged ones, open modes, full and read-only disks, a process
//! that is killed and one that is stopped.
//!
//! Other processes are this test binary again, running one of the `child_…` functions in a folder
//! that holds [`MARK`]; without the mark those do nothing, so `--ignored` is harmless.

#![cfg(test)]

use jiff::Timestamp;
use rusqlite::Connection;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use twarga::model::{EventType, NewEvent, Severity};
use twarga::store::{ChainReport, Error, EventQuery, Result, Store, Writer};

const MARK: &str = "children-play-here";

/// Exit status of a script that could not set its stage.
const NO_STAGE: i32 = 77;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn open(folder: &TempDir) -> Result<Store> {
    Store::open(&folder.path().join("state"), now())
}

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("state/twarga.db")
}

fn append(writer: &Writer<'_>) -> Result<i64> {
    let event = NewEvent::new(EventType::System, Severity::Info, "test.append", "x");
    Ok(writer.append_event(&event)?.0)
}

/// A folder with a state directory in which nothing is yet, private as twarga wants it.
fn empty_state() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::set_permissions(folder.path().join("state"), Permissions::from_mode(0o700)).unwrap();
    folder
}

/// A state directory whose database is a file of these bytes.
fn state_with(bytes: &[u8]) -> TempDir {
    let folder = empty_state();
    fs::write(database(&folder), bytes).unwrap();
    fs::set_permissions(database(&folder), Permissions::from_mode(0o600)).unwrap();
    folder
}

/// Says why opening is refused, and sees to it that the file is as it was.
fn refusal(folder: &TempDir) -> Error {
    let before = fs::read(database(folder)).unwrap();
    let Err(error) = open(folder) else {
        panic!("it was opened");
    };
    assert!(
        fs::read(database(folder)).unwrap() == before,
        "the file was changed"
    );
    error
}

/// The words of a refusal for the state directory or a file in it.
fn complaint(folder: &TempDir) -> String {
    match open(folder) {
        Err(Error::State { path, reason }) => format!("{}: {reason}", path.display()),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it was opened"),
    }
}

fn play(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--nocapture", "--exact", name]);
    command
}

fn spawn(folder: &Path, name: &str) -> Child {
    fs::write(folder.join(MARK), "").unwrap();
    play(name)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// In a child: whether it was started by a test; its folder is the present one.
fn is_child() -> bool {
    Path::new(MARK).exists()
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
        let children: Vec<Child> = (0..3).map(|_| spawn(folder.path(), "child_hammer")).collect();
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
        let mut child = spawn(folder.path(), "child_writes_for_ever");
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
    let mut child = spawn(folder.path(), "child_holds_the_lock");
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
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    store.read(|reader| reader.events(EventQuery::default())).unwrap();
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

#[test]
fn opening_again_finds_the_same_database() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder).unwrap();
    let schema = |folder: &TempDir| -> Vec<String> {
        let raw = Connection::open(database(folder)).unwrap();
        let mut statement = raw
            .prepare("SELECT ifnull(sql, name) FROM sqlite_schema")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    };
    let before = schema(&folder);
    let second = open(&folder).unwrap();
    assert_eq!(first.instance(), second.instance());
    assert_eq!(schema(&folder), before);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(open(&other).unwrap().instance(), first.instance());
}

#[test]
fn an_empty_file_is_a_new_database() {
    let folder = state_with(b"");
    assert_eq!(open(&folder).unwrap().write(now(), append).unwrap(), 1);
}

#[test]
fn an_empty_file_beside_a_full_log_is_not() {
    let folder = state_with(b"");
    let log = database(&folder).with_extension("db-wal");
    fs::write(&log, "what was committed last").unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(refusal(&folder), Error::Corrupt { .. }));
    assert_eq!(fs::read(&log).unwrap(), b"what was committed last");
}

#[test]
fn what_is_not_a_database_is_refused_and_left_as_it_is() {
    let long: Vec<u8> = (0..50_000u32).map(|n| (n * 7 % 251) as u8).collect();
    for bytes in [
        b"x".as_slice(),
        b"[settings]\nkey = 1\n",
        b"SQLite format 3\0",
        &long,
    ] {
        let folder = state_with(bytes);
        let error = refusal(&folder);
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

#[test]
fn another_programs_database_is_refused_and_left_as_it_is() {
    for sql in [
        "CREATE TABLE bookmarks (url TEXT)",
        "PRAGMA application_id = 7; CREATE TABLE events (id)",
        "PRAGMA user_version = 1; CREATE TABLE users (id)",
    ] {
        let folder = state_with(b"");
        Connection::open(database(&folder))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
        let error = refusal(&folder);
        assert!(error.to_string().contains("another program"), "{error}");
    }
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let raw = Connection::open(database(&folder)).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let error = refusal(&folder);
    assert!(
        matches!(
            error,
            Error::Newer {
                found: 99,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    drop(raw);
    assert!(
        matches!(refusal(&folder), Error::Newer { .. }),
        "also with its log moved in"
    );
}

#[test]
fn a_database_cut_short_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let bytes = fs::read(database(&folder)).unwrap();
    for length in [bytes.len() / 2, 4096, 700] {
        let cut = state_with(&bytes[..length]);
        let error = refusal(&cut);
        assert!(matches!(error, Error::Corrupt { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn damage_in_the_middle_is_named_by_the_read_that_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    store
        .write(now(), |writer| {
            (0..500).try_for_each(|_| append(writer).map(drop))
        })
        .unwrap();
    drop(store);
    let raw = Connection::open(database(&folder)).unwrap();
    let page: u32 = raw
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'events'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(raw);
    let mut bytes = fs::read(database(&folder)).unwrap();
    let end = page as usize * 4096;
    bytes[end - 4096..end].fill(0xa5);
    fs::write(database(&folder), bytes).unwrap();
    let store = open(&folder).unwrap();
    let read: Result<_> = store.read(|reader| reader.events(EventQuery::default()));
    assert!(matches!(read, Err(Error::Corrupt { .. })), "{read:?}");
    assert!(matches!(store.verify_chain(), Err(Error::Corrupt { .. })));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
#[ignore = "a process of the tests below"]
fn child_checks_modes() {
    if is_child() {
        let store = Store::open(Path::new("far/below/state"), now()).unwrap();
        store.write(now(), append).unwrap();
        for directory in ["far/below/state", "far/below", "far"] {
            assert_eq!(mode(Path::new(directory)), 0o700, "{directory}");
        }
        for file in ["twarga.db", "twarga.db-wal", "twarga.db-shm"] {
            let path = Path::new("far/below/state").join(file);
            assert_eq!(mode(&path), 0o600, "{file}");
        }
    }
}

#[test]
fn what_is_made_is_private_whatever_the_umask() {
    for umask in ["0", "022", "077"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARK), "").unwrap();
        let script = format!("umask {umask}; exec \"$@\"");
        let child = play("child_checks_modes");
        let output = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(child.get_program())
            .args(child.get_args())
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "umask {umask}: {text}"
        );
    }
}

#[test]
fn open_modes_are_refused_with_the_command_that_mends_them() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let store = open(&folder).unwrap();
    store.write(now(), append).unwrap();
    for (name, loose, tight) in [
        ("", 0o750, 0o700),
        ("twarga.db", 0o644, 0o600),
        ("twarga.db-wal", 0o602, 0o600),
    ] {
        let path = if name.is_empty() {
            state.clone()
        } else {
            state.join(name)
        };
        fs::set_permissions(&path, Permissions::from_mode(loose)).unwrap();
        let complaint = complaint(&folder);
        let mends = format!("`chmod {tight:o} {}`", fs::canonicalize(&path).unwrap().display());
        assert!(complaint.contains(&mends), "{complaint}");
        fs::set_permissions(&path, Permissions::from_mode(tight)).unwrap();
    }
    open(&folder).unwrap();
}

#[test]
fn the_command_that_mends_can_be_pasted_whatever_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("it's; here");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o755)).unwrap();
    let Err(Error::State { reason, .. }) = Store::open(&state, now()) else {
        panic!("it was opened");
    };
    let command = reason.rsplit('`').nth(1).unwrap();
    assert!(
        Command::new("sh")
            .args(["-c", command])
            .status()
            .unwrap()
            .success()
    );
    Store::open(&state, now()).unwrap();
}

#[test]
fn a_linked_directory_is_fine_and_a_linked_database_is_not() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    symlink(folder.path().join("state"), folder.path().join("link")).unwrap();
    Store::open(&folder.path().join("link"), now()).unwrap();
    fs::rename(database(&folder), folder.path().join("elsewhere.db")).unwrap();
    symlink(folder.path().join("elsewhere.db"), database(&folder)).unwrap();
    assert!(complaint(&folder).contains("not a regular file"));
}

#[test]
fn what_is_no_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state"), "a file").unwrap();
    assert!(complaint(&folder).contains("not a directory"));
    fs::remove_file(folder.path().join("state")).unwrap();
    symlink("nowhere", folder.path().join("state")).unwrap();
    assert!(complaint(&folder).contains("cannot be made"));
}

#[test]
fn somebody_elses_directory_is_refused() {
    let folder = empty_state();
    if chown(folder.path().join("state"), Some(65_534), None).is_err() {
        skipped("only root can give a directory away");
        return;
    }
    let complaint = complaint(&folder);
    assert!(
        complaint.contains("belongs to user 65534") && complaint.contains("chown"),
        "{complaint}"
    );
}

fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "not shown here: {reason}");
}

/// Runs a child below `folder/stage`, on which `mount` puts something in a mount namespace.
fn on_a_stage(folder: &Path, mount: &str, name: &str) {
    fs::create_dir_all(folder.join("stage")).unwrap();
    fs::write(folder.join(MARK), "").unwrap();
    let script = format!("({mount}) || exit {NO_STAGE}; cp {MARK} stage/ 2>/dev/null; cd stage; exec \"$@\"");
    let child = play(name);
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .arg(child.get_program())
        .args(child.get_args())
        .current_dir(folder)
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(NO_STAGE) => output,
        _ => return skipped("no mount namespace can be made"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{errors}"
    );
}

#[test]
#[ignore = "a process of the tests below"]
fn child_fills_the_disk() {
    if is_child() {
        fs::write("ballast", vec![1; 1 << 20]).unwrap();
        let store = Store::open(Path::new("state"), now()).unwrap();
        let long = serde_json::json!("x".repeat(20_000));
        let event = NewEvent::new(EventType::System, Severity::Info, "test.long", "x").details(long);
        let write = || store.write(now(), |writer| writer.append_event(&event));
        let mut count = 0;
        let error = loop {
            match write() {
                Ok(_) => count += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Full), "{error}");
        assert!(matches!(write(), Err(Error::Full)), "and again");
        assert_eq!(
            store.verify_chain().unwrap().rows,
            count,
            "what was written is there"
        );
        fs::remove_file("ballast").unwrap();
        write().unwrap();
        let report = store.verify_chain().unwrap();
        let (rows, broken_at) = (count + 1, None);
        assert_eq!(report, ChainReport { rows, broken_at });
    }
}

#[test]
fn a_full_disk_costs_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    on_a_stage(
        folder.path(),
        "mount -t tmpfs -o size=4m tmpfs stage",
        "child_fills_the_disk",
    );
}

#[test]
#[ignore = "a process of the tests below"]
fn child_reads_only() {
    if is_child() {
        for state in ["made", "not-made"] {
            let Err(Error::State { reason, .. }) = Store::open(Path::new(state), now()) else {
                panic!("{state} was opened");
            };
            let said = reason.to_lowercase();
            assert!(said.contains("read-only file system"), "{reason}");
        }
    }
}

#[test]
fn a_read_only_file_system_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let stage = folder.path().join("stage");
    drop(Store::open(&stage.join("made"), now()).unwrap());
    fs::write(stage.join(MARK), "").unwrap();
    let mount = "mount --bind stage stage && mount -o remount,bind,ro stage";
    on_a_stage(folder.path(), mount, "child_reads_only");
}
