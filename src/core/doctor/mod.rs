//! What works on this host and what does not, with the command that mends it.
//!
//! The checks need nobody to be signed in and work when nothing else does: each looks at one
//! thing, by itself, within its deadline, and what hangs or fails is a finding. They change
//! nothing. None asks libvirt for its capabilities, which can take a minute.

mod computer;
mod libvirt;
mod state;

use super::Clock;
use crate::hypervisor::Hypervisor;
use crate::model::text::visible_within;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How well a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckState {
    /// It works.
    Ok,
    /// It works less well than it could.
    Warning,
    /// It does not work, and twarga needs it.
    Bad,
}

impl CheckState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at; stable.
    pub name: &'static str,
    /// How well it is.
    pub state: CheckState,
    /// What was found, in words, sanitized.
    pub finding: String,
    /// The command or change that mends it, if it is not well.
    pub mend: Option<String>,
}

impl Check {
    /// It works.
    pub fn ok(name: &'static str, finding: impl AsRef<str>) -> Self {
        Self::new(name, CheckState::Ok, finding, None)
    }

    /// It works less well than it could.
    pub fn warning(name: &'static str, finding: impl AsRef<str>, mend: impl Into<String>) -> Self {
        Self::new(name, CheckState::Warning, finding, Some(mend.into()))
    }

    /// It does not work.
    pub fn bad(name: &'static str, finding: impl AsRef<str>, mend: impl Into<String>) -> Self {
        Self::new(name, CheckState::Bad, finding, Some(mend.into()))
    }

    fn new(name: &'static str, state: CheckState, finding: impl AsRef<str>, mend: Option<String>) -> Self {
        // libvirt's words can be long; a line is read.
        Self {
            name,
            state,
            finding: visible_within(finding.as_ref(), 300),
            mend,
        }
    }
}

/// What is to be looked at.
#[derive(Clone)]
pub struct Patient {
    /// The state directory, which need not exist.
    pub state_dir: PathBuf,
    /// Folder of the tiny guest.
    pub tiny_dir: PathBuf,
    /// URI of the libvirt that twarga uses.
    pub uri: String,
    /// libvirt network of machines in system mode.
    pub network: String,
    /// libvirt storage pool of machines' files.
    pub pool: String,
    /// The same libvirt, as the core would use it.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Folders in which programs are looked for.
    pub programs: Vec<PathBuf>,
    /// The time.
    pub clock: Clock,
}

/// A check that takes longer has found something.
const DEADLINE: Duration = Duration::from_secs(12);

/// Looks at everything; in the order in which things build on each other.
pub async fn examine(patient: Patient) -> Vec<Check> {
    let patient = Arc::new(patient);
    let checks = [
        tokio::spawn(within("libvirt", libvirt::daemons(patient.clone()))),
        tokio::spawn(within("machines", libvirt::machines(patient.clone()))),
        tokio::spawn(within("programs", off(patient.clone(), computer::programs))),
        tokio::spawn(within("images", off(patient.clone(), computer::images))),
        tokio::spawn(within("state directory", off(patient.clone(), state::directory))),
        tokio::spawn(within("room", off(patient.clone(), computer::room))),
        tokio::spawn(within("clock", computer::clock(patient))),
    ];
    let mut findings = Vec::new();
    for check in checks {
        match check.await {
            Ok(found) => findings.extend(found),
            Err(error) => findings.push(defect(&error.to_string())),
        }
    }
    findings
}

/// Runs a look that blocks on a thread that may block.
async fn off(patient: Arc<Patient>, look: fn(&Patient) -> Vec<Check>) -> Vec<Check> {
    let looked = tokio::task::spawn_blocking(move || look(&patient)).await;
    looked.unwrap_or_else(|error| vec![defect(&error.to_string())])
}

async fn within(name: &'static str, look: impl Future<Output = Vec<Check>>) -> Vec<Check> {
    match tokio::time::timeout(DEADLINE, look).await {
        Ok(found) => found,
        Err(_) => vec![Check::bad(
            name,
            format!("did not answer within {} s", DEADLINE.as_secs()),
            "look for a daemon or disk that hangs: `ps axo pid,stat,wchan:20,args | grep ' D'`",
        )],
    }
}

fn defect(reason: &str) -> Check {
    Check::bad(
        "doctor",
        format!("a check ended early: {reason}"),
        "please report this",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::system_clock;
    use crate::hypervisor::sim::{Script, Sim};

    fn patient(state_dir: PathBuf, sim: Sim) -> Patient {
        Patient {
            tiny_dir: state_dir.join("tiny"),
            state_dir,
            uri: "test:///default".to_owned(),
            network: "default".to_owned(),
            pool: "twarga".to_owned(),
            hypervisor: Arc::new(sim),
            programs: Vec::new(),
            clock: system_clock(),
        }
    }

    fn find<'c>(checks: &'c [Check], name: &str) -> &'c Check {
        checks
            .iter()
            .find(|check| check.name == name)
            .unwrap_or_else(|| panic!("no {name} in {checks:?}"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_an_empty_computer_everything_is_looked_at_and_nothing_is_made() {
        let home = tempfile::tempdir().unwrap();
        let absent = home.path().join("state");
        let checks = examine(patient(absent.clone(), Sim::new(Script::new(system_clock(), 1)))).await;
        assert_eq!(find(&checks, "state directory").state, CheckState::Ok);
        assert!(find(&checks, "tiny guest").mend.is_some());
        assert!(find(&checks, "qemu").state == CheckState::Bad);
        assert!(!absent.exists(), "looking makes nothing");
        let unmended = checks
            .iter()
            .find(|check| check.state != CheckState::Ok && check.mend.is_none());
        assert_eq!(unmended, None, "whatever is not well says what mends it");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_daemon_that_is_gone_is_a_finding() {
        let home = tempfile::tempdir().unwrap();
        let sim = Sim::new(Script::new(system_clock(), 1));
        sim.go_away("nobody listens");
        let checks = examine(patient(home.path().join("state"), sim)).await;
        let host = find(&checks, "machines");
        assert_eq!(host.state, CheckState::Bad);
        assert!(host.finding.contains("nobody listens"), "{host:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_state_directory_that_others_may_read_is_a_finding() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("twarga.db"), "").unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        let checks = examine(patient(state, Sim::new(Script::new(system_clock(), 1)))).await;
        let check = find(&checks, "state directory");
        assert_eq!(check.state, CheckState::Bad);
        assert!(check.finding.contains("chmod 700"), "{check:?}");
    }
}
