//! Typing: into a form, the filter or the palette, whichever has the keyboard.

use super::commands::relist;
use super::{Screen, State, form};
use crate::front::tui::console::panes::Mode;
use crate::front::tui::keys::{Command, Focus};
use crate::front::tui::popups::Popup;
use crossterm::event::KeyEvent;
use tui_input::InputRequest;

/// Longest filter, bytes.
const LONGEST_LINE: usize = 64;

impl State {
    pub(super) fn in_form(&mut self, command: Command, key: KeyEvent) {
        if let Some(session) = self.session_mut()
            && session.lock.is_none()
        {
            match session.popups.last_mut() {
                Some(Popup::Palette(list)) => return list.edit(key),
                Some(Popup::NewVm(new)) if new.on_first_boot() => {
                    new.on_page(|page| page.command(command, key));
                    return self.judge();
                }
                Some(Popup::Images(list)) if list.filtering => return form::edit(&mut list.filter, key),
                None if matches!(session.consoles.mode, Mode::Search(_)) => {
                    if let Mode::Search(input) = &mut session.consoles.mode {
                        form::edit(input, key);
                    }
                    return;
                }
                None if session.vms.filtering => {
                    form::edit(&mut session.vms.filter, key);
                    return relist(session);
                }
                _ => {}
            }
        }
        if let Some(form) = self.form_mut() {
            match command {
                Command::NextField => form.next(),
                Command::PreviousField => form.previous(),
                Command::More => form.step(true),
                Command::Less => form.step(false),
                _ => form.edit(key),
            }
        }
        self.judge();
    }

    /// Types a character where the keyboard is.
    pub(super) fn type_in(&mut self, c: char) {
        if let Some(session) = self.session_mut()
            && session.lock.is_none()
        {
            match session.popups.last_mut() {
                Some(Popup::Palette(list)) => return list.insert(c),
                Some(Popup::NewVm(new)) if new.on_first_boot() => {
                    new.on_page(|page| page.insert(c));
                    return self.judge();
                }
                Some(Popup::Images(list)) if list.filtering => {
                    if list.filter.value().len() < LONGEST_LINE {
                        list.filter.handle(InputRequest::InsertChar(c));
                    }
                    return;
                }
                None if matches!(session.consoles.mode, Mode::Search(_)) => {
                    if let Mode::Search(input) = &mut session.consoles.mode
                        && input.value().len() < LONGEST_LINE
                    {
                        input.handle(InputRequest::InsertChar(c));
                    }
                    return;
                }
                None if session.vms.filtering => {
                    if session.vms.filter.value().len() < LONGEST_LINE {
                        session.vms.filter.handle(InputRequest::InsertChar(c));
                    }
                    return relist(session);
                }
                _ => {}
            }
        }
        if let Some(form) = self.form_mut() {
            form.insert(c);
        }
        self.judge();
    }

    /// Takes a pasted text where the keyboard is.
    pub(super) fn paste(&mut self, text: &str) {
        if let Some(session) = self.session_mut()
            && session.lock.is_none()
            && let Some(Popup::NewVm(new)) = session.popups.last_mut()
            && new.on_first_boot()
        {
            new.paste(text);
            return self.judge();
        }
        let refused = match self.form_mut() {
            Some(form) => form.paste(text).err(),
            None => {
                if matches!(
                    self.focus(),
                    Focus::Filter | Focus::Palette | Focus::ConsoleSearch
                ) {
                    let line = text.chars().filter(|c| !c.is_control()).take(LONGEST_LINE);
                    line.for_each(|c| self.type_in(c));
                }
                None
            }
        };
        if let (Some(reason), Some(form)) = (refused, self.form_mut()) {
            form.message = Some(reason.to_owned());
        }
        self.judge();
    }

    /// The form that has the keyboard; none while the core is at work on it.
    fn form_mut(&mut self) -> Option<&mut form::Form> {
        let form = match &mut self.screen {
            Screen::Opening(_) => return None,
            Screen::Door(door) => &mut door.form,
            Screen::Session(session) => match (&mut session.lock, session.popups.last_mut()) {
                (Some(lock), _) => &mut lock.form,
                (None, Some(Popup::NewVm(new))) => &mut new.form,
                (None, Some(Popup::Destroy(destroy))) => &mut destroy.form,
                (None, Some(Popup::Ports(ports))) => &mut ports.form,
                _ => return None,
            },
        };
        Some(form).filter(|it| it.busy.is_none())
    }

    /// Checks the form that has the keyboard.
    pub(super) fn judge(&mut self) {
        match &mut self.screen {
            Screen::Opening(_) => {}
            Screen::Door(door) => door.judge(),
            Screen::Session(session) => match session.popups.last_mut() {
                Some(Popup::NewVm(new)) => new.judge(session.view.as_deref(), &session.me),
                Some(Popup::Destroy(destroy)) => destroy.judge(),
                Some(Popup::Ports(ports)) => ports.judge(),
                _ => {}
            },
        }
    }
}
