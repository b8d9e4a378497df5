//! What an operation is made of, and what its steps are given.

use crate::core::{Core, Error, Health};
use crate::hypervisor::{self, Host, Hypervisor, Lane};
use crate::model::{Operation, OperationId, Progress, VmId};
use crate::store::{self, Epoch, Writer};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// A step's work.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Stop>> + Send + 'a>>;

/// A named step. Both halves must bear being done twice: a crash between an act and its record
/// leaves it to be done again.
pub trait Step: Send + Sync {
    /// Its stable name, which the database, the screen and scripts show.
    fn name(&self) -> &'static str;

    /// Acts. What it returns is kept for its undo. What the undo must know even if the step is
    /// never done (it failed or died half-way) goes through [`Job::note`] before the act.
    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value>;

    /// Takes back what [`Step::run`] did, wholly or in part done. `output` is what it returned,
    /// else what it noted, else null. There is no default: a step that needs no undo says so.
    fn undo<'a>(&'a self, job: &'a Job, output: &'a Value) -> Work<'a, ()>;
}

/// What happens when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// What was done is undone, unless the step says that it is to be kept ([`Stop::Kept`]).
    Backward,
    /// The step is tried again a few times; then the operation fails where it stands, and asking
    /// for it again goes on from there. For what cannot be taken back.
    Forward,
}

/// The steps of one kind of operation.
pub struct Plan {
    /// In order.
    pub steps: &'static [&'static dyn Step],
    /// When one fails.
    pub recovery: Recovery,
    /// Called in the transaction that makes the operation final, to settle what depends on it.
    pub settle: fn(&Writer<'_>, &Operation) -> store::Result<()>,
}

/// Why a step stops without being done.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Failed(Error),
    /// It failed, and what was done is worth more than a clean slate: the operation fails where it
    /// stands, nothing is undone, and `settle` finds it [`Operation::kept`].
    Kept(Error),
    /// Somebody asked for the operation to be cancelled.
    Cancelled,
    /// The keeper is ending; the next one does the step again.
    HandOver,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        match error.into() {
            Error::Store(store::Error::Superseded) => Self::HandOver,
            error => Self::Failed(error),
        }
    }
}

/// How long an action on a domain may take. Long, because a libvirtd that probes QEMU's
/// capabilities anew takes up to 52 s to define a domain (DESIGN.md, Facts).
const ACT_DEADLINE: Duration = Duration::from_secs(90);

/// How long handing over waits for a call that is out; less than a keeper has for its end.
const LAST_CALL: Duration = Duration::from_secs(5);

/// One operation at work: what its steps may use.
pub struct Job {
    /// The operation.
    pub id: OperationId,
    vm: Option<VmId>,
    core: Core,
    epoch: Epoch,
    input: Value,
    ending: watch::Receiver<bool>,
    /// Held by the call that is under way, even after its deadline.
    turn: Arc<tokio::sync::Mutex<()>>,
    progress: Mutex<Option<Progress>>,
    remark: Mutex<Option<String>>,
    step: Mutex<At>,
}

/// The step at work.
#[derive(Default)]
struct At {
    index: usize,
    noted: Value,
    /// What the steps before it left, by their names.
    before: Vec<(String, Value)>,
}

impl Job {
    /// An operation in the hands of the keeper of `epoch`, until `ending` turns true.
    pub fn new(
        core: &Core,
        epoch: Epoch,
        operation: &Operation,
        input: Value,
        ending: watch::Receiver<bool>,
    ) -> Self {
        Self {
            id: operation.id,
            vm: operation.vm,
            core: core.clone(),
            epoch,
            input,
            ending,
            turn: Arc::default(),
            progress: Mutex::default(),
            remark: Mutex::default(),
            step: Mutex::default(),
        }
    }

    /// Its machine.
    ///
    /// # Errors
    /// [`Error::Internal`] if it works on an image.
    pub fn vm(&self) -> Result<VmId, Error> {
        self.vm
            .ok_or_else(|| Error::Internal("a step for machines works on an image".to_owned()))
    }

    /// The core.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// What the operation was accepted with.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is of another form, as of a newer program.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&self.input)
            .map_err(|error| Error::Internal(format!("the operation's input: {error}")))
    }

    /// The host, once this process is connected to the one it belongs to.
    ///
    /// # Errors
    /// [`hypervisor::Error::Unavailable`], after which the engine tries again for a while.
    pub fn host(&self) -> Result<Arc<Host>, Stop> {
        let truth = self.core.world().now();
        match (&truth.host, &truth.health) {
            (Some(host), _) => Ok(host.clone()),
            (None, health) => {
                let reason = match health {
                    Health::Down { reason, .. } => reason.clone(),
                    _ => "not connected yet".to_owned(),
                };
                let uri = "this host".to_owned();
                Err(hypervisor::Error::Unavailable { uri, reason }.into())
            }
        }
    }

    /// Calls the hypervisor.
    ///
    /// # Errors
    /// The call's, and those of [`Self::host`].
    pub async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&dyn Hypervisor) -> hypervisor::Result<T> + Send + 'static,
    ) -> Result<T, Stop> {
        self.call_on(Lane::Act, name, ACT_DEADLINE, work).await
    }

    /// Calls the hypervisor on a lane, for as long as `deadline`.
    ///
    /// A call that misses its deadline goes on, and may still make what the next one is to
    /// remove: so an operation's calls wait for each other, however they ended.
    ///
    /// # Errors
    /// The call's, and those of [`Self::host`].
    pub async fn call_on<T: Send + 'static>(
        &self,
        lane: Lane,
        name: &'static str,
        deadline: Duration,
        work: impl FnOnce(&dyn Hypervisor) -> hypervisor::Result<T> + Send + 'static,
    ) -> Result<T, Stop> {
        self.host()?;
        let late = |_| hypervisor::Error::Unresponsive {
            call: name,
            seconds: deadline.as_secs(),
        };
        let turn = timeout(deadline, self.turn.clone().lock_owned())
            .await
            .map_err(late)?;
        let done = self
            .core
            .hypervisor()
            .call(lane, name, deadline, move |it| {
                let _until_it_ends = turn;
                work(it)
            })
            .await;
        self.core.world().hypervisor_changed();
        Ok(done?)
    }

    /// Waits a moment for a call that is still out: where it ends in time, the next keeper finds
    /// all of it or nothing. What a later end leaves behind is found by `keeper::leftovers`.
    pub async fn await_calls(&self) {
        let _ = timeout(LAST_CALL, self.turn.lock()).await;
    }

    /// Writes to the database in the name of the keeper.
    ///
    /// # Errors
    /// [`Stop::HandOver`] if another keeper took over.
    pub async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Writer<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Stop> {
        Ok(self.core.write_as_keeper(self.epoch, job).await?)
    }

    /// Waits, unless there is a reason to stop.
    ///
    /// # Errors
    /// [`Stop::Cancelled`], [`Stop::HandOver`].
    pub async fn pause(&self, time: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            stop = self.stopped() => Err(stop),
        }
    }

    /// Waits for a reason to stop.
    pub async fn stopped(&self) -> Stop {
        let (mut truth, mut ending) = (self.core.world().subscribe(), self.ending.clone());
        let cancelled = async {
            // The channel ends with the core, and with it this operation's keeper.
            while !self.cancel_requested() && truth.changed().await.is_ok() {}
        };
        tokio::select! {
            // An error means that the keeper is gone altogether.
            _ = ending.wait_for(|&ending| ending) => Stop::HandOver,
            () = cancelled => Stop::Cancelled,
        }
    }

    /// Ready when there is a reason to stop; [`Self::stopped`] tells which. It borrows nothing.
    pub fn stop_signal(&self) -> impl Future<Output = ()> + Send + 'static {
        let (core, id) = (self.core.clone(), self.id);
        let (mut truth, mut ending) = (core.world().subscribe(), self.ending.clone());
        async move {
            let cancelled = async { while !core.is_cancel_requested(id) && truth.changed().await.is_ok() {} };
            tokio::select! {
                _ = ending.wait_for(|&ending| ending) => {}
                () = cancelled => {}
            }
        }
    }

    /// Waits, and does not care whether somebody cancels: that is what is being done.
    ///
    /// # Errors
    /// [`Stop::HandOver`].
    pub async fn pause_undoing(&self, time: Duration) -> Result<(), Stop> {
        let mut ending = self.ending.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            // An error means that the keeper is gone altogether.
            _ = ending.wait_for(|&ending| ending) => Err(Stop::HandOver),
        }
    }

    /// Whether somebody asked for the operation to be cancelled.
    pub fn cancel_requested(&self) -> bool {
        self.core.is_cancel_requested(self.id)
    }

    /// Tells how far the step is; written down every now and then.
    pub fn set_progress(&self, progress: Option<Progress>) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// How far the step is.
    pub fn progress(&self) -> Option<Progress> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what the running step found or is about to make, before it acts: its undo and
    /// another try of it read this.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn note(&self, output: Value) -> Result<(), Stop> {
        let (id, index) = (self.id, self.step().index);
        let kept = output.clone();
        self.write(move |writer| Ok(writer.note_step(id, index, &kept)?))
            .await?;
        self.step().noted = output;
        Ok(())
    }

    /// What the running step noted, in this try or in one before; null if nothing.
    pub fn noted(&self) -> Value {
        self.step().noted.clone()
    }

    /// How long ago the running step began, whoever kept then.
    ///
    /// # Errors
    /// [`Stop::Failed`] if it cannot be read.
    pub async fn step_age(&self) -> Result<Duration, Stop> {
        let (id, index) = (self.id, self.step().index);
        let read = self.core.read(move |reader| Ok(reader.operation(id)?));
        let began = read
            .await?
            .and_then(|it| it.steps.get(index).map(|step| step.started_at));
        let age = began.map(|began| self.core.now().duration_since(began));
        // A clock that went back makes no age.
        Ok(age.and_then(|it| Duration::try_from(it).ok()).unwrap_or_default())
    }

    /// What a step before this one returned; null if there is none of that name.
    pub fn left_by(&self, name: &str) -> Value {
        let at = self.step();
        let found = at.before.iter().find(|(it, _)| it == name);
        found.map_or(Value::Null, |(_, output)| output.clone())
    }

    /// Says which step is at work, what it noted before the keeper that ran it died, and what those
    /// before it left.
    pub(super) fn enter_step(&self, index: usize, noted: Value, before: Vec<(String, Value)>) {
        *self.step() = At { index, noted, before };
        self.take_remark();
    }

    fn step(&self) -> MutexGuard<'_, At> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a remark on the step: shown while it runs, the latest one, and kept when it is done.
    pub fn remark(&self, text: String) {
        *self.remark.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// The step's remark.
    pub(super) fn current_remark(&self) -> Option<String> {
        self.remark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The remark of the step that ended.
    pub fn take_remark(&self) -> Option<String> {
        self.remark.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Shows on every front that operations cannot be recorded, or that they can.
    pub fn report_database(&self, problem: Option<String>) {
        self.core.world().report("operations", problem);
    }
}

impl Core {
    /// Whether somebody asked for an operation to be cancelled.
    fn is_cancel_requested(&self, id: OperationId) -> bool {
        let operations = &self.world().now().operations;
        operations.iter().any(|it| it.id == id && it.cancel_requested)
    }
}
