//! Leaving: the program, with work running or not, and the session.

use super::session::Session;
use super::{Exit, Screen, State};
use crate::core::Keeping;
use crate::front::tui::event::Effect;
use crate::front::tui::popups::{Popup, quit};

impl State {
    /// Leaves; asks first where that would stop work.
    pub(super) fn quit(&mut self) {
        if self.asks_before_quitting()
            && let Some(session) = self.session_mut()
        {
            session.popups.push(Popup::Quit(quit::Quit::default()));
            return;
        }
        self.exit = Some(Exit::Quit);
    }

    fn asks_before_quitting(&self) -> bool {
        let Some(session) = self.session() else {
            return false;
        };
        let asked = matches!(session.popups.last(), Some(Popup::Quit(_)));
        session.lock.is_none() && !asked && keeps_work(session)
    }

    pub(super) fn wait_and_quit(&mut self) {
        if let Some(Popup::Quit(quit)) = self.session_mut().and_then(|it| it.popups.last_mut()) {
            quit.waiting = true;
        }
        self.quit_when_done();
    }

    /// Quits once nothing runs, if that is being waited for.
    pub(super) fn quit_when_done(&mut self) {
        let done = self.session().is_some_and(|session| {
            let waiting = session
                .popups
                .iter()
                .any(|it| matches!(it, Popup::Quit(quit) if quit.waiting));
            waiting && !keeps_work(session)
        });
        if done {
            self.exit = Some(Exit::Quit);
        }
    }

    pub(super) fn sign_out(&mut self, wanted: &mut Vec<Effect>) {
        wanted.push(Effect::SignOut);
        self.leave(wanted);
    }

    /// Back to the door: everything of the session is dropped.
    pub(super) fn leave(&mut self, wanted: &mut Vec<Effect>) {
        self.generation += 1;
        self.screen = Screen::Opening(None);
        self.notices = super::Notices::default();
        wanted.push(Effect::AskDoor);
    }
}

/// Whether this process keeps and has operations at work.
fn keeps_work(session: &Session) -> bool {
    session
        .view
        .as_deref()
        .is_some_and(|view| matches!(view.keeping, Keeping::Here { .. }) && !view.operations.is_empty())
}
