//! Files that are named on the command line.

use super::failure::Failure;
use crate::core::{self, Origin};
use std::io::Read;
use std::path::Path;

/// The text of a file of at most `limit` bytes. `flag` named it; `instead` says what whoever may name
/// none does.
///
/// # Errors
/// [`core::Error::NotPermitted`] for a tenant, [`Failure::Usage`] with why there is none.
pub fn named(origin: Origin, flag: &str, path: &Path, limit: u64, instead: &str) -> Result<String, Failure> {
    if origin == Origin::Tenant {
        let sentence = format!("no files can be named from here: {instead}");
        return Err(core::Error::NotPermitted(sentence).into());
    }
    read(path, limit).map_err(|reason| Failure::Usage(format!("{flag} {}: {reason}", path.display())))
}

/// The text of a file of at most `limit` bytes.
///
/// # Errors
/// Why there is none, in words.
pub fn read(path: &Path, limit: u64) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(limit + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    match text.len() as u64 > limit {
        true => Err(format!("longer than {} KiB", limit / 1024)),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_names_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("user-data");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let read = |origin| named(origin, "--user-data", &file, 64, "paste it");
        assert_eq!(read(Origin::Local).unwrap(), "#!/bin/sh\n");
        let refusal = read(Origin::Tenant).unwrap_err();
        assert_eq!(refusal.code(), 4);
        assert!(refusal.to_string().contains("paste it"), "{refusal}");
    }

    #[test]
    fn a_file_has_its_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long");
        std::fs::write(&file, "x".repeat(65)).unwrap();
        assert!(read(&file, 64).unwrap_err().contains("longer"));
        assert!(read(folder.path(), 64).is_err());
    }
}
