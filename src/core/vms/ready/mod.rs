//! The last step of every start: the guest says that it is ready.

mod serial;

use super::files::Files;
use super::steps::{LOOK_EVERY, machine};
use crate::core::Error;
use crate::core::consoles::tail::{self, Tail};
use crate::core::operations::{Job, Step, Stop, Work};
use crate::hypervisor::{DomainState, Mode};
use crate::model::Vm;
use serde_json::Value;
use serial::{Serial, Word};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long an SSH server may take to greet in one look.
const BANNER_PATIENCE: Duration = Duration::from_secs(2);
/// Between two questions to the guest's agent, each of which may take 2 s.
const AGENT_EVERY: Duration = Duration::from_secs(2);
/// A guest with an address and nothing else to go by counts as ready after this, or after half of the
/// time that it has in all if that is shorter.
const ADDRESS_ALONE: Duration = Duration::from_secs(30);

/// The guest says that it is ready: by cloud-init's final message, the tiny guest's line, its SSH
/// server or its agent, whichever comes first; but where cloud-init is seen at work, its final message
/// is waited for, because users and keys are there only then.
///
/// A guest that never gets there is kept ([`Stop::Kept`]), with its console's last words.
pub struct Ready;

impl Step for Ready {
    fn name(&self) -> &'static str {
        "address"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let mut watch = Watch::begin(job).await?;
            job.remark("booting".to_owned());
            let patience = job.core().settings().address_timeout;
            while watch.began.elapsed() < patience {
                watch.look().await?;
                if let Some(remark) = watch.signs.verdict(watch.began.elapsed(), patience) {
                    job.remark(remark);
                    return Ok(Value::Null);
                }
                job.remark(watch.signs.stage());
                watch.check_power().await?;
                job.pause(LOOK_EVERY).await?;
            }
            if let Some(remark) = watch.signs.last_resort(patience) {
                job.remark(remark);
                return Ok(Value::Null);
            }
            let seconds = patience.as_secs();
            Err(watch.kept(&format!("the guest was not ready after {seconds} s")))
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
    /// Its address, and how long after the wait's begin it was there.
    address: Option<(IpAddr, Duration)>,
    greets: bool,
    agent: bool,
}

impl Signs {
    /// If the guest is ready: what is to be said of it.
    fn verdict(&self, waited: Duration, patience: Duration) -> Option<String> {
        match self.said {
            Word::TinyReady => return Some("the guest says that it is ready".to_owned()),
            Word::CloudInitDone => return Some("cloud-init is done".to_owned()),
            Word::CloudInit => return None,
            Word::Nothing => {}
        }
        if self.greets {
            return Some("answers SSH".to_owned());
        }
        if self.agent {
            return Some("its agent answers".to_owned());
        }
        let (_, since) = self.address?;
        let alone = waited.saturating_sub(since) >= ADDRESS_ALONE.min(patience / 2);
        alone.then(|| "has an address, but nothing answers on port 22 yet".to_owned())
    }

    /// When the time is over: a guest that lets in is not in error because its cloud-init works on.
    fn last_resort(&self, patience: Duration) -> Option<String> {
        let answers = match (self.greets, self.agent) {
            (true, _) => "answers SSH",
            (false, true) => "its agent answers",
            (false, false) => return None,
        };
        let seconds = patience.as_secs();
        Some(format!(
            "{answers}, but cloud-init was not done after {seconds} s"
        ))
    }

    /// How far it is, while it is not ready.
    fn stage(&self) -> String {
        let far = match (self.greets, self.address) {
            (true, _) => "answers SSH".to_owned(),
            (false, Some((ip, _))) => format!("has an address {ip}"),
            (false, None) => "booting".to_owned(),
        };
        match self.said {
            Word::CloudInit => format!("{far}, cloud-init is at work"),
            _ => far,
        }
    }
}

/// A guest being watched.
struct Watch<'a> {
    job: &'a Job,
    vm: Vm,
    mode: Mode,
    began: Instant,
    agent_asked: Option<Instant>,
    log: Tail,
    serial: Serial,
    signs: Signs,
}

impl<'a> Watch<'a> {
    /// From what this run wrote first, if that is known, else from now on.
    async fn begin(job: &'a Job) -> Result<Watch<'a>, Stop> {
        let vm = machine(job).await?;
        let name = Files::of(&vm).log();
        let left = job.left_by("start");
        let begin = left["log"]
            .as_u64()
            .filter(|_| left["started"] == Value::Bool(true));
        let offset = match begin {
            Some(offset) => offset,
            // Not to know is no reason to fail: there are other signs.
            None => tail::size(job.core(), &name).await.unwrap_or_default(),
        };
        Ok(Self {
            mode: job.host()?.mode,
            log: Tail::from(job.core(), &name, offset),
            job,
            vm,
            began: Instant::now(),
            agent_asked: None,
            serial: Serial::default(),
            signs: Signs::default(),
        })
    }

    /// Looks once at everything there is to see.
    async fn look(&mut self) -> Result<(), Stop> {
        self.listen().await;
        self.ask_address().await?;
        let place = match (self.mode, self.signs.address) {
            (Mode::Session, _) => self
                .vm
                .ssh_port
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            (Mode::System, Some((ip, _))) => Some(SocketAddr::from((ip, 22))),
            // An invented address is somebody else's.
            (Mode::System | Mode::Simulated, _) => None,
        };
        if let Some(place) = place.filter(|_| !self.signs.greets) {
            self.signs.greets = greets(place).await;
        }
        let due = self.agent_asked.is_none_or(|at| at.elapsed() >= AGENT_EVERY);
        if due && !self.signs.greets && !self.signs.agent {
            self.agent_asked = Some(Instant::now());
            self.ask_agent().await?;
        }
        Ok(())
    }

    /// Hears what was written since the last look, a bounded piece of it.
    async fn listen(&mut self) {
        match self.log.piece().await {
            Ok((bytes, _)) => self.serial.hear(&bytes),
            Err(error) => tracing::debug!(vm = self.vm.id.0, %error, "cannot read a console's log"),
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
            self.signs.address = Some((best.ip, self.began.elapsed()));
            self.job
                .write(move |writer| Ok(writer.set_vm_address(id, Some(best))?))
                .await?;
        }
        Ok(())
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

    const PATIENCE: Duration = Duration::from_secs(120);

    fn ready(signs: &Signs, waited: u64) -> Option<String> {
        signs.verdict(Duration::from_secs(waited), PATIENCE)
    }

    #[test]
    fn cloud_init_at_work_is_waited_for_and_the_rest_is_not() {
        let mut signs = Signs::default();
        assert_eq!((ready(&signs, 100), signs.stage().as_str()), (None, "booting"));
        signs.address = Some(("192.0.2.7".parse().unwrap(), Duration::from_secs(10)));
        assert_eq!(ready(&signs, 39), None);
        assert_eq!(signs.stage(), "has an address 192.0.2.7");
        assert!(
            ready(&signs, 40)
                .unwrap()
                .contains("nothing answers on port 22 yet")
        );
        signs.greets = true;
        assert_eq!(ready(&signs, 11).unwrap(), "answers SSH");
        signs.said = Word::CloudInit;
        assert_eq!(ready(&signs, 119), None);
        assert_eq!(signs.stage(), "answers SSH, cloud-init is at work");
        let late = signs.last_resort(PATIENCE).unwrap();
        assert_eq!(late, "answers SSH, but cloud-init was not done after 120 s");
        signs.said = Word::CloudInitDone;
        assert_eq!(ready(&signs, 12).unwrap(), "cloud-init is done");
    }

    #[test]
    fn a_cloud_init_that_never_ends_and_lets_nobody_in_is_no_ready_guest() {
        let signs = Signs {
            said: Word::CloudInit,
            address: Some(("192.0.2.7".parse().unwrap(), Duration::ZERO)),
            ..Signs::default()
        };
        assert_eq!(ready(&signs, 119), None);
        assert_eq!(signs.last_resort(PATIENCE), None);
    }
}
