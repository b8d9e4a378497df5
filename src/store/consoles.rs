//! Consoles and their recordings.

use super::query::{integer, optional_time, optional_word, time, word};
use super::{Error, Reader, Result, Writer};
use crate::model::{
    ConsoleId, ConsoleKind, ConsoleSession, Ending, Recording, RecordingId, RecordingMode, UserId, VmId,
};
use jiff::Timestamp;
use rusqlite::{Row, params};
use uuid::Uuid;

const CONSOLE: &str = "SELECT consoles.id, consoles.vm, vms.name AS vm_name, consoles.owner, consoles.user,
                              username, kind, source, opened_at, last_input_at, ended_at, ending
                       FROM consoles JOIN vms ON vms.id = consoles.vm
                                     JOIN users ON users.id = consoles.user";
const RECORDING: &str = "SELECT recordings.id, vm, vm_name, owner, user, username, input, started_at,
                                ended_at, bytes
                         FROM recordings JOIN users ON users.id = user";

/// A console about to be opened.
pub struct NewConsole<'a> {
    /// To which machine.
    pub vm: VmId,
    /// Whose machine.
    pub owner: UserId,
    /// By whom.
    pub user: UserId,
    /// In which session.
    pub session: Uuid,
    /// How.
    pub kind: ConsoleKind,
    /// From where.
    pub source: &'a str,
    /// By which process.
    pub process: Process,
}

/// A process of this host, told from a later one with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, clock ticks since the host's boot.
    pub started: u64,
}

impl Reader<'_> {
    /// A console by row, open or ended.
    pub fn console(&self, id: ConsoleId) -> Result<Option<ConsoleSession>> {
        self.row(
            "reading a console",
            &format!("{CONSOLE} WHERE consoles.id = ?1"),
            [id.0],
            console,
        )
    }
    /// How a console ended, and who ended it if somebody else did; `None` while it is open.
    pub fn console_end(&self, id: ConsoleId) -> Result<Option<(Ending, Option<String>)>> {
        self.row(
            "reading a console's end",
            "SELECT ending, username FROM consoles LEFT JOIN users ON users.id = ended_by
             WHERE consoles.id = ?1 AND ended_at IS NOT NULL",
            [id.0],
            |row| Ok((word(row, "ending", Ending::parse)?, row.get("username")?)),
        )
    }
    /// Consoles without an end, oldest first, with the processes that have them.
    pub fn open_consoles(&self) -> Result<Vec<(ConsoleSession, Process)>> {
        self.rows(
            "listing consoles",
            &format!(
                "SELECT inner.*, pid, pid_started FROM ({CONSOLE} WHERE ended_at IS NULL) AS inner
                 JOIN consoles USING (id) ORDER BY id"
            ),
            [],
            |row| {
                let started: i64 = row.get("pid_started")?;
                let process = Process {
                    pid: row.get("pid")?,
                    started: started.cast_unsigned(),
                };
                Ok((console(row)?, process))
            },
        )
    }
    /// Recordings, newest first; those of one owner's machines, or all.
    pub fn recordings(&self, owner: Option<UserId>) -> Result<Vec<Recording>> {
        self.rows(
            "listing recordings",
            &format!("{RECORDING} WHERE recordings.removed_at IS NULL AND owner = ifnull(?1, owner) ORDER BY recordings.id DESC"),
            [owner.map(|owner| owner.0)],
            recording,
        )
    }
    /// A recording that was not removed.
    pub fn recording(&self, id: RecordingId) -> Result<Option<Recording>> {
        self.row(
            "reading a recording",
            &format!("{RECORDING} WHERE recordings.id = ?1 AND recordings.removed_at IS NULL"),
            [id.0],
            recording,
        )
    }
    /// Recordings that began before a moment.
    pub fn recordings_before(&self, moment: Timestamp) -> Result<Vec<RecordingId>> {
        self.rows(
            "looking for old recordings",
            "SELECT id FROM recordings WHERE started_at < ?1 AND removed_at IS NULL",
            [moment.as_millisecond()],
            |row| Ok(RecordingId(row.get(0)?)),
        )
    }
    /// Whether a machine's consoles are recorded.
    pub fn recording_mode(&self, vm: VmId) -> Result<RecordingMode> {
        let mode = self.row(
            "reading whether a machine is recorded",
            "SELECT recording FROM vms WHERE id = ?1",
            [vm.0],
            |row| word(row, "recording", RecordingMode::parse),
        )?;
        Ok(mode.unwrap_or_default())
    }
}

impl Writer<'_> {
    /// Opens a console. `Taken("serial line")` if somebody has it.
    pub fn insert_console(&self, console: &NewConsole<'_>) -> Result<ConsoleId> {
        let serial = console.kind == ConsoleKind::Serial;
        if serial
            && self.exists(
                "looking for a console",
                "SELECT 1 FROM consoles WHERE vm = ?1 AND kind = 'serial' AND ended_at IS NULL",
                [console.vm.0],
            )?
        {
            return Err(Error::Taken("serial line"));
        }
        let id = self.insert(
            "opening a console",
            "INSERT INTO consoles (vm, owner, user, session, kind, source, pid, pid_started, opened_at,
                                   last_input_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
            params![
                console.vm.0,
                console.owner.0,
                console.user.0,
                console.session.to_string(),
                console.kind.as_str(),
                console.source,
                console.process.pid,
                integer(console.process.started),
                self.now_ms()
            ],
        )?;
        Ok(ConsoleId(id))
    }
    /// Notes that something was typed.
    pub fn touch_console(&self, id: ConsoleId) -> Result<()> {
        self.change(
            "noting what was typed",
            "UPDATE consoles SET last_input_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
            params![id.0, self.now_ms()],
        )?;
        Ok(())
    }
    /// Ends a console; false if it had ended.
    pub fn end_console(&self, id: ConsoleId, ending: Ending, by: Option<UserId>) -> Result<bool> {
        let changed = self.change(
            "ending a console",
            "UPDATE consoles SET ended_at = ?2, ending = ?3, ended_by = ?4
             WHERE id = ?1 AND ended_at IS NULL",
            params![id.0, self.now_ms(), ending.as_str(), by.map(|by| by.0)],
        )?;
        Ok(changed > 0)
    }
    /// Begins a recording.
    pub fn insert_recording(&self, console: &ConsoleSession, input: bool) -> Result<RecordingId> {
        let id = self.insert(
            "beginning a recording",
            "INSERT INTO recordings (console, vm, vm_name, owner, user, input, started_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                console.id.0,
                console.vm.0,
                console.vm_name,
                console.owner.0,
                console.user.0,
                input,
                self.now_ms()
            ],
        )?;
        Ok(RecordingId(id))
    }
    /// Ends a recording at its size.
    pub fn end_recording(&self, id: RecordingId, bytes: u64) -> Result<()> {
        self.change_one(
            "recording",
            "ending a recording",
            "UPDATE recordings SET ended_at = ?2, bytes = ?3 WHERE id = ?1",
            params![id.0, self.now_ms(), integer(bytes)],
        )
    }
    /// Turns a recording's row into a tombstone.
    pub fn remove_recording(&self, id: RecordingId) -> Result<()> {
        self.change_one(
            "recording",
            "removing a recording",
            "UPDATE recordings SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![id.0, self.now_ms()],
        )
    }
    /// Says whether a machine's consoles are recorded from now on.
    pub fn set_recording_mode(&self, vm: VmId, mode: RecordingMode) -> Result<()> {
        self.change_one(
            "machine",
            "saying whether a machine is recorded",
            "UPDATE vms SET recording = ?2 WHERE id = ?1 AND removed_at IS NULL",
            params![vm.0, mode.as_str()],
        )
    }
}

fn console(row: &Row<'_>) -> rusqlite::Result<ConsoleSession> {
    let ended_at = optional_time(row, "ended_at")?;
    let ending = optional_word(row, "ending", Ending::parse)?;
    Ok(ConsoleSession {
        id: ConsoleId(row.get("id")?),
        vm: VmId(row.get("vm")?),
        vm_name: row.get("vm_name")?,
        owner: UserId(row.get("owner")?),
        user: UserId(row.get("user")?),
        username: row.get("username")?,
        kind: word(row, "kind", ConsoleKind::parse)?,
        source: row.get("source")?,
        opened_at: time(row, "opened_at")?,
        last_input_at: time(row, "last_input_at")?,
        ended: ended_at.zip(ending),
    })
}

fn recording(row: &Row<'_>) -> rusqlite::Result<Recording> {
    let bytes: Option<i64> = row.get("bytes")?;
    Ok(Recording {
        id: RecordingId(row.get("id")?),
        vm: VmId(row.get("vm")?),
        vm_name: row.get("vm_name")?,
        owner: UserId(row.get("owner")?),
        user: UserId(row.get("user")?),
        username: row.get("username")?,
        input: row.get("input")?,
        started_at: time(row, "started_at")?,
        ended_at: optional_time(row, "ended_at")?,
        bytes: bytes.map(i64::unsigned_abs),
    })
}
