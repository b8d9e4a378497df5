-- Schema 7: operations on images.

-- Operations on images: they have no machine. A column's NOT NULL and a CHECK can only be changed by
-- making the table anew; `steps` refers to it, and is made anew with it.
CREATE TABLE operations_anew (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  kind             TEXT    NOT NULL CHECK (kind IN ('create', 'start', 'stop', 'kill', 'restart',
                                                    'pause', 'resume', 'destroy', 'pull')),
  vm               INTEGER REFERENCES vms (id),
  -- The machine's name at the time, or the image's id.
  name             TEXT    NOT NULL,
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
  CHECK ((finished_at IS NULL) = (state IN ('queued', 'running', 'undoing'))),
  CHECK ((vm IS NULL) = (kind = 'pull'))
) STRICT;
INSERT INTO operations_anew
  SELECT id, kind, vm, vm_name, owner, actor, state, error, input, step_count, progress_done,
         progress_total, cancel_requested, created_at, finished_at
  FROM operations;

CREATE TABLE steps_anew (
  operation   INTEGER NOT NULL REFERENCES operations_anew (id),
  position    INTEGER NOT NULL CHECK (position >= 0),
  name        TEXT    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('running', 'done', 'undone', 'failed')),
  output      TEXT    NOT NULL,
  error       TEXT,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER,
  PRIMARY KEY (operation, position)
) STRICT, WITHOUT ROWID;
INSERT INTO steps_anew
  SELECT operation, position, name, state, output, error, started_at, finished_at FROM steps;

DROP TABLE steps;
DROP TABLE operations;
ALTER TABLE operations_anew RENAME TO operations;
ALTER TABLE steps_anew RENAME TO steps;

-- At most one unfinished operation per machine (NULLs are all different), and one per image.
CREATE UNIQUE INDEX operations_unfinished ON operations (vm) WHERE finished_at IS NULL;
CREATE UNIQUE INDEX operations_unfinished_on_image ON operations (name)
  WHERE finished_at IS NULL AND vm IS NULL;
CREATE INDEX operations_by_owner ON operations (owner);
CREATE INDEX operations_by_vm ON operations (vm);
