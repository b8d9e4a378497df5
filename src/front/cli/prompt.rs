//! Asking on a terminal, and taking passwords from a pipe.
//!
//! A password is typed with the echo off. The echo comes back when [`Quiet`] is dropped: at the
//! end, on an error, and when a signal makes the command's future end early, because reading
//! happens on a thread of its own while the guard lives in the future.

use super::failure::Failure;
use super::output::Output;
use crate::front::signals::Ending;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, Read};

/// Longer than any password or name that is accepted; a line beyond it is refused unread.
const LINE_LIMIT: u64 = 4 * 1024;

/// Asks for a line.
///
/// # Errors
/// [`Failure::Usage`] with `instead` where there is no terminal to ask on.
pub async fn line(output: &mut Output, question: &str, instead: &str) -> Result<String, Failure> {
    ask(output, question, instead, &mut Ending::listen()).await
}

/// Asks for a yes; anything else is a no.
///
/// # Errors
/// [`Failure::Usage`] with `instead` where there is no terminal to ask on.
pub async fn yes(output: &mut Output, question: &str, instead: &str) -> Result<bool, Failure> {
    let answer = line(output, question, instead).await?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Asks for a password, without echo.
///
/// # Errors
/// [`Failure::Usage`] with `instead` where there is no terminal to ask on.
pub async fn password(output: &mut Output, question: &str, instead: &str) -> Result<String, Failure> {
    let mut ending = Ending::listen();
    let quiet = match output.streams().input_is_terminal {
        true => Some(Quiet::begin()?),
        false => None,
    };
    let answer = ask(output, question, instead, &mut ending).await;
    if quiet.is_some() {
        output.note("");
    }
    answer
}

/// Asks for a new password, twice.
///
/// # Errors
/// Also [`Failure::Usage`] if the two differ.
pub async fn new_password(output: &mut Output, question: &str, instead: &str) -> Result<String, Failure> {
    let first = password(output, question, instead).await?;
    if password(output, "Once more: ", instead).await? != first {
        return Err(Failure::Usage(
            "the two passwords differ; nothing was changed".to_owned(),
        ));
    }
    Ok(first)
}

/// Takes `count` lines from standard input, for `--password-stdin`.
///
/// # Errors
/// [`Failure::Usage`] if there are fewer, or one is too long.
pub async fn lines_of_input(count: usize) -> Result<Vec<String>, Failure> {
    let mut ending = Ending::listen();
    let mut lines = Vec::with_capacity(count);
    for _ in 0..count {
        lines.push(read_line("standard input ended before the password", &mut ending).await?);
    }
    Ok(lines)
}

/// Takes all of standard input, of at most `limit` bytes.
///
/// # Errors
/// [`Failure::Usage`] if there is more, or it is no text.
pub async fn all_of_input(limit: u64) -> Result<String, Failure> {
    let text = on_a_thread(&mut Ending::listen(), move || {
        let mut text = Vec::new();
        std::io::stdin().lock().take(limit + 1).read_to_end(&mut text)?;
        Ok(text)
    })
    .await?;
    if text.len() as u64 > limit {
        let sentence = format!("standard input is longer than {} KiB", limit / 1024);
        return Err(Failure::Usage(sentence));
    }
    String::from_utf8(text).map_err(|_| Failure::Usage("standard input is not text".to_owned()))
}

async fn ask(
    output: &mut Output,
    question: &str,
    instead: &str,
    ending: &mut Ending,
) -> Result<String, Failure> {
    if !output.streams().input_is_terminal {
        return Err(Failure::Usage(instead.to_owned()));
    }
    output.note_part(question);
    read_line("nothing was typed", ending).await
}

/// Reads a line.
async fn read_line(ended: &'static str, ending: &mut Ending) -> Result<String, Failure> {
    let line = on_a_thread(ending, || {
        let mut line = String::new();
        // One line and no more: what follows belongs to the next question. Standard input's own
        // buffer keeps it.
        std::io::stdin().lock().take(LINE_LIMIT).read_line(&mut line)?;
        Ok(line)
    })
    .await?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.strip_suffix('\r').unwrap_or(line).to_owned()),
        None if line.is_empty() => Err(Failure::Usage(ended.to_owned())),
        None if line.len() as u64 >= LINE_LIMIT => {
            Err(Failure::Usage("the line is longer than 4096 bytes".to_owned()))
        }
        None => Ok(line),
    }
}

/// Reads on a thread of its own: a terminal may take for ever, and the runtime must not wait for
/// it when a signal ends the command.
async fn on_a_thread<T: Send + 'static>(
    ending: &mut Ending,
    read: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let (answer, read_in) = tokio::sync::oneshot::channel();
    let reader = move || {
        let _nobody_waits = answer.send(read());
    };
    let io = |reason| Failure::Io {
        what: "reading standard input".to_owned(),
        reason,
    };
    std::thread::Builder::new()
        .name("prompt".to_owned())
        .spawn(reader)
        .map_err(io)?;
    tokio::select! {
        read = read_in => read.map_err(|_| Failure::Interrupted)?.map_err(io),
        () = ending.asked() => Err(Failure::Interrupted),
    }
}

/// A terminal whose echo is off until this is dropped.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> Result<Self, Failure> {
        let io = |errno: rustix::io::Errno| Failure::Io {
            what: "switching the terminal's echo off".to_owned(),
            reason: errno.into(),
        };
        let before = tcgetattr(std::io::stdin()).map_err(io)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        // The line feed of the Enter key is echoed by us, once the answer is there.
        quiet.local_modes.remove(LocalModes::ECHONL);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet).map_err(io)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _terminal_gone = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}
