-- Schema 4: users' SSH keys. A new machine lets in every key of its owner.

-- A key that is removed is gone; the log still names its fingerprint.
CREATE TABLE ssh_keys (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  user        INTEGER NOT NULL REFERENCES users (id),
  name        TEXT    NOT NULL CHECK (name <> ''),
  public_key  TEXT    NOT NULL,
  fingerprint TEXT    NOT NULL CHECK (fingerprint LIKE 'SHA256:%'),
  created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX ssh_keys_by_fingerprint ON ssh_keys (user, fingerprint);
