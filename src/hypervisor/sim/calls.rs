//! The calls of the trait as values: to plan faults for, to hang, and to look up afterwards.

use crate::hypervisor::Error;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Calls that the journal keeps.
const JOURNAL: usize = 10_000;

macro_rules! calls {
    ($($name:ident => $word:literal,)*) => {
        /// A method of [`crate::hypervisor::Hypervisor`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Call {
            $(#[doc = concat!("`", $word, "`.")] $name,)*
        }

        impl Call {
            /// Every call, for tests that fail each in turn.
            pub const ALL: &'static [Call] = &[$(Self::$name,)*];

            /// The method's name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

calls! {
    Host => "host",
    Snapshot => "snapshot",
    StartedAt => "started_at",
    Ownership => "ownership",
    Prepare => "prepare",
    Networks => "networks",
    Define => "define",
    Undefine => "undefine",
    Start => "start",
    ShutDown => "shut_down",
    ForceOff => "force_off",
    Pause => "pause",
    Resume => "resume",
    State => "state",
    Addresses => "addresses",
    AgentAnswers => "agent_answers",
    Forward => "forward",
    Unforward => "unforward",
    IsPortFree => "is_port_free",
    AttachConsole => "attach_console",
    Volumes => "volumes",
    PoolSpace => "pool_space",
    CreateVolume => "create_volume",
    Upload => "upload",
    DeleteVolume => "delete_volume",
    ReadVolume => "read_volume",
    Tail => "tail",
    PoolPath => "pool_path",
    Listen => "listen",
}

/// At which moment of a call something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before it takes effect.
    Before,
    /// In the middle of an upload; for other calls the same as before.
    Midway,
    /// After it took effect: done, but the caller hears of a failure.
    After,
}

/// A planned failure of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    moment: Moment,
    error: Option<Error>,
    skip: u32,
    times: u32,
}

impl Fault {
    /// The next call fails before it takes effect, with an [`Error::Failed`].
    pub fn before() -> Self {
        Self::at(Moment::Before)
    }

    /// The next upload fails with half of its bytes written.
    pub fn midway() -> Self {
        Self::at(Moment::Midway)
    }

    /// The next call takes effect and fails all the same.
    pub fn after() -> Self {
        Self::at(Moment::After)
    }

    /// At that moment.
    pub fn at(moment: Moment) -> Self {
        Self {
            moment,
            error: None,
            skip: 0,
            times: 1,
        }
    }

    /// With this error.
    #[must_use]
    pub fn with(mut self, error: Error) -> Self {
        self.error = Some(error);
        self
    }

    /// Not the next call but the `n`-th from now, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: u32) -> Self {
        self.skip = n.saturating_sub(1);
        self
    }

    /// So many calls, one after the other.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Every call until [`super::Sim::mend`].
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }
}

/// A fault that struck.
pub(super) struct Struck {
    pub(super) moment: Moment,
    pub(super) error: Error,
}

/// Planned faults.
#[derive(Default)]
pub(super) struct Faults(Vec<(Call, Fault)>);

impl Faults {
    pub(super) fn plan(&mut self, call: Call, fault: Fault) {
        self.0.push((call, fault));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a call and says whether it fails.
    pub(super) fn strike(&mut self, call: Call, object: &str) -> Option<Struck> {
        let mut struck = None;
        for (_, fault) in self.0.iter_mut().filter(|(planned, _)| *planned == call) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if struck.is_none() && fault.times > 0 {
                if fault.times < u32::MAX {
                    fault.times -= 1;
                }
                struck = Some(Struck {
                    moment: fault.moment,
                    error: fault.error.clone().unwrap_or_else(|| Error::Failed {
                        call: format!("{} {object}", call.as_str()),
                        reason: "a fault that was asked for".to_owned(),
                    }),
                });
            }
        }
        self.0.retain(|(_, fault)| fault.times > 0);
        struck
    }
}

/// Calls that hang, and those that wait in one.
#[derive(Default)]
pub(super) struct Gates {
    closed: BTreeSet<(Call, Moment)>,
    waiting: BTreeMap<Call, usize>,
}

impl Gates {
    pub(super) fn close(&mut self, call: Call, moment: Moment) {
        self.closed.insert((call, moment));
    }

    pub(super) fn open(&mut self) {
        self.closed.clear();
    }

    pub(super) fn is_closed(&self, call: Call, moment: Moment) -> bool {
        self.closed.contains(&(call, moment))
    }

    pub(super) fn arrive(&mut self, call: Call) {
        *self.waiting.entry(call).or_default() += 1;
    }

    pub(super) fn depart(&mut self, call: Call) {
        if let Some(count) = self.waiting.get_mut(&call) {
            *count -= 1;
        }
    }

    pub(super) fn waiting(&self, call: Call) -> usize {
        self.waiting.get(&call).copied().unwrap_or(0)
    }
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub call: Call,
    /// What it was about: a domain's UUID or name, a volume's name, or nothing.
    pub object: String,
}

/// The last calls made, in the order in which they arrived.
#[derive(Default)]
pub(super) struct Journal {
    records: VecDeque<Record>,
    counts: BTreeMap<Call, u64>,
}

impl Journal {
    pub(super) fn note(&mut self, call: Call, object: &str) {
        if self.records.len() == JOURNAL {
            self.records.pop_front();
        }
        self.records.push_back(Record {
            call,
            object: object.to_owned(),
        });
        *self.counts.entry(call).or_default() += 1;
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.records.iter().cloned().collect()
    }

    pub(super) fn count(&self, call: Call) -> u64 {
        self.counts.get(&call).copied().unwrap_or(0)
    }
}
