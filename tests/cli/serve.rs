//! `twarga serve`: ready, keeping, and ended in good order.

use super::bench::Bench;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn serve_tells_when_it_is_ready_and_ends_when_it_is_asked_to() {
    for signal in ["TERM", "INT", "HUP"] {
        let bench = Bench::with_alice();
        let manager = UnixDatagram::bind(bench.path("notify")).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let child = bench
            .command("serve")
            .env("NOTIFY_SOCKET", bench.path("notify"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = [0; 64];
        let count = manager.recv(&mut told).unwrap();
        assert_eq!(&told[..count], b"READY=1");
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        let count = manager.recv(&mut told).unwrap();
        assert_eq!(&told[..count], b"STOPPING=1");
        let ended = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "SIG{signal}: {words}");
        assert!(words.contains("serving"), "{words}");
    }
}
