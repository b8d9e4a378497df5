-- Schema 1: accounts, machines, operations, the log, and who keeps.
--
-- Times are milliseconds since 1970 in UTC, sizes carry their unit in their name, UUIDs are text
-- as `virsh` and people write them. An id is never used twice (AUTOINCREMENT); users and machines
-- leave a tombstone (`removed_at`), so that old events and operations still name somebody.

-- Which database this is, and the hypervisor it belongs to. One row.
CREATE TABLE instance (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  uuid           TEXT    NOT NULL CHECK (length(uuid) = 36),
  created_at     INTEGER NOT NULL,
  hypervisor_uri TEXT,
  host_uuid      TEXT    CHECK (length(host_uuid) = 36),
  CHECK ((hypervisor_uri IS NULL) = (host_uuid IS NULL))
) STRICT;

CREATE TABLE users (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  username      TEXT    NOT NULL,
  email         TEXT    NOT NULL,
  password_hash TEXT    NOT NULL,
  role          TEXT    NOT NULL CHECK (role IN ('user', 'auditor', 'admin')),
  active        INTEGER NOT NULL CHECK (active IN (0, 1)),
  preferences   TEXT    NOT NULL,
  created_at    INTEGER NOT NULL,
  removed_at    INTEGER
) STRICT;
CREATE UNIQUE INDEX users_by_username ON users (username) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX users_by_email ON users (email COLLATE NOCASE) WHERE removed_at IS NULL;

CREATE TABLE vms (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT    NOT NULL UNIQUE CHECK (length(uuid) = 36),
  owner      INTEGER NOT NULL REFERENCES users (id),
  name       TEXT    NOT NULL,
  image      TEXT    NOT NULL,
  memory_mib INTEGER NOT NULL CHECK (memory_mib > 0),
  vcpus      INTEGER NOT NULL CHECK (vcpus > 0),
  disk_gib   INTEGER NOT NULL CHECK (disk_gib >= 0),
  guest_user TEXT    NOT NULL,
  status     TEXT    NOT NULL
             CHECK (status IN ('pending', 'running', 'paused', 'stopped', 'error', 'destroying')),
  reason     TEXT,
  ip         TEXT,
  ip_source  TEXT    CHECK (ip_source IN ('lease', 'agent', 'arp')),
  ssh_port   INTEGER CHECK (ssh_port BETWEEN 1 AND 65535),
  run        INTEGER,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  removed_at INTEGER,
  CHECK ((ip IS NULL) = (ip_source IS NULL))
) STRICT;
CREATE UNIQUE INDEX vms_by_name ON vms (owner, name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX vms_by_ssh_port ON vms (ssh_port)
  WHERE removed_at IS NULL AND ssh_port IS NOT NULL;

CREATE TABLE operations (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  kind             TEXT    NOT NULL CHECK (kind IN ('create', 'start', 'stop', 'kill', 'restart',
                                                    'pause', 'resume', 'destroy')),
  vm               INTEGER NOT NULL REFERENCES vms (id),
  vm_name          TEXT    NOT NULL,
  owner            INTEGER NOT NULL REFERENCES users (id),
  actor            INTEGER NOT NULL REFERENCES users (id),
  state            TEXT    NOT NULL
                   CHECK (state IN ('queued', 'running', 'undoing', 'done', 'failed', 'cancelled')),
  error            TEXT,
  input            TEXT    NOT NULL,
  step_count       INTEGER NOT NULL,
  progress_done    INTEGER,
  progress_total   INTEGER,
  cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
  created_at       INTEGER NOT NULL,
  finished_at      INTEGER,
  CHECK ((finished_at IS NULL) = (state IN ('queued', 'running', 'undoing')))
) STRICT;
-- One operation at a time per machine; also finds the unfinished ones without a scan.
CREATE UNIQUE INDEX operations_unfinished ON operations (vm) WHERE finished_at IS NULL;
CREATE INDEX operations_by_owner ON operations (owner);
CREATE INDEX operations_by_vm ON operations (vm);

CREATE TABLE steps (
  operation   INTEGER NOT NULL REFERENCES operations (id),
  position    INTEGER NOT NULL CHECK (position >= 0),
  name        TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('running', 'done', 'undone', 'failed')),
  output      TEXT    NOT NULL,
  error       TEXT,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER,
  PRIMARY KEY (operation, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id         TEXT    PRIMARY KEY CHECK (length(id) = 36),
  user       INTEGER NOT NULL REFERENCES users (id),
  source     TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user, created_at);
CREATE INDEX sessions_by_end ON sessions (min(expires_at, ifnull(revoked_at, expires_at)));

CREATE TABLE throttles (
  key          TEXT    PRIMARY KEY,
  failures     INTEGER NOT NULL,
  window_start INTEGER NOT NULL,
  last_failure INTEGER NOT NULL,
  locked_until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_by_age ON throttles (last_failure);

-- The process that does the background work. At most one row; its epoch only grows.
CREATE TABLE keeper (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  epoch     INTEGER NOT NULL,
  pid       INTEGER NOT NULL,
  kind      TEXT    NOT NULL CHECK (kind IN ('command', 'tui', 'serve')),
  beat_at   INTEGER NOT NULL,
  released  INTEGER NOT NULL CHECK (released IN (0, 1)),
  wanted_by TEXT    CHECK (wanted_by IN ('command', 'tui', 'serve'))
) STRICT;

-- The log. No foreign keys: an event outlives whom it speaks of. `owner` is whose machine `vm` was
-- when it happened. `hash` chains each row to the one before; src/store/chain.rs says how.
CREATE TABLE events (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  time     INTEGER NOT NULL,
  type     TEXT    NOT NULL CHECK (type IN ('vm', 'auth', 'system', 'security')),
  severity TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  action   TEXT    NOT NULL,
  message  TEXT    NOT NULL,
  user     INTEGER,
  vm       INTEGER,
  owner    INTEGER,
  details  TEXT    NOT NULL,
  hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;
-- Every index ends in the rowid, so each gives its page in the order of ids without sorting. The
-- two partial ones answer "at least so bad" and stay out of the way of ordinary events.
CREATE INDEX events_by_type ON events (type);
CREATE INDEX events_by_user ON events (user) WHERE user IS NOT NULL;
CREATE INDEX events_by_owner ON events (owner) WHERE owner IS NOT NULL;
CREATE INDEX events_by_vm ON events (vm) WHERE vm IS NOT NULL;
CREATE INDEX events_warning ON events (id) WHERE severity IN ('warning', 'critical');
CREATE INDEX events_critical ON events (id) WHERE severity = 'critical';

-- The newest link of the chain: without it a log cut short would look whole. One row.
CREATE TABLE chain (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  last_event INTEGER NOT NULL,
  hash       BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Intents that have no outcome yet, derived from the log as it is written.
CREATE TABLE open_intents (
  event     INTEGER PRIMARY KEY,
  operation INTEGER NOT NULL
) STRICT;
CREATE INDEX open_intents_by_operation ON open_intents (operation);

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are append-only');
END;
-- Also keeps `INSERT OR REPLACE` off, which deletes without asking the trigger above.
CREATE TRIGGER events_follow_the_chain BEFORE INSERT ON events
WHEN NEW.id IS NOT (SELECT last_event + 1 FROM chain)
BEGIN
  SELECT RAISE(ABORT, 'events are numbered without gaps');
END;
CREATE TRIGGER chain_only_grows BEFORE UPDATE ON chain
WHEN NEW.id IS NOT OLD.id OR NEW.last_event IS NOT OLD.last_event + 1
BEGIN
  SELECT RAISE(ABORT, 'the chain only grows');
END;
CREATE TRIGGER chain_is_one_row BEFORE INSERT ON chain
WHEN EXISTS (SELECT 1 FROM chain)
BEGIN
  SELECT RAISE(ABORT, 'there is one chain');
END;
CREATE TRIGGER chain_is_never_deleted BEFORE DELETE ON chain
BEGIN
  SELECT RAISE(ABORT, 'the chain only grows');
END;
