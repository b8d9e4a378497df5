//! The columns of the table: what they are called, how they sort, and which of them fit.

use crate::core::Machine;
use crate::front::tui::state::session::Session;
use crate::model::Role;
use ratatui::layout::Rect;
use std::cmp::Ordering;

/// A column, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Name,
    State,
    Image,
    Vcpus,
    Memory,
    Cpu,
    MemoryUse,
    Address,
    Up,
    Disk,
    Net,
}

use Column as C;

impl Column {
    pub(crate) const ALL: [Column; 11] = [
        C::Name,
        C::State,
        C::Image,
        C::Vcpus,
        C::Memory,
        C::Cpu,
        C::MemoryUse,
        C::Address,
        C::Up,
        C::Disk,
        C::Net,
    ];

    /// Which columns a narrow screen gives up last, first.
    const BY_WORTH: [Column; 11] = [
        C::Name,
        C::State,
        C::Cpu,
        C::Address,
        C::MemoryUse,
        C::Up,
        C::Memory,
        C::Vcpus,
        C::Image,
        C::Disk,
        C::Net,
    ];

    pub(super) fn heading(self) -> &'static str {
        match self {
            C::Name => "NAME",
            C::State => "STATE",
            C::Image => "IMAGE",
            C::Vcpus => "vCPU",
            C::Memory => "RAM",
            C::Cpu => "CPU",
            C::MemoryUse => "MEM",
            C::Address => "IP",
            C::Up => "UP",
            C::Disk => "DISK",
            C::Net => "NET ↓ ↑",
        }
    }

    /// Its word in titles and preferences.
    pub(crate) fn word(self) -> &'static str {
        match self {
            C::Name => "name",
            C::State => "state",
            C::Image => "image",
            C::Vcpus => "vcpu",
            C::Memory => "ram",
            C::Cpu => "cpu",
            C::MemoryUse => "mem",
            C::Address => "ip",
            C::Up => "up",
            C::Disk => "disk",
            C::Net => "net",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }

    pub(crate) fn next(self, back: bool) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL.iter().position(|it| *it == self).unwrap_or(0);
        Self::ALL[(at + if back { count - 1 } else { 1 }) % count]
    }

    fn width(self) -> u16 {
        match self {
            C::Name => 10,
            C::State | C::Image => 12,
            C::Vcpus => 4,
            C::Memory => 6,
            C::Cpu => 5,
            C::MemoryUse => 5,
            C::Address => 15,
            C::Up => 7,
            C::Disk => 14,
            C::Net => 19,
        }
    }

    fn is_load(self) -> bool {
        matches!(self, C::Cpu | C::MemoryUse | C::Net)
    }

    pub(super) fn is_right(self) -> bool {
        matches!(self, C::Vcpus | C::Memory | C::Cpu | C::MemoryUse | C::Up)
    }

    /// How two machines compare; by size, load and age the natural reading is ascending.
    pub(crate) fn compare(self, a: &Machine, b: &Machine, role: Role) -> Ordering {
        let float = |a: Option<f64>, b: Option<f64>| a.unwrap_or(-1.0).total_cmp(&b.unwrap_or(-1.0));
        let cpu = |it: &Machine| it.load.cpu_percent.map(f64::from);
        let memory = |it: &Machine| it.load.memory_percent.map(f64::from);
        let net = |it: &Machine| Some(it.load.net_received? + it.load.net_sent.unwrap_or(0.0));
        match self {
            C::Name if role == Role::User => a.vm.name.cmp(&b.vm.name),
            C::Name => a.owner.cmp(&b.owner).then_with(|| a.vm.name.cmp(&b.vm.name)),
            C::State => a.status.cmp(&b.status),
            C::Image => a.vm.image.cmp(&b.vm.image),
            C::Vcpus => a.vm.vcpus.cmp(&b.vm.vcpus),
            C::Memory => a.vm.memory_mib.cmp(&b.vm.memory_mib),
            C::Cpu => float(cpu(a), cpu(b)),
            C::MemoryUse => float(memory(a), memory(b)),
            C::Address => {
                let key = |it: &Machine| (it.vm.address.map(|it| it.ip), it.vm.ssh_port);
                key(a).cmp(&key(b))
            }
            // The longest up began first.
            C::Up => match (a.vm.started_at, b.vm.started_at) {
                (Some(a), Some(b)) => b.cmp(&a),
                (a, b) => a.is_some().cmp(&b.is_some()),
            },
            C::Disk => a.vm.disk_gib.cmp(&b.vm.disk_gib),
            C::Net => float(net(a), net(b)),
        }
    }
}

/// Columns that fit, with their widths, in the order shown; those of load only where it is
/// monitored.
pub(crate) fn columns(width: u16, longest_name: u16, monitored: bool) -> Vec<(Column, u16)> {
    let mut room = width.saturating_sub(2);
    let mut chosen: Vec<(Column, u16)> = Vec::new();
    let widen = |chosen: &mut Vec<(Column, u16)>, room: &mut u16, column: Column, to: u16| {
        if let Some((_, width)) = chosen.iter_mut().find(|(it, _)| *it == column) {
            let more = to.saturating_sub(*width).min(*room);
            *width += more;
            *room -= more;
        }
    };
    for column in Column::BY_WORTH {
        if !monitored && column.is_load() {
            continue;
        }
        if column == C::Vcpus {
            // Readable names and a sparkline are worth more than what follows.
            widen(&mut chosen, &mut room, C::Name, longest_name.clamp(10, 14));
            widen(&mut chosen, &mut room, C::Cpu, 14);
        }
        let need = column.width() + u16::from(!chosen.is_empty());
        if need > room {
            break;
        }
        room -= need;
        chosen.push((column, column.width()));
    }
    widen(&mut chosen, &mut room, C::Name, longest_name.clamp(10, 40));
    widen(&mut chosen, &mut room, C::Cpu, 14);
    chosen.sort_by_key(|(column, _)| Column::ALL.iter().position(|it| it == column));
    chosen
}

/// The column whose heading stands at `x`, for the mouse.
pub(crate) fn column_at(session: &Session, header: Rect, x: u16, monitored: bool) -> Option<Column> {
    let mut left = header.x + 2;
    for (column, width) in columns(header.width, session.vms.name_width, monitored) {
        if (left..left + width).contains(&x) {
            return Some(column);
        }
        left += width + 1;
    }
    None
}
