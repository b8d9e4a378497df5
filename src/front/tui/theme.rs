//! Colours and attributes by meaning. Colour is never the only carrier: every state also has a
//! word or a glyph, so that [`Theme::Mono`] loses nothing.
//!
//! Both coloured themes paint their own ground, so that a light theme is light on a dark terminal.
//! Indexed colours (xterm's 256) are shown by every terminal this decade, a Linux console included.

use crate::model::Theme;
use ratatui::style::{Color, Modifier, Style};

/// Styles by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) ground: Style,
    pub(crate) dim: Style,
    pub(crate) border: Style,
    pub(crate) title: Style,
    pub(crate) accent: Style,
    pub(crate) good: Style,
    pub(crate) warn: Style,
    pub(crate) bad: Style,
    pub(crate) selected: Style,
    pub(crate) key: Style,
    pub(crate) field: Style,
}

/// The styles of a theme.
pub(crate) const fn look(theme: Theme) -> Look {
    match theme {
        Theme::Dark => DARK,
        Theme::Light => LIGHT,
        Theme::Mono => MONO,
    }
}

/// The theme after this one.
pub(crate) const fn next(theme: Theme) -> Theme {
    match theme {
        Theme::Dark => Theme::Light,
        Theme::Light => Theme::Mono,
        Theme::Mono => Theme::Dark,
    }
}

/// A theme's name.
pub(crate) const fn name(theme: Theme) -> &'static str {
    match theme {
        Theme::Dark => "dark",
        Theme::Light => "light",
        Theme::Mono => "monochrome",
    }
}

const fn on(fg: u8, bg: u8) -> Style {
    Style::new().fg(Color::Indexed(fg)).bg(Color::Indexed(bg))
}

const fn fg(index: u8) -> Style {
    Style::new().fg(Color::Indexed(index))
}

const DARK: Look = Look {
    ground: on(252, 234),
    dim: fg(245),
    border: fg(240),
    title: fg(231).add_modifier(Modifier::BOLD),
    accent: fg(81),
    good: fg(114),
    warn: fg(221),
    bad: fg(210),
    selected: on(231, 24),
    key: fg(81).add_modifier(Modifier::BOLD),
    field: Style::new().bg(Color::Indexed(237)),
};

const LIGHT: Look = Look {
    ground: on(235, 255),
    dim: fg(242),
    border: fg(248),
    title: fg(16).add_modifier(Modifier::BOLD),
    accent: fg(25),
    good: fg(28),
    warn: fg(130),
    bad: fg(160),
    selected: on(16, 153),
    key: fg(25).add_modifier(Modifier::BOLD),
    field: Style::new().bg(Color::Indexed(252)),
};

const MONO: Look = Look {
    ground: Style::new(),
    dim: Style::new().add_modifier(Modifier::DIM),
    border: Style::new(),
    title: Style::new().add_modifier(Modifier::BOLD),
    accent: Style::new().add_modifier(Modifier::BOLD),
    good: Style::new(),
    warn: Style::new().add_modifier(Modifier::BOLD),
    bad: Style::new().add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
    selected: Style::new().add_modifier(Modifier::REVERSED),
    key: Style::new().add_modifier(Modifier::BOLD),
    field: Style::new().add_modifier(Modifier::UNDERLINED),
};
