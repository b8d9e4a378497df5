//! Images.

use super::Cli;
use super::arguments::ImageCommand;
use super::failure::Failure;
use super::output::{Align, Output, Table, bytes, span};
use super::prompt;
use super::shape::{ImageShape, LocalImageShape, RemovedImageShape};
use crate::core::{self, Core, Ctx, Format, Import, Local, OnStage, Stage};
use crate::model::text::visible_within;
use crate::model::{Architecture, Image, ImageKind, NoDigest, Pace, Progress, Readiness};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What is shown where nothing is known.
const UNKNOWN: &str = "-";
/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// `twarga image`
pub async fn run(cli: &mut Cli, command: ImageCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    let today = cli.now().to_zoned(TimeZone::UTC).date();
    match command {
        ImageCommand::List => {
            let images = cli.core.images(&ctx).await?;
            let uses = cli.core.image_uses(&ctx).await?;
            let shapes: Vec<_> = images
                .iter()
                .map(|image| ImageShape::new(image, today, machines(&uses, image)))
                .collect();
            cli.output.result(&shapes, |page| {
                page.table(&table(&images, today, &uses), "the catalogue is empty")
            })
        }
        ImageCommand::Show { id } => {
            let image = &cli.core.find_image(&ctx, &id).await?;
            let machines = machines(&cli.core.image_uses(&ctx).await?, image);
            cli.output
                .result(&ImageShape::new(image, today, machines), |page| {
                    page.pairs(&[
                        ("image", image.id.clone()),
                        ("also", image.aliases.join(", ")),
                        ("title", image.title.clone()),
                        ("boots", boots(image).to_owned()),
                        ("version", image.version.clone()),
                        ("updates", updates(image, today)),
                        ("processors", architecture(image).to_owned()),
                        ("trust", image.trust.as_str().to_owned()),
                        ("user", image.default_user.clone()),
                        ("least disk", format!("{} GiB", image.min_disk_gib)),
                        ("size", size(image)),
                        ("machines", machines.to_string()),
                        ("state", state(image)),
                    ]);
                })
        }
        ImageCommand::Pull { id } => {
            bring(cli, "the same command goes on from here", async |core, told| {
                core.pull_image(&ctx, &id, told).await
            })
            .await
        }
        ImageCommand::Import {
            from,
            id,
            user,
            title,
            format,
            sha256,
        } => {
            let expect = sha256.map(|hex| format!("sha256:{hex}").parse()).transpose();
            let import = Import {
                from,
                id,
                title,
                format: format.as_deref().and_then(Format::parse),
                default_user: user,
                expect: expect.map_err(|error: NoDigest| Failure::Usage(error.to_string()))?,
            };
            bring(cli, "the same command goes on", async |core, told| {
                core.import_image(&ctx, import, told).await
            })
            .await
        }
        ImageCommand::Remove { id, yes } => remove(cli, &ctx, &id, yes).await,
    }
}

/// Brings an image to this host, by whatever way, and shows how far it is.
async fn bring(
    cli: &mut Cli,
    goes_on: &str,
    way: impl AsyncFnOnce(&Core, OnStage<'_>) -> core::Result<Local>,
) -> Result<(), Failure> {
    let mut line = PullLine::new(&mut cli.output);
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
        page.line(&format!(
            "{} is on this host: {}, {} ({})",
            local.about.id,
            bytes(local.size),
            local.digest,
            local.trust.as_str()
        ))
    })
}

async fn remove(cli: &mut Cli, ctx: &Ctx, id: &str, yes: bool) -> Result<(), Failure> {
    let image = cli.core.find_image(ctx, id).await?;
    if !yes {
        let question = format!("This removes {} from this host. [y/N] ", image.id);
        let instead = format!(
            "there is no terminal to ask on: `twarga image remove {} --yes`",
            image.id
        );
        if !prompt::yes(&mut cli.output, &question, &instead).await? {
            return Err(Failure::Usage("nothing was changed".to_owned()));
        }
    }
    let freed = cli.core.remove_image(ctx, &image.id).await?;
    let shape = RemovedImageShape {
        removed: image.id.clone(),
        freed,
    };
    cli.output.result(&shape, |page| {
        page.line(&format!("{} is gone, {} are free", image.id, bytes(freed)))
    })
}

/// One line on a terminal that says how far a download is, redrawn in place; in a pipe nothing.
struct PullLine<'o> {
    output: &'o mut Output,
    began: Instant,
    shown: Option<(Stage, Instant)>,
    pace: Pace,
}

impl<'o> PullLine<'o> {
    fn new(output: &'o mut Output) -> Self {
        Self {
            output,
            began: Instant::now(),
            shown: None,
            pace: Pace::default(),
        }
    }

    fn show(&mut self, stage: Stage, progress: Progress) {
        let is_new = self.shown.is_none_or(|(shown, _)| shown != stage);
        if is_new {
            self.pace = Pace::default();
        }
        self.pace.saw(self.began.elapsed(), progress.done);
        let is_due = self.shown.is_none_or(|(_, at)| at.elapsed() >= SHOW_EVERY);
        if !(is_new || is_due) || !self.output.streams().error_is_terminal {
            return;
        }
        self.shown = Some((stage, Instant::now()));
        let line = sentence(stage, progress, &self.pace);
        // 79: a line that reaches the last column of a narrow terminal could not be redrawn.
        self.output
            .note_part(&format!("\r\x1b[K{}", visible_within(&line, 79)));
    }
}

impl Drop for PullLine<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.output.note_part("\r\x1b[K");
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
    if let Some(rate) = pace.rate() {
        line.push_str(&format!(", {}/s", bytes(rate as u64)));
    }
    if let Some(left) = progress.total.and_then(|total| pace.left(total)) {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        line.push_str(&format!(", {} left", span(seconds)));
    }
    line
}

fn machines(uses: &BTreeMap<String, u64>, image: &Image) -> u64 {
    uses.get(&image.id).copied().unwrap_or(0)
}

fn table(images: &[Image], today: Date, uses: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("TITLE", Align::Left),
        ("VERSION", Align::Left),
        ("UPDATES", Align::Left),
        ("TRUST", Align::Left),
        ("USER", Align::Left),
        ("SIZE", Align::Right),
        ("USED", Align::Right),
        ("STATE", Align::Left),
    ]);
    for image in images {
        table.push([
            image.id.clone(),
            image.title.clone(),
            image.version.clone(),
            updates(image, today),
            image.trust.as_str().to_owned(),
            image.default_user.clone(),
            size(image),
            machines(uses, image).to_string(),
            state(image),
        ]);
    }
    table
}

fn boots(image: &Image) -> &'static str {
    match image.kind {
        ImageKind::Kernel => "its kernel directly; the disk holds data",
        ImageKind::Disk => "from its disk",
    }
}

/// Until when it has security updates.
fn updates(image: &Image, today: Date) -> String {
    match image.end_of_life {
        Some(end) if image.is_past_end(today) => format!("ended {end}"),
        Some(end) => format!("until {end}"),
        None => UNKNOWN.to_owned(),
    }
}

fn architecture(image: &Image) -> &'static str {
    image.architecture.map_or(UNKNOWN, Architecture::as_str)
}

fn size(image: &Image) -> String {
    image.size.map_or_else(|| UNKNOWN.to_owned(), bytes)
}

fn state(image: &Image) -> String {
    match &image.readiness {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Remote => "to download".to_owned(),
        Readiness::Unavailable(reason) => format!("not ready: {reason}"),
    }
}
