//! The host and how its guests will run.
//!
//! libvirt's capabilities would tell some of this, but where QEMU's cached ones are stale they take up
//! to a minute (DESIGN.md's Facts), so they are asked for only where nothing else knows.

use super::Accel;
use super::error::{During, failed};
use super::xml::first;
use crate::hypervisor::{Acceleration, Host, Mode, Result};
use crate::model::text;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use uuid::Uuid;
use virt::connect::Connect;

/// Where libvirt's system daemon listens: the monolithic one, and the modular one that newer
/// distributions have.
const SYSTEM_SOCKETS: [&str; 2] = ["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"];

/// `qemu:///system` where it can be used, else `qemu:///session`. For root always the former: as
/// root, the session's URI leads to the same daemon and is refused by it.
pub fn default_uri() -> String {
    let person = Person::of(&fs::read_to_string("/proc/self/status").unwrap_or_default());
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let usable = |socket: &&str| {
        // A socket open to everybody hands the decision to polkit, which lets libvirt's group in
        // and would ask others for a password on a screen that is not its own.
        let open_to_all = fs::metadata(socket).is_ok_and(|socket| {
            use std::os::unix::fs::PermissionsExt;
            socket.file_type().is_socket() && socket.permissions().mode() & 0o002 != 0
        });
        UnixStream::connect(socket).is_ok() && (!open_to_all || person.is_in("libvirt", &groups))
    };
    let system = person.uid == Some(0) || SYSTEM_SOCKETS.iter().any(usable);
    if system {
        "qemu:///system"
    } else {
        "qemu:///session"
    }
    .to_owned()
}

/// Who this process is, from `/proc/self/status`.
struct Person {
    uid: Option<u32>,
    groups: Vec<u32>,
}

impl Person {
    fn of(status: &str) -> Self {
        let numbers = |field: &str| -> Vec<u32> {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(field))
                .unwrap_or_default();
            line.split_ascii_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect()
        };
        // Real, effective, saved, file system: the second decides.
        let effective = |field: &str| numbers(field).get(1).copied();
        let mut groups = numbers("Groups:");
        groups.extend(effective("Gid:"));
        Self {
            uid: effective("Uid:"),
            groups,
        }
    }

    fn is_in(&self, group: &str, file: &str) -> bool {
        file.lines().any(|line| {
            let mut fields = line.split(':');
            fields.next() == Some(group)
                && fields
                    .nth(1)
                    .and_then(|id| id.parse().ok())
                    .is_some_and(|id| self.groups.contains(&id))
        })
    }
}

/// Which mode a URI stands for.
pub(super) fn mode(uri: &str) -> Mode {
    let driver = uri.split([':', '+']).next().unwrap_or_default();
    let path = uri.split('?').next().unwrap_or_default();
    match driver {
        "test" => Mode::Simulated,
        _ if path.ends_with("/session") => Mode::Session,
        _ => Mode::System,
    }
}

/// Whether a URI leads to another computer: it then has a host between `//` and `/`.
fn is_remote(uri: &str) -> bool {
    uri.split_once("://")
        .is_some_and(|(_, rest)| !rest.starts_with('/'))
}

/// Asks libvirt and the system about the host.
pub(super) fn describe(connect: &Connect, uri: &str, accel: Accel) -> Result<Host> {
    let node = connect.node_info().during("host", "this host")?;
    let libvirt = connect.lib_version().during("host", "libvirt's version")?;
    // In-process drivers have no hypervisor of a version.
    let hypervisor = connect.hyp_version().unwrap_or_default();
    let uuid = match machine_id().filter(|_| !is_remote(uri)) {
        Some(uuid) => uuid,
        None => told_uuid(connect)?,
    };
    Ok(Host {
        uri: text::visible(uri).into_owned(),
        mode: mode(uri),
        uuid,
        hostname: text::visible_within(&connect.hostname().during("host", "its name")?, 253),
        version: format!("libvirt {}, QEMU {}", dotted(libvirt), dotted(hypervisor)),
        acceleration: acceleration(accel, mode(uri), is_remote(uri)),
        cpus: node.cpus,
        memory_mib: node.memory / 1024,
    })
}

/// libvirt's version numbers: a million for the major, a thousand for the minor.
pub(super) fn dotted(version: u32) -> String {
    format!(
        "{}.{}.{}",
        version / 1_000_000,
        version / 1000 % 1000,
        version % 1000
    )
}

/// The host's identity, from its machine id.
///
/// Not libvirt's host UUID, although that is the obvious one: where the firmware's is not readable
/// (every session daemon, most containers) libvirt invents another at each start of its daemon,
/// and a state directory bound to it would be refused the next day. Hashed, because a machine id is
/// not to be shown (machine-id(5)).
fn machine_id() -> Option<Uuid> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    let id = id.trim();
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| identity(id))
}

fn identity(machine_id: &str) -> Uuid {
    let digest = Sha256::new()
        .chain_update("twarga host ")
        .chain_update(machine_id)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The host's UUID as libvirt tells it.
fn told_uuid(connect: &Connect) -> Result<Uuid> {
    let capabilities = connect.capabilities().during("host", "its capabilities")?;
    let uuid = first("capabilities", &capabilities, &["capabilities", "host", "uuid"])?;
    uuid.and_then(|uuid| uuid.text.parse().ok()).ok_or_else(|| {
        failed(
            "host",
            "its UUID",
            "neither /etc/machine-id nor libvirt tells one",
        )
    })
}

/// How guests will run.
fn acceleration(accel: Accel, mode: Mode, remote: bool) -> Acceleration {
    let kvm = match accel {
        Accel::Kvm => true,
        Accel::Tcg => false,
        // What this computer's processor can do says nothing about another's.
        Accel::Auto if remote => true,
        Accel::Auto => {
            let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
            can_virtualize(&cpuinfo, std::env::consts::ARCH) && has_kvm(mode)
        }
    };
    if kvm {
        Acceleration::Kvm
    } else {
        Acceleration::Emulation
    }
}

/// Whether the kernel offers KVM to whom guests run as: in session mode that is this user, in
/// system mode QEMU's own, who is let in by the distribution.
fn has_kvm(mode: Mode) -> bool {
    let device = Path::new("/dev/kvm");
    match mode {
        Mode::Session => fs::OpenOptions::new().read(true).write(true).open(device).is_ok(),
        Mode::System | Mode::Simulated => device.exists(),
    }
}

/// Whether the processor can run guests: a paravirtual or nested host has `/dev/kvm` without this
/// and cannot boot a Linux guest. Other architectures have no such flag.
fn can_virtualize(cpuinfo: &str, arch: &str) -> bool {
    if !matches!(arch, "x86_64" | "x86") {
        return true;
    }
    let flags = cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default();
    flags
        .split_ascii_whitespace()
        .any(|flag| matches!(flag, "vmx" | "svm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_told_by_the_uri() {
        assert_eq!(mode("qemu:///system"), Mode::System);
        assert_eq!(mode("qemu:///session?socket=/run/x"), Mode::Session);
        assert_eq!(mode("qemu+unix:///session"), Mode::Session);
        assert_eq!(mode("qemu+ssh://host/system"), Mode::System);
        assert_eq!(mode("test:///default"), Mode::Simulated);
        assert!(is_remote("qemu+ssh://host/system") && !is_remote("qemu:///system"));
    }

    #[test]
    fn a_kvm_device_without_the_processors_help_is_not_used() {
        assert!(can_virtualize(
            "processor: 0\nflags\t\t: fpu vmx sse2\n",
            "x86_64"
        ));
        assert!(can_virtualize("flags\t\t: fpu svm\n", "x86_64"));
        assert!(!can_virtualize("flags\t\t: fpu vmxx sse2\nbugs: vmx\n", "x86_64"));
        assert!(can_virtualize("", "aarch64"));
    }

    #[test]
    fn groups_decide_who_may_use_an_open_socket() {
        let person = Person::of(
            "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t27 118 \n",
        );
        assert_eq!(person.uid, Some(1000));
        let groups = "root:x:0:\nlibvirt:x:118:alice\nlibvirt-qemu:x:64055:\nkvm:x:1001:\n";
        assert!(person.is_in("libvirt", groups));
        assert!(!person.is_in("libvirt-qemu", groups) && !person.is_in("kvm", groups));
    }

    #[test]
    fn an_identity_is_stable_and_does_not_give_the_machine_id_away() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(identity(id), identity(id));
        assert_ne!(identity(id), Uuid::parse_str(id).unwrap());
        assert_ne!(identity(id), identity("0123456789abcdef0123456789abcdee"));
    }

    #[test]
    fn versions_are_read_as_libvirt_packs_them() {
        assert_eq!(dotted(7_002_022), "7.2.22");
    }
}
