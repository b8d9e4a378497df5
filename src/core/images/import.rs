//! Imports a disk image of a file or an address: inspected before anything opens it, made a plain
//! qcow2 by a caged `qemu-img`, and put into the library under an id of its own.

use super::acts::{Arrival, note_arrival};
use super::convert::{self, Order};
use super::fetch::{self, FetchError, Place, Url, Wanted};
use super::inspect::{Format, check_name};
use super::library::{Library, Local, content_of, sha256_of};
use super::offer::{About, Firmware};
use super::pull::{OnStage, Stage, client};
use super::{epitaph, listed};
use crate::core::auth::permit;
use crate::core::policy::{Permission, Relation};
use crate::core::{Core, Ctx, Error, Origin, Result, off_worker};
use crate::hypervisor::VolumeFormat;
use crate::model::{Digest, Field, FieldError, Progress, Trust, text};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Progress of a conversion is told in so many parts.
const PARTS: u64 = 1_000;

/// What is to be imported.
#[derive(Clone, Debug)]
pub struct Import {
    /// A file of this host, or an http or https address.
    pub from: String,
    /// Id it gets in the catalogue.
    pub id: String,
    /// For people; the id if empty.
    pub title: String,
    /// What it is said to be; whatever its header shows, if `None`.
    pub format: Option<Format>,
    /// Account that its cloud-init makes.
    pub default_user: String,
    /// What boots it: its header does not say.
    pub firmware: Firmware,
    /// What the bytes must hash to, as they come.
    pub expect: Option<Digest>,
}

impl Core {
    /// Imports an image. Dropped half-way, nothing is left but what a download goes on from.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for whoever is no admin on this host itself, [`Error::Invalid`],
    /// [`Error::Conflict`] if the id is taken, [`Error::Image`] with what is wrong with the image.
    pub async fn import_image(&self, ctx: &Ctx, import: Import, told: OnStage<'_>) -> Result<Local> {
        let by = self
            .inspect(ctx, |_, actor| {
                permit(actor.role, Permission::ManageImages, Relation::Others)?;
                Ok(actor.id)
            })
            .await?;
        if ctx.source().origin != Origin::Local {
            let reason = "files are named on this host only; ask whoever runs it";
            return Err(Error::NotPermitted(reason.to_owned()));
        }
        listed::check_id(&import.id, &text::visible_within(&import.id, 60))
            .map_err(|reason| FieldError::new(Field::Image, reason))?;
        let taken = self.images(ctx).await?;
        if taken.iter().any(|it| it.id == import.id) || epitaph(&import.id).is_some() {
            return Err(Error::Conflict(format!(
                "there is an image `{}` already",
                import.id
            )));
        }
        let _turn = self.bringing(&import.id).take().await;
        let library = self.library();
        off_worker({
            let library = library.clone();
            move || library.make()
        })
        .await?;
        let (file, fetched) = match address(&import.from) {
            Some(url) => {
                let file = self.fetch_for_import(&import, url, told).await?;
                (file.clone(), Some(file))
            }
            None => (checked_path(&import.from)?, None),
        };
        let local = convert_into(&library, &import, &file, told, self.now()).await?;
        let noted = local.clone();
        self.write(move |writer| Ok(note_arrival(writer, &noted, Some(by), Arrival::Imported)?))
            .await?;
        if let Some(fetched) = fetched {
            // It served; what is left of it can be fetched again.
            let _ = fs::remove_file(fetched);
        }
        Ok(local)
    }

    async fn fetch_for_import(&self, import: &Import, url: Url, told: OnStage<'_>) -> Result<PathBuf> {
        let settings = &self.settings().images;
        let fail = |error: FetchError| Error::Image(error.to_string());
        let client = client(self)?;
        let partial = self.library().partial(&format!("import-{}", import.id));
        let wanted = Wanted {
            url,
            mirrors: Vec::new(),
            expect: import.expect,
            limit: settings.limit,
            size_hint: None,
            place: Place::OperatorsOwn,
        };
        let on_progress = |progress| told(Stage::Download, progress);
        fetch::fetch(&client, &wanted, &partial, on_progress, std::future::pending())
            .await
            .map_err(fail)?;
        Ok(partial)
    }
}

/// An address, if it is one: everything else names a file.
fn address(from: &str) -> Option<Url> {
    let is_address = from.starts_with("https://") || from.starts_with("http://");
    is_address.then(|| Url::parse(from).ok()).flatten()
}

fn checked_path(from: &str) -> Result<PathBuf> {
    let path = PathBuf::from(from);
    check_name(&path).map_err(|refusal| Error::Image(format!("it {refusal}")))?;
    std::path::absolute(&path).map_err(|error| Error::of_file("looking for", &path, &error))
}

async fn convert_into(
    library: &Library,
    import: &Import,
    file: &Path,
    told: OnStage<'_>,
    now: jiff::Timestamp,
) -> Result<Local> {
    let shown = text::visible_within(&import.from, 120);
    told(Stage::Check, Progress { done: 0, total: None });
    let (opened, expect) = (file.to_owned(), import.expect);
    let (input, digest) = off_worker(move || open(&opened, expect)).await?;
    let volume = format!("image-{}-{}", import.id, &digest.to_hex()[..16]);
    // Of its own name: somebody else's half of the same import must not be in the way.
    let output = library.unpacked(&format!("{volume}-{}", Uuid::new_v4().simple()));
    let order = Order {
        input,
        declared: import.format,
        output: output.clone(),
        limits: None,
    };
    let mut percent = |percent: f32| {
        told(
            Stage::Convert,
            Progress {
                done: (f64::from(percent) * 10.0) as u64,
                total: Some(PARTS),
            },
        );
    };
    let made = convert::convert(order, &mut percent)
        .await
        .map_err(|error| Error::Image(format!("{shown}: {error}")))?;
    let written = output.clone();
    let content = off_worker(move || content_of(&written)).await?;
    let local = Local {
        content,
        about: About {
            id: import.id.clone(),
            aliases: Vec::new(),
            title: match import.title.trim() {
                "" => import.id.clone(),
                title => text::visible_within(title, 80),
            },
            version: String::new(),
            end_of_life: None,
            architecture: None,
            format: VolumeFormat::Qcow2,
            firmware: import.firmware,
            default_user: text::visible_within(&import.default_user, 32),
            min_disk_gib: 0,
        },
        volume,
        url: shown,
        digest,
        trust: match import.expect {
            Some(_) => Trust::Pinned,
            None => Trust::Local,
        },
        size: made.file_size,
        virtual_size: made.virtual_size,
        brought_at: now,
    };
    let (library, kept) = (library.clone(), local.clone());
    off_worker(move || {
        fetch::put_in_place(&output, &library.file(&kept.volume))
            .map_err(|error| Error::Image(error.to_string()))?;
        library.save(&kept)
    })
    .await?;
    Ok(local)
}

/// Opens a file, and reads it once for its digest.
fn open(path: &Path, expect: Option<Digest>) -> Result<(File, Digest)> {
    let refuse = |error: std::io::Error| Error::of_file("reading", path, &error);
    // A pipe in its place would hold the thread until somebody writes.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(refuse)?;
    if !file.metadata().map_err(refuse)?.is_file() {
        return Err(refuse(std::io::Error::other("it is not a regular file")));
    }
    let digest = sha256_of(&mut file).map_err(refuse)?;
    if let Some(expected @ Digest::Sha256(_)) = expect
        && expected != digest
    {
        let shown = text::visible_within(&path.display().to_string(), 120);
        return Err(Error::Image(format!("{shown} is {digest}, not {expected}")));
    }
    Ok((file, digest))
}
