//! Machines.

use super::*;
use crate::model::limits::Usage;
use crate::model::vm::{Address, AddressSource};
use crate::model::{Vm, VmStatus};

#[test]
fn a_machine_lives_and_its_row_follows() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let id = bench.vm(alice, "web-1");
    let read = || -> Vm { bench.read(|reader| reader.vm(id)).unwrap() };
    assert_eq!(read().status, VmStatus::Pending);
    assert_eq!(read().name.as_str(), "web-1");
    assert_eq!((read().memory_mib, read().vcpus, read().disk_gib), (512, 1, 10));

    let address = Address {
        ip: "2001:db8::7".parse().unwrap(),
        source: AddressSource::Agent,
    };
    bench
        .write_at(5, |writer| {
            writer.set_vm_status(id, VmStatus::Running, None)?;
            writer.set_vm_run(id, Some(7), Some(writer.now()))?;
            writer.set_vm_address(id, Some(address))?;
            writer.set_vm_ssh_port(id, 40_023)
        })
        .unwrap();
    assert_eq!(read().status, VmStatus::Running);
    assert_eq!(read().started_at, Some(at(5)));
    assert_eq!(read().address, Some(address));
    assert_eq!(read().ssh_port, Some(40_023));
    assert_eq!(bench.read(|reader| reader.forwarded_ports()), [40_023]);
    assert_eq!(bench.read(|reader| reader.vm_run(id)), Some(7));

    bench
        .write(|writer| {
            writer.set_vm_status(id, VmStatus::Error, Some("its disk is gone"))?;
            writer.set_vm_run(id, None, None)?;
            writer.set_vm_address(id, None)
        })
        .unwrap();
    assert_eq!(read().reason.as_deref(), Some("its disk is gone"));
    assert_eq!((read().started_at, read().address), (None, None));
}

#[test]
fn a_destroyed_machine_frees_its_name_and_port_but_not_its_id() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let old = bench.vm(alice, "web");
    bench.write(|writer| writer.set_vm_ssh_port(old, 40_022)).unwrap();
    let name = bench.insert_vm(alice, "web");
    assert!(matches!(name, Err(Error::Taken("name"))));
    let other = bench.vm(bob, "web");
    let port = bench.write(|writer| writer.set_vm_ssh_port(other, 40_022));
    assert!(matches!(port, Err(Error::Taken("port"))));

    bench.write(|writer| writer.remove_vm(old)).unwrap();
    assert!(bench.read(|reader| reader.vm(old)).is_none());
    let gone = bench.write(|writer| writer.set_vm_status(old, VmStatus::Running, None));
    assert!(matches!(gone, Err(Error::Missing("machine"))));
    let new = bench.vm(alice, "web");
    assert!(new > old);
    bench.write(|writer| writer.set_vm_ssh_port(new, 40_022)).unwrap();
}

#[test]
fn the_newest_id_is_not_given_again_after_its_row_is_gone() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let newest = bench.vm(alice, "web");
    bench.raw().execute("DELETE FROM vms", []).unwrap();
    assert!(bench.vm(alice, "web") > newest);
}

#[test]
fn a_uuid_names_one_machine_for_ever() {
    let bench = Bench::new();
    let alice = bench.user("alice");
    let first = bench.vm(alice, "web");
    let uuid = bench.read(|reader| reader.vm(first)).unwrap().uuid;
    bench.write(|writer| writer.remove_vm(first)).unwrap();
    let again = bench.write(|writer| {
        writer.insert_vm(&NewVm {
            uuid,
            owner: alice,
            request: &request("other"),
            guest_user: "root",
        })
    });
    assert!(matches!(again, Err(Error::Taken("UUID"))));
}

#[test]
fn use_counts_what_exists_whatever_its_status() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    assert_eq!(bench.read(|reader| reader.usage(alice)), Usage::default());
    let web = bench.vm(alice, "web");
    let gone = bench.vm(alice, "gone");
    bench.vm(bob, "web");
    bench
        .write(|writer| {
            writer.set_vm_status(web, VmStatus::Destroying, None)?;
            writer.remove_vm(gone)
        })
        .unwrap();
    let usage = bench.read(|reader| reader.usage(alice));
    assert_eq!(
        usage,
        Usage {
            vms: 1,
            memory_mib: 512
        }
    );
}

#[test]
fn machines_are_listed_by_their_owners_name_and_their_own() {
    let bench = Bench::new();
    let (zoe, alice) = (bench.user("zoe"), bench.user("alice"));
    bench.vm(zoe, "aaa");
    bench.vm(alice, "www");
    bench.vm(alice, "bbb");
    let names: Vec<_> = bench
        .read(|reader| reader.vms())
        .into_iter()
        .map(|vm| vm.domain_name())
        .collect();
    assert_eq!(names, ["user2-bbb", "user2-www", "user1-aaa"]);
}

#[test]
fn a_state_directory_remembers_its_hypervisor() {
    let bench = Bench::new();
    assert_eq!(bench.read(|reader| reader.hypervisor_binding()), None);
    let host = Uuid::new_v4();
    bench
        .write(|writer| writer.bind_hypervisor("qemu:///system", host))
        .unwrap();
    let bound = bench.read(|reader| reader.hypervisor_binding());
    assert_eq!(bound, Some(("qemu:///system".to_owned(), host)));
}
