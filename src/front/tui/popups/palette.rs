//! Any command by its name: type some of its letters.

use super::list_height;
use crate::front::tui::keys::{Binding, Command, Focus, TABLE, names};
use crate::front::tui::state::commands_target as target;
use crate::front::tui::state::events::scrolled;
use crate::front::tui::state::form;
use crate::front::tui::state::{Features, State};
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, columns, row};
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_input::{Input, InputRequest};

/// What is typed, and which of the matches is selected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Palette {
    features: Features,
    input: Input,
    at: usize,
    offset: usize,
}

/// Commands that only make sense as a key pressed where one is.
fn is_offered(binding: &Binding) -> bool {
    use Command as C;
    let moves = matches!(
        binding.command,
        C::Up | C::Down | C::PageUp | C::PageDown | C::First | C::Last | C::Palette | C::Back
    );
    let on_a_tab = binding
        .places
        .iter()
        .any(|it| matches!(it, Focus::Vms | Focus::Soc));
    on_a_tab && !moves
}

/// How well `typed` matches a name: its letters in order, closer together and earlier is better.
/// `None` if it does not.
pub(crate) fn score(typed: &str, name: &str) -> Option<usize> {
    let mut cost = 0;
    let mut rest = name.char_indices().peekable();
    let mut last: Option<usize> = None;
    for wanted in typed
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
    {
        let (at, _) = rest.find(|(_, c)| c.to_lowercase().eq([wanted]))?;
        cost += match last {
            Some(last) => at - last - 1,
            None => at,
        };
        last = Some(at);
    }
    Some(cost)
}

impl Palette {
    /// Of the commands that the configuration has.
    pub(crate) fn new(features: Features) -> Self {
        Self {
            features,
            ..Self::default()
        }
    }

    /// The commands that match, best first; without letters all, in the table's order.
    fn matches(&self) -> Vec<&'static Binding> {
        let mut found: Vec<(usize, &'static Binding)> = TABLE
            .iter()
            .filter(|it| is_offered(it) && !(it.hidden)(&self.features))
            .filter_map(|it| {
                let by_name = score(self.input.value(), it.name);
                // A word of the description finds it too, after all names.
                let by_help = it.help.contains(self.input.value()).then_some(0);
                by_name.or(by_help.map(|cost| cost + 100)).map(|cost| (cost, it))
            })
            .collect();
        found.sort_by_key(|(cost, _)| *cost);
        found.into_iter().map(|(_, it)| it).collect()
    }

    /// What Enter runs.
    pub(crate) fn chosen(&self) -> Option<&'static Binding> {
        self.matches().get(self.at).copied()
    }

    pub(crate) fn insert(&mut self, c: char) {
        if self.input.value().len() < 64 {
            self.input.handle(InputRequest::InsertChar(c));
            self.at = 0;
        }
    }

    pub(crate) fn edit(&mut self, key: KeyEvent) {
        form::edit(&mut self.input, key);
        self.at = 0;
    }

    pub(super) fn go(&mut self, command: Command, page: usize) {
        self.at = target(command, self.at, page, self.matches().len());
    }

    pub(super) fn settle(&mut self, body: Rect) {
        let count = self.matches().len();
        self.offset = scrolled(self.offset, self.at, height(body), count);
    }

    pub(super) fn draw(&self, state: &State, _screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let body = crate::front::tui::layout::areas(state).body;
        let size = (body.width.min(76), body.height.min(20));
        let inside = popup(buffer, body, size, "Command", &look);
        Pen::new(buffer, row(inside, 0))
            .put(": ", look.key)
            .put(self.input.value(), look.ground);
        let below = Rect {
            y: inside.y + 1,
            height: inside.height.saturating_sub(1),
            ..inside
        };
        let matches = self.matches();
        if matches.is_empty() {
            Pen::new(buffer, below).put("no command has these letters", look.dim);
        }
        let focus = state.session().map(|it| it.tab_focus(&state.setup().features));
        for ((index, binding), line) in matches.iter().enumerate().skip(self.offset).zip(0..below.height) {
            let line = row(below, line);
            if index == self.at {
                buffer.set_style(line, look.selected);
            }
            let elsewhere = focus.is_some_and(|focus| !binding.places.contains(&focus));
            let refused = if elsewhere {
                Some("not on this tab".to_owned())
            } else {
                (binding.disabled)(state)
            };
            let style = if refused.is_some() && index != self.at {
                look.dim
            } else {
                ratatui::style::Style::new()
            };
            let mut pen = Pen::new(buffer, line);
            pen.left(binding.name_now(state), 17, style)
                .skip(1)
                .left(&names(binding), 12, style)
                .skip(1);
            match refused {
                Some(reason) => pen.put(&format!("({reason})"), style),
                None => pen.put(binding.help, style),
            };
        }
        let before: String = self.input.value().chars().take(self.input.cursor()).collect();
        Some((inside.x + 2 + columns(&before), inside.y))
    }
}

fn height(body: Rect) -> usize {
    usize::from(
        list_height(Rect {
            height: body.height.min(20),
            ..body
        })
        .saturating_sub(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_match_and_closer_ones_first() {
        assert_eq!(score("", "restart"), Some(0));
        assert_eq!(score("rst", "restart"), Some(1));
        assert_eq!(score("tsr", "start"), None);
        assert!(score("st", "start") < score("st", "restart"));
    }
}
