//! Names that are no files to QEMU.

use super::Refusal;
use crate::model::text;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Refuses what QEMU's tools would take for something else than a file: `json:{…}`, a protocol
/// (`nbd:`, `ssh:`, `http:` …), an option; and what nobody can read in a message.
///
/// QEMU takes a name for `protocol:rest` when a colon comes before the first slash; every absolute
/// path is safe from that. This is for names as people give them.
///
/// # Errors
/// [`Refusal::Name`].
pub fn check_name(name: &Path) -> Result<(), Refusal> {
    let bytes = name.as_os_str().as_bytes();
    let shown = text::visible_within(&name.to_string_lossy(), 60);
    let refuse = |why: &str| Err(Refusal::Name(format!("`{shown}` {why}")));
    let first = bytes.iter().find(|byte| matches!(byte, b':' | b'/'));
    if bytes.is_empty() {
        return refuse("is no name of a file");
    }
    if bytes.iter().any(u8::is_ascii_control) {
        return refuse("has control characters in its name; rename it");
    }
    if bytes.starts_with(b"json:") {
        return refuse("looks like a description of block devices, not like a file");
    }
    if first == Some(&b':') {
        return refuse(
            "looks like a network address or protocol; for a file of that name write ./ before it",
        );
    }
    if bytes.starts_with(b"-") {
        return refuse("looks like an option; for a file of that name write ./ before it");
    }
    Ok(())
}
