//! Which process has a console, and whether it still lives.

use crate::store::Process;
use std::fs;

/// This process.
pub fn own() -> Process {
    let pid = std::process::id();
    Process {
        pid,
        started: started(pid).unwrap_or_default(),
    }
}

/// Whether a process lives: its number alone may be another's by now.
pub fn is_alive(process: Process) -> bool {
    started(process.pid).is_some_and(|started| started == process.started)
}

/// When a process began, clock ticks since boot: the 22nd field of `/proc/PID/stat` (proc(5)). The
/// second is the program's name in parentheses, and may itself hold blanks and parentheses.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_that_ended_does_not() {
        assert!(is_alive(own()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process {
            pid: child.id(),
            started: started(child.id()).unwrap(),
        };
        assert!(is_alive(process));
        let another = Process {
            started: process.started + 1,
            ..process
        };
        assert!(!is_alive(another), "another process with its number");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(process));
    }
}
