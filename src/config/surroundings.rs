//! What the process was started in: the only place that reads the environment.

use crate::core::Origin;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Environment and folders, read once at start.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Variables whose name and value are UTF-8.
    pub variables: BTreeMap<String, String>,
    /// The user's folders; `None` for a user without a home.
    pub folders: Option<Folders>,
    /// Whether the effective user is root.
    pub root: bool,
    /// Where the system's own configuration of programs is.
    pub system_config: PathBuf,
}

/// A user's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Home.
    pub home: PathBuf,
    /// Configuration of programs.
    pub config: PathBuf,
    /// Their state.
    pub state: PathBuf,
    /// Their data.
    pub data: PathBuf,
}

impl Folders {
    /// The folders the XDG rules name when no variable moves them.
    fn below(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            config: home.join(".config"),
            state: home.join(".local/state"),
            data: home.join(".local/share"),
        }
    }
}

impl Surroundings {
    /// Reads the process's surroundings. For a tenant the environment counts for nothing, not
    /// even where folders are: an SSH client can send variables.
    pub fn read(origin: Origin) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let bases = directories::BaseDirs::new();
        let folders = bases.map(|bases| match origin {
            Origin::Tenant => Folders::below(bases.home_dir()),
            Origin::Local => Folders {
                home: bases.home_dir().to_owned(),
                config: bases.config_dir().to_owned(),
                state: bases
                    .state_dir()
                    .map_or_else(|| Folders::below(bases.home_dir()).state, Path::to_owned),
                data: bases.data_dir().to_owned(),
            },
        });
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            folders,
            // /proc/self belongs to the effective user of a process that may dump core, which a
            // program that is not set-uid may.
            root: std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0),
            system_config: PathBuf::from("/etc"),
        }
    }

    /// A variable that is set to something.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Folders in which programs are looked for (`PATH`), those that are absolute.
    pub fn programs(&self) -> Vec<PathBuf> {
        let path = self
            .variable("PATH")
            .unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        path.split(':')
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
            .collect()
    }

    /// The address an SSH client came from (`SSH_CONNECTION`: client address, client port,
    /// server address, server port), without the zone of a link-local one.
    pub fn ssh_client(&self) -> Option<IpAddr> {
        let client = self.variable("SSH_CONNECTION")?.split_whitespace().next()?;
        client.split('%').next()?.parse().ok()
    }

    /// Whether the locale is UTF-8, by the variable that decides.
    pub fn is_utf8(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| self.variable(name));
        locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Surroundings {
        let variables = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Surroundings {
            variables,
            ..Surroundings::default()
        }
    }

    #[test]
    fn the_ssh_clients_address_is_known() {
        let of = |value| with("SSH_CONNECTION", value).ssh_client();
        assert_eq!(
            of("192.0.2.7 50000 192.0.2.1 22"),
            Some("192.0.2.7".parse().unwrap())
        );
        assert_eq!(
            of("fe80::1%eth0 50000 fe80::2%eth0 22"),
            Some("fe80::1".parse().unwrap())
        );
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(with("NO_COLOR", "").variable("NO_COLOR"), None);
    }
}
