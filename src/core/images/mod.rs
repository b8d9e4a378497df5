//! The catalogue: what a machine can be made from, and where its bytes are.
//!
//! It has the tiny guest, the operator's own images and the distributions' cloud images that can
//! be downloaded (`assets/images.toml`), in this order; an own one with the id of another stands in
//! its place, under all its names.
//!
//! An image's bytes are copied into the pool once, under names that carry their version, and
//! shared by every machine made from it. A volume counts as whole only when its marker volume
//! stands beside it: a copy that died half-way has none and is made again.

mod acts;
mod bring;
mod convert;
pub mod fetch;
mod firmware;
mod import;
mod inspect;
mod library;
mod listed;
mod offer;
mod own;
mod pull;
mod pulling;
mod signature;
mod sums;
mod tiny;
mod turns;
mod upkeep;

pub use firmware::{FIRMWARE_MEND, find_firmware, firmware_folders};
pub use import::Import;
pub use inspect::Format;
pub use library::{Library, Local};
pub use listed::epitaph;
pub use offer::{Firmware, Offer};
pub use pull::{OnStage, Stage};
pub(super) use pulling::PLAN as PULL;
pub(super) use turns::{Turn, Turns};
pub use upkeep::{Soundness, Tried};

use self::listed::Listing;
use self::offer::About;
use crate::hypervisor::VolumeFormat;
use crate::model::{Image, Readiness};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// An image as an operation keeps it: enough to go on after a restart, whatever the catalogue
/// says by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    form: Form,
}

/// What an image is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// The machine's disk is an overlay on it.
    Disk {
        disk: Part,
        format: VolumeFormat,
        /// What an older program wrote down has a BIOS.
        #[serde(default)]
        firmware: Firmware,
    },
    /// To be downloaded, unless it was; then the machine's disk is an overlay on it.
    Offered(Box<Offer>),
    /// Imported: in the library alone.
    Imported(Box<Local>),
    /// Booted directly; the machine's disk is empty.
    Kernel {
        kernel: Part,
        initramfs: Part,
        command_line: String,
    },
}

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    /// Volume in the pool.
    volume: String,
    /// File on this host.
    file: PathBuf,
    /// Bytes.
    size: u64,
}

/// Where a catalogue's entries come from.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Folder of the tiny guest.
    pub tiny_dir: PathBuf,
    /// The operator's own images.
    pub own: PathBuf,
    /// What was downloaded.
    pub library: Library,
    /// Where descriptors of firmware lie.
    pub firmware: Vec<PathBuf>,
}

impl Catalogue {
    /// Every entry, the ready and the others. Reads files: not for a worker.
    pub fn images(&self) -> Vec<Image> {
        let mut images = vec![tiny::entry(&self.tiny_dir)];
        let listings = self.listings().unwrap_or_else(|(reason, others)| {
            images.push(own::broken(reason));
            others
        });
        let library = self.library.all();
        images.extend(listings.iter().map(|listing| {
            let image = match listing {
                Listing::Here(about, file) => own::image(about, file),
                Listing::Elsewhere(offer) => match library.iter().find(|it| it.came_from(offer)) {
                    Some(local) => local.image(),
                    None => offer.image(|keyring| keyring.exists()),
                },
            };
            self.bootable(listing.about(), image)
        }));
        let imported = imported(library, &listings);
        images.extend(imported.iter().map(|it| self.bootable(&it.about, it.image())));
        images
    }

    /// The image, unavailable if nothing here boots it. Reads files.
    fn bootable(&self, about: &About, mut image: Image) -> Image {
        if image.refusal().is_none()
            && let Some(reason) = firmware::missing(about, &self.firmware)
        {
            image.readiness = Readiness::Unavailable(reason);
        }
        image
    }

    /// Everything that can be downloaded. Reads a file: not for a worker.
    pub fn offers(&self) -> Vec<Offer> {
        let listings = self.listings().unwrap_or_else(|(_, others)| others);
        let offers = listings.into_iter().filter_map(|it| match it {
            Listing::Elsewhere(offer) => Some(offer),
            Listing::Here(..) => None,
        });
        offers.collect()
    }

    /// What a downloader has to know of an image, by id or alias; `None` if it is none that can be
    /// downloaded. Reads a file: not for a worker.
    pub fn offer(&self, name: &str) -> Option<Offer> {
        match self.listing(name)? {
            Listing::Elsewhere(offer) => Some(offer),
            Listing::Here(..) => None,
        }
    }

    /// The source of an image by id or alias. Reads files: not for a worker.
    ///
    /// # Errors
    /// The reason in words, with what to do about it.
    pub fn source(&self, name: &str) -> Result<Source, String> {
        if name == tiny::ID {
            return tiny::find(&self.tiny_dir).map(|(_, source)| source);
        }
        let listing = self.listing(name);
        let imported = match listing {
            Some(_) => None,
            None => self.imported_as(name),
        };
        let about = listing.as_ref().map(Listing::about);
        let about = about.or(imported.as_ref().map(|it| &it.about));
        if let Some(reason) = about.and_then(|it| firmware::missing(it, &self.firmware)) {
            return Err(reason);
        }
        match listing {
            Some(Listing::Here(about, file)) => own::source(&about, &file),
            Some(Listing::Elsewhere(offer)) => Ok(Source {
                form: Form::Offered(Box::new(offer)),
            }),
            None if let Some(local) = imported => Ok(Source {
                form: Form::Imported(Box::new(local)),
            }),
            None => Err(epitaph(name).unwrap_or_else(|| "no such image; see the catalogue".to_owned())),
        }
    }

    fn imported_as(&self, name: &str) -> Option<Local> {
        let listings = self.listings().unwrap_or_else(|(_, others)| others);
        let mut imported = imported(self.library.all(), &listings).into_iter();
        imported.find(|it| it.about.id == name)
    }

    fn listing(&self, name: &str) -> Option<Listing> {
        let mut listings = self.listings().unwrap_or_else(|(_, others)| others);
        let by_id = listings.iter().position(|it| it.about().id == name);
        let at = by_id.or_else(|| {
            let named = |it: &Listing| it.about().aliases.iter().any(|it| it == name);
            listings.iter().position(named)
        })?;
        Some(listings.swap_remove(at))
    }

    /// The operator's entries, then the built-in ones that they do not replace. Reads a file.
    ///
    /// # Errors
    /// Why the operator's document cannot be used, and the others.
    fn listings(&self) -> Result<Vec<Listing>, (String, Vec<Listing>)> {
        let built_in = &listed::built_in().images;
        let mut listings = match own::read(&self.own) {
            Ok(listings) => listings,
            Err(reason) => return Err((reason, built_in.clone())),
        };
        for listing in built_in {
            let about = listing.about();
            match listings.iter_mut().find(|it| it.about().id == about.id) {
                Some(own) => own.about_mut().aliases.extend(about.aliases.iter().cloned()),
                None => listings.push(listing.clone()),
            }
        }
        Ok(listings)
    }
}

/// The newest images of the library that no document names, and that were not downloaded.
fn imported(library: Vec<Local>, listings: &[Listing]) -> Vec<Local> {
    let mut found: Vec<Local> = Vec::new();
    for local in library {
        let named = listings.iter().any(|it| it.about().id == local.about.id);
        if !named && !found.iter().any(|it| it.about.id == local.about.id) {
            found.push(local);
        }
    }
    found.sort_by(|one, other| one.about.id.cmp(&other.about.id));
    found
}

#[cfg(test)]
mod tests;
