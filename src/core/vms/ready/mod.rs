//! The last step of every start: the guest says that it is ready.

mod serial;

use super::files::Files;
use super::steps::{LOOK_EVERY, machine};
use crate::core::Error;
use crate::core::consoles::tail::{self, Tail};
use crate::core::operations::{Job, Step, Stop, Work};
use crate::hypervisor::{Acceleration, DomainState, Mode};
use crate::model::Vm;
use crate::model::vm::{Address, AddressSource};
use serde_json::Value;
use serial::{Serial, Word};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How long an SSH server may take to greet in one look.
const BANNER_PATIENCE: Duration = Duration::from_secs(2);
/// Between two questions to the guest's agent, each of which may take 2 s.
const AGENT_EVERY: Duration = Duration::from_secs(2);
/// A keeper that takes the wait over late looks this long at least, or as long as there is in all.
const LATECOMER: Duration = Duration::from_secs(20);
/// Pieces of the console's log in one look: who writes more than 4 MiB/s is heard later.
const PIECES: usize = 8;
/// Of what a guest wrote that ran before the wait: bytes among which its last lines are.
const RECALLED: u64 = 4096;

/// The guest says that it is ready: by cloud-init's final message, the tiny guest's line, its SSH
/// server or its agent, whichever comes first; but where cloud-init is seen at work, its final message
/// is waited for, because users and keys are there only then. An address alone is no word of the guest's.
///
/// A guest that never gets there is kept ([`Stop::Kept`]), with its console's last words.
pub struct Ready;

impl Step for Ready {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let settings = job.core().settings();
            let patience = match job.host()?.acceleration {
                Acceleration::Kvm => settings.ready_timeout,
                Acceleration::Emulation => settings.emulated_ready_timeout,
            };
            let mut watch = Watch::begin(job).await?;
            let until = patience.max(watch.before + LATECOMER.min(patience));
            loop {
                watch.look().await?;
                if let Some(remark) = watch.signs.verdict() {
                    job.remark(remark.to_owned());
                    return Ok(Value::Null);
                }
                job.remark(watch.signs.stage());
                watch.check_power().await?;
                if watch.waited() >= until {
                    break;
                }
                job.pause(LOOK_EVERY).await?;
            }
            let seconds = watch.waited().as_secs();
            if let Some(answers) = watch.signs.lets_in() {
                job.remark(format!(
                    "{answers}, but cloud-init was not done after {seconds} s"
                ));
                return Ok(Value::Null);
            }
            let stage = watch.signs.stage();
            Err(watch.kept(&format!("the guest was not ready after {seconds} s ({stage})")))
        })
    }

    /// Nothing was changed.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// What was seen of a guest so far.
#[derive(Debug, Default)]
struct Signs {
    said: Word,
    address: Option<Address>,
    greets: bool,
    agent: bool,
}

impl Signs {
    /// If the guest is ready: what is to be said of it.
    fn verdict(&self) -> Option<&'static str> {
        match self.said {
            Word::TinyReady => Some("the guest says that it is ready"),
            Word::CloudInitDone => Some("cloud-init is done"),
            Word::CloudInit => None,
            Word::Nothing => self.lets_in(),
        }
    }

    /// How the guest answers, if it does: it is not in error because its cloud-init works on.
    fn lets_in(&self) -> Option<&'static str> {
        match (self.greets, self.agent) {
            (true, _) => Some("SSH answers"),
            (false, true) => Some("its agent answers"),
            (false, false) => None,
        }
    }

    /// How far it is, while it is not ready; the most telling first, because a row may be short.
    fn stage(&self) -> String {
        let work = (self.said == Word::CloudInit).then_some("cloud-init is at work");
        let address = self.address.map(|it| format!("address {}", it.ip));
        let far = self.lets_in().map(str::to_owned).or(address);
        match (work, far) {
            (Some(work), Some(far)) => format!("{work}, {far}"),
            (Some(work), None) => work.to_owned(),
            (None, Some(far)) => far,
            (None, None) => "booting".to_owned(),
        }
    }
}

/// A guest being watched.
struct Watch<'a> {
    job: &'a Job,
    vm: Vm,
    mode: Mode,
    /// How long keepers before this one have waited.
    before: Duration,
    began: Instant,
    /// A connection that waits for an SSH server's greeting.
    greeting: Option<JoinHandle<bool>>,
    agent_asked: Option<Instant>,
    log: Tail,
    serial: Serial,
    signs: Signs,
}

impl<'a> Watch<'a> {
    /// From what this run wrote first, if that is known; else from now on, but for the last lines.
    async fn begin(job: &'a Job) -> Result<Watch<'a>, Stop> {
        let vm = machine(job).await?;
        let name = Files::of(&vm).log();
        let left = job.left_by("start");
        let begin = left["log"]
            .as_u64()
            .filter(|_| left["started"] == Value::Bool(true));
        let mut serial = Serial::default();
        let log = match begin {
            Some(offset) => Tail::from(job.core(), &name, offset),
            None => {
                // Not to know is no reason to fail: there are other signs.
                let size = tail::size(job.core(), &name).await.unwrap_or_default();
                let from = size.saturating_sub(RECALLED);
                let mut log = Tail::from(job.core(), &name, from);
                if let Ok((bytes, _)) = log.piece().await {
                    serial.recall(&bytes, from > 0);
                }
                log
            }
        };
        Ok(Self {
            mode: job.host()?.mode,
            log,
            vm,
            before: job.step_age().await?,
            job,
            began: Instant::now(),
            greeting: None,
            agent_asked: None,
            serial,
            signs: Signs::default(),
        })
    }

    /// Since the step began, whoever kept.
    fn waited(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    /// Looks once at everything there is to see.
    async fn look(&mut self) -> Result<(), Stop> {
        self.listen().await;
        self.ask_address().await?;
        self.await_greeting().await;
        let due = self.agent_asked.is_none_or(|at| at.elapsed() >= AGENT_EVERY);
        if due && self.signs.lets_in().is_none() {
            self.agent_asked = Some(Instant::now());
            self.ask_agent().await?;
        }
        Ok(())
    }

    /// Hears what was written since the last look, as much as is bearable.
    async fn listen(&mut self) {
        for _ in 0..PIECES {
            match self.log.piece().await {
                Ok((bytes, whole)) => {
                    self.serial.hear(&bytes);
                    if whole {
                        break;
                    }
                }
                Err(error) => {
                    tracing::debug!(vm = self.vm.id.0, %error, "cannot read a console's log");
                    break;
                }
            }
        }
        self.signs.said = self.serial.word();
    }

    async fn ask_address(&mut self) -> Result<(), Stop> {
        if self.mode == Mode::Session || self.signs.address.is_some() {
            return Ok(());
        }
        let (uuid, id) = (self.vm.uuid, self.vm.id);
        let asked = self.job.call("ask for addresses", move |it| it.addresses(uuid));
        if let Some(best) = asked.await?.first().copied() {
            self.signs.address = Some(best);
            self.job
                .write(move |writer| Ok(writer.set_vm_address(id, Some(best))?))
                .await?;
        }
        Ok(())
    }

    /// Knocks at the guest's SSH server, beside everything else: a port that QEMU forwards takes every
    /// connection, and then is silent until the guest listens.
    async fn await_greeting(&mut self) {
        if self.signs.greets {
            return;
        }
        match self.greeting.take() {
            Some(running) if !running.is_finished() => self.greeting = Some(running),
            Some(ended) => self.signs.greets = ended.await.unwrap_or(false),
            None => {
                let place = match (self.mode, self.signs.address) {
                    (Mode::Session, _) => self
                        .vm
                        .ssh_port
                        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
                    // Where an agent sends one may be anybody's; and the agent's word is enough.
                    (Mode::System, Some(it)) if it.source != AddressSource::Agent => {
                        Some(SocketAddr::from((it.ip, 22)))
                    }
                    // An invented address is somebody else's.
                    (Mode::System | Mode::Simulated, _) => None,
                };
                self.greeting = place.map(|place| tokio::spawn(greets(place)));
            }
        }
    }

    /// One that cannot be asked does not answer.
    async fn ask_agent(&mut self) -> Result<(), Stop> {
        let uuid = self.vm.uuid;
        self.signs.agent = match self
            .job
            .call("ask an agent", move |it| it.agent_answers(uuid))
            .await
        {
            Ok(answers) => answers,
            Err(Stop::Failed(_)) => false,
            Err(stop) => return Err(stop),
        };
        Ok(())
    }

    /// A guest that went off will not become ready.
    async fn check_power(&mut self) -> Result<(), Stop> {
        let (uuid, id) = (self.vm.uuid, self.vm.id);
        let state = self
            .job
            .call("look at a domain", move |it| it.state(uuid))
            .await?;
        match state {
            Some(DomainState::Off | DomainState::Crashed) => {
                // The run is over, for the reconciler too, before its end is reported.
                self.job
                    .write(move |writer| Ok(writer.set_vm_run(id, None, None)?))
                    .await?;
                self.listen().await;
                Err(self.kept("the guest went off while booting"))
            }
            None => Err(Stop::Failed(Error::Conflict(
                "its domain is gone from libvirt".to_owned(),
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Failed, and kept for whoever wants to see why.
    fn kept(&self, what: &str) -> Stop {
        let reason = match self.serial.last_lines() {
            Some(lines) => format!("{what}; it wrote last: {lines}"),
            None => format!("{what}, and wrote nothing on its console"),
        };
        Stop::Kept(Error::Conflict(reason))
    }
}

/// Whether an SSH server greets there.
async fn greets(place: SocketAddr) -> bool {
    let look = async {
        let mut stream = TcpStream::connect(place).await.ok()?;
        let mut greeting = [0u8; 4];
        stream.read_exact(&mut greeting).await.ok()?;
        (&greeting == b"SSH-").then_some(())
    };
    matches!(timeout(BANNER_PATIENCE, look).await, Ok(Some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Option<Address> {
        Some(Address {
            ip: "192.0.2.7".parse().unwrap(),
            source: AddressSource::Lease,
        })
    }

    #[test]
    fn cloud_init_at_work_is_waited_for_and_the_rest_is_not() {
        let mut signs = Signs::default();
        assert_eq!((signs.verdict(), signs.stage().as_str()), (None, "booting"));
        signs.address = lease();
        assert_eq!(signs.verdict(), None, "an address is no word of the guest's");
        assert_eq!(signs.stage(), "address 192.0.2.7");
        signs.agent = true;
        assert_eq!(signs.verdict(), Some("its agent answers"));
        signs.greets = true;
        assert_eq!(signs.verdict(), Some("SSH answers"));
        signs.said = Word::CloudInit;
        assert_eq!(signs.verdict(), None);
        assert_eq!(signs.stage(), "cloud-init is at work, SSH answers");
        signs.said = Word::CloudInitDone;
        assert_eq!(signs.verdict(), Some("cloud-init is done"));
    }

    #[test]
    fn a_cloud_init_that_never_ends_and_lets_nobody_in_is_no_ready_guest() {
        let signs = Signs {
            said: Word::CloudInit,
            address: lease(),
            ..Signs::default()
        };
        assert_eq!((signs.verdict(), signs.lets_in()), (None, None));
        assert_eq!(signs.stage(), "cloud-init is at work, address 192.0.2.7");
    }
}
