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
        .arg("--keyring")
        .arg(&signature.keyring)
        .arg("--");
    if let (SignatureForm::Detached { .. }, Some(bytes)) = (&signature.form, detached) {
        std::fs::write(&signed, bytes).map_err(io)?;
        command.arg(&signed);
    }
    command
        .arg(&listed)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(true),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("no reason was given");
            let last = text::visible_within(last, 200);
            Err(Error::Image(format!(
                "the publisher's signature does not hold: {last}"
            )))
        }
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Ok(Err(error)) => Err(Error::Image(format!("gpgv: {error}"))),
        Err(_) => Err(Error::Image("gpgv did not end".to_owned())),
    }
}
