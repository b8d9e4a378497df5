//! The catalogue's documents: the one that twarga brings (`assets/images.toml`) and the
//! operator's own in the state directory, which has the same form. The own one may also name files
//! of this host, plain http and private addresses: it is the operator's word. The one that twarga
//! brings may not.

use super::offer::{About, Compression, Firmware, Offer, Proof, Signature, SignatureForm};
use crate::hypervisor::VolumeFormat;
use crate::model::Architecture;
use crate::model::Digest;
use crate::model::text::visible_within;
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Longest id or alias, characters.
const MAX_NAME: usize = 40;
/// Longest address, bytes.
const MAX_ADDRESS: usize = 2000;
/// Most that an entry may ask for, GiB.
const MAX_DISK_GIB: u64 = 2048;

/// Whose document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// twarga's.
    Twarga,
    /// The operator's.
    Operator,
}

/// A document that was read and checked.
#[derive(Debug, Default)]
pub struct Listed {
    /// Its images, in its order.
    pub images: Vec<Listing>,
    /// What must not be used any more.
    dead: Vec<Dead>,
}

/// An image of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// A file of this host.
    Here(About, PathBuf),
    /// One that can be downloaded.
    Elsewhere(Offer),
}

impl Listing {
    /// What it is.
    pub fn about(&self) -> &About {
        match self {
            Self::Here(about, _) => about,
            Self::Elsewhere(offer) => &offer.about,
        }
    }

    /// The same, to be changed.
    pub fn about_mut(&mut self) -> &mut About {
        match self {
            Self::Here(about, _) => about,
            Self::Elsewhere(offer) => &mut offer.about,
        }
    }
}

/// Images that must not be used any more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dead {
    /// What they are asked for by.
    names: Vec<String>,
    /// Half a sentence.
    reason: String,
    /// Ids of what to take instead.
    instead: Vec<String>,
}

/// The document that twarga brings.
pub fn built_in() -> &'static Listed {
    static LISTED: LazyLock<Listed> = LazyLock::new(|| {
        // A test reads the same text: what was built is in form.
        read(include_str!("../../../assets/images.toml"), Author::Twarga).unwrap_or_else(|reason| {
            tracing::error!(reason, "the built-in catalogue is broken");
            Listed::default()
        })
    });
    &LISTED
}

/// Why an image of that name must not be used any more, with what to take instead; `None` for
/// every other name.
pub fn epitaph(name: &str) -> Option<String> {
    let named = |dead: &&Dead| dead.names.iter().any(|it| it == name);
    built_in().dead.iter().find(named).map(|dead| {
        let instead: Vec<_> = dead.instead.iter().map(|id| format!("`{id}`")).collect();
        match instead.split_last() {
            Some((last, [])) => format!("{}; take {last}", dead.reason),
            Some((last, others)) => {
                format!("{}; take {} or {last}", dead.reason, others.join(", "))
            }
            None => dead.reason.clone(),
        }
    })
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(text: &str, author: Author) -> Result<Listed, String> {
    let document: Document =
        toml::from_str(text).map_err(|error| visible_within(error.to_string().trim_end(), 300))?;
    if author == Author::Operator && !document.dead.is_empty() {
        return Err("`dead` is for twarga's own catalogue".to_owned());
    }
    let mut images = Vec::with_capacity(document.image.len());
    let mut names = HashSet::new();
    for entry in document.image {
        let shown = visible_within(&entry.id, 60);
        check_id(&entry.id, &shown)?;
        for name in std::iter::once(&entry.id).chain(&entry.aliases) {
            if name != &entry.id {
                check_alias(name).map_err(|reason| format!("`{shown}`: {reason}"))?;
            }
            if !names.insert(name.clone()) {
                return Err(format!("`{name}` is named twice"));
            }
        }
        images.push(
            entry
                .listing(author)
                .map_err(|reason| format!("`{shown}`: {reason}"))?,
        );
    }
    Ok(Listed {
        images,
        dead: document.dead,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    image: Vec<Entry>,
    #[serde(default)]
    dead: Vec<Dead>,
}

/// An image as it is written. Which fields go together is checked afterwards, because that gives
/// better words than serde's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    title: String,
    #[serde(default)]
    version: String,
    end_of_life: Option<Date>,
    architecture: Option<Architecture>,
    /// Direct boot needs a kernel's own fields; there is no such image to download yet.
    #[serde(default, rename = "kind")]
    _kind: Kind,
    format: VolumeFormat,
    #[serde(default)]
    firmware: Firmware,
    default_user: String,
    #[serde(default)]
    min_disk_gib: u64,
    file: Option<PathBuf>,
    url: Option<String>,
    sha256: Option<String>,
    sha512: Option<String>,
    sums: Option<String>,
    signature: Option<String>,
    signed: Option<Signed>,
    keyring: Option<PathBuf>,
    #[serde(default)]
    compression: Compression,
    size: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Disk,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Signed {
    Detached,
    Clear,
}

impl Entry {
    fn listing(self, author: Author) -> Result<Listing, String> {
        if self.min_disk_gib > MAX_DISK_GIB {
            return Err(format!("`min_disk_gib` is at most {MAX_DISK_GIB}"));
        }
        let proof = self.proof(author)?;
        let about = About {
            id: self.id,
            aliases: self.aliases,
            title: visible_within(&self.title, 80),
            version: visible_within(&self.version, 40),
            end_of_life: self.end_of_life,
            architecture: self.architecture,
            format: self.format,
            firmware: self.firmware,
            default_user: visible_within(&self.default_user, 32),
            min_disk_gib: self.min_disk_gib,
        };
        match (self.file, self.url, proof) {
            (Some(_), Some(_), _) => Err("it has both `file` and `url`".to_owned()),
            (None, None, _) => Err("it has neither `file` nor `url`".to_owned()),
            (Some(_), None, _) if author == Author::Twarga => {
                Err("`file` is for the operator's own images".to_owned())
            }
            (Some(_), None, Some(_)) => Err("a `file` of this host needs no digest".to_owned()),
            (Some(_), None, None) if self.compression != Compression::None => {
                Err("a `file` of this host must be unpacked".to_owned())
            }
            (Some(file), None, None) => Ok(Listing::Here(about, file)),
            (None, Some(_), None) => Err("give one of `sha256`, `sha512` and `sums`".to_owned()),
            (None, Some(url), Some(proof)) => {
                check_address("url", &url, author)?;
                Ok(Listing::Elsewhere(Offer {
                    about,
                    url,
                    proof,
                    compression: self.compression,
                    size: self.size,
                    trusted_place: author == Author::Operator,
                }))
            }
        }
    }

    fn proof(&self, author: Author) -> Result<Option<Proof>, String> {
        if self.sums.is_none()
            && (self.signature.is_some() || self.signed.is_some() || self.keyring.is_some())
        {
            return Err("`signature`, `signed` and `keyring` go with `sums`".to_owned());
        }
        match (&self.sha256, &self.sha512, &self.sums) {
            (None, None, None) => Ok(None),
            (Some(hex), None, None) => pinned("sha256", hex).map(Some),
            (None, Some(hex), None) => pinned("sha512", hex).map(Some),
            (None, None, Some(url)) => {
                check_address("sums", url, author)?;
                let signature = self.list_signature(author)?;
                let url = url.clone();
                Ok(Some(Proof::Sums { url, signature }))
            }
            _ => Err("give only one of `sha256`, `sha512` and `sums`".to_owned()),
        }
    }

    fn list_signature(&self, author: Author) -> Result<Option<Signature>, String> {
        let form = match (self.signed, &self.signature) {
            (None, None) if self.keyring.is_none() => return Ok(None),
            (None, _) => {
                return Err("say whether it is `signed = \"detached\"` or \"clear\"".to_owned());
            }
            (Some(Signed::Detached), None) => {
                return Err("a detached signature needs the address `signature`".to_owned());
            }
            (Some(Signed::Clear), Some(_)) => {
                return Err("a clear signature is in `sums`: no `signature`".to_owned());
            }
            (Some(Signed::Clear), None) => SignatureForm::Clear,
            (Some(Signed::Detached), Some(url)) => {
                check_address("signature", url, author)?;
                SignatureForm::Detached { url: url.clone() }
            }
        };
        let keyring = self.keyring.clone().filter(|path| path.is_absolute());
        let keyring =
            keyring.ok_or_else(|| "`keyring` is the whole path of the publisher's keys".to_owned())?;
        Ok(Some(Signature { form, keyring }))
    }
}

fn pinned(field: &str, hex: &str) -> Result<Proof, String> {
    let digest = hex
        .parse::<Digest>()
        .ok()
        .filter(|digest| digest.algorithm() == field);
    digest.map(Proof::Pinned).ok_or_else(|| {
        let digits = if field == "sha256" { 64 } else { 128 };
        format!("`{field}` is {digits} hexadecimal digits")
    })
}

/// Checks an image's id.
///
/// # Errors
/// What is wrong with it.
pub fn check_id(id: &str, shown: &str) -> Result<(), String> {
    let clean = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    if id == super::tiny::ID {
        return Err(format!("`{id}` is twarga's own image"));
    }
    if id.len() > MAX_NAME || !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(clean) {
        return Err(format!(
            "`{shown}` is no id: a-z, 0-9, . and -, starting with a letter"
        ));
    }
    Ok(())
}

/// Aliases may also have the slashes of Vagrant's names.
fn check_alias(alias: &str) -> Result<(), String> {
    let clean = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "./-_".contains(c);
    if alias == super::tiny::ID {
        return Err(format!("`{alias}` is twarga's own image"));
    }
    if alias.len() > MAX_NAME
        || !alias.starts_with(|c: char| c.is_ascii_lowercase())
        || !alias.chars().all(clean)
    {
        let shown = visible_within(alias, 60);
        return Err(format!(
            "`{shown}` is no alias: a-z, 0-9, ., -, _ and /, starting with a letter"
        ));
    }
    Ok(())
}

/// Only as far as a wrong document can be told from a right one; the downloader resolves the host
/// and judges where it leads.
fn check_address(field: &str, url: &str, author: Author) -> Result<(), String> {
    let refuse = |reason: &str| Err(format!("`{field}` {reason}: {}", visible_within(url, 100)));
    if url.len() > MAX_ADDRESS || !url.chars().all(|c| c.is_ascii_graphic()) {
        return refuse("is no address");
    }
    let rest = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if author == Author::Operator => rest,
        (None, Some(_)) => return refuse("must be https"),
        (None, None) => return refuse("must begin with https://"),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || host.contains(['@', '?', '#', '\\']) {
        return refuse("has no plain host");
    }
    let public = |host: &str| {
        host.contains('.') && host.ends_with(|c: char| c.is_ascii_lowercase()) && !host.contains(':')
    };
    if author == Author::Twarga && !public(host) {
        return refuse("names no public host");
    }
    let path = path.split('?').next().unwrap_or(path);
    if path.is_empty() || path.ends_with('/') || path.contains('#') {
        return refuse("names no file");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
