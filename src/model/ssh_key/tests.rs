//! Keys as `ssh-keygen` made them, with the fingerprints that it printed.

use super::*;

const ED25519: &str = include_str!("../../../tests/fixtures/keys/ed25519.pub");
const ECDSA: &str = include_str!("../../../tests/fixtures/keys/ecdsa256.pub");
const RSA: &str = include_str!("../../../tests/fixtures/keys/rsa2048.pub");
const SHORT_RSA: &str = include_str!("../../../tests/fixtures/keys/rsa1024.pub");
const DSA: &str = include_str!("../../../tests/fixtures/keys/dsa1024.pub");

#[track_caller]
fn refused(pasted: &str, part: &str) {
    let refusal = inspect(pasted).unwrap_err();
    assert_eq!(refusal.field, Field::SshKey);
    assert!(refusal.reason.contains(part), "{refusal}");
}

#[test]
fn a_fingerprint_is_the_one_that_ssh_keygen_prints() {
    let known = [
        (
            ED25519,
            "ed25519",
            "SHA256:2bIVtgGn9HdK0HOOXTfzJ0R7I6b1XX0eaSfVjhBdBXY",
        ),
        (
            ECDSA,
            "ecdsa 256",
            "SHA256:6c4nuSwaeExHlE1LE41JO/p7SICRgOE6HFIZsJqBHmo",
        ),
        (
            RSA,
            "rsa 2048",
            "SHA256:Wi3WHFewVCHjwzhzqG/wxyRksBL6v94DtOomoduyRwc",
        ),
    ];
    for (key, kind, print) in known {
        let checked = inspect(key).unwrap();
        assert_eq!(
            (checked.kind().as_str(), checked.fingerprint().as_str()),
            (kind, print)
        );
        assert_eq!(checked.line(), key.trim());
        assert_eq!(fingerprint(key.trim()).as_deref(), Some(print));
    }
}

#[test]
fn weak_keys_are_refused_with_the_reason() {
    refused(SHORT_RSA, "1024 bits");
    refused(DSA, "DSA");
}

#[test]
fn what_is_not_one_plain_key_is_refused() {
    refused(&format!("command=\"sh\" {ED25519}"), "options before the key");
    refused(&format!("restrict,pty {ED25519}"), "options before the key");
    refused(&format!("{ED25519}{RSA}"), "one line");
    refused("-----BEGIN OPENSSH PRIVATE KEY-----", "private key");
    refused("ssh-ed25519-cert-v01@openssh.com AAAA alice", "certificate");
    refused("ssh-ed25519 AAAA alice", "not a public key");
    refused("", "not a public key");
    refused(&format!("ssh-ed25519 {}", "A".repeat(LONGEST)), "longer");
    refused(&ED25519.replace("alice", "al\u{202e}ice"), "do not show");
    refused(&ED25519.replace("ssh-ed25519", "ssh-rsa"), "not a public key");
}

#[test]
fn a_name_is_the_comment_and_stays_on_its_line() {
    let key = inspect(ED25519).unwrap();
    let named = key.clone().named("laptop").unwrap();
    assert!(named.line().ends_with(" laptop"), "{}", named.line());
    assert_eq!(named.fingerprint(), key.fingerprint());
    assert!(key.named("a\nssh_key=b").is_err());
}
