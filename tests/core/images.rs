//! Images that are downloaded: by a machine's creation, by `pull`, and removed again.

use crate::bench::{Bench, PASSWORD, PATIENCE, TENANT, finish, register, small};
use crate::http::{Reply, Request, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use twarga::core::{Action, Core, Ctx, Error, Import, Keeper, KeeperKind, LogQuery, NewMachine, Soundness};
use twarga::model::{Operation, OperationId, OperationState, Readiness, VmId};

pub const SIZE: usize = 3 << 20;

/// An empty qcow2 of so many GiB as `qemu-img` makes it, and bytes behind it.
pub fn image(gib: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.qcow2");
    let made = std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .arg(&file)
        .arg(format!("{gib}G"))
        .status()
        .unwrap();
    assert!(made.success());
    let mut image = std::fs::read(&file).unwrap();
    image.extend((image.len()..SIZE).map(|at| (at * 7 % 251) as u8));
    image
}

/// The operator's document with one image that a server has.
pub fn offered(bench: &Bench, server: &Server, path: &str, bytes: &[u8]) {
    let sha256: String = Sha256::digest(bytes)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let packed = if path.ends_with(".gz") {
        "compression = \"gz\"\n"
    } else {
        ""
    };
    let own = format!(
        "[[image]]\nid = \"debian\"\ntitle = \"Debian\"\nformat = \"qcow2\"\ndefault_user = \"debian\"\n\
         url = \"{}\"\nsha256 = \"{sha256}\"\n{packed}",
        server.url(path)
    );
    std::fs::write(bench.state_dir().join("images.toml"), own).unwrap();
}

pub async fn serving(bytes: &[u8]) -> Server {
    let bytes = bytes.to_vec();
    Server::start(move |request| Reply::file(request, &bytes, "\"one\"")).await
}

fn debian(name: &str) -> NewMachine {
    NewMachine {
        image: "debian".to_owned(),
        ..small(name)
    }
}

pub async fn ask(core: &Core, ctx: &Ctx, name: &str) -> (VmId, OperationId) {
    core.create_vm(ctx, debian(name)).await.unwrap()
}

/// Downloads the image, and how that ended.
pub async fn pull(core: &Core, ctx: &Ctx) -> Operation {
    let operation = core.pull_image(ctx, "debian").await.unwrap();
    finish(core, ctx, operation).await
}

/// What lies in the library, by name.
pub fn library(bench: &Bench) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(bench.state_dir().join("images")) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn pool(bench: &Bench) -> Vec<String> {
    let volumes = bench.sim.inventory().volumes;
    volumes
        .into_iter()
        .filter(|it| it.starts_with("image-debian-"))
        .collect()
}

async fn readiness(core: &Core, ctx: &Ctx) -> Readiness {
    core.find_image(ctx, "debian").await.unwrap().readiness
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_from_an_image_elsewhere_downloads_it_once() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let server = serving(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    assert_eq!(readiness(&core, &alice).await, Readiness::Remote);
    let (one, two) = (
        ask(&core, &alice, "web-1").await,
        ask(&core, &alice, "web-2").await,
    );
    for (_, operation) in [one, two] {
        let done = finish(&core, &alice, operation).await;
        assert_eq!(done.state, OperationState::Done, "{done:?}");
    }
    assert_eq!(server.seen().len(), 1, "{:?}", server.seen());
    assert_eq!(readiness(&core, &alice).await, Readiness::Ready);
    assert_eq!(pool(&bench).len(), 2, "one volume and its marker");
    let names = library(&bench);
    assert_eq!(names.len(), 1, "its bytes are in the pool only: {names:?}");
    let log = core.events(&alice, LogQuery::default()).await.unwrap();
    let pulled: Vec<_> = log.iter().filter(|it| it.action == "image.pulled").collect();
    assert_eq!(pulled.len(), 1);
    assert!(
        pulled[0].message.contains("for it: pinned"),
        "{}",
        pulled[0].message
    );

    // Removed only when nobody stands on it any more.
    let refused = core.remove_image(&alice, "debian").await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("debian is needed by alice/web-1, alice/web-2"),
        "{refused}"
    );
    for (vm, _) in [one, two] {
        let operation = core.act(&alice, vm, Action::Destroy).await.unwrap();
        finish(&core, &alice, operation).await;
    }
    assert_eq!(core.remove_image(&alice, "debian").await.unwrap(), SIZE as u64);
    assert_eq!((pool(&bench), library(&bench)), (vec![], vec![]));
    assert_eq!(readiness(&core, &alice).await, Readiness::Remote);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_what_was_promised_makes_no_machine_and_leaves_nothing() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let good = image(2);
    let mut evil = good.clone();
    evil[SIZE / 2] ^= 1;
    let server = serving(&evil).await;
    offered(&bench, &server, "/debian.qcow2", &good);
    let (_, operation) = ask(&core, &alice, "web-1").await;
    let failed = finish(&core, &alice, operation).await;
    assert_eq!(failed.state, OperationState::Failed);
    assert!(
        failed.error.as_ref().unwrap().contains("sha256:"),
        "{:?}",
        failed.error
    );
    bench.assert_nothing_left("a flipped bit");
    assert_eq!((pool(&bench), library(&bench)), (vec![], vec![]));

    // Whole, and hostile: it names a file of the host.
    let mut hostile = image(2);
    hostile[15] = 200;
    let server = serving(&hostile).await;
    offered(&bench, &server, "/hostile.qcow2", &hostile);
    let refused = pull(&core, &alice).await;
    assert_eq!(refused.state, OperationState::Failed);
    let error = refused.error.unwrap();
    assert!(error.contains("backing file"), "{error}");
    assert_eq!(library(&bench), Vec::<String>::new());

    // Larger than the disk that was asked for.
    let large = image(20);
    let server = serving(&large).await;
    offered(&bench, &server, "/large.qcow2", &large);
    let (_, operation) = ask(&core, &alice, "web-2").await;
    let failed = finish(&core, &alice, operation).await;
    assert!(
        failed.error.as_ref().unwrap().contains("at least 20 GiB"),
        "{:?}",
        failed.error
    );
    bench.assert_nothing_left("a disk that is too small");
}

/// A server that stops in the middle until it is told to go on.
pub async fn halting(bytes: &[u8]) -> (Server, Arc<AtomicBool>) {
    let (bytes, goes_on) = (bytes.to_vec(), Arc::new(AtomicBool::new(false)));
    let told = goes_on.clone();
    let script = move |request: &Request| {
        let reply = Reply::file(request, &bytes, "\"one\"");
        match told.load(Ordering::SeqCst) {
            true => reply,
            false => reply.stall(SIZE / 2),
        }
    };
    (Server::start(script).await, goes_on)
}

/// Waits until half of the image is here.
pub async fn half(bench: &Bench) {
    let began = Instant::now();
    loop {
        let folder = bench.state_dir().join("images");
        let parts = library(bench).into_iter().filter(|it| it.ends_with(".part"));
        let have = parts
            .filter_map(|it| std::fs::metadata(folder.join(it)).ok())
            .map(|it| it.len());
        if have.max().is_some_and(|it| it >= SIZE as u64 / 2) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{:?}", library(bench));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn went_on(server: &Server) -> bool {
    let last = server.seen().last().and_then(Request::from);
    last.is_some_and(|from| from >= SIZE / 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_is_cancelled_in_its_download_goes_on_from_there_next_time() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let (server, goes_on) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let (_, operation) = ask(&core, &alice, "web-1").await;
    half(&bench).await;
    core.cancel(&alice, operation).await.unwrap();
    let cancelled = finish(&core, &alice, operation).await;
    assert_eq!(cancelled.state, OperationState::Cancelled, "{cancelled:?}");
    bench.assert_nothing_left("a cancelled download");
    goes_on.store(true, Ordering::SeqCst);
    let (_, operation) = ask(&core, &alice, "web-1").await;
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert!(went_on(&server), "{:?}", server.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_goes_hands_its_download_to_the_next() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let (server, goes_on) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let (_, operation) = ask(&core, &alice, "web-1").await;
    half(&bench).await;
    keeper.end().await.unwrap();
    goes_on.store(true, Ordering::SeqCst);
    let other = bench.core().await;
    let _keeper = Keeper::start(&other, KeeperKind::Tui);
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert!(went_on(&server), "{:?}", server.seen());
    assert_eq!(pool(&bench).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_pulled_is_not_asked_for_again() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let plain = image(2);
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&plain).unwrap();
    let packed = packer.finish().unwrap();
    let server = serving(&packed).await;
    offered(&bench, &server, "/debian.qcow2.gz", &packed);
    let pulled = pull(&core, &bob).await;
    assert_eq!(pulled.state, OperationState::Done, "{pulled:?}");
    let local = core.local_image(&bob, "debian").await.unwrap().unwrap();
    assert_eq!(
        (local.size, local.virtual_size),
        (SIZE as u64, 2 << 30),
        "unpacked"
    );
    let again = pull(&core, &alice).await;
    assert_eq!(
        again.steps[0].error.as_deref(),
        Some("the newest was here already")
    );
    let (_, operation) = ask(&core, &alice, "web-1").await;
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert_eq!(server.seen().len(), 1);
    assert!(matches!(
        core.remove_image(&bob, "debian").await,
        Err(Error::NotPermitted(_))
    ));
    assert_eq!(core.image_uses(&alice).await.unwrap().get("debian"), Some(&1));
    assert_eq!(
        core.image_uses(&bob).await.unwrap().get("debian"),
        None,
        "not his"
    );

    // Somebody deletes the volume behind twarga's back: the next machine brings it again.
    let [volume, marker] = &pool(&bench)[..] else {
        panic!("{:?}", pool(&bench))
    };
    use twarga::hypervisor::Hypervisor;
    for name in [volume, marker] {
        bench.sim.delete_volume(name).unwrap();
    }
    let (_, operation) = ask(&core, &alice, "web-2").await;
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    assert_eq!(server.seen().len(), 2);
}

/// An image as `qemu-img` makes it, with something on its disk.
fn made(folder: &std::path::Path, format: &str) -> String {
    let (raw, image) = (folder.join("disk.raw"), folder.join(format!("disk.{format}")));
    let mut disk = vec![0u8; 8 << 20];
    disk[..512].fill(0x5a);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(&raw, disk).unwrap();
    let status = std::process::Command::new("qemu-img")
        .args(["convert", "-f", "raw", "-O", format])
        .args([&raw, &image])
        .status()
        .unwrap();
    assert!(status.success());
    image.to_str().unwrap().to_owned()
}

fn import(from: String, id: &str) -> Import {
    Import {
        from,
        id: id.to_owned(),
        title: "Appliance".to_owned(),
        format: None,
        default_user: "admin".to_owned(),
        firmware: twarga::core::Firmware::Either,
        expect: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_image_is_inspected_converted_and_makes_machines() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), "vmdk");
    let local = core
        .import_image(&alice, import(file, "appliance"), &mut |_, _| {})
        .await
        .unwrap();
    assert_eq!(local.virtual_size, 8 << 20);
    let image = core.find_image(&alice, "appliance").await.unwrap();
    assert_eq!(
        (image.title.as_str(), image.readiness),
        ("Appliance", Readiness::Ready)
    );
    for name in ["web-1", "web-2"] {
        let wanted = NewMachine {
            image: "appliance".to_owned(),
            ..small(name)
        };
        let (_, operation) = core.create_vm(&alice, wanted).await.unwrap();
        let done = finish(&core, &alice, operation).await;
        assert_eq!(done.state, OperationState::Done, "{done:?}");
    }
    let volumes = bench.sim.inventory().volumes;
    let bases = volumes.iter().filter(|it| it.starts_with("image-appliance-"));
    assert_eq!(bases.count(), 2, "one volume and its marker, shared: {volumes:?}");
    assert_eq!(library(&bench).len(), 1, "the sheet: {:?}", library(&bench));
    let log = core.events(&alice, LogQuery::default()).await.unwrap();
    assert!(log.iter().any(|it| it.action == "image.imported"));

    // The id is taken now; hostile images, strangers and tenants get nothing.
    let refusal = async |ctx: &Ctx, from: &str, id: &str| {
        let mut told = |_, _| {};
        let asked = core.import_image(ctx, import(from.to_owned(), id), &mut told);
        asked.await.unwrap_err().to_string()
    };
    let again = refusal(&alice, "/nowhere", "appliance").await;
    assert!(again.contains("already"), "{again}");
    for (from, why) in [
        ("nbd:localhost:10809", "network address"),
        ("json:{\"driver\":\"nbd\"}", "block devices"),
        ("/nowhere/at/all", "No such file"),
    ] {
        let said = refusal(&alice, from, "evil").await;
        assert!(said.contains(why), "{from}: {said}");
    }
    let hostile = folder.path().join("hostile.qcow2");
    let mut bytes = std::fs::read(made(folder.path(), "qcow2")).unwrap();
    bytes[15] = 200;
    std::fs::write(&hostile, bytes).unwrap();
    let said = refusal(&alice, hostile.to_str().unwrap(), "evil").await;
    assert!(said.contains("backing file"), "{said}");
    assert_eq!(library(&bench).len(), 1, "nothing is left: {:?}", library(&bench));
    let bob = register(&core, "bob").await;
    assert!(
        refusal(&bob, "/nowhere", "evil")
            .await
            .contains("may not manage images")
    );
    let there = core.sign_in(TENANT, "alice", PASSWORD).await.unwrap().ctx;
    assert!(
        refusal(&there, "/nowhere", "evil")
            .await
            .contains("on this host only")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_imported_and_its_digest_counts() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(made(folder.path(), "vdi")).unwrap();
    let server = serving(&bytes).await;
    let mut wanted = import(server.url("/disk.vdi"), "appliance");
    wanted.expect = Some(format!("sha256:{}", "00".repeat(32)).parse().unwrap());
    let refused = core.import_image(&alice, wanted.clone(), &mut |_, _| {}).await;
    assert!(refused.unwrap_err().to_string().contains("sha256:00"));
    assert_eq!(library(&bench), Vec::<String>::new());
    wanted.expect = None;
    let local = core.import_image(&alice, wanted, &mut |_, _| {}).await.unwrap();
    assert_eq!(local.virtual_size, 8 << 20);
    assert_eq!(library(&bench).len(), 2, "{:?}", library(&bench));
    assert_eq!(core.remove_image(&alice, "appliance").await.unwrap(), local.size);
    assert_eq!(library(&bench), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_verified_and_what_nobody_needs_is_removed() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let (old, new) = (image(2), image(3));
    let server = serving(&old).await;
    offered(&bench, &server, "/debian.qcow2", &old);
    let (vm, operation) = ask(&core, &alice, "web-1").await;
    finish(&core, &alice, operation).await;

    // A newer version; the old one is a machine's.
    let server = serving(&new).await;
    offered(&bench, &server, "/debian.qcow2", &new);
    assert_eq!(pull(&core, &alice).await.state, OperationState::Done);
    // The newest comes first; the other one is in the pool, whose bytes the simulator does not keep.
    let found = core.verify_image(&alice, "debian", &mut |_| {}).await.unwrap();
    assert_eq!((found.len(), &found[0].1), (2, &Soundness::Sound));
    assert_eq!(core.clean_images(&alice).await.unwrap(), 0, "both are needed");
    let operation = core.act(&alice, vm, Action::Destroy).await.unwrap();
    finish(&core, &alice, operation).await;
    // And a download that nobody went on with.
    let scrap = bench.state_dir().join("images/image-x-0.part");
    std::fs::write(&scrap, vec![0; 1000]).unwrap();
    assert_eq!(core.clean_images(&alice).await.unwrap(), SIZE as u64);
    assert!(scrap.exists(), "written just now");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options()
        .write(true)
        .open(&scrap)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    assert_eq!(core.clean_images(&alice).await.unwrap(), 1000);
    assert_eq!(
        (pool(&bench).len(), library(&bench).len()),
        (0, 2),
        "{:?}",
        library(&bench)
    );

    // What changed is told, and what is gone.
    let file = bench.state_dir().join("images").join(&library(&bench)[0]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[SIZE - 1] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let found = core.verify_image(&alice, "debian", &mut |_| {}).await.unwrap();
    assert_eq!(found[0].1, Soundness::Changed);
    std::fs::remove_file(&file).unwrap();
    let found = core.verify_image(&alice, "debian", &mut |_| {}).await.unwrap();
    assert_eq!(found[0].1, Soundness::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_the_catalogue_is_tried() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let server = serving(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let mut tried = Vec::new();
    core.check_images(&alice, &mut |one| tried.push(one.clone()))
        .await
        .unwrap();
    assert!(tried.len() > 15, "{tried:#?}");
    let (own, others): (Vec<_>, Vec<_>) = tried.into_iter().partition(|it| it.id == "debian");
    assert!(own.iter().all(|it| it.reason.is_none()), "{own:?}");
    assert!(
        others.iter().all(|it| it.reason.is_some()),
        "nothing else is reached here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_names_no_files_and_learns_nothing_of_them() {
    let bench = Bench::new();
    let (core, _keeper, _alice) = bench.kept().await;
    let folder = tempfile::tempdir().unwrap();
    let here = made(folder.path(), "qcow2");
    let server = serving(&std::fs::read(&here).unwrap()).await;
    let tenant = core.sign_in(TENANT, "alice", PASSWORD).await.unwrap().ctx;
    let refusal = async |from: &str| {
        let mut told = |_, _| {};
        let asked = core.import_image(&tenant, import(from.to_owned(), "evil"), &mut told);
        asked.await.unwrap_err()
    };
    // An admin, even: it is where they sit that counts. One that is there and one that is not are told
    // alike.
    let address = server.url("/disk.qcow2");
    for from in [
        here.as_str(),
        "/nowhere",
        "../../etc/shadow",
        "file:///etc/shadow",
        &address,
    ] {
        let refused = refusal(from).await;
        assert!(matches!(refused, Error::NotPermitted(_)), "{from}: {refused}");
        assert_eq!(
            refused.to_string(),
            refusal("/nowhere").await.to_string(),
            "{from}"
        );
    }
    assert_eq!(server.seen().len(), 0, "nothing was fetched");
    assert_eq!(library(&bench), Vec::<String>::new());
    // A key is its text: a path is none, and is not looked for.
    let key = folder.path().join("key.pub");
    std::fs::write(&key, include_str!("../fixtures/keys/ed25519.pub")).unwrap();
    let refused = core.add_ssh_keys(&tenant, key.to_str().unwrap(), None).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let mut machine = small("web-1");
    machine.ssh_keys = vec![key.to_str().unwrap().to_owned()];
    let refused = core.create_vm(&tenant, machine).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    // Nor is an image one: only ids and other names of the catalogue are.
    let mut machine = small("web-1");
    machine.image = here;
    let refused = core.create_vm(&tenant, machine).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_files_digest_counts_and_only_a_file_is_one() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = import(made(folder.path(), "qcow2"), "appliance");
    wanted.expect = Some(format!("sha256:{}", "00".repeat(32)).parse().unwrap());
    let refused = core
        .import_image(&alice, wanted, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("not sha256:00"), "{refused}");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [pipe.as_path(), folder.path()] {
        let from = path.to_str().unwrap().to_owned();
        let refused = core
            .import_image(&alice, import(from, "appliance"), &mut |_, _| {})
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("not a regular file"), "{refused}");
    }
    assert_eq!(library(&bench), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_stays_for_a_machine_that_is_about_to_stand_on_it_and_comes_again_when_lost() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let server = serving(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    assert_eq!(pull(&core, &alice).await.state, OperationState::Done);
    keeper.end().await.unwrap();
    // Asked for, and nobody keeps: what it will stand on is not written down yet.
    let (vm, operation) = ask(&core, &alice, "web-1").await;
    let refused = core.remove_image(&alice, "debian").await.unwrap_err();
    assert!(refused.to_string().contains("needed by alice/web-1"), "{refused}");
    let _keeper = Keeper::start(&core, KeeperKind::Tui);
    assert_eq!(finish(&core, &alice, operation).await.state, OperationState::Done);
    let operation = core.act(&alice, vm, Action::Destroy).await.unwrap();
    finish(&core, &alice, operation).await;
    // Somebody deletes the volume behind twarga's back: its sheet stands for nothing.
    use twarga::hypervisor::Hypervisor;
    for name in pool(&bench) {
        bench.sim.delete_volume(&name).unwrap();
    }
    assert_eq!(server.seen().len(), 1);
    let again = pull(&core, &alice).await;
    assert_eq!(again.state, OperationState::Done, "{again:?}");
    assert_eq!(server.seen().len(), 2, "{:?}", server.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_up_leaves_a_download_that_is_at_work_alone() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bytes = image(2);
    let (server, _) = halting(&bytes).await;
    offered(&bench, &server, "/debian.qcow2", &bytes);
    let operation = core.pull_image(&alice, "debian").await.unwrap();
    half(&bench).await;
    // It has stood still for an hour.
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    let parts = library(&bench);
    for part in &parts {
        let file = std::fs::File::options()
            .write(true)
            .open(bench.state_dir().join("images").join(part));
        file.unwrap().set_modified(long_ago).unwrap();
    }
    assert_eq!(core.clean_images(&alice).await.unwrap(), 0);
    assert_eq!(library(&bench), parts);
    core.cancel(&alice, operation).await.unwrap();
    finish(&core, &alice, operation).await;
}
