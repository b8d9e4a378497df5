//! One line on a terminal that says how far an operation is, redrawn in place; in a pipe nothing.

use super::output::{Output, bytes, span};
use crate::model::text::visible_within;
use crate::model::{Operation, OperationState, Pace, Progress};
use std::time::Instant;

/// What an operation is doing: `create web-1: step 3 of 8, volume, 12.0 MiB of 19.0 MiB`.
pub fn sentence(operation: &Operation) -> String {
    let what = format!("{} {}", operation.kind, operation.subject());
    match operation.state {
        OperationState::Queued => format!("{what}: waits for a keeper"),
        OperationState::Undoing => match operation.current_step() {
            Some(step) => format!("{what}: undoing {}", step.name),
            None => format!("{what}: undoing"),
        },
        OperationState::Running => {
            let Some(step) = operation.current_step() else {
                return format!("{what}: begins");
            };
            let (at, of) = (operation.steps.len(), operation.step_count);
            let amount = match operation.progress {
                None => String::new(),
                Some(progress) => match progress.total {
                    Some(total) => format!(", {} of {}", bytes(progress.done), bytes(total)),
                    None => format!(", {}", bytes(progress.done)),
                },
            };
            format!("{what}: step {at} of {of}, {}{amount}", step.name)
        }
        state => format!("{what}: {state}"),
    }
}

/// `, 1.2 MiB/s, 6s left`, as far as that is known.
pub fn pace_words(progress: Progress, pace: &Pace) -> String {
    let mut words = String::new();
    if let Some(rate) = pace.rate() {
        words.push_str(&format!(", {}/s", bytes(rate as u64)));
    }
    if let Some(left) = progress.total.and_then(|total| pace.left(total)) {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        words.push_str(&format!(", {} left", span(seconds)));
    }
    words
}

/// How an operation that is followed goes on: what it does, how fast, and how long it will take.
pub struct Followed {
    began: Instant,
    pace: Pace,
    steps: usize,
}

impl Followed {
    /// Nothing was seen yet.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            pace: Pace::default(),
            steps: 0,
        }
    }

    /// The sentence for what is seen now.
    pub fn sentence(&mut self, operation: &Operation) -> String {
        let mut line = sentence(operation);
        if operation.steps.len() != self.steps || operation.progress.is_none() {
            self.steps = operation.steps.len();
            self.pace = Pace::default();
        }
        if let Some(progress) = operation.progress {
            self.pace.saw(self.began.elapsed(), progress.done);
            line.push_str(&pace_words(progress, &self.pace));
        }
        line
    }
}

/// The line.
pub struct ProgressLine<'o> {
    output: &'o mut Output,
    shown: Option<String>,
}

impl<'o> ProgressLine<'o> {
    /// Nothing is shown yet.
    pub fn new(output: &'o mut Output) -> Self {
        Self { output, shown: None }
    }

    /// Shows a sentence, if anybody looks and it changed.
    pub fn show(&mut self, sentence: &str) {
        if !self.output.streams().error_is_terminal {
            return;
        }
        // 79: a line that reaches the last column of a narrow terminal could not be redrawn.
        let line = visible_within(sentence, 79);
        if self.shown.as_ref() != Some(&line) {
            self.output.note_part(&format!("\r\x1b[K{line}"));
            self.shown = Some(line);
        }
    }
}

impl Drop for ProgressLine<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.output.note_part("\r\x1b[K");
        }
    }
}
