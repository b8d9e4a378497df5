//! When a run began: libvirt does not tell, but the kernel knows when its QEMU started.

use jiff::Timestamp;
use std::fs;
use std::path::Path;
use uuid::Uuid;

/// Ticks per second in `/proc/PID/stat`: `USER_HZ`, 100 on every architecture that runs QEMU.
const TICKS: u64 = 100;

/// When the QEMU of a domain was started, or `None` if it is not to be seen (another user's with
/// `hidepid`, another host's). Reads all processes: for the first look at a run, not for each.
pub(super) fn started_at(domain: Uuid, proc: &Path) -> Option<Timestamp> {
    let booted = boot_time(&fs::read_to_string(proc.join("stat")).ok()?)?;
    let uuid = domain.to_string();
    let process = fs::read_dir(proc)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|process| {
            let numbered = process
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
            numbered && fs::read(process.join("cmdline")).is_ok_and(|line| has_uuid(&line, &uuid))
        })?;
    let ticks = start_ticks(&fs::read_to_string(process.join("stat")).ok()?)?;
    let milliseconds = booted
        .checked_mul(1000)?
        .checked_add(ticks.checked_mul(1000)? / TICKS)?;
    Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?).ok()
}

/// Whether a command line, its arguments ended by NUL, has `-uuid` with this one after it.
fn has_uuid(command_line: &[u8], uuid: &str) -> bool {
    let mut arguments = command_line.split(|byte| *byte == 0);
    arguments.any(|argument| argument == b"-uuid") && arguments.next() == Some(uuid.as_bytes())
}

/// Seconds since the epoch at which the host booted.
fn boot_time(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

/// Field 22 of a process' `stat`. The second is its name in parentheses, in which there may be
/// anything, parentheses and blanks, too.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_uuid_among_other_processes() {
        let proc = tempfile::tempdir().unwrap();
        let uuid = Uuid::from_u128(5);
        let write = |file: &str, content: &[u8]| {
            let path = proc.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        write("stat", b"cpu 1 2\nbtime 1700000000\n");
        write("41/cmdline", format!("vi\0-uuid {uuid}\0").as_bytes());
        write(
            "42/cmdline",
            format!("qemu\0-name\0x\0-uuid\0{uuid}\0-S\0").as_bytes(),
        );
        let fields = "42 (a) b (x) S 1 42 42 0 -1 0 0 0 0 0 9 9 0 0 20 0 4 0 12345 99 7";
        write("42/stat", fields.as_bytes());
        write("version", b"Linux");
        let expected = Timestamp::from_millisecond(1_700_000_123_450).unwrap();
        assert_eq!(started_at(uuid, proc.path()), Some(expected));
        assert_eq!(
            started_at(Uuid::from_u128(6), proc.path()),
            None,
            "another domain"
        );
    }
}
