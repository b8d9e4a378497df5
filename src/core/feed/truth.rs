//! The latest of everything, unfiltered, and the two tasks that keep it so.

use super::load::Meter;
use super::rows::Rows;
use super::{Health, Keeping, Load};
use crate::core::{Core, Error, Inner, Result};
use crate::hypervisor::{self, Change, Domain, Host, Lane, Snapshot};
use crate::model::{Credits, KeptForward, Operation, Prices, UserId, Vm, VmId};
use crate::store::{Epoch, KeeperRow};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

/// A refresh that takes longer shows the hypervisor as silent: known within 5 s.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(3);
/// How long opening a connection may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(20);
/// Several changes at once (a reboot) make one refresh.
const SETTLE: Duration = Duration::from_millis(50);
/// How often other processes' commits are looked for.
const VERSION_POLL: Duration = Duration::from_millis(300);
/// A keeper that has not shown itself for so long is stopped or stuck.
const KEEPER_SILENCE: SignedDuration = SignedDuration::from_secs(4);

/// Everything known, whoever may see it.
#[derive(Clone, Debug)]
pub struct Truth {
    pub health: Health,
    pub host: Option<Arc<Host>>,
    pub as_of: Option<Timestamp>,
    /// When the look that the domains come from began: what ended later may not show in them.
    pub looked_at: Option<Timestamp>,
    /// The same moment, milliseconds since the host's boot.
    pub looked_at_boot: Option<i64>,
    pub keeping: Keeping,
    pub vms: Vec<Vm>,
    /// Forwarded ports, by machine.
    pub forwards: HashMap<VmId, Vec<KeptForward>>,
    pub names: HashMap<UserId, String>,
    pub domains: HashMap<Uuid, Domain>,
    pub loads: HashMap<Uuid, Load>,
    pub operations: Vec<Operation>,
    pub last_event: i64,
    /// What machines cost, where anything does.
    pub prices: Option<Prices>,
    /// What accounts have.
    pub balances: HashMap<UserId, Credits>,
    /// The last keeper's row.
    keeper: Option<KeeperRow>,
    /// This process' own reign, while it keeps.
    reign: Option<Epoch>,
    /// What each part of the background work reports as wrong, by part.
    wrong: BTreeMap<&'static str, String>,
}

impl Truth {
    /// Whether a domain is a machine of this state directory.
    pub fn is_ours(&self, domain: Uuid) -> bool {
        self.vms.iter().any(|vm| vm.uuid == domain)
    }

    /// What is wrong, in words.
    pub fn problems(&self) -> Vec<String> {
        self.wrong.values().cloned().collect()
    }
}

/// Holds the truth, and the bells that make its tasks look again.
pub struct World {
    truth: watch::Sender<Arc<Truth>>,
    hypervisor_changed: Arc<Notify>,
    store_changed: Notify,
}

impl World {
    /// Nothing known yet.
    pub fn new(prices: Option<Prices>) -> Self {
        let (truth, _) = watch::channel(Arc::new(Truth {
            health: Health::Connecting,
            host: None,
            as_of: None,
            looked_at: None,
            looked_at_boot: None,
            keeping: Keeping::Nobody,
            vms: Vec::new(),
            forwards: HashMap::new(),
            names: HashMap::new(),
            domains: HashMap::new(),
            loads: HashMap::new(),
            operations: Vec::new(),
            last_event: 0,
            prices,
            balances: HashMap::new(),
            keeper: None,
            reign: None,
            wrong: BTreeMap::new(),
        }));
        Self {
            truth,
            hypervisor_changed: Arc::new(Notify::new()),
            store_changed: Notify::new(),
        }
    }

    /// Follows the truth.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Truth>> {
        self.truth.subscribe()
    }

    /// The truth now.
    pub fn now(&self) -> Arc<Truth> {
        self.truth.borrow().clone()
    }

    /// Asks for a look at the hypervisor soon.
    pub fn hypervisor_changed(&self) {
        self.hypervisor_changed.notify_one();
    }

    /// Asks for a look at the database soon.
    pub fn store_changed(&self) {
        self.store_changed.notify_one();
    }

    /// Reports what is wrong with a part of the background work, or that it is well.
    pub fn report(&self, part: &'static str, problem: Option<String>) {
        self.truth.send_if_modified(|truth| {
            if truth.wrong.get(part) == problem.as_ref() {
                return false;
            }
            let truth = Arc::make_mut(truth);
            match problem {
                Some(problem) => truth.wrong.insert(part, problem),
                None => truth.wrong.remove(part),
            };
            true
        });
    }

    /// Notes that this process began to keep, or no longer does.
    pub fn reign(&self, epoch: Option<Epoch>) {
        self.modify(|truth| truth.reign = epoch);
        self.store_changed();
    }

    fn modify(&self, change: impl FnOnce(&mut Truth)) {
        self.truth.send_modify(|truth| change(Arc::make_mut(truth)));
    }
}

/// Starts both tasks; they end with the last [`Core`].
pub fn observe(core: &Core) {
    tokio::spawn(watch_hypervisor(Arc::downgrade(&core.0)));
    tokio::spawn(watch_store(Arc::downgrade(&core.0)));
}

async fn watch_hypervisor(inner: Weak<Inner>) {
    let Some((refresh, changed)) = inner
        .upgrade()
        .map(|it| (it.settings.refresh, it.world.hypervisor_changed.clone()))
    else {
        return;
    };
    let mut tick = tokio::time::interval(refresh);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut meter = Meter::default();
    let mut listening = false;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = changed.notified() => tokio::time::sleep(SETTLE).await,
        }
        let Some(core) = inner.upgrade().map(Core) else {
            return;
        };
        look_at_hypervisor(&core, &mut meter).await;
        let up = core.world().now().health == Health::Up;
        listening = listening || (up && listen(&core).await);
    }
}

/// Asks to be told of changes; false if the hypervisor is away and must be asked again.
async fn listen(core: &Core) -> bool {
    let bell = core.world().hypervisor_changed.clone();
    let listener = Arc::new(move |_: Change| bell.notify_one());
    core.hypervisor()
        .call(Lane::Watch, "listen", CONNECT_DEADLINE, |it| it.listen(listener))
        .await
        .is_ok()
}

async fn look_at_hypervisor(core: &Core, meter: &mut Meter) {
    if core.world().now().host.is_none() {
        match connect_aloud(core).await {
            Ok(host) => core.world().modify(|truth| truth.host = Some(Arc::new(host))),
            Err(reason) => return note_failure(core, reason),
        }
    }
    let (looked_at, uptime) = (core.now(), (core.boot_clock().milliseconds)());
    match core
        .hypervisor()
        .call(Lane::Watch, "refresh", SNAPSHOT_DEADLINE, |it| it.snapshot())
        .await
    {
        Ok(Snapshot { domains }) => {
            let loads = meter.measure(&domains, Instant::now());
            let now = core.now();
            core.world().modify(|truth| {
                truth.domains = domains.into_iter().map(|it| (it.uuid, it)).collect();
                truth.loads = loads;
                truth.as_of = Some(now);
                truth.looked_at = Some(looked_at);
                truth.looked_at_boot = Some(uptime);
                truth.health = Health::Up;
            });
        }
        Err(error) => note_failure(core, error),
    }
}

/// Connects, and says so when that takes suspiciously long: a libvirtd that hangs takes the
/// connection and answers nothing.
async fn connect_aloud(core: &Core) -> hypervisor::Result<Host> {
    let began = core.now();
    let connecting = connect(core);
    tokio::pin!(connecting);
    match tokio::time::timeout(SNAPSHOT_DEADLINE, &mut connecting).await {
        Ok(connected) => connected,
        Err(_) => {
            core.world().modify(|truth| {
                if truth.health == Health::Connecting {
                    truth.health = Health::Silent { since: began };
                }
            });
            connecting.await
        }
    }
}

/// Opens the connection and holds it to the one that the state directory is bound to: machines
/// of another host would all seem gone.
async fn connect(core: &Core) -> hypervisor::Result<Host> {
    let calling = core.hypervisor();
    let host = calling
        .call(Lane::Watch, "connect", CONNECT_DEADLINE, |it| it.host())
        .await?;
    let (uri, uuid) = (host.uri.clone(), host.uuid);
    let bound = core
        .write(move |writer| match writer.hypervisor_binding()? {
            Some(bound) => Ok(bound),
            None => {
                writer.bind_hypervisor(&uri, uuid)?;
                Ok((uri, uuid))
            }
        })
        .await;
    let refuse = |reason: String| {
        Err(hypervisor::Error::Unavailable {
            uri: host.uri.clone(),
            reason,
        })
    };
    match bound {
        Ok((uri, uuid)) if uri == host.uri && uuid == host.uuid => Ok(host),
        Ok((uri, _)) if uri != host.uri => refuse(format!(
            "this state directory belongs to {uri}; start with `--uri {uri}`, or with another `--state-dir`"
        )),
        Ok(_) => refuse(
            "this state directory belongs to another host; use it there, or start with another `--state-dir`"
                .to_owned(),
        ),
        Err(error) => refuse(error.to_string()),
    }
}

fn note_failure(core: &Core, error: hypervisor::Error) {
    let now = core.now();
    core.world().modify(|truth| {
        truth.health = match (&error, &truth.health) {
            (hypervisor::Error::Unresponsive { .. }, Health::Silent { since }) => {
                Health::Silent { since: *since }
            }
            (hypervisor::Error::Unresponsive { .. }, _) => Health::Silent {
                since: truth.as_of.unwrap_or(now),
            },
            (error, Health::Down { since, .. }) => Health::Down {
                since: *since,
                reason: error.to_string(),
            },
            (error, _) => Health::Down {
                since: now,
                reason: error.to_string(),
            },
        };
    });
}

async fn watch_store(inner: Weak<Inner>) {
    let mut poll = tokio::time::interval(VERSION_POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = None;
    loop {
        let Some(core) = inner.upgrade().map(Core) else {
            return;
        };
        tokio::select! {
            _ = poll.tick() => {}
            () = core.world().store_changed.notified() => {}
        }
        let store = core.0.store.clone();
        let version = super::super::off_worker(move || Ok(store.version()?)).await;
        match version {
            // The keeper's row ages without a commit, so its silence is looked at every time.
            Ok(version) if seen == Some(version) => note_keeper_age(&core),
            Ok(version) => match look_at_store(&core).await {
                Ok(()) => {
                    seen = Some(version);
                    core.world().report("database", None);
                }
                Err(error) => note_store_failure(&core, &error),
            },
            Err(error) => note_store_failure(&core, &error),
        }
    }
}

fn note_store_failure(core: &Core, error: &Error) {
    core.world()
        .report("database", Some(format!("the database cannot be read: {error}")));
}

async fn look_at_store(core: &Core) -> Result<()> {
    let rows = core.read(Rows::read).await?;
    let now = core.now();
    core.world().modify(|truth| {
        truth.vms = rows.vms;
        truth.forwards = rows.forwards;
        truth.names = rows.names;
        truth.operations = rows.operations;
        truth.last_event = rows.last_event;
        truth.balances = rows.balances;
        truth.keeper = rows.keeper;
        truth.keeping = truth.judge_keeper(now);
    });
    Ok(())
}

impl Truth {
    /// Who keeps, by the keeper's row: it ages without a commit.
    fn judge_keeper(&self, now: Timestamp) -> Keeping {
        let Some(row) = self.keeper.as_ref().filter(|row| !row.released) else {
            return Keeping::Nobody;
        };
        if Some(row.epoch) == self.reign {
            return Keeping::Here { kind: row.kind };
        }
        let silent = now.duration_since(row.beat_at) > KEEPER_SILENCE;
        Keeping::Elsewhere {
            pid: row.pid,
            kind: row.kind,
            silent_since: silent.then_some(row.beat_at),
        }
    }
}

fn note_keeper_age(core: &Core) {
    let now = core.now();
    core.world().truth.send_if_modified(|truth| {
        let keeping = truth.judge_keeper(now);
        let changed = truth.keeping != keeping;
        if changed {
            Arc::make_mut(truth).keeping = keeping;
        }
        changed
    });
}
