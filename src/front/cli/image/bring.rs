//! Bringing an image to this host, with a line that says how far it is.

use crate::core::{self, Core, Local, OnStage, Stage};
use crate::front::cli::Cli;
use crate::front::cli::failure::Failure;
use crate::front::cli::output::{Output, bytes};
use crate::front::cli::progress::{ProgressLine, pace_words};
use crate::front::cli::shape::LocalImageShape;
use crate::model::{Pace, Progress};
use std::time::{Duration, Instant};

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// Brings an image to this host, by whatever way, and shows how far it is.
pub async fn bring(
    cli: &mut Cli,
    goes_on: &str,
    way: impl AsyncFnOnce(&Core, OnStage<'_>) -> core::Result<Local>,
) -> Result<(), Failure> {
    let mut line = BringLine::new(&mut cli.output);
    let brought = {
        let mut told = |stage, progress| line.show(stage, progress);
        tokio::select! {
            brought = way(&cli.core, &mut told) => Some(brought),
            // What came stays.
            _ = tokio::signal::ctrl_c() => None,
        }
    };
    drop(line);
    let Some(brought) = brought else {
        return Err(Failure::Usage(format!("broken off; {goes_on}")));
    };
    let local = brought?;
    cli.output.result(&LocalImageShape::new(&local), |page| {
        page.line(&super::here(&local))
    })
}

/// The line that says how far an image is, with its rate and the time left.
pub struct BringLine<'o> {
    line: ProgressLine<'o>,
    began: Instant,
    shown: Option<(Stage, Instant)>,
    pace: Pace,
}

impl<'o> BringLine<'o> {
    pub fn new(output: &'o mut Output) -> Self {
        Self {
            line: ProgressLine::new(output),
            began: Instant::now(),
            shown: None,
            pace: Pace::default(),
        }
    }

    pub fn show(&mut self, stage: Stage, progress: Progress) {
        let is_new = self.shown.is_none_or(|(shown, _)| shown != stage);
        if is_new {
            self.pace = Pace::default();
        }
        self.pace.saw(self.began.elapsed(), progress.done);
        let is_due = self.shown.is_none_or(|(_, at)| at.elapsed() >= SHOW_EVERY);
        if is_new || is_due {
            self.shown = Some((stage, Instant::now()));
            self.line.show(&sentence(stage, progress, &self.pace));
        }
    }
}

/// `downloading: 12.0 MiB of 19.0 MiB, 1.2 MiB/s, 6s left`
fn sentence(stage: Stage, progress: Progress, pace: &Pace) -> String {
    let mut line = stage.as_str().to_owned();
    if progress.done > 0 {
        line.push_str(&format!(": {}", bytes(progress.done)));
    }
    if let Some(total) = progress.total {
        line.push_str(&format!(" of {}", bytes(total)));
    }
    line.push_str(&pace_words(progress, pace));
    line
}
