//! From what is in the file to the schema this program knows: forward only, one transaction per
//! step, safe when two processes do it at once.
//!
//! A file is looked at before anything in it is changed. SQLite's `application_id` tells our
//! database from another program's, `user_version` is the number of migrations it has had. What
//! is newer, foreign or damaged is refused and stays as it is; only the damage that shows at once
//! (header, schema) is looked for, so that opening stays cheap, and the rest is reported by the
//! read that meets it.

use super::{Error, Result, chain, connection};
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

/// `twar` in ASCII.
const APPLICATION_ID: i32 = 0x7477_6172;

/// Every migration, in order; never changed once released.
const MIGRATIONS: [&str; 8] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_consoles.sql"),
    include_str!("../../migrations/0003_images.sql"),
    include_str!("../../migrations/0004_ssh_keys.sql"),
    include_str!("../../migrations/0005_credits.sql"),
    include_str!("../../migrations/0006_readiness.sql"),
    include_str!("../../migrations/0007_image_operations.sql"),
    include_str!("../../migrations/0008_networks.sql"),
];

/// What the file holds.
enum Found {
    /// Nothing yet.
    Nothing,
    /// Ours, so many migrations old.
    Ours(u32),
    /// Another program's.
    Foreign,
}

/// Makes the database at `path` fit for this program.
pub(super) fn bring_up_to_date(connection: &Connection, path: &Path, now: Timestamp) -> Result<()> {
    let sql = |context| move |error| Error::from_sqlite(context, path, error);
    // If this is refused, closing the connection must not move the log into the file either.
    let no_checkpoint = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection
        .set_db_config(no_checkpoint, true)
        .map_err(sql("opening the database"))?;
    let view = connection
        .unchecked_transaction()
        .map_err(sql("looking at the database"))?;
    let found = inspect(&view).map_err(sql("looking at the database"))?;
    drop(view);
    migrations_had(&found, path)?;
    connection
        .set_db_config(no_checkpoint, false)
        .map_err(sql("opening the database"))?;
    if connection
        .is_readonly("main")
        .map_err(sql("opening the database"))?
    {
        return Err(Error::State {
            path: path.to_path_buf(),
            reason: "cannot be written: its file system is read-only or its permissions are missing"
                .to_owned(),
        });
    }
    enter_wal(connection).map_err(sql("turning the write-ahead log on"))?;
    connection::bound_log(connection).map_err(sql("bounding the write-ahead log"))?;
    while migrate_one(connection, path, now)? {}
    Ok(())
}

fn inspect(view: &Transaction<'_>) -> rusqlite::Result<Found> {
    let number = |sql| view.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (application, version) {
        (0, 0) if objects == 0 => Found::Nothing,
        (id, version) if id == i64::from(APPLICATION_ID) => {
            u32::try_from(version).map_or(Found::Foreign, Found::Ours)
        }
        _ => Found::Foreign,
    })
}

/// How many migrations the database has had, if this program may go on with it.
fn migrations_had(found: &Found, path: &Path) -> Result<usize> {
    let path = path.to_path_buf();
    match *found {
        Found::Nothing => Ok(0),
        Found::Ours(version) => match usize::try_from(version) {
            Ok(had) if had <= MIGRATIONS.len() => Ok(had),
            _ => Err(Error::Newer {
                path,
                found: version,
                known: u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX),
            }),
        },
        Found::Foreign => Err(Error::Corrupt {
            path,
            reason: "it is the database of another program".to_owned(),
        }),
    }
}

/// Turns WAL mode on, which is kept in the file. Two processes that do so at once can meet; the
/// later one queues behind the earlier with the busy time-out and tries again.
fn enter_wal(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + connection::PATIENCE;
    loop {
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Ok(_) => return Ok(()),
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Applies the next migration, if there is one. What is there is asked again under the lock.
fn migrate_one(connection: &Connection, path: &Path, now: Timestamp) -> Result<bool> {
    let sql = |error| Error::from_sqlite("migrating the database", path, error);
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).map_err(sql)?;
    let had = migrations_had(&inspect(&transaction).map_err(sql)?, path)?;
    let Some(migration) = MIGRATIONS.get(had) else {
        return Ok(false);
    };
    let apply = || -> rusqlite::Result<()> {
        transaction.execute_batch(migration)?;
        if had == 0 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            make_instance(&transaction, now)?;
        }
        transaction.pragma_update(None, "user_version", i64::try_from(had + 1).unwrap_or(i64::MAX))
    };
    apply().map_err(sql)?;
    transaction.commit().map_err(sql)?;
    Ok(true)
}

/// The two rows that every database has from its birth.
fn make_instance(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let uuid = Uuid::new_v4();
    transaction.execute(
        "INSERT INTO instance (id, uuid, created_at) VALUES (1, ?1, ?2)",
        params![uuid.to_string(), now.as_millisecond()],
    )?;
    transaction.execute(
        "INSERT INTO chain (id, last_event, hash) VALUES (1, 0, ?1)",
        params![chain::genesis(uuid)],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database as the program before made it, with a machine's operation in the middle of a step.
    fn older(path: &Path) {
        let connection = Connection::open(path).unwrap();
        for migration in &MIGRATIONS[..6] {
            connection.execute_batch(migration).unwrap();
        }
        connection
            .execute_batch(
                "PRAGMA user_version = 6;
                 INSERT INTO users (username, email, password_hash, role, active, preferences, created_at)
                   VALUES ('alice', 'a@example.org', 'x', 'admin', 1, '{}', 0);
                 INSERT INTO vms (uuid, owner, name, image, memory_mib, vcpus, disk_gib, guest_user,
                                  status, created_at)
                   VALUES ('3f2a9c1b-0000-4000-8000-000000000000', 1, 'web', 'tiny', 512, 1, 10, 'u',
                           'running', 0);
                 INSERT INTO operations (id, kind, vm, vm_name, owner, actor, state, error, input,
                     step_count, progress_done, progress_total, cancel_requested, created_at)
                   VALUES (41, 'start', 1, 'web', 1, 1, 'running', 'why', '{\"a\":1}', 2, 3, 9, 1, 7);
                 INSERT INTO steps (operation, position, name, state, output, error, started_at)
                   VALUES (41, 0, 'prepare', 'done', '{\"b\":2}', 'remark', 8),
                          (41, 1, 'start', 'running', 'null', NULL, 9);",
            )
            .unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        make_instance(
            &connection.unchecked_transaction().unwrap(),
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
    }

    #[test]
    fn operations_and_their_steps_survive_being_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twarga.db");
        older(&path);
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        bring_up_to_date(&connection, &path, Timestamp::UNIX_EPOCH).unwrap();
        let text = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, String>(0))
                .unwrap()
        };
        assert_eq!(
            text(
                "SELECT concat_ws(' ', id, kind, vm, name, owner, actor, state, error, input, step_count,
                                  progress_done, progress_total, cancel_requested, created_at) FROM operations"
            ),
            "41 start 1 web 1 1 running why {\"a\":1} 2 3 9 1 7"
        );
        assert_eq!(
            text(
                "SELECT group_concat(concat_ws(' ', position, name, state, output, error, started_at), ', ')
                 FROM steps WHERE operation = 41"
            ),
            "0 prepare done {\"b\":2} remark 8, 1 start running null 9"
        );
        // Steps still belong to an operation, a machine has one at a time, and no id comes twice.
        for refused in [
            "INSERT INTO steps VALUES (7, 0, 'x', 'done', 'null', NULL, 0, NULL)",
            "INSERT INTO operations (kind, vm, name, owner, actor, state, input, step_count, cancel_requested,
               created_at) VALUES ('stop', 1, 'web', 1, 1, 'queued', 'null', 1, 0, 0)",
        ] {
            assert!(connection.execute(refused, []).is_err(), "{refused}");
        }
        connection
            .execute(
                "INSERT INTO operations (kind, vm, name, owner, actor, state, input, step_count,
                   cancel_requested, created_at) VALUES ('pull', NULL, 'tiny', 1, 1, 'queued', 'null', 1, 0, 0)",
                [],
            )
            .unwrap();
        assert_eq!(connection.last_insert_rowid(), 42);
    }
}
