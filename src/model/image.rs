//! Images: what a machine can be made from.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// How a machine boots from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// Kernel and initramfs booted directly; the machine's disk is an empty data disk.
    Kernel,
    /// A disk image; the machine's disk is an overlay on it.
    Disk,
}

/// Whether a machine can be made from an image now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is on this host.
    Ready,
    /// It is not, and can be downloaded.
    Remote,
    /// It is not, and this is why, with what to do about it.
    Unavailable(String),
}

/// The processors that an image runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// 64-bit PCs.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Architecture {
    /// Its name, as `uname -m` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }
}

/// What vouches for an image's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trust {
    /// Nothing: neither a digest, nor a signature, nor TLS.
    #[serde(rename = "nothing")]
    Nothing,
    /// The publisher's list of digests, because it came from the publisher's server over TLS.
    #[serde(rename = "TLS only")]
    TlsOnly,
    /// The publisher's list of digests, because the publisher signed it.
    #[serde(rename = "signed")]
    Signed,
    /// A digest in the catalogue itself.
    #[serde(rename = "pinned")]
    Pinned,
    /// Whoever put the file on this host.
    #[serde(rename = "local")]
    Local,
}

impl Trust {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::TlsOnly => "TLS only",
            Self::Signed => "signed",
            Self::Pinned => "pinned",
            Self::Local => "local",
        }
    }
}

/// An entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Stable id, as in `--image tiny`.
    pub id: String,
    /// Other names that it is asked for by.
    pub aliases: Vec<String>,
    /// For people: `twarga tiny guest`.
    pub title: String,
    /// How it boots.
    pub kind: ImageKind,
    /// Version of its content.
    pub version: String,
    /// When its security updates end; `None` for what rolls or does not say.
    pub end_of_life: Option<Date>,
    /// What it runs on; `None` where it does not say.
    pub architecture: Option<Architecture>,
    /// What vouches for its bytes.
    pub trust: Trust,
    /// Account that exists in the guest unless the user names another.
    pub default_user: String,
    /// Least disk, GiB; the limits may ask for more.
    pub min_disk_gib: u64,
    /// Bytes on this host, or of the download; `None` where that is not known.
    pub size: Option<u64>,
    /// When it was downloaded or imported to this host; `None` where it was not, or nobody noted it.
    pub brought_at: Option<Timestamp>,
    /// Whether it can be used.
    pub readiness: Readiness,
}

impl Image {
    /// Whether its security updates have ended by `today`; the last day still counts.
    pub fn is_past_end(&self, today: Date) -> bool {
        self.end_of_life.is_some_and(|end| today > end)
    }

    /// The image of that id, else the one of that alias.
    pub fn find<'a>(images: &'a [Self], name: &str) -> Option<&'a Self> {
        let by_id = images.iter().find(|image| image.id == name);
        by_id.or_else(|| {
            images
                .iter()
                .find(|image| image.aliases.iter().any(|it| it == name))
        })
    }

    /// Why no machine can be made from it now, with what to do about it; `None` if one can.
    pub fn refusal(&self) -> Option<String> {
        match &self.readiness {
            Readiness::Ready | Readiness::Remote => None,
            Readiness::Unavailable(reason) => Some(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn image(id: &str, aliases: &[&str]) -> Image {
        Image {
            id: id.to_owned(),
            aliases: aliases.iter().map(|&it| it.to_owned()).collect(),
            title: String::new(),
            kind: ImageKind::Disk,
            version: String::new(),
            end_of_life: Some(date(2026, 8, 31)),
            architecture: Some(Architecture::X86_64),
            trust: Trust::Pinned,
            default_user: String::new(),
            min_disk_gib: 1,
            size: None,
            brought_at: None,
            readiness: Readiness::Remote,
        }
    }

    #[test]
    fn an_image_ends_the_day_after_its_last() {
        let mut image = image("debian-11", &[]);
        assert!(!image.is_past_end(date(2026, 8, 30)));
        assert!(!image.is_past_end(date(2026, 8, 31)));
        assert!(image.is_past_end(date(2026, 9, 1)));
        image.end_of_life = None;
        assert!(!image.is_past_end(date(9999, 12, 31)), "rolling");
    }

    #[test]
    fn an_id_goes_before_an_alias() {
        let images = [image("a", &["b", "c"]), image("b", &[])];
        let found = |name| Image::find(&images, name).map(|image| image.id.as_str());
        assert_eq!((found("b"), found("c"), found("d")), (Some("b"), Some("a"), None));
    }

    #[test]
    fn what_is_elsewhere_is_brought_and_what_is_nowhere_says_why() {
        let mut image = image("debian-12", &[]);
        assert_eq!(image.refusal(), None);
        image.readiness = Readiness::Unavailable("no such file".to_owned());
        assert_eq!(image.refusal().as_deref(), Some("no such file"));
    }
}
