//! A service in a guest, met through a forwarded port in session mode; in system mode at its address.

use crate::child::wait_until;
use crate::place::{BOOT, Place, ssh_address};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const NAME: &str = "served";

#[test]
fn a_service_is_reached_through_a_forward_and_after_a_restart() {
    let place = Place::new("ports");
    place.register();
    place.json(&["vm", "create", NAME, "--memory", "512"]);
    if place.is_system() {
        let said = place.refused(&["vm", "forward", NAME, "8080"], 6);
        let machine = place.machine(NAME).unwrap();
        assert!(said.contains(machine["ip"].as_str().unwrap()), "{said}");
        assert!(
            place
                .ok(&["vm", "forward", NAME])
                .contains("no forward is needed")
        );
        assert_eq!(machine["ip_source"], "lease", "{machine}");
        place.ok(&["vm", "destroy", NAME, "--yes"]);
        return;
    }
    let said = place.refused(&["vm", "forward", NAME, "80:8080"], 2);
    assert!(said.contains("only root"), "{said}");
    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("{}:8080", theirs.local_addr().unwrap().port());
    let said = place.refused(&["vm", "forward", NAME, &taken], 6);
    assert!(said.contains("another program"), "{said}");

    let added = place.json(&["vm", "forward", NAME, "8080"]);
    let port = u16::try_from(added[0]["host_port"].as_u64().unwrap()).unwrap();
    serve(&place, "first");
    answers(port, "first");

    place.json(&["vm", "restart", NAME]);
    serve(&place, "second");
    answers(port, "second");
    assert_eq!(listed(&place), json!([added[0]]));

    // Started behind twarga's back, the keeper brings the forward back.
    place.json(&["vm", "stop", NAME]);
    let serving = place.serve();
    place.virsh(&["start", &format!("user1-{NAME}")]);
    wait_until("the forward made again", BOOT, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    serve(&place, "third");
    answers(port, "third");
    drop(serving);

    // Taken back, nobody listens; the port is the host's again.
    place.json(&["vm", "forward", NAME, "--remove", "8080"]);
    assert_eq!(listed(&place), json!([]));
    TcpListener::bind(("127.0.0.1", port)).unwrap();
    place.ok(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
}

fn listed(place: &Place) -> Value {
    place.json(&["vm", "forward", NAME, "--list"])
}

/// Starts a web server in the guest, which says `words`.
fn serve(place: &Place, words: &str) {
    let machine = place.machine(NAME).unwrap();
    place.assert_guest(&machine);
    let (host, port) = ssh_address(&machine);
    let command =
        format!("mkdir -p /tmp/www; echo {words} >/tmp/www/index.html; busybox httpd -p 8080 -h /tmp/www");
    let said = place.ssh(&host, port, &command);
    assert_eq!(said.code, 0, "{said:?}");
}

#[track_caller]
fn answers(port: u16, words: &str) {
    let mut heard = String::new();
    wait_until("the guest's web server", BOOT, || {
        heard = get(port).unwrap_or_default();
        heard.ends_with(&format!("{words}\n"))
    });
}

fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut heard = String::new();
    stream.read_to_string(&mut heard)?;
    Ok(heard)
}
