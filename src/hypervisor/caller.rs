//! Runs the hypervisor's blocking calls on threads of its own, each call with a deadline.

use super::{Hypervisor, Result};
use std::sync::Arc;
use std::time::Duration;

/// Which threads a call waits for, so that an upload of minutes never delays a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Refreshes: one thread.
    Watch,
    /// Actions on domains and small volumes: three threads.
    Act,
    /// Uploads and other long transfers: one thread.
    Transfer,
}

/// A hypervisor whose calls can be awaited.
#[derive(Clone)]
pub struct Caller {
    hypervisor: Arc<dyn Hypervisor>,
}

impl Caller {
    /// Starts the threads.
    pub fn new(hypervisor: Arc<dyn Hypervisor>) -> Self {
        Self { hypervisor }
    }

    /// Runs `job` on a thread of `lane` and waits for it until `deadline` has passed.
    ///
    /// # Errors
    /// What `job` returns, or [`super::Error::Unresponsive`] with the name of the `call`; the job
    /// then still runs to its end on its thread, and while it does, `lane` has one thread less.
    pub async fn call<T: Send + 'static>(
        &self,
        lane: Lane,
        call: &'static str,
        deadline: Duration,
        job: impl FnOnce(&dyn Hypervisor) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _ = (lane, call, deadline, job, &self.hypervisor);
        todo!()
    }
}
