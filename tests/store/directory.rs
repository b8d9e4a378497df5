//! The state directory and its disk: made private, refused when it is not, full or read-only.

use super::*;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use twarga::store::{ChainReport, Error};

/// Exit status of a script that could not set its stage.
const NO_STAGE: i32 = 77;

/// The words of a refusal for the state directory or a file in it.
fn complaint(folder: &TempDir) -> String {
    match open(folder) {
        Err(Error::State { path, reason }) => format!("{}: {reason}", path.display()),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it was opened"),
    }
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
        let child = play("directory::child_checks_modes");
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
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
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
        "directory::child_fills_the_disk",
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
    on_a_stage(folder.path(), mount, "directory::child_reads_only");
}
