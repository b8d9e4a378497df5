//! libvirt's event loop and those who listen to it.
//!
//! libvirt delivers events, answers keepalives and notices a lost connection only while somebody
//! runs its event loop. That is one thread for the whole process, for as long as it lives: the loop
//! is a global of the library and cannot be taken back.

use crate::hypervisor::{Change, Listener};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// After so many failures in a row the loop is taken to be beyond help. Without it there are
/// no events, and polling goes on.
const TOLERATED: u32 = 10;

/// Starts the loop, once per process. Must come before the first connection is opened.
pub(super) fn ensure_loop() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        // By default libvirt writes every error to standard error: onto the screen.
        virt::error::clear_error_callback();
        if let Err(error) = virt::event::event_register_default_impl() {
            tracing::error!(error = %super::error::words(&error), "libvirt's event loop is not to be had");
            return;
        }
        if let Err(error) = thread::Builder::new().name("libvirt-events".into()).spawn(run) {
            tracing::error!(%error, "a thread could not be started");
        }
    });
}

fn run() {
    let mut failures = 0;
    while failures < TOLERATED {
        match virt::event::event_run_default_impl() {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                tracing::warn!(error = %super::error::words(&error), "libvirt's event loop stumbled");
            }
        }
    }
    tracing::error!("libvirt's event loop has ended: changes will show by polling only");
}

/// Everybody who wants to hear of changes, over all connections.
#[derive(Default)]
pub(super) struct Audience {
    listeners: Mutex<Vec<Listener>>,
}

impl Audience {
    pub fn join(&self, listener: Listener) {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    pub fn tell(&self, change: Change) {
        // Copied, so that a listener may call `listen` and a slow one delays nobody's joining.
        let listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for listener in listeners {
            listener(change);
        }
    }
}
