//! Processes beside the screen: commands that end, and a `serve` that goes on. Every wait has an
//! end, and what a process said is in the message of the assertion that it failed.

use crate::place::SOON;
use crate::terminal::send;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Between two looks at something that tells nobody when it changes.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// What a child process said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; the signal's number, negated, if one ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A running `twarga serve`.
pub struct Serve(pub Child);

impl Serve {
    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it without any warning.
    pub fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Asks it to end; its exit code.
    #[track_caller]
    pub fn stop(mut self) -> Said {
        send(self.pid(), libc::SIGTERM);
        let child = std::mem::replace(&mut self.0, idle());
        finish(child, "", SOON)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A child that has nothing to do: what stands where another was taken from.
fn idle() -> Child {
    Command::new("true").spawn().expect("true starts")
}

/// Waits for a condition that nobody tells of.
#[track_caller]
pub fn wait_until(what: &str, patience: Duration, mut wish: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !wish() {
        assert!(began.elapsed() < patience, "waited {patience:?} for {what}");
        std::thread::park_timeout(LOOK_EVERY);
    }
    began.elapsed()
}

/// Starts a child that is talked with through pipes.
pub fn start(mut command: Command) -> Child {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Gives a child its input, waits for its end and collects what it said.
#[track_caller]
pub fn finish(mut child: Child, input: &str, patience: Duration) -> Said {
    let mut stdin = child.stdin.take().expect("a pipe to it");
    // A child that does not want its input has closed it.
    let _unread = stdin.write_all(input.as_bytes());
    drop(stdin);
    let pid = child.id();
    let out = collect(child.stdout.take().expect("a pipe from it"));
    let err = collect(child.stderr.take().expect("a pipe from it"));
    let (tell, ended) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait()));
    let Ok(status) = ended.recv_timeout(patience) else {
        send(pid, libc::SIGKILL);
        panic!(
            "a command did not end within {patience:?}: {:?} {:?}",
            out.join(),
            err.join()
        );
    };
    let status = status.expect("its end");
    let signal = || -status.signal().expect("what ended it");
    Said {
        code: status.code().unwrap_or_else(signal),
        out: out.join().expect("its output"),
        err: err.join().expect("its errors"),
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A process's state by its letter (`T` is stopped), if there is one of that number.
pub fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The name before may hold anything, closing parentheses included.
    stat.rsplit_once(") ")?.1.chars().next()
}
