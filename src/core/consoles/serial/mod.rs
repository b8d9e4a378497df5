//! A guest's serial line: attached to the hypervisor's stream, joined with its log, and attached
//! again when the guest was restarted or libvirt came back.

mod joint;
mod silence;

use super::attendant::{Attendant, Duty};
use super::tail::{self, Place, Tail};
use super::{End, Line, Occupant, Typed};
use crate::core::vms::Files;
use crate::core::{Error, Result};
use crate::hypervisor::{self, DomainState, Lane, Output};
use crate::model::Ending;
use joint::Joint;
use silence::Silence;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What a serial line's terminal has until somebody tells the guest otherwise.
const SIZE: (u16, u16) = (80, 24);
/// Bytes of the log that are shown first: some thousands of lines.
const HISTORY: u64 = 512 * 1024;
/// How long attaching may take, and looking at a domain.
const ATTACH_DEADLINE: Duration = Duration::from_secs(10);
const LOOK_DEADLINE: Duration = Duration::from_secs(5);
/// Between two tries at a line that does not stand.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a line that was lost may be somebody else's before it is taken for theirs.
const GRACE: Duration = Duration::from_secs(5);
/// What is said of a machine that is off.
const OFF: &str = "the machine is off";

/// Opens it and leaves it to a task. A machine that is off is waited for.
///
/// # Errors
/// [`Error::Occupied`] if somebody outside of twarga has it.
pub async fn open(mut attendant: Attendant, takeover: bool) -> Result<()> {
    if let Err(error) = attendant.record(SIZE).await {
        attendant
            .finish(End::because(Ending::Lost, error.to_string()))
            .await;
        return Err(error);
    }
    let mut serial = Serial {
        log: Files::of(&attendant.vm).log(),
        attendant,
        place: None,
        shown: Shown::Nothing,
    };
    match serial.attach(takeover).await {
        Err(hypervisor::Error::Busy(_)) => {
            serial.attendant.finish(End::of(Ending::Lost)).await;
            Err(Error::Occupied(Occupant {
                who: "somebody outside twarga".to_owned(),
                source: None,
                since: None,
            }))
        }
        first => {
            tokio::spawn(serial.live(first.ok()));
            Ok(())
        }
    }
}

struct Serial {
    attendant: Attendant,
    /// The log's volume.
    log: String,
    /// How far into the log the front has seen; `None` before it saw anything.
    place: Option<Place>,
    shown: Shown,
}

/// What the front was told of the line last.
#[derive(PartialEq, Eq)]
enum Shown {
    Nothing,
    Attached,
    Waiting(String),
}

/// A line that stands.
struct Attached {
    console: hypervisor::Console,
    joint: Joint,
}

impl Serial {
    async fn live(mut self, first: Option<Attached>) {
        let mut line = first;
        let end = loop {
            let attached = match line.take() {
                Some(attached) => attached,
                None => match self.wait().await {
                    Ok(attached) => attached,
                    Err(end) => break end,
                },
            };
            if let Some(end) = self.relay(attached).await {
                break end;
            }
            // Somebody may have taken it, which libvirt shows as a mere end.
            if let Some(end) = self.attendant.judge().await {
                break end;
            }
        };
        self.attendant.finish(end).await;
    }

    /// Attaches now, or says why not.
    async fn attach(&mut self, takeover: bool) -> hypervisor::Result<Attached> {
        let (mut tail, history, whole) = self.read_log().await?;
        let uuid = self.attendant.vm.uuid;
        let attach = self.attendant.core.hypervisor().call(
            Lane::Act,
            "attach a console",
            ATTACH_DEADLINE,
            move |it| it.attach_console(uuid, takeover),
        );
        let console = attach.await?;
        if !whole {
            self.attendant.line(Line::Missing(None));
        }
        let (now, read) = (Instant::now(), tail.offset());
        // Between the look and the attaching the guest may have written: that is the seam's.
        let more = tail.more().await.unwrap_or_default();
        let joint = Joint::begin(tail, &history, &more, now);
        self.show_past(history, read).await;
        self.say(Shown::Attached);
        Ok(Attached { console, joint })
    }

    /// The log after what was shown; false if some of it is missing.
    async fn read_log(&mut self) -> hypervisor::Result<(Tail, Vec<u8>, bool)> {
        let core = &self.attendant.core;
        let read = match &self.place {
            None => Tail::at_end(core, &self.log, HISTORY)
                .await
                .map(|(tail, bytes)| (tail, bytes, true)),
            Some(place) => match Tail::after(core, &self.log, place).await {
                Ok((mut tail, whole)) => tail.more().await.map(|bytes| (tail, bytes, whole)),
                Err(error) => Err(error),
            },
        };
        read.map_err(|error| match error {
            Error::Hypervisor(error) => error,
            other => hypervisor::Error::Conflict(other.to_string()),
        })
    }

    /// Shows what was written before, after which the log's `offset` is reached.
    async fn show_past(&mut self, bytes: Vec<u8>, offset: u64) {
        self.pass(&bytes, offset);
        self.attendant.past(bytes).await;
    }

    /// Shows what is written now, as far as it comes from the log.
    async fn show(&mut self, bytes: Vec<u8>, offset: u64) {
        self.pass(&bytes, offset);
        self.attendant.wrote(bytes).await;
    }

    fn pass(&mut self, bytes: &[u8], offset: u64) {
        let place = self.place.get_or_insert_default();
        place.pass(bytes);
        place.reach(offset);
    }

    fn say(&mut self, shown: Shown) {
        if self.shown == shown {
            return;
        }
        self.attendant.line(match &shown {
            Shown::Waiting(reason) => Line::Waiting(reason.clone()),
            _ => Line::Attached,
        });
        self.shown = shown;
    }

    /// Waits until the line stands again.
    async fn wait(&mut self) -> std::result::Result<Attached, End> {
        let mut occupied_since: Option<Instant> = None;
        loop {
            let reason = match self.state().await {
                Ok(Some(DomainState::Off | DomainState::Crashed)) => {
                    self.show_log().await;
                    OFF.to_owned()
                }
                Ok(None) => "the machine has no domain".to_owned(),
                Ok(Some(_)) => match self.attach(false).await {
                    Ok(attached) => return Ok(attached),
                    Err(hypervisor::Error::Busy(_)) => {
                        let since = *occupied_since.get_or_insert_with(Instant::now);
                        if since.elapsed() >= GRACE {
                            return Err(End {
                                by: Some("somebody outside twarga".to_owned()),
                                ..End::of(Ending::Taken)
                            });
                        }
                        "somebody else has the line".to_owned()
                    }
                    // Powered off between the look and the attaching: libvirt's words say less.
                    Err(error) => match self.state().await {
                        Ok(Some(DomainState::Off | DomainState::Crashed)) => OFF.to_owned(),
                        _ => error.to_string(),
                    },
                },
                Err(error) => error.to_string(),
            };
            self.say(Shown::Waiting(reason));
            self.rest().await?;
        }
    }

    /// Rests a moment, and does what is due meanwhile. What is typed while no line stands is lost,
    /// as on any line.
    async fn rest(&mut self) -> std::result::Result<(), End> {
        let until = Instant::now() + AGAIN;
        loop {
            let duty = tokio::select! {
                duty = self.attendant.duty(true) => duty,
                () = sleep_until(until) => return Ok(()),
            };
            match duty {
                Duty::End(end) => return Err(end),
                Duty::Judge => {
                    if let Some(end) = self.attendant.judge().await {
                        return Err(end);
                    }
                }
                Duty::Typed(_) | Duty::Room => {}
            }
        }
    }

    /// What the log has is shown, although no line stands.
    async fn show_log(&mut self) {
        if let Ok((tail, bytes, whole)) = self.read_log().await {
            if !whole {
                self.attendant.line(Line::Missing(None));
            }
            self.show_past(bytes, tail.offset()).await;
        }
    }

    async fn log_size(&self) -> Result<u64> {
        tail::size(&self.attendant.core, &self.log).await
    }

    async fn state(&self) -> hypervisor::Result<Option<DomainState>> {
        let uuid = self.attendant.vm.uuid;
        let look =
            self.attendant
                .core
                .hypervisor()
                .call(Lane::Act, "look at a domain", LOOK_DEADLINE, move |it| {
                    it.state(uuid)
                });
        look.await
    }

    /// Carries bytes both ways until the line falls (`None`) or the console ends.
    async fn relay(&mut self, line: Attached) -> Option<End> {
        let hypervisor::Console { mut output, input } = line.console;
        let mut joint = line.joint;
        let mut silence = Silence::new();
        let mut to_guest: VecDeque<Vec<u8>> = VecDeque::new();
        loop {
            let room = self.attendant.has_room();
            let look_at = joint.look_at();
            tokio::select! {
                duty = self.attendant.duty(to_guest.is_empty()) => match duty {
                    Duty::End(end) => return Some(end),
                    Duty::Room => {}
                    Duty::Judge => if let Some(end) = self.attendant.judge().await {
                        return Some(end);
                    },
                    Duty::Typed(typed) => {
                        self.attendant.note_input(&typed).await;
                        if let Typed::Bytes(bytes) | Typed::Answer(bytes) = typed {
                            to_guest.push_back(bytes);
                        }
                    }
                },
                permit = input.reserve(), if !to_guest.is_empty() => match permit {
                    Ok(permit) => if let Some(bytes) = to_guest.pop_front() {
                        permit.send(bytes);
                    },
                    // Its end is on the way.
                    Err(_) => to_guest.clear(),
                },
                output = output.recv(), if room => match output {
                    Some(Output::Bytes(bytes)) => {
                        silence.broken();
                        self.wrote(&mut joint, bytes).await;
                    }
                    Some(Output::Dropped(count)) => self.attendant.line(Line::Missing(Some(count))),
                    Some(Output::Ended(_)) | None => {
                        self.fall(joint).await;
                        return None;
                    }
                },
                () = at(look_at), if look_at.is_some() => self.join(&mut joint).await,
                // While the seam is searched the log is followed anyway.
                () = sleep_until(silence.look_at()), if look_at.is_none() && room => {
                    if self.is_deaf(&mut silence).await {
                        tracing::warn!(console = self.attendant.id.0, "a line brings nothing any more");
                        return None;
                    }
                }
            }
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
