//! Consoles on the screen: opening them, what their keys do, what the core tells of them.

mod copy;
mod keys;

use super::State;
use super::notices::Level;
use crate::core::consoles::{Line, Opening};
use crate::core::{Error, Result};
use crate::front::tui::console::encode::{self, Focus as Keyboard};
use crate::front::tui::console::panes::{MOST, Mode};
use crate::front::tui::console::{Emulator, Pane, SERIAL, TerminalSize, picture};
use crate::front::tui::event::{ConsoleReply, Effect};
use crate::front::tui::layout;
use crate::front::tui::popups::{Popup, confirm::Confirm};
use crate::model::{ConsoleId, ConsoleKind, RecordingMode, VmId};

impl State {
    /// Opens a console of the selected machine, or shows the one that is open.
    pub(super) fn open_console(&mut self, kind: ConsoleKind, wanted: &mut Vec<Effect>) {
        let scrollback = self.setup.scrollback;
        let size = self.console_size(kind);
        let Some(session) = self.session_mut() else { return };
        let Some(machine) = session.view.as_deref().and_then(|view| session.vms.machine(view)) else {
            return;
        };
        let (vm, name) = (
            machine.vm.id,
            crate::front::tui::tabs::vms::name(machine, session.me.role),
        );
        let panes = &mut session.consoles;
        if let Some(open) = panes.find(vm, kind) {
            return panes.show(open);
        }
        // What is over makes room for what begins anew.
        panes.open.retain(|pane| !(pane.vm == vm && pane.kind == kind));
        if panes.open.len() >= MOST {
            return self.tell(
                Level::Note,
                format!("{MOST} consoles are open; close one first (C lists them)"),
            );
        }
        let number = panes.number();
        let emulator = Emulator::new(size, scrollback);
        panes.open.push(Pane::new(number, (vm, name), kind, emulator));
        panes.show(number);
        panes.full = true;
        wanted.push(Effect::OpenConsole {
            pane: number,
            opening: opening((vm, kind), false, size),
        });
        let leader = self.setup.leader.to_ascii_uppercase();
        self.tell(
            Level::Note,
            format!("every key goes to the guest; Ctrl-{leader} is twarga's"),
        );
    }

    /// Takes the serial line from whoever has it, as was confirmed.
    pub(super) fn take_console(&mut self, number: u64, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let panes = &mut session.consoles;
        if let Some(pane) = panes.get_mut(number) {
            let opening = opening((pane.vm, pane.kind), true, pane.emulator.size());
            wanted.push(Effect::OpenConsole {
                pane: number,
                opening,
            });
            panes.show(number);
        }
    }

    /// Closes the pane whose opening was refused.
    pub(super) fn give_console_up(&mut self, number: u64) {
        if let Some(session) = self.session_mut() {
            session.consoles.close(number);
        }
    }

    /// Closes a console: its pane goes, and the core's session with it.
    fn close_console(&mut self, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        if let Some(number) = session.consoles.shown().map(|pane| pane.number) {
            session.consoles.close(number);
            wanted.push(Effect::CloseConsole(number));
        }
    }

    /// Types a command that tells the guest how large the pane is: a serial line carries no size.
    fn tell_size(&mut self, wanted: &mut Vec<Effect>) {
        let Some(room) = self.console_room() else { return };
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return;
        };
        panes.mode = Mode::Live;
        let Some(pane) = panes.shown_mut().filter(|pane| pane.kind == ConsoleKind::Serial) else {
            return self.tell(Level::Note, "over SSH the guest knows the size");
        };
        pane.emulator.resize(room);
        let size = pane.emulator.size();
        let text = format!(" stty rows {} cols {}\r", size.rows, size.columns);
        let pane = pane.number;
        wanted.push(Effect::Type {
            pane,
            bytes: text.into_bytes(),
        });
    }

    /// Gives SSH consoles the size of their pane; to be called after every change.
    pub(super) fn fit_consoles(&mut self, wanted: &mut Vec<Effect>) {
        let Some(room) = self.console_room() else { return };
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return;
        };
        let ssh = panes
            .shown_mut()
            .filter(|pane| pane.kind == ConsoleKind::Ssh && !pane.is_over());
        if let Some(pane) = ssh
            && pane.emulator.size() != room
        {
            pane.emulator.resize(room);
            let size = pane.emulator.size();
            wanted.push(Effect::ResizeConsole {
                pane: pane.number,
                size: (size.columns, size.rows),
            });
        }
    }

    /// The room that the shown console's guest has.
    fn console_room(&self) -> Option<TerminalSize> {
        let guest = picture::places(&layout::areas(self))?.guest;
        (guest.width >= 2 && guest.height >= 1).then_some(TerminalSize {
            columns: guest.width,
            rows: guest.height,
        })
    }

    /// The size a new console begins with.
    fn console_size(&self, kind: ConsoleKind) -> TerminalSize {
        match kind {
            ConsoleKind::Serial => SERIAL,
            ConsoleKind::Ssh => TerminalSize {
                columns: self.size.width.max(2),
                rows: self.size.height.saturating_sub(2).max(1),
            },
        }
    }

    /// The core told something of a console.
    pub(super) fn console_told(&mut self, number: u64, reply: ConsoleReply, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let name = match session.consoles.get_mut(number) {
            Some(pane) => pane.name.clone(),
            // Closed meanwhile.
            None => return wanted.push(Effect::CloseConsole(number)),
        };
        match reply {
            ConsoleReply::Opened(result) => self.console_opened(number, &name, result, wanted),
            ConsoleReply::Wrote(words) => {
                if let Some(pane) = session.consoles.get_mut(number) {
                    pane.hear(words);
                }
                self.answer_guests(wanted);
            }
            ConsoleReply::Line(line) => {
                let announced = match &line {
                    Line::Recording(RecordingMode::Off) => Some("is no longer recorded"),
                    Line::Recording(RecordingMode::Output) => Some("is recorded: what the guest writes"),
                    Line::Recording(RecordingMode::Input) => {
                        Some("is recorded, with what you type, passwords included")
                    }
                    _ => None,
                };
                if let Some(pane) = session.consoles.get_mut(number) {
                    pane.line(line);
                }
                if let Some(announced) = announced {
                    self.tell(Level::Note, format!("◉ console of {name} {announced}"));
                }
            }
            ConsoleReply::Ended(end) => {
                if let Some(pane) = session.consoles.get_mut(number) {
                    pane.end(&end);
                }
                self.tell(Level::Note, format!("console of {name}: {end}"));
            }
        }
    }

    fn console_opened(
        &mut self,
        number: u64,
        name: &str,
        result: Result<ConsoleId>,
        wanted: &mut Vec<Effect>,
    ) {
        let Some(session) = self.session_mut() else { return };
        match result {
            Ok(id) => {
                if let Some(pane) = session.consoles.get_mut(number) {
                    pane.id = Some(id);
                }
            }
            Err(Error::Occupied(occupant)) => {
                session
                    .popups
                    .push(Popup::Confirm(Confirm::take_console(number, name, &occupant)));
            }
            Err(error) => {
                session.consoles.close(number);
                self.fail(&format!("console of {name}"), &error, wanted);
            }
        }
    }

    /// The guests' words that wait are taken in, and what their terminals answer is sent.
    pub(super) fn work_consoles(&mut self, wanted: &mut Vec<Effect>) {
        if let Some(session) = self.session_mut() {
            session.consoles.open.iter_mut().for_each(Pane::work);
        }
        self.answer_guests(wanted);
    }

    fn answer_guests(&mut self, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        for pane in &mut session.consoles.open {
            let bytes = pane.emulator.take_replies();
            if !bytes.is_empty() && !pane.is_over() {
                wanted.push(Effect::Answer {
                    pane: pane.number,
                    bytes,
                });
            }
        }
    }

    /// The keyboard came to a console, or went: some guests want to know.
    pub(super) fn tell_focus(&mut self, before: Option<u64>, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let panes = &mut session.consoles;
        let after = match panes.mode {
            Mode::Live => panes.shown().map(|pane| pane.number),
            _ => None,
        };
        if before == after {
            return;
        }
        for (number, keyboard) in [(before, Keyboard::Out), (after, Keyboard::In)] {
            if let Some(pane) = number.and_then(|number| panes.get_mut(number)) {
                let bytes = encode::focus(keyboard, &pane.emulator.modes());
                if !bytes.is_empty() && !pane.is_over() {
                    wanted.push(Effect::Answer {
                        pane: pane.number,
                        bytes,
                    });
                }
            }
        }
    }

    /// The console that has the keyboard.
    pub(super) fn live_console(&self) -> Option<u64> {
        let panes = &self.session()?.consoles;
        match panes.mode {
            Mode::Live => panes.shown().map(|pane| pane.number),
            _ => None,
        }
    }
}

fn opening((vm, kind): (VmId, ConsoleKind), takeover: bool, size: TerminalSize) -> Opening {
    Opening {
        vm,
        kind,
        takeover,
        size: (size.columns, size.rows),
    }
}
