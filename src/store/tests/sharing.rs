//! Transactions, views and connections among threads of one process.

use super::*;
use std::sync::mpsc;

#[test]
fn a_failed_write_leaves_nothing() {
    let bench = Bench::new();
    let result = bench.write(|writer| {
        writer.insert_user(&new_user("alice", "alice@example.org"))?;
        Err::<(), _>(Error::Missing("patience"))
    });
    assert!(matches!(result, Err(Error::Missing("patience"))));
    assert_eq!(bench.read(|reader| reader.count_users()), 0);
}

#[test]
fn a_panic_in_a_job_costs_nobody_else_anything() {
    let bench = Bench::new();
    for _ in 0..READERS + 2 {
        let store = bench.store.clone();
        let thread = std::thread::spawn(move || {
            store.write(at(1), |writer| -> Result<()> {
                writer.insert_user(&new_user("ghost", "ghost@example.org"))?;
                panic!("on purpose");
            })
        });
        assert!(thread.join().is_err());
        let store = bench.store.clone();
        let thread = std::thread::spawn(move || store.read(|_| -> Result<()> { panic!("on purpose") }));
        assert!(thread.join().is_err());
    }
    assert_eq!(bench.read(|reader| reader.count_users()), 0);
    bench.user("alice");
}

#[test]
fn a_writer_sees_its_own_writes_and_readers_only_what_is_committed() {
    let bench = Bench::new();
    bench
        .write(|writer| {
            writer.insert_user(&new_user("alice", "alice@example.org"))?;
            assert_eq!(writer.count_users()?, 1);
            assert_eq!(bench.read(|reader| reader.count_users()), 0);
            Ok(())
        })
        .unwrap();
    bench.read(|reader| {
        assert_eq!(reader.count_users()?, 1);
        bench.user("bob");
        assert_eq!(reader.count_users()?, 1, "one view, whatever happens meanwhile");
        Ok(())
    });
    assert_eq!(bench.read(|reader| reader.count_users()), 2);
}

#[test]
fn more_threads_than_connections_take_turns() {
    let bench = Bench::new();
    let (inside, arrivals) = mpsc::channel();
    let threads: Vec<_> = (0..READERS)
        .map(|_| {
            let (store, inside) = (bench.store.clone(), inside.clone());
            let (go, wait) = mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                store.read(|reader| {
                    reader.count_users()?;
                    inside.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok::<_, Error>(())
                })
            });
            (thread, go)
        })
        .collect();
    for _ in 0..READERS {
        arrivals.recv().unwrap();
    }
    // Every connection is in use; this one waits for the first that is given back.
    let store = bench.store.clone();
    let waiting = std::thread::spawn(move || store.read::<_, Error>(|reader| reader.count_users()));
    for (thread, go) in threads {
        go.send(()).unwrap();
        thread.join().unwrap().unwrap();
    }
    assert_eq!(waiting.join().unwrap().unwrap(), 0);
}

#[test]
fn the_version_changes_with_every_commit_of_anybody() {
    let bench = Bench::new();
    let other = Store::open(&bench.folder.path().join("state"), at(0)).unwrap();
    let mut seen = vec![bench.store.version().unwrap()];
    assert_eq!(bench.store.version().unwrap(), seen[0], "nothing happened");
    bench.user("alice");
    seen.push(bench.store.version().unwrap());
    other
        .write(at(1), |writer| {
            writer.insert_user(&new_user("bob", "bob@example.org"))
        })
        .unwrap();
    seen.push(bench.store.version().unwrap());
    bench.user("carol");
    seen.push(bench.store.version().unwrap());
    let count = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), count, "{seen:?}");
    let failed = bench.write(|writer| {
        writer.insert_user(&new_user("dave", "dave@example.org"))?;
        Err::<(), _>(Error::Full)
    });
    assert!(failed.is_err());
    assert_eq!(
        bench.store.version().unwrap(),
        seen[count - 1],
        "nothing was committed"
    );
}

#[test]
fn a_full_disk_is_named_and_what_was_there_stays() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    bench
        .store
        .shared
        .writer
        .with(|connection| {
            let pages: i64 = connection
                .query_row("PRAGMA page_count", [], |row| row.get(0))
                .unwrap();
            connection
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .unwrap();
        })
        .unwrap();
    let long = "x".repeat(100_000);
    let full = bench.write(|writer| writer.set_password_hash(alice, &long));
    assert!(matches!(full, Err(Error::Full)), "{full:?}");
    assert_eq!(bench.read(|reader| reader.count_users()), 1);
    bench
        .write(|writer| writer.set_password_hash(alice, "short"))
        .unwrap();
}

#[test]
fn every_connection_is_strict_about_what_it_reads_and_durable_in_what_it_writes() {
    let bench = Bench::new();
    let pragma = |pool: &Pool, name: &str| -> i64 {
        pool.with(|connection| {
            connection
                .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
                .unwrap()
        })
        .unwrap()
    };
    for pool in [&bench.store.shared.readers, &bench.store.shared.writer] {
        assert_eq!(pragma(pool, "synchronous"), 2, "FULL");
        assert_eq!(pragma(pool, "foreign_keys"), 1);
        assert_eq!(pragma(pool, "trusted_schema"), 0);
        assert_eq!(pragma(pool, "busy_timeout"), 10_000);
        assert_eq!(pragma(pool, "journal_size_limit"), 4 << 20);
    }
    assert_eq!(pragma(&bench.store.shared.readers, "query_only"), 1);
    let unknown = bench.insert_vm(UserId(99), "web");
    assert!(matches!(
        unknown,
        Err(Error::Sqlite {
            context: "making a machine",
            ..
        })
    ));
}
