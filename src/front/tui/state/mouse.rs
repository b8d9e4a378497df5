//! The mouse: tabs, rows, headings, and the wheel.

use super::State;
use super::commands::sorted;
use crate::front::tui::event::Effect;
use crate::front::tui::header;
use crate::front::tui::keys::Command;
use crate::front::tui::layout;
use crate::front::tui::tabs;
use crate::front::tui::tabs::vms::{column_at, places};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// Lines one notch of the wheel moves.
const NOTCH: usize = 3;

impl State {
    pub(super) fn mouse(&mut self, mouse: MouseEvent, wanted: &mut Vec<Effect>) {
        if self.session().is_none_or(|it| it.lock.is_some()) || layout::too_small(self.size) {
            return;
        }
        let covered = self.session().is_some_and(|it| !it.popups.is_empty());
        if !covered && self.console_mouse(mouse, wanted) {
            return;
        }
        match mouse.kind {
            MouseEventKind::ScrollUp => self.wheel(Command::Up, wanted),
            MouseEventKind::ScrollDown => self.wheel(Command::Down, wanted),
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(
                    Position {
                        x: mouse.column,
                        y: mouse.row,
                    },
                    wanted,
                );
            }
            _ => {}
        }
    }

    fn wheel(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let key = KeyEvent::new(KeyCode::Null, KeyModifiers::NONE);
        for _ in 0..NOTCH {
            self.command(command, key, wanted);
        }
    }

    fn click(&mut self, at: Position, wanted: &mut Vec<Effect>) {
        let areas = layout::areas(self);
        let features = self.setup.features;
        if self.session().is_some_and(|it| !it.popups.is_empty()) {
            return;
        }
        if areas.header.contains(at) {
            if let Some(tab) = header::tab_at(self, at.x) {
                let number = u8::try_from(tab + 1).unwrap_or(u8::MAX);
                let key = KeyEvent::new(KeyCode::Null, KeyModifiers::NONE);
                self.command(Command::Tab(number), key, wanted);
            }
            return;
        }
        let Some(session) = self.session_mut() else { return };
        if session.shows_log(&features) {
            let (rows, _) = tabs::soc::places(areas.body);
            if rows.contains(at) {
                let list = &mut session.soc.list;
                wanted.extend(list.go(list.offset + usize::from(at.y - rows.y)));
            }
            return;
        }
        let places = places(&session.vms, areas.body);
        if places.header.contains(at) {
            if let Some(column) = column_at(session, places.header, at.x, features.monitoring) {
                let vms = &mut session.vms;
                vms.descending = vms.sort == column && !vms.descending;
                vms.sort = column;
                sorted(session, wanted);
            }
        } else if places.rows.contains(at)
            && let Some(view) = session.view.clone()
        {
            let row = session.vms.offset + usize::from(at.y - places.rows.y);
            if row < session.vms.rows.len() {
                session.vms.select(&view, row);
                wanted.extend(session.vms.wanted(&view));
            }
        }
    }
}
