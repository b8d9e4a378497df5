//! The storage pool: volumes with their sizes and as much of their content as tests look at.

use crate::hypervisor::{Error, PoolSpace, Result, Volume, VolumeFormat, VolumePart, VolumeSpec};
use std::collections::{BTreeMap, VecDeque};

/// Bytes of content kept per volume, from its end: a whole seed, and the end of any log.
const CONTENT: usize = 1 << 20;
/// What an empty qcow2 takes on the host, bytes.
const QCOW2_EMPTY: u64 = 196_616;

/// A volume with its content.
struct Stored {
    spec: VolumeSpec,
    allocation: u64,
    /// Bytes ever written to it; the last of them are kept.
    written: u64,
    content: VecDeque<u8>,
}

/// The pool.
pub(super) struct Pool {
    ready: bool,
    capacity: u64,
    full: bool,
    volumes: BTreeMap<String, Stored>,
}

impl Pool {
    /// A pool on a file system of `capacity` bytes, not defined yet.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            ready: false,
            capacity,
            full: false,
            volumes: BTreeMap::new(),
        }
    }

    /// Defines and starts the pool; says whether that was needed.
    pub(super) fn prepare(&mut self) -> bool {
        !std::mem::replace(&mut self.ready, true)
    }

    /// Stops and forgets the pool; the files stay.
    pub(super) fn forget(&mut self) {
        self.ready = false;
    }

    /// Fills its file system to the brim, or makes room again.
    pub(super) fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.volumes.contains_key(name)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.volumes.keys().cloned().collect()
    }

    /// A volume's capacity and allocation, bytes.
    pub(super) fn size(&self, name: &str) -> Option<(u64, u64)> {
        let stored = self.volumes.get(name)?;
        Some((stored.spec.capacity, stored.allocation))
    }

    /// All volumes; `in_use` knows what running guests have added to a disk's allocation.
    pub(super) fn volumes(&self, in_use: &BTreeMap<&str, u64>) -> Result<Vec<Volume>> {
        self.check_ready()?;
        let volume = |(name, stored): (&String, &Stored)| Volume {
            name: name.clone(),
            capacity: stored.spec.capacity,
            allocation: in_use
                .get(name.as_str())
                .map_or(stored.allocation, |allocated| stored.allocation.max(*allocated)),
        };
        Ok(self.volumes.iter().map(volume).collect())
    }

    pub(super) fn space(&self, in_use: &BTreeMap<&str, u64>) -> Result<PoolSpace> {
        let used: u64 = self.volumes(in_use)?.iter().map(|volume| volume.allocation).sum();
        let free = self.capacity.saturating_sub(used);
        Ok(PoolSpace {
            capacity: self.capacity,
            available: if self.full { 0 } else { free },
        })
    }

    pub(super) fn create(&mut self, spec: &VolumeSpec) -> Result<()> {
        self.check_ready()?;
        if let Some(there) = self.volumes.get(&spec.name) {
            if there.spec == *spec {
                return Ok(());
            }
            return Err(Error::Conflict(format!(
                "volume {} exists already with another shape",
                spec.name
            )));
        }
        if let Some((backing, _)) = &spec.backing
            && !self.has(backing)
        {
            return Err(Error::NotFound(format!("volume {backing}")));
        }
        self.check_room("create_volume", &spec.name)?;
        let allocation = match spec.format {
            VolumeFormat::Qcow2 => QCOW2_EMPTY,
            VolumeFormat::Raw => 0,
        };
        self.insert(spec.clone(), allocation);
        Ok(())
    }

    /// Makes an empty raw volume in the place of what was there.
    pub(super) fn truncate(&mut self, name: &str, size: u64) -> Result<()> {
        self.check_ready()?;
        self.check_room("upload", name)?;
        let spec = VolumeSpec {
            name: name.to_owned(),
            format: VolumeFormat::Raw,
            capacity: size,
            backing: None,
        };
        self.insert(spec, 0);
        Ok(())
    }

    /// Writes on at a volume's end: an upload's next bytes.
    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_room("upload", name)?;
        let stored = self
            .volumes
            .get_mut(name)
            .ok_or_else(|| Error::NotFound(format!("volume {name}")))?;
        stored.append(bytes);
        Ok(())
    }

    /// Appends to a console log; libvirt makes the file where there is none.
    pub(super) fn log(&mut self, name: &str, bytes: &[u8]) {
        let stored = self.volumes.entry(name.to_owned()).or_insert_with(|| Stored {
            spec: VolumeSpec {
                name: name.to_owned(),
                format: VolumeFormat::Raw,
                capacity: 0,
                backing: None,
            },
            allocation: 0,
            written: 0,
            content: VecDeque::new(),
        });
        stored.append(bytes);
        stored.spec.capacity = stored.allocation;
    }

    pub(super) fn delete(&mut self, name: &str) -> Result<()> {
        self.check_ready()?;
        self.volumes.remove(name);
        Ok(())
    }

    /// Bytes of a volume from `offset` on. Those that are not kept any more read as zeros.
    pub(super) fn read(&self, name: &str, offset: u64, limit: u64) -> Result<VolumePart> {
        let Stored {
            content,
            written: size,
            ..
        } = self.stored(name)?;
        let size = *size;
        let from = offset.min(size);
        let until = from.saturating_add(limit.min(CONTENT as u64)).min(size);
        let forgotten = size - content.len() as u64;
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let mut bytes = vec![0; place(until.min(forgotten).saturating_sub(from))];
        let kept = place(from.saturating_sub(forgotten))..place(until.saturating_sub(forgotten));
        bytes.extend(content.range(kept));
        Ok(VolumePart { bytes, size })
    }

    /// The last bytes of a volume, as far as they are kept.
    pub(super) fn tail(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let stored = self.stored(name)?;
        let offset = stored.written - limit.min(stored.content.len() as u64);
        self.read(name, offset, limit).map(|part| part.bytes)
    }

    fn stored(&self, name: &str) -> Result<&Stored> {
        self.check_ready()?;
        let stored = self.volumes.get(name);
        stored.ok_or_else(|| Error::NotFound(format!("volume {name}")))
    }

    fn insert(&mut self, spec: VolumeSpec, allocation: u64) {
        let stored = Stored {
            spec,
            allocation,
            written: 0,
            content: VecDeque::new(),
        };
        self.volumes.insert(stored.spec.name.clone(), stored);
    }

    fn check_ready(&self) -> Result<()> {
        if self.ready {
            return Ok(());
        }
        Err(Error::NotFound("storage pool twarga".to_owned()))
    }

    fn check_room(&self, call: &str, name: &str) -> Result<()> {
        if !self.full {
            return Ok(());
        }
        Err(Error::Failed {
            call: format!("{call} {name}"),
            reason: "No space left on device".to_owned(),
        })
    }
}

impl Stored {
    fn append(&mut self, bytes: &[u8]) {
        self.allocation += bytes.len() as u64;
        self.written += bytes.len() as u64;
        self.content.extend(bytes);
        let excess = self.content.len().saturating_sub(CONTENT);
        self.content.drain(..excess);
    }
}
