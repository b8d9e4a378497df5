//! A guest's SSH server in a pane of the screen, and the same account on a terminal of the pane's size
//! without twarga in between. The same keys go to both, and then both have to look the same.

use crate::child::wait_until;
use crate::place::{ADMIN, BOOT, Place, SOON};
use crate::screen;
use crate::terminal::Terminal;
use std::ops::Range;
use std::time::{Duration, Instant};
use vt100::{Color, Screen};

/// What the guest has of the window.
pub const ROWS: u16 = 28;
const COLUMNS: u16 = 100;
/// The window's rows above and below it.
const ABOVE: u16 = 1;
const BELOW: u16 = 1;
const LEADER: &str = "\x1d";
/// Between two looks at both.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Two views of one guest.
pub struct Both {
    pub pane: Terminal,
    plain: Terminal,
    /// The theme's colours of text and behind it, which the pane gives to what the guest leaves plain.
    theme: (Color, Color),
}

/// How a cell looks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    text: String,
    /// The text's colour, and whether it is bold; blank cells have none.
    ink: Option<(Color, bool)>,
    /// The colour behind it.
    behind: Color,
}

impl Both {
    /// Opens the pane of a machine that runs and the plain terminal, both at an empty prompt.
    pub fn open(place: &Place, name: &str, user: &str, (host, port): &(String, u16)) -> Self {
        let mut pane = place.open(COLUMNS, ABOVE + ROWS + BELOW);
        screen::signed_in(&pane);
        pane.wait_line(&format!("{ADMIN}/{name}"), "● running", BOOT);
        pane.press("o");
        pane.wait_for(&format!("SSH ── ● {COLUMNS}×{ROWS}"), SOON);
        let arguments = place.ssh_arguments(user, (host, *port));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let plain = place.open_program("ssh", &arguments, COLUMNS, ROWS);
        let mut both = Self {
            pane,
            plain,
            theme: (Color::Default, Color::Default),
        };
        let prompt = format!("{user}@{name}:~$");
        both.wait(&prompt);
        both.press("clear\r");
        both.pane.wait("a cleared pane", SOON, |shown| {
            let first = shown.lines().nth(ABOVE.into());
            first.is_some_and(|it| it.trim_end() == prompt)
        });
        // The prompt's own `$` is plain.
        let dollar = both.in_pane(0..1).swap_remove(prompt.len() - 1);
        both.theme = (dollar.ink.expect("its colour").0, dollar.behind);
        both.look_alike("an empty screen");
        both
    }

    /// Presses the same keys on both. twarga never asks its terminal for application mode; on the plain
    /// one a program may have, and then arrows are told in the other way.
    pub fn press(&mut self, keys: &str) {
        self.pane.press(keys);
        let mut keys = keys.to_owned();
        if self.plain.look(Screen::application_cursor) {
            for letter in ["A", "B", "C", "D"] {
                keys = keys.replace(&format!("\x1b[{letter}"), &format!("\x1bO{letter}"));
            }
        }
        self.plain.press(&keys);
    }

    /// Runs a program on both until words of it are there, which the command must not have.
    #[track_caller]
    pub fn run(&mut self, command: &str, words: &str) {
        self.press(&format!("clear; {command}\r"));
        self.wait(words);
    }

    /// Waits for words on both.
    #[track_caller]
    pub fn wait(&self, words: &str) {
        self.plain.wait_for(words, BOOT);
        self.pane.wait_for(words, BOOT);
    }

    /// Waits until both have words that often.
    #[track_caller]
    pub fn wait_count(&self, words: &str, count: usize) {
        for terminal in [&self.plain, &self.pane] {
            terminal.wait(&format!("{count} times {words:?}"), BOOT, |shown| {
                shown.matches(words).count() == count
            });
        }
    }

    /// Presses keys that change what is shown, and waits until both show the same again.
    #[track_caller]
    pub fn press_and_look(&mut self, keys: &str, what: &str) {
        let before = self.on_plain(0..ROWS);
        self.press(keys);
        wait_until(what, BOOT, || self.on_plain(0..ROWS) != before);
        self.look_alike(what);
    }

    /// Waits until both show the same: text, colours, bold, reversed.
    #[track_caller]
    pub fn look_alike(&self, what: &str) {
        self.look_alike_in(what, 0..ROWS);
    }

    /// The same for some rows only.
    #[track_caller]
    pub fn look_alike_in(&self, what: &str, rows: Range<u16>) {
        let began = Instant::now();
        loop {
            let (pane, plain) = (self.in_pane(rows.clone()), self.on_plain(rows.clone()));
            let mut cells = pane.iter().zip(&plain).enumerate();
            let Some((at, (is, wanted))) = cells.find(|(_, (is, wanted))| is != wanted) else {
                return;
            };
            if began.elapsed() > SOON {
                let (row, column) = (at / usize::from(COLUMNS), at % usize::from(COLUMNS));
                let (shown, bare) = (self.pane.screen(), self.plain.screen());
                panic!(
                    "{what}: row {row}, column {column} is {is:?}, without twarga it is {wanted:?}\n\
                     {shown}\nwithout twarga:\n{bare}"
                );
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Asserts that the guest's part of the pane has these characters.
    #[track_caller]
    pub fn has(&self, characters: &[&str]) {
        let cells = self.in_pane(0..ROWS);
        for character in characters {
            let is_there = cells.iter().any(|it| it.text == *character);
            assert!(is_there, "no {character} in\n{}", self.pane.screen());
        }
    }

    /// Logs out of both and closes the pane. The screen that it was on.
    pub fn close(mut self) -> Terminal {
        self.press("exit 0\r");
        self.pane.wait_for("the session at the other end is over", SOON);
        self.pane.press(LEADER);
        self.pane.press("x");
        self.pane.wait_for("1 running", SOON);
        self.plain.wait_end(SOON);
        self.pane
    }

    fn in_pane(&self, rows: Range<u16>) -> Vec<Look> {
        let rows = rows.start + ABOVE..rows.end + ABOVE;
        self.pane.look(|it| cells(it, rows, self.theme))
    }

    fn on_plain(&self, rows: Range<u16>) -> Vec<Look> {
        self.plain.look(|it| cells(it, rows, self.theme))
    }
}

/// The cells of some rows, one row after the other. `theme` stands for the terminal's own colours.
fn cells(screen: &Screen, rows: Range<u16>, theme: (Color, Color)) -> Vec<Look> {
    let or = |colour, its_own| match colour {
        Color::Default => its_own,
        some => some,
    };
    let look = |(row, column)| {
        let cell = screen.cell(row, column).expect("a cell of the screen");
        let text = match cell.contents() {
            "" => " ",
            some => some,
        };
        let (ink, behind) = (or(cell.fgcolor(), theme.0), or(cell.bgcolor(), theme.1));
        let (ink, behind) = if cell.inverse() {
            (behind, ink)
        } else {
            (ink, behind)
        };
        Look {
            text: text.to_owned(),
            ink: (text != " ").then_some((ink, cell.bold())),
            behind,
        }
    };
    rows.flat_map(|row| (0..COLUMNS).map(move |column| (row, column)))
        .map(look)
        .collect()
}
