use super::*;
use crate::hypervisor::libvirt::xml::{find, first};

fn spec() -> DomainSpec {
    let uuid = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);
    DomainSpec {
        uuid,
        name: "user1-web".into(),
        ownership: Ownership {
            instance: Uuid::from_u128(7),
            machine: uuid,
            owner: 42,
        },
        memory_mib: 1024,
        vcpus: 2,
        boot: Boot::Disk,
        disk: "d".into(),
        seed: "s".into(),
        log: "l".into(),
        network: Network::Libvirt("default".into()),
    }
}

fn paths() -> Paths {
    Paths {
        disk: "/p/d".into(),
        seed: "/p/s".into(),
        log: "/p/l".into(),
        kernel: None,
    }
}

fn attribute(xml: &str, path: &[&str], name: &str) -> Vec<String> {
    let found = find("test", xml, path).unwrap();
    found
        .iter()
        .filter_map(|element| element.attribute(name))
        .map(String::from)
        .collect()
}

fn text(xml: &str, path: &[&str]) -> String {
    first("test", xml, path).unwrap().unwrap().text
}

#[test]
fn a_machine_is_what_was_asked_for() {
    let xml = domain(&spec(), &paths(), Acceleration::Emulation, None).unwrap();
    assert_eq!(attribute(&xml, &["domain"], "type"), ["qemu"]);
    assert_eq!(attribute(&xml, &["domain", "cpu"], "mode"), ["maximum"]);
    assert_eq!(text(&xml, &["domain", "memory"]), "1024");
    assert_eq!(text(&xml, &["domain", "vcpu"]), "2");
    assert_eq!(
        attribute(&xml, &["domain", "devices", "disk", "source"], "file"),
        ["/p/d", "/p/s"]
    );
    assert_eq!(
        attribute(&xml, &["domain", "devices", "disk", "driver"], "type"),
        ["qcow2", "raw"]
    );
    assert_eq!(
        attribute(&xml, &["domain", "devices", "serial", "log"], "file"),
        ["/p/l"]
    );
    assert_eq!(
        attribute(&xml, &["domain", "devices", "interface", "source"], "network"),
        ["default"]
    );
    let mac = attribute(&xml, &["domain", "devices", "interface", "mac"], "address");
    assert_eq!(mac, ["52:54:00:ab:cd:ef"], "the same at every definition");
    assert_eq!(attribute(&xml, &["domain", "os", "boot"], "dev"), ["hd"]);
    const FILTER: [&str; 4] = ["domain", "devices", "interface", "filterref"];
    assert_eq!(find("test", &xml, &FILTER).unwrap(), []);
    let filter = Filter::with_server(None);
    let xml = domain(&spec(), &paths(), Acceleration::Emulation, Some(&filter)).unwrap();
    assert_eq!(attribute(&xml, &FILTER, "filter"), ["clean-traffic"]);
}

#[test]
fn by_uefi_the_firmware_is_libvirts_choice_and_nothing_has_to_be_signed() {
    let plain = spec();
    let spec = DomainSpec {
        boot: Boot::Uefi,
        ..plain.clone()
    };
    let xml = domain(&spec, &paths(), Acceleration::Emulation, None).unwrap();
    assert_eq!(attribute(&xml, &["domain", "os"], "firmware"), ["efi"]);
    let feature = ["domain", "os", "firmware", "feature"];
    assert_eq!(
        attribute(&xml, &feature, "name"),
        ["enrolled-keys", "secure-boot"]
    );
    assert_eq!(attribute(&xml, &feature, "enabled"), ["no", "no"]);
    assert_eq!(attribute(&xml, &["domain", "os", "type"], "machine"), ["q35"]);
    assert_eq!(attribute(&xml, &["domain", "os", "boot"], "dev"), ["hd"]);
    let xml = domain(&plain, &paths(), Acceleration::Emulation, None).unwrap();
    assert!(
        attribute(&xml, &["domain", "os"], "firmware").is_empty(),
        "a BIOS unless needed"
    );
}

#[test]
fn what_a_guest_frees_is_free_on_the_host() {
    let xml = domain(&spec(), &paths(), Acceleration::Emulation, None).unwrap();
    let discard = attribute(&xml, &["domain", "devices", "disk", "driver"], "discard");
    assert_eq!(discard, ["unmap"], "the seed is read-only");
}

#[test]
fn with_hardware_virtualization_the_guest_has_the_hosts_processor() {
    let xml = domain(&spec(), &paths(), Acceleration::Kvm, None).unwrap();
    assert_eq!(attribute(&xml, &["domain"], "type"), ["kvm"]);
    assert_eq!(attribute(&xml, &["domain", "cpu"], "mode"), ["host-passthrough"]);
}

#[test]
fn in_session_mode_the_card_needs_no_network() {
    let spec = DomainSpec {
        network: Network::User,
        ..spec()
    };
    let xml = domain(&spec, &paths(), Acceleration::Emulation, None).unwrap();
    assert_eq!(
        attribute(&xml, &["domain", "devices", "interface"], "type"),
        ["user"]
    );
    assert_eq!(
        find("test", &xml, &["domain", "devices", "interface", "source"]).unwrap(),
        []
    );
}

#[test]
fn ownership_survives_the_way_through_libvirt() {
    let xml = domain(&spec(), &paths(), Acceleration::Emulation, None).unwrap();
    let machine = first("test", &xml, &["domain", "metadata", "machine"])
        .unwrap()
        .unwrap();
    assert_eq!(machine.attribute("xmlns:twarga"), Some(NAMESPACE));
    assert_eq!(ownership_from(&machine), Some(spec().ownership));
    let foreign = first("test", "<machine owner='x'/>", &["machine"])
        .unwrap()
        .unwrap();
    assert_eq!(ownership_from(&foreign), None, "what is not ours owns nothing");
}

#[test]
fn hostile_values_stay_in_their_places() {
    let evil = "x'/><disk type='file'>\"&amp;]]>";
    let spec = DomainSpec {
        name: evil.into(),
        network: Network::Libvirt(evil.into()),
        ..spec()
    };
    let kernel = Some(("/k".into(), "/i".into(), format!("init=/bin/sh {evil}")));
    let paths = Paths {
        disk: evil.into(),
        kernel,
        ..paths()
    };
    let xml = domain(&spec, &paths, Acceleration::Emulation, None).unwrap();
    assert_eq!(text(&xml, &["domain", "name"]), evil);
    assert_eq!(
        text(&xml, &["domain", "os", "cmdline"]),
        format!("init=/bin/sh {evil}")
    );
    assert_eq!(
        attribute(&xml, &["domain", "devices", "disk", "source"], "file"),
        [evil, "/p/s"]
    );
    assert_eq!(
        attribute(&xml, &["domain", "devices", "interface", "source"], "network"),
        [evil]
    );
    assert_eq!(
        find("test", &xml, &["domain", "devices", "disk"]).unwrap().len(),
        2
    );
    assert_eq!(
        find("test", &xml, &["domain", "os", "boot"]).unwrap(),
        [],
        "a kernel needs no boot order"
    );
}
