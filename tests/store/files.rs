//! What can lie where the database should: nothing, garbage, another program's database, a newer
//! one, a damaged one. What is refused stays as it is, byte for byte.

use super::*;
use rusqlite::Connection;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use twarga::store::{Error, EventQuery};

/// A folder with a state directory in which nothing is yet, private as twarga wants it.
fn empty_state() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::set_permissions(folder.path().join("state"), Permissions::from_mode(0o700)).unwrap();
    folder
}

/// A state directory whose database is a file of these bytes.
fn state_with(bytes: &[u8]) -> TempDir {
    let folder = empty_state();
    fs::write(database(&folder), bytes).unwrap();
    fs::set_permissions(database(&folder), Permissions::from_mode(0o600)).unwrap();
    folder
}

/// Says why opening is refused, and sees to it that the file is as it was.
fn refusal(folder: &TempDir) -> Error {
    let before = fs::read(database(folder)).unwrap();
    let Err(error) = open(folder) else {
        panic!("it was opened");
    };
    assert!(
        fs::read(database(folder)).unwrap() == before,
        "the file was changed"
    );
    error
}

#[test]
fn opening_again_finds_the_same_database() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder).unwrap();
    let schema = |folder: &TempDir| -> Vec<String> {
        let raw = Connection::open(database(folder)).unwrap();
        let mut statement = raw
            .prepare("SELECT ifnull(sql, name) FROM sqlite_schema")
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(|row| row.unwrap()).collect()
    };
    let before = schema(&folder);
    let second = open(&folder).unwrap();
    assert_eq!(first.instance(), second.instance());
    assert_eq!(schema(&folder), before);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(open(&other).unwrap().instance(), first.instance());
}

#[test]
fn an_empty_file_is_a_new_database() {
    let folder = state_with(b"");
    assert_eq!(open(&folder).unwrap().write(now(), append).unwrap(), 1);
}

#[test]
fn an_empty_file_beside_a_full_log_is_not() {
    let folder = state_with(b"");
    let log = database(&folder).with_extension("db-wal");
    fs::write(&log, "what was committed last").unwrap();
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(refusal(&folder), Error::Corrupt { .. }));
    assert_eq!(fs::read(&log).unwrap(), b"what was committed last");
}

#[test]
fn what_is_not_a_database_is_refused_and_left_as_it_is() {
    let long: Vec<u8> = (0..50_000u32).map(|n| (n * 7 % 251) as u8).collect();
    for bytes in [
        b"x".as_slice(),
        b"[settings]\nkey = 1\n",
        b"SQLite format 3\0",
        &long,
    ] {
        let folder = state_with(bytes);
        let error = refusal(&folder);
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

#[test]
fn another_programs_database_is_refused_and_left_as_it_is() {
    for sql in [
        "CREATE TABLE bookmarks (url TEXT)",
        "PRAGMA application_id = 7; CREATE TABLE events (id)",
        "PRAGMA user_version = 1; CREATE TABLE users (id)",
    ] {
        let folder = state_with(b"");
        Connection::open(database(&folder))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
        let error = refusal(&folder);
        assert!(error.to_string().contains("another program"), "{error}");
    }
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let raw = Connection::open(database(&folder)).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let error = refusal(&folder);
    assert!(
        matches!(
            error,
            Error::Newer {
                found: 99,
                known: 8,
                ..
            }
        ),
        "{error}"
    );
    // As after a crash: what says that it is newer stands in the log alone.
    let crashed = state_with(&fs::read(database(&folder)).unwrap());
    let log = |folder| database(folder).with_extension("db-wal");
    fs::copy(log(&folder), log(&crashed)).unwrap();
    fs::set_permissions(log(&crashed), Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(refusal(&crashed), Error::Newer { .. }));
    drop(raw);
    assert!(
        matches!(refusal(&folder), Error::Newer { .. }),
        "also with its log moved in"
    );
}

#[test]
fn a_database_cut_short_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder).unwrap());
    let bytes = fs::read(database(&folder)).unwrap();
    for length in [bytes.len() / 2, 4096, 700] {
        let cut = state_with(&bytes[..length]);
        let error = refusal(&cut);
        assert!(matches!(error, Error::Corrupt { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn damage_in_the_middle_is_named_by_the_read_that_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    store
        .write(now(), |writer| {
            (0..500).try_for_each(|_| append(writer).map(drop))
        })
        .unwrap();
    drop(store);
    let raw = Connection::open(database(&folder)).unwrap();
    let page: u32 = raw
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'events'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(raw);
    let mut bytes = fs::read(database(&folder)).unwrap();
    let end = page as usize * 4096;
    bytes[end - 4096..end].fill(0xa5);
    fs::write(database(&folder), bytes).unwrap();
    let store = open(&folder).unwrap();
    let read: Result<_> = store.read(|reader| reader.events(EventQuery::default()));
    assert!(matches!(read, Err(Error::Corrupt { .. })), "{read:?}");
    assert!(matches!(store.verify_chain(), Err(Error::Corrupt { .. })));
}
