//! What a simulated guest shows on its console: a login prompt, and a shell that knows a few words.
//!
//! A pure machine: bytes in, bytes out, and time only as it is told. Enough to show and to test a
//! console pane with: a line that is edited, colours, a full screen, a flood.

use super::random;
use std::fmt::Write;
use std::time::Duration;

/// Bytes of a line; a terminal of Linux takes no more either.
const LINE: usize = 4096;

/// Between two frames of `top`.
pub(super) const FRAME: Duration = Duration::from_millis(500);

const HELP: &str = "echo TEXT   flood N   colours   top   ls   uname -a   uptime   clear   exit   poweroff";

/// A shell on a console.
pub(super) struct Shell {
    host: String,
    state: State,
    line: Vec<u8>,
    /// Inside an escape sequence, as cursor keys send.
    in_escape: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Login,
    Password,
    Prompt,
    Top { frame: u32 },
    Flood { next: u64, last: u64 },
}

/// What a guest does beside writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    PowerOff,
}

/// A guest's own name: that of its domain without its owner (`user1-web` is `web`).
pub(super) fn host_name(domain: &str) -> &str {
    let of_user = domain.strip_prefix("user").and_then(|rest| rest.split_once('-'));
    match of_user {
        Some((number, name)) if !name.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => domain,
    }
}

/// What a guest shows when it is up: it lets its user in by itself.
pub(super) fn greeting(host: &str) -> String {
    format!("\r\n{host} login: demo (automatic login)\r\n\r\n{host}:~$ ")
}

impl Shell {
    /// One that has just shown its [`greeting`].
    pub(super) fn new(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            state: State::Prompt,
            line: Vec::new(),
            in_escape: false,
        }
    }

    /// Takes a byte from the keyboard; appends what that shows.
    pub(super) fn key(&mut self, byte: u8, up: Duration, out: &mut Vec<u8>) -> Option<Deed> {
        if self.in_escape {
            self.in_escape = !(byte.is_ascii_alphabetic() || byte == b'~');
            return None;
        }
        match (self.state, byte) {
            (State::Top { .. }, b'q' | 3) => {
                show(out, "\x1b[0m\x1b[?25h\x1b[?1049l");
                self.prompt(out);
            }
            (State::Flood { .. }, 3) => {
                show(out, "^C\r\n");
                self.prompt(out);
            }
            (State::Top { .. } | State::Flood { .. }, _) => (),
            (_, 0x1b) => self.in_escape = true,
            (_, b'\r' | b'\n') => return self.enter(up, out),
            (State::Prompt, 3) => {
                show(out, "^C\r\n");
                self.prompt(out);
            }
            (_, 3) => self.log_out(out),
            (State::Prompt, 4) if self.line.is_empty() => self.log_out(out),
            (_, 0x7f | 8) => self.erase(out),
            (_, 0x15) => {
                while !self.line.is_empty() {
                    self.erase(out);
                }
            }
            (_, 0x20..) if self.line.len() < LINE => {
                self.line.push(byte);
                if self.state != State::Password {
                    out.push(byte);
                }
            }
            _ => (),
        }
        None
    }

    /// Whether it draws frames now.
    pub(super) fn is_animated(&self) -> bool {
        matches!(self.state, State::Top { .. })
    }

    /// Goes on with what takes longer, for about `room` bytes. A frame is drawn if its time has come.
    pub(super) fn go_on(&mut self, room: usize, frame_is_due: bool, up: Duration, out: &mut Vec<u8>) {
        match &mut self.state {
            State::Flood { next, last } => {
                while *next <= *last && out.len() < room {
                    show(out, &format!("line {next}\r\n"));
                    *next += 1;
                }
                if *next > *last {
                    self.prompt(out);
                }
            }
            State::Top { frame } if frame_is_due => {
                *frame += 1;
                let frame = *frame;
                show(out, &self.frame(frame, up));
            }
            _ => (),
        }
    }

    fn enter(&mut self, up: Duration, out: &mut Vec<u8>) -> Option<Deed> {
        show(out, "\r\n");
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        match self.state {
            State::Login if line.trim().is_empty() => self.log_out(out),
            State::Login => {
                self.state = State::Password;
                show(out, "Password: ");
            }
            State::Password => self.prompt(out),
            _ => return self.obey(line.trim(), up, out),
        }
        None
    }

    fn obey(&mut self, line: &str, up: Duration, out: &mut Vec<u8>) -> Option<Deed> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => (),
            "help" => show(out, &format!("{HELP}\r\n")),
            "echo" => show(out, &format!("{}\r\n", rest.trim())),
            "ls" => show(
                out,
                "\x1b[1;34mdata\x1b[0m  notes.txt  \x1b[1;32mrun.sh\x1b[0m\r\n",
            ),
            "uname" => show(
                out,
                &format!("Linux {} 6.1.0-sim #1 SMP x86_64 GNU/Linux\r\n", self.host),
            ),
            "uptime" => show(out, &format!("up {}\r\n", clock(up))),
            "clear" => show(out, "\x1b[H\x1b[2J"),
            "colours" | "colors" => show(out, &colours()),
            "exit" | "logout" => {
                self.log_out(out);
                return None;
            }
            "poweroff" => {
                show(out, "The system is going down NOW!\r\n");
                return Some(Deed::PowerOff);
            }
            "top" => {
                self.state = State::Top { frame: 0 };
                let first = self.frame(0, up);
                show(out, "\x1b[?1049h\x1b[?25l\x1b[2J");
                show(out, &first);
                return None;
            }
            "flood" => {
                let last = rest.trim().parse().unwrap_or(100);
                self.state = State::Flood { next: 1, last };
                return None;
            }
            _ => show(out, &format!("sh: {word}: not found\r\n")),
        }
        self.prompt(out);
        None
    }

    fn prompt(&mut self, out: &mut Vec<u8>) {
        self.line.clear();
        self.state = State::Prompt;
        show(out, &format!("{}:~$ ", self.host));
    }

    fn log_out(&mut self, out: &mut Vec<u8>) {
        self.line.clear();
        self.state = State::Login;
        show(out, &format!("\r\n{} login: ", self.host));
    }

    /// Takes the last character back, all its bytes.
    fn erase(&mut self, out: &mut Vec<u8>) {
        while let Some(byte) = self.line.pop() {
            if byte & 0xc0 != 0x80 {
                if self.state != State::Password {
                    show(out, "\x08 \x08");
                }
                return;
            }
        }
    }

    fn frame(&self, frame: u32, up: Duration) -> String {
        let mut text = String::from("\x1b[H");
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\x1b[1mtop - {}  up {}\x1b[0m\x1b[K\r\n\x1b[K\r\n",
            self.host,
            clock(up)
        );
        for (name, colour) in [("cpu", 32), ("mem", 33), ("net", 36)] {
            let seed = name.bytes().fold(7, |seed, byte| random::mix(seed, byte.into()));
            let share = (random::unit(seed, frame.into()) * 40.0) as usize;
            let bar = "█".repeat(share);
            let _ = write!(text, "{name} [\x1b[{colour}m{bar:<40}\x1b[0m]\x1b[K\r\n");
        }
        let _ = write!(
            text,
            "\x1b[K\r\n\x1b[7m  PID USER      %CPU COMMAND                  \x1b[0m\x1b[K\r\n"
        );
        for (pid, command) in [(1, "init"), (212, "sshd"), (340, "postgres"), (977, "top")] {
            let share = random::unit(pid, frame.into()) * 25.0;
            let _ = write!(text, "{pid:>5} demo     {share:>5.1} {command}\x1b[K\r\n");
        }
        text + "\x1b[J\r\nq quits"
    }
}

fn show(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn clock(up: Duration) -> String {
    let seconds = up.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{days} d {hours:02}:{minutes:02}:{:02}", seconds % 60)
}

fn colours() -> String {
    let mut text = String::new();
    for row in [40, 100] {
        for colour in row..row + 8 {
            let _ = write!(text, "\x1b[{colour}m   \x1b[0m");
        }
        text.push_str("\r\n");
    }
    text + "\x1b[1mbold\x1b[0m \x1b[3mitalic\x1b[0m \x1b[4munderlined\x1b[0m \x1b[7mreverse\x1b[0m\r\n"
}
