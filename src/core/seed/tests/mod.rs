//! The disk as a guest finds it, and its documents as YAML parsers read them.

mod documents;
mod unchanged;

use super::*;
use serde_json::Value;
use std::io::Read;

/// A machine without anything that has to be said.
pub fn plain<'a>(keys: &'a [String], provision: &'a Provision) -> Seed<'a> {
    Seed {
        instance: Uuid::from_u128(1),
        hostname: "web-1",
        user: "debian",
        password_hash: None,
        ssh_keys: keys,
        provision,
    }
}

fn read_file(image: &[u8], name: &str) -> String {
    let volume = FileSystem::new(Cursor::new(image.to_vec()), FsOptions::new()).unwrap();
    assert_eq!(volume.volume_label(), "CIDATA");
    let mut text = String::new();
    let mut file = volume.root_dir().open_file(name).unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// A `#cloud-config` as its reader has it.
pub fn parsed(text: &str) -> Value {
    assert!(text.starts_with("#cloud-config\n"), "{text}");
    yaml::read_unbounded(text).unwrap().into_value()
}

#[test]
fn a_guest_reads_what_it_is_told() {
    let keys = vec!["ssh-ed25519 AAAA twarga".to_owned()];
    let provision = Provision::default();
    let seed = Seed {
        user: "tiny",
        password_hash: Some("$6$salt$hash"),
        ..plain(&keys, &provision)
    };
    let image = image(&seed).unwrap();
    assert_eq!(
        read_file(&image, "twarga.cfg"),
        "instance=00000000-0000-0000-0000-000000000001\nhostname=web-1\nuser=tiny\n\
         password_hash=$6$salt$hash\nssh_key=ssh-ed25519 AAAA twarga\n"
    );
    let document = parsed(&read_file(&image, "user-data"));
    assert_eq!(document["users"][0]["passwd"], "$6$salt$hash");
    assert_eq!(document["ssh_pwauth"], true);
    let meta: Value = serde_json::from_str(&read_file(&image, "meta-data")).unwrap();
    assert_eq!(meta["local-hostname"], "web-1");
}

#[test]
fn a_line_break_never_becomes_a_line() {
    let keys = vec!["ssh-ed25519 AAAA x\npassword_hash=$6$mine".to_owned()];
    let provision = Provision::default();
    assert!(image(&plain(&keys, &provision)).is_err());
}

#[test]
fn the_largest_documents_fit_on_the_disk() {
    let keys = vec![format!("ssh-rsa {} x", "A".repeat(16 * 1024)); 70];
    // A control of one byte is escaped by six.
    let text = "\\x7f".repeat(15 * 1024);
    let provision = Provision {
        commands: vec!["\u{7f}".repeat(4096); 4],
        user_data: Some(format!("#cloud-config\nfinal_message: \"{text}\"\n")),
        ..Provision::default()
    };
    let seed = plain(&keys, &provision);
    let image = image(&seed).unwrap();
    assert!(image.len() > SIZE, "it grew");
    let document: Value =
        serde_json::from_str(&read_file(&image, "user-data")["#cloud-config\n".len()..]).unwrap();
    assert_eq!(document["final_message"].as_str().unwrap().len(), 15 * 1024);
    assert_eq!(
        document["users"][0]["ssh_authorized_keys"]
            .as_array()
            .unwrap()
            .len(),
        70
    );
}
