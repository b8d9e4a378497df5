//! The families of tables as the core uses them, on real files. What needs several processes, a
//! broken file or a full disk is in `tests/store.rs`.

mod chain;
mod consoles;
mod credits;
mod events;
mod keeper;
mod operations;
mod people;
mod sharing;
mod ssh_keys;
mod vms;

use super::*;
use crate::model::{Email, NewEvent, Role, UserId, Username, VmId, VmName, VmRequest};
use tempfile::TempDir;

/// A database in a folder of its own, and a clock that moves when told.
struct Bench {
    store: Store,
    folder: TempDir,
}

/// So many seconds after the tests' beginning of time.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state"), at(0)).unwrap();
        Self { store, folder }
    }

    fn write<T>(&self, job: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        self.write_at(1, job)
    }

    fn write_at<T>(&self, second: i64, job: impl FnOnce(&Writer<'_>) -> Result<T>) -> Result<T> {
        self.store.write(at(second), job)
    }

    fn read<T>(&self, job: impl FnOnce(&Reader<'_>) -> Result<T>) -> T {
        self.store.read(job).unwrap()
    }

    fn user(&self, name: &str) -> UserId {
        self.write(|writer| writer.insert_user(&new_user(name, &format!("{name}@example.org"))))
            .unwrap()
    }

    fn vm(&self, owner: UserId, name: &str) -> VmId {
        self.insert_vm(owner, name).unwrap()
    }

    fn insert_vm(&self, owner: UserId, name: &str) -> Result<VmId> {
        self.write(|writer| {
            writer.insert_vm(&NewVm {
                uuid: Uuid::new_v4(),
                owner,
                request: &request(name),
                guest_user: "debian",
            })
        })
    }

    fn append(&self, event: NewEvent) -> i64 {
        self.write(|writer| writer.append_event(&event)).unwrap().0
    }

    /// A connection that knows nothing of twarga's rules, as somebody's `sqlite3` has one.
    fn raw(&self) -> Connection {
        Connection::open(self.folder.path().join("state/twarga.db")).unwrap()
    }
}

fn new_user(name: &str, email: &str) -> NewUser {
    NewUser {
        username: Username::parse(name).unwrap(),
        email: Email::parse(email).unwrap(),
        password_hash: "$argon2id$v=19$…".to_owned(),
        role: Role::User,
    }
}

fn request(name: &str) -> VmRequest {
    VmRequest {
        name: VmName::parse(name).unwrap(),
        image: "tiny".to_owned(),
        memory_mib: 512,
        vcpus: 1,
        disk_gib: 10,
        guest_user: None,
        password_hash: None,
        ssh_keys: Vec::new(),
        provision: Default::default(),
        network: None,
    }
}
