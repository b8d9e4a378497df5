//! Enter: what was typed or chosen is accepted.

use super::notices::Level;
use super::{Screen, State, door::DoorScreen};
use crate::front::tui::console::panes::Mode;
use crate::front::tui::event::Effect;
use crate::front::tui::popups::Popup;
use crossterm::event::KeyEvent;

impl State {
    pub(super) fn submit(&mut self, wanted: &mut Vec<Effect>) {
        let now = self.now;
        match &mut self.screen {
            Screen::Opening(error) => {
                if error.take().is_some() {
                    wanted.push(Effect::AskDoor);
                }
            }
            Screen::Door(door) => submit_door(door, now, wanted),
            Screen::Session(session) => {
                if let Some(lock) = &mut session.lock {
                    return wanted.extend(lock.submit(now));
                }
                match session.popups.last_mut() {
                    Some(Popup::NewVm(form)) => {
                        wanted.extend(form.submit(session.view.as_deref(), &session.me))
                    }
                    Some(Popup::Destroy(form)) => {
                        if let Some(effect) = form.submit() {
                            wanted.push(effect);
                            session.popups.pop();
                        }
                    }
                    Some(Popup::Ports(form)) => wanted.extend(form.submit()),
                    Some(Popup::Palette(_)) => self.run_from_palette(wanted),
                    Some(Popup::Images(list)) => list.filtering = false,
                    Some(_) => {}
                    None if matches!(session.consoles.mode, Mode::Search(_)) => self.search_console(),
                    None => session.vms.filtering = false,
                }
            }
        }
    }

    fn run_from_palette(&mut self, wanted: &mut Vec<Effect>) {
        let chosen = self.session().and_then(|session| match session.popups.last() {
            Some(Popup::Palette(list)) => list.chosen(),
            _ => None,
        });
        self.close();
        let focus = self.focus();
        if let Some(binding) = chosen {
            if !binding.places.contains(&focus) {
                return self.tell(Level::Note, format!("{}: not on this tab", binding.name));
            }
            let key = KeyEvent::new(
                crossterm::event::KeyCode::Null,
                crossterm::event::KeyModifiers::NONE,
            );
            self.invoke(binding, key, wanted);
        }
    }
}

fn submit_door(door: &mut DoorScreen, now: jiff::Timestamp, wanted: &mut Vec<Effect>) {
    // In a form with more fields to come, Enter goes on to the next one.
    let last = door.form.fields.len().saturating_sub(1);
    if door.form.focus < last
        && door
            .form
            .fields
            .iter()
            .skip(door.form.focus + 1)
            .any(|it| it.error.is_some())
    {
        door.form.next();
        return;
    }
    wanted.extend(door.submit(now));
}
