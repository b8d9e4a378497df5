//! A download from this host: `cargo bench --bench fetch`.
//!
//! Printed once: how fast a file comes through [`fetch`] with its SHA-512, against reading and
//! hashing the same bytes from a file, and against `curl … | sha512sum`, where these exist.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use sha2::{Digest as _, Sha512};
use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use twarga::core::fetch::{Client, Place, Settings, Url, Wanted, fetch};
use twarga::model::Digest;

/// As large as a distribution's cloud image.
const LENGTH: u64 = 512 << 20;
const ROUNDS: usize = 5;

/// Serves a file to everybody, from a thread of its own.
fn serve(file: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = file.to_owned();
    thread::spawn(move || {
        for line in listener.incoming() {
            // A client that goes away in the middle is its own affair.
            let _ = answer(line.unwrap(), &file);
        }
    });
    address
}

fn answer(mut line: TcpStream, file: &Path) -> std::io::Result<()> {
    let mut asked = Vec::new();
    let mut byte = [0];
    while !asked.ends_with(b"\r\n\r\n") {
        line.read_exact(&mut byte)?;
        asked.push(byte[0]);
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut line, head.as_bytes())?;
    std::io::copy(&mut File::open(file)?, &mut line).map(drop)
}

/// The best of some rounds; what disturbs a round only ever makes it slower.
fn best(mut round: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        round();
        began.elapsed()
    });
    times.min().unwrap()
}

fn speed(time: Duration) -> f64 {
    LENGTH as f64 / 1e6 / time.as_secs_f64()
}

fn hash(file: &Path) -> Digest {
    let (mut hash, mut buffer) = (Sha512::new(), vec![0; 1 << 20]);
    let mut file = File::open(file).unwrap();
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return Digest::Sha512(hash.finalize().into()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// `curl URL | sha512sum`, without a shell.
fn curl(url: &Url) -> Option<Duration> {
    let run = || -> Option<()> {
        let mut curl = Command::new("curl")
            .args(["--silent", "--noproxy", "*", url.as_str()])
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let sums = Command::new("sha512sum")
            .stdin(curl.stdout.take()?)
            .stdout(Stdio::null())
            .status();
        (curl.wait().ok()?.success() && sums.ok()?.success()).then_some(())
    };
    run()?;
    Some(best(|| run().unwrap()))
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("served");
    let block: Vec<u8> = (0..1 << 20)
        .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut served = File::create(&file).unwrap();
    for _ in 0..LENGTH >> 20 {
        std::io::Write::write_all(&mut served, &block).unwrap();
    }
    served.sync_all().unwrap();
    let url = Url::parse(&format!("http://{}/image", serve(&file))).unwrap();
    let expect = hash(&file);
    let wanted = Wanted {
        url: url.clone(),
        mirrors: vec![],
        expect: Some(expect),
        limit: LENGTH,
        size_hint: None,
        place: Place::OperatorsOwn,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = Client::new(Settings::default()).unwrap();
    let partial = folder.path().join("partial");

    let hashed = best(|| assert_eq!(hash(&file), expect));
    let fetched = best(|| {
        let never = std::future::pending();
        let done = runtime
            .block_on(fetch(&client, &wanted, &partial, |_| {}, never))
            .unwrap();
        std::fs::remove_file(done.path).unwrap();
    });
    eprintln!(
        "reading and sha512 of {} MiB: {:.0} MB/s",
        LENGTH >> 20,
        speed(hashed)
    );
    eprintln!(
        "fetch, written, synced and checked: {:.0} MB/s ({:.2} of reading and sha512)",
        speed(fetched),
        speed(fetched) / speed(hashed)
    );
    match curl(&url) {
        Some(curl) => eprintln!(
            "curl | sha512sum, nothing written: {:.0} MB/s (fetch is {:.2} of it)",
            speed(curl),
            speed(fetched) / speed(curl)
        ),
        None => eprintln!("no curl or no sha512sum here to compare with"),
    }
}
