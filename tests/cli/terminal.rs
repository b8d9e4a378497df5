//! A terminal as a user has one, with the program on it. A plain one: what was written is kept as
//! text, and nothing is emulated.

use super::bench::Bench;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// After the program has ended, how long its last words may be on their way.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A terminal with the program on it.
pub struct Terminal {
    master: Box<dyn portable_pty::MasterPty + Send>,
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    said: mpsc::Receiver<Vec<u8>>,
    pub shown: String,
    modes: String,
    keyboard: Option<Box<dyn Write + Send>>,
}

impl Terminal {
    pub fn new(bench: &Bench, words: &str) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows: 24,
                cols: 80,
                ..PtySize::default()
            })
            .unwrap();
        let modes = modes(pair.master.as_ref());
        let plain = bench.command(words);
        let mut command = CommandBuilder::new(plain.get_program());
        command.args(plain.get_args());
        command.env_clear();
        for (name, value) in plain.get_envs() {
            command.env(name, value.unwrap());
        }
        command.cwd(bench.path(""));
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        // The slave stays open here: its settings can be looked at after the program has ended.
        std::mem::forget(pair.slave);
        Self {
            master: pair.master,
            child,
            said,
            shown: String::new(),
            modes,
            keyboard: None,
        }
    }

    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.shown.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let bytes = self
                .said
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("{text:?} is not in {:?}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        let keyboard = self
            .keyboard
            .get_or_insert_with(|| self.master.take_writer().unwrap());
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    pub fn type_line(&mut self, text: &str) {
        self.press(&format!("{text}\n"));
    }

    /// Waits for the program's end, and for its last words; its exit code.
    pub fn end(&mut self) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        while let Ok(bytes) = self.said.recv_timeout(LAST_WORDS) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        code
    }

    /// Whether the terminal is set as it was before the program began.
    pub fn is_restored(&self) -> bool {
        modes(self.master.as_ref()) == self.modes
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    pub fn echoes(&self) -> bool {
        let modes = self.master.get_termios().unwrap().local_flags;
        format!("{modes:?}").contains("ECHO |") || format!("{modes:?}").ends_with("ECHO)")
    }
}

fn modes(master: &(dyn portable_pty::MasterPty + Send)) -> String {
    format!("{:?}", master.get_termios().unwrap())
}
