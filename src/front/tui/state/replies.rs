//! What the core answered.

use super::door::DoorScreen;
use super::notices::Level;
use super::session::Session;
use super::work::past;
use super::{Screen, State};
use crate::core::{Error, Result};
use crate::front::tui::event::{Effect, Entered, Reply, Slot};
use crate::front::tui::popups::Popup;
use crate::front::tui::tabs::vms::Column;
use crate::front::tui::words;
use crate::model::{ConsoleSession, Operation, OperationId, OperationKind, OperationState, Preferences};

impl State {
    pub(super) fn reply(&mut self, reply: Reply, wanted: &mut Vec<Effect>) {
        let now = self.now;
        match reply {
            Reply::Door(Ok(door)) => {
                self.screen = Screen::Door(Box::new(DoorScreen::new(door, self.setup.estimate)));
            }
            Reply::Door(Err(error)) => self.screen = Screen::Opening(Some(words::of(&error))),
            Reply::SignedIn(Ok(entered)) => self.enter(entered, wanted),
            Reply::SignedIn(Err(error)) => self.not_entered(&error, wanted),
            Reply::Unlocked(result) => self.unlocked(result, wanted),
            Reply::Preferences(Ok(preferences)) => self.prefer(preferences),
            Reply::Preferences(Err(error)) => self.fail("reading your preferences", &error, wanted),
            Reply::View(view) => {
                let features = self.setup.features;
                if let Some(session) = self.session_mut() {
                    wanted.extend(session.see(view, &features, now));
                }
                self.quit_when_done();
            }
            Reply::WatchEnded(error) => {
                self.leave(wanted);
                self.tell(Level::Bad, words::of(&error));
            }
            Reply::Catalogue(result) => {
                if let Some(session) = self.session_mut()
                    && let Some(Popup::NewVm(form)) =
                        session.popups.iter_mut().find(|it| matches!(it, Popup::NewVm(_)))
                {
                    form.catalogue(result, session.view.as_deref(), &session.me);
                }
            }
            Reply::Created { name, result } => self.created(&name, result, wanted),
            Reply::Acted { name, action, result } => match result {
                Ok(id) => self.accepted(id),
                Err(error) => self.fail(&format!("{name}: {}", action.verb()), &error, wanted),
            },
            Reply::Operation { id, result } => self.looked_up(id, result, wanted),
            Reply::Operations { query, result } => {
                if let Some(session) = self.session_mut()
                    && let Some(Popup::Operations(list)) = session
                        .popups
                        .iter_mut()
                        .find(|it| matches!(it, Popup::Operations(_)))
                {
                    list.arrived(query, result);
                }
            }
            Reply::Events { slot, query, result } => self.events(slot, query, result, wanted),
            Reply::Cancelled { id, result } => match result {
                Ok(()) => self.tell(
                    Level::Note,
                    format!("operation {id} is being cancelled and undone"),
                ),
                Err(error) => self.fail(&format!("cancelling operation {id}"), &error, wanted),
            },
            Reply::Console { pane, reply } => self.console_told(pane, reply, wanted),
            Reply::Consoles(result) => self.consoles_came(result),
            Reply::Image(reply) => self.image_replied(reply, wanted),
            Reply::Forwarded { name, result } => self.forwarded(&name, &result, "is forwarded", wanted),
            Reply::ForwardTakenBack { name, result } => {
                self.forwarded(&name, &result, "is taken back", wanted);
            }
            Reply::Recordings(result) => self.recordings_came(result),
            Reply::Played(result) => self.recording_came(result, wanted),
            Reply::ConsolesEnded(result) => {
                wanted.push(Effect::LoadConsoles);
                match result {
                    Ok(1) => self.tell(Level::Good, "the console was ended"),
                    Ok(count) => self.tell(Level::Good, format!("{count} consoles were ended")),
                    Err(error) => self.fail("ending consoles", &error, wanted),
                }
            }
            Reply::Failed { what, error } => {
                self.free_form();
                self.fail(what, &error, wanted);
            }
        }
    }

    fn consoles_came(&mut self, result: Result<Vec<ConsoleSession>>) {
        if let Some(session) = self.session_mut()
            && let Some(Popup::Consoles(list)) = session
                .popups
                .iter_mut()
                .find(|it| matches!(it, Popup::Consoles(_)))
        {
            list.arrived(result);
        }
    }

    fn enter(&mut self, entered: Entered, wanted: &mut Vec<Effect>) {
        self.generation += 1;
        self.last_input = self.now;
        self.screen = Screen::Session(Box::new(Session::new(entered)));
        wanted.push(Effect::Follow);
    }

    fn not_entered(&mut self, error: &Error, wanted: &mut Vec<Effect>) {
        match &mut self.screen {
            Screen::Door(door) => door.refused(error),
            // A token that is no longer good is no error: the door asks.
            _ => wanted.push(Effect::AskDoor),
        }
    }

    fn unlocked(&mut self, result: Result<()>, wanted: &mut Vec<Effect>) {
        // Whoever just unlocked it is there, however long the answer took.
        self.last_input = self.now;
        let Some(session) = self.session_mut() else { return };
        match result {
            Ok(()) => session.lock = None,
            Err(Error::NotSignedIn(reason)) => {
                self.leave(wanted);
                self.tell(Level::Bad, words::of(&Error::NotSignedIn(reason)));
            }
            Err(error) => {
                if let Some(lock) = &mut session.lock {
                    lock.refused(&error);
                }
            }
        }
    }

    fn prefer(&mut self, preferences: Preferences) {
        if let Some(session) = self.session_mut() {
            if let Some(column) = preferences.sort.as_deref().and_then(Column::parse) {
                session.vms.sort = column;
                session.vms.descending = preferences.sort_descending;
            }
            session.preferences = preferences;
            super::commands::relist(session);
        }
    }

    fn created(
        &mut self,
        name: &str,
        result: Result<(crate::model::VmId, OperationId)>,
        wanted: &mut Vec<Effect>,
    ) {
        let form = |session: &mut Session| session.popups.iter().position(|it| matches!(it, Popup::NewVm(_)));
        match result {
            Ok((vm, id)) => {
                if let Some(session) = self.session_mut() {
                    if let Some(at) = form(session) {
                        session.popups.truncate(at);
                    }
                    session.vms.wished = Some(vm);
                    super::commands::relist(session);
                }
                self.accepted(id);
                self.tell(
                    Level::Note,
                    format!("{name} is being created; O shows how far it is"),
                );
            }
            Err(error) => {
                let refused = self.session_mut().and_then(|session| {
                    let at = form(session)?;
                    match &mut session.popups[at] {
                        Popup::NewVm(new) => {
                            new.refused(&error);
                            Some(())
                        }
                        _ => None,
                    }
                });
                if refused.is_none() {
                    self.fail(&format!("creating {name}"), &error, wanted);
                }
            }
        }
    }

    /// Ports were forwarded or taken back: told where it was asked for, or as a message.
    fn forwarded(
        &mut self,
        name: &str,
        result: &Result<Vec<crate::model::Forward>>,
        verb: &str,
        wanted: &mut Vec<Effect>,
    ) {
        let popup = self.session_mut().and_then(|session| {
            session.popups.iter_mut().find_map(|it| match it {
                Popup::Ports(ports) => Some(ports),
                _ => None,
            })
        });
        match (popup, result) {
            (Some(ports), Ok(_)) => ports.answered(result, verb),
            (Some(ports), Err(error)) if !matches!(error, Error::NotSignedIn(_)) => {
                ports.answered(result, verb);
            }
            (None, Ok(_)) => self.tell(Level::Good, format!("{name}: the port {verb}")),
            (_, Err(error)) => self.fail(&format!("{name}: ports"), error, wanted),
        }
    }

    fn accepted(&mut self, id: OperationId) {
        if let Some(session) = self.session_mut() {
            session.work.accepted(id);
        }
    }

    /// An operation that is gone from the view was looked up: tells how it ended.
    fn looked_up(&mut self, id: OperationId, result: Result<Operation>, wanted: &mut Vec<Effect>) {
        let operation = match result {
            Ok(operation) => operation,
            // What may no longer be seen is not worth a message.
            Err(Error::NotFound { .. }) => return,
            Err(error) => return self.fail(&format!("operation {id}"), &error, wanted),
        };
        let name = &operation.subject();
        match operation.state {
            OperationState::Done => self.tell(Level::Good, format!("{name}: {}", past(operation.kind))),
            OperationState::Failed => {
                if let Some(session) = self.session_mut() {
                    session.work.failed(&operation);
                }
                let reason = operation.error.as_deref().unwrap_or("no reason is known");
                let hint = match operation.kind {
                    OperationKind::Stop => ". X forces it off",
                    OperationKind::Create | OperationKind::Start | OperationKind::Restart
                        if operation.kept() =>
                    {
                        ". It is kept: c shows its console, s waits once more, D destroys it"
                    }
                    OperationKind::Create => ". What was made of it is undone",
                    _ => "",
                };
                self.tell(
                    Level::Bad,
                    format!("{name}: {} failed: {reason}{hint}", operation.kind),
                );
            }
            OperationState::Cancelled => {
                self.tell(
                    Level::Note,
                    format!("{name}: {} was cancelled and undone", operation.kind),
                );
            }
            OperationState::Queued | OperationState::Running | OperationState::Undoing => self.accepted(id),
        }
    }

    fn events(
        &mut self,
        slot: Slot,
        query: crate::core::LogQuery,
        result: Result<Vec<crate::model::Event>>,
        wanted: &mut Vec<Effect>,
    ) {
        let Some(session) = self.session_mut() else { return };
        match slot {
            Slot::Log => wanted.extend(session.soc.list.arrived(query, result)),
            Slot::Unseen => match result {
                Ok(events) => session.soc.count(&events),
                Err(_) => session.soc.count_failed(),
            },
            Slot::Machine(_) => {
                let list = session.vms.events.as_mut().filter(|it| it.slot == slot);
                wanted.extend(list.and_then(|it| it.arrived(query, result)));
            }
        }
    }

    /// The core will not answer: what waits for it can be tried again.
    fn free_form(&mut self) {
        match &mut self.screen {
            Screen::Opening(error) => *error = Some("twarga did not answer".to_owned()),
            Screen::Door(door) => {
                door.form.busy = None;
                door.form.message = Some("that failed; try again".to_owned());
            }
            Screen::Session(session) => {
                if let Some(lock) = &mut session.lock {
                    lock.form.busy = None;
                }
                match session.popups.last_mut() {
                    Some(Popup::NewVm(new)) => new.set_busy(None),
                    Some(Popup::Ports(ports)) => ports.form.busy = None,
                    _ => {}
                }
            }
        }
    }

    /// Says what went wrong; a session that ended leads back to the door.
    pub(super) fn fail(&mut self, what: &str, error: &Error, wanted: &mut Vec<Effect>) {
        if matches!(error, Error::NotSignedIn(_)) && self.session().is_some() {
            self.leave(wanted);
        }
        self.tell(Level::Bad, format!("{what}: {}", words::of(error)));
    }
}
