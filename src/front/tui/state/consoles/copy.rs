//! Copy mode and search: a cursor over what a guest wrote.

use super::super::State;
use super::super::notices::Level;
use crate::front::tui::console::panes::Mode;
use crate::front::tui::console::{Direction, Scroll};
use crate::front::tui::event::Effect;
use crate::front::tui::keys::Command;

/// Most that is handed to the terminal's clipboard, bytes: many terminals take no more.
const CLIPBOARD: usize = 74_994;

impl State {
    /// What keys do in copy mode.
    pub(in crate::front::tui::state) fn in_copy(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return;
        };
        let Some(pane) = panes.shown_mut() else { return };
        let emulator = &mut pane.emulator;
        let found = match command {
            Command::CopyMatch(direction) => emulator.search_again(direction),
            Command::CopyMove(step) => {
                emulator.move_copy(step);
                true
            }
            Command::CopySelect(kind) => {
                emulator.select_from_copy(kind);
                true
            }
            Command::CopyTake => return self.copy_out(wanted),
            Command::CopyEnd => {
                emulator.end_copy();
                emulator.scroll(Scroll::Bottom);
                panes.mode = Mode::Live;
                true
            }
            _ => true,
        };
        if !found {
            self.tell(Level::Note, "that is not in what the guest wrote");
        }
    }

    /// Hands what is selected to the terminal's clipboard: only ever on this command of the user's.
    fn copy_out(&mut self, wanted: &mut Vec<Effect>) {
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return;
        };
        let Some(pane) = panes.shown_mut() else { return };
        let Some(text) = pane.emulator.selected_text().filter(|text| !text.is_empty()) else {
            return self.tell(
                Level::Note,
                "nothing is selected: v begins a selection, V one of lines",
            );
        };
        if text.len() > CLIPBOARD {
            let message = format!(
                "{} bytes are selected; a terminal's clipboard takes {CLIPBOARD} at most",
                text.len()
            );
            return self.tell(Level::Bad, message);
        }
        pane.emulator.end_copy();
        pane.emulator.scroll(Scroll::Bottom);
        panes.mode = Mode::Live;
        let count = text.chars().count();
        wanted.push(Effect::CopyOut(text));
        self.tell(
            Level::Good,
            format!("{count} characters are in your terminal's clipboard"),
        );
    }

    /// Enter after a text to search for: backwards, from the end of what the guest wrote.
    pub(in crate::front::tui::state) fn search_console(&mut self) {
        let Some(panes) = self.session_mut().map(|session| &mut session.consoles) else {
            return;
        };
        let Mode::Search(input) = std::mem::take(&mut panes.mode) else {
            return;
        };
        let Some(pane) = panes.shown_mut() else { return };
        if pane.emulator.search(input.value(), Direction::Backward) {
            panes.mode = Mode::Copy;
            return;
        }
        pane.emulator.end_copy();
        let text = input.value().to_owned();
        if !text.is_empty() {
            self.tell(Level::Note, format!("`{text}` is not in what the guest wrote"));
        }
    }
}
