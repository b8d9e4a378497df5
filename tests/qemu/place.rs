//! A place where a story plays: a state directory of its own on the private libvirt that the
//! harness made, with the real program as a user calls it, and `virsh` and `ssh` beside it.
//!
//! The stories share one libvirt and some of them stop it, so one plays at a time: whoever holds
//! a place has the stage. Whatever a place's machines left is removed when it ends, so that a
//! story that failed does not fail the next one.

use crate::child::{Said, Serve, finish, start, wait_until};
use crate::terminal::Terminal;
use portable_pty::CommandBuilder;
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For what needs no guest to boot.
pub const SOON: Duration = Duration::from_secs(30);
/// For a guest that boots or powers off, emulated, on a busy machine.
pub const BOOT: Duration = Duration::from_secs(100);
/// What ssh ends with when it did not get through (ssh(1)).
pub const SSH_FAILED: i32 = 255;

/// The password of every account here.
pub const PASSWORD: &str = "seven-quiet-otters-9";
/// The account of every story: the first one, so the admin.
pub const ADMIN: &str = "alice";

static STAGE: Mutex<()> = Mutex::new(());

/// A state directory, and what is needed to play on it.
pub struct Place {
    folder: tempfile::TempDir,
    uri: String,
    pool: String,
    variables: Vec<(OsString, OsString)>,
    _stage: MutexGuard<'static, ()>,
}

impl Place {
    /// A fresh one. `story` names its pool in session mode, where each state directory has its own.
    pub fn new(story: &str) -> Self {
        let stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let uri = setting("TWARGA_TEST_URI");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let is_session = uri.ends_with("/session");
        let pool = if is_session {
            format!("twarga-{story}")
        } else {
            "twarga".to_owned()
        };
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os()
            .filter(|(name, _)| passes(&name.to_string_lossy()))
            .collect();
        let own = [
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            (
                "TWARGA_STATE_DIR",
                folder.path().join("state").display().to_string(),
            ),
            ("TWARGA_TINY_DIR", setting("TWARGA_TINY_DIR")),
            ("TWARGA_URI", uri.clone()),
            ("TWARGA_HYPERVISOR_POOL", pool.clone()),
        ];
        variables.extend(own.map(|(name, value)| (name.into(), value.into())));
        let place = Self {
            folder,
            uri,
            pool,
            variables,
            _stage: stage,
        };
        // Its end removes every domain: never on a libvirt that somebody uses.
        if !place.domains().is_empty() {
            std::mem::forget(place);
            panic!("this libvirt has domains: run this in tests/harness, see `make test`");
        }
        place
    }

    /// Sets a variable for every process that is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    /// Whether machines run on `qemu:///system`.
    pub fn is_system(&self) -> bool {
        self.uri.ends_with("/system")
    }

    /// Where libvirt is.
    pub fn uri(&self) -> String {
        self.uri.clone()
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Opens the screen.
    pub fn open(&self, columns: u16, rows: u16) -> Terminal {
        self.open_program(program(), &[], columns, rows)
    }

    /// Opens a terminal with any program on it.
    pub fn open_program(&self, program: &str, arguments: &[&str], columns: u16, rows: u16) -> Terminal {
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.cwd(self.folder.path());
        Terminal::start(command, columns, rows)
    }

    /// Makes the first account from the command line; its session is kept for what follows.
    #[track_caller]
    pub fn register(&self) {
        let email = format!("{ADMIN}@example.org");
        let said = self.call(
            &["register", ADMIN, "--email", &email, "--password-stdin"],
            PASSWORD,
        );
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Runs a command of twarga.
    #[track_caller]
    pub fn call(&self, arguments: &[&str], input: &str) -> Said {
        self.call_within(BOOT, arguments, input)
    }

    /// Runs a command of twarga that may take that long.
    #[track_caller]
    pub fn call_within(&self, patience: Duration, arguments: &[&str], input: &str) -> Said {
        finish(self.spawn(arguments), input, patience)
    }

    /// Runs a command that succeeds; its standard output.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let said = self.call(arguments, "");
        assert_eq!(said.code, 0, "twarga {arguments:?}: {said:?}");
        said.out
    }

    /// Runs a command that succeeds and prints JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out)
            .unwrap_or_else(|error| panic!("{arguments:?} printed no JSON: {error}: {out}"))
    }

    /// Runs a command that is refused with that exit code; what it said about it.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], code: i32) -> String {
        let said = self.call(arguments, "");
        assert_eq!(said.code, code, "twarga {arguments:?}: {said:?}");
        said.err
    }

    /// Starts `twarga serve`.
    pub fn serve(&self) -> Serve {
        Serve(self.spawn(&["serve"]))
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(program());
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command
            .args(arguments)
            .env_clear()
            .envs(variables)
            .current_dir(self.folder.path());
        start(command)
    }

    /// A machine as `vm list --json` shows it.
    #[track_caller]
    pub fn machine(&self, name: &str) -> Option<Value> {
        let list = self.json(&["vm", "list"]);
        let list = list.as_array().expect("an array of machines");
        list.iter().find(|it| it["name"] == name).cloned()
    }

    /// Asks virsh for something that it does.
    #[track_caller]
    pub fn virsh(&self, arguments: &[&str]) -> String {
        let said = self.try_virsh(arguments);
        assert_eq!(said.code, 0, "virsh {arguments:?}: {said:?}");
        said.out
    }

    /// Asks virsh.
    #[track_caller]
    pub fn try_virsh(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new("virsh");
        command.args(["-q", "-c", &self.uri]).args(arguments);
        finish(start(command), "", SOON)
    }

    /// The domains that libvirt has, by name.
    #[track_caller]
    pub fn domains(&self) -> Vec<String> {
        let names = self.virsh(&["list", "--all", "--name"]);
        names
            .lines()
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The files in the pool's folder that are machines' and not images'.
    #[track_caller]
    pub fn files_of_machines(&self) -> Vec<PathBuf> {
        let described = self.try_virsh(&["pool-dumpxml", &self.pool]);
        let Some((_, rest)) = described.out.split_once("<path>") else {
            return Vec::new();
        };
        let (folder, _) = rest.split_once("</path>").expect("the end of the path");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let files = entries.map(|it| it.expect("an entry").path());
        files
            .filter(|it| {
                it.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("user"))
            })
            .collect()
    }

    /// Asserts that nothing is left of any machine: on disk, in libvirt, in the database.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        assert_eq!(
            self.files_of_machines(),
            Vec::<String>::new(),
            "files in the pool"
        );
        assert_eq!(self.domains(), Vec::<String>::new(), "domains in libvirt");
        assert_eq!(
            self.json(&["vm", "list"]),
            Value::Array(Vec::new()),
            "rows in the database"
        );
    }

    /// Logs in to a guest over SSH, by twarga's own key, and runs a command in it.
    #[track_caller]
    pub fn ssh(&self, host: &str, port: u16, command: &str) -> Said {
        self.ssh_as("tiny", (host, port), command)
    }

    /// The same into an account of that name.
    #[track_caller]
    pub fn ssh_as(&self, user: &str, address: (&str, u16), command: &str) -> Said {
        let mut ssh = Command::new("ssh");
        ssh.args(["-o", "BatchMode=yes"])
            .args(self.ssh_arguments(user, address))
            .arg(command);
        finish(start(ssh), "", BOOT)
    }

    /// What ssh is told to get to an account of a guest by twarga's own key.
    pub fn ssh_arguments(&self, user: &str, (host, port): (&str, u16)) -> Vec<String> {
        let known_hosts = self.folder.path().join("known_hosts");
        let key = self.state().join("ssh/id_ed25519");
        let options = [
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "StrictHostKeyChecking=no".to_owned(),
            format!("UserKnownHostsFile={}", known_hosts.display()),
            "ConnectTimeout=20".to_owned(),
        ];
        let mut arguments = vec!["-F".to_owned(), "none".to_owned()];
        arguments.extend(options.into_iter().flat_map(|it| ["-o".to_owned(), it]));
        arguments.extend(["-i".to_owned(), key.display().to_string()]);
        arguments.extend(["-p".to_owned(), port.to_string(), format!("{user}@{host}")]);
        arguments
    }

    /// Asserts that a machine can be logged in to, where `vm list --json` says it is.
    #[track_caller]
    pub fn assert_guest(&self, machine: &Value) {
        let (host, port) = ssh_address(machine);
        self.assert_answers((&host, port), machine["name"].as_str().expect("a name"));
    }

    /// Asserts that the guest behind an address is the one of that name, by its own word. A guest
    /// that boots again has its address (the lease) before its SSH server answers.
    #[track_caller]
    pub fn assert_answers(&self, (host, port): (&str, u16), name: &str) {
        let mut said = None;
        wait_until("the guest's SSH server", BOOT, || {
            said.insert(self.ssh(host, port, "hostname")).code != SSH_FAILED
        });
        let said = said.expect("it was asked");
        assert_eq!((said.code, said.out.trim()), (0, name), "{said:?}");
    }
}

impl Drop for Place {
    /// A story that failed may have left anything, and must not fail the next one.
    fn drop(&mut self) {
        let virsh = |arguments: &[&str]| {
            let mut command = Command::new("virsh");
            command
                .args(["-q", "-c", &self.uri])
                .args(arguments)
                .stdin(Stdio::null());
            // Best effort: what stays is seen by the next story that looks.
            command
                .output()
                .map(|it| String::from_utf8_lossy(&it.stdout).into_owned())
                .unwrap_or_default()
        };
        for domain in virsh(&["list", "--all", "--name"])
            .lines()
            .filter(|it| !it.trim().is_empty())
        {
            virsh(&["destroy", domain.trim()]);
            virsh(&["undefine", domain.trim()]);
        }
        for file in self.files_of_machines() {
            let _gone_already = std::fs::remove_file(file);
        }
        if !self.is_system() {
            virsh(&["pool-destroy", &self.pool]);
            virsh(&["pool-undefine", &self.pool]);
        }
    }
}

/// Where a machine's SSH server answers, as `vm list --json` says it: an address of its own, or a
/// port of this host.
#[track_caller]
pub fn ssh_address(machine: &Value) -> (String, u16) {
    match (machine["ip"].as_str(), machine["ssh_port"].as_u64()) {
        (Some(ip), _) => (ip.to_owned(), 22),
        (None, Some(port)) => ("127.0.0.1".to_owned(), u16::try_from(port).expect("a port")),
        (None, None) => panic!("no way to reach {machine}"),
    }
}

/// A setting of the harness.
pub fn setting(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness tells by environment where libvirt is"
    )]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run this in tests/harness, see `make test`"))
}

/// The program under test.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_twarga")
}

/// Variables of the harness that the program gets, too: where programs and folders are. The rest
/// of the surroundings must not decide how a story ends.
fn passes(name: &str) -> bool {
    ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR"].contains(&name) || name.starts_with("XDG_")
}
