//! An image that can be downloaded: everything that a downloader has to know, and nothing that it
//! would have to look up.

use super::sums::Sums;
use crate::hypervisor::VolumeFormat;
use crate::model::Digest;
use crate::model::{Architecture, Image, ImageKind, Readiness, Trust};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a catalogue says of a disk image, wherever its bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// As in `--image ID`: `a-z0-9.-`, starting with a letter.
    pub id: String,
    /// Other names that it is asked for by.
    pub aliases: Vec<String>,
    /// For people.
    pub title: String,
    /// The publisher's; may be empty.
    pub version: String,
    /// When its security updates end.
    pub end_of_life: Option<Date>,
    /// What it runs on.
    pub architecture: Option<Architecture>,
    /// What the disk is, unpacked; never probed.
    pub format: VolumeFormat,
    /// What boots it.
    pub firmware: Firmware,
    /// Account that the image's cloud-init makes.
    pub default_user: String,
    /// Least disk, GiB; 0 if only the image itself says.
    pub min_disk_gib: u64,
}

/// An image that can be downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What it is.
    pub about: About,
    /// Where it is: https, or http where `trusted_place`.
    pub url: String,
    /// What its bytes are compared with.
    pub proof: Proof,
    /// How the download is packed; its digest is that of the packed bytes.
    pub compression: Compression,
    /// Bytes of the download, where known; never a limit.
    pub size: Option<u64>,
    /// The operator's own entry: its addresses may be http and private ones.
    pub trusted_place: bool,
}

/// What an image's bytes are compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proof {
    /// A digest in the catalogue.
    Pinned(Digest),
    /// The publisher's list of digests, fetched together with the image.
    Sums {
        /// Where the list is.
        url: String,
        /// Who vouches for the list, if anybody.
        signature: Option<Signature>,
    },
}

/// A publisher's signature of a list of digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Where it is.
    pub form: SignatureForm,
    /// File on this host with the publisher's keys, from a package; it may be missing.
    pub keyring: PathBuf,
}

/// Where a signature is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureForm {
    /// In a file of its own.
    Detached {
        /// That file's address.
        url: String,
    },
    /// Around the list.
    Clear,
}

/// How a download is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// xz.
    Xz,
    /// gzip.
    Gz,
    /// Zstandard.
    Zst,
}

/// What boots an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// BIOS alone.
    Bios,
    /// UEFI alone.
    Uefi,
    /// Both.
    #[default]
    Either,
}

impl About {
    /// Its entry of the catalogue. `size` in bytes.
    pub fn image(&self, size: Option<u64>, trust: Trust, readiness: Readiness) -> Image {
        Image {
            id: self.id.clone(),
            aliases: self.aliases.clone(),
            title: self.title.clone(),
            kind: ImageKind::Disk,
            version: self.version.clone(),
            end_of_life: self.end_of_life,
            architecture: self.architecture,
            trust,
            default_user: self.default_user.clone(),
            min_disk_gib: self.min_disk_gib,
            size,
            brought_at: None,
            readiness,
        }
    }
}

impl Offer {
    /// The name that the publisher gave the file: the last part of its address, as it is written
    /// there.
    pub fn file_name(&self) -> &str {
        last_part(&self.url)
    }

    /// The digest that the bytes must have, by the publisher's list `list` where none is pinned.
    ///
    /// # Errors
    /// In words: the list is broken, has none or two that differ.
    pub fn digest_in(&self, list: &[u8]) -> Result<Digest, String> {
        let Proof::Sums { url, .. } = &self.proof else {
            return self
                .pinned()
                .ok_or_else(|| "the catalogue has no digest".to_owned());
        };
        let name = self.file_name();
        // `NAME.sha256` is a list for NAME alone.
        let own = last_part(url)
            .strip_prefix(name)
            .is_some_and(|it| it.starts_with('.'));
        Sums::parse(list)?.digest_of(name, own)
    }

    /// The digest in the catalogue, if that is what proves it.
    pub fn pinned(&self) -> Option<Digest> {
        match self.proof {
            Proof::Pinned(digest) => Some(digest),
            Proof::Sums { .. } => None,
        }
    }
}

impl Offer {
    /// Its entry of the catalogue; `has` tells whether a keyring is on this host.
    pub fn image(&self, has: impl FnOnce(&Path) -> bool) -> Image {
        self.about
            .image(self.size, self.proof.trust(has), Readiness::Remote)
    }
}

impl Proof {
    /// What vouches for bytes that passed it; `has` tells whether a keyring is on this host.
    pub fn trust(&self, has: impl FnOnce(&Path) -> bool) -> Trust {
        match self {
            Self::Pinned(_) => Trust::Pinned,
            Self::Sums {
                signature: Some(signature),
                ..
            } if has(&signature.keyring) => Trust::Signed,
            Self::Sums { url, .. } if url.starts_with("https://") => Trust::TlsOnly,
            Self::Sums { .. } => Trust::Nothing,
        }
    }
}

fn last_part(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(url: &str, signature: Option<Signature>) -> Proof {
        Proof::Sums {
            url: url.to_owned(),
            signature,
        }
    }

    fn offer(url: &str, proof: Proof) -> Offer {
        Offer {
            about: About {
                id: "x".to_owned(),
                aliases: Vec::new(),
                title: String::new(),
                version: String::new(),
                end_of_life: None,
                architecture: None,
                format: VolumeFormat::Qcow2,
                firmware: Firmware::Either,
                default_user: "x".to_owned(),
                min_disk_gib: 1,
            },
            url: url.to_owned(),
            proof,
            compression: Compression::None,
            size: None,
            trusted_place: false,
        }
    }

    #[test]
    fn trust_is_shown_as_what_it_is() {
        let signature = Signature {
            form: SignatureForm::Clear,
            keyring: PathBuf::from("/keys.gpg"),
        };
        let of = |proof: Proof, has: bool| proof.trust(|_| has).as_str();
        assert_eq!(of(Proof::Pinned(Digest::Sha256([0; 32])), false), "pinned");
        let signed = sums("https://example.org/S", Some(signature));
        assert_eq!(of(signed.clone(), true), "signed");
        assert_eq!(of(signed, false), "TLS only", "nobody can check the signature");
        assert_eq!(of(sums("https://example.org/S", None), true), "TLS only");
        assert_eq!(of(sums("http://example.org/S", None), true), "nothing");
    }

    #[test]
    fn a_list_of_its_own_needs_not_have_its_name() {
        let list = format!("SHA256 (dated.img) = {}\n", "07".repeat(32));
        let url = "https://example.org/a/latest.img";
        let own = offer(url, sums("https://example.org/a/latest.img.SHA256SUM?x=/y", None));
        assert_eq!(own.digest_in(list.as_bytes()), Ok(Digest::Sha256([7; 32])));
        let shared = offer(url, sums("https://example.org/a/SHA256SUMS", None));
        assert!(shared.digest_in(list.as_bytes()).is_err());
        let pinned = offer(url, Proof::Pinned(Digest::Sha256([1; 32])));
        assert_eq!(
            pinned.digest_in(list.as_bytes()),
            Ok(Digest::Sha256([1; 32])),
            "whatever a list says"
        );
    }

    #[test]
    fn an_offer_survives_a_restart() {
        let signature = Signature {
            form: SignatureForm::Detached {
                url: "https://example.org/S.gpg".to_owned(),
            },
            keyring: PathBuf::from("/keys.gpg"),
        };
        let offer = offer(
            "https://example.org/a.img",
            sums("https://example.org/S", Some(signature)),
        );
        let json = serde_json::to_string(&offer).unwrap();
        assert_eq!(serde_json::from_str::<Offer>(&json).unwrap(), offer);
    }
}
