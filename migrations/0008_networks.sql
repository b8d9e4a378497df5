-- Schema 8: machines' networks; ports of the host's loopback that lead to guests, in session mode.

-- A libvirt network's name; NULL is QEMU's user-mode network, and the configured one for machines of
-- before.
ALTER TABLE vms ADD COLUMN network TEXT;

-- They are the machine's as long as it exists, whether it runs or not; they go with it. `problem` is
-- what the keeper met when it made one for the run that is going on.
CREATE TABLE forwards (
  vm         INTEGER NOT NULL REFERENCES vms (id),
  protocol   TEXT    NOT NULL CHECK (protocol IN ('tcp', 'udp')),
  host_port  INTEGER NOT NULL CHECK (host_port BETWEEN 1024 AND 65535),
  guest_port INTEGER NOT NULL CHECK (guest_port BETWEEN 1 AND 65535),
  problem    TEXT,
  PRIMARY KEY (protocol, host_port)
) STRICT, WITHOUT ROWID;
CREATE INDEX forwards_by_vm ON forwards (vm);
