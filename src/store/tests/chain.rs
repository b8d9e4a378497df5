//! The hash chain: whatever is done to the log behind its back is found, and where.

use super::*;
use crate::model::{EventId, EventType, Severity};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

impl Bench {
    /// A log of so many events.
    fn with_events(count: usize) -> Self {
        let bench = Self::new();
        let alice = bench.user("alice");
        let severities = [Severity::Info, Severity::Warning, Severity::Critical];
        bench
            .write(|writer| {
                (0..count).try_for_each(|n| {
                    let event = NewEvent::new(
                        EventType::System,
                        severities[n % 3],
                        "system.test",
                        &format!("event {n}"),
                    );
                    let event = event.details(json!({"n": n}));
                    writer
                        .append_event(&if n % 2 == 0 { event.user(alice) } else { event })
                        .map(drop)
                })
            })
            .unwrap();
        bench
    }

    fn broken_at(&self) -> Option<i64> {
        self.store.verify_chain().unwrap().broken_at.map(|id| id.0)
    }

    /// Somebody with the file, `sqlite3` and no scruples.
    fn tamper(&self, sql: &str) {
        let raw = self.raw();
        let mut triggers = raw
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap();
        let names: Vec<String> = triggers
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(|it| it.unwrap())
            .collect();
        for name in names {
            raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        raw.pragma_update(None, "ignore_check_constraints", true).unwrap();
        raw.execute_batch(sql).unwrap();
    }
}

#[test]
fn an_untouched_log_holds_also_across_pages_and_an_empty_one_too() {
    assert_eq!(
        Bench::new().store.verify_chain().unwrap(),
        ChainReport {
            rows: 0,
            broken_at: None
        }
    );
    let long = Bench::with_events(CHAIN_PAGE + 7);
    let rows = (CHAIN_PAGE + 7) as u64;
    assert_eq!(
        long.store.verify_chain().unwrap(),
        ChainReport {
            rows,
            broken_at: None
        }
    );
    let even = Bench::with_events(CHAIN_PAGE);
    assert_eq!(even.broken_at(), None);
}

#[test]
fn the_log_only_grows_while_its_triggers_stand() {
    let bench = Bench::with_events(3);
    for sql in [
        "UPDATE events SET message = 'nothing happened' WHERE id = 2",
        "DELETE FROM events WHERE id = 3",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE id = 2",
        "INSERT INTO events (time, type, severity, action, message, details, hash)
         VALUES (0, 'vm', 'info', 'x', 'x', 'null', zeroblob(32)); INSERT INTO events SELECT 9, time, type,
         severity, action, message, user, vm, owner, details, hash FROM events WHERE id = 1",
        "UPDATE chain SET last_event = 2",
        "INSERT OR REPLACE INTO chain VALUES (1, 9, zeroblob(32))",
        "DELETE FROM chain",
    ] {
        let refused = bench.raw().execute_batch(&format!("BEGIN; {sql}"));
        assert!(refused.is_err(), "{sql}");
    }
    assert_eq!(bench.broken_at(), None);
}

#[test]
fn each_way_to_tamper_is_found_at_its_place() {
    for (sql, place) in [
        ("UPDATE events SET message = 'nothing happened' WHERE id = 4", 4),
        ("UPDATE events SET user = NULL WHERE id = 5", 5),
        ("UPDATE events SET hash = zeroblob(32) WHERE id = 6", 6),
        ("DELETE FROM events WHERE id = 4", 4),
        ("DELETE FROM events WHERE id = 1", 1),
        ("DELETE FROM events WHERE id >= 8", 8),
        ("DELETE FROM events", 1),
        // Two rows change places.
        ("UPDATE events SET id = -1 WHERE id = 3; UPDATE events SET id = 3 WHERE id = 7;
          UPDATE events SET id = 7 WHERE id = -1", 3),
        // A row before the first, and one after the last that even fits.
        ("INSERT INTO events SELECT -5, time, type, severity, action, message, user, vm, owner, details, hash
          FROM events WHERE id = 1", -5),
        ("DELETE FROM events WHERE id = 10; UPDATE chain SET last_event = 9", 9),
        ("UPDATE chain SET last_event = 9, hash = (SELECT hash FROM events WHERE id = 9)", 10),
        ("DELETE FROM chain", 10),
        ("UPDATE instance SET uuid = '00000000-0000-4000-8000-000000000000'", 1),
    ] {
        let bench = Bench::with_events(10);
        bench.tamper(sql);
        let path = bench.folder.path().join("state");
        let reopened = Store::open(&path, at(9)).unwrap();
        let found = reopened.verify_chain().unwrap().broken_at;
        assert_eq!(found, Some(EventId(place)), "{sql}");
    }
}

/// The encoding is a promise to whoever checks a log without twarga: this is it, written out.
#[test]
fn the_first_link_is_what_the_documentation_says() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let event = NewEvent::new(EventType::Auth, Severity::Warning, "auth.failed", "no");
    bench.append(event.user(alice).details(json!({"n": 1})));
    let genesis = Sha256::digest([b"twarga.events.1".as_slice(), bench.store.instance().as_bytes()].concat());
    let mut bytes = genesis.to_vec();
    let number = |bytes: &mut Vec<u8>, value: i64| {
        bytes.push(1);
        bytes.extend(value.to_be_bytes());
    };
    let text = |bytes: &mut Vec<u8>, value: &str| {
        bytes.push(2);
        bytes.extend((value.len() as u64).to_be_bytes());
        bytes.extend(value.as_bytes());
    };
    number(&mut bytes, 1);
    number(&mut bytes, at(1).as_millisecond());
    for word in ["auth", "warning", "auth.failed", "no"] {
        text(&mut bytes, word);
    }
    number(&mut bytes, alice.0);
    bytes.extend([0, 0]);
    text(&mut bytes, r#"{"n":1}"#);
    let stored: Vec<u8> = bench
        .raw()
        .query_row("SELECT hash FROM events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, Sha256::digest(bytes).to_vec());
}

fn any_event() -> impl Strategy<Value = NewEvent> {
    let words = (0..4usize, 0..3usize, any::<String>(), any::<String>());
    let ids = (
        proptest::option::of(any::<i64>()),
        proptest::option::of(any::<i64>()),
    );
    (words, ids).prop_map(|((kind, severity, message, detail), (user, vm))| {
        let mut event = NewEvent::new(EventType::ALL[kind], Severity::ALL[severity], "a.b", &message);
        event.user = user.map(UserId);
        event.vm = vm.map(VmId);
        event.details(json!({"detail": detail}))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any change of any column of any row is found, at that row or before it.
    #[test]
    fn no_single_change_goes_unnoticed(
        events in proptest::collection::vec(any_event(), 1..12),
        victim in any::<proptest::sample::Index>(),
        column in 0..11usize,
        bytes in "[a-z]{0,8}",
        number in any::<i64>(),
    ) {
        let bench = Bench::new();
        bench.write(|writer| events.iter().try_for_each(|event| writer.append_event(event).map(drop))).unwrap();
        prop_assert_eq!(bench.broken_at(), None);
        let victim = victim.index(events.len()) as i64 + 1;
        let name = ["id", "time", "type", "severity", "action", "message", "user", "vm", "owner", "details", "hash"]
            [column];
        let value = match name {
            "id" | "time" | "user" | "vm" | "owner" => number.to_string(),
            "hash" => format!("CAST('{bytes}' AS BLOB)"),
            _ => format!("'{bytes}'"),
        };
        let same: bool = bench.raw()
            .query_row(&format!("SELECT {name} IS {value} FROM events WHERE id = {victim}"), [], |row| row.get(0))
            .unwrap();
        prop_assume!(!same);
        bench.tamper(&format!("UPDATE OR IGNORE events SET {name} = {value} WHERE id = {victim}"));
        let found = bench.broken_at();
        prop_assert!(found.is_some_and(|id| id <= victim), "{found:?} for row {victim}, column {name}");
    }

    /// Any row taken out is found at its place.
    #[test]
    fn no_missing_row_goes_unnoticed(
        events in proptest::collection::vec(any_event(), 1..12),
        victim in any::<proptest::sample::Index>(),
    ) {
        let bench = Bench::new();
        bench.write(|writer| events.iter().try_for_each(|event| writer.append_event(event).map(drop))).unwrap();
        let victim = victim.index(events.len()) as i64 + 1;
        bench.tamper(&format!("DELETE FROM events WHERE id = {victim}"));
        prop_assert_eq!(bench.broken_at(), Some(victim));
    }
}
