//! Volumes of twarga's pool: made, filled, read and removed through libvirt.

use super::connection::checked_name;
use super::error::{During, failed, if_there};
use super::pool;
use super::xml::{document, element, empty, first, value};
use crate::hypervisor::{Error, OnBytes, Result, Volume, VolumeFormat, VolumePart, VolumeSpec};
use crate::model::text;
use std::io::Read;
use virt::connect::Connect;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;

/// Bytes sent to libvirt at once. A message of its protocol holds just under 256 KiB.
const CHUNK: usize = 256 * 1024 - 1024;

fn named(name: &str) -> String {
    format!("volume {name}")
}

fn volume(pool: &StoragePool, name: &str) -> Result<StorageVol> {
    let name = checked_name("volume", name)?;
    pool.lookup_storage_vol_by_name(name)
        .during("look up", named(name))
}

/// Where a volume is on the host.
pub(super) fn path(pool: &StoragePool, name: &str) -> Result<String> {
    volume(pool, name)?.path().during("path of", named(name))
}

/// All volumes, after a fresh look at the folder.
pub(super) fn list(pool: &StoragePool, pool_name: &str) -> Result<Vec<Volume>> {
    pool::refresh(pool, pool_name)?;
    let volumes = pool
        .list_all_volumes(0)
        .during("volumes of", pool::named(pool_name))?;
    let mut listed = Vec::with_capacity(volumes.len());
    for volume in volumes {
        let name = volume.name().during("name of", "a volume")?;
        // One that went since the list was made is not in the list.
        if let Some(info) = if_there(volume.info().during("size of", named(&name)))? {
            let name = text::visible(&name).into_owned();
            listed.push(Volume {
                name,
                capacity: info.capacity,
                allocation: info.allocation,
            });
        }
    }
    Ok(listed)
}

const fn word(format: VolumeFormat) -> &'static str {
    match format {
        VolumeFormat::Qcow2 => "qcow2",
        VolumeFormat::Raw => "raw",
    }
}

/// Makes a volume; one of the same shape may be there already.
pub(super) fn create(pool: &StoragePool, spec: &VolumeSpec) -> Result<()> {
    let backing = match &spec.backing {
        None => None,
        Some((name, format)) => Some((path(pool, name)?, word(*format))),
    };
    let backing = backing.as_ref().map(|(path, format)| (path.as_str(), *format));
    if let Some(there) = if_there(volume(pool, &spec.name))? {
        return check_shape(&there, spec, backing);
    }
    StorageVol::create_xml(pool, &definition(spec, backing)?, 0).during("create", named(&spec.name))?;
    Ok(())
}

fn check_shape(there: &StorageVol, spec: &VolumeSpec, backing: Option<(&str, &str)>) -> Result<()> {
    let object = named(&spec.name);
    let xml = there.xml_desc(0).during("describe", &object)?;
    let attribute = |path: &[&str], name: &str| -> Result<Option<String>> {
        Ok(first(&object, &xml, path)?.and_then(|element| element.attribute(name).map(String::from)))
    };
    let text = |path: &[&str]| -> Result<Option<String>> {
        Ok(first(&object, &xml, path)?.map(|element| element.text))
    };
    // In XML libvirt writes capacities in bytes, whatever they were given in.
    let same = text(&["volume", "capacity"])?.as_deref() == Some(&spec.capacity.to_string())
        && attribute(&["volume", "target", "format"], "type")?.as_deref() == Some(word(spec.format))
        && text(&["volume", "backingStore", "path"])?.as_deref() == backing.map(|(path, _)| path)
        && attribute(&["volume", "backingStore", "format"], "type")?.as_deref()
            == backing.map(|(_, format)| format);
    if same {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "{} exists already with another shape",
        text::visible(&object)
    )))
}

fn definition(spec: &VolumeSpec, backing: Option<(&str, &str)>) -> Result<String> {
    document(&named(&spec.name), |xml| {
        element(xml, "volume", &[], |xml| {
            value(xml, "name", &spec.name)?;
            value(xml, "capacity", &spec.capacity.to_string())?;
            value(xml, "allocation", "0")?;
            element(xml, "target", &[], |xml| {
                empty(xml, "format", &[("type", word(spec.format))])?;
                element(xml, "permissions", &[], |xml| value(xml, "mode", "0600"))?;
                if spec.format == VolumeFormat::Qcow2 {
                    value(xml, "compat", "1.1")?;
                }
                Ok(())
            })?;
            if let Some((path, format)) = backing {
                element(xml, "backingStore", &[], |xml| {
                    value(xml, "path", path)?;
                    empty(xml, "format", &[("type", format)])
                })?;
            }
            Ok(())
        })
    })
}

/// Removes a volume, if it is there.
pub(super) fn delete(pool: &StoragePool, pool_name: &str, name: &str) -> Result<()> {
    let Some(volume) = find_fresh(pool, pool_name, name)? else {
        return Ok(());
    };
    if_there(volume.delete(0).during("delete", named(name)))?;
    Ok(())
}

/// A volume that may have appeared without libvirt's doing, as logs do.
fn find_fresh(pool: &StoragePool, pool_name: &str, name: &str) -> Result<Option<StorageVol>> {
    if let Some(volume) = if_there(volume(pool, name))? {
        return Ok(Some(volume));
    }
    pool::refresh(pool, pool_name)?;
    if_there(volume(pool, name))
}

/// A raw volume's content to be.
pub(super) struct Upload<'a> {
    pub name: &'a str,
    pub size: u64,
    pub source: &'a mut dyn Read,
}

/// Makes a raw volume of its source's bytes. A failure leaves none.
pub(super) fn upload(
    connect: &Connect,
    pool: &StoragePool,
    upload: Upload<'_>,
    progress: OnBytes<'_>,
) -> Result<()> {
    let object = named(upload.name);
    if let Some(there) = if_there(volume(pool, upload.name))? {
        if_there(there.delete(0).during("replace", &object))?;
    }
    let spec = VolumeSpec {
        name: upload.name.to_owned(),
        format: VolumeFormat::Raw,
        capacity: upload.size,
        backing: None,
    };
    let volume = StorageVol::create_xml(pool, &definition(&spec, None)?, 0).during("create", &object)?;
    let outcome = Stream::new(connect, 0)
        .during("upload", &object)
        .and_then(|stream| {
            volume
                .upload(&stream, 0, upload.size, 0)
                .during("upload", &object)?;
            match send(&stream, upload, progress) {
                Ok(()) => stream.finish().during("upload", &object),
                Err(error) => {
                    // What it says is of no use: the first error is the cause.
                    let _ = stream.abort();
                    Err(error)
                }
            }
        });
    if outcome.is_err()
        && let Err(error) = volume.delete(0)
    {
        tracing::warn!(volume = %object, error = %super::error::words(&error), "half an upload is left behind");
    }
    outcome
}

fn send(stream: &Stream, upload: Upload<'_>, progress: OnBytes<'_>) -> Result<()> {
    let object = named(upload.name);
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    while done < upload.size {
        let wanted = usize::try_from(upload.size - done).map_or(CHUNK, |rest| rest.min(CHUNK));
        let read = match upload.source.read(&mut buffer[..wanted]) {
            Ok(0) => {
                let reason = format!("its source ended after {done} of {} bytes", upload.size);
                return Err(failed("upload", object, reason));
            }
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("upload", object, format!("its source: {error}"))),
        };
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            match usize::try_from(stream.send(rest).during("upload", &object)?) {
                Ok(sent @ 1..) => rest = &rest[sent.min(rest.len())..],
                _ => return Err(failed("upload", object, "libvirt takes no more bytes")),
            }
        }
        done += read as u64;
        progress(done);
    }
    Ok(())
}

/// Which bytes of a volume.
#[derive(Clone, Copy)]
pub(super) enum Part {
    From { offset: u64, limit: u64 },
    Last { limit: u64 },
}

impl Part {
    /// Offset and length in a volume of that size.
    fn of(self, size: u64) -> (u64, u64) {
        match self {
            Self::From { offset, limit } => (offset, size.saturating_sub(offset).min(limit)),
            Self::Last { limit } => (size.saturating_sub(limit), size.min(limit)),
        }
    }
}

/// Reads a part of a volume.
pub(super) fn read(
    connect: &Connect,
    (pool, pool_name): (&StoragePool, &str),
    name: &str,
    part: Part,
) -> Result<VolumePart> {
    let object = named(name);
    let volume = find_fresh(pool, pool_name, name)?.ok_or_else(|| Error::NotFound(object.clone()))?;
    let size = volume.info().during("size of", &object)?.capacity;
    let (offset, length) = part.of(size);
    if length == 0 {
        let bytes = Vec::new();
        return Ok(VolumePart { bytes, size });
    }
    let stream = Stream::new(connect, 0).during("read", &object)?;
    volume
        .download(&stream, offset, length, 0)
        .during("read", &object)?;
    match receive(&stream, &object, length) {
        Ok(bytes) => {
            stream.finish().during("read", &object)?;
            Ok(VolumePart { bytes, size })
        }
        Err(error) => {
            // As above: the first error is the cause.
            let _ = stream.abort();
            Err(error)
        }
    }
}

fn receive(stream: &Stream, object: &str, length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let received = stream.recv(&mut buffer).during("read", object)?;
        match usize::try_from(received) {
            Ok(0) => return Ok(bytes),
            Ok(received) => bytes.extend_from_slice(&buffer[..received.min(buffer.len())]),
            Err(_) => return Err(failed("read", object, "libvirt has no bytes now")),
        }
        if bytes.len() as u64 > length {
            return Err(failed("read", object, "libvirt sent more than was asked for"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(backing: Option<(String, VolumeFormat)>) -> VolumeSpec {
        VolumeSpec {
            name: "a&b".into(),
            format: VolumeFormat::Qcow2,
            capacity: 10 << 30,
            backing,
        }
    }

    #[test]
    fn an_overlay_names_its_base_and_the_bases_format() {
        let xml = definition(&spec(None), Some(("/pool/it's <base>", "raw"))).unwrap();
        let path = first("v", &xml, &["volume", "backingStore", "path"])
            .unwrap()
            .unwrap();
        assert_eq!(path.text, "/pool/it's <base>");
        let format = first("v", &xml, &["volume", "backingStore", "format"])
            .unwrap()
            .unwrap();
        assert_eq!(format.attribute("type"), Some("raw"), "never probed");
        let capacity = first("v", &xml, &["volume", "capacity"]).unwrap().unwrap();
        assert_eq!(capacity.text, "10737418240");
    }

    #[test]
    fn a_flat_volume_has_no_base() {
        let xml = definition(&spec(None), None).unwrap();
        assert_eq!(first("v", &xml, &["volume", "backingStore"]).unwrap(), None);
        assert_eq!(
            first("v", &xml, &["volume", "name"]).unwrap().unwrap().text,
            "a&b"
        );
    }
}
