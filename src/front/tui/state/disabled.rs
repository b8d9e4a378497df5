//! Why a key does nothing right now: the last column of the table of keys.

use super::session::Session;
use super::{Screen, State};
use crate::core::{Action, Door, Machine};
use crate::front::tui::popups::Popup;
use crate::front::tui::popups::images::{self, Images};
use crate::front::tui::tabs;
use crate::model::{ConsoleKind, ConsoleSession, Image, VmStatus};

pub(crate) fn never(_: &State) -> Option<String> {
    None
}

/// The selected machine, or why there is none to do something to.
fn selected(state: &State) -> Result<(&Session, &Machine), String> {
    let session = state.session().ok_or("nobody is signed in")?;
    let view = session.view.as_deref().ok_or("no machine was seen yet")?;
    if session.vms.foreign(view).is_some() {
        return Err("a foreign domain: twarga leaves it alone".to_owned());
    }
    let machine = session.vms.machine(view).ok_or("no machine is selected")?;
    Ok((session, machine))
}

/// What the core's rules say about an action on the selected machine.
fn act(state: &State, action: Action) -> Option<String> {
    match selected(state) {
        Ok((session, machine)) => (session.me.permit.act)(machine, action),
        Err(reason) => Some(reason),
    }
}

pub(crate) fn create(state: &State) -> Option<String> {
    state
        .session()
        .and_then(|session| session.me.permit.create.clone())
}

pub(crate) fn start(state: &State) -> Option<String> {
    act(state, Action::Start)
}

pub(crate) fn stop(state: &State) -> Option<String> {
    act(state, Action::Stop)
}

pub(crate) fn force_off(state: &State) -> Option<String> {
    act(state, Action::Kill)
}

pub(crate) fn restart(state: &State) -> Option<String> {
    act(state, Action::Restart)
}

/// One key for both: which of them it is depends on the machine.
pub(crate) fn pause(state: &State) -> Option<String> {
    act(state, pause_action(state))
}

pub(crate) fn pause_action(state: &State) -> Action {
    let paused = state.session().is_some_and(|session| {
        let machine = session.view.as_deref().and_then(|view| session.vms.machine(view));
        machine.is_some_and(|it| it.status == VmStatus::Paused)
    });
    if paused { Action::Resume } else { Action::Pause }
}

pub(crate) fn destroy(state: &State) -> Option<String> {
    act(state, Action::Destroy)
}

pub(crate) fn ports(state: &State) -> Option<String> {
    match selected(state) {
        Ok((session, machine)) => {
            let host = session.view.as_deref().and_then(|view| view.host.as_deref());
            (session.me.permit.forward)(machine, host.map(|it| it.mode))
        }
        Err(reason) => Some(reason),
    }
}

pub(crate) fn no_machine(state: &State) -> Option<String> {
    let session = state.session()?;
    session
        .vms
        .rows
        .is_empty()
        .then(|| "no machine is selected".to_owned())
}

pub(crate) fn no_second_tab(state: &State) -> Option<String> {
    let count = tabs::enabled(&state.setup().features).len();
    (count < 2).then(|| "there is only one tab".to_owned())
}

pub(crate) fn cancel(state: &State) -> Option<String> {
    let session = state.session()?;
    let Some(Popup::Operations(list)) = session.popups.last() else {
        return Some("no operation is selected".to_owned());
    };
    match list.selected(session.view.as_deref()) {
        None => Some("no operation is selected".to_owned()),
        Some(operation) if operation.state.is_final() => Some("it is over".to_owned()),
        Some(operation) if operation.cancel_requested => Some("already asked for".to_owned()),
        Some(_) => None,
    }
}

pub(crate) fn no_colour(state: &State) -> Option<String> {
    state.setup().no_color.then(|| "NO_COLOR is set".to_owned())
}

/// Before there is a door, Enter only tries again.
pub(crate) fn nothing_to_accept(state: &State) -> Option<String> {
    let asking = matches!(state.screen(), Screen::Opening(None));
    asking.then(|| "twarga is being asked".to_owned())
}

/// Only a new machine has a first boot.
pub(crate) fn first_boot(state: &State) -> Option<String> {
    let top = state.session().and_then(|session| session.popups.last());
    match top {
        Some(Popup::NewVm(_)) => None,
        _ => Some("only for a new machine".to_owned()),
    }
}

pub(crate) fn switch_door(state: &State) -> Option<String> {
    match state.screen() {
        Screen::Door(door) => match door.door {
            Door::Open if door.form.busy.is_none() => None,
            Door::Open => Some("wait a moment".to_owned()),
            Door::FirstAccount => Some("there is no account yet".to_owned()),
            Door::SignInOnly => Some("registration is closed; ask an admin".to_owned()),
            Door::NotSetUp => Some("twarga is not set up yet".to_owned()),
        },
        _ => Some("somebody is signed in".to_owned()),
    }
}

/// What they say about its console.
fn console_of(state: &State, kind: ConsoleKind) -> Option<String> {
    match selected(state) {
        Ok((session, machine)) => (session.me.permit.console)(machine, kind),
        Err(reason) => Some(reason),
    }
}

pub(crate) fn console(state: &State) -> Option<String> {
    console_of(state, ConsoleKind::Serial)
}

pub(crate) fn ssh(state: &State) -> Option<String> {
    console_of(state, ConsoleKind::Ssh)
}

/// The list of consoles is open, and one is selected.
fn selected_console(state: &State) -> Option<&ConsoleSession> {
    match state.session()?.popups.last() {
        Some(Popup::Consoles(list)) => list.selected(),
        _ => None,
    }
}

pub(crate) fn no_console(state: &State) -> Option<String> {
    selected_console(state)
        .is_none()
        .then(|| "no console is selected".to_owned())
}

pub(crate) fn not_here(state: &State) -> Option<String> {
    let here = selected_console(state)
        .zip(state.session())
        .is_some_and(|(console, session)| session.consoles.by_id(console.id).is_some());
    (!here).then(|| "it is not open on this screen".to_owned())
}

pub(crate) fn no_recording(state: &State) -> Option<String> {
    let selected = state
        .session()
        .is_some_and(|session| match session.popups.last() {
            Some(Popup::Recordings(list)) => list.selected().is_some(),
            _ => false,
        });
    (!selected).then(|| "no recording is selected".to_owned())
}

/// The list of images is open, and one is selected.
fn selected_image(state: &State) -> Result<(&Session, &Images, &Image), String> {
    let session = state.session().ok_or("nobody is signed in")?;
    let Some(Popup::Images(list)) = session.popups.last() else {
        return Err("the list of images is not open".to_owned());
    };
    let image = list.selected().ok_or("no image is selected")?;
    Ok((session, list, image))
}

pub(crate) fn no_image_field(state: &State) -> Option<String> {
    let here = state
        .session()
        .is_some_and(|session| match session.popups.last() {
            Some(Popup::NewVm(form)) => form.is_at_image(),
            _ => false,
        });
    (!here).then(|| "this field is no image".to_owned())
}

pub(crate) fn choose_image(state: &State) -> Option<String> {
    match selected_image(state) {
        Ok((session, _, image)) => session.me.permit.create.clone().or_else(|| image.refusal()),
        Err(reason) => Some(reason),
    }
}

pub(crate) fn pull_image(state: &State) -> Option<String> {
    let (session, _, image) = match selected_image(state) {
        Ok(found) => found,
        Err(reason) => return Some(reason),
    };
    let at_work = images::pulling(session, image);
    session
        .me
        .permit
        .pull
        .clone()
        .or_else(|| at_work.then(|| "it is being downloaded".to_owned()))
}

/// Whether the selected image may be looked after, and came to this host.
fn brought(state: &State) -> Result<(&Session, &Images, &Image), String> {
    let found = selected_image(state)?;
    let (session, _, image) = found;
    match &session.me.permit.images {
        Some(reason) => Err(reason.clone()),
        None if image.brought_at.is_none() => Err("it was not downloaded".to_owned()),
        None => Ok(found),
    }
}

pub(crate) fn verify_image(state: &State) -> Option<String> {
    match brought(state) {
        Ok((_, list, _)) => list.is_verifying().then(|| "one is being verified".to_owned()),
        Err(reason) => Some(reason),
    }
}

pub(crate) fn remove_image(state: &State) -> Option<String> {
    let (session, _, image) = match brought(state) {
        Ok(found) => found,
        Err(reason) => return Some(reason),
    };
    let machines = images::users(session.view.as_deref(), image);
    if images::pulling(session, image) {
        return Some("it is being downloaded".to_owned());
    }
    (!machines.is_empty()).then(|| format!("needed by {}", machines.join(", ")))
}

pub(crate) fn clean_images(state: &State) -> Option<String> {
    state
        .session()
        .and_then(|session| session.me.permit.images.clone())
}
