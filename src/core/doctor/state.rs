//! The state directory, its database, and who keeps.

use super::{Check, Patient};
use crate::core::time;
use crate::store::{self, KeeperKind, KeeperRow, Store};
use jiff::SignedDuration;
use std::os::unix::fs::MetadataExt;

/// A keeper that has not shown itself for so long is stopped or stuck.
const SILENCE: SignedDuration = SignedDuration::from_secs(10);

/// Looks without making anything: an absent directory is made at the first start.
pub fn directory(patient: &Patient) -> Vec<Check> {
    let directory = &patient.state_dir;
    let shown = directory.display();
    match std::fs::metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Check::ok(
                "state directory",
                format!("{shown} will be made at the first start"),
            )];
        }
        Err(error) => {
            let mend = format!("make it readable to you, or name another with --state-dir: `ls -ld {shown}`");
            return vec![Check::bad("state directory", format!("{shown}: {error}"), mend)];
        }
        Ok(_) => {}
    }
    if !directory.join("twarga.db").exists() {
        return vec![empty(patient)];
    }
    let store = match Store::open(directory, (patient.clock)()) {
        Ok(store) => store,
        Err(error) => return vec![refused(&error)],
    };
    let mut checks = vec![Check::ok("state directory", format!("{shown}, private"))];
    checks.push(database(&store));
    checks.push(keeper(&store, patient));
    checks
}

/// A directory without a database: only its mode can be wrong yet.
fn empty(patient: &Patient) -> Check {
    let shown = patient.state_dir.display();
    match std::fs::metadata(&patient.state_dir) {
        Ok(meta) if meta.mode() & 0o077 != 0 => Check::bad(
            "state directory",
            format!("{shown} is open to others (mode {:o})", meta.mode() & 0o777),
            format!("chmod 700 {shown}"),
        ),
        _ => Check::ok("state directory", format!("{shown}, without a database yet")),
    }
}

fn refused(error: &store::Error) -> Check {
    let (name, mend) = match error {
        store::Error::Newer { .. } => ("database", "install that newer twarga"),
        store::Error::Corrupt { .. } => ("database", "put a copy back, or use another --state-dir"),
        store::Error::Full => ("database", "free some room on that disk"),
        store::Error::Locked => (
            "database",
            "look for the process that holds it: `fuser -v twarga.db`",
        ),
        _ => (
            "state directory",
            "do as it says, or name another with --state-dir",
        ),
    };
    Check::bad(name, error.to_string(), mend)
}

fn database(store: &Store) -> Check {
    let looked =
        store.read(|reader| Ok::<_, store::Error>((reader.schema_version()?, reader.quick_check()?)));
    match looked {
        Ok((schema, None)) => Check::ok("database", format!("schema {schema}, its structure is whole")),
        Ok((_, Some(damage))) => Check::bad(
            "database",
            format!("damaged: {damage}"),
            "end every twarga, keep a copy of the file, then `sqlite3 twarga.db .recover`",
        ),
        Err(error) => refused(&error),
    }
}

fn keeper(store: &Store, patient: &Patient) -> Check {
    const NAME: &str = "keeper";
    let row = match store.read(|reader| reader.keeper()) {
        Ok(row) => row,
        Err(error) => return refused(&error),
    };
    let Some(KeeperRow {
        pid, kind, beat_at, ..
    }) = row.filter(|row| !row.released)
    else {
        return Check::ok(NAME, "nobody keeps now; the next twarga that runs does");
    };
    let what = match kind {
        KeeperKind::Command => "a command",
        KeeperKind::Tui => "a screen",
        KeeperKind::Serve => "twarga serve",
    };
    if (patient.clock)().duration_since(beat_at) <= SILENCE {
        return Check::ok(NAME, format!("{what} (process {pid})"));
    }
    // A keeper that was killed leaves its row; its lock is free, and the next one takes it.
    if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
        return Check::ok(NAME, format!("nobody keeps now; {what} (process {pid}) died"));
    }
    Check::warning(
        NAME,
        format!(
            "{what} (process {pid}) has shown no life since {}",
            time::clock(beat_at)
        ),
        format!("`kill -CONT {pid}` lets it go on, `kill {pid}` lets another take over"),
    )
}
