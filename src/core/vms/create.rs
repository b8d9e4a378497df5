//! Making a machine: its steps and their undoing.

use super::files::Files;
use super::power::settle_ready;
use super::ready::Ready;
use super::steps::{PowerOn, Prepare, machine, network_of, remove};
use crate::core::credits::refund_creation;
use crate::core::images::Source;
use crate::core::operations::{Job, Plan, Recovery, Step, Stop, Work};
use crate::core::seed::{self, Seed};
use crate::hypervisor::{DomainSpec, Mode, Network, Ownership, VolumeFormat, VolumeSpec};
use crate::model::{Operation, SshKey, VmRequest, ssh_key};
use crate::store::{self, Writer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Cursor;

/// What a create operation was accepted with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Input {
    /// What was asked for.
    pub request: VmRequest,
    /// Where the image's bytes are.
    pub source: Source,
    /// Whether the owner's keys go in. What an older program wrote down was promised none.
    #[serde(default)]
    pub own_keys: bool,
}

/// Creation, step by step. One that fails leaves no machine: its first step's undo removes the
/// row. But a machine whose guest never becomes ready is kept, in error.
pub static PLAN: Plan = Plan {
    steps: &[
        &Reserve,
        &Prepare { room: true },
        &Image,
        &Disk,
        &SeedDisk,
        &Define,
        &PowerOn,
        &Ready,
    ],
    recovery: Recovery::Backward,
    settle: settle_created,
};

/// The machine is settled; of one that was not made, what it cost comes back.
fn settle_created(writer: &Writer<'_>, operation: &Operation) -> store::Result<()> {
    if let Some(vm) = operation.vm
        && writer.vm(vm)?.is_none()
    {
        refund_creation(writer, operation.owner, vm, &operation.name)?;
    }
    settle_ready(writer, operation)
}

/// The row, which was made when the operation was accepted.
struct Reserve;

impl Step for Reserve {
    fn name(&self) -> &'static str {
        "reserve"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            machine(job).await?;
            Ok(Value::Null)
        })
    }

    fn undo<'a>(&'a self, job: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async move {
            let id = job.vm()?;
            job.write(move |writer| match writer.vm(id)? {
                Some(_) => Ok(writer.remove_vm(id)?),
                None => Ok(()),
            })
            .await
        })
    }
}

/// The image's bytes are in the pool.
struct Image;

impl Step for Image {
    fn name(&self) -> &'static str {
        "image"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let vm = machine(job).await?;
            let base = job.input::<Input>()?.source.bring(job, vm.disk_gib << 30).await?;
            if let Some(volume) = base.clone() {
                job.write(move |writer| Ok(writer.set_vm_base(vm.id, &volume)?))
                    .await?;
            }
            Ok(json!({ "volume": base }))
        })
    }

    /// The copy is every machine's and stays.
    fn undo<'a>(&'a self, _: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The machine's own disk.
struct Disk;

impl Step for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let vm = machine(job).await?;
            let id = vm.id;
            let base = job.core().read(move |reader| Ok(reader.vm_base(id)?)).await?;
            let spec = VolumeSpec {
                name: Files::of(&vm).disk(),
                format: VolumeFormat::Qcow2,
                capacity: vm.disk_gib << 30,
                backing: job.input::<Input>()?.source.backing(base),
            };
            job.call("create the disk", move |it| it.create_volume(&spec))
                .await?;
            Ok(Value::Null)
        })
    }

    fn undo<'a>(&'a self, job: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async move { delete(job, Files::disk).await })
    }
}

/// The seed disk.
struct SeedDisk;

impl Step for SeedDisk {
    fn name(&self) -> &'static str {
        "seed"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let vm = machine(job).await?;
            let Input {
                request, own_keys, ..
            } = job.input()?;
            // Read now and not when the machine was asked for: a key that was removed while an
            // image came down must not get in, and one that was added shall.
            let owned = match own_keys {
                true => {
                    let owner = vm.owner;
                    job.core().read(move |reader| Ok(reader.ssh_keys(owner)?)).await?
                }
                false => Vec::new(),
            };
            let ssh_keys = let_in(&job.core().ssh_identity().public_key, request.ssh_keys, owned);
            let image = seed::image(&Seed {
                instance: vm.uuid,
                hostname: vm.name.as_str(),
                user: &vm.guest_user,
                password_hash: request.password_hash.as_deref(),
                ssh_keys: &ssh_keys,
                provision: &request.provision,
            })?;
            let name = Files::of(&vm).seed();
            job.call("write the seed disk", move |it| {
                it.upload(&name, image.len() as u64, &mut Cursor::new(image), &mut |_| {})
            })
            .await?;
            Ok(Value::Null)
        })
    }

    fn undo<'a>(&'a self, job: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async move { delete(job, Files::seed).await })
    }
}

/// Who a guest lets in: twarga, the keys of the request, and the owner's; none twice.
fn let_in(twarga: &str, named: Vec<String>, owned: Vec<SshKey>) -> Vec<String> {
    let all = std::iter::once(twarga.to_owned())
        .chain(named)
        .chain(owned.into_iter().map(|key| key.public_key));
    let mut seen = BTreeSet::new();
    all.filter(|key| seen.insert(ssh_key::fingerprint(key).unwrap_or_else(|| key.clone())))
        .collect()
}

async fn delete(job: &Job, name: fn(&Files) -> String) -> Result<(), Stop> {
    let name = name(&Files::of(&machine(job).await?));
    job.call("delete a volume", move |it| it.delete_volume(&name))
        .await
}

/// The domain.
struct Define;

impl Step for Define {
    fn name(&self) -> &'static str {
        "define"
    }

    fn run<'a>(&'a self, job: &'a Job) -> Work<'a, Value> {
        Box::pin(async move {
            let vm = machine(job).await?;
            let files = Files::of(&vm);
            let network = match job.host()?.mode {
                Mode::Session => Network::User,
                Mode::System | Mode::Simulated => Network::Libvirt(network_of(job, &vm)),
            };
            let spec = DomainSpec {
                uuid: vm.uuid,
                name: vm.domain_name(),
                ownership: Ownership {
                    instance: job.core().instance(),
                    machine: vm.uuid,
                    owner: vm.owner.0,
                },
                memory_mib: vm.memory_mib,
                vcpus: vm.vcpus,
                boot: job.input::<Input>()?.source.boot(),
                disk: files.disk(),
                seed: files.seed(),
                log: files.log(),
                network,
            };
            job.call("define the domain", move |it| it.define(&spec)).await?;
            Ok(Value::Null)
        })
    }

    /// The domain, and the logs that libvirt made for it.
    fn undo<'a>(&'a self, job: &'a Job, _: &'a Value) -> Work<'a, ()> {
        Box::pin(async move {
            let vm = machine(job).await?;
            let (uuid, files) = (vm.uuid, Files::of(&vm));
            remove(job, uuid).await?;
            job.call("delete a machine's logs", move |it| {
                let (disk, seed) = (files.disk(), files.seed());
                let mut logs = files
                    .among(&it.volumes()?)
                    .into_iter()
                    .filter(|it| *it != disk && *it != seed);
                logs.try_for_each(|name| it.delete_volume(&name))
            })
            .await
        })
    }
}
