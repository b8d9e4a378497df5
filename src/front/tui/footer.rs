//! The last line: what works right now and, greyed, why something does not.

use super::keys::{self, Binding};
use super::state::State;
use super::widgets::pen::{Pen, columns};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

struct Item {
    binding: &'static Binding,
    key: String,
    name: &'static str,
    refused: Option<String>,
    reason_shown: bool,
}

impl Item {
    fn width(&self) -> u16 {
        let reason = match &self.refused {
            Some(reason) if self.reason_shown => columns(reason) + 3,
            _ => 0,
        };
        columns(&self.key) + 1 + columns(self.name) + reason + 2
    }
}

pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let look = state.look();
    let items = chosen(state, area.width.saturating_sub(1));
    let mut pen = Pen::new(buffer, area);
    pen.skip(1);
    for item in &items {
        let (key_style, style) = if item.refused.is_some() {
            (look.dim, look.dim)
        } else {
            (look.key, look.ground)
        };
        pen.put(&item.key, key_style).skip(1).put(item.name, style);
        if let Some(reason) = item.refused.as_ref().filter(|_| item.reason_shown) {
            pen.put(&format!(" ({reason})"), look.dim);
        }
        pen.skip(2);
    }
}

/// What fits: everything if it does; else what is disabled goes first, then from the middle, so
/// that the way to everything else (palette, help) stays.
fn chosen(state: &State, room: u16) -> Vec<Item> {
    let mut items: Vec<Item> = keys::in_place(state.focus())
        .filter(|binding| binding.footer && !(binding.hidden)(&state.setup().features))
        .map(|binding| Item {
            binding,
            key: binding.key_now(state),
            name: binding.name_now(state),
            refused: (binding.disabled)(state),
            reason_shown: false,
        })
        .collect();
    let width = |items: &[Item]| items.iter().map(Item::width).sum::<u16>();
    while width(&items) > room {
        let disabled = items.iter().rposition(|it| it.refused.is_some());
        let least = items
            .iter()
            .rposition(|it| !is_way_out(it.binding))
            .or(items.len().checked_sub(1));
        match disabled.or(least) {
            Some(at) => drop(items.remove(at)),
            None => break,
        }
    }
    // Each reason once, as far as there is room.
    let mut said: Vec<String> = Vec::new();
    let mut spare = room.saturating_sub(width(&items));
    for item in &mut items {
        let Some(reason) = &item.refused else { continue };
        let need = columns(reason) + 3;
        if need <= spare && !said.contains(reason) {
            spare -= need;
            said.push(reason.clone());
            item.reason_shown = true;
        }
    }
    items
}

fn is_way_out(binding: &Binding) -> bool {
    use keys::Command as C;
    matches!(
        binding.command,
        C::Help | C::Palette | C::Back | C::No | C::Submit | C::Yes | C::ConsoleType | C::ConsoleHide
    )
}
