//! The table of machines. Wider terminals show more columns, not bigger ones; only the rows in
//! sight are built.

use super::columns::{Column, Column as C, columns};
use super::{Places, Row, name};
use crate::core::{DomainState, Foreign, Machine, View};
use crate::front::tui::state::State;
use crate::front::tui::state::session::Session;
use crate::front::tui::state::work::{fraction, present};
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::bar::bar;
use crate::front::tui::widgets::pen::{Pen, fit, row};
use crate::front::tui::widgets::units;
use crate::model::{Operation, OperationState, VmStatus};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub(super) fn draw(state: &State, view: &View, places: &Places, buffer: &mut Buffer) {
    let Some(session) = state.session() else { return };
    let look = state.look();
    let columns = columns(
        places.header.width,
        session.vms.name_width,
        state.setup().features.monitoring,
    );
    headings(session, &columns, places.header, &look, buffer);
    if session.vms.rows.is_empty() {
        let text = if view.machines.is_empty() && view.foreign.is_empty() {
            match &session.me.permit.create {
                None => "no machines yet: n makes one",
                Some(_) => "no machines",
            }
        } else {
            "no machine has these words: Esc clears the filter"
        };
        Pen::new(buffer, row(places.rows, 1)).skip(2).put(text, look.dim);
        return;
    }
    let visible = session.vms.rows.iter().enumerate().skip(session.vms.offset);
    for ((index, entry), line) in visible.zip(0..places.rows.height) {
        let area = row(places.rows, line);
        let chosen = index == session.vms.at;
        if chosen {
            buffer.set_style(area, look.selected);
        }
        let mut pen = Pen::new(buffer, area);
        pen.put(if chosen { "▸ " } else { "  " }, Style::new());
        match *entry {
            Row::Own(at) => machine(state, &view.machines[at], &columns, &mut pen, chosen),
            Row::Foreign(at) => foreign(&view.foreign[at], &columns, &mut pen, &look, chosen),
        }
    }
}

fn headings(session: &Session, columns: &[(Column, u16)], area: Rect, look: &Look, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area);
    pen.skip(2);
    for (column, width) in columns {
        let style = if *column == session.vms.sort {
            look.accent
        } else {
            look.dim
        };
        if column.is_right() {
            pen.right(column.heading(), *width, style);
        } else {
            pen.left(column.heading(), *width, style);
        }
        pen.skip(1);
    }
}

fn machine(state: &State, machine: &Machine, columns: &[(Column, u16)], pen: &mut Pen<'_>, chosen: bool) {
    let Some(session) = state.session() else { return };
    let look = state.look();
    // On the selection's ground its own colour is the readable one.
    let tint = |style: Style| if chosen { Style::new() } else { style };
    let mut remarked = false;
    for (column, width) in columns {
        // The remark takes the place of the load, or where there is none of what follows.
        let here = !remarked && !matches!(column, C::Name | C::State | C::Image | C::Vcpus | C::Memory);
        if here {
            remarked = true;
            if remark(state, session, machine, pen, chosen) {
                return;
            }
        }
        let text = cell(state, session, machine, *column, *width);
        let style = match column {
            C::State => tint(status_style(machine.status, &look)),
            C::Image | C::Vcpus | C::Memory => tint(look.dim),
            _ => Style::new(),
        };
        if column.is_right() {
            pen.right(&text, *width, style)
        } else {
            pen.left(&text, *width, style)
        };
        pen.skip(1);
    }
}

fn cell(state: &State, session: &Session, machine: &Machine, column: Column, width: u16) -> String {
    let running = matches!(machine.status, VmStatus::Running | VmStatus::Paused);
    match column {
        C::Name => name(machine, session.me.role),
        C::State => format!("{} {}", glyph(machine.status), machine.status),
        C::Image => machine.vm.image.clone(),
        C::Vcpus => machine.vm.vcpus.to_string(),
        C::Memory => units::memory(machine.vm.memory_mib),
        C::Cpu if running && width >= 10 => {
            let bars = units::sparkline(&machine.load, usize::from(width) - 6);
            format!("{bars} {:>5}", units::percent(machine.load.cpu_percent))
        }
        C::Cpu if running => units::percent(machine.load.cpu_percent),
        C::MemoryUse if running => units::percent(machine.load.memory_percent),
        C::Address => address(machine),
        C::Up => match machine.vm.started_at {
            Some(began) if running => units::calm_span(units::seconds(began, state.now())),
            _ => String::new(),
        },
        C::Disk => match machine.load.disk_allocated {
            Some(used) => format!("{} / {} G", units::bytes(used as f64), machine.vm.disk_gib),
            None => format!("{} G", machine.vm.disk_gib),
        },
        C::Net if running => {
            let (down, up) = (
                units::rate(machine.load.net_received),
                units::rate(machine.load.net_sent),
            );
            format!("{down:>9} {up:>9}")
        }
        C::Cpu | C::MemoryUse | C::Net => String::new(),
    }
}

/// How the machine is reached: its address, or its forwarded port.
pub(crate) fn address(machine: &Machine) -> String {
    match (machine.vm.address, machine.vm.ssh_port) {
        (Some(address), _) => address.ip.to_string(),
        (None, Some(port)) => format!(":{port}"),
        (None, None) => String::new(),
    }
}

/// A state's glyph: never alone, the word stands beside it.
pub(crate) fn glyph(status: VmStatus) -> char {
    match status {
        VmStatus::Running => '●',
        VmStatus::Paused => '‖',
        VmStatus::Stopped => '○',
        VmStatus::Pending => '◌',
        VmStatus::Error => '✗',
        VmStatus::Destroying => '◍',
    }
}

pub(crate) fn status_style(status: VmStatus, look: &Look) -> Style {
    match status {
        VmStatus::Running => look.good,
        VmStatus::Paused | VmStatus::Pending | VmStatus::Destroying => look.warn,
        VmStatus::Stopped => look.dim,
        VmStatus::Error => look.bad,
    }
}

/// Instead of the load: the operation at work, or why something is wrong.
fn remark(state: &State, session: &Session, machine: &Machine, pen: &mut Pen<'_>, chosen: bool) -> bool {
    let look = state.look();
    let tint = |style: Style| if chosen { Style::new() } else { style };
    if let Some(operation) = &machine.operation {
        progress(state, operation, pen, tint(look.accent), tint(look.dim));
        return true;
    }
    if session.work.is_stuck(machine.vm.id) && machine.status == VmStatus::Running {
        pen.put("does not power off · X forces it off", tint(look.warn));
        return true;
    }
    match (&machine.reason, machine.status) {
        (Some(reason), status) if status != VmStatus::Running => {
            let style = if status == VmStatus::Error {
                look.bad
            } else {
                look.warn
            };
            pen.put(reason, tint(style));
            true
        }
        _ => false,
    }
}

/// `━━━━━━━━╸──── 61 % download 231/378 MB 12 MB/s`
pub(crate) fn progress(state: &State, operation: &Operation, pen: &mut Pen<'_>, filled: Style, rest: Style) {
    let done = fraction(operation);
    let words = progress_words(state, operation);
    let room = pen.room();
    let needed = u16::try_from(words.chars().count()).unwrap_or(u16::MAX);
    let width = room.saturating_sub(needed + 8).min(14);
    if width >= 4 {
        bar(pen, width, done, filled, rest);
        pen.skip(1);
    }
    if operation.state != OperationState::Queued {
        pen.right(&format!("{:.0} %", done * 100.0), 5.min(pen.room()), Style::new())
            .skip(1);
    }
    let room = pen.room();
    pen.put(&fit(&words, room), Style::new());
}

/// What an operation is at: the step with its bytes, or with the time that it took so far where it tells
/// its stage; figures first, because there may be little room.
pub(crate) fn progress_words(state: &State, operation: &Operation) -> String {
    if operation.cancel_requested && !operation.state.is_final() {
        return format!("cancelling · {}", present(operation.kind));
    }
    match operation.state {
        OperationState::Queued => return format!("{} · waiting", present(operation.kind)),
        OperationState::Undoing => return "undoing".to_owned(),
        _ => {}
    }
    let step = operation.current_step();
    let mut words = step.map_or_else(|| present(operation.kind).to_owned(), |step| step.name.clone());
    if let Some(progress) = operation.progress {
        words.push(' ');
        match progress.total {
            Some(total) => words.push_str(&units::of(progress.done, total)),
            None => words.push_str(&units::bytes(progress.done as f64)),
        }
        if let Some(rate) = state.session().and_then(|it| it.work.rate(operation.id)) {
            words.push_str(&format!(" {}", units::rate(Some(rate))));
            if let Some(left) = progress.total.and_then(|it| it.checked_sub(progress.done)) {
                let seconds = (left as f64 / rate).ceil();
                words.push_str(&format!(" {} left", units::span(seconds as i64)));
            }
        }
    }
    if let Some((step, stage)) = step.and_then(|step| Some((step, step.remark()?))) {
        if operation.progress.is_none() {
            let elapsed = units::seconds(step.started_at, state.now());
            words.push_str(&format!(" {}", units::span(elapsed)));
        }
        words.push_str(&format!(": {stage}"));
    }
    words
}

fn foreign(foreign: &Foreign, columns: &[(Column, u16)], pen: &mut Pen<'_>, look: &Look, chosen: bool) {
    let style = if chosen { Style::new() } else { look.dim };
    for (column, width) in columns {
        let text = match column {
            C::Name => foreign.name.clone(),
            C::State => domain_state(foreign.state).to_owned(),
            C::Image => "foreign".to_owned(),
            C::Vcpus => foreign.vcpus.to_string(),
            C::Memory => units::memory(foreign.memory_mib),
            _ => {
                pen.put("foreign: not made by twarga", style);
                return;
            }
        };
        if column.is_right() {
            pen.right(&text, *width, style)
        } else {
            pen.left(&text, *width, style)
        };
        pen.skip(1);
    }
}

/// A domain's state with its glyph.
pub(crate) fn domain_state(state: DomainState) -> &'static str {
    match state {
        DomainState::Running => "● running",
        DomainState::Paused => "‖ paused",
        DomainState::PausedOnError => "‖ disk error",
        DomainState::ShuttingDown => "◍ stopping",
        DomainState::Off => "○ stopped",
        DomainState::Crashed => "✗ crashed",
    }
}
