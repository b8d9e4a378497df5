//! Keys belong to users.

use super::*;
use crate::model::SshKeyId;

const PRINT: &str = "SHA256:2bIVtgGn9HdK0HOOXTfzJ0R7I6b1XX0eaSfVjhBdBXY";

fn key(user: UserId, fingerprint: &str) -> NewSshKey<'_> {
    NewSshKey {
        user,
        name: "laptop",
        public_key: "ssh-ed25519 AAAA laptop",
        fingerprint,
    }
}

#[test]
fn a_key_is_kept_once_per_user_and_read_back() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let add = |user, print| bench.write_at(7, |writer| writer.insert_ssh_key(&key(user, print)));
    let id = add(alice, PRINT).unwrap();
    assert!(matches!(add(alice, PRINT), Err(Error::Taken("SSH key"))));
    add(bob, PRINT).unwrap();
    add(alice, "SHA256:other").unwrap();
    let keys = bench.read(|reader| reader.ssh_keys(alice));
    assert_eq!(keys.len(), 2);
    assert_eq!(bench.read(|reader| reader.count_ssh_keys(alice)), 2);
    assert_eq!(
        (keys[0].id, keys[0].name.as_str(), keys[0].created_at),
        (id, "laptop", at(7))
    );
    let found = bench.read(|reader| reader.ssh_key_by_fingerprint(alice, PRINT));
    assert_eq!(found.as_ref(), keys.first());
}

#[test]
fn a_key_is_its_users_alone_and_its_number_is_not_used_again() {
    let bench = Bench::new();
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let add = || {
        bench
            .write(|writer| writer.insert_ssh_key(&key(alice, PRINT)))
            .unwrap()
    };
    let id = add();
    assert_eq!(bench.read(|reader| reader.ssh_key(bob, id)), None);
    let theft = bench.write(|writer| writer.remove_ssh_key(bob, id));
    assert!(matches!(theft, Err(Error::Missing("SSH key"))));
    bench.write(|writer| writer.remove_ssh_key(alice, id)).unwrap();
    assert_eq!(bench.read(|reader| reader.ssh_keys(alice)), []);
    assert_eq!(add(), SshKeyId(id.0 + 1));
}
