//! What stands above a tab: forms, questions and lists. Each is one file; the topmost has the
//! keyboard.

pub(crate) mod confirm;
pub(crate) mod consoles;
pub(crate) mod destroy;
pub(crate) mod first_boot;
pub(crate) mod help;
pub(crate) mod images;
pub(crate) mod messages;
pub(crate) mod new_vm;
pub(crate) mod operations;
pub(crate) mod palette;
pub(crate) mod ports;
pub(crate) mod quit;
pub(crate) mod recordings;
pub(crate) mod replay;

use super::event::Effect;
use super::keys::{Command, Focus};
use super::state::State;
use crate::core::View;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A popup.
#[derive(Debug)]
pub(crate) enum Popup {
    NewVm(Box<new_vm::NewVm>),
    Destroy(destroy::Destroy),
    Ports(ports::Ports),
    Confirm(confirm::Confirm),
    Operations(operations::Operations),
    Consoles(consoles::Consoles),
    Recordings(recordings::Recordings),
    Images(images::Images),
    Replay(replay::Replay),
    Messages(messages::Messages),
    Help(help::Help),
    Palette(palette::Palette),
    Quit(quit::Quit),
}

impl Popup {
    /// What has the keyboard in it.
    pub(crate) fn focus(&self) -> Focus {
        match self {
            Self::NewVm(it) => it.focus_kind(),
            Self::Destroy(_) | Self::Ports(_) => Focus::Text,
            Self::Confirm(_) => Focus::Confirm,
            Self::Operations(_) => Focus::Operations,
            Self::Consoles(_) => Focus::Consoles,
            Self::Recordings(_) => Focus::Recordings,
            Self::Images(it) => it.focus(),
            Self::Replay(_) => Focus::Replay,
            Self::Messages(_) => Focus::Messages,
            Self::Help(_) => Focus::Help,
            Self::Palette(_) => Focus::Palette,
            Self::Quit(_) => Focus::Quit,
        }
    }

    /// Moves in its list.
    pub(crate) fn go(
        &mut self,
        command: Command,
        view: Option<&View>,
        page: usize,
        messages: usize,
    ) -> Option<Effect> {
        match self {
            Self::Operations(it) => return it.go(command, view, page),
            Self::Messages(it) => it.go(command, page, messages),
            Self::Consoles(it) => it.go(command, page),
            Self::Recordings(it) => it.go(command, page),
            Self::Images(it) => it.go(command, page),
            Self::Help(it) => it.go(command, page),
            Self::Palette(it) => it.go(command, page),
            Self::NewVm(_)
            | Self::Destroy(_)
            | Self::Ports(_)
            | Self::Confirm(_)
            | Self::Quit(_)
            | Self::Replay(_) => {}
        }
        None
    }

    /// Brings its selection into sight.
    pub(crate) fn settle(&mut self, view: Option<&View>, body: Rect, messages: usize) {
        match self {
            Self::Operations(it) => it.settle(view, body),
            Self::Messages(it) => it.settle(body, messages),
            Self::Consoles(it) => it.settle(body),
            Self::Recordings(it) => it.settle(body),
            Self::Images(it) => it.settle(body),
            Self::Help(it) => it.settle(body),
            Self::Palette(it) => it.settle(body),
            Self::NewVm(_)
            | Self::Destroy(_)
            | Self::Ports(_)
            | Self::Confirm(_)
            | Self::Quit(_)
            | Self::Replay(_) => {}
        }
    }

    /// Draws it over `screen`; answers where the cursor stands, if it has one.
    pub(crate) fn draw(&self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        match self {
            Self::NewVm(it) => it.draw(state, screen, buffer),
            Self::Destroy(it) => it.draw(state, screen, buffer),
            Self::Ports(it) => it.draw(state, screen, buffer),
            Self::Confirm(it) => it.draw(state, screen, buffer),
            Self::Operations(it) => it.draw(state, screen, buffer),
            Self::Consoles(it) => it.draw(state, buffer),
            Self::Recordings(it) => it.draw(state, buffer),
            Self::Images(it) => it.draw(state, buffer),
            Self::Replay(it) => it.draw(state, screen, buffer),
            Self::Messages(it) => it.draw(state, screen, buffer),
            Self::Help(it) => it.draw(state, screen, buffer),
            Self::Palette(it) => it.draw(state, screen, buffer),
            Self::Quit(it) => it.draw(state, screen, buffer),
        }
    }
}

/// Rows inside a list popup that takes the whole body.
pub(crate) fn list_height(body: Rect) -> u16 {
    body.height.saturating_sub(2)
}
