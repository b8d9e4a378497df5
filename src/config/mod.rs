//! Defaults ← file ← environment ← flags become one checked [`Config`].
//!
//! Only this module reads the environment, and only `main` uses it. A tenant's environment and
//! flags count for nothing: a colleague let in through a forced command gets what the operator's
//! file says. A `.env` file in the current directory is never read: a program that runs machines
//! must not change its mind with the folder it is started in.

mod consoles;
mod credits;
pub mod file;
mod images;
mod layers;
mod network;
mod seed;
mod surroundings;

pub use file::{Accel, Features, Level};
pub use layers::{keys, variable_name};
pub use surroundings::{Folders, Surroundings};

use crate::core::{ConsoleSettings, ImageSettings, Origin, Settings};
use crate::model::Theme;
use file::{AUTO, File};
use layers::Layers;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Each look lists the pool, which libvirt reads anew from its folder: seldom enough for a big one.
const LOOK_FOR_LEFTOVERS: Duration = Duration::from_secs(60);

/// Everything that was configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The core's part.
    pub core: Settings,
    /// libvirt's part.
    pub hypervisor: Hypervisor,
    /// Parts that can be switched off.
    pub features: Features,
    /// Colours for users who have not chosen.
    pub theme: Theme,
    /// After how long an idle screen locks; `None` never.
    pub idle_lock: Option<Duration>,
    /// The key after Ctrl that does not go to a guest.
    pub leader: char,
    /// Bytes of a console's history.
    pub scrollback: usize,
    /// The log files.
    pub log: Log,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// What was passed over, in words, for the log.
    pub remarks: Vec<String>,
}

/// libvirt's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypervisor {
    /// Where libvirt is; `None` is the system's where it can be written to, else the session's.
    pub uri: Option<String>,
    /// How guests' processors run.
    pub accel: Accel,
    /// Whether guests in system mode are held to their own addresses.
    pub clean_traffic: bool,
    /// libvirt storage pool of machines' files.
    pub pool: String,
}

/// The log files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How much is written.
    pub level: Level,
    /// How many days' files are kept.
    pub keep_days: usize,
}

/// The flags that override settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--state-dir`
    pub state_dir: Option<PathBuf>,
    /// `--uri`
    pub uri: Option<String>,
    /// `--theme`
    pub theme: Option<Theme>,
    /// How often `-v` was given.
    pub verbose: u8,
}

/// A setting or file that cannot be used, where it stood, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}{reason}", .key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default())]
pub struct Error {
    place: String,
    key: Option<String>,
    reason: String,
}

impl Error {
    fn new(place: &str, key: Option<String>, reason: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            key,
            reason: reason.into(),
        }
    }
}

/// No configuration anybody writes is larger; something that is, is not one.
const FILE_LIMIT: u64 = 1 << 20;

impl Config {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// What cannot be used, naming file and line, variable or flag.
    pub fn load(surroundings: &Surroundings, flags: &Flags, origin: Origin) -> Result<Self, Error> {
        let mut layers = Layers::defaults()?;
        let file = find_file(surroundings, flags.config.as_deref())?;
        if let Some((path, text)) = &file {
            layers.lay_file(path, text)?;
        }
        let mut remarks = Vec::new();
        if origin == Origin::Local {
            let unknown = layers.lay_environment(&surroundings.variables)?;
            remarks.extend(
                unknown
                    .iter()
                    .map(|name| format!("variable {name} is not a setting")),
            );
            lay_flags(&mut layers, flags)?;
        }
        let settings = layers.finish()?;
        if let Some((path, text)) = &file {
            check_mode(path, text)?;
        }
        let file = file.map(|(path, _)| path);
        // A tenant's variables count for nothing, those that name proxies neither.
        let variable = |name: &str| match origin {
            Origin::Local => surroundings.variable(name).map(str::to_owned),
            Origin::Tenant => None,
        };
        let fetch = settings.images.fetch(variable);
        let mut config = Self::build(settings, surroundings)?;
        config.core.images.fetch = fetch;
        let level = louder(config.log.level, flags.verbose);
        let log = Log { level, ..config.log };
        Ok(Self {
            log,
            file,
            remarks,
            ..config
        })
    }

    /// The defaults alone: for `doctor`, which goes on when the configuration cannot be used.
    ///
    /// # Errors
    /// A user without a home has no default state directory.
    pub fn defaults(surroundings: &Surroundings) -> Result<Self, Error> {
        Self::build(File::default(), surroundings)
    }

    fn build(settings: File, surroundings: &Surroundings) -> Result<Self, Error> {
        let core = core_settings(&settings, surroundings)?;
        Ok(Self {
            core,
            hypervisor: Hypervisor {
                uri: (settings.hypervisor.uri != AUTO).then_some(settings.hypervisor.uri),
                accel: settings.hypervisor.accel,
                clean_traffic: settings.network.clean_traffic,
                pool: settings.hypervisor.pool,
            },
            features: settings.features,
            theme: settings.screen.theme,
            scrollback: scrollback(settings.consoles.scrollback_lines),
            idle_lock: match settings.accounts.idle_lock_minutes {
                0 => None,
                minutes => Some(Duration::from_secs(minutes * 60)),
            },
            // Checked before.
            leader: settings.consoles.leader_character().unwrap_or(']'),
            log: Log {
                level: settings.log.level,
                keep_days: usize::try_from(settings.log.keep_days).unwrap_or(usize::MAX),
            },
            file: None,
            remarks: Vec::new(),
        })
    }
}

fn lay_flags(layers: &mut Layers, flags: &Flags) -> Result<(), Error> {
    if let Some(path) = &flags.state_dir {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let text = absolute.to_str().ok_or_else(|| {
            Error::new(
                "--state-dir",
                Some("state_dir".to_owned()),
                "a path that is valid UTF-8",
            )
        })?;
        layers.put_text("state_dir", text, "--state-dir".to_owned())?;
    }
    if let Some(uri) = &flags.uri {
        layers.put_text("hypervisor.uri", uri, "--uri".to_owned())?;
    }
    if let Some(theme) = flags.theme {
        let word = match theme {
            Theme::Dark => "dark",
            Theme::Light => "light",
            Theme::Mono => "mono",
        };
        layers.put_text("screen.theme", word, "--theme".to_owned())?;
    }
    Ok(())
}

fn core_settings(settings: &File, surroundings: &Surroundings) -> Result<Settings, Error> {
    let folders = surroundings.folders.as_ref();
    let state_dir = match settings.state_dir.as_str() {
        AUTO if surroundings.root => PathBuf::from("/var/lib/twarga"),
        AUTO => folders.ok_or_else(|| no_home("state_dir"))?.state.join("twarga"),
        path => path_setting("state_dir", path, folders)?,
    };
    let tiny_dir = match settings.tiny_dir.as_str() {
        AUTO => match folders {
            Some(folders) => folders.data.join("twarga/tiny"),
            None => state_dir.join("tiny"),
        },
        path => path_setting("tiny_dir", path, folders)?,
    };
    Ok(Settings {
        state_dir,
        limits: settings.limits.clone(),
        credits: settings.credits.core(),
        registration: settings.accounts.registration,
        session: Duration::from_secs(settings.accounts.session_hours * 3_600),
        stop_timeout: Duration::from_secs(settings.machines.stop_timeout_seconds),
        ready_timeout: Duration::from_secs(settings.machines.ready_timeout_seconds),
        emulated_ready_timeout: Duration::from_secs(settings.machines.emulated_ready_timeout_seconds),
        disk_reserve: settings.machines.disk_reserve_mib << 20,
        network: settings.network.settings(),
        forward_ports: (
            settings.hypervisor.first_forward_port,
            settings.hypervisor.last_forward_port,
        ),
        tiny_dir,
        refresh: Duration::from_millis(settings.hypervisor.refresh_milliseconds),
        leftovers: LOOK_FOR_LEFTOVERS,
        consoles: ConsoleSettings {
            idle: match settings.consoles.idle_minutes {
                0 => None,
                minutes => Some(Duration::from_secs(minutes * 60)),
            },
            record: settings.consoles.record,
            keep_recordings: Duration::from_secs(settings.consoles.keep_recordings_days * 86_400),
            longest_recording: settings.consoles.longest_recording_mib << 20,
        },
        images: ImageSettings {
            fetch: settings.images.fetch(|_| None),
            limit: settings.images.limit(),
            refusal: None,
        },
        secret_key: (settings.secret_key != AUTO).then(|| settings.secret_key.clone()),
    })
}

/// A path as written: absolute, or below the home with `~/`.
fn path_setting(key: &str, written: &str, folders: Option<&Folders>) -> Result<PathBuf, Error> {
    let path = match (written.strip_prefix("~/"), folders) {
        (Some(rest), Some(folders)) => folders.home.join(rest),
        _ => PathBuf::from(written),
    };
    if path.is_absolute() && !written.contains('\0') {
        return Ok(path);
    }
    Err(Error::new(
        "settings",
        Some(key.to_owned()),
        "`auto`, an absolute path, or one that begins with `~/`",
    ))
}

fn no_home(key: &str) -> Error {
    Error::new(
        "settings",
        Some(key.to_owned()),
        "this user has no home directory: name one with --state-dir",
    )
}

/// The file to read: the one that was named, else the first of the usual ones that exists.
fn find_file(surroundings: &Surroundings, named: Option<&Path>) -> Result<Option<(PathBuf, String)>, Error> {
    if let Some(path) = named {
        return match read_file(path)? {
            Some(text) => Ok(Some((path.to_owned(), text))),
            None => Err(Error::new(&path.display().to_string(), None, "no such file")),
        };
    }
    let own = surroundings
        .folders
        .as_ref()
        .map(|folders| folders.config.clone());
    for folder in own.into_iter().chain([surroundings.system_config.clone()]) {
        let path = folder.join("twarga/config.toml");
        if let Some(text) = read_file(&path)? {
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

fn read_file(path: &Path) -> Result<Option<String>, Error> {
    let refuse = |reason: String| Error::new(&path.display().to_string(), None, reason);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse(format!("cannot be opened: {error}"))),
    };
    let mut text = String::new();
    let read = file.take(FILE_LIMIT + 1).read_to_string(&mut text);
    match read {
        Ok(_) if text.len() as u64 > FILE_LIMIT => Err(refuse("larger than 1 MiB".to_owned())),
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(refuse(format!("cannot be read: {error}"))),
    }
}

/// Who can read the signing key can be anybody.
fn check_mode(path: &Path, text: &str) -> Result<(), Error> {
    let keyed = toml::from_str::<File>(text).is_ok_and(|file| file.secret_key != AUTO);
    let open = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o077 != 0);
    if keyed && open {
        return Err(Error::new(
            &path.display().to_string(),
            Some("secret_key".to_owned()),
            format!("others may read this file: `chmod 600 {}`", path.display()),
        ));
    }
    Ok(())
}

fn louder(level: Level, verbose: u8) -> Level {
    level.max(match verbose {
        0 => Level::Error,
        1 => Level::Debug,
        _ => Level::Trace,
    })
}

/// Bytes of so many lines of 80 columns: 24 to a cell, and a row's own.
fn scrollback(lines: u64) -> usize {
    usize::try_from(lines)
        .unwrap_or(usize::MAX)
        .saturating_mul(80 * 24 + 32)
}
