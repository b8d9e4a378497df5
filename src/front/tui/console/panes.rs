//! The consoles of a session's screen: which are open, which is shown, and what its keys mean.

use super::{Pane, Spot, Way};
use crate::front::tui::keys::Focus;
use crate::model::{ConsoleId, ConsoleKind, VmId};
use tui_input::Input;

/// Rows of a console's title and the footer.
const CHROME: u16 = 2;

/// Most that are open on one screen.
pub(crate) const MOST: usize = 24;

/// What the keyboard does while a console is shown.
#[derive(Clone, Debug, Default)]
pub(crate) enum Mode {
    /// Every key goes to the guest, but the leader.
    #[default]
    Live,
    /// The leader was pressed: the next key is for twarga.
    Leader,
    /// Keys move a cursor over what the guest wrote.
    Copy,
    /// A text to search for is typed.
    Search(Input),
}

/// The consoles of a screen.
#[derive(Debug, Default)]
pub(crate) struct Panes {
    pub(crate) open: Vec<Pane>,
    /// The one that is shown.
    shown: Option<u64>,
    pub(crate) mode: Mode,
    /// It fills the screen; else it has the lower part.
    pub(crate) full: bool,
    /// Where the mouse's button was pressed and not released: dragging marks text from there on.
    pub(crate) pressed: Option<Spot>,
    last: u64,
}

impl Panes {
    /// A number for one more.
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The pane of that number.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Pane> {
        self.open.iter_mut().find(|pane| pane.number == number)
    }

    /// One that is open to a machine that way.
    pub(crate) fn find(&self, vm: VmId, kind: ConsoleKind) -> Option<u64> {
        let found = self
            .open
            .iter()
            .find(|pane| pane.vm == vm && pane.kind == kind && !pane.is_over());
        found.map(|pane| pane.number)
    }

    /// One by its row.
    pub(crate) fn by_id(&self, id: ConsoleId) -> Option<u64> {
        let found = self.open.iter().find(|pane| pane.id == Some(id));
        found.map(|pane| pane.number)
    }

    /// Shows one, with the keyboard in it.
    pub(crate) fn show(&mut self, number: u64) {
        self.shown = Some(number);
        self.mode = Mode::Live;
    }

    /// Shows none; all stay open.
    pub(crate) fn hide(&mut self) {
        self.shown = None;
        self.mode = Mode::Live;
    }

    /// The shown one.
    pub(crate) fn shown(&self) -> Option<&Pane> {
        let number = self.shown?;
        self.open.iter().find(|pane| pane.number == number)
    }

    /// The shown one.
    pub(crate) fn shown_mut(&mut self) -> Option<&mut Pane> {
        self.get_mut(self.shown?)
    }

    /// Shows the next or the previous one.
    pub(crate) fn turn(&mut self, forward: bool) {
        let count = self.open.len();
        let Some(at) = self.open.iter().position(|pane| Some(pane.number) == self.shown) else {
            return;
        };
        let next = if forward { at + 1 } else { at + count - 1 } % count;
        self.show(self.open[next].number);
    }

    /// Takes one off the screen; the one before it is shown then.
    pub(crate) fn close(&mut self, number: u64) {
        let Some(at) = self.open.iter().position(|pane| pane.number == number) else {
            return;
        };
        self.open.remove(at);
        if self.shown == Some(number) {
            match self.open.get(at.saturating_sub(1)) {
                Some(pane) => self.show(pane.number),
                None => self.hide(),
            }
        }
    }

    /// Whether the shown console needs every row of a screen of that height: a serial line keeps
    /// its 24 rows, and most programs write on the last one. The leader brings title and footer.
    pub(crate) fn shows_bare(&self, height: u16) -> bool {
        let live = self.full && matches!(self.mode, Mode::Live);
        live && self.shown().is_some_and(|pane| {
            let rows = pane.emulator.size().rows;
            pane.kind == ConsoleKind::Serial && pane.way == Way::Attached && height < rows + CHROME
        })
    }

    /// What has the keyboard, if a console is shown.
    pub(crate) fn focus(&self) -> Option<Focus> {
        self.shown()?;
        Some(match self.mode {
            Mode::Live => Focus::Console,
            Mode::Leader => Focus::ConsoleLeader,
            Mode::Copy => Focus::ConsoleCopy,
            Mode::Search(_) => Focus::ConsoleSearch,
        })
    }

    /// Whether a guest's words wait for the next turn.
    pub(crate) fn is_behind(&self) -> bool {
        self.open.iter().any(Pane::is_behind)
    }
}
