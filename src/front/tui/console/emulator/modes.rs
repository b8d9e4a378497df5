//! What a guest asked of its terminal's keyboard and mouse.

use super::Emulator;
use alacritty_terminal::term::TermMode;

/// What the guest wants to be told of the mouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MouseReports {
    /// Nothing.
    #[default]
    Off,
    /// Buttons.
    Clicks,
    /// Buttons, and motion while one is held.
    Drags,
    /// Buttons and all motion.
    Motion,
}

/// What the guest asked of its terminal's keyboard and mouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Arrows, Home and End are sent as `ESC O` (DECCKM).
    pub application_cursor: bool,
    /// The keypad sends sequences (DECKPAM).
    pub application_keypad: bool,
    /// Enter sends a line feed after its carriage return (LNM).
    pub new_line: bool,
    /// Pastes are marked as such (2004).
    pub bracketed_paste: bool,
    /// What of the mouse is reported (1000, 1002, 1003).
    pub mouse: MouseReports,
    /// The mouse is reported in decimals (1006).
    pub sgr_mouse: bool,
    /// Focus is reported (1004).
    pub focus: bool,
    /// The alternate screen is shown, which has no history (1049).
    pub alternate_screen: bool,
    /// The wheel becomes arrow keys there (1007).
    pub alternate_scroll: bool,
}

impl Emulator {
    /// What the guest asked of keyboard and mouse.
    pub fn modes(&self) -> Modes {
        let mode = self.term.mode();
        let has = |flag| mode.contains(flag);
        Modes {
            application_cursor: has(TermMode::APP_CURSOR),
            application_keypad: has(TermMode::APP_KEYPAD),
            new_line: has(TermMode::LINE_FEED_NEW_LINE),
            bracketed_paste: has(TermMode::BRACKETED_PASTE),
            mouse: if has(TermMode::MOUSE_MOTION) {
                MouseReports::Motion
            } else if has(TermMode::MOUSE_DRAG) {
                MouseReports::Drags
            } else if has(TermMode::MOUSE_REPORT_CLICK) {
                MouseReports::Clicks
            } else {
                MouseReports::Off
            },
            sgr_mouse: has(TermMode::SGR_MOUSE),
            focus: has(TermMode::FOCUS_IN_OUT),
            alternate_screen: has(TermMode::ALT_SCREEN),
            alternate_scroll: has(TermMode::ALTERNATE_SCROLL),
        }
    }
}
