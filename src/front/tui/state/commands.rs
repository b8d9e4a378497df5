//! What each command does.

use super::notices::Level;
use super::session::Session;
use super::{Exit, Screen, State, disabled, images};
use crate::core::Action;
use crate::front::tui::console::panes::Mode;
use crate::front::tui::event::{Effect, ImageWish};
use crate::front::tui::keys::{Command, Focus};
use crate::front::tui::layout;
use crate::front::tui::popups::{
    Popup, confirm, consoles, destroy, help, messages, operations, palette, ports,
};
use crate::front::tui::tabs::vms::{Page, Pane};
use crate::front::tui::tabs::{self, vms};
use crate::front::tui::theme;
use crate::model::ConsoleKind;
use crossterm::event::KeyEvent;

impl State {
    pub(super) fn command(&mut self, command: Command, key: KeyEvent, wanted: &mut Vec<Effect>) {
        use Command as C;
        match command {
            C::Interrupt | C::Quit => self.quit(),
            C::QuitNow => self.exit = Some(Exit::Quit),
            C::WaitAndQuit => self.wait_and_quit(),
            C::Redraw => wanted.push(Effect::Redraw),
            C::Suspend => wanted.push(Effect::Suspend { group: true }),
            C::Lock => self.lock(wanted),
            C::SignOut => self.sign_out(wanted),
            C::Theme => self.next_theme(wanted),
            C::Submit => self.submit(wanted),
            C::SwitchDoor => {
                if let Screen::Door(door) = &mut self.screen {
                    door.switch();
                }
            }
            C::FirstBoot => self.turn_page(),
            C::NextField | C::PreviousField | C::More | C::Less | C::Edit => self.in_form(command, key),
            C::Back => self.back(),
            C::Yes => self.yes(wanted),
            C::No => self.close(),
            C::Up | C::Down | C::PageUp | C::PageDown | C::First | C::Last => self.go(command, wanted),
            C::NextTab | C::PreviousTab | C::Tab(_) => self.turn(command, wanted),
            C::Start => self.act(Action::Start, wanted),
            C::Stop => self.act(Action::Stop, wanted),
            C::Restart => self.act(Action::Restart, wanted),
            C::Pause => self.act(disabled::pause_action(self), wanted),
            C::Console => self.open_console(ConsoleKind::Serial, wanted),
            C::Ssh => self.open_console(ConsoleKind::Ssh, wanted),
            C::Open if self.focus() == Focus::Consoles => self.show_listed_console(),
            C::Open if self.focus() == Focus::Recordings => self.play_listed(wanted),
            C::Open if self.focus() == Focus::Images => self.in_images(command, wanted),
            C::Images | C::ImageFilter | C::PullImage | C::VerifyImage | C::RemoveImage | C::CleanImages => {
                self.in_images(command, wanted)
            }
            C::Recordings | C::RemoveRecording => self.in_recordings(command, wanted),
            C::ReplayPause
            | C::ReplayFaster
            | C::ReplaySlower
            | C::ReplayForward
            | C::ReplayBack
            | C::ReplayStart => self.steer_replay(command),
            C::ConsoleLeader
            | C::ConsoleType
            | C::ConsoleHide
            | C::ConsoleClose
            | C::ConsoleFull
            | C::ConsoleNext
            | C::ConsolePrevious
            | C::ConsoleCopy
            | C::ConsoleSearch
            | C::ConsoleSize => self.in_console(command, wanted),
            C::CopyMove(_) | C::CopyMatch(_) | C::CopySelect(_) | C::CopyTake | C::CopyEnd => {
                self.in_copy(command, wanted);
            }
            C::Consoles
            | C::EndConsole
            | C::EndConsoles
            | C::New
            | C::Destroy
            | C::Ports
            | C::ForceOff
            | C::Operations
            | C::Messages
            | C::Palette
            | C::Help
            | C::CancelOperation => self.open(command, wanted),
            C::Open
            | C::Pane
            | C::DetailNext
            | C::DetailPrevious
            | C::Filter
            | C::SortNext
            | C::SortPrevious
            | C::SortReverse => self.in_vms(command, wanted),
            C::Severity => wanted.extend(self.session_mut().and_then(|it| it.soc.next_severity())),
            C::Type => wanted.extend(self.session_mut().and_then(|it| it.soc.next_type())),
        }
    }

    fn next_theme(&mut self, wanted: &mut Vec<Effect>) {
        let next = theme::next(self.theme());
        let Some(session) = self.session_mut() else { return };
        session.preferences.theme = Some(next);
        wanted.push(Effect::SavePreferences(session.preferences.clone()));
        self.tell(Level::Good, format!("theme: {}", theme::name(next)));
    }

    fn turn(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let features = self.setup.features;
        let count = tabs::enabled(&features).len();
        let Some(session) = self.session_mut() else { return };
        session.tab = match command {
            Command::NextTab => (session.tab + 1) % count,
            Command::PreviousTab => (session.tab + count - 1) % count,
            Command::Tab(number) if (1..=count).contains(&usize::from(number)) => usize::from(number) - 1,
            _ => return,
        };
        if session.shows_log(&features) {
            session.soc.look(session.last_event());
            wanted.extend(session.soc.list.follow());
        }
    }

    /// Asks the core for an action on the selected machine.
    fn act(&mut self, action: Action, wanted: &mut Vec<Effect>) {
        if let Some((vm, name)) = self.selected_machine() {
            wanted.push(Effect::Act { vm, name, action });
        }
    }

    fn selected_machine(&self) -> Option<(crate::model::VmId, String)> {
        let session = self.session()?;
        let machine = session.vms.machine(session.view.as_deref()?)?;
        Some((machine.vm.id, vms::name(machine, session.me.role)))
    }

    fn open(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let selected = self.selected_machine();
        let cancelled = self.selected_operation();
        let features = self.setup.features;
        let Some(session) = self.session_mut() else { return };
        let popup = match command {
            Command::New => {
                wanted.push(Effect::LoadCatalogue);
                Popup::NewVm(Box::default())
            }
            Command::Destroy => match selected {
                Some((vm, name)) => Popup::Destroy(destroy::Destroy::new(vm, name)),
                None => return,
            },
            Command::Ports => match selected {
                Some((vm, name)) => Popup::Ports(ports::Ports::new(vm, name)),
                None => return,
            },
            Command::ForceOff => match selected {
                Some((vm, name)) => Popup::Confirm(confirm::Confirm::force_off(vm, name)),
                None => return,
            },
            Command::CancelOperation => match cancelled {
                Some((id, words)) => Popup::Confirm(confirm::Confirm::cancel(id, &words)),
                None => return,
            },
            Command::Operations => {
                let mut list = operations::Operations::default();
                wanted.extend(list.newest());
                Popup::Operations(list)
            }
            Command::Consoles => {
                wanted.push(Effect::LoadConsoles);
                Popup::Consoles(consoles::Consoles::default())
            }
            Command::EndConsole | Command::EndConsoles => match session.popups.last() {
                Some(Popup::Consoles(list)) => match (command, list.selected()) {
                    (Command::EndConsole, Some(console)) => {
                        Popup::Confirm(confirm::Confirm::end_console(console))
                    }
                    _ => Popup::Confirm(confirm::Confirm::end_consoles(list.count())),
                },
                _ => return,
            },
            Command::Messages => Popup::Messages(messages::Messages::default()),
            Command::Palette => Popup::Palette(palette::Palette::new(features)),
            Command::Help => Popup::Help(help::Help::new(features)),
            _ => return,
        };
        session.popups.push(popup);
    }

    fn selected_operation(&self) -> Option<(crate::model::OperationId, String)> {
        let session = self.session()?;
        let Some(Popup::Operations(list)) = session.popups.last() else {
            return None;
        };
        let operation = list.selected(session.view.as_deref())?;
        Some((
            operation.id,
            format!("{} {}", operation.kind, operation.subject()),
        ))
    }

    pub(super) fn close(&mut self) {
        if let Some(session) = self.session_mut()
            && let Some(Popup::Confirm(confirm)) = session.popups.pop()
            && let confirm::Then::TakeConsole(pane) = confirm.then
        {
            self.give_console_up(pane);
        }
    }

    /// Shows the console that is selected in the list.
    fn show_listed_console(&mut self) {
        let Some(session) = self.session_mut() else { return };
        let Some(Popup::Consoles(list)) = session.popups.last() else {
            return;
        };
        let pane = list.selected().and_then(|it| session.consoles.by_id(it.id));
        if let Some(pane) = pane {
            session.popups.pop();
            session.consoles.show(pane);
        }
    }

    fn turn_page(&mut self) {
        if let Some(Popup::NewVm(form)) = self.session_mut().and_then(|it| it.popups.last_mut()) {
            form.turn_page();
        }
    }

    fn back(&mut self) {
        let Some(session) = self.session_mut() else { return };
        if session.popups.is_empty() && matches!(session.consoles.mode, Mode::Search(_)) {
            session.consoles.mode = Mode::Live;
            return;
        }
        if let Some(Popup::NewVm(form)) = session.popups.last_mut()
            && form.leave_first_boot()
        {
            return;
        }
        if images::leave_filter(session) {
            return;
        }
        match session.popups.last() {
            Some(Popup::NewVm(form)) if form.is_changed() => {
                session.popups.push(Popup::Confirm(confirm::Confirm::discard()));
            }
            Some(_) => drop(session.popups.pop()),
            None if session.vms.filtering || !session.vms.filter.value().is_empty() => {
                session.vms.filtering = false;
                session.vms.filter.reset();
                relist(session);
            }
            None if session.vms.pane == Pane::Full => session.vms.pane = Pane::Split,
            None => self.notices.dismiss(),
        }
    }

    fn yes(&mut self, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let Some(Popup::Confirm(confirm)) = session.popups.pop() else {
            return;
        };
        match confirm.then {
            confirm::Then::Discard => drop(session.popups.pop()),
            confirm::Then::ForceOff(vm, name) => wanted.push(Effect::Act {
                vm,
                name,
                action: Action::Kill,
            }),
            confirm::Then::Cancel(id) => wanted.push(Effect::Cancel(id)),
            confirm::Then::TakeConsole(pane) => self.take_console(pane, wanted),
            confirm::Then::EndConsoles(id) => wanted.push(Effect::EndConsoles(id)),
            confirm::Then::RemoveImage(id) => wanted.push(Effect::Image(ImageWish::Remove(id))),
            confirm::Then::CleanImages => wanted.push(Effect::Image(ImageWish::Clean)),
            confirm::Then::RemoveRecording(id) => wanted.push(Effect::RemoveRecording(id)),
        }
    }

    fn go(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let body = layout::areas(self).body;
        let features = self.setup.features;
        let messages = self.notices.all().len();
        let Some(session) = self.session_mut() else { return };
        let page = usize::from(body.height.saturating_sub(4)).max(1);
        if let Some(popup) = session.popups.last_mut() {
            return wanted.extend(popup.go(command, session.view.as_deref(), page, messages));
        }
        if session.shows_log(&features) {
            let list = &mut session.soc.list;
            let to = target(command, list.at, page, list.items.len());
            return wanted.extend(if to == 0 { list.first() } else { list.go(to) });
        }
        let Some(view) = session.view.clone() else { return };
        let vms = &mut session.vms;
        if vms.pane == Pane::Full
            && vms.page == Page::Events
            && let Some(list) = &mut vms.events
        {
            let to = target(command, list.at, page, list.items.len());
            return wanted.extend(if to == 0 { list.first() } else { list.go(to) });
        }
        vms.select(&view, target(command, vms.at, page, vms.rows.len()));
        wanted.extend(vms.wanted(&view));
    }

    fn in_vms(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let vms = &mut session.vms;
        match command {
            Command::Open => {
                vms.pane = if vms.pane == Pane::Full {
                    Pane::Split
                } else {
                    Pane::Full
                }
            }
            Command::Pane => {
                vms.pane = if vms.pane == Pane::Hidden {
                    Pane::Split
                } else {
                    Pane::Hidden
                }
            }
            Command::DetailNext | Command::DetailPrevious => {
                vms.page = if vms.page == Page::Overview {
                    Page::Events
                } else {
                    Page::Overview
                };
            }
            Command::Filter => vms.filtering = true,
            _ => {
                match command {
                    Command::SortNext => vms.sort = vms.sort.next(false),
                    Command::SortPrevious => vms.sort = vms.sort.next(true),
                    _ => vms.descending = !vms.descending,
                }
                return sorted(session, wanted);
            }
        }
        if let Some(view) = session.view.clone() {
            wanted.extend(session.vms.wanted(&view));
        }
    }
}

/// The sorting changed: lists anew and keeps it as a preference.
pub(super) fn sorted(session: &mut Session, wanted: &mut Vec<Effect>) {
    session.preferences.sort = Some(session.vms.sort.word().to_owned());
    session.preferences.sort_descending = session.vms.descending;
    wanted.push(Effect::SavePreferences(session.preferences.clone()));
    relist(session);
}

/// The filter or the order changed.
pub(super) fn relist(session: &mut Session) {
    if let Some(view) = session.view.clone() {
        session.vms.list(&view, session.me.role);
    }
}

/// Where a movement leads in a list.
pub(crate) fn target(command: Command, at: usize, page: usize, count: usize) -> usize {
    let last = count.saturating_sub(1);
    match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => (at + 1).min(last),
        Command::PageUp => at.saturating_sub(page),
        Command::PageDown => (at + page).min(last),
        Command::First => 0,
        _ => last,
    }
}
