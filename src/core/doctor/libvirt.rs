//! libvirt and what machines need of it.

use super::{Check, Patient};
use crate::hypervisor::libvirt::probe::{self, Probe, Standing};
use crate::hypervisor::{Acceleration, Error, Host, Mode, PoolSpace};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const SYSTEM: &str = "qemu:///system";
const SESSION: &str = "qemu:///session";
const GIB: u64 = 1 << 30;

/// Opening a connection may start a whole daemon first.
const PATIENCE: Duration = Duration::from_secs(8);

/// Whether libvirt is there: the system's, the session's, and the one that was configured.
pub async fn daemons(patient: Arc<Patient>) -> Vec<Check> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    let mut places = vec![("libvirt system", SYSTEM.to_owned())];
    if !root {
        places.push(("libvirt session", SESSION.to_owned()));
    }
    if places.iter().all(|(_, uri)| *uri != patient.uri) {
        places.push(("libvirt configured", patient.uri.clone()));
    }
    // Side by side: one that hangs costs its own deadline only.
    let looks: Vec<_> = places
        .into_iter()
        .map(|(name, uri)| (name, tokio::spawn(look(name, uri, patient.clone()))))
        .collect();
    let mut checks = Vec::new();
    for (name, look) in looks {
        match look.await {
            Ok(found) => checks.extend(found),
            Err(error) => checks.push(Check::bad(name, error.to_string(), "please report this")),
        }
    }
    if root {
        checks.insert(
            1,
            Check::ok(
                "libvirt session",
                "not for root: its URI leads to the system's daemon",
            ),
        );
    }
    checks
}

async fn look(name: &'static str, uri: String, patient: Arc<Patient>) -> Vec<Check> {
    let used = uri == patient.uri;
    let (asked, network, pool) = (uri.clone(), patient.network.clone(), patient.pool.clone());
    let probe = tokio::task::spawn_blocking(move || probe::probe(&asked, &network, &pool));
    let found = match tokio::time::timeout(PATIENCE, probe).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => Err(Error::Unavailable {
            uri: uri.clone(),
            reason: error.to_string(),
        }),
        Err(_) => Err(Error::Unresponsive {
            call: "connect",
            seconds: PATIENCE.as_secs(),
        }),
    };
    match found {
        Err(error) if used => vec![Check::bad(name, error.to_string(), mend_daemon(&uri))],
        Err(error) => vec![Check::warning(
            name,
            format!("not used by twarga now: {error}"),
            mend_daemon(&uri),
        )],
        Ok(probe) => {
            let role = if used {
                "used by twarga"
            } else {
                "not used by twarga now"
            };
            let mut checks = vec![Check::ok(name, format!("{uri}: {}, {role}", probe.version))];
            if used {
                checks.push(network_of(&uri, &probe, &patient.network));
                checks.extend(virtlogd(&uri));
            }
            checks
        }
    }
}

fn mend_daemon(uri: &str) -> String {
    if uri != SYSTEM {
        return "`virsh -c URI uri` shows libvirt's own words; another is chosen with --uri".to_owned();
    }
    let socket = ["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"]
        .into_iter()
        .find(|socket| Path::new(socket).exists());
    match socket {
        Some(socket) if denied(socket) => "sudo usermod -aG libvirt $USER, then log in again".to_owned(),
        _ if Path::new("/run/systemd/system").exists() => {
            "sudo systemctl enable --now virtlogd.socket libvirtd.socket".to_owned()
        }
        _ => "as root: virtlogd -d; libvirtd -d  (there is no service manager here; `make setup` does it)"
            .to_owned(),
    }
}

fn denied(socket: &str) -> bool {
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    UnixStream::connect(socket).err().is_some_and(refused)
}

fn network_of(uri: &str, probe: &Probe, name: &str) -> Check {
    const NAME: &str = "network";
    if uri.ends_with("/session") {
        return Check::warning(
            NAME,
            "session mode: guests get ports on 127.0.0.1 instead of addresses, traffic is not counted, every \
             visitor looks like 10.0.2.2, and guests reach this host's own 127.0.0.1",
            "for a team use qemu:///system: sudo usermod -aG libvirt $USER, then log in again",
        );
    }
    match probe.network {
        Standing::Active => Check::ok(NAME, format!("`{name}` is active")),
        Standing::Inactive => {
            let mend = format!("virsh -c {uri} net-start {name}  (twarga does it when it makes a machine)");
            Check::warning(NAME, format!("`{name}` is not active"), mend)
        }
        Standing::Absent if name == "default" => Check::warning(
            NAME,
            "`default` is not defined",
            "nothing to do: twarga makes it with the first machine",
        ),
        Standing::Absent => Check::bad(
            NAME,
            format!("`{name}` is not defined"),
            format!("define it (`virsh -c {uri} net-define FILE`) or set network.default"),
        ),
    }
}

/// virtlogd writes the guests' console logs; without it no guest starts. A session's is started
/// when it is needed.
fn virtlogd(uri: &str) -> Option<Check> {
    const NAME: &str = "virtlogd";
    const SOCKET: &str = "/run/libvirt/virtlogd-sock";
    if uri != SYSTEM {
        return None;
    }
    // Its socket is root's alone: who may not connect can still see that it is there.
    let there = match UnixStream::connect(SOCKET) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    };
    Some(if there {
        Check::ok(NAME, SOCKET)
    } else if Path::new("/run/systemd/system").exists() {
        Check::bad(
            NAME,
            "it does not listen, so no guest can start",
            "sudo systemctl enable --now virtlogd.socket",
        )
    } else {
        Check::bad(
            NAME,
            "it does not listen, so no guest can start",
            "as root: virtlogd -d",
        )
    })
}

/// Whether machines can run: as the core would ask.
pub async fn machines(patient: Arc<Patient>) -> Vec<Check> {
    const NAME: &str = "machines";
    let hypervisor = patient.hypervisor.clone();
    let look = tokio::task::spawn_blocking(move || {
        let host = hypervisor.host()?;
        // A pool that does not exist yet is made with the first machine.
        let pool = hypervisor
            .pool_space()
            .and_then(|space| Ok((hypervisor.pool_path()?, space)));
        Ok::<_, Error>((host, pool))
    });
    let (host, pool) = match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(Ok(found))) => found,
        Ok(Ok(Err(error))) => return vec![Check::bad(NAME, error.to_string(), mend_daemon(&patient.uri))],
        Ok(Err(error)) => return vec![Check::bad(NAME, error.to_string(), "please report this")],
        Err(_) => {
            let finding = format!(
                "libvirt did not describe this host within {} s",
                PATIENCE.as_secs()
            );
            return vec![Check::bad(NAME, finding, mend_daemon(&patient.uri))];
        }
    };
    let size = format!(
        "{} processors, {} MiB, {}",
        host.cpus, host.memory_mib, host.version
    );
    let mut checks = vec![Check::ok(NAME, size), acceleration(&host)];
    checks.extend(stale_capabilities(&host));
    checks.push(pool_room(&patient.pool, pool));
    checks
}

fn acceleration(host: &Host) -> Check {
    const NAME: &str = "kvm";
    if host.acceleration == Acceleration::Kvm {
        return Check::ok(NAME, "guests run on the hardware");
    }
    let finding = "guests are emulated: everything works, slowly";
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let able = flags
        .split_ascii_whitespace()
        .any(|flag| matches!(flag, "vmx" | "svm"));
    let mend = match (able, Path::new("/dev/kvm").exists()) {
        (true, true) => "sudo usermod -aG kvm $USER, then log in again (or hypervisor.accel is set to tcg)",
        (true, false) => "sudo modprobe kvm_intel || sudo modprobe kvm_amd",
        (false, _) => {
            "switch virtualization on in the firmware, or nested virtualization on in the outer host"
        }
    };
    Check::warning(NAME, finding, mend)
}

/// Without udev `/dev/kvm` is root's alone: root's libvirtd finds KVM when it probes QEMU, QEMU's
/// own user cannot open it when the result is looked up, so libvirtd takes its cache for stale and
/// probes again at every look-up. Defining a machine then takes up to a minute instead of 20 ms.
fn stale_capabilities(host: &Host) -> Option<Check> {
    if host.mode != Mode::System {
        return None;
    }
    let device = std::fs::metadata("/dev/kvm").ok()?;
    let mode = device.permissions().mode();
    let closed = mode & 0o006 != 0o006 && (mode & 0o060 != 0o060 || device.gid() == 0);
    // Only root can read it; where it cannot be read, QEMU has a user of its own.
    let configuration = std::fs::read_to_string("/etc/libvirt/qemu.conf").unwrap_or_default();
    let runs_as_root = configuration.lines().any(|line| {
        let setting = line.split('#').next().unwrap_or_default();
        matches!(setting.split_once('='), Some((key, value)) if key.trim() == "user" && value.contains("root"))
    });
    (closed && !runs_as_root).then(|| {
        Check::warning(
            "kvm device",
            format!(
                "/dev/kvm (mode {:o}) is closed to QEMU's user: libvirt probes QEMU at every step",
                mode & 0o777
            ),
            "sudo chgrp kvm /dev/kvm && sudo chmod 0660 /dev/kvm  (`make setup` does it)",
        )
    })
}

fn pool_room(name: &str, pool: Result<(PathBuf, PoolSpace), Error>) -> Check {
    const NAME: &str = "pool";
    match pool {
        Ok((path, space)) => {
            let free = space.available;
            let finding = format!("`{name}` in {}: {} MiB free", path.display(), free >> 20);
            let mend = "free some room, or destroy machines that nobody needs";
            match free {
                free if free < GIB => Check::bad(NAME, finding, mend),
                free if free < 10 * GIB => Check::warning(NAME, finding, mend),
                _ => Check::ok(NAME, finding),
            }
        }
        Err(Error::NotFound(_)) => Check::ok(NAME, format!("`{name}` will be made with the first machine")),
        Err(error) => Check::bad(
            NAME,
            error.to_string(),
            format!("virsh pool-info {name}; virsh pool-start {name}"),
        ),
    }
}
