//! Networks that machines are on, and what a guest can say on them in somebody else's name.

use crate::child::wait_until;
use crate::place::{BOOT, Place};
use serde_json::{Value, json};

const NAME: &str = "netted";

/// A network that leads nowhere, not started.
const LAB: &str = "<network><name>lab</name><ip address='192.168.77.1' netmask='255.255.255.0'>\
    <dhcp><range start='192.168.77.10' end='192.168.77.90'/></dhcp></ip></network>";

#[test]
fn a_machine_is_on_the_network_that_was_chosen() {
    let place = Place::new("networks");
    place.register();
    let create = ["vm", "create", NAME, "--memory", "512", "--network", "lab"];
    if !place.is_system() {
        assert_eq!(place.json(&["network", "list"]), json!([]));
        assert!(place.ok(&["network", "list"]).contains("user-mode network"));
        assert!(place.refused(&create, 2).contains("user-mode network"));
        return;
    }
    assert!(place.refused(&create, 2).contains("no network `lab`"));
    let file = place.state().join("lab.xml");
    std::fs::write(&file, LAB).unwrap();
    place.virsh(&["net-define", file.to_str().unwrap()]);
    let lab = || -> Value {
        let list = place.json(&["network", "list"]);
        let list = list.as_array().unwrap();
        list.iter().find(|it| it["name"] == "lab").unwrap().clone()
    };
    assert_eq!(
        (&lab()["kind"], &lab()["active"]),
        (&json!("isolated"), &json!(false))
    );
    let acted = place.json(&create);
    assert!(acted.to_string().contains("started network lab"), "{acted}");
    assert_eq!(
        (&lab()["active"], &lab()["dhcp_first"]),
        (&json!(true), &json!("192.168.77.10"))
    );
    let machine = place.machine(NAME).unwrap();
    assert!(
        machine["ip"].as_str().unwrap().starts_with("192.168.77."),
        "{machine}"
    );
    assert_eq!(
        (&machine["network"], &machine["ip_source"]),
        (&json!("lab"), &json!("lease"))
    );
    place.assert_guest(&machine);
    place.ok(&["vm", "destroy", NAME, "--yes"]);
    place.virsh(&["net-destroy", "lab"]);
    place.virsh(&["net-undefine", "lab"]);
    place.assert_nothing_left();
}

/// A guest that says on its console what the host heard of it: with the address that DHCP gave it, and
/// with another that it gave itself.
fn impostor(bridge: &str, stolen: &str) -> String {
    format!(
        "console=ttyS0,115200 quiet rdinit=/bin/busybox -- sh -c \"/bin/busybox mount -t devtmpfs dev /dev; \
         exec >/dev/console 2>/dev/console; /bin/busybox --install -s /bin; \
         export PATH=/bin:/sbin:/usr/bin:/usr/sbin; /etc/init.d/system; ip link set eth0 up; \
         udhcpc -n -q -t 20 -T 2 -i eth0 -s /lib/twarga/lease; \
         if ping -c 3 -W 2 {bridge}; then echo own-$((1)); fi; ip addr add {stolen}/24 dev eth0; \
         if ping -c 3 -W 2 -I {stolen} {bridge}; then echo stolen-$((1)); fi; echo all-$((1)); sleep 9999\""
    )
}

#[test]
fn a_guest_is_heard_with_its_own_address_only() {
    let place = Place::new("spoof");
    if !place.is_system() {
        return;
    }
    place.register();
    place.json(&["vm", "create", NAME, "--memory", "512"]);
    let machine = place.machine(NAME).unwrap();
    place.assert_guest(&machine);
    let domain = format!("user1-{NAME}");
    let xml = place.virsh(&["dumpxml", "--inactive", &domain]);
    assert!(xml.contains("<filterref filter='clean-traffic'>"), "{xml}");
    let ip = machine["ip"].as_str().unwrap();
    let (net, _) = ip.rsplit_once('.').unwrap();
    let line = impostor(&format!("{net}.1"), &format!("{net}.253"));
    let (before, rest) = xml.split_once("<cmdline>").unwrap();
    let (_, after) = rest.split_once("</cmdline>").unwrap();
    let filtered = format!("{before}<cmdline>{line}</cmdline>{after}");

    let heard = boot(&place, &domain, &filtered);
    assert!(heard.contains("own-1"), "{heard}");
    assert!(!heard.contains("stolen-1"), "{heard}");

    // The same guest without the filter is heard in both names.
    let (before, rest) = filtered.split_once("<filterref").unwrap();
    let (_, after) = rest.split_once("</filterref>").unwrap();
    let heard = boot(&place, &domain, &format!("{before}{after}"));
    assert!(heard.contains("own-1") && heard.contains("stolen-1"), "{heard}");
}

/// Boots a domain anew from this definition; what it says on its console until it is done.
fn boot(place: &Place, domain: &str, xml: &str) -> String {
    let file = place.state().join("impostor.xml");
    std::fs::write(&file, xml).unwrap();
    place.virsh(&["destroy", domain]);
    place.virsh(&["define", file.to_str().unwrap()]);
    let log = place.files_of_machines().into_iter().find(|it| {
        let name = it.to_string_lossy().into_owned();
        name.ends_with(".log")
    });
    let log = log.expect("a console log");
    let from = std::fs::read(&log).unwrap().len();
    place.virsh(&["start", domain]);
    let mut said = String::new();
    wait_until("an impostor that is done", BOOT, || {
        said = String::from_utf8_lossy(&std::fs::read(&log).unwrap()[from..]).into_owned();
        said.contains("all-1")
    });
    said
}
