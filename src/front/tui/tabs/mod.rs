//! The tabs. A new one is a file here, a line in [`TABS`] and its keys in the table.

pub(crate) mod soc;
pub(crate) mod vms;

use super::keys::Focus;
use super::state::{Features, State};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A tab.
pub(crate) struct Tab {
    pub(crate) title: &'static str,
    pub(crate) focus: Focus,
    /// Whether the configuration has it.
    pub(crate) enabled: fn(&Features) -> bool,
    /// Draws its body; the answer is where the cursor stands, if it has one.
    pub(crate) draw: fn(&State, Rect, &mut Buffer) -> Option<(u16, u16)>,
}

/// Every tab, in the order of their numbers.
pub(crate) static TABS: &[Tab] = &[
    Tab {
        title: "VMs",
        focus: Focus::Vms,
        enabled: |_| true,
        draw: vms::draw,
    },
    Tab {
        title: "SOC",
        focus: Focus::Soc,
        enabled: |features| features.soc,
        draw: soc::draw,
    },
];

/// The tabs that the configuration has.
pub(crate) fn enabled(features: &Features) -> Vec<&'static Tab> {
    TABS.iter().filter(|tab| (tab.enabled)(features)).collect()
}
