//! What every hypervisor promises of a guest's console, and somebody who sits at one.

use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use twarga::hypervisor::{Console, End, Error, Hypervisor, Output};
use uuid::Uuid;

/// The account in the guest of the story, from its seed.
pub const USER: &str = "tiny";
/// Its password …
pub const PASSWORD: &str = "seven-quiet-otters-9";
/// … as SHA-512 crypt.
const PASSWORD_HASH: &str =
    "$6$contractsalt$KKGAj6.1RIszM3gNQAO5j.piEpPDwwsuLB.URpkprpnHVjiBssW9d4X6Kti8qKrXdDszfZQeQ2L0XrQTapS0V/";

/// A prompt of a shell, in a real guest (`tiny@web:~$ `) and in a simulated one (`web:~$ `).
const PROMPT: &str = ":~$ ";

/// A seed for the tiny guest, that lets [`USER`] in.
pub fn seed() -> Vec<u8> {
    use std::io::Write;
    let mut image = std::io::Cursor::new(vec![0; 1 << 20]);
    let label = *b"CIDATA     ";
    let options = fatfs::FormatVolumeOptions::new().volume_label(label);
    fatfs::format_volume(&mut image, options).unwrap();
    let volume = fatfs::FileSystem::new(&mut image, fatfs::FsOptions::new()).unwrap();
    let mut file = volume.root_dir().create_file("twarga.cfg").unwrap();
    let config = format!("hostname=contract\nuser={USER}\npassword_hash={PASSWORD_HASH}\n");
    file.write_all(config.as_bytes()).unwrap();
    drop(file);
    volume.unmount().unwrap();
    image.into_inner()
}

/// Somebody at a console.
pub struct Talk {
    console: Console,
    runtime: Runtime,
    patience: Duration,
    /// What was written since the last thing waited for.
    seen: Vec<u8>,
}

impl Talk {
    pub fn new(console: Console, patience: Duration) -> Self {
        Self {
            console,
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            patience,
            seen: Vec::new(),
        }
    }

    /// Attaches, as soon as nobody else is there.
    pub fn attach(hypervisor: &dyn Hypervisor, domain: Uuid, patience: Duration) -> Self {
        Self::new(hypervisor.attach_console(domain, false).unwrap(), patience)
    }

    pub fn press(&self, keys: impl Into<Vec<u8>>) {
        self.console.input.blocking_send(keys.into()).unwrap();
    }

    #[track_caller]
    pub fn next(&mut self) -> Option<Output> {
        let next = async { timeout(self.patience, self.console.output.recv()).await };
        let next = self.runtime.block_on(next);
        next.unwrap_or_else(|_| panic!("nothing more comes after {:?}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads until `text` was written; everything up to there.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        self.until_any(&[text])
    }

    #[track_caller]
    fn until_any(&mut self, texts: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let find = |text: &&str| {
                let at = self.seen.windows(text.len()).position(|it| it == text.as_bytes());
                Some(at? + text.len())
            };
            if let Some(end) = texts.iter().filter_map(find).min() {
                return String::from_utf8_lossy(&self.seen.drain(..end).collect::<Vec<_>>()).into_owned();
            }
            assert!(
                began.elapsed() < self.patience,
                "waited in vain for {texts:?} in {:?}",
                self.text()
            );
            match self.next() {
                Some(Output::Bytes(bytes)) => self.seen.extend(bytes),
                other => panic!("{other:?} instead of {texts:?} after {:?}", self.text()),
            }
        }
    }

    /// Runs a line in the guest's shell: what it writes, up to the next prompt.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> String {
        self.press(format!("{line}\r"));
        self.until("\r\n");
        let written = self.until(PROMPT);
        let (written, _) = written.rsplit_once('\n').unwrap_or(("", ""));
        written.trim_end().to_owned()
    }

    /// Gets to a shell's prompt, whatever the console shows now.
    #[track_caller]
    pub fn log_in(&mut self) {
        self.press("\r");
        if self.until_any(&["login: ", PROMPT]).ends_with("login: ") {
            self.press(format!("{USER}\r"));
            self.until("assword: ");
            self.press(format!("{PASSWORD}\r"));
            self.until(PROMPT);
        }
    }

    /// Asserts that it goes on, and that nothing is written for so long.
    #[track_caller]
    pub fn assert_silent(&mut self, time: Duration) {
        let next = async { timeout(time, self.console.output.recv()).await };
        let next = self.runtime.block_on(next);
        assert!(next.is_err(), "{next:?}");
    }

    /// Reads to the end.
    #[track_caller]
    pub fn end(&mut self) -> End {
        loop {
            match self.next() {
                Some(Output::Bytes(bytes)) => self.seen.extend(bytes),
                Some(Output::Dropped(_)) => (),
                Some(Output::Ended(end)) => return end,
                None => panic!("no end was told after {:?}", self.text()),
            }
        }
    }
}

/// The story of a console, on a guest that is up.
pub fn exercise(hypervisor: &dyn Hypervisor, domain: Uuid, log: &str, patience: Duration) {
    let stranger = hypervisor.attach_console(Uuid::from_u128(0xdead), false);
    assert!(matches!(stranger, Err(Error::NotFound(_))), "{stranger:?}");
    let mut first = Talk::attach(hypervisor, domain, patience);
    first.log_in();
    assert_eq!(first.run("echo one two"), "one two");

    let refused = hypervisor.attach_console(domain, false);
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    assert_eq!(first.run("echo still"), "still", "a refusal disturbs nobody");

    let second = hypervisor.attach_console(domain, true).unwrap();
    assert_eq!(first.end(), End::Closed, "taken over");
    assert_eq!(first.next(), None, "and nothing follows an end");
    let mut second = Talk::new(second, patience);
    second.log_in();
    assert_eq!(second.run("echo mine"), "mine", "its shell went on");

    drop(second);
    let mut third = Talk::attach(hypervisor, domain, patience);
    third.log_in();
    hypervisor.pause(domain).unwrap();
    third.press("echo later\r");
    hypervisor.resume(domain).unwrap();
    third.until("\r\nlater\r\n");
    third.until(PROMPT);
    floods(hypervisor, &mut third, log);
}

/// Every line arrives, in order, and the log has the same.
fn floods(hypervisor: &dyn Hypervisor, talk: &mut Talk, log: &str) {
    // A simulated guest knows `flood`, and says only that it does not know this.
    talk.run("flood() { i=0; while [ $i -lt $1 ]; do i=$((i+1)); echo line $i; done; }");
    let before = hypervisor.read_volume(log, u64::MAX, 1).unwrap();
    assert_eq!(before.bytes, b"", "there is nothing beyond the end");
    let written = talk.run("flood 3000");
    let wanted: Vec<String> = (1..=3000).map(|n| format!("line {n}")).collect();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines, wanted);

    let end = Instant::now() + talk.patience;
    // virtlogd writes it a moment later, and the shell may write something more.
    loop {
        let size = hypervisor.read_volume(log, 0, 0).unwrap().size;
        let tail = hypervisor.tail(log, 100).unwrap();
        let part = hypervisor.read_volume(log, size - 100, 1000).unwrap();
        if part.size == size && String::from_utf8_lossy(&tail).contains("line 3000\r\n") {
            assert_eq!(part.bytes, tail);
            break;
        }
        assert!(Instant::now() < end, "the log ends with {tail:?}");
    }
    let flood = hypervisor.read_volume(log, before.size, 1 << 20).unwrap();
    let flood = String::from_utf8(flood.bytes).unwrap();
    assert!(
        flood.contains(&wanted.join("\r\n")),
        "from an offset the log has what the console had"
    );
}
