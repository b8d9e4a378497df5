//! Who keeps.

use super::*;

fn keeper(bench: &Bench) -> KeeperRow {
    bench.read(|reader| reader.keeper()).unwrap()
}

#[test]
fn a_reign_begins_beats_and_ends() {
    let bench = Bench::new();
    assert_eq!(bench.read(|reader| reader.keeper()), None);
    let epoch = bench
        .write(|writer| writer.claim_keeper(41, KeeperKind::Tui))
        .unwrap();
    bench.write_at(7, |writer| writer.beat(epoch)).unwrap();
    let row = keeper(&bench);
    assert_eq!((row.epoch, row.pid, row.kind), (epoch, 41, KeeperKind::Tui));
    assert_eq!(row.beat_at, at(7));
    assert!(!row.released);
    bench.write(|writer| writer.release_keeper(epoch)).unwrap();
    assert!(keeper(&bench).released);
    let late = bench.store.write_as_keeper(epoch, at(8), |_| Ok::<_, Error>(()));
    assert!(matches!(late, Err(Error::Superseded)));
}

#[test]
fn one_that_comes_back_cannot_write_into_its_successors_time() {
    let bench = Bench::new();
    let old = bench
        .write(|writer| writer.claim_keeper(1, KeeperKind::Tui))
        .unwrap();
    let new = bench
        .write(|writer| writer.claim_keeper(2, KeeperKind::Serve))
        .unwrap();
    assert!(new > old);
    let count = |writer: &Writer<'_>| writer.insert_user(&new_user("ghost", "ghost@example.org"));
    let ghost = bench.store.write_as_keeper(old, at(3), count);
    assert!(matches!(ghost, Err(Error::Superseded)));
    assert_eq!(bench.read(|reader| reader.count_users()), 0);
    assert!(matches!(
        bench.write(|writer| writer.beat(old)),
        Err(Error::Superseded)
    ));
    let release = bench.write(|writer| writer.release_keeper(old));
    assert!(matches!(release, Err(Error::Superseded)));
    assert!(!keeper(&bench).released);
    bench.store.write_as_keeper(new, at(3), count).unwrap();
}

#[test]
fn the_highest_rank_that_asks_stands_until_the_next_reign() {
    let bench = Bench::new();
    bench.write(|writer| writer.want_keeper(KeeperKind::Tui)).unwrap();
    assert_eq!(bench.read(|reader| reader.keeper()), None);
    bench
        .write(|writer| writer.claim_keeper(1, KeeperKind::Command))
        .unwrap();
    for kind in [KeeperKind::Tui, KeeperKind::Serve, KeeperKind::Tui] {
        bench.write(|writer| writer.want_keeper(kind)).unwrap();
    }
    assert_eq!(keeper(&bench).wanted_by, Some(KeeperKind::Serve));
    bench
        .write(|writer| writer.claim_keeper(2, KeeperKind::Serve))
        .unwrap();
    assert_eq!(keeper(&bench).wanted_by, None);
}
