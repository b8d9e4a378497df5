//! Keys, pastes and the mouse over a console.

use super::super::State;
use super::super::notices::Level;
use crate::front::tui::console::encode;
use crate::front::tui::console::panes::{Mode, Panes};
use crate::front::tui::console::{Modes, Scroll, Spot, picture};
use crate::front::tui::event::Effect;
use crate::front::tui::keys::Command;
use crate::front::tui::layout;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};
use tui_input::Input;

/// Lines one notch of the wheel moves.
const NOTCH: i32 = 3;

impl State {
    /// A key while a console has the keyboard; false if it is not for the console.
    pub(in crate::front::tui::state) fn console_key(
        &mut self,
        key: KeyEvent,
        wanted: &mut Vec<Effect>,
    ) -> bool {
        let leader = self.is_leader(key);
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return false;
        };
        match (&panes.mode, leader) {
            (Mode::Live, true) => {
                panes.mode = Mode::Leader;
                true
            }
            (Mode::Live, false) => {
                self.type_to_guest(|modes| encode::key(key, modes), wanted);
                true
            }
            (Mode::Leader, true) => {
                panes.mode = Mode::Live;
                self.type_to_guest(|modes| encode::key(key, modes), wanted);
                true
            }
            _ => false,
        }
    }

    fn is_leader(&self, key: KeyEvent) -> bool {
        key.code == KeyCode::Char(self.setup.leader)
            && key.modifiers & KeyModifiers::CONTROL.union(KeyModifiers::ALT) == KeyModifiers::CONTROL
    }

    /// A text was pasted into a console.
    pub(in crate::front::tui::state) fn paste_to_guest(&mut self, text: &str, wanted: &mut Vec<Effect>) {
        self.type_to_guest(|modes| encode::paste(text, modes), wanted);
    }

    /// Sends to the guest of the shown console what its terminal makes of a key.
    fn type_to_guest(&mut self, bytes: impl FnOnce(&Modes) -> Vec<u8>, wanted: &mut Vec<Effect>) {
        let pane = self.session_mut().and_then(|it| it.consoles.shown_mut());
        let Some(pane) = pane.filter(|pane| !pane.is_over()) else {
            return self.tell(Level::Note, "this console is over: the leader, then x, closes it");
        };
        let bytes = bytes(&pane.emulator.modes());
        if bytes.is_empty() {
            return;
        }
        // Whoever types wants to see what comes of it.
        pane.emulator.scroll(Scroll::Bottom);
        wanted.push(Effect::Type {
            pane: pane.number,
            bytes,
        });
    }

    /// The mouse over the shown console; false if it was elsewhere.
    pub(in crate::front::tui::state) fn console_mouse(
        &mut self,
        mouse: MouseEvent,
        wanted: &mut Vec<Effect>,
    ) -> bool {
        let Some(area) = picture::places(&layout::areas(self)).map(|places| places.guest) else {
            return false;
        };
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return false;
        };
        if let (MouseEventKind::Drag(MouseButton::Left), Some(from)) = (mouse.kind, panes.pressed) {
            drag(panes, from, mouse, area);
            return true;
        }
        panes.pressed = None;
        let at = Position {
            x: mouse.column,
            y: mouse.row,
        };
        if !area.contains(at) {
            return false;
        }
        let (live, copying) = (matches!(panes.mode, Mode::Live), matches!(panes.mode, Mode::Copy));
        let Some(pane) = panes.shown_mut() else {
            return false;
        };
        let spot = Spot {
            column: at.x - area.x,
            row: at.y - area.y,
        };
        let bytes = encode::mouse(mouse.kind, mouse.modifiers, spot, &pane.emulator.modes());
        if live && !bytes.is_empty() && !pane.is_over() {
            wanted.push(Effect::Type {
                pane: pane.number,
                bytes,
            });
            return true;
        }
        match mouse.kind {
            MouseEventKind::ScrollUp => pane.emulator.scroll(Scroll::Lines(NOTCH)),
            MouseEventKind::ScrollDown => pane.emulator.scroll(Scroll::Lines(-NOTCH)),
            MouseEventKind::Down(button) => {
                if copying {
                    pane.emulator.end_copy();
                }
                panes.mode = Mode::Live;
                panes.pressed = (button == MouseButton::Left).then_some(spot);
            }
            _ => {}
        }
        true
    }

    /// What the keys after the leader do.
    pub(in crate::front::tui::state) fn in_console(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return;
        };
        match command {
            Command::ConsoleType => panes.mode = Mode::Live,
            Command::ConsoleHide => panes.hide(),
            Command::ConsoleFull => {
                panes.full = !panes.full;
                panes.mode = Mode::Live;
            }
            Command::ConsoleNext => panes.turn(true),
            Command::ConsolePrevious => panes.turn(false),
            Command::ConsoleCopy => {
                if let Some(pane) = panes.shown_mut() {
                    pane.emulator.start_copy();
                    panes.mode = Mode::Copy;
                }
            }
            Command::ConsoleSearch => panes.mode = Mode::Search(Input::default()),
            Command::ConsoleClose => self.close_console(wanted),
            Command::ConsoleSize => self.tell_size(wanted),
            Command::ConsoleLeader => panes.mode = Mode::Leader,
            _ => {}
        }
    }
}

/// Marks text with the mouse, for `y` to copy; beyond the upper or lower edge the view moves along.
fn drag(panes: &mut Panes, from: Spot, mouse: MouseEvent, area: Rect) {
    let Some(pane) = panes.shown_mut() else { return };
    let emulator = &mut pane.emulator;
    if !emulator.is_copying() {
        emulator.mark_from(from);
    }
    if mouse.row < area.y {
        emulator.scroll(Scroll::Lines(1));
    } else if mouse.row >= area.bottom() {
        emulator.scroll(Scroll::Lines(-1));
    }
    let inside = |at: u16, from: u16, length: u16| at.saturating_sub(from).min(length.saturating_sub(1));
    emulator.mark_to(Spot {
        column: inside(mouse.column, area.x, area.width),
        row: inside(mouse.row, area.y, area.height),
    });
    panes.mode = Mode::Copy;
}
