//! Images.

use super::Cli;
use super::arguments::ImageCommand;
use super::failure::Failure;
use super::output::{Align, Table, bytes};
use super::shape::ImageShape;
use crate::core::Error;
use crate::model::text::visible_within;
use crate::model::{Image, ImageKind, Readiness};

/// `twarga image`
pub async fn run(cli: &mut Cli, command: ImageCommand) -> Result<(), Failure> {
    let ctx = cli.ctx().await?;
    let images = cli.core.images(&ctx).await?;
    match command {
        ImageCommand::List => {
            let shapes: Vec<_> = images.iter().map(ImageShape::from).collect();
            cli.output.result(&shapes, |page| {
                page.table(&table(&images), "the catalogue is empty")
            })
        }
        ImageCommand::Show { id } => {
            let image = images.iter().find(|image| image.id == id);
            let name = visible_within(&id, 80);
            let image = image.ok_or(Error::NotFound { what: "image", name })?;
            cli.output.result(&ImageShape::from(image), |page| {
                page.pairs(&[
                    ("image", image.id.clone()),
                    ("title", image.title.clone()),
                    ("boots", boots(image).to_owned()),
                    ("version", image.version.clone()),
                    ("user", image.default_user.clone()),
                    ("least disk", format!("{} GiB", image.min_disk_gib)),
                    ("size", bytes(image.size)),
                    ("state", state(image)),
                ]);
            })
        }
    }
}

fn table(images: &[Image]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("TITLE", Align::Left),
        ("VERSION", Align::Left),
        ("USER", Align::Left),
        ("SIZE", Align::Right),
        ("STATE", Align::Left),
    ]);
    for image in images {
        table.push([
            image.id.clone(),
            image.title.clone(),
            image.version.clone(),
            image.default_user.clone(),
            bytes(image.size),
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

fn state(image: &Image) -> String {
    match &image.readiness {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Unavailable(reason) => format!("not ready: {reason}"),
    }
}
