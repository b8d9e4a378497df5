//! Honest images of every format, made by `qemu-img`, converted and compared; and what the cage
//! and the limits do.

use super::*;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use tempfile::TempDir;

/// Runs `qemu-img` in a folder; what it said.
fn qemu_img(folder: &TempDir, arguments: &[&str]) -> String {
    let said = Command::new("qemu-img")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        said.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// A folder with `disk.raw`: 9 MiB, a boot sector and some more.
fn disk() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let disk = File::create(folder.path().join("disk.raw")).unwrap();
    disk.set_len(9 << 20).unwrap();
    disk.write_all_at(b"\x55\xaa", 510).unwrap();
    disk.write_all_at(&[7; 70_000], 5 << 20).unwrap();
    disk.write_all_at(b"the end", (9 << 20) - 7).unwrap();
    folder
}

fn order(folder: &TempDir, name: &str, declared: Format) -> Order {
    Order {
        input: File::open(folder.path().join(name)).unwrap(),
        declared: Some(declared),
        output: folder.path().join("made: $(x) ü.qcow2"),
        limits: None,
    }
}

/// Every format and variant that an honest `qemu-img` makes.
pub(super) const HONEST: &[(Format, &str)] = &[
    (Format::Raw, ""),
    (Format::Qcow2, "compat=1.1"),
    (Format::Qcow2, "compat=0.10"),
    (Format::Qcow2, "cluster_size=512"),
    (Format::Qcow2, "cluster_size=2M"),
    (Format::Qcow2, "extended_l2=on,cluster_size=128k"),
    (Format::Qcow2, "compression_type=zstd"),
    (Format::Qcow2, "refcount_bits=1,lazy_refcounts=off"),
    (Format::Vmdk, "subformat=monolithicSparse"),
    (Format::Vmdk, "subformat=streamOptimized"),
    (Format::Vmdk, "compat6=on"),
    (Format::Vdi, "static=off"),
    (Format::Vdi, "static=on"),
    (Format::Vhdx, "subformat=dynamic"),
    (Format::Vhdx, "subformat=fixed,block_size=8M"),
];

#[tokio::test]
async fn every_honest_image_is_converted_and_keeps_its_content() {
    let folder = disk();
    for (format, options) in HONEST {
        let name = format!("source.{format}");
        let mut words = vec!["convert", "-f", "raw", "-O", format.name()];
        if !options.is_empty() {
            words.extend(["-o", options]);
        }
        words.extend(["disk.raw", &name]);
        qemu_img(&folder, &words);
        let order = order(&folder, &name, *format);
        let output = order.output.clone();
        let mut told = Vec::new();
        let made = convert(order, &mut |done| told.push(done)).await;
        let made = made.unwrap_or_else(|error| panic!("{format} {options}: {error}"));
        assert_eq!(
            (made.format, made.virtual_size),
            (Format::Qcow2, 9 << 20),
            "{format} {options}"
        );
        assert_eq!(told.last(), Some(&100.0), "{format} {options}");
        assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
        let made = output.to_str().unwrap();
        qemu_img(
            &folder,
            &["compare", "-f", "raw", "-F", "qcow2", "disk.raw", made],
        );
        fs::remove_file(&output).unwrap();
    }
}

#[tokio::test]
async fn snapshots_inside_are_left_behind() {
    let folder = disk();
    qemu_img(
        &folder,
        &["convert", "-f", "raw", "-O", "qcow2", "disk.raw", "s.qcow2"],
    );
    qemu_img(&folder, &["snapshot", "-c", "before", "s.qcow2"]);
    let order = order(&folder, "s.qcow2", Format::Qcow2);
    let output = order.output.clone();
    assert_eq!(convert(order, &mut |_| ()).await.unwrap().snapshots, 0);
    assert!(output.exists());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let folder = disk();
    qemu_img(
        &folder,
        &["create", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "overlay"],
    );
    let order = order(&folder, "overlay", Format::Qcow2);
    let output = order.output.clone();
    let error = convert(order, &mut |_| ()).await.unwrap_err();
    assert!(error.to_string().contains("it names a backing file"), "{error}");
    assert!(!output.exists());
}

#[tokio::test]
async fn a_result_is_never_written_over_something() {
    let folder = disk();
    let order = order(&folder, "disk.raw", Format::Raw);
    let output = order.output.clone();
    fs::write(&output, "mine").unwrap();
    assert!(matches!(convert(order, &mut |_| ()).await, Err(Error::Io { .. })));
    assert_eq!(fs::read(&output).unwrap(), b"mine");
}

#[tokio::test]
async fn limits_end_it_with_the_reason_and_leave_nothing() {
    let folder = disk();
    let usual = Limits {
        memory: 2 << 30,
        processor: Duration::from_secs(60),
        file: 1 << 30,
        time: Duration::from_secs(60),
    };
    for (limits, why) in [
        (
            Limits {
                file: 300_000,
                ..usual
            },
            "too large",
        ),
        (
            Limits {
                time: Duration::ZERO,
                ..usual
            },
            "not done after",
        ),
        (
            Limits {
                memory: 8 << 20,
                ..usual
            },
            "qemu-img",
        ),
    ] {
        let order = Order {
            limits: Some(limits),
            ..order(&folder, "disk.raw", Format::Raw)
        };
        let output = order.output.clone();
        let error = convert(order, &mut |_| ()).await.unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("lock"), "{error}");
        assert!(!output.exists(), "{error}");
    }
}

/// Runs `qemu-img` with arguments of a test's own, in the cage of a conversion.
async fn caged(folder: &TempDir, arguments: &[&str]) -> Result<(), Error> {
    let input = File::open(folder.path().join("disk.raw")).unwrap();
    let output = File::create(folder.path().join("out")).unwrap();
    let image = inspect(&mut File::open(folder.path().join("disk.raw")).unwrap(), None).unwrap();
    let cage = Cage::build(Limits::of(&image)).await.unwrap();
    let arguments = arguments.iter().map(Into::into).collect();
    let (child, _hold) = cage.start(arguments, Files { input, output }).await.unwrap();
    // Somebody who is not stopped may wait for an answer for ever.
    let mut progress = |_| ();
    let ended = tokio::time::timeout(Duration::from_secs(20), run(child, &mut progress));
    ended.await.expect("it ends by itself")
}

#[tokio::test]
async fn the_cage_opens_its_two_files_and_nothing_else() {
    let folder = disk();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (disk, out) = (path("disk.raw"), path("out"));
    fs::write(path("secret"), [1; 512]).unwrap();
    let convert = |from: &str, to: &str| ["convert", "-f", "raw", "-O", "qcow2", from, to].map(str::to_owned);
    for (what, arguments) in [
        ("another file", convert(&path("secret"), &out)),
        ("another result", convert(&disk, &path("other"))),
        ("a file of the system", convert("/etc/passwd", &out)),
        ("a device", convert("/dev/zero", &out)),
    ] {
        let arguments = arguments.each_ref().map(String::as_str);
        let error = caged(&folder, &arguments).await.unwrap_err().to_string();
        assert!(error.contains("ermission denied"), "{what}: {error}");
    }
    assert!(!Path::new(&path("other")).exists());
    let arguments = convert("/proc/self/fd/0", &out);
    caged(&folder, &arguments.each_ref().map(String::as_str))
        .await
        .unwrap();
}

#[tokio::test]
async fn root_reads_the_input_whosever_it_is() {
    let folder = disk();
    let path = folder.path().join("disk.raw");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    if std::os::unix::fs::chown(&path, Some(1234), Some(1234)).is_err() {
        return; // only root can give files away
    }
    convert(order(&folder, "disk.raw", Format::Raw), &mut |_| ())
        .await
        .unwrap();
}

#[tokio::test]
async fn the_cage_has_no_network() {
    let folder = disk();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = format!("nbd://127.0.0.1:{port}/x");
    let error = caged(&folder, &["info", "-f", "raw", &address])
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("unreachable") || error.contains("ermission denied"),
        "{error}"
    );
    assert!(listener.accept().is_err(), "nobody called");
}

#[tokio::test]
async fn a_header_that_changed_after_its_inspection_opens_nothing() {
    let folder = disk();
    qemu_img(
        &folder,
        &["create", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "evil"],
    );
    qemu_img(
        &folder,
        &["convert", "-f", "raw", "-O", "qcow2", "disk.raw", "good"],
    );
    // Past the inspection, as if the file had been swapped in between.
    let source = File::open(folder.path().join("evil")).unwrap();
    let half = Half::create(&folder.path().join("out")).unwrap();
    let image = inspect(&mut File::open(folder.path().join("good")).unwrap(), None).unwrap();
    let cage = Cage::build(Limits::of(&image)).await.unwrap();
    let files = Files {
        input: source,
        output: half.file().unwrap(),
    };
    let (child, _hold) = cage
        .start(arguments(Format::Qcow2, &folder.path().join("out")), files)
        .await
        .unwrap();
    run(child, &mut |_| ()).await.unwrap();
    let zeros = File::create(folder.path().join("zeros")).unwrap();
    zeros.set_len(9 << 20).unwrap();
    qemu_img(&folder, &["compare", "-f", "raw", "-F", "qcow2", "zeros", "out"]);
}

#[tokio::test]
async fn dropping_it_ends_the_child_and_removes_its_half() {
    let folder = disk();
    let big = File::options()
        .write(true)
        .open(folder.path().join("disk.raw"))
        .unwrap();
    // Long enough to be in the middle of it: written bytes, not holes.
    for at in 0..256u64 {
        big.write_all_at(&vec![at as u8 | 1; 1 << 20], at << 20).unwrap();
    }
    let order = order(&folder, "disk.raw", Format::Raw);
    let output = order.output.clone();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut progress = move |done| {
        let _ = tell.send(done);
    };
    {
        let conversion = convert(order, &mut progress);
        tokio::pin!(conversion);
        tokio::select! {
            done = &mut conversion => panic!("it was too fast: {done:?}"),
            Some(_) = told.recv() => {}
        }
        assert!(output.exists());
    }
    assert!(!output.exists());
    let name = output.to_str().unwrap();
    let runs = || {
        let mut running = fs::read_dir("/proc").unwrap().flatten();
        running.any(|it| {
            let line = fs::read(it.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(name)
        })
    };
    let wait = async {
        while runs() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .expect("qemu-img ends");
}

#[tokio::test]
async fn what_qemu_img_says_is_bounded_and_harmless() {
    let flood = [b'x'; 100_000];
    assert_eq!(keep(Some(&flood[..])).await.len(), MOST_SAID);
    assert_eq!(words(b"qemu-img: a\x1b[2Jb\nqemu-img: c\n"), "a\u{241b}[2Jb; c");
    assert!(words(&flood).chars().count() <= 300);
    for (line, done) in [
        (&b"    (12.50/100%)"[..], Some(12.5)),
        (b"(nan/100%)", None),
        (b"(7/100%", None),
    ] {
        assert_eq!(percent(line), done);
    }
}
