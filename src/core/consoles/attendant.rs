//! What every open console has: its channels to the front, its recording, and the watch over
//! whether it may go on.

use super::recording::Recorder;
use super::sessions::Claimed;
use super::{End, Line, Told, Typed};
use crate::core::feed::Truth;
use crate::core::policy::{Permission, allows};
use crate::core::{Core, Ctx, Error, Result, vms};
use crate::model::{ConsoleId, ConsoleKind, Ending, RecordingMode, Vm};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// How often input is noted in the database.
const NOTE_INPUT: Duration = Duration::from_secs(30);
/// How long the last word to a front may take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Looks after one console.
pub struct Attendant {
    pub core: Core,
    pub vm: Vm,
    pub id: ConsoleId,
    kind: ConsoleKind,
    ctx: Ctx,
    told: mpsc::Sender<Told>,
    typed: mpsc::Receiver<Typed>,
    /// What the front has not taken yet. Nothing more is taken in meanwhile.
    to_front: VecDeque<Told>,
    record: RecordingMode,
    recorder: Option<Recorder>,
    idle: Option<Duration>,
    last_input: Instant,
    noted: Instant,
    truth: watch::Receiver<Arc<Truth>>,
    leaving: watch::Receiver<bool>,
}

/// What an attendant has to do next.
pub enum Duty {
    /// Take in what the guest writes: the front has room again.
    Room,
    /// Hand on what the front typed, after [`Attendant::note_input`].
    Typed(Typed),
    /// Ask [`Attendant::judge`]: something changed.
    Judge,
    /// It is over.
    End(End),
}

impl Attendant {
    pub fn new(
        core: &Core,
        ctx: &Ctx,
        claimed: Claimed,
        (told, typed): (mpsc::Sender<Told>, mpsc::Receiver<Typed>),
    ) -> Self {
        let here = &core.0.consoles;
        here.open.send_modify(|open| *open += 1);
        Self {
            core: core.clone(),
            id: claimed.id,
            kind: claimed.kind,
            vm: claimed.vm,
            ctx: ctx.clone(),
            told,
            typed,
            to_front: VecDeque::new(),
            record: claimed.record,
            recorder: None,
            idle: core.settings().consoles.idle,
            last_input: Instant::now(),
            noted: Instant::now(),
            truth: core.world().subscribe(),
            leaving: here.leaving.subscribe(),
        }
    }

    /// Begins the recording, if there is to be one, of a terminal of that size; tells the front.
    ///
    /// # Errors
    /// The recording's: what is to be recorded and cannot be is not shown either.
    pub async fn record(&mut self, (columns, rows): (u16, u16)) -> Result<()> {
        if self.record == RecordingMode::Off {
            return Ok(());
        }
        let with_input = self.record == RecordingMode::Input;
        let recorder = Recorder::begin(&self.core, self.id, with_input, (columns, rows)).await?;
        self.recorder = Some(recorder);
        self.tell(Told::Line(Line::Recording(self.record)));
        Ok(())
    }

    /// Whether the front takes more.
    pub fn has_room(&self) -> bool {
        self.to_front.is_empty()
    }

    /// The guest had written before.
    pub async fn past(&mut self, bytes: Vec<u8>) {
        self.take_in(bytes, Told::Past).await;
    }

    /// The guest wrote.
    pub async fn wrote(&mut self, bytes: Vec<u8>) {
        self.take_in(bytes, Told::Bytes).await;
    }

    async fn take_in(&mut self, bytes: Vec<u8>, told: fn(Vec<u8>) -> Told) {
        if bytes.is_empty() {
            return;
        }
        if let Some(recorder) = &mut self.recorder
            && let Err(reason) = recorder.output(&bytes).await
        {
            self.stop_recording(&reason).await;
        }
        self.tell(told(bytes));
    }

    /// Something became of the line.
    pub fn line(&mut self, line: Line) {
        self.tell(Told::Line(line));
    }

    fn tell(&mut self, told: Told) {
        self.to_front.push_back(told);
    }

    /// Somebody typed: notes it, records it if asked for.
    pub async fn note_input(&mut self, typed: &Typed) {
        if !matches!(typed, Typed::Answer(_)) {
            self.last_input = Instant::now();
        }
        if self.last_input > self.noted && self.noted.elapsed() >= NOTE_INPUT {
            self.noted = self.last_input;
            let id = self.id;
            if let Err(error) = self.core.write(move |writer| Ok(writer.touch_console(id)?)).await {
                tracing::debug!(%error, "input was not noted");
            }
        }
        let kept = match (&mut self.recorder, typed) {
            (Some(recorder), Typed::Bytes(bytes) | Typed::Answer(bytes)) => recorder.input(bytes).await,
            (Some(recorder), Typed::Size(columns, rows)) if self.kind == ConsoleKind::Ssh => {
                recorder.size(*columns, *rows).await
            }
            _ => Ok(()),
        };
        if let Err(reason) = kept {
            self.stop_recording(&reason).await;
        }
    }

    async fn stop_recording(&mut self, reason: &str) {
        tracing::warn!(console = self.id.0, reason, "a recording ended");
        if let Some(recorder) = self.recorder.take() {
            recorder.end().await;
        }
        self.tell(Told::Line(Line::Recording(RecordingMode::Off)));
    }

    /// Waits for what is to be done next, and hands on what is waiting for the front meanwhile.
    /// Input is taken only if it is wanted. Loses nothing when it is dropped half-way.
    pub async fn duty(&mut self, wants_input: bool) -> Duty {
        loop {
            let idle_at = self.idle.map(|idle| self.last_input + idle);
            tokio::select! {
                room = self.told.reserve(), if !self.to_front.is_empty() => match room {
                    Ok(room) => {
                        if let Some(told) = self.to_front.pop_front() {
                            room.send(told);
                        }
                        if self.to_front.is_empty() {
                            return Duty::Room;
                        }
                    }
                    Err(_) => return Duty::End(End::of(Ending::Left)),
                },
                () = self.told.closed() => return Duty::End(End::of(Ending::Left)),
                typed = self.typed.recv(), if wants_input => return match typed {
                    Some(typed) => Duty::Typed(typed),
                    None => Duty::End(End::of(Ending::Left)),
                },
                _ = self.leaving.wait_for(|leaving| *leaving) => return Duty::End(End::of(Ending::Left)),
                () = until(idle_at) => return Duty::End(End::of(Ending::Idle)),
                changed = self.truth.changed() => return match changed {
                    Ok(()) => Duty::Judge,
                    Err(_) => Duty::End(End::of(Ending::Left)),
                },
            }
        }
    }

    /// Why the console must end now, if it must: asked of the database, whatever was true when it
    /// was opened.
    pub async fn judge(&self) -> Option<End> {
        let (id, vm) = (self.id, self.vm.id);
        let asked = self.core.inspect(&self.ctx, move |reader, actor| {
            let may = match vms::relation_to(reader, actor, vm) {
                Ok(relation) => allows(actor.role, Permission::UseConsole, relation),
                Err(Error::NotFound { .. }) => false,
                Err(error) => return Err(error),
            };
            Ok((may, reader.console_end(id)?))
        });
        match asked.await {
            Ok((_, Some((ending, by)))) => Some(End {
                by,
                ..End::of(ending)
            }),
            Ok((true, None)) => None,
            Ok((false, None)) => Some(End::of(Ending::Refused)),
            Err(Error::NotSignedIn(reason)) => Some(End::because(Ending::Refused, reason)),
            // A database that cannot be read now decides nothing.
            Err(error) => {
                tracing::warn!(console = self.id.0, %error, "a console could not be judged");
                None
            }
        }
    }

    /// Ends the console: in the database, in its recording, and to its front.
    pub async fn finish(mut self, end: End) {
        let noted = self.core.note_console_end(self.id, end.ending).await;
        if let Err(error) = noted {
            tracing::warn!(console = self.id.0, %error, "a console's end was not noted");
        }
        if let Some(recorder) = self.recorder.take() {
            recorder.end().await;
        }
        self.tell(Told::Ended(end));
        let rest = std::mem::take(&mut self.to_front);
        let told = self.told.clone();
        let last_words = async move {
            for told_one in rest {
                if told.send(told_one).await.is_err() {
                    return;
                }
            }
        };
        // A front that does not listen has gone.
        let _ = timeout(LAST_WORD, last_words).await;
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.core.0.consoles.open.send_modify(|open| *open -= 1);
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
