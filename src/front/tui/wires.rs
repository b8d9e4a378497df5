//! The consoles that a screen has open, seen from its effects: what is typed goes to the core in
//! the order it was typed, what the core tells comes back as events, one piece at a time.

use super::console::Words;
use super::effects::Line;
use super::event::{ConsoleReply, Reply};
use crate::core::consoles::{Opening, Told, Typed};
use crate::core::{Console, Core, Ctx, Result};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// What may be typed ahead of a guest that does not read; a paste is one of these.
const TYPED_AHEAD: usize = 1_024;
/// Most of a guest's words in one event, bytes.
const PIECE: usize = 128 * 1024;

/// The open consoles of a screen, by the number of their pane.
#[derive(Default)]
pub(crate) struct Wires {
    open: HashMap<u64, mpsc::Sender<Typed>>,
}

impl Wires {
    /// Opens one: the answer and everything after it come as events on `line`.
    pub(crate) fn open(&mut self, (core, ctx): (Core, Result<Ctx>), pane: u64, opening: Opening, line: Line) {
        let (keyboard, typed) = mpsc::channel(TYPED_AHEAD);
        self.open.insert(pane, keyboard);
        tokio::spawn(async move {
            let opened = match ctx {
                Ok(ctx) => core.open_console(&ctx, opening).await,
                Err(error) => Err(error),
            };
            let say = |reply| line.send(Reply::Console { pane, reply });
            match opened {
                Err(error) => say(ConsoleReply::Opened(Err(error))).await,
                Ok(Console {
                    id,
                    told,
                    typed: guest,
                    ..
                }) => {
                    say(ConsoleReply::Opened(Ok(id))).await;
                    tokio::join!(carry(typed, guest), hear(told, pane, &line));
                }
            }
        });
    }

    /// Types into one; false if it has no room.
    pub(crate) fn send(&mut self, pane: u64, typed: Typed) -> bool {
        match self.open.get(&pane).map(|wire| wire.try_send(typed)) {
            Some(Err(mpsc::error::TrySendError::Full(_))) => false,
            // One that is over hears nothing; its pane says so.
            _ => true,
        }
    }

    /// Leaves one.
    pub(crate) fn close(&mut self, pane: u64) {
        self.open.remove(&pane);
    }

    /// Leaves all.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }
}

/// Carries what is typed until the pane is closed, which closes the console.
async fn carry(mut typed: mpsc::Receiver<Typed>, guest: mpsc::Sender<Typed>) {
    while let Some(typed) = typed.recv().await {
        if guest.send(typed).await.is_err() {
            return;
        }
    }
}

/// Tells what comes of it. A piece of the guest's words waits until the one before was taken in: a
/// flood fills the hypervisor's buffer and not the screen's channel.
async fn hear(mut told: mpsc::Receiver<Told>, pane: u64, line: &Line) {
    let turns = Arc::new(Semaphore::new(1));
    let mut next = None;
    loop {
        let Some(one) = (match next.take() {
            Some(one) => Some(one),
            None => told.recv().await,
        }) else {
            return;
        };
        let reply = match one {
            Told::Past(bytes) => {
                let Ok(turn) = turns.clone().acquire_owned().await else {
                    return;
                };
                let past = true;
                ConsoleReply::Wrote(Words { bytes, past, turn })
            }
            Told::Bytes(mut bytes) => {
                // Closed never: it lives here.
                let Ok(turn) = turns.clone().acquire_owned().await else {
                    return;
                };
                while bytes.len() < PIECE {
                    match told.try_recv() {
                        Ok(Told::Bytes(more)) => bytes.extend(more),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                let past = false;
                ConsoleReply::Wrote(Words { bytes, past, turn })
            }
            Told::Line(line) => ConsoleReply::Line(line),
            Told::Ended(end) => ConsoleReply::Ended(end),
        };
        line.send(Reply::Console { pane, reply }).await;
    }
}
