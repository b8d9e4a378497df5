//! The families of tables, each as the core uses it, on real files.

use super::*;
use crate::model::{Email, EventType, NewEvent, Role, Severity, UserId, Username};
use serde_json::json;
use tempfile::TempDir;

/// A database in a folder of its own, and a clock that stands still.
pub(super) struct Bench {
    pub(super) folder: TempDir,
    pub(super) store: Store,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state"), at(0)).unwrap();
        Self { folder, store }
    }

    pub(super) fn write<T>(&self, job: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        self.store.write(at(1), job)
    }

    pub(super) fn user(&self, name: &str) -> UserId {
        self.write(|writer| writer.insert_user(&new_user(name, &format!("{name}@example.org"))))
            .unwrap()
    }
}

pub(super) fn new_user(name: &str, email: &str) -> NewUser {
    NewUser {
        username: Username::parse(name).unwrap(),
        email: Email::parse(email).unwrap(),
        password_hash: "$argon2id$…".to_owned(),
        role: Role::User,
    }
}

#[test]
fn a_new_directory_becomes_a_database_with_a_chain_that_holds() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let event = NewEvent::new(
        EventType::Auth,
        Severity::Info,
        "auth.register",
        "alice registered",
    )
    .user(alice)
    .details(json!({"source": "local"}));
    let id = bench.write(|writer| writer.append_event(&event)).unwrap();
    let listed = bench
        .store
        .read(|reader| reader.events(EventQuery::default()))
        .unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, id);
    let report = bench.store.verify_chain().unwrap();
    assert_eq!(
        report,
        ChainReport {
            rows: 1,
            broken_at: None
        }
    );
}
