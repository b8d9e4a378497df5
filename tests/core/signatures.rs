//! Lists of digests that a publisher signed, checked with real keys.

use crate::bench::Bench;
use crate::http::{Reply, Server};
use crate::images::{image, library, pull};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use twarga::model::{Operation, OperationState, Trust};

/// A publisher with a key pair of its own, in a home that nobody else uses.
struct Publisher {
    home: TempDir,
}

/// When the key that has expired was good.
const LONG_AGO: &str = "20200101T000000";

impl Publisher {
    fn new() -> Self {
        Self::with(&["ed25519", "sign", "never"], None)
    }

    fn with(key: &[&str], when: Option<&str>) -> Self {
        let it = Self {
            home: tempfile::tempdir().unwrap(),
        };
        let make = ["--quick-generate-key", "Publisher <publisher@example.org>"];
        it.gpg(when, &[&make[..], key].concat());
        it
    }

    /// Runs `gpg`; it never asks, and never for long.
    fn gpg(&self, when: Option<&str>, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new("timeout");
        command
            .args([
                "60",
                "gpg",
                "--batch",
                "--yes",
                "--quiet",
                "--passphrase",
                "",
                "--homedir",
            ])
            .arg(self.home.path());
        if let Some(when) = when {
            command.args(["--faked-system-time", when]);
        }
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "gpg {arguments:?} (package gnupg): {said}"
        );
        output.stdout
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The public key, as a package of the host brings it.
    fn keyring(&self) -> PathBuf {
        let keyring = self.file("publisher.gpg");
        std::fs::write(&keyring, self.gpg(None, &["--export"])).unwrap();
        keyring
    }

    fn sign(&self, how: &str, list: &str, when: Option<&str>) -> Vec<u8> {
        let file = self.file("list");
        std::fs::write(&file, list).unwrap();
        self.gpg(when, &["--output", "-", how, file.to_str().unwrap()])
    }

    /// Takes the key back, as its owner does who lost it.
    fn revoke(&self) {
        let certificates = std::fs::read_dir(self.file("openpgp-revocs.d")).unwrap();
        let certificate = certificates.last().unwrap().unwrap().path();
        // A colon in front keeps it from being used by accident.
        let text = std::fs::read_to_string(&certificate).unwrap();
        std::fs::write(&certificate, text.replace("\n:-----", "\n-----")).unwrap();
        self.gpg(None, &["--import", certificate.to_str().unwrap()]);
    }
}

impl Drop for Publisher {
    /// Its agent would stay.
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        let _ = end
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .status();
    }
}

fn list_of(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    format!("{hex}  debian.qcow2\n")
}

/// Serves an image, a list and its signature (none: the list carries it), and downloads it.
async fn download(
    bytes: &[u8],
    list: Vec<u8>,
    signature: Option<Vec<u8>>,
    keyring: PathBuf,
) -> (Operation, Option<Trust>, Bench) {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let signed = match signature {
        Some(_) => "signed = \"detached\"\nsignature = \"{server}/SHA256SUMS.gpg\"\n",
        None => "signed = \"clear\"\n",
    };
    let bytes = bytes.to_vec();
    let server = Server::start(move |request| match request.target.as_str() {
        "/SHA256SUMS" => Reply::whole(&list),
        "/SHA256SUMS.gpg" => Reply::whole(signature.as_deref().unwrap_or_default()),
        _ => Reply::file(request, &bytes, "\"one\""),
    })
    .await;
    let document = format!(
        "[[image]]\nid = \"debian\"\ntitle = \"Debian\"\nformat = \"qcow2\"\ndefault_user = \"debian\"\n\
         url = \"{{server}}/debian.qcow2\"\nsums = \"{{server}}/SHA256SUMS\"\n{signed}keyring = {:?}\n",
        keyring.to_str().unwrap()
    );
    let document = document.replace("{server}", server.url("").trim_end_matches('/'));
    std::fs::write(bench.state_dir().join("images.toml"), document).unwrap();
    let ended = pull(&core, &alice).await;
    let local = core.local_image(&alice, "debian").await.unwrap();
    keeper.end().await.unwrap();
    (ended, local.map(|it| it.trust), bench)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_list_vouches_for_an_image() {
    let publisher = Publisher::new();
    let bytes = image(2);
    let list = list_of(&bytes);
    let detached = publisher.sign("--detach-sign", &list, None);
    let clear = publisher.sign("--clearsign", &list, None);
    for (served, signature) in [(list.into_bytes(), Some(detached)), (clear, None)] {
        let (ended, trust, _) = download(&bytes, served, signature, publisher.keyring()).await;
        assert_eq!(ended.state, OperationState::Done, "{ended:?}");
        assert_eq!(trust, Some(Trust::Signed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_does_not_hold_brings_nothing() {
    let publisher = Publisher::new();
    let bytes = image(2);
    let list = list_of(&bytes);
    let signature = publisher.sign("--detach-sign", &list, None);
    let clear = publisher.sign("--clearsign", &list, None);
    let keyring = publisher.keyring();

    let flip = |text: &[u8]| {
        let text = String::from_utf8(text.to_vec()).unwrap();
        // The digest stays what it is: only the signature can tell.
        let (name, other) = ("  debian.qcow2", " *debian.qcow2");
        assert!(text.contains(name));
        text.replacen(name, other, 1).into_bytes()
    };
    let mut flipped_signature = signature.clone();
    *flipped_signature.last_mut().unwrap() ^= 1;
    let stranger = Publisher::new();
    let expired = Publisher::with(&["ed25519", "sign", "1d"], Some(LONG_AGO));
    let revoked = Publisher::new();
    let by_revoked = revoked.sign("--detach-sign", &list, None);
    let by_expired = expired.sign("--detach-sign", &list, Some(LONG_AGO));
    revoked.revoke();

    let list = list.into_bytes();
    let stories = [
        (
            "a flipped byte of the list",
            flip(&list),
            Some(signature.clone()),
            keyring.clone(),
            "",
        ),
        (
            "a flipped byte of a clear-signed list",
            flip(&clear),
            None,
            keyring.clone(),
            "",
        ),
        (
            "a flipped byte of the signature",
            list.clone(),
            Some(flipped_signature),
            keyring.clone(),
            "",
        ),
        (
            "another's key",
            list.clone(),
            Some(signature),
            stranger.keyring(),
            "No public key",
        ),
        ("no signature at all", list.clone(), None, keyring.clone(), ""),
        ("an empty signature", list.clone(), Some(Vec::new()), keyring, ""),
        (
            "an expired key",
            list.clone(),
            Some(by_expired),
            expired.keyring(),
            "its key has expired",
        ),
        (
            "a revoked key",
            list,
            Some(by_revoked),
            revoked.keyring(),
            "its key was revoked",
        ),
    ];
    for (story, served, signature, keyring, why) in stories {
        let (ended, trust, bench) = download(&bytes, served, signature, keyring).await;
        assert_eq!(ended.state, OperationState::Failed, "{story}: {ended:?}");
        let error = ended.error.unwrap();
        assert!(
            error.contains("the publisher's signature does not hold"),
            "{story}: {error}"
        );
        assert!(error.contains(why), "{story}: {error}");
        assert_eq!((trust, library(&bench)), (None, vec![]), "{story}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_nobody_here_can_check_is_not_shown_as_signed() {
    let publisher = Publisher::new();
    let bytes = image(2);
    let list = list_of(&bytes);
    let signature = publisher.sign("--detach-sign", &list, None);
    let missing = publisher.file("no-package-brought-it.gpg");
    let (ended, trust, _) = download(&bytes, list.into_bytes(), Some(signature), missing).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:?}");
    assert_eq!(trust, Some(Trust::Nothing), "plain http, and no keys");
}
