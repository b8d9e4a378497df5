//! A terminal as a user has one: the program runs on a pseudo-terminal, a thread reads what it
//! writes into an emulator, and the test presses keys and waits for what the screen shows.
//!
//! Nothing here waits for a time: every wait ends with the bytes that make it true, or fails with
//! the screen as it then is. vt100 reads only our own program's output, which is trusted.

use crate::drawing::Drawing;
use portable_pty::{CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// More than any story writes; a program that gets there draws without need.
const MOST_BYTES: usize = 32 << 20;
/// Between two looks of the reader whether the terminal is to be closed, milliseconds.
const CLOSING_MS: i32 = 50;

pub const ENTER: &str = "\r";
pub const TAB: &str = "\t";
pub const ESCAPE: &str = "\x1b";
pub const CTRL_C: &str = "\x03";
pub const CTRL_Z: &str = "\x1a";

/// A terminal with a program on it.
pub struct Terminal {
    pid: u32,
    /// What the terminal was set to before the program began.
    modes: Modes,
    /// `None` once it was closed.
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<File>,
    reader: Option<std::thread::JoinHandle<()>>,
    wire: Arc<Wire>,
}

/// What the threads share.
struct Wire {
    seen: Mutex<Seen>,
    changed: Condvar,
    closing: AtomicBool,
}

/// What has come out of the program.
struct Seen {
    emulator: vt100::Parser,
    drawing: Drawing,
    bytes: Vec<u8>,
    ended: Option<ExitStatus>,
    /// Everything it wrote is here: nobody holds the terminal any more, or it was closed.
    drained: bool,
}

/// A terminal's four words of modes (termios(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes([u32; 4]);

impl Terminal {
    /// Starts a program on a terminal of that size.
    pub fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("a pseudo-terminal");
        let modes = modes_of(pair.master.as_ref());
        let mut child = pair.slave.spawn_command(command).expect("the program starts");
        // The last open end of the program's side must be its own.
        drop(pair.slave);
        let wire = Arc::new(Wire {
            seen: Mutex::new(Seen {
                emulator: vt100::Parser::new(rows, columns, 0),
                drawing: Drawing::default(),
                bytes: Vec::new(),
                ended: None,
                drained: false,
            }),
            changed: Condvar::new(),
            closing: AtomicBool::new(false),
        });
        let pid = child.process_id().expect("a process number");
        let (device, keyboard) = (device(pair.master.as_ref()), device(pair.master.as_ref()));
        let its = Arc::clone(&wire);
        let reader = std::thread::spawn(move || read(device, &its));
        let its = Arc::clone(&wire);
        std::thread::spawn(move || {
            let status = child.wait().expect("the program's end");
            its.lock().ended = Some(status);
            its.changed.notify_all();
        });
        Self {
            pid,
            modes,
            master: Some(pair.master),
            keyboard: Some(keyboard),
            reader: Some(reader),
            wire,
        }
    }

    /// The program's process number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().expect("the terminal is open");
        keyboard
            .write_all(keys.as_bytes())
            .expect("a terminal takes keys");
    }

    /// Changes the window's size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let master = self.master.as_ref().expect("the terminal is open");
        self.wire.lock().emulator.screen_mut().set_size(rows, columns);
        master.resize(size(columns, rows)).expect("a new size");
    }

    /// What the screen shows, line by line.
    pub fn screen(&self) -> String {
        self.wire.lock().emulator.screen().contents()
    }

    /// Looks at the emulator's screen.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.wire.lock().emulator.screen())
    }

    /// Everything that was written so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.wire.lock().bytes).into_owned()
    }

    /// The first line that has these words.
    pub fn line(&self, words: &str) -> Option<String> {
        self.screen()
            .lines()
            .find(|line| line.contains(words))
            .map(str::to_owned)
    }

    /// Waits for words on the screen. Answers how long that took.
    #[track_caller]
    pub fn wait_for(&self, words: &str, patience: Duration) -> Duration {
        self.wait(&format!("{words:?} on the screen"), patience, |screen| {
            screen.contains(words)
        })
    }

    /// Waits until words are gone from the screen.
    #[track_caller]
    pub fn wait_gone(&self, words: &str, patience: Duration) -> Duration {
        self.wait(&format!("{words:?} to go"), patience, |screen| {
            !screen.contains(words)
        })
    }

    /// Waits until the line with `name` also has `words`.
    #[track_caller]
    pub fn wait_line(&self, name: &str, words: &str, patience: Duration) -> Duration {
        self.wait(&format!("{words:?} beside {name:?}"), patience, |screen| {
            screen
                .lines()
                .any(|line| line.contains(name) && line.contains(words))
        })
    }

    /// Waits until the screen is as wished. A program that has ended shows nothing new.
    #[track_caller]
    pub fn wait(&self, what: &str, patience: Duration, wish: impl Fn(&str) -> bool) -> Duration {
        let began = Instant::now();
        let mut seen = self.wire.lock();
        loop {
            if wish(&seen.emulator.screen().contents()) {
                return began.elapsed();
            }
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() || seen.drained {
                panic!("waited {:?} for {what}{}", began.elapsed(), seen.describe());
            }
            seen = self.wire.wait(seen, left);
        }
    }

    /// Waits for the program's end and its last words.
    #[track_caller]
    pub fn wait_end(&self, patience: Duration) -> ExitStatus {
        let began = Instant::now();
        let mut seen = self.wire.lock();
        loop {
            if let (Some(status), true) = (&seen.ended, seen.drained) {
                return status.clone();
            }
            let left = patience.saturating_sub(began.elapsed());
            assert!(
                !left.is_zero(),
                "the program did not end within {patience:?}{}",
                seen.describe()
            );
            seen = self.wire.wait(seen, left);
        }
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: i32) {
        let ended = self.wire.lock().ended.is_some();
        assert!(!ended, "there is no program to signal");
        send(self.pid, signal);
    }

    /// Closes the terminal, as a lost connection does.
    pub fn hang_up(&mut self) {
        self.wire.closing.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
        self.keyboard = None;
        self.master = None;
    }

    /// Asserts that the terminal is as it was before the program began.
    #[track_caller]
    pub fn assert_restored(&self) {
        let master = self.master.as_ref().expect("the terminal is open");
        assert_eq!(modes_of(master.as_ref()), self.modes, "the terminal's modes");
        let seen = self.wire.lock();
        let screen = seen.emulator.screen();
        let wrong = [
            (screen.alternate_screen(), "the alternate screen is still shown"),
            (screen.hide_cursor(), "the cursor is hidden"),
            (screen.bracketed_paste(), "pastes are still bracketed"),
            (
                screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None,
                "the mouse is still taken",
            ),
        ];
        for (is, what) in wrong {
            assert!(!is, "{what}{}", seen.describe());
        }
        for (sequence, what) in [
            ("\x1b[?1049l", "leave the alternate screen"),
            ("\x1b[?25h", "show the cursor"),
        ] {
            assert!(seen.wrote(sequence), "it never wrote the sequence to {what}");
        }
    }

    /// Asserts that the program holds the terminal: alternate screen, raw keys.
    #[track_caller]
    pub fn assert_taken(&self) {
        let master = self.master.as_ref().expect("the terminal is open");
        assert_ne!(
            modes_of(master.as_ref()),
            self.modes,
            "the terminal's modes are untouched"
        );
        assert!(
            self.wire.lock().emulator.screen().alternate_screen(),
            "no alternate screen"
        );
    }

    /// Asserts that libvirt's own words, as its library writes them to standard error
    /// (`libvirt: XML-RPC error : …`), never came out.
    #[track_caller]
    pub fn assert_no_words_of_libvirt(&self) {
        let seen = self.wire.lock();
        for words in ["error : ", "warning : ", "info : "] {
            assert!(
                !seen.wrote(words),
                "libvirt's words are in the output{}",
                seen.describe()
            );
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.wire.lock().ended.is_none() {
            send(self.pid, libc::SIGKILL);
        }
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, seen: MutexGuard<'s, Seen>, patience: Duration) -> MutexGuard<'s, Seen> {
        self.changed
            .wait_timeout(seen, patience)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

impl Seen {
    fn wrote(&self, text: &str) -> bool {
        self.bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    /// The screen and the end of what came, for a failure.
    fn describe(&self) -> String {
        let screen = self.emulator.screen();
        let mut text = match &self.ended {
            Some(status) => format!("; the program has ended: {status}\n"),
            None => "; the program runs\n".to_owned(),
        };
        let (rows, columns) = screen.size();
        let frame = "─".repeat(columns.into());
        let _ = writeln!(text, "┌{frame}┐ {columns}×{rows}");
        for line in screen.rows(0, columns) {
            let _ = writeln!(text, "│{line}");
        }
        let _ = writeln!(text, "└{frame}┘");
        text
    }
}

/// Reads until the program's side or this one is closed.
fn read(mut device: File, wire: &Wire) {
    let mut buffer = [0; 16 * 1024];
    while !wire.closing.load(Ordering::SeqCst) {
        let mut watched = libc::pollfd {
            fd: device.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd of an open file, and the count says one.
        if unsafe { libc::poll(&raw mut watched, 1, CLOSING_MS) } <= 0 {
            continue;
        }
        // The other side's last close is told as an error (EIO).
        let Ok(count @ 1..) = device.read(&mut buffer) else {
            break;
        };
        let mut seen = wire.lock();
        let drawn = seen.drawing.put(&buffer[..count]);
        seen.emulator.process(&drawn);
        seen.bytes.extend_from_slice(&buffer[..count]);
        assert!(seen.bytes.len() < MOST_BYTES, "the program draws without end");
        drop(seen);
        wire.changed.notify_all();
    }
    wire.lock().drained = true;
    wire.changed.notify_all();
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        ..PtySize::default()
    }
}

/// The test's side of the terminal as a file. (portable-pty's own writer types an end of file
/// when it is dropped, which no user does.)
fn device(master: &(dyn MasterPty + Send)) -> File {
    let fd = master.as_raw_fd().expect("a terminal has a descriptor");
    // SAFETY: the descriptor belongs to `master`, which lives longer than this borrow.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    File::from(borrowed.try_clone_to_owned().expect("a second descriptor"))
}

fn modes_of(master: &(dyn MasterPty + Send)) -> Modes {
    let it = master.get_termios().expect("a terminal has modes");
    Modes([
        it.input_flags.bits(),
        it.output_flags.bits(),
        it.control_flags.bits(),
        it.local_flags.bits(),
    ])
}

/// Sends a signal to a process of this test. One that is gone already needs none.
pub fn send(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a process number");
    assert!(pid > 1, "a process of this test, and no group of them");
    // SAFETY: kill takes no pointers.
    unsafe { libc::kill(pid, signal) };
}
