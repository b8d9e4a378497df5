//! Log files: JSON lines in the state directory, one file a day, old ones removed.
//!
//! Nothing is ever logged to the terminal while a screen is up; `serve` logs to standard error as
//! well, in words, where a service manager keeps it. Whatever a guest, libvirt or a user put into
//! a message is made visible on its way out, so that reading a log in a terminal is safe.
//! Passwords, tokens and keys are never logged: no event is given them.

use crate::model::text::visible;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Lines that may wait for the disk; beyond it, lines are dropped rather than the program held up.
const WAITING_LINES: usize = 8_192;

/// Length at which [`stray_words`] begins anew, bytes.
const STRAY_LIMIT: u64 = 1 << 20;

/// How much is logged, and how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// twarga's own level: error, warn, info, debug or trace.
    pub level: &'static str,
    /// How many days' files are kept.
    pub keep_days: usize,
}

/// Where to besides the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Also {
    /// Nowhere.
    Nothing,
    /// Standard error, in words.
    StandardError,
}

/// Writes out what waits when it is dropped.
pub struct Logging {
    _guard: WorkerGuard,
}

/// Starts logging below the state directory.
///
/// # Errors
/// The folder or file cannot be made: in words, with the file.
pub fn start(state_dir: &Path, amount: Amount, also: Also) -> Result<Logging, String> {
    let folder = state_dir.join("logs");
    let refuse = |reason: &dyn std::fmt::Display| format!("{}: {reason}", folder.display());
    make_private(&folder).map_err(|error| refuse(&error))?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("twarga")
        .filename_suffix("jsonl")
        .max_log_files(amount.keep_days)
        .build(&folder)
        .map_err(|error| refuse(&error))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(files);
    let in_files = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(Visible {
            writer,
            escape: json_escapes,
        })
        .with_filter(filter(amount.level));
    let in_words = (also == Also::StandardError).then(|| {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_target(false)
            .with_writer(Visible {
                writer: io::stderr,
                escape: visible,
            })
            .with_filter(filter(amount.level))
    });
    // A second call in one process (a test) keeps the first.
    let _already = tracing_subscriber::registry()
        .with(in_files)
        .with(in_words)
        .try_init();
    Ok(Logging { _guard: guard })
}

/// A file for what libraries and child processes write to standard error while a screen is up;
/// begun anew when it has grown long. `None` if it cannot be had: then nowhere.
pub fn stray_words(state_dir: &Path) -> Option<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = state_dir.join("logs/stderr.log");
    let long = std::fs::metadata(&path).is_ok_and(|meta| meta.len() > STRAY_LIMIT);
    let mut options = std::fs::OpenOptions::new();
    options.create(true).mode(0o600);
    if long {
        options.write(true).truncate(true);
    } else {
        options.append(true);
    }
    options
        .open(&path)
        .inspect_err(|error| tracing::warn!(%error, "no file for standard error"))
        .ok()
}

/// twarga at its level; the crates below it only when something is wrong.
fn filter(level: &str) -> EnvFilter {
    let others = if level == "trace" { "info" } else { "warn" };
    EnvFilter::new(format!("{others},twarga={}", level))
}

fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// A writer whose lines hold nothing that acts on a terminal. The formatters write one event with
/// one call.
struct Visible<W> {
    writer: W,
    escape: fn(&str) -> Cow<'_, str>,
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Visible<W> {
    type Writer = VisibleLine<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        VisibleLine {
            writer: self.writer.make_writer(),
            escape: self.escape,
        }
    }
}

struct VisibleLine<W> {
    writer: W,
    escape: fn(&str) -> Cow<'_, str>,
}

impl<W: Write> Write for VisibleLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut shown = (self.escape)(line).into_owned();
        shown.push('\n');
        self.writer.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What [`visible`] would change, as JSON's own `\u` escapes: safe to show, and still the same
/// text to whoever parses it.
fn json_escapes(line: &str) -> Cow<'_, str> {
    if matches!(visible(line), Cow::Borrowed(_)) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    let mut buffer = [0; 4];
    for character in line.chars() {
        if matches!(visible(character.encode_utf8(&mut buffer)), Cow::Borrowed(_)) {
            escaped.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a String cannot fail.
            let _infallible = write!(escaped, "\\u{unit:04x}");
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_message_is_safe_to_show_and_stays_the_same_to_a_program() {
        let message = "name \u{202e}evil\u{e0001} ok \x7f";
        let line = serde_json::json!({ "message": message }).to_string();
        let escaped = json_escapes(&line);
        assert!(matches!(visible(&escaped), Cow::Borrowed(_)), "{escaped:?}");
        let back: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(back["message"], message);
    }
}
