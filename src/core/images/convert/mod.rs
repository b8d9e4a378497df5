//! Makes a plain qcow2 of an image that may be hostile, by a caged `qemu-img`.
//!
//! The order is: the file is opened once; its header is inspected through that descriptor
//! ([`super::inspect`]); `qemu-img` gets the same descriptor as its standard input, and is told the
//! format; what it wrote is inspected again. No name of the input ever reaches QEMU.
//!
//! **How the input is named.** As `json:{…}` built by serde, with the file's driver and the name
//! `/proc/self/fd/0`, both constant: nothing of the user's is in it to be taken for an option, a
//! protocol or another `json:`. Against `-f FORMAT NAME` and `--image-opts` it has one more merit:
//! only JSON can say `"backing": null`, so that no backing file would be opened even if the header
//! named one after all. The output is an absolute path, in which QEMU sees no protocol, because a
//! slash comes before any colon.
//!
//! Whoever can write the input while it is converted may still change its header between the look
//! and the use; the cage is what stands then: nothing but the input can be opened.

mod cage;
#[cfg(test)]
mod tests;

use super::inspect::{Format, Inspected, Refusal, check_name, inspect};
use crate::model::text;
use cage::{Cage, Files};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

/// Bytes of what `qemu-img` says that are kept.
const MOST_SAID: usize = 4096;

/// What a conversion may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Processor time, whole seconds.
    pub processor: Duration,
    /// Bytes of the result.
    pub file: u64,
    /// Time by the wall clock.
    pub time: Duration,
}

impl Limits {
    /// For an image of a size in bytes: what an honest one needs several times over. The largest
    /// tables of 64 TiB disks need some hundred MiB; a slow disk writes 4 MiB a second.
    pub fn of(image: &Inspected) -> Self {
        let time = Duration::from_secs(300 + image.virtual_size.min(1 << 40) / (4 << 20));
        Self {
            memory: 2 << 30,
            processor: time,
            // Tables add 8 bytes and a reference count per cluster of 64 KiB.
            file: image.virtual_size + image.virtual_size / 1024 + (16 << 20),
            time,
        }
    }
}

/// A conversion that was refused or failed; nothing of its result is left.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input must not be opened.
    #[error("it {0}")]
    Refused(#[from] Refusal),
    /// A program is not installed.
    #[error("`{0}` is not installed (Debian: qemu-utils, util-linux)")]
    Missing(&'static str),
    /// The system refused something.
    #[error("{what}: {reason}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's words.
        reason: io::Error,
    },
    /// It took longer than [`Limits::time`].
    #[error("qemu-img was not done after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// `qemu-img` said why, sanitized.
    #[error("qemu-img: {0}")]
    Failed(String),
    /// `qemu-img` ended without a word, or was ended by a limit.
    #[error("qemu-img ended: {0}")]
    Ended(String),
    /// What `qemu-img` wrote is not what was asked for.
    #[error("qemu-img's result {0}")]
    Result(Refusal),
}

/// What is to be converted into what.
pub struct Order {
    /// The image, open for reading.
    pub input: File,
    /// What it is said to be.
    pub declared: Option<Format>,
    /// Absolute path that does not exist yet, in a folder that is the caller's own.
    pub output: PathBuf,
    /// What it may use; without them, [`Limits::of`] the image.
    pub limits: Option<Limits>,
}

/// Converts an image into a qcow2 (compat 1.1) of mode 0600 that stands alone. Percents done go to
/// `progress`. Dropping the future ends `qemu-img` and removes what it wrote.
///
/// # Errors
/// See [`Error`].
pub async fn convert(order: Order, progress: &mut (dyn FnMut(f32) + Send)) -> Result<Inspected, Error> {
    let Order {
        input,
        declared,
        output,
        limits,
    } = order;
    let (input, image) = off_the_worker(move || look(input, declared)).await??;
    let limits = limits.unwrap_or_else(|| Limits::of(&image));
    check_name(&output)?;
    let half = Half::create(&output)?;
    let files = Files {
        input,
        output: half.file()?,
    };
    let cage = Cage::build(limits).await?;
    let (child, _hold) = cage.start(arguments(image.format, &output), files).await?;
    match tokio::time::timeout(limits.time, run(child, progress)).await {
        Ok(ended) => ended?,
        Err(_) => return Err(Error::TimedOut(limits.time)),
    }
    let result = half.file()?;
    let (_, made) = off_the_worker(move || look(result, Some(Format::Qcow2)))
        .await?
        .map_err(|error| match error {
            Error::Refused(refusal) => Error::Result(refusal),
            other => other,
        })?;
    if made.virtual_size != image.virtual_size || made.snapshots != 0 {
        return Err(Error::Result(Refusal::Size(made.virtual_size)));
    }
    let written = half.file()?;
    off_the_worker(move || written.sync_all())
        .await?
        .map_err(|reason| failed("write the image", reason))?;
    half.keep();
    Ok(made)
}

/// Inspects a file through the very descriptor that is used afterwards.
fn look(mut file: File, declared: Option<Format>) -> Result<(File, Inspected), Error> {
    let metadata = file.metadata().map_err(Refusal::from)?;
    if !metadata.is_file() {
        return Err(Refusal::Elsewhere("is not a regular file".to_owned()).into());
    }
    let inspected = inspect(&mut file, declared)?;
    Ok((file, inspected))
}

fn arguments(format: Format, output: &Path) -> Vec<std::ffi::OsString> {
    let input = json!({
        "driver": format.name(),
        "read-only": true,
        "backing": null,
        "file": { "driver": "file", "filename": "/proc/self/fd/0" },
    });
    let source = format!("json:{input}");
    ["convert", "-p", "-O", "qcow2", "-o", "compat=1.1", &source]
        .map(Into::into)
        .into_iter()
        .chain([output.into()])
        .collect()
}

/// Waits for `qemu-img`, follows its progress and keeps the beginning of what it says.
async fn run(mut child: Child, progress: &mut (dyn FnMut(f32) + Send)) -> Result<(), Error> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ((), said, ended) = tokio::join!(follow(stdout, progress), keep(stderr), child.wait());
    let status = ended.map_err(|reason| failed("wait for qemu-img", reason))?;
    if status.success() {
        return Ok(());
    }
    Err(match words(&said) {
        words if words.is_empty() || status.signal().is_some() => Error::Ended(how(status)),
        words => Error::Failed(words),
    })
}

/// What `qemu-img` wrote, on one line, without its name and without what may act in a terminal.
fn words(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines = said
        .lines()
        .map(|line| line.trim().trim_start_matches("qemu-img: "));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    text::visible_within(&lines.join("; "), 300)
}

fn how(status: ExitStatus) -> String {
    match status.signal() {
        Some(libc::SIGXCPU) => "it needed too much processor time".to_owned(),
        Some(libc::SIGXFSZ) => "its result grew too large".to_owned(),
        // Glib aborts or traps when memory ends; a signal of its own there is not.
        Some(libc::SIGABRT | libc::SIGTRAP) => {
            "it gave up, probably for lack of the memory allowed".to_owned()
        }
        Some(signal) => format!("signal {signal}"),
        None => format!("exit code {}", status.code().unwrap_or(-1)),
    }
}

/// Tells the percents of `    (12.50/100%)\r`.
async fn follow(stdout: Option<impl AsyncRead + Unpin>, progress: &mut (dyn FnMut(f32) + Send)) {
    let Some(mut stdout) = stdout else { return };
    let (mut line, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stdout.read(&mut buffer).await {
        for &byte in &buffer[..read] {
            if matches!(byte, b'\r' | b'\n') {
                if let Some(done) = percent(&line) {
                    progress(done);
                }
                line.clear();
            } else if line.len() < 64 {
                line.push(byte);
            }
        }
    }
}

fn percent(line: &[u8]) -> Option<f32> {
    let line = std::str::from_utf8(line).ok()?;
    let done: f32 = line
        .trim()
        .strip_prefix('(')?
        .strip_suffix("/100%)")?
        .parse()
        .ok()?;
    (0.0..=100.0).contains(&done).then_some(done)
}

/// Reads all and keeps the beginning: who writes more must not stand still for it.
async fn keep(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut said, mut buffer) = (Vec::new(), [0; 1024]);
    let Some(mut from) = from else { return said };
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let room = MOST_SAID - said.len();
        said.extend_from_slice(&buffer[..read.min(room)]);
    }
    said
}

/// A result that is removed unless it is kept.
struct Half {
    file: File,
    path: Option<PathBuf>,
}

impl Half {
    fn create(path: &Path) -> Result<Self, Error> {
        if !path.is_absolute() {
            let reason = io::Error::other("its path does not begin with /");
            return Err(failed("create the image", reason));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|reason| failed("create the image", reason))?;
        Ok(Self {
            file,
            path: Some(path.to_owned()),
        })
    }

    fn file(&self) -> Result<File, Error> {
        self.file
            .try_clone()
            .map_err(|reason| failed("open the image", reason))
    }

    fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

fn failed(what: &'static str, reason: io::Error) -> Error {
    Error::Io { what, reason }
}

/// Runs what may wait for a disk where that is allowed.
async fn off_the_worker<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Ended(error.to_string()))
}
