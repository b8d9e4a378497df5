//! The settings as they are written: names, defaults, and what each accepts.
//!
//! Every setting has a spelled default (`auto` where twarga finds out by itself), so that
//! `config.example.toml` can show all of them and a test can hold it to this file. Units stand in
//! the names.

use super::consoles::Consoles;
use super::credits::Credits;
use super::images::Images;
use super::network::Network;
use crate::model::{Limits, Theme};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Where twarga is to find out by itself.
pub const AUTO: &str = "auto";

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// State directory: database, keys, logs, session.
    pub state_dir: String,
    /// Folder of the tiny guest.
    pub tiny_dir: String,
    /// Key that signs session tokens.
    pub secret_key: String,
    /// libvirt.
    pub hypervisor: Hypervisor,
    /// Networks of machines, in system mode.
    pub network: Network,
    /// Machines' manners.
    pub machines: Machines,
    /// Bounds of machines and users.
    pub limits: Limits,
    /// What machines cost.
    pub credits: Credits,
    /// Accounts and sessions.
    pub accounts: Accounts,
    /// Images and their downloads.
    pub images: Images,
    /// Guests' terminals.
    pub consoles: Consoles,
    /// Parts that can be switched off.
    pub features: Features,
    /// The screen.
    pub screen: Screen,
    /// The log files.
    pub log: Log,
}

/// libvirt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hypervisor {
    /// Where libvirt is.
    pub uri: String,
    /// How guests' processors run.
    pub accel: Accel,
    /// libvirt storage pool of machines' files.
    pub pool: String,
    /// Time between refreshes where libvirt tells of no changes.
    pub refresh_milliseconds: u64,
    /// First port of 127.0.0.1 that session mode may forward.
    pub first_forward_port: u16,
    /// Last such port.
    pub last_forward_port: u16,
}

/// How guests' processors run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// Hardware where it works, else emulation.
    #[default]
    Auto,
    /// Hardware virtualization.
    Kvm,
    /// QEMU's emulation.
    Tcg,
}

/// Machines' manners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Machines {
    /// How long a graceful stop waits for the guest.
    pub stop_timeout_seconds: u64,
    /// How long a guest may take to be ready.
    pub ready_timeout_seconds: u64,
    /// The same where guests are emulated.
    pub emulated_ready_timeout_seconds: u64,
    /// Free room of the pool below which nothing is started.
    pub disk_reserve_mib: u64,
}

/// Accounts and sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// Whether people may make themselves an account (the first always may).
    pub registration: bool,
    /// How long a session lives.
    pub session_hours: u64,
    /// After how long an idle screen locks; 0 never.
    pub idle_lock_minutes: u64,
}

/// Parts that can be switched off: they disappear from the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Consoles.
    pub terminal: bool,
    /// The monitor.
    pub monitoring: bool,
    /// The security feed.
    pub soc: bool,
}

/// The screen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Screen {
    /// Colours for users who have not chosen.
    pub theme: Theme,
}

/// The log files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How much is written.
    pub level: Level,
    /// How many days' files are kept.
    pub keep_days: u64,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What failed.
    Error,
    /// And what is odd.
    Warn,
    /// And what was done.
    #[default]
    Info,
    /// And how.
    Debug,
    /// And everything else.
    Trace,
}

impl Level {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for File {
    fn default() -> Self {
        Self {
            state_dir: AUTO.to_owned(),
            tiny_dir: AUTO.to_owned(),
            secret_key: AUTO.to_owned(),
            hypervisor: Hypervisor::default(),
            network: Network::default(),
            machines: Machines::default(),
            limits: Limits::default(),
            credits: Credits::default(),
            accounts: Accounts::default(),
            images: Images::default(),
            consoles: Consoles::default(),
            features: Features::default(),
            screen: Screen::default(),
            log: Log::default(),
        }
    }
}

impl Default for Hypervisor {
    fn default() -> Self {
        Self {
            uri: AUTO.to_owned(),
            accel: Accel::Auto,
            pool: "twarga".to_owned(),
            refresh_milliseconds: 1_000,
            first_forward_port: 20_022,
            last_forward_port: 20_999,
        }
    }
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            stop_timeout_seconds: 90,
            ready_timeout_seconds: 300,
            emulated_ready_timeout_seconds: 900,
            disk_reserve_mib: 1_024,
        }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            registration: true,
            session_hours: 12,
            idle_lock_minutes: 15,
        }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self {
            terminal: true,
            monitoring: true,
            soc: true,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: Level::Info,
            keep_days: 14,
        }
    }
}

/// A setting whose value cannot be used: its name and what would be accepted.
pub type Refusal = (&'static str, String);

impl File {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), Refusal> {
        self.check_hypervisor()?;
        self.check_limits()?;
        within(
            "machines.stop_timeout_seconds",
            self.machines.stop_timeout_seconds,
            1..=3_600,
        )?;
        within(
            "machines.ready_timeout_seconds",
            self.machines.ready_timeout_seconds,
            1..=86_400,
        )?;
        within(
            "machines.emulated_ready_timeout_seconds",
            self.machines.emulated_ready_timeout_seconds,
            1..=86_400,
        )?;
        within(
            "machines.disk_reserve_mib",
            self.machines.disk_reserve_mib,
            0..=1 << 30,
        )?;
        within("accounts.session_hours", self.accounts.session_hours, 1..=720)?;
        within(
            "accounts.idle_lock_minutes",
            self.accounts.idle_lock_minutes,
            0..=1_440,
        )?;
        self.credits.check()?;
        self.images.check()?;
        self.consoles.check()?;
        within("log.keep_days", self.log.keep_days, 1..=366)?;
        // 256 bits: what HMAC-SHA256 can use (RFC 7518, 3.2).
        if self.secret_key != AUTO && self.secret_key.len() < 32 {
            return Err(("secret_key", "`auto`, or at least 32 characters".to_owned()));
        }
        Ok(())
    }

    fn check_hypervisor(&self) -> Result<(), Refusal> {
        let Hypervisor { uri, pool, .. } = &self.hypervisor;
        // libvirt's bindings panic on a NUL; no URI has other controls or spaces either.
        let well_formed = uri.contains("://");
        if uri != AUTO && (!well_formed || uri.chars().any(|c| c.is_control() || c.is_whitespace())) {
            return Err((
                "hypervisor.uri",
                "`auto`, or a libvirt URI such as `qemu:///system` or `qemu:///session`".to_owned(),
            ));
        }
        for (key, name) in [
            ("network.default", &self.network.default),
            ("hypervisor.pool", pool),
        ] {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
                return Err((
                    key,
                    "1 to 64 characters of a-z, A-Z, 0-9, `_`, `.` and `-`".to_owned(),
                ));
            }
        }
        within(
            "hypervisor.refresh_milliseconds",
            self.hypervisor.refresh_milliseconds,
            100..=60_000,
        )?;
        let (first, last) = (
            self.hypervisor.first_forward_port,
            self.hypervisor.last_forward_port,
        );
        within("hypervisor.first_forward_port", first.into(), 1_024..=65_535)?;
        within("hypervisor.last_forward_port", last.into(), first.into()..=65_535)
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let limits = &self.limits;
        // The upper bounds are far above any host; they keep products of two limits in range.
        within("limits.min_memory_mib", limits.min_memory_mib, 64..=1 << 24)?;
        within(
            "limits.max_memory_mib",
            limits.max_memory_mib,
            limits.min_memory_mib..=1 << 24,
        )?;
        within("limits.max_vcpus", limits.max_vcpus.into(), 1..=512)?;
        within("limits.min_disk_gib", limits.min_disk_gib, 1..=1 << 16)?;
        within(
            "limits.max_disk_gib",
            limits.max_disk_gib,
            limits.min_disk_gib..=1 << 16,
        )?;
        within(
            "limits.max_vms_per_user",
            limits.max_vms_per_user.into(),
            0..=100_000,
        )?;
        within(
            "limits.max_total_memory_mib",
            limits.max_total_memory_mib,
            0..=1 << 32,
        )
    }
}

pub(super) fn within(key: &'static str, value: u64, bounds: RangeInclusive<u64>) -> Result<(), Refusal> {
    if bounds.contains(&value) {
        return Ok(());
    }
    Err((
        key,
        format!("{} to {}, not {value}", bounds.start(), bounds.end()),
    ))
}
