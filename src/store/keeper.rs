//! The keeper's row: who does the background work, since when, and is it alive.

use super::query::{optional_word, time, word};
use super::{Error, Reader, Result, Writer};
use jiff::Timestamp;
use rusqlite::params;

/// Number of a keeper's reign; each new keeper has a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub i64);

/// What kind of process keeps; the greater outranks the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeeperKind {
    /// A command that waits for its operation where no other keeper is.
    Command,
    /// A screen.
    Tui,
    /// `twarga serve`.
    Serve,
}

impl KeeperKind {
    const ALL: [KeeperKind; 3] = [Self::Command, Self::Tui, Self::Serve];

    /// The word the database uses.
    fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Tui => "tui",
            Self::Serve => "serve",
        }
    }

    /// The kind a word of the database stands for.
    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The keeper's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperRow {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its process.
    pub pid: u32,
    /// What it is.
    pub kind: KeeperKind,
    /// Its last heartbeat.
    pub beat_at: Timestamp,
    /// It gave the work up; nobody has taken it over yet.
    pub released: bool,
    /// A process of higher rank asks for the work.
    pub wanted_by: Option<KeeperKind>,
}

impl Reader<'_> {
    /// The last keeper, if there ever was one.
    pub fn keeper(&self) -> Result<Option<KeeperRow>> {
        self.row(
            "reading the keeper",
            "SELECT epoch, pid, kind, beat_at, released, wanted_by FROM keeper",
            [],
            |row| {
                Ok(KeeperRow {
                    epoch: Epoch(row.get("epoch")?),
                    pid: row.get("pid")?,
                    kind: word(row, "kind", KeeperKind::parse)?,
                    beat_at: time(row, "beat_at")?,
                    released: row.get("released")?,
                    wanted_by: optional_word(row, "wanted_by", KeeperKind::parse)?,
                })
            },
        )
    }
}

impl Writer<'_> {
    /// Begins a reign: the caller holds the file lock.
    pub fn claim_keeper(&self, pid: u32, kind: KeeperKind) -> Result<Epoch> {
        let epoch = self.one(
            "becoming the keeper",
            "INSERT INTO keeper (id, epoch, pid, kind, beat_at, released) VALUES (1, 1, ?1, ?2, ?3, 0)
             ON CONFLICT (id) DO UPDATE
             SET epoch = epoch + 1, pid = excluded.pid, kind = excluded.kind, beat_at = excluded.beat_at,
                 released = 0, wanted_by = NULL
             RETURNING epoch",
            params![pid, kind.as_str(), self.now_ms()],
            |row| row.get(0),
        )?;
        Ok(Epoch(epoch))
    }
    /// Shows that the keeper lives. `Superseded` if its reign is over.
    pub fn beat(&self, epoch: Epoch) -> Result<()> {
        self.check_reign(epoch)?;
        self.change_one(
            "keeper",
            "noting the keeper's heartbeat",
            "UPDATE keeper SET beat_at = ?1",
            [self.now_ms()],
        )
    }
    /// Ends a reign in good order; nothing more can be written in its name. `Superseded` if it is
    /// over already.
    pub fn release_keeper(&self, epoch: Epoch) -> Result<()> {
        self.check_reign(epoch)?;
        self.change_one(
            "keeper",
            "giving the keeper's work up",
            "UPDATE keeper SET released = 1, beat_at = ?1",
            [self.now_ms()],
        )
    }
    /// Asks the present keeper to give way. Of several that ask, the one of highest rank stands;
    /// where there never was a keeper, there is nobody to ask.
    pub fn want_keeper(&self, kind: KeeperKind) -> Result<()> {
        let asked = self.keeper()?.and_then(|row| row.wanted_by);
        self.change(
            "asking for the keeper's work",
            "UPDATE keeper SET wanted_by = ?1",
            [asked.max(Some(kind)).map(KeeperKind::as_str)],
        )?;
        Ok(())
    }

    /// Refuses to go on unless `epoch` is the present reign and not given up.
    pub(super) fn check_reign(&self, epoch: Epoch) -> Result<()> {
        let reigns = self.exists(
            "checking the keeper's epoch",
            "SELECT 1 FROM keeper WHERE epoch = ?1 AND released = 0",
            [epoch.0],
        )?;
        if reigns { Ok(()) } else { Err(Error::Superseded) }
    }
}
