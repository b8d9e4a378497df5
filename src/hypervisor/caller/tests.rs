//! Jobs here ignore the hypervisor: what counts is when they run and who hears of it.

use super::*;
use crate::hypervisor::*;
use std::io::Read;
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;

const SOON: Duration = Duration::from_millis(50);
const AMPLE: Duration = Duration::from_secs(60);

/// A hypervisor that is never asked anything, and tells when it is dropped.
struct Unplugged(Option<std_mpsc::Sender<()>>);

impl Drop for Unplugged {
    fn drop(&mut self) {
        self.0.take().map(|gone| gone.send(()));
    }
}

fn caller() -> Caller {
    Caller::new(Arc::new(Unplugged(None)))
}

/// A job that signals its start and then holds its thread until told, or until the test ends.
fn holding(
    lane: Lane,
    caller: &Caller,
) -> (
    tokio::task::JoinHandle<Result<()>>,
    std_mpsc::Receiver<()>,
    std_mpsc::Sender<()>,
) {
    let (begun, has_begun) = std_mpsc::channel();
    let (release, released) = std_mpsc::channel();
    let caller = caller.clone();
    let task = tokio::spawn(async move {
        caller
            .call(lane, "hold", AMPLE, move |_| {
                begun.send(()).unwrap();
                let _ = released.recv();
                Ok(())
            })
            .await
    });
    (task, has_begun, release)
}

async fn arrival(of: std_mpsc::Receiver<()>) {
    tokio::task::spawn_blocking(move || of.recv_timeout(AMPLE).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_returns_what_its_job_returns() {
    let answer = caller().call(Lane::Act, "add", AMPLE, |_| Ok(40 + 2)).await;
    assert_eq!(answer, Ok(42));
    let missing = Error::NotFound("domain x".into());
    let answer: Result<()> = caller().call(Lane::Act, "look", AMPLE, |_| Err(missing)).await;
    assert_eq!(answer, Err(Error::NotFound("domain x".into())));
}

#[tokio::test]
async fn a_hung_call_costs_its_caller_only_the_deadline() {
    let caller = caller();
    let (held, begun, release) = holding(Lane::Transfer, &caller);
    arrival(begun).await;
    let second = caller.call(Lane::Transfer, "snapshot", SOON, |_| Ok(())).await;
    assert_eq!(
        second,
        Err(Error::Unresponsive {
            call: "snapshot",
            seconds: 1
        })
    );
    release.send(()).unwrap();
    assert_eq!(held.await.unwrap(), Ok(()));
    assert_eq!(
        caller.call(Lane::Transfer, "snapshot", AMPLE, |_| Ok(7)).await,
        Ok(7),
        "the lane works again"
    );
}

#[tokio::test]
async fn a_hung_lane_does_not_delay_another() {
    let caller = caller();
    let (_held, begun, _release) = holding(Lane::Transfer, &caller);
    let (_stuck, stuck, _let_go) = holding(Lane::Watch, &caller);
    arrival(begun).await;
    arrival(stuck).await;
    assert_eq!(
        caller.call(Lane::Watch, "snapshot", AMPLE, |_| Ok(1)).await,
        Ok(1)
    );
    assert_eq!(caller.call(Lane::Act, "start", AMPLE, |_| Ok(2)).await, Ok(2));
}

#[tokio::test]
async fn three_actions_run_at_once() {
    let caller = caller();
    let mut held = Vec::new();
    for _ in 0..Lane::Act.threads() {
        let (task, begun, release) = holding(Lane::Act, &caller);
        arrival(begun).await;
        held.push((task, release));
    }
    for (task, release) in held {
        release.send(()).unwrap();
        assert_eq!(task.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_job_given_up_before_it_began_never_runs() {
    let caller = caller();
    let (_held, begun, release) = holding(Lane::Transfer, &caller);
    arrival(begun).await;
    let (ran, has_run) = std_mpsc::channel();
    let given_up = caller
        .call(Lane::Transfer, "late", SOON, move |_| Ok(ran.send(())))
        .await;
    assert!(matches!(given_up, Err(Error::Unresponsive { call: "late", .. })));
    release.send(()).unwrap();
    caller
        .call(Lane::Transfer, "next", AMPLE, |_| Ok(()))
        .await
        .unwrap();
    assert_eq!(has_run.recv(), Err(std_mpsc::RecvError), "dropped unrun");
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_but_not_longer_than_their_deadline() {
    let caller = caller();
    let (_held, begun, release) = holding(Lane::Transfer, &caller);
    arrival(begun).await;
    let mut queued = Vec::new();
    for number in 0..QUEUE {
        let caller = caller.clone();
        queued.push(tokio::spawn(async move {
            caller
                .call(Lane::Transfer, "queued", AMPLE, move |_| Ok(number))
                .await
        }));
    }
    while caller.transfer.capacity() > 0 {
        tokio::task::yield_now().await;
    }
    let outside = caller.call(Lane::Transfer, "outside", SOON, |_| Ok(())).await;
    assert!(matches!(
        outside,
        Err(Error::Unresponsive { call: "outside", .. })
    ));
    release.send(()).unwrap();
    for (number, task) in queued.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), Ok(number));
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_survives() {
    let caller = caller();
    let outcome: Result<()> = caller
        .call(Lane::Watch, "stumble", AMPLE, |_| panic!("a \x1b[31mstone"))
        .await;
    let reason = "a bug in twarga: a ␛[31mstone".to_owned();
    assert_eq!(
        outcome,
        Err(Error::Failed {
            call: "stumble".into(),
            reason
        })
    );
    assert_eq!(
        caller.call(Lane::Watch, "snapshot", AMPLE, |_| Ok(1)).await,
        Ok(1)
    );
}

#[tokio::test]
async fn the_last_clone_takes_the_threads_with_it() {
    let (sender, gone) = std_mpsc::channel();
    let caller = Caller::new(Arc::new(Unplugged(Some(sender))));
    let clone = caller.clone();
    drop(caller);
    assert_eq!(clone.call(Lane::Act, "still", AMPLE, |_| Ok(1)).await, Ok(1));
    assert_eq!(gone.try_recv(), Err(std_mpsc::TryRecvError::Empty));
    drop(clone);
    arrival(gone).await;
}

macro_rules! never_asked {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl Hypervisor for Unplugged {
            $(fn $name(&self $(, $arg: $type)*) -> Result<$answer> {
                let _ = ($($arg,)*);
                Err(Error::Unsupported(stringify!($name).into()))
            })*
        }
    };
}

never_asked! {
    host() -> Host;
    snapshot() -> Snapshot;
    started_at(domain: Uuid) -> Option<Timestamp>;
    ownership(domain: Uuid) -> Option<Ownership>;
    prepare(network: &str) -> Vec<String>;
    networks() -> Vec<NetworkInfo>;
    define(spec: &DomainSpec) -> ();
    undefine(domain: Uuid) -> ();
    start(domain: Uuid) -> ();
    shut_down(domain: Uuid) -> ();
    force_off(domain: Uuid) -> ();
    pause(domain: Uuid) -> ();
    resume(domain: Uuid) -> ();
    state(domain: Uuid) -> Option<DomainState>;
    addresses(domain: Uuid) -> Vec<Address>;
    agent_answers(domain: Uuid) -> bool;
    forward(domain: Uuid, forward: Forward) -> ();
    unforward(domain: Uuid, forward: Forward) -> ();
    is_port_free(protocol: Protocol, port: u16) -> bool;
    attach_console(domain: Uuid, takeover: bool) -> Console;
    volumes() -> Vec<Volume>;
    pool_space() -> PoolSpace;
    create_volume(spec: &VolumeSpec) -> ();
    upload(name: &str, size: u64, source: &mut dyn Read, progress: OnBytes<'_>) -> ();
    delete_volume(name: &str) -> ();
    read_volume(name: &str, offset: u64, limit: u64) -> VolumePart;
    tail(name: &str, limit: u64) -> Vec<u8>;
    pool_path() -> PathBuf;
    listen(listener: Listener) -> ();
}
