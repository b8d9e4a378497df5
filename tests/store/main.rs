//! The database among processes, and what stands in the state directory when it should not:
//! other programs' files, newer and damaged ones, open modes, full and read-only disks, a process
//! that is killed and one that is stopped.
//!
//! Other processes are this test binary again, running one of the `child_…` functions in a folder
//! that holds [`MARK`]; without the mark those do nothing, so `--ignored` is harmless.

#![cfg(test)]

mod directory;
mod files;
mod processes;

use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use twarga::model::{EventType, NewEvent, Severity};
use twarga::store::{Result, Store, Writer};

const MARK: &str = "children-play-here";

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

fn play(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--nocapture", "--exact", name]);
    command
}

/// In a child: whether it was started by a test; its folder is the present one.
fn is_child() -> bool {
    Path::new(MARK).exists()
}
