//! The cage that `qemu-img` runs in: what a reader of hostile tables may do if it is taken over.
//!
//! Three layers, each found on every Debian, none of which needs a set-up on the host:
//!
//! - **Landlock** (crate `landlock`, kept by the kernel feature's author): files. The input may be
//!   read, the output read and written, programs and libraries run; nothing else can be opened,
//!   whoever the process runs as. A thread of its own restricts itself and then starts the
//!   child, which inherits the restriction: so nothing unsafe happens between fork and exec.
//! - **unshare**: no network, not even an abstract socket or System V memory. An ordinary user
//!   needs a user namespace for it, in which it becomes nobody; some hosts forbid those.
//! - **setpriv** and **prlimit**: no new privileges, no capabilities, death with its parent,
//!   bounds on memory, processor time, file size.
//!
//! What was not chosen: `bwrap` is not installed everywhere; running as nobody does not work with
//! an inherited descriptor, because opening `/proc/self/fd/0` asks for the file's permissions
//! again, and standard input as a pipe cannot be sought in.

use super::{Error, Limits};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// Where programs are looked for: the environment is not asked, and the child has none.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"];
/// What may be read and run: the programs and their libraries.
const PROGRAMS: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache"];
/// The newest set of rights that is asked for; an older kernel enforces those that it knows.
const RIGHTS: ABI = ABI::V6;

/// A caged child's programs, and what of the cage is there.
pub(super) struct Cage {
    limits: Limits,
    qemu_img: PathBuf,
    setpriv: PathBuf,
    prlimit: PathBuf,
    /// With its arguments; empty where namespaces are forbidden.
    unshare: Vec<OsString>,
    root: bool,
}

/// Holds the thread whose end is the child's end.
pub(super) struct Hold {
    _held: mpsc::Sender<()>,
}

/// What the child may touch.
pub(super) struct Files {
    /// Its standard input.
    pub(super) input: File,
    /// Opened again by the child, by name.
    pub(super) output: File,
}

impl Cage {
    /// Looks what there is.
    ///
    /// # Errors
    /// [`Error::Missing`]. What can be done without is logged instead.
    pub(super) async fn build(limits: Limits) -> Result<Self, Error> {
        let root = rustix::process::geteuid().is_root();
        let setpriv = program("setpriv")?;
        let unshare = match program("unshare") {
            Ok(unshare) => namespaces(&unshare, &setpriv, root).await,
            Err(_) => Vec::new(),
        };
        if unshare.is_empty() {
            tracing::warn!(
                "this host forbids namespaces: images are converted without cutting off the network"
            );
        }
        Ok(Self {
            limits,
            qemu_img: program("qemu-img")?,
            setpriv,
            prlimit: program("prlimit")?,
            unshare,
            root,
        })
    }

    /// Starts `qemu-img` with arguments. It dies with the [`Hold`] and with the [`Child`].
    ///
    /// # Errors
    /// The system's.
    pub(super) async fn start(self, arguments: Vec<OsString>, files: Files) -> Result<(Child, Hold), Error> {
        let (held, ended) = mpsc::channel::<()>();
        let (tell, told) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("image-cage".to_owned());
        let started = thread.spawn(move || {
            let _inside = runtime.enter();
            let closed = self.restrict(&files);
            let child = self.command(&arguments, closed, files.input).spawn();
            if tell.send(child).is_ok() {
                // The kernel takes the thread that started a child for its parent.
                let _ = ended.recv();
            }
        });
        let failed = |reason| Error::Io {
            what: "start qemu-img",
            reason,
        };
        started.map_err(failed)?;
        let child = told
            .await
            .map_err(|_| Error::Ended("its thread ended".to_owned()))?;
        Ok((child.map_err(failed)?, Hold { _held: held }))
    }

    /// Closes the calling thread in for good; whether that worked.
    fn restrict(&self, files: &Files) -> bool {
        let status = self.rules(files).and_then(RulesetCreated::restrict_self);
        match status.map(|status| status.ruleset) {
            Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => true,
            Ok(RulesetStatus::NotEnforced) => {
                tracing::warn!("this kernel has no Landlock: qemu-img may open what this user may open");
                false
            }
            Err(error) => {
                tracing::warn!("Landlock failed ({error}): qemu-img may open what this user may open");
                false
            }
        }
    }

    fn rules(&self, files: &Files) -> Result<RulesetCreated, RulesetError> {
        let run = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
        let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
        let mut rules = Ruleset::default()
            .handle_access(AccessFs::from_all(RIGHTS))?
            .handle_access(AccessNet::from_all(RIGHTS))?
            .scope(Scope::from_all(RIGHTS))?
            .create()?
            .add_rule(PathBeneath::new(&files.input, BitFlags::from(AccessFs::ReadFile)))?
            .add_rule(PathBeneath::new(&files.output, write))?;
        for path in PROGRAMS {
            // A host without /lib64 has nothing to allow there.
            let Ok(folder) = PathFd::new(path) else { continue };
            let rights = if Path::new(path).is_dir() {
                run
            } else {
                AccessFs::ReadFile.into()
            };
            rules = rules.add_rule(PathBeneath::new(folder, rights))?;
        }
        // QEMU tries there whether it may lock files.
        if let Ok(null) = PathFd::new("/dev/null") {
            rules = rules.add_rule(PathBeneath::new(null, write))?;
        }
        // `unshare` writes who it becomes there. An ordinary user's own processes are all that
        // can be written to below /proc, and Landlock keeps their memory shut.
        if !self.root
            && !self.unshare.is_empty()
            && let Ok(proc) = PathFd::new("/proc")
        {
            rules = rules.add_rule(PathBeneath::new(proc, AccessFs::ReadFile | AccessFs::WriteFile))?;
        }
        Ok(rules)
    }

    fn command(&self, arguments: &[OsString], closed: bool, input: File) -> Command {
        let Limits {
            memory,
            processor,
            file,
            ..
        } = self.limits;
        let mut words = self.unshare.clone();
        words.push(self.setpriv.clone().into());
        words.extend(["--no-new-privs", "--pdeathsig", "KILL"].map(OsString::from));
        if self.root {
            // Root without capabilities is an ordinary user who owns root's files. Behind Landlock
            // it may read the input whosever it is.
            let bounds = if closed { "-all,+dac_read_search" } else { "-all" };
            words.extend(["--inh-caps", "-all", "--bounding-set", bounds].map(OsString::from));
        }
        words.push("--".into());
        words.push(self.prlimit.clone().into());
        words.extend([
            format!("--as={memory}").into(),
            format!("--cpu={}", processor.as_secs().max(1)).into(),
            format!("--fsize={file}").into(),
            "--core=0".into(),
            "--nofile=64".into(),
            "--".into(),
            self.qemu_img.clone().into(),
        ]);
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(input))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// `unshare` with its arguments, if this host lets it.
async fn namespaces(unshare: &Path, setpriv: &Path, root: bool) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec![unshare.into(), "--net".into(), "--ipc".into()];
    if !root {
        words.extend(["--user", "--map-user=65534", "--map-group=65534"].map(OsString::from));
    }
    words.push("--".into());
    let tried = Command::new(&words[0])
        .args(&words[1..])
        .arg(setpriv)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await;
    match tried {
        Ok(status) if status.success() => words,
        _ => Vec::new(),
    }
}

fn program(name: &'static str) -> Result<PathBuf, Error> {
    let places = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    let found = places.into_iter().find(|path| path.is_file());
    found.ok_or(Error::Missing(name))
}
