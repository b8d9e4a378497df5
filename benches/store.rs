//! How long the database takes for what twarga does often. `cargo bench --bench store`.
//!
//! Appending is durable (synchronous FULL), so its time is the disk's.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use std::error::Error;
use std::hint::black_box;
use twarga::model::{
    Email, EventId, EventType, NewEvent, Role, Severity, UserId, Username, VmName, VmRequest,
};
use twarga::store::{EventQuery, NewUser, NewVm, Result, Store, Writer};
use uuid::Uuid;

const EVENTS: usize = 100_000;

type Outcome<T> = std::result::Result<T, Box<dyn Error>>;

struct Scene {
    store: Store,
    owner: UserId,
    _folder: tempfile::TempDir,
}

/// A hundred users with five machines each, and so many events about them.
fn scene(events: usize) -> Outcome<Scene> {
    let folder = tempfile::tempdir()?;
    let now = Timestamp::from_second(1_800_000_000)?;
    let store = Store::open(&folder.path().join("state"), now)?;
    let mut owner = UserId(1);
    let mut vms = Vec::new();
    for user in 0..100 {
        let user = NewUser {
            username: Username::parse(&format!("user{user}"))?,
            email: Email::parse(&format!("user{user}@example.org"))?,
            password_hash: String::new(),
            role: Role::User,
        };
        store.write(now, |writer| -> Outcome<()> {
            owner = writer.insert_user(&user)?;
            for vm in 0..5 {
                let request = VmRequest {
                    name: VmName::parse(&format!("vm-{vm}"))?,
                    image: "tiny".to_owned(),
                    memory_mib: 512,
                    vcpus: 1,
                    disk_gib: 10,
                    guest_user: None,
                    password_hash: None,
                    ssh_keys: Vec::new(),
                    provision: Default::default(),
                    network: None,
                };
                let vm = writer.insert_vm(&NewVm {
                    uuid: Uuid::new_v4(),
                    owner,
                    request: &request,
                    guest_user: "root",
                })?;
                vms.push((owner, vm));
            }
            Ok(())
        })?;
    }
    for start in (0..events).step_by(1_000) {
        store.write(now, |writer| {
            (start..start + 1_000).try_for_each(|n| {
                let (user, vm) = vms[n % vms.len()];
                let severity = if n % 100 == 0 {
                    Severity::Warning
                } else {
                    Severity::Info
                };
                let kind = EventType::ALL[n % 4];
                let event = NewEvent::new(kind, severity, "vm.start", "web-1 starts")
                    .user(user)
                    .vm(vm);
                append(writer, &event)
            })
        })?;
    }
    let _folder = folder;
    Ok(Scene {
        store,
        owner,
        _folder,
    })
}

fn append(writer: &Writer<'_>, event: &NewEvent) -> Result<()> {
    writer.append_event(event).map(drop)
}

fn fails(error: impl std::fmt::Display) -> ! {
    #[expect(clippy::panic, reason = "a benchmark that fails has no figure")]
    {
        panic!("{error}")
    }
}

fn writing(criterion: &mut Criterion) {
    let scene = scene(0).unwrap_or_else(|error| fails(error));
    let now = Timestamp::UNIX_EPOCH;
    let event = NewEvent::new(EventType::Auth, Severity::Info, "auth.sign_in", "user1 signed in")
        .user(scene.owner)
        .details(serde_json::json!({"source": "local"}));
    let mut group = criterion.benchmark_group("append events");
    for count in [1, 100] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("{count} per commit"), |bencher| {
            bencher.iter(|| {
                let done = scene
                    .store
                    .write(now, |writer| (0..count).try_for_each(|_| append(writer, &event)));
                done.unwrap_or_else(|error| fails(error));
            });
        });
    }
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    let scene = scene(EVENTS).unwrap_or_else(|error| fails(error));
    let all = EventQuery {
        limit: 50,
        ..EventQuery::default()
    };
    let deep = EventQuery {
        before: Some(EventId(EVENTS as i64 / 2)),
        ..all
    };
    let mine = EventQuery {
        visible_to: Some(scene.owner),
        ..all
    };
    let warnings = EventQuery {
        at_least: Some(Severity::Warning),
        ..deep
    };
    let mut group = criterion.benchmark_group("a page of 50 among 100,000 events");
    for (name, query) in [
        ("newest", all),
        ("deep", deep),
        ("one user's", mine),
        ("warnings", warnings),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || query,
                |query| {
                    let page = scene.store.read(|reader| reader.events(query));
                    black_box(page.unwrap_or_else(|error| fails(error)))
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.bench_function("usage of a user", |bencher| {
        bencher.iter(|| {
            let usage = scene.store.read(|reader| reader.usage(scene.owner));
            black_box(usage.unwrap_or_else(|error| fails(error)))
        });
    });
    criterion.bench_function("500 machines", |bencher| {
        bencher.iter(|| {
            let vms = scene.store.read(|reader| reader.vms());
            black_box(vms.unwrap_or_else(|error| fails(error)))
        });
    });
    criterion.bench_function("data version", |bencher| {
        bencher.iter(|| black_box(scene.store.version().unwrap_or_else(|error| fails(error))));
    });
    let mut group = criterion.benchmark_group("verify the chain");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("100,000 events", |bencher| {
        bencher.iter(|| black_box(scene.store.verify_chain().unwrap_or_else(|error| fails(error))));
    });
    group.finish();
}

criterion_group!(benches, writing, reading);
criterion_main!(benches);
