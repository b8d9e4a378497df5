//! Brings an image of the catalogue to this host: its digest from the catalogue or the publisher's
//! list, its bytes verified as they come, unpacked, and its header inspected. Only then is it in the
//! library.

use super::fetch::{self, Client, FetchError, Packing, Place, Unpacking, Url, Wanted};
use super::library::{Library, Local, content_of, remove};
use super::offer::{Compression, Proof, SignatureForm};
use super::{Offer, own, signature, sums};
use crate::core::{Core, Error, Result, off_worker};
use crate::model::{Digest, Progress, Trust};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Bytes that a signature may have.
const LARGEST_SIGNATURE: usize = 64 << 10;
/// Hexadecimal digits of a digest in a volume's name.
const DIGITS: usize = 16;

/// What is being done to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The publisher's list of digests is fetched.
    List,
    /// The image is.
    Download,
    /// It is unpacked.
    Unpack,
    /// It is read before anything else opens it.
    Check,
    /// It becomes a plain qcow2.
    Convert,
}

impl Stage {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "asking for the digest",
            Self::Download => "downloading",
            Self::Unpack => "unpacking",
            Self::Check => "checking",
            Self::Convert => "converting",
        }
    }
}

/// Told how far it is.
pub type OnStage<'a> = &'a mut (dyn FnMut(Stage, Progress) + Send);

/// Nobody wants it any more, once this is ready.
type Cancel = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Brings an image, or takes up where an earlier try was broken off. `None` if it was cancelled.
///
/// # Errors
/// [`Error::Image`] with what is wrong with the addresses, the bytes or the image; what may be gone
/// on with is kept.
pub async fn pull(
    core: &Core,
    offer: &Offer,
    told: OnStage<'_>,
    mut cancel: Cancel,
) -> Result<Option<Local>> {
    let bringing = Bringing::new(core, offer)?;
    let library = bringing.library.clone();
    off_worker(move || library.make()).await?;
    told(Stage::List, Progress { done: 0, total: None });
    let proved = tokio::select! {
        proved = bringing.prove() => proved?,
        () = &mut cancel => return Ok(None),
    };
    let volume = format!("image-{}-{}", offer.about.id, &proved.0.to_hex()[..DIGITS]);
    let (library, asked) = (bringing.library.clone(), volume.clone());
    let known = off_worker(move || Ok(library.all().into_iter().find(|it| it.volume == asked))).await?;
    if let Some(known) = known {
        return Ok(Some(known));
    }
    let wanted = bringing.wanted(proved.0)?;
    let partial = bringing.library.partial(&volume);
    let mut on_progress = |progress| told(Stage::Download, progress);
    let fetched = fetch::fetch(&bringing.client, &wanted, &partial, &mut on_progress, &mut cancel).await;
    match fetched {
        Ok(_) => {}
        Err(FetchError::Cancelled) => return Ok(None),
        Err(error) => return Err(Error::Image(error.to_string())),
    }
    let image = match packing(offer.compression) {
        None => partial.clone(),
        Some(packing) => {
            let target = bringing.library.unpacked(&volume);
            let what = Unpacking {
                packing,
                source: partial.clone(),
                target: target.clone(),
                limit: bringing.limit,
            };
            if !unpack(what, told, &mut cancel).await? {
                return Ok(None);
            }
            target
        }
    };
    let keep = Keep {
        library: bringing.library.clone(),
        offer: offer.clone(),
        volume,
        proved,
        now: core.now(),
        image,
        partial,
    };
    off_worker(move || keep.keep()).await.map(Some)
}

/// The client of this process's downloads.
///
/// # Errors
/// [`Error::Image`]: nothing is downloaded here, or no client can be made.
pub fn client(core: &Core) -> Result<Client> {
    let settings = &core.settings().images;
    match settings.refusal {
        Some(reason) => Err(Error::Image(reason.to_owned())),
        None => Client::new(settings.fetch.clone()).map_err(|error| Error::Image(error.to_string())),
    }
}

/// What bringing one image needs.
struct Bringing<'a> {
    client: Client,
    library: Library,
    offer: &'a Offer,
    place: Place,
    limit: u64,
}

impl<'a> Bringing<'a> {
    fn new(core: &Core, offer: &'a Offer) -> Result<Self> {
        let settings = &core.settings().images;
        Ok(Self {
            client: client(core)?,
            library: core.library(),
            offer,
            place: match offer.trusted_place {
                true => Place::OperatorsOwn,
                false => Place::Public,
            },
            limit: settings.limit,
        })
    }

    /// The digest that the bytes must have, and what vouches for it.
    async fn prove(&self) -> Result<(Digest, Trust)> {
        let (address, signed) = match &self.offer.proof {
            Proof::Pinned(digest) => return Ok((*digest, Trust::Pinned)),
            Proof::Sums { url, signature } => (url, signature),
        };
        let list = self.small(address, sums::MAX_SUMS).await?;
        let digest = self.offer.digest_in(&list).map_err(Error::Image)?;
        let mut holds = false;
        if let Some(signed) = signed {
            let detached = match &signed.form {
                SignatureForm::Detached { url } => Some(self.small(url, LARGEST_SIGNATURE).await?),
                SignatureForm::Clear => None,
            };
            let folder = self.library.folder();
            holds = signature::check(signed, &list, detached.as_deref(), folder).await?;
        }
        // Without its signature a list is worth what the line is that it came by.
        Ok((digest, self.offer.proof.trust(|_| holds)))
    }

    async fn small(&self, address: &str, limit: usize) -> Result<Vec<u8>> {
        let url = parse(address)?;
        fetch::fetch_small(&self.client, &url, limit, self.place)
            .await
            .map_err(|error| Error::Image(error.to_string()))
    }

    fn wanted(&self, digest: Digest) -> Result<Wanted> {
        Ok(Wanted {
            url: parse(&self.offer.url)?,
            mirrors: Vec::new(),
            expect: Some(digest),
            limit: self.limit,
            size_hint: self.offer.size,
            place: self.place,
        })
    }
}

fn parse(address: &str) -> Result<Url> {
    Url::parse(address).map_err(|error| Error::Image(format!("an address of the catalogue: {error}")))
}

fn packing(compression: Compression) -> Option<Packing> {
    match compression {
        Compression::None => None,
        Compression::Xz => Some(Packing::Xz),
        Compression::Gz => Some(Packing::Gz),
        Compression::Zst => Some(Packing::Zst),
    }
}

/// Unpacks on a thread that may block; false if it was cancelled.
async fn unpack(what: Unpacking, told: OnStage<'_>, cancel: &mut Cancel) -> Result<bool> {
    let (done, mut heard) = watch::channel(Progress { done: 0, total: None });
    let given_up = Arc::new(AtomicBool::new(false));
    let stop = given_up.clone();
    let work = off_worker(move || {
        let on_progress = |progress| {
            done.send_replace(progress);
        };
        match fetch::unpack(&what, on_progress, &stop) {
            Ok(_) => Ok(true),
            Err(fetch::UnpackError::Cancelled) => Ok(false),
            Err(error) => Err(Error::Image(error.to_string())),
        }
    });
    tokio::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            Ok(()) = heard.changed() => told(Stage::Unpack, *heard.borrow_and_update()),
            () = &mut *cancel => {
                given_up.store(true, Ordering::Relaxed);
                return work.await.map(|_| false);
            }
        }
    }
}

/// An image that came whole and is to be kept.
struct Keep {
    library: Library,
    offer: Offer,
    volume: String,
    proved: (Digest, Trust),
    now: jiff::Timestamp,
    image: PathBuf,
    partial: PathBuf,
}

impl Keep {
    /// Inspects it, and puts it into the library. An image that is refused is removed: its digest is
    /// the promised one, so another download would bring the same.
    fn keep(self) -> Result<Local> {
        let volume = self.volume.clone();
        let (size, virtual_size) = match own::examine(&self.image, self.offer.about.format) {
            Ok(examined) => examined,
            Err(reason) => {
                self.library.forget(&volume)?;
                let id = &self.offer.about.id;
                return Err(Error::Image(format!(
                    "{id}: what was downloaded cannot be used: {reason}"
                )));
            }
        };
        let content = match (self.proved.0, self.image == self.partial) {
            (known @ Digest::Sha256(_), true) => known,
            _ => content_of(&self.image)?,
        };
        let local = Local {
            content,
            about: self.offer.about,
            url: self.offer.url,
            digest: self.proved.0,
            trust: self.proved.1,
            size,
            virtual_size,
            brought_at: self.now,
            volume,
        };
        let target = self.library.file(&local.volume);
        fetch::put_in_place(&self.image, &target).map_err(|error| Error::Image(error.to_string()))?;
        self.library.save(&local)?;
        if self.image != self.partial {
            remove(&self.partial)?;
        }
        Ok(local)
    }
}
