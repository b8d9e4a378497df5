//! The computer itself: programs, the tiny guest, room, memory and the clock.

use super::{Check, Patient};
use crate::core::images::{Catalogue, FIRMWARE_MEND, Library, find_firmware, firmware_folders};
use crate::model::{Image, Readiness};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use sysinfo::{Disks, System};

const GIB: u64 = 1 << 30;

/// The programs that machines need.
pub fn programs(patient: &Patient) -> Vec<Check> {
    let qemu = format!("qemu-system-{}", std::env::consts::ARCH);
    // Where distributions put an emulator that is only for libvirt.
    let emulators = [qemu.as_str(), "qemu-kvm", "kvm"];
    let found = |names: &[&str]| names.iter().find_map(|name| find(&patient.programs, name));
    let needs = |name, looked_for: &[&str], mend: &str| match found(looked_for) {
        Some(path) => Check::ok(name, path.display().to_string()),
        None => Check::bad(
            name,
            format!("{} is not on the PATH", looked_for.join(" or ")),
            mend,
        ),
    };
    vec![
        needs(
            "qemu",
            &emulators,
            "`make setup` installs it (Debian: `sudo apt install qemu-system-x86`)",
        ),
        needs(
            "qemu-img",
            &["qemu-img"],
            "`make setup` installs it (Debian: `sudo apt install qemu-utils`)",
        ),
        needs(
            "ssh",
            &["ssh"],
            "`make setup` installs it (Debian: `sudo apt install openssh-client`)",
        ),
    ]
}

fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let executable = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    // libvirt looks for emulators here too, whatever our PATH says.
    let beside = Path::new("/usr/libexec").to_path_buf();
    folders
        .iter()
        .chain([&beside])
        .map(|folder| folder.join(name))
        .find(executable)
}

/// The catalogue's images that are on this host, or should be.
pub fn images(patient: &Patient) -> Vec<Check> {
    let catalogue = Catalogue {
        tiny_dir: patient.tiny_dir.clone(),
        own: patient.state_dir.join("images.toml"),
        library: Library::of(&patient.state_dir),
        firmware: firmware_folders(),
    };
    let check = |image: &Image| {
        let size = image.size.unwrap_or_default() >> 20;
        match (image.id.as_str(), &image.readiness) {
            (_, Readiness::Remote) => None,
            ("tiny", Readiness::Unavailable(reason)) => {
                Some(Check::warning("tiny guest", reason, "make tiny"))
            }
            ("tiny", Readiness::Ready) => {
                let folder = patient.tiny_dir.display();
                let found = format!("version {}, {size} MiB in {folder}", image.version);
                Some(Check::ok("tiny guest", found))
            }
            (id, Readiness::Ready) => Some(Check::ok("image", format!("{id}: {size} MiB"))),
            (id, Readiness::Unavailable(reason)) => {
                let mend = format!("mend its entry in {}", catalogue.own.display());
                Some(Check::warning("image", format!("{id}: {reason}"), mend))
            }
        }
    };
    let firmware = match find_firmware(&catalogue.firmware) {
        Some(descriptor) => Check::ok("firmware", format!("UEFI by {}", descriptor.display())),
        None => Check::warning(
            "firmware",
            "no UEFI: images that boot by it only cannot be used",
            FIRMWARE_MEND,
        ),
    };
    std::iter::once(firmware)
        .chain(catalogue.images().iter().filter_map(check))
        .collect()
}

/// Room on the state directory's disk, and memory.
pub fn room(patient: &Patient) -> Vec<Check> {
    vec![disk(&patient.state_dir), memory()]
}

fn memory() -> Check {
    const NAME: &str = "memory";
    let mut system = match System::new() {
        Ok(system) => system,
        Err(_) => return Check::ok(NAME, "it cannot be told here"),
    };
    system.refresh_memory();
    let (free, all) = (system.available_memory(), system.total_memory());
    let finding = format!("{} of {} MiB available", free >> 20, all >> 20);
    if free >= GIB {
        return Check::ok(NAME, finding);
    }
    let mend = "stop a machine or another program: the smallest machine takes 512 MiB";
    Check::warning(NAME, finding, mend)
}

fn disk(directory: &Path) -> Check {
    const NAME: &str = "disk";
    // The directory may not exist yet: its nearest parent that does is on the same disk.
    let nearest = directory
        .ancestors()
        .find_map(|path| std::fs::canonicalize(path).ok());
    let nearest = nearest.unwrap_or_else(|| PathBuf::from("/"));
    let Ok(disks) = Disks::new_with_refreshed_list() else {
        return Check::ok(NAME, "its room cannot be told here");
    };
    let holds = disks
        .iter()
        .filter(|disk| nearest.starts_with(disk.mount_point()));
    let Some(disk) = holds.max_by_key(|disk| disk.mount_point().components().count()) else {
        return Check::ok(NAME, "its room cannot be told here");
    };
    let free = disk.available_space();
    let finding = format!("{} MiB free for {}", free >> 20, directory.display());
    match free {
        0..0x400_0000 => Check::bad(
            NAME,
            finding,
            "free some room: the database needs it to write at all",
        ),
        free if free < GIB => {
            Check::warning(NAME, finding, "free some room before the database stands still")
        }
        _ => Check::ok(NAME, finding),
    }
}

/// How long the clocks are compared.
const COMPARED: Duration = Duration::from_millis(250);
/// How far they may run apart in that time.
const APART: Duration = Duration::from_millis(50);

/// The clock: sessions, the log and what machines cost hang on it.
pub async fn clock(patient: Arc<Patient>) -> Vec<Check> {
    const NAME: &str = "clock";
    let now = (patient.clock)().to_zoned(jiff::tz::TimeZone::UTC);
    let shown = now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    if !(2025..2100).contains(&now.year()) {
        let mend =
            "set it: `sudo timedatectl set-time 'YYYY-MM-DD HH:MM:SS'`, then `sudo timedatectl set-ntp on`";
        return vec![Check::bad(NAME, format!("it says {shown}"), mend)];
    }
    let (wall, steady) = (SystemTime::now(), Instant::now());
    tokio::time::sleep(COMPARED).await;
    let steady = steady.elapsed();
    let apart = match wall.elapsed() {
        Ok(wall) => wall.abs_diff(steady),
        Err(backwards) => backwards.duration() + steady,
    };
    let mend = "sudo timedatectl set-ntp on";
    vec![if apart > APART {
        let finding = format!(
            "{shown}; it jumps: {} ms in {} ms",
            apart.as_millis(),
            steady.as_millis()
        );
        Check::warning(NAME, finding, mend)
    } else {
        match synchronised() {
            Some(true) => Check::ok(NAME, format!("{shown}, synchronised")),
            Some(false) => Check::warning(NAME, format!("{shown}, not synchronised"), mend),
            None => Check::ok(
                NAME,
                format!("{shown}; whether it is synchronised cannot be told here"),
            ),
        }
    }]
}

/// Whether the kernel takes its clock for synchronised (adjtimex(2)).
fn synchronised() -> Option<bool> {
    // SAFETY: timex is plain numbers, for which zeroes are valid; modes = 0 only reads.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a timex that lives through the call.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    // -1: not allowed here (some containers).
    (state >= 0).then_some(state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0)
}
