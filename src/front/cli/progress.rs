//! One line on a terminal that says how far an operation is, redrawn in place; in a pipe nothing.

use super::output::{Output, bytes, span};
use crate::model::text::visible_within;
use crate::model::{Operation, OperationState, Pace, Progress};
use jiff::Timestamp;
use std::time::Instant;

/// What an operation is doing: `create web-1: step 3 of 8, volume, 12.0 MiB of 19.0 MiB`, or
/// `create web-1: step 8 of 8, ready, 12 s: booting`.
pub fn sentence(operation: &Operation, now: Timestamp) -> String {
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
            let seconds = now.duration_since(step.started_at).as_secs().max(0);
            let stage = match step.remark() {
                None => String::new(),
                Some(stage) if operation.progress.is_some() => format!(": {stage}"),
                Some(stage) => format!(", {seconds} s: {stage}"),
            };
            format!("{what}: step {at} of {of}, {}{amount}{stage}", step.name)
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
    pub fn sentence(&mut self, operation: &Operation, now: Timestamp) -> String {
        let mut line = sentence(operation, now);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OperationId, OperationKind, Step, StepState, UserId, VmId};

    #[test]
    fn a_stage_is_told_with_its_time() {
        let began = Timestamp::UNIX_EPOCH;
        let operation = Operation {
            id: OperationId(1),
            kind: OperationKind::Create,
            vm: Some(VmId(1)),
            name: "web-1".to_owned(),
            owner: UserId(1),
            actor: UserId(1),
            state: OperationState::Running,
            error: None,
            steps: vec![Step {
                name: "ready".to_owned(),
                state: StepState::Running,
                started_at: began,
                finished_at: None,
                error: Some("booting".to_owned()),
            }],
            step_count: 8,
            progress: None,
            cancel_requested: false,
            created_at: began,
            finished_at: None,
        };
        let after = began + std::time::Duration::from_secs(12);
        let said = sentence(&operation, after);
        assert_eq!(said, "create web-1: step 1 of 8, ready, 12 s: booting");
    }
}
