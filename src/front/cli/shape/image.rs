//! Shapes of images.

use crate::model::text::visible;
use crate::model::{Architecture, Image, ImageKind, Readiness, Trust};
use jiff::civil::Date;
use serde::Serialize;

/// An image of the catalogue.
#[derive(Debug, Serialize)]
pub struct ImageShape {
    id: String,
    aliases: Vec<String>,
    title: String,
    kind: ImageKind,
    version: String,
    end_of_life: Option<Date>,
    ended: bool,
    architecture: Option<Architecture>,
    trust: Trust,
    default_user: String,
    min_disk_gib: u64,
    size: Option<u64>,
    ready: bool,
    state: &'static str,
    reason: Option<String>,
}

pub(in crate::front::cli) const IMAGE_HELP: &str = "\
JSON: an image (`list`: an array of them) has
  id, aliases, title, kind (kernel|disk), version, end_of_life (last day of its security updates),
  ended (whether that is past), architecture (x86_64|aarch64), trust (local|pinned|signed|TLS
  only|nothing), default_user, min_disk_gib, size (bytes on this host or of the download), ready,
  state (ready|remote|unavailable), reason (why it is not ready)";

impl ImageShape {
    /// As it is on the day `today`.
    pub fn new(image: &Image, today: Date) -> Self {
        let state = match image.readiness {
            Readiness::Ready => "ready",
            Readiness::Remote => "remote",
            Readiness::Unavailable(_) => "unavailable",
        };
        Self {
            id: visible(&image.id).into_owned(),
            aliases: image.aliases.iter().map(|it| visible(it).into_owned()).collect(),
            title: visible(&image.title).into_owned(),
            kind: image.kind,
            version: visible(&image.version).into_owned(),
            end_of_life: image.end_of_life,
            ended: image.is_past_end(today),
            architecture: image.architecture,
            trust: image.trust,
            default_user: visible(&image.default_user).into_owned(),
            min_disk_gib: image.min_disk_gib,
            size: image.size,
            ready: image.readiness == Readiness::Ready,
            state,
            reason: image.refusal().map(|reason| visible(&reason).into_owned()),
        }
    }
}
