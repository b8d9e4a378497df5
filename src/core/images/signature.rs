//! Publishers' signatures on lists of digests, checked by GnuPG's `gpgv` with the keys that a
//! package of this host brought.

use super::offer::{Signature, SignatureForm};
use crate::core::{Error, Result, secrets};
use crate::model::text;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

/// How long checking one may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks the signature of `list`. `false` where nobody here can: no keys, or no `gpgv`.
/// `detached` are the bytes of a signature in a file of its own; `folder` is one for small files.
///
/// # Errors
/// [`Error::Image`]: the signature is not the publisher's.
pub async fn check(
    signature: &Signature,
    list: &[u8],
    detached: Option<&[u8]>,
    folder: &Path,
) -> Result<bool> {
    if !signature.keyring.exists() {
        return Ok(false);
    }
    let work = folder.join(format!("signature-{}", Uuid::new_v4().simple()));
    secrets::make_private_folder(&work)?;
    let checked = gpgv(signature, list, detached, &work).await;
    // What is left of it holds nothing secret.
    let _ = std::fs::remove_dir_all(&work);
    checked
}

async fn gpgv(signature: &Signature, list: &[u8], detached: Option<&[u8]>, work: &Path) -> Result<bool> {
    let io = |error: std::io::Error| Error::of_file("writing into", work, &error);
    let (listed, signed) = (work.join("list"), work.join("signature"));
    std::fs::write(&listed, list).map_err(io)?;
    let mut command = Command::new("gpgv");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("GNUPGHOME", work)
        .args(["--status-fd", "1", "--keyring"])
        .arg(&signature.keyring)
        .arg("--");
    if let (SignatureForm::Detached { .. }, Some(bytes)) = (&signature.form, detached) {
        std::fs::write(&signed, bytes).map_err(io)?;
        command.arg(&signed);
    }
    command.arg(&listed).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            judge(&String::from_utf8_lossy(&output.stdout)).map_err(does_not_hold)?;
            Ok(true)
        }
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("no reason was given");
            Err(does_not_hold(&text::visible_within(last, 200)))
        }
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Ok(Err(error)) => Err(Error::Image(format!("gpgv: {error}"))),
        Err(_) => Err(Error::Image("gpgv did not end".to_owned())),
    }
}

fn does_not_hold(reason: &str) -> Error {
    Error::Image(format!("the publisher's signature does not hold: {reason}"))
}

/// What `gpgv` found, from its machine-readable lines. That it succeeds is not enough: it takes every
/// key of the keyring for good, also one that its owner revoked and one that has expired.
fn judge(status: &str) -> std::result::Result<(), &'static str> {
    let lines = status.lines().filter_map(|it| it.strip_prefix("[GNUPG:] "));
    let words: Vec<_> = lines.filter_map(|it| it.split_whitespace().next()).collect();
    let has = |word: &str| words.contains(&word);
    if has("REVKEYSIG") {
        return Err("its key was revoked");
    }
    if has("BADSIG") || has("ERRSIG") {
        return Err("one of its signatures is wrong");
    }
    // A list may carry an older key's signature beside one that counts.
    match (has("GOODSIG"), has("EXPKEYSIG"), has("EXPSIG")) {
        (true, ..) => Ok(()),
        (false, true, _) => Err("its key has expired"),
        (false, false, true) => Err("it has expired"),
        (false, false, false) => Err("there is no signature"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_signature_of_a_key_that_counts_is_one() {
        let good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 12 P\n[GNUPG:] VALIDSIG 12";
        assert_eq!(judge(good), Ok(()));
        let older = format!("{good}\n[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG 13 P\n");
        assert_eq!(judge(&older), Ok(()));
        for (word, reason) in [
            ("REVKEYSIG", "its key was revoked"),
            ("BADSIG", "one of its signatures is wrong"),
            ("ERRSIG", "one of its signatures is wrong"),
        ] {
            let beside = format!("{good}\n[GNUPG:] {word} 13 P\n");
            assert_eq!(judge(&beside), Err(reason));
        }
        assert_eq!(judge("[GNUPG:] EXPKEYSIG 12 P"), Err("its key has expired"));
        assert_eq!(judge("[GNUPG:] EXPSIG 12 P"), Err("it has expired"));
        assert_eq!(judge(""), Err("there is no signature"));
        // A user's name is no verdict.
        assert_eq!(
            judge("[GNUPG:] NOTATION_DATA GOODSIG"),
            Err("there is no signature")
        );
    }
}
