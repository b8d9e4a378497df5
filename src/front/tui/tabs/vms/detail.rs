//! The detail of the selected machine.

use super::{Page, Pane, name, table};
use crate::core::{Machine, View};
use crate::front::tui::event::Slot;
use crate::front::tui::state::State;
use crate::front::tui::tabs::soc;
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::pen::{Pen, fit, row, wrap};
use crate::front::tui::widgets::units;
use crate::model::{KeptForward, VmStatus};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The pages' names in the line above: `web-1 ── Overview  Events`.
pub(super) fn title(state: &State, view: &View, area: Rect, y: u16, buffer: &mut Buffer) {
    let Some(session) = state.session() else { return };
    let look = state.look();
    let vms = &session.vms;
    let label = match (vms.machine(view), vms.foreign(view)) {
        (Some(machine), _) => name(machine, session.me.role),
        (None, Some(foreign)) => foreign.name.clone(),
        (None, None) => return,
    };
    let line = Rect {
        x: area.x + 1,
        y,
        width: area.width.saturating_sub(2),
        height: 1,
    };
    let mut pen = Pen::new(buffer, line);
    // The pages' names matter more than a name's end.
    pen.put(" ", look.border)
        .put(&fit(&label, line.width.saturating_sub(30).max(8)), look.title);
    if vms.machine(view).is_some() {
        pen.put(" ──", look.border);
        for (page, word) in [(Page::Overview, "Overview"), (Page::Events, "Events")] {
            let style = if vms.page == page { look.selected } else { look.dim };
            pen.put(" ", look.border).put(&format!(" {word} "), style);
        }
    }
    pen.put(" ", look.border);
    if vms.pane == Pane::Full {
        pen.put("── Esc back ", look.dim);
    }
}

pub(super) fn draw(state: &State, view: &View, area: Rect, buffer: &mut Buffer) {
    let Some(session) = state.session() else { return };
    let vms = &session.vms;
    let look = state.look();
    if let Some(foreign) = vms.foreign(view) {
        let lines = [
            format!(
                "{} · {} vCPU · {}",
                table::domain_state(foreign.state),
                foreign.vcpus,
                units::memory(foreign.memory_mib)
            ),
            format!("domain {}", foreign.uuid),
            "not made by this twarga: it is shown and never touched".to_owned(),
        ];
        paragraph(&lines, area, look.dim, buffer);
        return;
    }
    let Some(machine) = vms.machine(view) else {
        Pen::new(buffer, area)
            .skip(1)
            .put("nothing is selected", look.dim);
        return;
    };
    match (vms.page, &vms.events) {
        (Page::Overview, _) => overview(state, machine, area, &look, buffer),
        (Page::Events, Some(list)) if list.slot == Slot::Machine(machine.vm.id) => {
            soc::rows(state, list, area, vms.pane == Pane::Full, buffer);
        }
        (Page::Events, _) => paragraph(&["reading …".to_owned()], area, look.dim, buffer),
    }
}

fn overview(state: &State, machine: &Machine, area: Rect, look: &Look, buffer: &mut Buffer) {
    let vm = &machine.vm;
    let now = state.now();
    let mut lines: Vec<(String, Style)> = Vec::new();
    let mut state_line = format!("{} {}", table::glyph(machine.status), machine.status);
    if let Some(began) = vm.started_at.filter(|_| machine.status == VmStatus::Running) {
        state_line.push_str(&format!(
            " · booted {} ago",
            units::calm_span(units::seconds(began, now))
        ));
    }
    state_line.push_str(&format!(
        " · {} · {} vCPU · {} · disk {} of {} GiB · owner {}",
        vm.image,
        vm.vcpus,
        units::memory(vm.memory_mib),
        machine
            .load
            .disk_allocated
            .map_or_else(|| "–".to_owned(), |it| units::bytes(it as f64)),
        vm.disk_gib,
        machine.owner,
    ));
    lines.push((state_line, Style::new()));
    if let Some(reason) = &machine.reason {
        let style = if machine.status == VmStatus::Error {
            look.bad
        } else {
            look.warn
        };
        lines.push((reason.clone(), style));
    }
    if let Some(operation) = &machine.operation {
        let words = table::progress_words(state, operation);
        lines.push((
            format!("operation {} {}: {words}", operation.id, operation.kind),
            look.accent,
        ));
    }
    let prices = state.session().and_then(|it| it.view.as_deref()?.prices);
    let price = prices.map(|it| format!(" · {} cr/h", it.running(vm.memory_mib, vm.vcpus).per_hour()));
    lines.push((reach(machine) + &price.unwrap_or_default(), Style::new()));
    for (text, wrong) in ports(machine) {
        lines.push((text, if wrong { look.warn } else { Style::new() }));
    }
    if machine.status == VmStatus::Running && state.setup().features.monitoring {
        let load = &machine.load;
        lines.push((
            format!(
                "cpu {} {} · mem {} · net ↓ {} ↑ {} · disk r {} w {}",
                units::sparkline(load, 12),
                units::percent(load.cpu_percent),
                units::percent(load.memory_percent),
                units::rate(load.net_received),
                units::rate(load.net_sent),
                units::rate(load.disk_read),
                units::rate(load.disk_written),
            ),
            Style::new(),
        ));
    }
    lines.push((
        format!(
            "made {} ago · domain {} · {}",
            units::calm_span(units::seconds(vm.created_at, now)),
            vm.domain_name(),
            vm.uuid
        ),
        look.dim,
    ));
    let mut at = 0;
    for (text, style) in lines {
        for line in wrap(&text, area.width.saturating_sub(2)) {
            Pen::new(buffer, row(area, at)).skip(1).put(&line, style);
            at += 1;
        }
    }
}

/// How to get in.
fn reach(machine: &Machine) -> String {
    let user = &machine.vm.guest_user;
    match (machine.vm.address, machine.vm.ssh_port) {
        (Some(address), _) => format!("ssh {user}@{} (by {})", address.ip, address.source.as_str()),
        (None, Some(port)) => format!("ssh -p {port} {user}@127.0.0.1"),
        (None, None) => match machine.status {
            VmStatus::Running => "no address yet".to_owned(),
            _ => format!("user {user}"),
        },
    }
}

/// Forwarded ports on one line, and each that does not work on its own.
fn ports(machine: &Machine) -> Vec<(String, bool)> {
    let works = |it: &&KeptForward| it.problem.is_none();
    let names: Vec<String> = machine
        .forwards
        .iter()
        .filter(works)
        .map(|it| it.forward.to_string())
        .collect();
    let line = (!names.is_empty()).then(|| (format!("forwards on 127.0.0.1: {}", names.join(", ")), false));
    let wrong = machine.forwards.iter().filter_map(|it| {
        let problem = it.problem.as_ref()?;
        Some((format!("forward {}: {problem}", it.forward), true))
    });
    line.into_iter().chain(wrong).collect()
}

fn paragraph(lines: &[String], area: Rect, style: Style, buffer: &mut Buffer) {
    for (line, at) in lines.iter().zip(0..) {
        Pen::new(buffer, row(area, at)).skip(1).put(line, style);
    }
}
