use super::*;
use crate::model::{Readiness, Trust};
use std::fs;

fn catalogue(own: &str) -> (tempfile::TempDir, Catalogue) {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue {
        tiny_dir: dir.path().join("tiny"),
        own: dir.path().join("images.toml"),
        library: Library::of(dir.path()),
        firmware: vec![dir.path().join("firmware")],
    };
    fs::write(&catalogue.own, own).unwrap();
    (dir, catalogue)
}

#[test]
fn what_can_be_downloaded_is_listed_after_tiny_and_is_not_ready() {
    let (_dir, catalogue) = catalogue("");
    let images = catalogue.images();
    assert_eq!(images[0].id, "tiny");
    for image in &images[1..] {
        match &image.readiness {
            Readiness::Remote => {}
            Readiness::Unavailable(reason) => assert!(reason.contains("UEFI only"), "{reason}"),
            Readiness::Ready => panic!("{} is not here", image.id),
        }
    }
    let debian = Image::find(&images, "debian/bookworm64").unwrap();
    assert_eq!((debian.id.as_str(), debian.trust), ("debian-12", Trust::Pinned));
    let source = catalogue.source("debian12").unwrap();
    assert!(matches!(source.form, Form::Offered(_)), "{source:?}");
    let offer = catalogue.offer("debian12").unwrap();
    assert!(
        offer.url.starts_with("https://cloud.debian.org/"),
        "{}",
        offer.url
    );
    assert!(catalogue.offer("tiny").is_none());
    assert!(catalogue.offer("windows").is_none());
}

#[test]
fn the_dead_are_refused_with_what_to_take_instead() {
    let (_dir, catalogue) = catalogue("");
    assert!(catalogue.source("centos7").unwrap_err().contains("`rocky-9`"));
    assert!(catalogue.source("windows").unwrap_err().contains("no such image"));
}

#[test]
fn an_own_image_stands_in_the_place_of_a_built_in_one_under_all_its_names() {
    let digest = "0a".repeat(32);
    let (_dir, catalogue) = catalogue(&format!(
        "[[image]]\nid = \"debian-12\"\ntitle = \"our mirror\"\nformat = \"qcow2\"\n\
         default_user = \"debian\"\nurl = \"http://10.0.0.2/debian.qcow2\"\nsha256 = \"{digest}\"\n\
         aliases = [\"ours\", \"jammy\"]\n"
    ));
    let images = catalogue.images();
    let of_id = |id: &str| images.iter().filter(|image| image.id == id).count();
    assert_eq!((of_id("debian-12"), of_id("debian-11")), (1, 1));
    for name in ["debian-12", "debian12", "debian/bookworm64", "ours"] {
        assert_eq!(Image::find(&images, name).unwrap().title, "our mirror", "{name}");
        let offer = catalogue.offer(name).unwrap();
        assert!(offer.trusted_place, "{name}");
    }
    assert!(!catalogue.offer("debian-11").unwrap().trusted_place);
    assert_eq!(
        catalogue.offer("jammy").unwrap().about.id,
        "debian-12",
        "the operator's word"
    );
}

#[test]
fn a_broken_own_document_takes_nothing_else_with_it() {
    let (_dir, catalogue) = catalogue(
        "[[image]]\nid = \"debian-12\"\ntitle = \"X\"\nformat = \"raw\"\n\
         default_user = \"u\"\nurl = \"http://10.0.0.2/debian.qcow2\"\n",
    );
    let images = catalogue.images();
    let Readiness::Unavailable(reason) = &images[1].readiness else {
        panic!("{:?}", images[1])
    };
    assert_eq!(
        reason,
        "images.toml: `debian-12`: give one of `sha256`, `sha512` and `sums`"
    );
    let debian = Image::find(&images, "debian-12").unwrap();
    assert_eq!(debian.trust, Trust::Pinned, "the built-in one");
}

#[test]
fn a_keyring_that_is_not_on_this_host_vouches_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = dir.path().join("keys.gpg");
    let (_dir, catalogue) = catalogue(&format!(
        "[[image]]\nid = \"ours\"\ntitle = \"X\"\nformat = \"raw\"\ndefault_user = \"u\"\n\
         url = \"https://example.org/a.img\"\nsums = \"https://example.org/SUMS\"\nsigned = \"clear\"\n\
         keyring = {keyring:?}\n"
    ));
    let trust = || Image::find(&catalogue.images(), "ours").unwrap().trust;
    assert_eq!(trust(), Trust::TlsOnly);
    fs::write(&keyring, "").unwrap();
    assert_eq!(trust(), Trust::Signed);
}

#[test]
fn an_image_that_boots_by_uefi_only_needs_firmware() {
    let (dir, catalogue) = catalogue("");
    let readiness = || {
        Image::find(&catalogue.images(), "opensuse-leap-16.0")
            .unwrap()
            .readiness
            .clone()
    };
    assert!(matches!(readiness(), Readiness::Unavailable(reason) if reason.contains("`ovmf`")));
    let refusal = catalogue.source("opensuse-leap-16.0").unwrap_err();
    assert!(refusal.contains("boots by UEFI only"), "{refusal}");
    let folder = dir.path().join("firmware");
    fs::create_dir(&folder).unwrap();
    let code = folder.join("code.fd");
    fs::write(&code, "").unwrap();
    let descriptor = format!(
        r#"{{"interface-types": ["uefi"], "mapping": {{"executable": {{"filename": {code:?}}}}},
        "targets": [{{"architecture": "x86_64", "machines": ["pc-q35-*"]}}]}}"#
    );
    fs::write(folder.join("60.json"), descriptor).unwrap();
    assert_eq!(readiness(), Readiness::Remote);
    assert_eq!(
        catalogue.source("opensuse-leap-16.0").unwrap().boot(),
        crate::hypervisor::Boot::Uefi
    );
    assert_eq!(
        catalogue.source("debian-12").unwrap().boot(),
        crate::hypervisor::Boot::Disk
    );
}
