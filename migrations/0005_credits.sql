-- Schema 5: credits. Amounts are thousandths, never negative but by which way they go.

-- Every move of credits between an account, the house and the relief that pays what an account
-- cannot. One row says both sides, so that the sides always balance. `key` is unique per charge:
-- what was charged once is never charged again.
CREATE TABLE ledger (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  key      TEXT    NOT NULL UNIQUE,
  time     INTEGER NOT NULL,
  kind     TEXT    NOT NULL CHECK (kind IN ('initial', 'allowance', 'adjustment', 'usage', 'waived',
                                            'disk', 'refund')),
  user     INTEGER NOT NULL REFERENCES users (id),
  payer    TEXT    NOT NULL CHECK (payer IN ('user', 'house', 'relief')),
  payee    TEXT    NOT NULL CHECK (payee IN ('user', 'house')),
  amount   INTEGER NOT NULL CHECK (amount > 0),
  vm       INTEGER REFERENCES vms (id),
  vm_name  TEXT,
  -- What ran: by the host's clock then, and by the meter's (milliseconds since the boot `boot`).
  from_at  INTEGER,
  to_at    INTEGER,
  boot     TEXT,
  began    INTEGER,
  ended    INTEGER CHECK (ended > began),
  actor    INTEGER REFERENCES users (id),
  reason   TEXT,
  CHECK (payer <> payee),
  CHECK ((kind = 'waived') = (payer = 'relief')),
  CHECK (kind <> 'waived' OR payee = 'house'),
  CHECK ((vm IS NULL) = (vm_name IS NULL)),
  CHECK ((from_at IS NULL) = (to_at IS NULL)),
  CHECK ((boot IS NULL) = (began IS NULL) AND (boot IS NULL) = (ended IS NULL)),
  CHECK ((kind IN ('usage', 'waived')) = (boot IS NOT NULL)),
  CHECK (kind <> 'adjustment' OR (actor IS NOT NULL AND reason IS NOT NULL))
) STRICT;
CREATE INDEX ledger_by_user ON ledger (user, id);
CREATE INDEX ledger_by_vm ON ledger (vm) WHERE vm IS NOT NULL;

-- What each account has: always the sum of its entries, kept by the trigger below.
CREATE TABLE balances (
  user     INTEGER PRIMARY KEY REFERENCES users (id),
  amount   INTEGER NOT NULL CHECK (amount >= 0),
  -- How far the owner has been warned: below the threshold, an hour left, nothing left.
  warned   INTEGER NOT NULL DEFAULT 0 CHECK (warned BETWEEN 0 AND 3),
  empty_at INTEGER
) STRICT;

CREATE TRIGGER ledger_moves_balances AFTER INSERT ON ledger
WHEN 'user' IN (NEW.payer, NEW.payee)
BEGIN
  INSERT OR IGNORE INTO balances (user, amount) VALUES (NEW.user, 0);
  UPDATE balances
     SET amount = amount + iif(NEW.payee = 'user', NEW.amount, -NEW.amount)
   WHERE user = NEW.user;
END;
CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
-- `INSERT OR REPLACE` deletes without asking the trigger above.
CREATE TRIGGER ledger_is_never_replaced BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE key = NEW.key)
BEGIN
  SELECT RAISE(ABORT, 'the ledger has this charge already');
END;

-- The meters: which run of a machine is counted, and how far. `since`, `until` are milliseconds
-- since the host's boot `boot`; `rate` is credits per hour in 1/1,024 of a thousandth.
CREATE TABLE meters (
  vm      INTEGER PRIMARY KEY REFERENCES vms (id),
  boot    TEXT    NOT NULL,
  run     INTEGER NOT NULL,
  rate    INTEGER NOT NULL CHECK (rate >= 0),
  since   INTEGER NOT NULL,
  until   INTEGER NOT NULL CHECK (until >= since),
  charged INTEGER NOT NULL CHECK (charged >= 0),
  is_on   INTEGER NOT NULL CHECK (is_on IN (0, 1))
) STRICT;

-- Accounts from before credits begin with what a new one does.
INSERT INTO ledger (key, time, kind, user, payer, payee, amount)
SELECT 'initial:' || id, created_at, 'initial', id, 'house', 'user', 1000000 FROM users
 WHERE removed_at IS NULL;
