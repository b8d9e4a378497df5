-- Schema 2: consoles and their recordings; what operations that are over need no more.

-- Somebody at a guest's terminal. A row without an end belongs to a process that lives: `pid` and
-- `pid_started` (clock ticks since the host's boot) tell it from a later one with its number.
CREATE TABLE consoles (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  vm            INTEGER NOT NULL REFERENCES vms (id),
  owner         INTEGER NOT NULL REFERENCES users (id),
  user          INTEGER NOT NULL REFERENCES users (id),
  session       TEXT    NOT NULL CHECK (length(session) = 36),
  kind          TEXT    NOT NULL CHECK (kind IN ('serial', 'ssh')),
  source        TEXT    NOT NULL,
  pid           INTEGER NOT NULL,
  pid_started   INTEGER NOT NULL,
  opened_at     INTEGER NOT NULL,
  last_input_at INTEGER NOT NULL,
  ended_at      INTEGER,
  ending        TEXT    CHECK (ending IN ('left', 'taken', 'stopped', 'idle', 'refused', 'lost',
                                          'finished', 'gone')),
  ended_by      INTEGER REFERENCES users (id),
  CHECK ((ended_at IS NULL) = (ending IS NULL))
) STRICT;
-- A serial line has one at a time. Also finds the open ones without a scan.
CREATE UNIQUE INDEX consoles_serial ON consoles (vm) WHERE ended_at IS NULL AND kind = 'serial';
CREATE INDEX consoles_open ON consoles (id) WHERE ended_at IS NULL;

-- What was recorded of one. The file is `recordings/ID.cast` in the state directory; its row stays
-- as a tombstone.
CREATE TABLE recordings (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  console    INTEGER NOT NULL REFERENCES consoles (id),
  vm         INTEGER NOT NULL REFERENCES vms (id),
  vm_name    TEXT    NOT NULL,
  owner      INTEGER NOT NULL REFERENCES users (id),
  user       INTEGER NOT NULL REFERENCES users (id),
  input      INTEGER NOT NULL CHECK (input IN (0, 1)),
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  bytes      INTEGER,
  removed_at INTEGER,
  CHECK ((ended_at IS NULL) = (bytes IS NULL))
) STRICT;
CREATE INDEX recordings_by_owner ON recordings (owner) WHERE removed_at IS NULL;
CREATE INDEX recordings_by_age ON recordings (started_at) WHERE removed_at IS NULL;

-- Whether a machine's consoles are recorded, and whether with what is typed into them.
ALTER TABLE vms ADD COLUMN recording TEXT NOT NULL DEFAULT 'off'
  CHECK (recording IN ('off', 'output', 'input'));

-- The input of an operation goes with its end; until schema 1 it stayed, password hashes and all.
UPDATE operations SET input = 'null' WHERE finished_at IS NOT NULL;
