//! The variables of the web application that twarga grew from, read as aliases.
//!
//! Their names are so general that other programs use some of them too. Where a value can only
//! have been meant for another program (`DEBUG=express:*`), it is passed over; where it decides
//! where data goes, it is refused in words.

use super::Error;
use std::path::{Component, Path, PathBuf};

/// The setting an alias stands for and its value as text; `None` if it is no alias.
///
/// # Errors
/// A `DATABASE_URL` that is no SQLite file.
pub fn alias(name: &str, value: &str) -> Result<Option<(&'static str, String)>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let plain = |key| Ok(Some((key, value.to_owned())));
    match name {
        "SECRET_KEY" => plain("secret_key"),
        "ENABLE_TERMINAL" => plain("features.terminal"),
        "ENABLE_MONITORING" => plain("features.monitoring"),
        "ENABLE_SOC" => plain("features.soc"),
        "MAX_VMS_PER_USER" => plain("limits.max_vms_per_user"),
        "MAX_TOTAL_RAM" => plain("limits.max_total_memory_mib"),
        "DEBUG" if truth(value) == Some(true) => Ok(Some(("log.level", "debug".to_owned()))),
        "DATABASE_URL" => {
            let directory = directory_of(value)?;
            Ok(Some(("state_dir", directory.to_string_lossy().into_owned())))
        }
        _ => Ok(None),
    }
}

/// A truth value as people write one.
pub fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The directory of a database URL: `sqlite:///relative` and `sqlite:////absolute`, as
/// SQLAlchemy reads them.
fn directory_of(url: &str) -> Result<PathBuf, Error> {
    let refuse = || {
        Error::new(
            "variable DATABASE_URL",
            Some("state_dir".to_owned()),
            "a SQLite file such as sqlite:////var/lib/twarga/twarga.db (its directory becomes the state \
             directory); twarga keeps its data in no other database",
        )
    };
    let file = url.strip_prefix("sqlite:///").ok_or_else(refuse)?;
    let file = Path::new(file.split('?').next().unwrap_or(file));
    let name = file.file_name().ok_or_else(refuse)?;
    if name == ":memory:" {
        return Err(refuse());
    }
    let directory = file.parent().unwrap_or(Path::new(""));
    let clean: PathBuf = directory
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    std::path::absolute(if clean.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &clean
    })
    .map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_urls_directory_is_the_state_directory() {
        assert_eq!(
            directory_of("sqlite:////srv/cloud/x.db").unwrap(),
            Path::new("/srv/cloud")
        );
        let here = std::env::current_dir().unwrap();
        assert_eq!(directory_of("sqlite:///./twarga_cloud.db").unwrap(), here);
        assert_eq!(
            directory_of("sqlite:///data/x.db?timeout=5").unwrap(),
            here.join("data")
        );
    }

    #[test]
    fn another_database_is_refused_in_words() {
        for url in [
            "postgresql://host/db",
            "sqlite://",
            "sqlite:///",
            "sqlite:///:memory:",
        ] {
            let refusal = directory_of(url).unwrap_err().to_string();
            assert!(
                refusal.contains("DATABASE_URL") && refusal.contains("SQLite"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn another_programs_debug_is_passed_over() {
        assert_eq!(alias("DEBUG", "express:*").unwrap(), None);
        assert_eq!(
            alias("DEBUG", "True").unwrap(),
            Some(("log.level", "debug".to_owned()))
        );
    }
}
