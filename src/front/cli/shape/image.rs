//! Shapes of images.

use super::OperationShape;
use crate::core::{Local, Soundness, Tried};
use crate::model::text::visible;
use crate::model::{Architecture, Digest, Image, ImageKind, Readiness, Trust};
use jiff::Timestamp;
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
    machines: u64,
}

pub(in crate::front::cli) const IMAGE_HELP: &str = "\
JSON: an image (`list`: an array of them) has
  id, aliases, title, kind (kernel|disk), version, end_of_life (last day of its security updates),
  ended (whether that is past), architecture (x86_64|aarch64), trust (local|pinned|signed|TLS
  only|nothing), default_user, min_disk_gib, size (bytes on this host or of the download), ready,
  state (ready|remote|unavailable), reason (why it is not ready), machines (of those one may see,
  how many were made from it)";

pub(in crate::front::cli) const LOCAL_IMAGE_HELP: &str = "\
JSON: id, url (where it came from), digest (of the download), trust (pinned|signed|TLS only|nothing),
  size (bytes on this host), virtual_size (bytes of its disk), brought_at";

pub(in crate::front::cli) const REMOVED_IMAGE_HELP: &str = "\
JSON: removed (id), freed (bytes)";

pub(in crate::front::cli) const PULLED_IMAGE_HELP: &str = "\
JSON: operation (as `op show` prints it), image (null until one is on this host): id, url (where it
  came from), digest (of the download), trust (pinned|signed|TLS only|nothing), size (bytes on this
  host), virtual_size (bytes of its disk), brought_at";

/// What `image pull` prints: the operation, and the newest version on this host.
#[derive(Debug, Serialize)]
pub struct PulledShape {
    /// The download.
    pub operation: OperationShape,
    /// What is here.
    pub image: Option<LocalImageShape>,
}

/// An image that was downloaded.
#[derive(Debug, Serialize)]
pub struct LocalImageShape {
    id: String,
    url: String,
    digest: Digest,
    trust: Trust,
    size: u64,
    virtual_size: u64,
    brought_at: Timestamp,
}

impl LocalImageShape {
    /// As the library has it.
    pub fn new(local: &Local) -> Self {
        Self {
            id: visible(&local.about.id).into_owned(),
            url: visible(&local.url).into_owned(),
            digest: local.digest,
            trust: local.trust,
            size: local.size,
            virtual_size: local.virtual_size,
            brought_at: local.brought_at,
        }
    }
}

pub(in crate::front::cli) const VERIFIED_IMAGE_HELP: &str = "\
JSON: an array of the versions on this host, each as `image import` prints it, and
  found (sound|changed|gone)";

pub(in crate::front::cli) const TRIED_HELP: &str = "\
JSON: an array of id, url, reason (why it does not serve; null if it does)";

pub(in crate::front::cli) const CLEANED_HELP: &str = "\
JSON: freed (bytes)";

/// A version that was verified.
#[derive(Debug, Serialize)]
pub struct VerifiedImageShape {
    #[serde(flatten)]
    local: LocalImageShape,
    found: &'static str,
}

impl VerifiedImageShape {
    /// As it was found.
    pub fn new(local: &Local, soundness: &Soundness) -> Self {
        Self {
            local: LocalImageShape::new(local),
            found: match soundness {
                Soundness::Sound => "sound",
                Soundness::Changed => "changed",
                Soundness::Gone => "gone",
            },
        }
    }

    /// The word for it.
    pub fn found(&self) -> &'static str {
        self.found
    }
}

/// An address that was tried.
#[derive(Debug, Serialize)]
pub struct TriedShape {
    id: String,
    url: String,
    reason: Option<String>,
}

impl TriedShape {
    /// As it answered.
    pub fn new(tried: &Tried) -> Self {
        Self {
            id: visible(&tried.id).into_owned(),
            url: visible(&tried.url).into_owned(),
            reason: tried.reason.as_deref().map(|it| visible(it).into_owned()),
        }
    }
}

/// What cleaning freed.
#[derive(Debug, Serialize)]
pub struct CleanedShape {
    /// Bytes.
    pub freed: u64,
}

/// An image that was removed.
#[derive(Debug, Serialize)]
pub struct RemovedImageShape {
    /// Its id.
    pub removed: String,
    /// Bytes.
    pub freed: u64,
}

impl ImageShape {
    /// As it is on the day `today`, with so many machines made from it.
    pub fn new(image: &Image, today: Date, machines: u64) -> Self {
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
            machines,
        }
    }
}
