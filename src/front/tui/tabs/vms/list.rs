//! Which machines are listed, in what order, and which one is selected.
//!
//! The order is worked out when the view, the filter or the sorting changes, not when a frame is
//! drawn; the selection is a machine, not a row, so it survives both.

use super::columns::Column;
use super::{places, table};
use crate::core::{Foreign, LogQuery, Machine, View};
use crate::front::tui::event::{Effect, Slot};
use crate::front::tui::state::events::{EventList, scrolled};
use crate::model::{Role, VmId, VmStatus};
use ratatui::layout::Rect;
use std::cmp::Ordering;
use tui_input::Input;
use uuid::Uuid;

/// What is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    Vm(VmId),
    Foreign(Uuid),
}

/// A row: where in the view it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    Own(usize),
    Foreign(usize),
}

/// The detail below the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Hidden,
    Split,
    Full,
}

/// A page of the detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Overview,
    Events,
}

/// The tab's state.
#[derive(Clone, Debug)]
pub(crate) struct Vms {
    pub(crate) rows: Vec<Row>,
    pub(crate) selected: Option<Selected>,
    /// The user chose it: until then the first row is selected, whatever comes to stand there.
    chosen: bool,
    /// A machine to select as soon as it is listed: it was just asked for.
    pub(crate) wished: Option<VmId>,
    /// The selection's place in `rows`.
    pub(crate) at: usize,
    pub(crate) offset: usize,
    pub(crate) sort: Column,
    pub(crate) descending: bool,
    pub(crate) filter: Input,
    pub(crate) filtering: bool,
    pub(crate) pane: Pane,
    pub(crate) page: Page,
    /// Events of the selected machine, once its page was opened.
    pub(crate) events: Option<EventList>,
    /// How many machines run, listed or not.
    pub(crate) running: usize,
    /// Longest name, in columns.
    pub(crate) name_width: u16,
}

impl Default for Vms {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            selected: None,
            chosen: false,
            wished: None,
            at: 0,
            offset: 0,
            sort: Column::Name,
            descending: false,
            filter: Input::default(),
            filtering: false,
            pane: Pane::Split,
            page: Page::Overview,
            events: None,
            running: 0,
            name_width: 0,
        }
    }
}

/// A machine's name as a user of that role reads it: with its owner, unless all are their own.
pub(crate) fn name(machine: &Machine, role: Role) -> String {
    match role {
        Role::User => machine.vm.name.to_string(),
        Role::Admin | Role::Auditor => format!("{}/{}", machine.owner, machine.vm.name),
    }
}

impl Vms {
    /// Lists anew: after a new view, a new filter or another order.
    pub(crate) fn list(&mut self, view: &View, role: Role) {
        let words: Vec<String> = self
            .filter
            .value()
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let machines = &view.machines;
        let mut own: Vec<usize> = (0..machines.len())
            .filter(|&it| matches(&machines[it], &words))
            .collect();
        own.sort_by(|&a, &b| {
            let order = self.sort.compare(&machines[a], &machines[b], role);
            let order = if self.descending { order.reverse() } else { order };
            order.then_with(|| by_name(&machines[a], &machines[b], role))
        });
        let foreign = (0..view.foreign.len()).filter(|&it| matches_foreign(&view.foreign[it], &words));
        self.rows = own
            .into_iter()
            .map(Row::Own)
            .chain(foreign.map(Row::Foreign))
            .collect();
        let runs = |it: &&Machine| it.status == VmStatus::Running;
        self.running = machines.iter().filter(runs).count();
        self.name_width = machines
            .iter()
            .map(|it| it.vm.name.as_str().len() + if role == Role::User { 0 } else { it.owner.len() + 1 })
            .chain(view.foreign.iter().map(|it| it.name.len()))
            .max()
            .map_or(0, |it| u16::try_from(it).unwrap_or(u16::MAX));
        self.find(view);
    }

    /// Finds the selection again; if it is gone, what stands in its place is selected.
    fn find(&mut self, view: &View) {
        let place = |wanted: Selected| {
            self.rows
                .iter()
                .position(|row| identity(view, *row) == Some(wanted))
        };
        let wished = self.wished.and_then(|vm| place(Selected::Vm(vm)));
        let found = wished.or_else(|| self.selected.and_then(place));
        if wished.is_some() {
            self.wished = None;
            self.chosen = true;
        }
        let at = if self.chosen { found.unwrap_or(self.at) } else { 0 };
        self.stand_at(view, at);
    }

    /// Selects a row, because the user wants it.
    pub(crate) fn select(&mut self, view: &View, at: usize) {
        self.chosen = true;
        self.stand_at(view, at);
    }

    fn stand_at(&mut self, view: &View, at: usize) {
        self.at = at.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.at).and_then(|row| identity(view, *row));
    }

    /// The selected machine, if one of twarga's is.
    pub(crate) fn machine<'v>(&self, view: &'v View) -> Option<&'v Machine> {
        match self.rows.get(self.at)? {
            Row::Own(index) => view.machines.get(*index),
            Row::Foreign(_) => None,
        }
    }

    /// The selected foreign domain, if one is.
    pub(crate) fn foreign<'v>(&self, view: &'v View) -> Option<&'v Foreign> {
        match self.rows.get(self.at)? {
            Row::Foreign(index) => view.foreign.get(*index),
            Row::Own(_) => None,
        }
    }

    /// Asks for the selected machine's events where they are on the screen and not yet there.
    pub(crate) fn wanted(&mut self, view: &View) -> Option<Effect> {
        if self.page != Page::Events || self.pane == Pane::Hidden {
            return None;
        }
        let vm = self.machine(view)?.vm.id;
        if self
            .events
            .as_ref()
            .is_some_and(|it| it.slot == Slot::Machine(vm))
        {
            return None;
        }
        let query = LogQuery {
            vm: Some(vm),
            ..LogQuery::default()
        };
        self.events
            .insert(EventList::new(Slot::Machine(vm), query))
            .newest()
    }

    /// Brings the selection into sight.
    pub(crate) fn settle(&mut self, body: Rect) {
        let places = places(self, body);
        self.offset = scrolled(self.offset, self.at, places.rows.height.into(), self.rows.len());
        if let (Some(list), Some(detail)) = (&mut self.events, places.detail) {
            list.settle(usize::from(detail.height));
        }
    }
}

fn identity(view: &View, row: Row) -> Option<Selected> {
    match row {
        Row::Own(index) => view.machines.get(index).map(|it| Selected::Vm(it.vm.id)),
        Row::Foreign(index) => view.foreign.get(index).map(|it| Selected::Foreign(it.uuid)),
    }
}

fn by_name(a: &Machine, b: &Machine, role: Role) -> Ordering {
    Column::Name.compare(a, b, role)
}

/// Whether every word is somewhere in the machine's row.
fn matches(machine: &Machine, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let address = table::address(machine);
    let status = machine.status.as_str();
    words.iter().all(|word| {
        let in_name = match word.split_once('/') {
            Some((owner, name)) => {
                machine.owner.to_lowercase().ends_with(owner) && machine.vm.name.as_str().starts_with(name)
            }
            None => false,
        };
        in_name
            || machine.vm.name.as_str().contains(word)
            || machine.owner.to_lowercase().contains(word)
            || status.contains(word)
            || machine.vm.image.to_lowercase().contains(word)
            || address.contains(word)
    })
}

fn matches_foreign(foreign: &Foreign, words: &[String]) -> bool {
    let name = foreign.name.to_lowercase();
    words
        .iter()
        .all(|word| name.contains(word) || "foreign".contains(word))
}
