//! The log as it is read: filters, pages, what a user may see, open intents.

use super::*;
use crate::model::{EventId, EventType, Severity};
use proptest::prelude::*;
use serde_json::json;

fn event(message: &str) -> NewEvent {
    NewEvent::new(EventType::Vm, Severity::Info, "vm.start", message)
}

fn ids(bench: &Bench, query: EventQuery) -> Vec<i64> {
    let found = bench.read(|reader| reader.events(query));
    found.into_iter().map(|event| event.id.0).collect()
}

#[test]
fn an_event_reads_as_it_was_appended() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web");
    let details = json!({"operation": 4, "text": "Grüße \u{1b}[2J", "list": [1, 2.5, null]});
    let id = bench.append(event("web starts").user(alice).vm(vm).details(details.clone()));
    let found = bench
        .read(|reader| reader.events(EventQuery::default()))
        .remove(0);
    assert_eq!(found.id, EventId(id));
    assert_eq!(found.time, at(1));
    assert_eq!(
        (found.event_type, found.severity),
        (EventType::Vm, Severity::Info)
    );
    assert_eq!(
        (found.action.as_str(), found.message.as_str()),
        ("vm.start", "web starts")
    );
    assert_eq!((found.user, found.vm), (Some(alice), Some(vm)));
    assert_eq!(found.details, details);
}

#[test]
fn a_message_is_made_visible_even_if_nobody_did_before() {
    let bench = Bench::new();
    let mut hostile = event("");
    hostile.message = "a\u{202e}b\n".to_owned();
    bench.append(hostile);
    let found = bench
        .read(|reader| reader.events(EventQuery::default()))
        .remove(0);
    assert_eq!(found.message, "a\\u{202e}b␊");
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let bench = Bench::new();
    bench
        .write(|writer| (0..250).try_for_each(|_| writer.append_event(&event("x")).map(drop)))
        .unwrap();
    let mut seen = Vec::new();
    let mut query = EventQuery::default();
    loop {
        let page = ids(&bench, query);
        let Some(last) = page.last() else { break };
        query.before = Some(EventId(*last));
        seen.extend(page);
    }
    assert_eq!(seen, (1..=250).rev().collect::<Vec<_>>());
}

#[test]
fn a_user_sees_what_concerns_them_and_their_machines_also_those_gone() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let (web, db) = (bench.vm(alice, "web"), bench.vm(bob, "db1"));
    let own = bench.append(event("alice signs in").user(alice));
    let by_admin = bench.append(event("bob stops web").user(bob).vm(web));
    let both = bench.append(event("alice starts web").user(alice).vm(web));
    let foreign = bench.append(event("bob starts db1").user(bob).vm(db));
    bench.append(event("the host is hot"));
    bench.write(|writer| writer.remove_vm(web)).unwrap();
    let after = bench.append(event("web's disk is gone").vm(web));

    let query = EventQuery {
        visible_to: Some(alice),
        ..EventQuery::default()
    };
    assert_eq!(ids(&bench, query), [after, both, by_admin, own]);
    assert_eq!(
        ids(
            &bench,
            EventQuery {
                vm: Some(db),
                ..query
            }
        ),
        Vec::<i64>::new()
    );
    assert_eq!(
        ids(
            &bench,
            EventQuery {
                vm: Some(web),
                limit: 2,
                ..query
            }
        ),
        [after, both]
    );
    let of_bob = EventQuery {
        visible_to: Some(bob),
        ..query
    };
    assert_eq!(ids(&bench, of_bob), [foreign, by_admin]);
}

#[test]
fn an_intent_is_open_until_its_outcome() {
    let bench = Bench::new();
    let act = |action: &'static str, operation: i64| {
        let event = NewEvent::new(EventType::Vm, Severity::Info, action, "x");
        bench.append(event.details(json!({"operation": operation})))
    };
    let open = || -> Vec<i64> {
        let found = bench.read(|reader| reader.open_intents());
        found.into_iter().map(|event| event.id.0).collect()
    };
    let create = act("vm.create.intent", 1);
    let stop = act("vm.stop.intent", 2);
    let start = act("vm.start.intent", 3);
    act("vm.create.step", 1);
    assert_eq!(open(), [create, stop, start]);
    act("vm.create.failed", 1);
    act("vm.stop.cancelled", 2);
    assert_eq!(open(), [start]);
    act("vm.start.done", 3);
    assert_eq!(open(), Vec::<i64>::new());
    let again = act("vm.start.intent", 3);
    assert_eq!(open(), [again]);
    bench.append(NewEvent::new(
        EventType::Vm,
        Severity::Info,
        "vm.adopt.intent",
        "no operation",
    ));
    assert_eq!(open(), [again]);
}

/// One event of the model below: type, severity, user and machine.
type Sketch = (usize, usize, Option<i64>, Option<usize>);

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let one = (
        0..4usize,
        0..3usize,
        proptest::option::of(1..=2i64),
        proptest::option::of(0..3usize),
    );
    proptest::collection::vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every filter agrees with looking at each event.
    #[test]
    fn filters_find_what_a_scan_finds(
        sketches in sketches(),
        visible in proptest::option::of(1..=2i64),
        vm in proptest::option::of(0..3usize),
        at_least in proptest::option::of(0..3usize),
        event_type in proptest::option::of(0..4usize),
        before in proptest::option::of(1..40i64),
        limit in 0..10u32,
    ) {
        let bench = Bench::new();
        let users = [bench.user("alice"), bench.user("bob")];
        let owners = [users[0], users[1], users[1]];
        let vms = [bench.vm(owners[0], "aaa"), bench.vm(owners[1], "bbb"), bench.vm(owners[2], "ccc")];
        bench.write(|writer| {
            sketches.iter().try_for_each(|&(kind, severity, user, vm)| {
                let mut event = NewEvent::new(EventType::ALL[kind], Severity::ALL[severity], "x.y", "z");
                event.user = user.map(UserId);
                event.vm = vm.map(|vm| vms[vm]);
                writer.append_event(&event).map(drop)
            })
        }).unwrap();
        let query = EventQuery {
            visible_to: visible.map(UserId),
            vm: vm.map(|vm| vms[vm]),
            at_least: at_least.map(|it| Severity::ALL[it]),
            event_type: event_type.map(|it| EventType::ALL[it]),
            before: before.map(EventId),
            limit,
        };
        let expected: Vec<i64> = (1i64..).zip(&sketches).collect::<Vec<_>>().into_iter().rev()
            .filter(|&(id, &(kind, severity, user, on))| {
                visible.is_none_or(|it| user == Some(it) || on.is_some_and(|on| owners[on].0 == it))
                    && vm.is_none_or(|it| on == Some(it))
                    && at_least.is_none_or(|it| severity >= it)
                    && event_type.is_none_or(|it| kind == it)
                    && before.is_none_or(|it| id < it)
            })
            .map(|(id, _)| id)
            .take(if limit == 0 { 100 } else { limit as usize })
            .collect();
        prop_assert_eq!(ids(&bench, query), expected);
    }
}

/// No filter reads the whole log or sorts it.
#[test]
fn every_filter_walks_an_index() {
    let bench = Bench::new();
    let raw = bench.raw();
    let choices = |some: bool| if some { vec![false, true] } else { vec![false] };
    for (user, vm, bad, kind) in choices(true).into_iter().flat_map(|user| {
        choices(true).into_iter().flat_map(move |vm| {
            choices(true)
                .into_iter()
                .flat_map(move |bad| choices(true).into_iter().map(move |kind| (user, vm, bad, kind)))
        })
    }) {
        let query = EventQuery {
            visible_to: user.then_some(UserId(1)),
            vm: vm.then_some(VmId(1)),
            at_least: bad.then_some(Severity::Warning),
            event_type: kind.then_some(EventType::Auth),
            ..EventQuery::default()
        };
        let (sql, values) = crate::store::events::select(query);
        let mut statement = raw.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get("detail"))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        let plan = plan.join("\n");
        let led_by = match query {
            EventQuery { vm: Some(_), .. } => "events_by_vm (vm=?",
            EventQuery {
                visible_to: Some(_), ..
            } => "events_by_owner (owner=?",
            EventQuery {
                at_least: Some(_), ..
            } => "events_warning",
            EventQuery {
                event_type: Some(_), ..
            } => "events_by_type (type=?",
            _ => "INTEGER PRIMARY KEY (rowid<?",
        };
        assert!(plan.contains(led_by), "{query:?}\n{plan}");
        assert!(
            !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
            "{query:?}\n{plan}"
        );
    }
}
