//! Checking what a person asks for, every field at once.

use super::provision;
use crate::core::images::{self, Source};
use crate::core::{Core, Ctx, Error, Result, auth};
use crate::model::{Field, FieldError, Image, Limits, Provision, VmName, VmRequest, ssh_key, text};

/// Most keys of one machine.
const MAX_KEYS: usize = 20;
/// Longest password of a guest's account, bytes: crypt's work grows with it.
const MAX_GUEST_PASSWORD: usize = 128;

/// What a person asks for; unchecked.
#[derive(Clone, Default)]
pub struct NewMachine {
    /// Name.
    pub name: String,
    /// Id or alias of an image.
    pub image: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub vcpus: u32,
    /// Disk, GiB.
    pub disk_gib: u64,
    /// Account inside the guest; empty takes the image's default.
    pub guest_user: String,
    /// Password for that account (serial console); empty leaves it locked.
    pub password: String,
    /// Public keys in OpenSSH form, one per entry.
    pub ssh_keys: Vec<String>,
    /// Leave the owner's own keys out, which go in otherwise.
    pub without_own_keys: bool,
    /// What else its first boot does.
    pub provision: Provision,
    /// Name of a libvirt network; empty takes the configured one.
    pub network: String,
}

impl std::fmt::Debug for NewMachine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMachine")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("provision", &self.provision)
            .finish_non_exhaustive()
    }
}

impl NewMachine {
    /// Every field that would be refused, and why; pure, for a form that checks as it is typed.
    /// Quotas and names that are taken are found out when the machine is asked for.
    pub fn problems(&self, limits: &Limits, catalogue: &[Image]) -> Vec<FieldError> {
        let image = Image::find(catalogue, &self.image);
        let checks = [
            VmName::parse(&self.name).map(drop),
            check_image(&self.image, image),
            limits.check_memory(self.memory_mib),
            limits.check_vcpus(self.vcpus),
            limits.check_disk(self.disk_gib),
            check_least_disk(self.disk_gib, image),
            check_guest_user(&self.guest_user),
            check_guest_password(&self.password),
            check_key_count(self.ssh_keys.len()),
        ];
        let keys = self.ssh_keys.iter().map(|key| ssh_key::parse(key).map(drop));
        let provision = provision::problems(&self.provision, &self.name, image);
        let mut problems: Vec<_> = checks
            .into_iter()
            .chain(keys)
            .filter_map(std::result::Result::err)
            .collect();
        problems.extend(provision);
        problems
    }
}

/// A request that passed, with what it will be made from.
pub struct Checked {
    pub request: VmRequest,
    pub guest_user: String,
    pub source: Source,
    pub own_keys: bool,
}

impl Core {
    /// Checks everything that can be checked without a transaction.
    pub(super) async fn check_request(&self, ctx: &Ctx, machine: NewMachine) -> Result<Checked> {
        let network = self.network_for(ctx, &machine.network).await?;
        let (limits, catalogue) = (self.settings().limits.clone(), self.catalogue());
        self.crunch(move || {
            let images = catalogue.images();
            let problems = machine.problems(&limits, &images);
            if !problems.is_empty() {
                return Err(Error::Invalid(problems));
            }
            provision::check_zone(machine.provision.timezone.as_deref())?;
            let image = Image::find(&images, &machine.image).ok_or_else(|| unknown_image(&machine.image))?;
            let source = catalogue
                .source(&image.id)
                .map_err(|reason| FieldError::new(Field::Image, reason))?;
            let password_hash = match machine.password.as_str() {
                "" => None,
                password => Some(auth::guest_hash(password)?),
            };
            let ssh_keys = machine
                .ssh_keys
                .iter()
                .map(|key| ssh_key::parse(key))
                .collect::<std::result::Result<_, _>>()?;
            let named = Some(machine.guest_user).filter(|user| !user.is_empty());
            Ok(Checked {
                guest_user: named.clone().unwrap_or_else(|| image.default_user.clone()),
                request: VmRequest {
                    name: VmName::parse(&machine.name)?,
                    image: image.id.clone(),
                    memory_mib: machine.memory_mib,
                    vcpus: machine.vcpus,
                    disk_gib: machine.disk_gib,
                    guest_user: named,
                    password_hash,
                    ssh_keys,
                    provision: machine.provision,
                    network,
                },
                source,
                own_keys: !machine.without_own_keys,
            })
        })
        .await
    }
}

fn check_image(id: &str, image: Option<&Image>) -> std::result::Result<(), FieldError> {
    match image.map(Image::refusal) {
        Some(None) => Ok(()),
        Some(Some(reason)) => Err(FieldError::new(Field::Image, reason)),
        None => Err(unknown_image(id)),
    }
}

fn unknown_image(name: &str) -> FieldError {
    let reason = match images::epitaph(name) {
        Some(epitaph) => epitaph,
        None if name.is_empty() => "choose an image".to_owned(),
        None => {
            let shown = text::visible_within(name, 60);
            format!("no image `{shown}`; see `twarga image list`")
        }
    };
    FieldError::new(Field::Image, reason)
}

fn check_least_disk(disk_gib: u64, image: Option<&Image>) -> std::result::Result<(), FieldError> {
    match image {
        Some(image) if disk_gib < image.min_disk_gib => Err(FieldError::new(
            Field::Disk,
            format!("{} needs at least {} GiB", image.id, image.min_disk_gib),
        )),
        _ => Ok(()),
    }
}

/// The account's name as `useradd` accepts it; empty for the image's default.
fn check_guest_user(name: &str) -> std::result::Result<(), FieldError> {
    let refuse = |reason: &str| Err(FieldError::new(Field::GuestUser, reason));
    if name.is_empty() {
        return Ok(());
    }
    let lower = |c: char| c.is_ascii_lowercase();
    if name.len() > 32 || !name.starts_with(|c| lower(c) || c == '_') {
        return refuse("1 to 32 characters, starting with a-z or _");
    }
    if !name
        .chars()
        .all(|c| lower(c) || c.is_ascii_digit() || c == '_' || c == '-')
    {
        return refuse("only a-z, 0-9, - and _");
    }
    if name == "root" {
        return refuse("root stays locked; choose another name");
    }
    Ok(())
}

fn check_guest_password(password: &str) -> std::result::Result<(), FieldError> {
    let refuse = |reason: String| Err(FieldError::new(Field::Password, reason));
    if password.len() > MAX_GUEST_PASSWORD {
        return refuse(format!("at most {MAX_GUEST_PASSWORD} bytes"));
    }
    if password.chars().any(char::is_control) {
        return refuse("it has a character that cannot be typed".to_owned());
    }
    if !password.is_empty() && password.chars().count() < 8 {
        return refuse("at least 8 characters, or none: then only keys let in".to_owned());
    }
    Ok(())
}

fn check_key_count(count: usize) -> std::result::Result<(), FieldError> {
    if count <= MAX_KEYS {
        return Ok(());
    }
    Err(FieldError::new(Field::SshKey, format!("at most {MAX_KEYS} keys")))
}
