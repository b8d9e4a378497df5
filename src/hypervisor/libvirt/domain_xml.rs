//! A domain's XML: a small, headless virtio machine.
//!
//! Everything is explicit that libvirt or QEMU would otherwise guess, and everything is left out
//! that nobody here uses: no graphics, no USB, no sound.

use super::filter::Filter;
use super::xml::{Element, Xml, document, element, empty, value};
use crate::hypervisor::{Acceleration, Boot, DomainSpec, Network, Ownership, Result};
use std::io;
use uuid::Uuid;

/// The XML namespace of twarga's metadata.
pub(super) const NAMESPACE: &str = "urn:twarga:machine:1";

/// The name of the guest agent's channel, which agents look for.
pub(super) const AGENT: &str = "org.qemu.guest_agent.0";

/// Seconds between two balloon statistics: as often as they are sampled.
const BALLOON_PERIOD: &str = "5";

/// Where a domain's volumes are on the host: libvirt's own lookup (`<disk type='volume'>`) is
/// unknown to AppArmor's helper, which then denies them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paths {
    pub disk: String,
    pub seed: String,
    pub log: String,
    /// Kernel, initramfs and command line, if it boots from them.
    pub kernel: Option<(String, String, String)>,
}

/// The whole definition.
pub(super) fn domain(
    spec: &DomainSpec,
    paths: &Paths,
    acceleration: Acceleration,
    filter: Option<&Filter>,
) -> Result<String> {
    let kind = match acceleration {
        Acceleration::Kvm => "kvm",
        Acceleration::Emulation => "qemu",
    };
    document(&spec.name, |xml| {
        element(xml, "domain", &[("type", kind)], |xml| {
            value(xml, "name", &spec.name)?;
            value(xml, "uuid", &spec.uuid.to_string())?;
            element(xml, "metadata", &[], |xml| metadata(xml, &spec.ownership))?;
            measure(xml, "memory", "MiB", spec.memory_mib)?;
            element(xml, "vcpu", &[("placement", "static")], |xml| {
                plain(xml, &spec.vcpus.to_string())
            })?;
            os(xml, &spec.boot, paths)?;
            element(xml, "features", &[], |xml| {
                empty(xml, "acpi", &[])?;
                empty(xml, "apic", &[])
            })?;
            processor(xml, acceleration)?;
            clock(xml)?;
            value(xml, "on_poweroff", "destroy")?;
            value(xml, "on_reboot", "restart")?;
            value(xml, "on_crash", "destroy")?;
            element(xml, "pm", &[], |xml| {
                empty(xml, "suspend-to-mem", &[("enabled", "no")])?;
                empty(xml, "suspend-to-disk", &[("enabled", "no")])
            })?;
            element(xml, "devices", &[], |xml| devices(xml, spec, (paths, filter)))
        })
    })
}

/// Whose a domain is, from its metadata's element.
pub(super) fn ownership_from(machine: &Element) -> Option<Ownership> {
    Some(Ownership {
        instance: machine.attribute("instance")?.parse().ok()?,
        machine: machine.attribute("uuid")?.parse().ok()?,
        owner: machine.attribute("owner")?.parse().ok()?,
    })
}

fn metadata(xml: &mut Xml, ownership: &Ownership) -> io::Result<()> {
    let attributes = [
        ("xmlns:twarga", NAMESPACE),
        ("uuid", &ownership.machine.to_string()),
        ("instance", &ownership.instance.to_string()),
        ("owner", &ownership.owner.to_string()),
    ];
    empty(xml, "twarga:machine", &attributes)
}

fn os(xml: &mut Xml, boot: &Boot, paths: &Paths) -> io::Result<()> {
    match boot {
        // libvirt chooses the firmware and makes a store of variables for this domain.
        Boot::Uefi => element(xml, "os", &[("firmware", "efi")], |xml| {
            machine(xml)?;
            element(xml, "firmware", &[], |xml| {
                // Images that are not signed by Microsoft boot, too.
                for feature in ["enrolled-keys", "secure-boot"] {
                    empty(xml, "feature", &[("enabled", "no"), ("name", feature)])?;
                }
                Ok(())
            })?;
            empty(xml, "boot", &[("dev", "hd")])
        }),
        Boot::Disk | Boot::Kernel { .. } => element(xml, "os", &[], |xml| {
            machine(xml)?;
            boot_from(xml, paths)
        }),
    }
}

fn machine(xml: &mut Xml) -> io::Result<()> {
    // Under emulation q35 has a guest at its login prompt in 7.2 s, pc in 9.1 s (medians, measured).
    #[cfg(target_arch = "x86_64")]
    element(xml, "type", &[("arch", "x86_64"), ("machine", "q35")], |xml| {
        plain(xml, "hvm")
    })?;
    #[cfg(not(target_arch = "x86_64"))]
    value(xml, "type", "hvm")?;
    Ok(())
}

fn boot_from(xml: &mut Xml, paths: &Paths) -> io::Result<()> {
    match &paths.kernel {
        None => empty(xml, "boot", &[("dev", "hd")]),
        Some((kernel, initramfs, command_line)) => {
            value(xml, "kernel", kernel)?;
            value(xml, "initrd", initramfs)?;
            value(xml, "cmdline", command_line)
        }
    }
}

fn processor(xml: &mut Xml, acceleration: Acceleration) -> io::Result<()> {
    // `maximum` is all that emulation can do; the default would be a processor of 2004, on which
    // current distributions do not boot.
    let mode = match acceleration {
        Acceleration::Kvm => "host-passthrough",
        Acceleration::Emulation => "maximum",
    };
    empty(xml, "cpu", &[("mode", mode), ("check", "none")])
}

fn clock(xml: &mut Xml) -> io::Result<()> {
    element(xml, "clock", &[("offset", "utc")], |xml| {
        // As libvirt's own tools have it: guests catch up after a pause, and no HPET, whose
        // emulation costs processor time.
        empty(xml, "timer", &[("name", "rtc"), ("tickpolicy", "catchup")])?;
        empty(xml, "timer", &[("name", "pit"), ("tickpolicy", "delay")])?;
        empty(xml, "timer", &[("name", "hpet"), ("present", "no")])
    })
}

fn devices(xml: &mut Xml, spec: &DomainSpec, (paths, filter): (&Paths, Option<&Filter>)) -> io::Result<()> {
    disk(
        xml,
        &Disk {
            path: &paths.disk,
            format: "qcow2",
            target: "vda",
            writable: true,
        },
    )?;
    disk(
        xml,
        &Disk {
            path: &paths.seed,
            format: "raw",
            target: "vdb",
            writable: false,
        },
    )?;
    empty(xml, "controller", &[("type", "usb"), ("model", "none")])?;
    card(xml, spec, filter)?;
    element(xml, "serial", &[("type", "pty")], |xml| {
        // What the guest says is kept from boot on, with nobody attached.
        empty(xml, "log", &[("file", &paths.log), ("append", "on")])?;
        element(xml, "target", &[("type", "isa-serial"), ("port", "0")], |xml| {
            empty(xml, "model", &[("name", "isa-serial")])
        })
    })?;
    element(xml, "console", &[("type", "pty")], |xml| {
        empty(xml, "target", &[("type", "serial"), ("port", "0")])
    })?;
    element(xml, "channel", &[("type", "unix")], |xml| {
        empty(xml, "target", &[("type", "virtio"), ("name", AGENT)])
    })?;
    element(xml, "memballoon", &[("model", "virtio")], |xml| {
        empty(xml, "stats", &[("period", BALLOON_PERIOD)])
    })?;
    element(xml, "rng", &[("model", "virtio")], |xml| {
        element(xml, "backend", &[("model", "random")], |xml| {
            plain(xml, "/dev/urandom")
        })
    })
}

struct Disk<'a> {
    path: &'a str,
    format: &'a str,
    target: &'a str,
    writable: bool,
}

fn disk(xml: &mut Xml, disk: &Disk<'_>) -> io::Result<()> {
    element(xml, "disk", &[("type", "file"), ("device", "disk")], |xml| {
        let mut driver = vec![("name", "qemu"), ("type", disk.format)];
        if disk.writable {
            // `writeback` obeys the guest's flushes and works on every file system, `none` does not;
            // a full or failing disk pauses the guest instead of corrupting it.
            driver.extend([
                ("cache", "writeback"),
                ("error_policy", "stop"),
                ("discard", "unmap"),
            ]);
        }
        empty(xml, "driver", &driver)?;
        empty(xml, "source", &[("file", disk.path)])?;
        empty(xml, "target", &[("dev", disk.target), ("bus", "virtio")])?;
        if !disk.writable {
            empty(xml, "readonly", &[])?;
        }
        Ok(())
    })
}

fn card(xml: &mut Xml, spec: &DomainSpec, filter: Option<&Filter>) -> io::Result<()> {
    let kind = match &spec.network {
        Network::Libvirt(_) => "network",
        Network::User => "user",
    };
    element(xml, "interface", &[("type", kind)], |xml| {
        empty(xml, "mac", &[("address", &mac(spec.uuid))])?;
        if let Network::Libvirt(name) = &spec.network {
            empty(xml, "source", &[("network", name)])?;
        }
        empty(xml, "model", &[("type", "virtio")])?;
        filter.map_or(Ok(()), |filter| filter.write(xml))
    })
}

/// A domain's hardware address: from its UUID, so that defining it again changes neither the card
/// nor its lease. `52:54:00` is the prefix QEMU and libvirt use.
pub(super) fn mac(uuid: Uuid) -> String {
    let [.., a, b, c] = *uuid.as_bytes();
    format!("52:54:00:{a:02x}:{b:02x}:{c:02x}")
}

fn measure(xml: &mut Xml, name: &str, unit: &str, amount: u64) -> io::Result<()> {
    element(xml, name, &[("unit", unit)], |xml| {
        plain(xml, &amount.to_string())
    })
}

fn plain(xml: &mut Xml, text: &str) -> io::Result<()> {
    xml.write_event(quick_xml::events::Event::Text(quick_xml::events::BytesText::new(
        text,
    )))
}

#[cfg(test)]
mod tests;
