use super::*;
use crate::model::credit::{Credits, EntryKind, Rate};
use crate::model::meter::{Charge, Meter, Run};
use proptest::prelude::*;

fn entry(key: &str, kind: EntryKind, user: UserId, thousandths: i64) -> NewEntry<'_> {
    NewEntry {
        actor: Some(user),
        reason: Some("because"),
        ..NewEntry::new(key, kind, user, Credits(thousandths))
    }
}

fn run() -> Run {
    Run {
        boot: "boot".to_owned(),
        number: 1,
    }
}

fn charge(from: i64, to: i64) -> Charge {
    Charge {
        run: run(),
        from,
        to,
        amount: Credits(5),
    }
}

#[test]
fn a_balance_is_the_sum_of_its_entries_and_never_below_nothing() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let put = |key: &str, kind, amount| bench.write(|it| it.insert_entry(&entry(key, kind, alice, amount)));
    put("a", EntryKind::Initial, 1000).unwrap();
    put("b", EntryKind::Adjustment, -400).unwrap();
    assert_eq!(bench.read(|it| it.balance(alice)).amount, Credits(600));
    assert!(matches!(
        put("c", EntryKind::Adjustment, -601),
        Err(Error::Missing("balance"))
    ));
    assert!(
        matches!(put("b", EntryKind::Adjustment, 5), Err(Error::Taken("charge"))),
        "once"
    );
    assert_eq!(bench.read(|it| it.balance(alice)).amount, Credits(600));
    let entries = bench.read(|it| it.entries(EntryFilter::default()));
    assert_eq!(
        entries.iter().map(|it| it.amount.0).collect::<Vec<_>>(),
        [-400, 1000]
    );
    assert_eq!(bench.read(|it| it.verify_ledger()).wrong, []);
}

#[test]
fn what_is_waived_leaves_the_balance_alone() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let web = bench.vm(alice, "web");
    let spans = (charge(0, 60_000), charge(60_000, 120_000));
    bench
        .write(|it| {
            it.insert_entry(&entry("initial", EntryKind::Initial, alice, 5))?;
            for (key, kind, amount, charge) in [
                ("usage", EntryKind::Usage, -5, &spans.0),
                ("waived", EntryKind::Waived, 7, &spans.1),
            ] {
                it.insert_entry(&NewEntry {
                    vm: Some((web, "web")),
                    period: Some((at(0), at(60), charge)),
                    ..entry(key, kind, alice, amount)
                })?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(bench.read(|it| it.balance(alice)).amount, Credits::ZERO);
    let newest = bench.read(|it| it.entries(EntryFilter::default())).remove(0);
    assert_eq!((newest.amount, newest.waived), (Credits::ZERO, Credits(7)));
    assert_eq!(bench.read(|it| it.paid_for(web)), Credits(5));
    assert_eq!(bench.read(|it| it.verify_ledger()).doubled, 0);
}

#[test]
fn forgery_shows_when_everything_is_added_up() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let web = bench.vm(alice, "web");
    bench
        .write(|it| it.insert_entry(&entry("initial", EntryKind::Initial, alice, 1000)))
        .unwrap();
    let raw = bench.raw();
    for sql in [
        "UPDATE ledger SET amount = 1",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger",
    ] {
        assert!(raw.execute_batch(sql).is_err(), "{sql}");
    }
    assert!(raw.execute_batch("UPDATE balances SET amount = -1").is_err());
    raw.execute_batch("UPDATE balances SET amount = 5000").unwrap();
    let report = bench.read(|it| it.verify_ledger());
    assert_eq!(report.wrong, [(alice, Credits(5000), Credits(1000))]);
    for (key, span) in [("one", charge(0, 100)), ("two", charge(50, 150))] {
        bench
            .write(|it| {
                it.insert_entry(&NewEntry {
                    vm: Some((web, "web")),
                    period: Some((at(0), at(60), &span)),
                    ..entry(key, EntryKind::Usage, alice, -5)
                })
            })
            .unwrap();
    }
    assert_eq!(bench.read(|it| it.verify_ledger()).doubled, 1, "from 50 to 100");
}

#[test]
fn a_meter_comes_back_as_it_was() {
    let bench = Bench::new();
    let web = bench.vm(bench.user("alice"), "web");
    assert_eq!(bench.read(|it| it.meter(web)), None);
    let meter = Meter {
        run: run(),
        rate: Rate(12_345),
        since: -5,
        until: 70,
        charged: Credits(3),
        on: true,
    };
    bench.write(|it| it.set_meter(web, &meter)).unwrap();
    let later = Meter {
        until: 90,
        on: false,
        ..meter
    };
    bench.write(|it| it.set_meter(web, &later)).unwrap();
    assert_eq!(bench.read(|it| it.meter(web)), Some(later));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn whatever_moves_the_sums_hold(moves in prop::collection::vec((0usize..3, -500i64..500), 0..40)) {
        let bench = Bench::new();
        let users = ["alice", "bob", "carol"].map(|name| bench.user(name));
        let mut model = [0i64; 3];
        for (number, (who, amount)) in moves.into_iter().enumerate() {
            let key = format!("{number}");
            let done = bench.write(|it| it.insert_entry(&entry(&key, EntryKind::Adjustment, users[who], amount)));
            prop_assert_eq!(done.is_ok(), model[who] + amount >= 0);
            if done.is_ok() {
                model[who] += amount;
            }
        }
        for (user, sum) in users.into_iter().zip(model) {
            prop_assert_eq!(bench.read(|it| it.balance(user)).amount.0, sum);
        }
        prop_assert_eq!(bench.read(|it| it.verify_ledger()).wrong, []);
    }
}
