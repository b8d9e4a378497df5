//! One at a serial line, and what outlives it.

use super::*;
use crate::model::{ConsoleKind, Ending, RecordingMode};

fn console<'a>(user: UserId, vm: VmId, kind: ConsoleKind) -> NewConsole<'a> {
    NewConsole {
        vm,
        owner: user,
        user,
        session: Uuid::nil(),
        kind,
        source: "local",
        process: Process { pid: 7, started: 11 },
    }
}

#[test]
fn a_serial_line_has_one_at_a_time_and_ssh_as_many_as_come() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web-1");
    let open = |kind| bench.write(|writer| writer.insert_console(&console(alice, vm, kind)));
    let first = open(ConsoleKind::Serial).unwrap();
    assert!(matches!(
        open(ConsoleKind::Serial),
        Err(Error::Taken("serial line"))
    ));
    open(ConsoleKind::Ssh).unwrap();
    open(ConsoleKind::Ssh).unwrap();
    assert!(
        bench
            .write(|writer| writer.end_console(first, Ending::Left, None))
            .unwrap()
    );
    assert!(
        !bench
            .write(|writer| writer.end_console(first, Ending::Idle, None))
            .unwrap(),
        "the first end counts"
    );
    let second = open(ConsoleKind::Serial).unwrap();
    let open: Vec<_> = bench.read(|reader| reader.open_consoles());
    assert_eq!(open.len(), 3);
    let (last, process) = open.last().unwrap();
    assert_eq!(
        (last.id, last.username.as_str(), last.vm_name.as_str()),
        (second, "alice", "web-1")
    );
    assert_eq!(*process, Process { pid: 7, started: 11 });
    let ended = bench.read(|reader| reader.console(first)).unwrap();
    assert_eq!(ended.ended.map(|it| it.1), Some(Ending::Left));
}

#[test]
fn input_is_noted_while_a_console_is_open() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let vm = bench.vm(alice, "web-1");
    let id = bench
        .write(|writer| writer.insert_console(&console(alice, vm, ConsoleKind::Serial)))
        .unwrap();
    bench.write_at(90, |writer| writer.touch_console(id)).unwrap();
    assert_eq!(
        bench.read(|reader| reader.console(id)).unwrap().last_input_at,
        at(90)
    );
}

#[test]
fn recordings_belong_to_the_machines_owner_and_leave_a_tombstone() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let vm = bench.vm(alice, "web-1");
    assert_eq!(bench.read(|reader| reader.recording_mode(vm)), RecordingMode::Off);
    bench
        .write(|writer| writer.set_recording_mode(vm, RecordingMode::Input))
        .unwrap();
    assert_eq!(
        bench.read(|reader| reader.recording_mode(vm)),
        RecordingMode::Input
    );
    let id = bench
        .write(|writer| {
            let id = writer.insert_console(&NewConsole {
                user: bob,
                ..console(alice, vm, ConsoleKind::Serial)
            })?;
            let console = writer.console(id)?.ok_or(Error::Missing("console"))?;
            writer.insert_recording(&console, true)
        })
        .unwrap();
    let of = |owner| bench.read(|reader| reader.recordings(owner)).len();
    assert_eq!((of(Some(alice)), of(Some(bob)), of(None)), (1, 0, 1));
    bench
        .write_at(60, |writer| writer.end_recording(id, 4711))
        .unwrap();
    let recording = bench.read(|reader| reader.recording(id)).unwrap();
    assert_eq!(
        (recording.bytes, recording.username.as_str()),
        (Some(4711), "bob")
    );
    assert_eq!(bench.read(|reader| reader.recordings_before(at(0))), []);
    assert_eq!(bench.read(|reader| reader.recordings_before(at(2))), [id]);
    bench.write(|writer| writer.remove_recording(id)).unwrap();
    assert_eq!(bench.read(|reader| reader.recording(id)), None);
    assert_eq!(of(None), 0);
}
