//! How large a machine may be and how much one user may have.

use super::field::{Field, FieldError};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Bounds of machines and users. Sizes in MiB (memory) and GiB (disk).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Least memory of a machine, MiB.
    pub min_memory_mib: u64,
    /// Most memory of a machine, MiB.
    pub max_memory_mib: u64,
    /// Most virtual processors of a machine.
    pub max_vcpus: u32,
    /// Smallest disk, GiB.
    pub min_disk_gib: u64,
    /// Largest disk, GiB.
    pub max_disk_gib: u64,
    /// Machines a user may have.
    pub max_vms_per_user: u32,
    /// Memory that all machines of a user may have together, MiB.
    pub max_total_memory_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_memory_mib: 512,
            max_memory_mib: 4096,
            max_vcpus: 4,
            min_disk_gib: 10,
            max_disk_gib: 50,
            max_vms_per_user: 5,
            max_total_memory_mib: 8192,
        }
    }
}

/// What a user has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Machines, whatever their status.
    pub vms: u32,
    /// Their memory, MiB.
    pub memory_mib: u64,
}

impl Limits {
    /// Checks memory in MiB.
    ///
    /// # Errors
    /// Names the bounds.
    pub fn check_memory(&self, mib: u64) -> Result<(), FieldError> {
        within(
            Field::Memory,
            mib,
            self.min_memory_mib..=self.max_memory_mib,
            "MiB",
        )
    }

    /// Checks a number of virtual processors.
    ///
    /// # Errors
    /// Names the bounds.
    pub fn check_vcpus(&self, count: u32) -> Result<(), FieldError> {
        within(Field::Vcpus, count.into(), 1..=self.max_vcpus.into(), "")
    }

    /// Checks a disk in GiB.
    ///
    /// # Errors
    /// Names the bounds.
    pub fn check_disk(&self, gib: u64) -> Result<(), FieldError> {
        within(Field::Disk, gib, self.min_disk_gib..=self.max_disk_gib, "GiB")
    }

    /// Checks that one more machine of `memory_mib` fits beside what a user has.
    ///
    /// # Errors
    /// Says which quota is used up and by how much.
    pub fn check_quota(&self, usage: Usage, memory_mib: u64) -> Result<(), FieldError> {
        if usage.vms >= self.max_vms_per_user {
            return Err(FieldError::new(
                Field::Name,
                format!("you have {} of {} machines", usage.vms, self.max_vms_per_user),
            ));
        }
        if usage.memory_mib + memory_mib > self.max_total_memory_mib {
            return Err(FieldError::new(
                Field::Memory,
                format!(
                    "your machines have {} of {} MiB; {} MiB are left",
                    usage.memory_mib,
                    self.max_total_memory_mib,
                    self.max_total_memory_mib.saturating_sub(usage.memory_mib)
                ),
            ));
        }
        Ok(())
    }
}

fn within(field: Field, value: u64, bounds: RangeInclusive<u64>, unit: &str) -> Result<(), FieldError> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    };
    Err(FieldError::new(
        field,
        format!("{} to {}{unit}", bounds.start(), bounds.end()),
    ))
}
