//! twarga's storage pool: a folder that libvirt owns, reached through libvirt only.
//!
//! On `qemu:///system` its files belong to root or to QEMU's user, so twarga could not read
//! them if it wanted to; on `qemu:///session` it could, and goes the same way all the same.

use super::error::{During, failed, if_there};
use super::xml::{document, element, first, value};
use crate::hypervisor::{PoolSpace, Result};
use std::path::{Path, PathBuf};
use virt::connect::Connect;
use virt::storage_pool::StoragePool;

/// Looks the pool up.
pub(super) fn pool(connect: &Connect, name: &str) -> Result<StoragePool> {
    connect
        .lookup_storage_pool_by_name(name)
        .during("look up", named(name))
}

pub(super) fn named(name: &str) -> String {
    format!("storage pool {name}")
}

/// Defines, builds and starts the pool where needed; says what it did.
pub(super) fn prepare(connect: &Connect, name: &str, folder: &Path, mode: &str) -> Result<Vec<String>> {
    let mut done = Vec::new();
    let object = named(name);
    let pool = match if_there(pool(connect, name))? {
        Some(pool) => pool,
        None => {
            let pool = connect
                .define_storage_pool_xml(&definition(name, folder, mode)?, 0)
                .during("define", &object)?;
            done.push(format!("defined {object} in {}", folder.display()));
            pool
        }
    };
    if !pool.is_active().during("state of", &object)? {
        // Makes the folder where there is none.
        pool.build(0).during("build", &object)?;
        pool.create(0).during("start", &object)?;
        done.push(format!("started {object}"));
    }
    if !pool.autostart().during("autostart of", &object)? {
        pool.set_autostart(true).during("autostart of", &object)?;
        done.push(format!("{object} starts with libvirt from now on"));
    }
    Ok(done)
}

/// Where it is on the host.
pub(super) fn path(pool: &StoragePool, name: &str) -> Result<PathBuf> {
    let xml = pool.xml_desc(0).during("describe", named(name))?;
    let path = first(&named(name), &xml, &["pool", "target", "path"])?;
    path.map(|path| PathBuf::from(path.text))
        .ok_or_else(|| failed("path of", named(name), "it is not a folder of the host"))
}

/// Its room.
pub(super) fn space(pool: &StoragePool, name: &str) -> Result<PoolSpace> {
    // What it last knew may be as old as the last change through libvirt.
    refresh(pool, name)?;
    let info = pool.info().during("space of", named(name))?;
    Ok(PoolSpace {
        capacity: info.capacity,
        available: info.available,
    })
}

/// Has libvirt look at the folder again: logs appear there without its doing.
///
/// It refuses while a volume of the pool is written; what it last knew is then good enough.
pub(super) fn refresh(pool: &StoragePool, name: &str) -> Result<()> {
    match pool.refresh(0) {
        Ok(()) => Ok(()),
        Err(error) if pool.is_active().during("state of", named(name))? => {
            tracing::debug!(pool = name, error = %super::error::words(&error), "the pool is not refreshed now");
            Ok(())
        }
        outcome => outcome.during("refresh", named(name)),
    }
}

fn definition(name: &str, folder: &Path, mode: &str) -> Result<String> {
    let folder = folder
        .to_str()
        .ok_or_else(|| failed("define", named(name), "its folder's name is not UTF-8"))?;
    document(&named(name), |xml| {
        element(xml, "pool", &[("type", "dir")], |xml| {
            value(xml, "name", name)?;
            element(xml, "target", &[], |xml| {
                value(xml, "path", folder)?;
                element(xml, "permissions", &[], |xml| value(xml, "mode", mode))
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_folder_survives_the_xml() {
        let folder = Path::new("/home/o'brien & söhne/<state>");
        let xml = definition("twarga", folder, "0700").unwrap();
        let path = first("pool", &xml, &["pool", "target", "path"]).unwrap().unwrap();
        assert_eq!(Path::new(&path.text), folder);
    }
}
