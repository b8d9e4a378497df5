//! Recordings: written while a console is open, kept under the machine's owner, played again.

use super::asciicast::{self, Cast, Decoder, Happening, Moment};
use crate::core::policy::{Permission, Relation, allows};
use crate::core::{Core, Ctx, Error, Result, off_worker, secrets, vms};
use crate::model::{
    ConsoleId, EventType, NewEvent, Recording, RecordingId, RecordingMode, Severity, User, VmId,
};
use crate::store::{Epoch, Reader};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Lines that wait for the disk.
const WAITING: usize = 256;
/// How often what was written goes to the file although the buffer is not full.
const FLUSH: Duration = Duration::from_secs(1);
/// A recording is read whole: larger files than these are not.
const LARGEST: u64 = 256 << 20;

/// A recording and what is in it.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its row.
    pub recording: Recording,
    /// The file as it is.
    pub text: String,
    /// The file as read.
    pub cast: Cast,
}

impl Core {
    /// Recordings the caller may play, newest first.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], the database's.
    pub async fn recordings(&self, ctx: &Ctx) -> Result<Vec<Recording>> {
        self.inspect(ctx, |reader, actor| {
            let everything = allows(actor.role, Permission::SeeRecording, Relation::Others);
            Ok(reader.recordings((!everything).then_some(actor.id))?)
        })
        .await
    }

    /// A recording with its content. Who plays one is logged.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`] if its file cannot be read, [`Error::Conflict`] if it is
    /// no recording.
    pub async fn play(&self, ctx: &Ctx, id: RecordingId) -> Result<Played> {
        let recording = self
            .change(
                ctx,
                Permission::SeeRecording,
                move |reader, actor| Ok(relation(actor, &visible(reader, actor, id)?)),
                move |writer, ctx, actor| {
                    let recording = visible(writer, actor, id)?;
                    let message = format!(
                        "{} played recording {id} of {}",
                        actor.username, recording.vm_name
                    );
                    let event = NewEvent::new(EventType::Vm, Severity::Info, "recording.played", &message);
                    let details = json!({ "recording": id, "source": ctx.source().describe() });
                    writer.append_event(&event.user(actor.id).vm(recording.vm).details(details))?;
                    Ok(recording)
                },
            )
            .await?;
        let path = file(&self.settings().state_dir, id);
        off_worker(move || {
            let mut text = String::new();
            File::open(&path)
                .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
                .map_err(|error| io_error(&path, &error))?;
            let cast =
                Cast::read(&text).map_err(|reason| Error::Conflict(format!("recording {id}: {reason}")))?;
            Ok(Played {
                recording,
                text,
                cast,
            })
        })
        .await
    }

    /// Removes a recording.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`], [`Error::Io`] if its file cannot be removed.
    pub async fn remove_recording(&self, ctx: &Ctx, id: RecordingId) -> Result<()> {
        let path = file(&self.settings().state_dir, id);
        self.change(
            ctx,
            Permission::ChangeRecording,
            move |reader, actor| Ok(relation(actor, &visible(reader, actor, id)?)),
            move |writer, _, actor| {
                let recording = visible(writer, actor, id)?;
                // The file first: a row without one can be removed again, a file without a row not.
                remove_file(&path)?;
                writer.remove_recording(id)?;
                let message = format!(
                    "{} removed recording {id} of {}",
                    actor.username, recording.vm_name
                );
                let event = NewEvent::new(EventType::Vm, Severity::Info, "recording.removed", &message);
                let details = json!({ "recording": id });
                writer.append_event(&event.user(actor.id).vm(recording.vm).details(details))?;
                Ok(())
            },
        )
        .await
    }

    /// Whether a machine's consoles are recorded: its own setting.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn recording_mode(&self, ctx: &Ctx, vm: VmId) -> Result<RecordingMode> {
        self.inspect(ctx, move |reader, actor| {
            vms::relation_to(reader, actor, vm)?;
            Ok(reader.recording_mode(vm)?)
        })
        .await
    }

    /// Says whether a machine's consoles are recorded, from the next one opened on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotPermitted`].
    pub async fn set_recording_mode(&self, ctx: &Ctx, vm: VmId, mode: RecordingMode) -> Result<()> {
        self.change(
            ctx,
            Permission::ChangeRecording,
            move |reader, actor| vms::relation_to(reader, actor, vm),
            move |writer, _, actor| {
                let row = writer.vm(vm)?.ok_or_else(|| vms::unknown(vm))?;
                writer.set_recording_mode(vm, mode)?;
                let message = format!("{} set recording of {} to {mode}", actor.username, row.name);
                let event = NewEvent::new(EventType::Vm, Severity::Info, "recording.mode", &message);
                writer.append_event(&event.user(actor.id).vm(vm).details(json!({ "mode": mode })))?;
                Ok(())
            },
        )
        .await
    }

    /// Removes recordings that are older than they are to be kept.
    pub(in crate::core) async fn sweep_recordings(&self, epoch: Epoch) -> Result<()> {
        let keep = self.settings().consoles.keep_recordings;
        let Ok(before) = self.now().checked_sub(keep) else {
            return Ok(());
        };
        for id in self
            .read(move |reader| Ok(reader.recordings_before(before)?))
            .await?
        {
            let path = file(&self.settings().state_dir, id);
            self.write_as_keeper(epoch, move |writer| {
                remove_file(&path)?;
                writer.remove_recording(id)?;
                let message = format!("recording {id} was removed: it was kept long enough");
                let event = NewEvent::new(EventType::System, Severity::Info, "recording.expired", &message);
                writer.append_event(&event.details(json!({ "recording": id })))?;
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

fn visible(reader: &Reader<'_>, actor: &User, id: RecordingId) -> Result<Recording> {
    reader
        .recording(id)?
        .filter(|it| allows(actor.role, Permission::SeeRecording, relation(actor, it)))
        .ok_or_else(|| Error::NotFound {
            what: "recording",
            name: id.to_string(),
        })
}

fn relation(actor: &User, recording: &Recording) -> Relation {
    if actor.id == recording.owner {
        Relation::Own
    } else {
        Relation::Others
    }
}

fn file(state_dir: &Path, id: RecordingId) -> PathBuf {
    state_dir.join("recordings").join(format!("{id}.cast"))
}

fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path, &error)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path, error: &io::Error) -> Error {
    Error::Io {
        what: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// Writes one recording, on a thread of its own.
pub struct Recorder {
    core: Core,
    id: RecordingId,
    began: Instant,
    with_input: bool,
    lines: mpsc::Sender<String>,
    ended: oneshot::Receiver<std::result::Result<u64, String>>,
    written: u64,
    output: Decoder,
    input: Decoder,
}

impl Recorder {
    /// Begins one of a terminal of that size.
    pub(super) async fn begin(
        core: &Core,
        console: ConsoleId,
        with_input: bool,
        size: (u16, u16),
    ) -> Result<Self> {
        let recording = core
            .write(move |writer| {
                let console = writer
                    .console(console)?
                    .ok_or_else(|| super::unknown_console(console))?;
                let id = writer.insert_recording(&console, with_input)?;
                Ok(writer.recording(id)?)
            })
            .await?;
        let recording = recording.ok_or(crate::store::Error::Missing("recording"))?;
        let state_dir = core.settings().state_dir.clone();
        let path = file(&state_dir, recording.id);
        let made = off_worker(move || {
            secrets::make_private_folder(&state_dir.join("recordings"))?;
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(|error| io_error(&path, &error))
        });
        let file = made.await?;
        let (lines, waiting) = mpsc::channel(WAITING);
        let (tell, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || {
                // Nobody may wait for it any more.
                let _ = tell.send(write(file, waiting).map_err(|error| error.to_string()));
            })
            .map_err(|error| io_error(Path::new("recording"), &error))?;
        let mut recorder = Self {
            core: core.clone(),
            id: recording.id,
            began: Instant::now(),
            with_input,
            lines,
            ended,
            written: 0,
            output: Decoder::default(),
            input: Decoder::default(),
        };
        let title = format!("{} by {}", recording.vm_name, recording.username);
        let header = asciicast::header(size, recording.started_at.as_second(), &title);
        recorder.line(header).await.map_err(Error::Internal)?;
        Ok(recorder)
    }

    /// The guest wrote.
    pub(super) async fn output(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let text = self.output.decode(bytes);
        self.happened(Happening::Output(text)).await
    }

    /// Somebody typed.
    pub(super) async fn input(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        if !self.with_input {
            return Ok(());
        }
        let text = self.input.decode(bytes);
        self.happened(Happening::Input(text)).await
    }

    /// The terminal has another size.
    pub(super) async fn size(&mut self, columns: u16, rows: u16) -> std::result::Result<(), String> {
        self.happened(Happening::Size(columns, rows)).await
    }

    async fn happened(&mut self, happening: Happening) -> std::result::Result<(), String> {
        let at = self.began.elapsed();
        self.line(asciicast::event(&Moment { at, happening })).await
    }

    async fn line(&mut self, line: String) -> std::result::Result<(), String> {
        let longest = self.core.settings().consoles.longest_recording;
        self.written += line.len() as u64;
        if self.written > longest {
            return Err(format!("it has reached {} MiB", longest >> 20));
        }
        if self.lines.send(line).await.is_ok() {
            return Ok(());
        }
        // The thread gave up, and says why.
        match (&mut self.ended).await {
            Ok(Err(reason)) => Err(reason),
            _ => Err("its thread ended".to_owned()),
        }
    }

    /// Ends it; what could be written stays.
    pub(super) async fn end(self) {
        let Self {
            core,
            id,
            lines,
            ended,
            written,
            ..
        } = self;
        drop(lines);
        let bytes = match ended.await {
            Ok(Ok(bytes)) => bytes,
            _ => written,
        };
        let noted = core
            .write(move |writer| Ok(writer.end_recording(id, bytes)?))
            .await;
        if let Err(error) = noted {
            tracing::warn!(recording = id.0, %error, "a recording's end was not noted");
        }
    }
}

/// Writes lines until nobody brings any more; returns the bytes.
fn write(file: File, mut lines: mpsc::Receiver<String>) -> io::Result<u64> {
    let mut file = BufWriter::new(file);
    let (mut bytes, mut flushed) = (0, Instant::now());
    while let Some(line) = lines.blocking_recv() {
        file.write_all(line.as_bytes())?;
        bytes += line.len() as u64;
        if lines.is_empty() || flushed.elapsed() >= FLUSH {
            file.flush()?;
            flushed = Instant::now();
        }
    }
    file.flush()?;
    Ok(bytes)
}
