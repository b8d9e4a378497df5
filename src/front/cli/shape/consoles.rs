//! The shapes of consoles and recordings.

use crate::model::text::visible;
use crate::model::{ConsoleSession, Recording, RecordingMode, VmName};
use jiff::Timestamp;
use serde::Serialize;

/// A console that is open.
#[derive(Debug, Serialize)]
pub struct ConsoleShape {
    id: i64,
    vm_id: i64,
    vm: String,
    owner_id: i64,
    user_id: i64,
    user: String,
    kind: &'static str,
    source: String,
    opened_at: Timestamp,
    last_input_at: Timestamp,
    idle: i64,
}

pub(in crate::front::cli) const CONSOLE_HELP: &str = "\
JSON: an array of consoles, oldest first, each with
  id, vm_id, vm, owner_id (of the machine), user_id, user, kind (serial|ssh), source (where the user
  is), opened_at, last_input_at (to within 30 s), idle (seconds since then)";

impl ConsoleShape {
    /// A console as known at `now`.
    pub fn new(console: &ConsoleSession, now: Timestamp) -> Self {
        Self {
            id: console.id.0,
            vm_id: console.vm.0,
            vm: visible(&console.vm_name).into_owned(),
            owner_id: console.owner.0,
            user_id: console.user.0,
            user: visible(&console.username).into_owned(),
            kind: console.kind.as_str(),
            source: visible(&console.source).into_owned(),
            opened_at: console.opened_at,
            last_input_at: console.last_input_at,
            idle: idle(console, now),
        }
    }
}

/// Seconds since something was typed.
pub(in crate::front::cli) fn idle(console: &ConsoleSession, now: Timestamp) -> i64 {
    now.duration_since(console.last_input_at).as_secs().max(0)
}

/// How many consoles were ended.
#[derive(Debug, Serialize)]
pub struct EndedShape {
    /// So many.
    pub ended: usize,
}

/// Whether a machine's consoles are recorded.
#[derive(Debug, Serialize)]
pub struct RecordShape {
    vm: String,
    mode: &'static str,
}

impl RecordShape {
    /// A machine's setting.
    pub fn new(vm: &VmName, mode: RecordingMode) -> Self {
        Self {
            vm: vm.to_string(),
            mode: mode.as_str(),
        }
    }
}

/// A recording.
#[derive(Debug, Serialize)]
pub struct RecordingShape {
    id: i64,
    vm_id: i64,
    vm: String,
    owner_id: i64,
    user_id: i64,
    user: String,
    input: bool,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    bytes: Option<u64>,
}

pub(in crate::front::cli) const RECORDING_HELP: &str = "\
JSON: an array of recordings, newest first, each with
  id, vm_id, vm, owner_id (of the machine), user_id, user (who sat there), input (whether what was
  typed is in it), started_at, ended_at (null while it goes on), bytes (null until it ended)";

impl From<&Recording> for RecordingShape {
    fn from(recording: &Recording) -> Self {
        Self {
            id: recording.id.0,
            vm_id: recording.vm.0,
            vm: visible(&recording.vm_name).into_owned(),
            owner_id: recording.owner.0,
            user_id: recording.user.0,
            user: visible(&recording.username).into_owned(),
            input: recording.input,
            started_at: recording.started_at,
            ended_at: recording.ended_at,
            bytes: recording.bytes,
        }
    }
}

/// A recording that is gone.
#[derive(Debug, Serialize)]
pub struct RemovedShape {
    /// Its number.
    pub removed: i64,
}
