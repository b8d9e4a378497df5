//! An image that boots by UEFI only: the tiny guest as an EFI program. Its firmware is libvirt's
//! choice, and what that remembers goes with the machine.

use crate::child::{finish, start};
use crate::place::{BOOT, Place};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "efi";
const IMAGE: &str = "own-efi";

#[test]
fn an_image_that_boots_by_uefi_boots_and_leaves_no_variables_behind() {
    let place = Place::new("firmware");
    place.register();
    let image = place.state().join("efi.qcow2");
    make_disk_image(&image);
    let entry = json!({ "image": [{
        "id": IMAGE, "title": "our own", "file": image, "format": "qcow2", "default_user": "tiny",
        "firmware": "uefi",
    }]});
    let document = toml::to_string(&entry).unwrap();
    std::fs::write(place.state().join("images.toml"), document).unwrap();
    assert_eq!(place.json(&["image", "show", IMAGE])["ready"], true);

    let acted = place.json(&[
        "vm", "create", NAME, "--image", IMAGE, "--memory", "512", "--wait",
    ]);
    assert_eq!(acted["operation"]["state"], "done", "{acted}");
    let machine = place.machine(NAME).expect("the machine is listed");
    place.assert_guest(&machine);
    let (host, port) = crate::place::ssh_address(&machine);
    let said = place.ssh(&host, port, "cat /sys/firmware/efi/fw_platform_size");
    assert_eq!(said.out.trim(), "64", "the kernel was started by UEFI: {said:?}");

    let domain = place.domains().swap_remove(0);
    let described = place.virsh(&["dumpxml", &domain]);
    let variables = variables(&described);
    assert!(variables.exists(), "{}", variables.display());

    // Its variables survive a restart and go with the machine.
    let acted = place.json(&["vm", "restart", NAME]);
    assert_eq!(acted["operation"]["state"], "done", "{acted}");
    place.assert_guest(&place.machine(NAME).expect("the machine is listed"));
    place.json(&["vm", "destroy", NAME, "--yes"]);
    place.assert_nothing_left();
    assert!(!variables.exists(), "{} was left", variables.display());
}

/// The file of a domain's UEFI variables.
fn variables(described: &str) -> PathBuf {
    let (_, rest) = described.split_once("<nvram").expect("a store of variables");
    let (_, rest) = rest.split_once('>').expect("its file");
    PathBuf::from(rest.split('<').next().expect("its end"))
}

#[track_caller]
fn make_disk_image(file: &Path) {
    let mut make = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/disk-image"));
    make.arg("--uefi").arg(file);
    let said = finish(start(make), "", BOOT);
    assert_eq!(said.code, 0, "{said:?}");
}
