//! Images.

use super::Cli;
use super::arguments::ImageCommand;
use super::failure::Failure;
use super::output::{Align, Table, bytes};
use super::shape::ImageShape;
use crate::model::{Architecture, Image, ImageKind, Readiness};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What is shown where nothing is known.
const UNKNOWN: &str = "-";

/// `twarga image`
pub async fn run(cli: &mut Cli, command: ImageCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    let today = cli.now().to_zoned(TimeZone::UTC).date();
    match command {
        ImageCommand::List => {
            let images = cli.core.images(&ctx).await?;
            let shapes: Vec<_> = images.iter().map(|image| ImageShape::new(image, today)).collect();
            cli.output.result(&shapes, |page| {
                page.table(&table(&images, today), "the catalogue is empty")
            })
        }
        ImageCommand::Show { id } => {
            let image = &cli.core.find_image(&ctx, &id).await?;
            cli.output.result(&ImageShape::new(image, today), |page| {
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
                    ("state", state(image)),
                ]);
            })
        }
    }
}

fn table(images: &[Image], today: Date) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("TITLE", Align::Left),
        ("VERSION", Align::Left),
        ("UPDATES", Align::Left),
        ("TRUST", Align::Left),
        ("USER", Align::Left),
        ("SIZE", Align::Right),
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
