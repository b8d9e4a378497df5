//! What a machine has in the pool, by name.

use crate::hypervisor::Volume;
use crate::model::Vm;
use std::collections::BTreeSet;

/// The names of a machine's volumes. They carry the beginning of its UUID, so that a machine
/// of the same name, of another instance on the same libvirt or made later, never shares them.
pub struct Files {
    stem: String,
}

impl Files {
    /// Of a machine.
    pub fn of(vm: &Vm) -> Self {
        let uuid = vm.uuid.simple().to_string();
        Self {
            stem: format!("{}_{}", vm.domain_name(), &uuid[..8]),
        }
    }

    /// How the UUIDs of the machines begin to which some volumes may belong, by the form of their
    /// names: for looking those machines up.
    pub fn owners_of(volumes: &[Volume]) -> BTreeSet<String> {
        let beginning = |volume: &Volume| {
            let (stem, _) = volume.name.split_once('.')?;
            let (_, uuid) = stem.rsplit_once('_')?;
            let hexadecimal = uuid.len() == 8 && uuid.chars().all(|c| c.is_ascii_hexdigit());
            hexadecimal.then(|| uuid.to_owned())
        };
        volumes.iter().filter_map(beginning).collect()
    }

    /// Its disk.
    pub fn disk(&self) -> String {
        format!("{}.qcow2", self.stem)
    }

    /// Its seed.
    pub fn seed(&self) -> String {
        format!("{}.seed", self.stem)
    }

    /// Its console's log; libvirt rotates it to `.log.0` …
    pub fn log(&self) -> String {
        format!("{}.log", self.stem)
    }

    /// Those of `volumes` that are the machine's, rotated logs included.
    pub fn among(&self, volumes: &[Volume]) -> Vec<String> {
        let prefix = format!("{}.", self.stem);
        volumes
            .iter()
            .filter(|it| it.name.starts_with(&prefix))
            .map(|it| it.name.clone())
            .collect()
    }
}
