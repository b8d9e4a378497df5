//! A computer of one's own for each test, and the program on it.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A password that passes the strength estimate, and occurs nowhere else.
pub const PASSWORD: &str = "violet-harbour-93-kettle";

/// A home without anything in it.
pub struct Bench {
    home: TempDir,
}

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Bench {
    pub fn new() -> Self {
        let bench = Self {
            home: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(bench.path("tmp")).unwrap();
        bench
    }

    /// With an account `alice`, who is the admin and signed in.
    pub fn with_alice() -> Self {
        let bench = Self::new();
        bench
            .run_with(
                "register alice --email alice@example.org --password-stdin",
                PASSWORD,
            )
            .expect(0);
        bench
    }

    pub fn path(&self, place: &str) -> PathBuf {
        self.home.path().join(place)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The program with these words, its environment emptied but for this home. It talks to
    /// libvirt's mock driver, which needs no daemon.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twarga"));
        command
            .args(words.split_whitespace())
            .env_clear()
            .current_dir(self.home.path());
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("HOME", self.home.path())
            .env("TMPDIR", self.path("tmp"))
            .env("TWARGA_STATE_DIR", self.state())
            .env("TWARGA_TINY_DIR", self.path("tiny"))
            .env("TWARGA_URI", "test:///default");
        command
    }

    pub fn run(&self, words: &str) -> Run {
        self.run_with(words, "")
    }

    /// With `input` on standard input.
    pub fn run_with(&self, words: &str, input: &str) -> Run {
        finish(&mut self.command(words), input)
    }

    /// What a command that succeeds prints with `--json`.
    pub fn json(&self, words: &str) -> Value {
        let run = self.run(&format!("{words} --json"));
        run.expect(0);
        run.json()
    }

    /// Every file below the state directory.
    pub fn state_files(&self) -> Vec<PathBuf> {
        files(&self.state())
    }
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

pub fn finish(command: &mut Command, input: &str) -> Run {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input closes it: that is its business.
    let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    Run {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

impl Run {
    #[track_caller]
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "\nout: {}\nerr: {}", self.out, self.err);
        self
    }

    /// Asserts that standard error says all of this.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {:?}", self.err);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {:?}", self.out))
    }
}
