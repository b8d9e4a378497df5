//! Forwarded ports: shown in the detail, added and taken back in a popup.

use crate::fixtures::view;
use crate::screen::Screen;
use std::sync::Arc;
use twarga::core::{Error, Host, Mode, View};
use twarga::front::tui::{Reply, Setup};
use twarga::hypervisor::Acceleration;
use twarga::model::{Forward, KeptForward, Protocol, Role, VmId};
use uuid::Uuid;

fn at(mode: Mode) -> View {
    let mut view = view();
    view.host = Some(Arc::new(Host {
        uri: "qemu:///session".to_owned(),
        mode,
        uuid: Uuid::from_u128(1),
        hostname: "host".to_owned(),
        version: "libvirt".to_owned(),
        acceleration: Acceleration::Kvm,
        cpus: 4,
        memory_mib: 8192,
    }));
    let forward = |host, guest, problem: Option<&str>| KeptForward {
        vm: VmId(1),
        forward: Forward {
            protocol: Protocol::Tcp,
            host,
            guest,
        },
        problem: problem.map(str::to_owned),
    };
    view.machines[0].forwards = vec![
        forward(8080, 80, None),
        forward(8443, 443, Some("another program of this host has port 8443")),
    ];
    view
}

fn session() -> Screen {
    Screen::with(Setup::default(), Role::User, at(Mode::Session), 100, 30).keys("jjj")
}

#[test]
fn forwards_stand_in_the_detail_with_what_is_wrong() {
    let screen = session();
    assert!(
        screen.shows("forwards on 127.0.0.1: 8080:80"),
        "{}",
        screen.text()
    );
    assert!(
        screen.shows("forward 8443:443: another program"),
        "{}",
        screen.text()
    );
}

#[test]
fn a_port_is_forwarded_and_taken_back_in_the_popup() {
    let screen = session().keys("f");
    assert!(
        screen.shows("Ports of web-1") && screen.shows("127.0.0.1:8080"),
        "{}",
        screen.text()
    );
    let mut screen = screen.keys("9090:90<Enter>");
    let wanted = screen.wants().join("\n");
    assert!(
        wanted.contains("Forward {") && wanted.contains("Some(9090)"),
        "{wanted}"
    );
    let done = Forward {
        protocol: Protocol::Tcp,
        host: 9090,
        guest: 90,
    };
    let screen = screen.reply(Reply::Forwarded {
        name: "web-1".to_owned(),
        result: Ok(vec![done]),
    });
    assert!(screen.shows("9090:90 is forwarded"), "{}", screen.text());
    let mut screen = screen.keys("-8080:80<Enter>");
    let wanted = screen.wants().join("\n");
    assert!(
        wanted.contains("TakeForwardBack {") && wanted.contains("Some(8080)"),
        "{wanted}"
    );
    let screen = screen.reply(Reply::ForwardTakenBack {
        name: "web-1".to_owned(),
        result: Err(Error::Conflict("there is no such forward".to_owned())),
    });
    assert!(
        screen.shows("there is no such forward") && screen.shows("-8080:80"),
        "{}",
        screen.text()
    );
}

#[test]
fn what_is_no_port_is_said_beside_the_line() {
    let mut screen = session().keys("f80:80<Enter>");
    assert!(screen.shows("only root may listen"), "{}", screen.text());
    let wanted = screen.wants().join("\n");
    assert!(!wanted.contains("Forward"), "{wanted}");
}

#[test]
fn where_machines_have_addresses_nothing_is_offered() {
    let view = at(Mode::System);
    let screen = Screen::with(Setup::default(), Role::User, view, 100, 30).keys("jjjf");
    assert!(!screen.shows("Ports of"), "{}", screen.text());
    assert!(screen.shows("can be reached at its address"), "{}", screen.text());
}
