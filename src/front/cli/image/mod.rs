//! Images.

mod bring;

use super::Cli;
use super::arguments::ImageCommand;
use super::failure::Failure;
use super::output::{Align, Table, bytes};
use super::progress::sentence;
use super::shape::{
    CleanedShape, ImageShape, LocalImageShape, OperationShape, PulledShape, RemovedImageShape, TriedShape,
    VerifiedImageShape,
};
use super::{operation, prompt};
use crate::core::{Ctx, Error, Format, Import, Local, Soundness, Stage};
use crate::model::{Architecture, Image, ImageKind, NoDigest, Readiness};
use bring::{BringLine, bring};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What is shown where nothing is known.
const UNKNOWN: &str = "-";

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
        ImageCommand::Pull { id, wait } => pull(cli, &ctx, &id, wait.waits()).await,
        ImageCommand::Import {
            from,
            id,
            user,
            title,
            format,
            firmware,
            sha256,
        } => {
            let expect = sha256.map(|hex| format!("sha256:{hex}").parse()).transpose();
            let import = Import {
                from,
                id,
                title,
                format: format.as_deref().and_then(Format::parse),
                default_user: user,
                firmware,
                expect: expect.map_err(|error: NoDigest| Failure::Usage(error.to_string()))?,
            };
            bring(cli, "the same command goes on", async |core, told| {
                core.import_image(&ctx, import, told).await
            })
            .await
        }
        ImageCommand::Verify { id } => verify(cli, &ctx, &id).await,
        ImageCommand::Check => check(cli, &ctx).await,
        ImageCommand::Gc => {
            let freed = cli.core.clean_images(&ctx).await?;
            cli.output.result(&CleanedShape { freed }, |page| {
                page.line(&format!("{} are free", bytes(freed)))
            })
        }
        ImageCommand::Remove { id, yes } => remove(cli, &ctx, &id, yes).await,
    }
}

/// Asks for a download, or follows the one that is at work already: one serves all who want it.
async fn pull(cli: &mut Cli, ctx: &Ctx, id: &str, waits: bool) -> Result<(), Failure> {
    let operation = match cli.core.pull_image(ctx, id).await {
        Err(Error::Busy(at_work)) => {
            cli.output
                .note(&format!("operation {at_work} is downloading it already"));
            at_work
        }
        asked => asked?,
    };
    let operation = match waits {
        true => operation::follow(cli, ctx, operation).await?,
        false => operation::leave(cli, ctx, operation).await?,
    };
    let local = cli.core.local_image(ctx, id).await?;
    let shape = PulledShape {
        operation: OperationShape::from(&operation),
        image: local.as_ref().map(LocalImageShape::new),
    };
    let now = cli.now();
    cli.output.result(&shape, |page| match &local {
        Some(local) if operation.state.is_final() => page.line(&here(local)),
        _ => page.line(&sentence(&operation, now)),
    })
}

/// `debian-12 is on this host: 350 MiB, sha256:… (signed)`
fn here(local: &Local) -> String {
    format!(
        "{} is on this host: {}, {} ({})",
        local.about.id,
        bytes(local.size),
        local.digest,
        local.trust.as_str()
    )
}

async fn verify(cli: &mut Cli, ctx: &Ctx, id: &str) -> Result<(), Failure> {
    let found = {
        let mut line = BringLine::new(&mut cli.output);
        let mut told = |progress| line.show(Stage::Check, progress);
        cli.core.verify_image(ctx, id, &mut told).await?
    };
    let shapes: Vec<_> = found
        .iter()
        .map(|(local, soundness)| VerifiedImageShape::new(local, soundness))
        .collect();
    cli.output.result(&shapes, |page| {
        for ((local, _), shape) in found.iter().zip(&shapes) {
            page.line(&format!("{}: {}", local.volume, shape.found()));
        }
    })?;
    match found.iter().all(|(_, soundness)| *soundness == Soundness::Sound) {
        true => Ok(()),
        false => Err(Error::Image("an image is not what came".to_owned()).into()),
    }
}

async fn check(cli: &mut Cli, ctx: &Ctx) -> Result<(), Failure> {
    let mut tried = Vec::new();
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("ADDRESS", Align::Left),
        ("STATE", Align::Left),
    ]);
    cli.core
        .check_images(ctx, &mut |one| {
            let state = one.reason.clone().unwrap_or_else(|| "serves".to_owned());
            table.push([one.id.clone(), one.url.clone(), state]);
            tried.push((TriedShape::new(one), one.reason.is_none()));
        })
        .await?;
    let shapes: Vec<_> = tried.iter().map(|(shape, _)| shape).collect();
    cli.output.result(&shapes, |page| {
        page.table(&table, "nothing of the catalogue is downloaded")
    })?;
    match tried.iter().filter(|(_, serves)| !serves).count() {
        0 => Ok(()),
        bad => Err(Error::Image(format!("{bad} addresses do not serve")).into()),
    }
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
