//! Operations and their steps.

use super::*;
use crate::model::{OperationId, OperationKind, OperationState, Progress, StepState};
use serde_json::{Value, json};

impl Bench {
    fn operation(&self, owner: UserId, vm: VmId, kind: OperationKind) -> Result<OperationId> {
        self.write(|writer| {
            writer.insert_operation(&NewOperation {
                kind,
                vm: Some(vm),
                name: "web",
                owner,
                actor: owner,
                input: &json!({"image": "tiny"}),
                step_count: 3,
            })
        })
    }

    fn finish(&self, id: OperationId) {
        self.write_at(9, |writer| {
            writer.set_operation_state(id, OperationState::Done, None)
        })
        .unwrap();
    }
}

#[test]
fn an_operation_goes_from_queued_to_done() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web");
    let id = bench.operation(alice, vm, OperationKind::Create).unwrap();
    let read = || bench.read(|reader| reader.operation(id)).unwrap();
    assert_eq!(read().state, OperationState::Queued);
    assert_eq!((read().steps.len(), read().step_count), (0, 3));
    assert_eq!(
        bench.read(|reader| reader.operation_input(id)),
        json!({"image": "tiny"})
    );

    let progress = Progress {
        done: 5,
        total: Some(10),
    };
    bench
        .write_at(2, |writer| {
            writer.set_operation_state(id, OperationState::Running, None)?;
            writer.begin_step(id, 0, "volume")?;
            writer.set_progress(id, Some(progress))
        })
        .unwrap();
    assert_eq!(read().progress, Some(progress));
    assert_eq!(
        read().current_step().map(|step| step.name.clone()),
        Some("volume".to_owned())
    );

    bench
        .write_at(3, |writer| {
            writer.end_step(id, 0, StepState::Done, &json!({"path": "/x"}), None)
        })
        .unwrap();
    bench.finish(id);
    assert_eq!(read().state, OperationState::Done);
    assert_eq!(read().finished_at, Some(at(9)));
    assert_eq!(read().progress, None);
    assert_eq!(read().steps[0].started_at, at(2));
    assert_eq!(read().steps[0].finished_at, Some(at(3)));
}

#[test]
fn a_machine_has_one_unfinished_operation() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let (web, db) = (bench.vm(alice, "web"), bench.vm(alice, "db1"));
    let first = bench.operation(alice, web, OperationKind::Start).unwrap();
    let second = bench.operation(alice, web, OperationKind::Stop);
    assert!(matches!(second, Err(Error::Busy(id)) if id == first));
    bench.operation(alice, db, OperationKind::Start).unwrap();
    bench.finish(first);
    bench.operation(alice, web, OperationKind::Stop).unwrap();
}

#[test]
fn the_index_alone_refuses_a_second_unfinished_operation() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web");
    bench.operation(alice, vm, OperationKind::Start).unwrap();
    let copy = "INSERT INTO operations (kind, vm, name, owner, actor, state, input, step_count,
                                        cancel_requested, created_at)
                SELECT kind, vm, name, owner, actor, 'running', input, step_count, 0, 0 FROM operations";
    let refused = bench.raw().execute(copy, []).unwrap_err();
    assert!(refused.to_string().contains("UNIQUE"), "{refused}");
}

#[test]
fn what_is_final_stays_so() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web");
    let id = bench.operation(alice, vm, OperationKind::Start).unwrap();
    bench
        .write(|writer| {
            writer.set_operation_state(id, OperationState::Undoing, Some("no space"))?;
            writer.set_operation_state(id, OperationState::Failed, None)
        })
        .unwrap();
    let failed = bench.read(|reader| reader.operation(id)).unwrap();
    assert_eq!(failed.error.as_deref(), Some("no space"));
    let back = bench.write(|writer| writer.set_operation_state(id, OperationState::Running, None));
    assert!(matches!(back, Err(Error::Missing("unfinished operation"))));
    let late = bench.write(|writer| writer.set_progress(id, Some(Progress::default())));
    assert!(matches!(late, Err(Error::Missing("unfinished operation"))));
}

#[test]
fn cancelling_is_asked_for_while_there_is_something_to_cancel() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web");
    let id = bench.operation(alice, vm, OperationKind::Start).unwrap();
    assert!(bench.write(|writer| writer.request_cancel(id)).unwrap());
    assert!(
        bench
            .read(|reader| reader.operation(id))
            .unwrap()
            .cancel_requested
    );
    bench.finish(id);
    assert!(!bench.write(|writer| writer.request_cancel(id)).unwrap());
    let nobody = bench.write(|writer| writer.request_cancel(OperationId(99)));
    assert!(matches!(nobody, Err(Error::Missing("operation"))));
}

#[test]
fn a_step_begun_again_keeps_what_it_left() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web");
    let id = bench.operation(alice, vm, OperationKind::Create).unwrap();
    let left = json!({"port": 40_022});
    bench
        .write(|writer| {
            writer.begin_step(id, 0, "port")?;
            writer.end_step(id, 0, StepState::Done, &left, None)?;
            writer.begin_step(id, 1, "define")?;
            writer.end_step(id, 1, StepState::Failed, &Value::Null, Some("libvirt went away"))?;
            writer.begin_step(id, 0, "port")
        })
        .unwrap();
    let records = bench.read(|reader| reader.step_records(id));
    assert_eq!(records[0].state, StepState::Running);
    assert_eq!(records[0].output, left);
    assert_eq!(records[1].name, "define");
    let steps = bench.read(|reader| reader.operation(id)).unwrap().steps;
    assert_eq!(steps[0].finished_at, None);
    assert_eq!(steps[1].error.as_deref(), Some("libvirt went away"));
    let unbegun = bench.write(|writer| writer.end_step(id, 2, StepState::Done, &Value::Null, None));
    assert!(matches!(unbegun, Err(Error::Missing("step"))));
}

#[test]
fn operations_are_listed_newest_first_by_owner_state_and_page() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let (web, db) = (bench.vm(alice, "web"), bench.vm(bob, "db1"));
    let mut ids = Vec::new();
    for _ in 0..3 {
        for (owner, vm) in [(alice, web), (bob, db)] {
            let id = bench.operation(owner, vm, OperationKind::Start).unwrap();
            bench.finish(id);
            ids.push(id.0);
        }
    }
    let open = bench.operation(alice, web, OperationKind::Stop).unwrap();
    let list = |filter| -> Vec<i64> {
        let found = bench.read(|reader| reader.operations(filter));
        found.iter().map(|operation| operation.id.0).collect()
    };
    let all = OperationFilter::default();
    assert_eq!(list(all), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(
        list(OperationFilter {
            owner: Some(bob),
            ..all
        }),
        [6, 4, 2]
    );
    assert_eq!(list(OperationFilter { active: true, ..all }), [open.0]);
    let (owner, active) = (Some(bob), true);
    assert_eq!(list(OperationFilter { owner, active, ..all }), Vec::<i64>::new());
    let before = Some(OperationId(5));
    assert_eq!(
        list(OperationFilter {
            before,
            limit: 2,
            ..all
        }),
        [4, 3]
    );
}

#[test]
fn an_image_has_one_operation_at_a_time_and_everybody_sees_it() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let vm = bench.vm(alice, "web");
    let pull = |image: &'static str| {
        bench.write(|writer| {
            writer.insert_operation(&NewOperation {
                kind: OperationKind::Pull,
                vm: None,
                name: image,
                owner: alice,
                actor: alice,
                input: &Value::Null,
                step_count: 1,
            })
        })
    };
    // A machine of the image's name is something else.
    bench.operation(alice, vm, OperationKind::Start).unwrap();
    let first = pull("web").unwrap();
    assert!(matches!(pull("web"), Err(Error::Busy(id)) if id == first));
    let other = pull("debian").unwrap();
    assert_eq!(
        bench.read(|reader| reader.unfinished_on_image("web")),
        Some(first)
    );
    let filter = OperationFilter {
        owner: Some(bob),
        ..OperationFilter::default()
    };
    let seen: Vec<_> = bench
        .read(|reader| reader.operations(filter))
        .iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(seen, [other, first], "and not alice's machine");
    let shown = bench.read(|reader| reader.operation(first)).unwrap();
    assert_eq!((shown.vm, shown.subject().as_str()), (None, "image web"));
    bench.finish(first);
    assert_eq!(bench.read(|reader| reader.unfinished_on_image("web")), None);
    pull("web").unwrap();
    // Not by this program's care alone: the tables hold it, too.
    let raw = bench.raw();
    let twice = "INSERT INTO operations (kind, vm, name, owner, actor, state, input, step_count,
                                         cancel_requested, created_at)
                 VALUES ('pull', NULL, 'web', 1, 1, 'queued', 'null', 1, 0, 0)";
    assert!(raw.execute(twice, []).is_err());
    assert!(
        raw.execute(&twice.replace("'pull'", "'start'").replace("'web'", "'x'"), [])
            .is_err()
    );
}
