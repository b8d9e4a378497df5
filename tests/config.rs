//! Configuration: where a setting may stand, which place wins, and how a bad one is refused.

#![cfg(test)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use twarga::config::file::File;
use twarga::config::{Accel, Config, Error, Flags, Folders, Level, Surroundings, keys, variable_name};
use twarga::core::Origin;
use twarga::model::Theme;

const EXAMPLE: &str = include_str!("../config.example.toml");

/// A user's computer with nothing on it.
struct Computer {
    home: TempDir,
    variables: BTreeMap<String, String>,
    flags: Flags,
    root: bool,
}

impl Computer {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
            flags: Flags::default(),
            root: false,
        }
    }

    fn file(self, text: &str) -> Self {
        self.file_at(".config/twarga/config.toml", text)
    }

    fn file_at(self, place: &str, text: &str) -> Self {
        let path = self.path(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, place: &str) -> PathBuf {
        self.home.path().join(place)
    }

    fn surroundings(&self) -> Surroundings {
        let home = self.home.path();
        Surroundings {
            variables: self.variables.clone(),
            folders: Some(Folders {
                home: home.to_owned(),
                config: home.join(".config"),
                state: home.join(".local/state"),
                data: home.join(".local/share"),
            }),
            root: self.root,
            system_config: home.join("etc"),
        }
    }

    fn load(&self) -> Result<Config, Error> {
        Config::load(&self.surroundings(), &self.flags, Origin::Local)
    }

    fn refusal(&self) -> String {
        self.load().unwrap_err().to_string()
    }
}

#[test]
fn without_any_file_everything_has_a_default() {
    let computer = Computer::new();
    let config = computer.load().unwrap();
    assert_eq!(config.core.state_dir, computer.path(".local/state/twarga"));
    assert_eq!(config.core.tiny_dir, computer.path(".local/share/twarga/tiny"));
    assert_eq!(config.hypervisor.uri, None);
    assert_eq!(config.idle_lock, Some(Duration::from_secs(15 * 60)));
    assert_eq!(config.core.secret_key, None);
    assert!(config.core.registration);
}

#[test]
fn root_keeps_its_state_where_the_system_does() {
    let computer = Computer {
        root: true,
        ..Computer::new()
    };
    assert_eq!(
        computer.load().unwrap().core.state_dir,
        Path::new("/var/lib/twarga")
    );
}

#[test]
fn proxies_come_from_the_setting_else_from_the_environment_but_never_from_a_tenants() {
    let proxy = |computer: &Computer, origin| {
        let config = Config::load(&computer.surroundings(), &computer.flags, origin).unwrap();
        config.core.images.fetch.proxies.https
    };
    let computer = Computer::new().variable("HTTPS_PROXY", "http://proxy:3128");
    assert_eq!(
        proxy(&computer, Origin::Local).as_deref(),
        Some("http://proxy:3128")
    );
    assert_eq!(proxy(&computer, Origin::Tenant), None);
    let computer = computer.file("[images]\nproxy = \"none\"");
    assert_eq!(proxy(&computer, Origin::Local), None);
    let computer = computer.file("[images]\nproxy = \"other:8080\"");
    assert_eq!(proxy(&computer, Origin::Tenant).as_deref(), Some("other:8080"));
    let refusal = computer
        .file("[images]\nproxy = \"socks5://me:secret@x\"")
        .refusal();
    assert!(
        refusal.contains("images.proxy") && !refusal.contains("secret"),
        "{refusal}"
    );
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| if is_setting(&line) { &line[1..] } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    let shown: File = toml::from_str(&uncommented).unwrap();
    assert_eq!(shown, File::default());

    let every = toml::Table::try_from(File::default()).unwrap();
    let given: toml::Table = toml::from_str(&uncommented).unwrap();
    assert_eq!(
        sorted(keys(&given)),
        sorted(keys(&every)),
        "the example leaves a setting out"
    );
    let untouched: File = toml::from_str(EXAMPLE).unwrap();
    assert_eq!(untouched, File::default(), "the example changes nothing as it is");
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn flags_outrank_variables_outrank_the_file() {
    let mut computer = Computer::new().file("[hypervisor]\nuri = \"qemu:///file\"\n");
    let uri = |computer: &Computer| computer.load().unwrap().hypervisor.uri.unwrap();
    assert_eq!(uri(&computer), "qemu:///file");
    computer = computer.variable("TWARGA_URI", "qemu:///variable");
    assert_eq!(uri(&computer), "qemu:///variable");
    computer.flags.uri = Some("qemu:///flag".to_owned());
    assert_eq!(uri(&computer), "qemu:///flag");
}

#[test]
fn every_setting_can_be_a_variable() {
    let defaults = toml::Table::try_from(File::default()).unwrap();
    for key in keys(&defaults) {
        let name = variable_name(&key);
        let value = match key.split_once('.') {
            None => &defaults[&key],
            Some((section, key)) => &defaults[section][key],
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let config = Computer::new().variable(&name, &text).load().unwrap();
        assert!(
            config.remarks.is_empty(),
            "{name} is not read: {:?}",
            config.remarks
        );
    }
}

#[test]
fn the_seeds_variables_are_aliases() {
    let config = Computer::new()
        .variable("DEBUG", "True")
        .variable("SECRET_KEY", "dev-secret-key-change-in-production")
        .variable("DATABASE_URL", "sqlite:////srv/cloud/twarga_cloud.db")
        .variable("ENABLE_TERMINAL", "False")
        .variable("ENABLE_MONITORING", "0")
        .variable("ENABLE_SOC", "no")
        .variable("MAX_VMS_PER_USER", "7")
        .variable("MAX_TOTAL_RAM", "16384")
        .load()
        .unwrap();
    assert_eq!(config.log.level, Level::Debug);
    assert_eq!(
        config.core.secret_key.as_deref(),
        Some("dev-secret-key-change-in-production")
    );
    assert_eq!(config.core.state_dir, Path::new("/srv/cloud"));
    assert!(!config.features.terminal && !config.features.monitoring && !config.features.soc);
    assert_eq!(config.core.limits.max_vms_per_user, 7);
    assert_eq!(config.core.limits.max_total_memory_mib, 16384);
}

#[test]
fn twargas_own_variables_outrank_the_seeds() {
    let computer = Computer::new()
        .variable("MAX_VMS_PER_USER", "7")
        .variable("TWARGA_LIMITS_MAX_VMS_PER_USER", "3");
    assert_eq!(computer.load().unwrap().core.limits.max_vms_per_user, 3);
}

#[test]
fn a_tenants_variables_and_flags_count_for_nothing() {
    let mut computer = Computer::new()
        .file("[hypervisor]\naccel = \"tcg\"\n")
        .variable("TWARGA_URI", "qemu:///variable")
        .variable("DATABASE_URL", "sqlite:////srv/x.db");
    computer.flags.state_dir = Some("/srv/flag".into());
    let config = Config::load(&computer.surroundings(), &computer.flags, Origin::Tenant).unwrap();
    assert_eq!(config.hypervisor.uri, None);
    assert_eq!(config.core.state_dir, computer.path(".local/state/twarga"));
    assert_eq!(
        config.hypervisor.accel,
        Accel::Tcg,
        "the operator's file does count"
    );
}

#[test]
fn the_users_file_comes_before_the_systems() {
    let computer = Computer::new().file_at("etc/twarga/config.toml", "[screen]\ntheme = \"light\"\n");
    assert_eq!(computer.load().unwrap().theme, Theme::Light);
    let computer = computer.file("[screen]\ntheme = \"mono\"\n");
    let config = computer.load().unwrap();
    assert_eq!(config.theme, Theme::Mono);
    assert_eq!(config.file, Some(computer.path(".config/twarga/config.toml")));
}

#[test]
fn an_unknown_key_is_named_with_file_and_line_and_what_is_known() {
    let refusal = Computer::new().file("\n[limits]\nmax_vcpu = 3\n").refusal();
    for part in ["config.toml:3", "max_vcpu", "max_vcpus"] {
        assert!(refusal.contains(part), "{refusal:?} lacks {part:?}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_its_key() {
    let refusal = Computer::new()
        .file("[limits]\n\nmax_vcpus = \"many\"\n")
        .refusal();
    for part in ["config.toml:3", "max_vcpus", "u32"] {
        assert!(refusal.contains(part), "{refusal:?} lacks {part:?}");
    }
}

#[test]
fn a_value_out_of_bounds_is_named_with_its_line_and_the_bounds() {
    let refusal = Computer::new()
        .file("# mine\n[machines]\nstop_timeout_seconds = 0\n")
        .refusal();
    for part in ["config.toml:3", "machines.stop_timeout_seconds", "1 to 3600"] {
        assert!(refusal.contains(part), "{refusal:?} lacks {part:?}");
    }
}

#[test]
fn a_word_that_is_not_accepted_is_answered_with_those_that_are() {
    let refusal = Computer::new().variable("TWARGA_THEME", "solarized").refusal();
    for part in ["TWARGA_THEME", "screen.theme", "dark", "light", "mono"] {
        assert!(refusal.contains(part), "{refusal:?} lacks {part:?}");
    }
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    let refusal = Computer::new().file("[limits]\nmax_vcpus = = 3\n").refusal();
    assert!(refusal.contains("config.toml:2"), "{refusal}");
}

#[test]
fn a_named_file_has_to_exist() {
    let mut computer = Computer::new();
    computer.flags.config = Some(computer.path("absent.toml"));
    assert!(computer.refusal().contains("absent.toml"));
}

#[test]
fn a_bad_uri_is_refused_before_libvirt_sees_it() {
    for uri in ["system", "qemu:///sys\0tem", "qemu:///a b", ""] {
        let mut computer = Computer::new();
        computer.flags.uri = Some(uri.to_owned());
        let refusal = computer.refusal();
        assert!(
            refusal.contains("--uri") && refusal.contains("qemu:///system"),
            "{refusal}"
        );
    }
}

#[test]
fn a_file_with_a_key_that_others_may_read_is_refused() {
    let key = "0123456789abcdef0123456789abcdef";
    let computer = Computer::new().file(&format!("secret_key = \"{key}\"\n"));
    let path = computer.path(".config/twarga/config.toml");
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let refusal = computer.refusal();
    assert!(
        refusal.contains("chmod 600") && !refusal.contains(key),
        "{refusal}"
    );
    mode(0o600);
    assert_eq!(computer.load().unwrap().core.secret_key.as_deref(), Some(key));
}

#[test]
fn a_weak_key_is_refused_without_being_shown() {
    let refusal = Computer::new().variable("SECRET_KEY", "hunter2").refusal();
    assert!(
        refusal.contains("SECRET_KEY") && refusal.contains("32") && !refusal.contains("hunter2"),
        "{refusal}"
    );
    let refusal = Computer::new().file("secret_key = 424242\n").refusal();
    assert!(!refusal.contains("424242"), "{refusal}");
}

#[test]
fn a_misspelt_variable_is_remarked_on() {
    let config = Computer::new().variable("TWARGA_STATEDIR", "/x").load().unwrap();
    assert_eq!(config.remarks, ["variable TWARGA_STATEDIR is not a setting"]);
}

#[test]
fn a_path_may_begin_at_home() {
    let computer = Computer::new().file("state_dir = \"~/cloud\"\n");
    assert_eq!(computer.load().unwrap().core.state_dir, computer.path("cloud"));
    assert!(
        Computer::new()
            .file("state_dir = \"cloud\"\n")
            .refusal()
            .contains("absolute")
    );
}

#[test]
fn verbose_raises_the_level_and_never_lowers_it() {
    let mut computer = Computer::new().variable("TWARGA_LOG_LEVEL", "trace");
    computer.flags.verbose = 1;
    assert_eq!(computer.load().unwrap().log.level, Level::Trace);
}
