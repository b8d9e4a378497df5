//! What only the inside of the core can show: defects that are contained, calls that wait for
//! each other, a keeper whose work breaks.

use super::keeper::KeeperKind;
use super::operations::{Job, Stop};
use super::time::{system_boot_clock, system_clock};
use super::{Core, CreditSettings, Error, Parts, Registration, Settings, Source};
use crate::core::{ConsoleSettings, ImageSettings, NewMachine, Origin};
use crate::hypervisor::sim::{Script, Sim};
use crate::hypervisor::{self, Lane};
use crate::model::{Limits, RecordingMode};
use crate::store::{Epoch, Store};
use serde_json::Value;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// A core on a simulator and a state directory of its own.
pub(super) async fn core() -> (Core, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("state");
    let store = Store::open(&state_dir, jiff::Timestamp::now()).unwrap();
    let tiny_dir = dir.path().join("tiny");
    std::fs::create_dir(&tiny_dir).unwrap();
    for (name, content) in [
        ("tiny.json", r#"{"version":"1"}"#),
        ("vmlinuz", "k"),
        ("initramfs", "i"),
    ] {
        std::fs::write(tiny_dir.join(name), content).unwrap();
    }
    let core = Core::assemble(Parts {
        settings: Settings {
            state_dir,
            limits: Limits::default(),
            credits: CreditSettings::default(),
            registration: true,
            session: Duration::from_secs(3600),
            stop_timeout: Duration::from_secs(2),
            ready_timeout: Duration::from_secs(2),
            emulated_ready_timeout: Duration::from_secs(2),
            disk_reserve: 1 << 30,
            network: crate::core::NetworkSettings::default(),
            forward_ports: (42_000, 42_010),
            tiny_dir,
            refresh: Duration::from_millis(200),
            leftovers: Duration::from_secs(3600),
            consoles: ConsoleSettings {
                idle: None,
                record: RecordingMode::Off,
                keep_recordings: Duration::from_secs(86_400),
                longest_recording: 1 << 20,
            },
            images: ImageSettings::default(),
            secret_key: None,
        },
        store,
        hypervisor: Arc::new(Sim::new(Script::new(system_clock(), 7))),
        clock: system_clock(),
        boot_clock: system_boot_clock(),
    })
    .await
    .unwrap();
    (core, dir)
}

/// An operation of this core's, in the hands of a keeper; nobody drives it.
async fn job(core: &Core) -> (Job, watch::Sender<bool>) {
    let registration = Registration {
        username: "alice".to_owned(),
        email: "alice@example.org".to_owned(),
        password: "tall ginger otter sings".to_owned(),
    };
    let local = Source {
        origin: Origin::Local,
        address: None,
    };
    let alice = core.register(local, registration).await.unwrap().ctx;
    let machine = NewMachine {
        name: "web-1".to_owned(),
        image: "tiny".to_owned(),
        memory_mib: 512,
        vcpus: 1,
        disk_gib: 10,
        ..NewMachine::default()
    };
    let (_, id) = core.create_vm(&alice, machine).await.unwrap();
    let operation = core.operation(&alice, id).await.unwrap();
    let epoch: Epoch = core
        .write(|writer| Ok(writer.claim_keeper(std::process::id(), KeeperKind::Tui)?))
        .await
        .unwrap();
    let mut truth = core.world().subscribe();
    truth.wait_for(|it| it.host.is_some()).await.unwrap();
    let (end, ending) = watch::channel(false);
    (Job::new(core, epoch, &operation, Value::Null, ending), end)
}

/// A call that missed its deadline may still make what the next one is to remove.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_an_operation_wait_for_one_that_is_late() {
    let (core, _dir) = core().await;
    let (job, _end) = job(&core).await;
    let (go_on, held) = mpsc::channel::<()>();
    let moment = Duration::from_millis(100);
    let late = job.call_on(Lane::Act, "the late one", moment, move |_| {
        // Ends when the sender does something or goes.
        let _ = held.recv();
        Ok(())
    });
    assert!(is_unresponsive(late.await));
    let second = job.call_on(Lane::Act, "the second", moment, |_| Ok(()));
    assert!(is_unresponsive(second.await), "it must not overtake");
    go_on.send(()).unwrap();
    job.call("the third", |_| Ok(())).await.unwrap();
    job.await_calls().await;
}

fn is_unresponsive(result: Result<(), Stop>) -> bool {
    matches!(
        result,
        Err(Stop::Failed(Error::Hypervisor(
            hypervisor::Error::Unresponsive { .. }
        )))
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_panics_fails_and_the_next_one_works() {
    let (core, _dir) = core().await;
    let (job, _end) = job(&core).await;
    let broken = job.call("a defect", |_| -> hypervisor::Result<()> {
        panic!("for the story")
    });
    let Err(Stop::Failed(error)) = broken.await else {
        panic!("it fails")
    };
    assert!(error.to_string().contains("for the story"), "{error}");
    job.call("the next", |_| Ok(())).await.unwrap();
}

/// What a step noted is there for whoever does it again, also after a keeper's death.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_noted_is_in_its_record() {
    let (core, _dir) = core().await;
    let (job, _end) = job(&core).await;
    let id = job.id;
    job.write(move |writer| Ok(writer.begin_step(id, 0, "reserve")?))
        .await
        .unwrap();
    job.note(serde_json::json!({ "started": true })).await.unwrap();
    assert_eq!(job.noted()["started"], true);
    let records = core
        .read(move |reader| Ok(reader.step_records(id)?))
        .await
        .unwrap();
    assert_eq!(records[0].output["started"], true);
}
