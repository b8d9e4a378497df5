//! The two pages of the form for a new machine: itself and its first boot.

use super::NewVm;
use crate::core::View;
use crate::front::tui::keys::Focus;
use crate::front::tui::popups::first_boot::FirstBoot;
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::frame::{centred, inside, popup};
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::model::FieldError;
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;

/// Most that the second page takes.
const BOOT_SIZE: (u16, u16) = (110, 36);
/// Its rows for what is said about all of it.
const BELOW: u16 = 2;

impl NewVm {
    /// Puts the core's refusals beside their fields, on whichever page.
    pub(super) fn refuse(&mut self, errors: &[FieldError]) {
        let (boot, machine): (Vec<_>, Vec<_>) =
            errors.iter().cloned().partition(|it| FirstBoot::has(it.field));
        self.form.refuse(&machine);
        self.on_boot = machine.is_empty();
        if !boot.is_empty() {
            self.boot.refuse(&boot);
        }
    }

    pub(crate) fn set_busy(&mut self, busy: Option<&'static str>) {
        self.form.busy = busy;
        self.boot.form.busy = busy;
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.form.is_changed() || self.boot.is_changed()
    }

    pub(in crate::front::tui::popups) fn focus_kind(&self) -> Focus {
        match self.on_boot {
            true => self.boot.focus_kind(),
            false => self.form.focus_kind(),
        }
    }

    pub(crate) fn on_first_boot(&self) -> bool {
        self.on_boot
    }

    pub(crate) fn turn_page(&mut self) {
        self.on_boot = !self.on_boot;
    }

    /// Back from the second page; whether it was shown.
    pub(crate) fn leave_first_boot(&mut self) -> bool {
        std::mem::take(&mut self.on_boot)
    }

    /// Changes the second page, unless the core is at work on it.
    pub(crate) fn on_page(&mut self, change: impl FnOnce(&mut FirstBoot)) {
        if self.form.busy.is_none() {
            self.form.message = None;
            change(&mut self.boot);
        }
    }

    /// Takes a pasted text on the second page.
    pub(crate) fn paste(&mut self, text: &str) {
        let mut refused = None;
        self.on_page(|page| refused = page.paste(text).err());
        self.form.message = refused.map(str::to_owned);
    }

    /// Brings the editor's cursor into sight on a screen.
    pub(crate) fn settle(&mut self, screen: Rect) {
        let area = boot_area(inside(centred(screen, BOOT_SIZE)).inner(Margin::new(1, 0)));
        self.boot.settle(area);
    }

    pub(super) fn draw_first_boot(
        &self,
        screen: Rect,
        buffer: &mut Buffer,
        look: &Look,
    ) -> Option<(u16, u16)> {
        let inside = popup(
            buffer,
            screen,
            BOOT_SIZE,
            "New machine: first boot (cloud-init)",
            look,
        );
        let page = boot_area(inside);
        let cursor = self.boot.draw(page, buffer, look);
        let below = Rect {
            y: page.bottom(),
            height: inside.bottom().saturating_sub(page.bottom()),
            ..inside
        };
        let is_quiet = self.form.busy.is_none() && self.form.message.is_none();
        let (text, style) = match self.boot.flaw() {
            Some(flaw) if is_quiet => (format!("✗ {flaw}"), look.bad),
            None if is_quiet => {
                let text = "The account, its keys and the name hold whatever the document says; lists are \
                            appended. Esc or Ctrl-F: back to the machine.";
                (text.to_owned(), look.dim)
            }
            _ => self.remark(None, look),
        };
        for (line, at) in wrap(&text, below.width).iter().zip(0..below.height) {
            Pen::new(buffer, row(below, at)).put(line, style);
        }
        cursor
    }

    /// What the second page holds, on the first.
    pub(super) fn draw_summary(&self, line: Rect, buffer: &mut Buffer, look: &Look) {
        let (mark, style) = match self.boot.is_refused() {
            true => ("✗ ", look.bad),
            false => ("", look.dim),
        };
        Pen::new(buffer, line)
            .put("Ctrl-F  first boot: ", look.dim)
            .put(mark, style)
            .put(&self.boot.summary(), style);
    }

    /// What is said about all of the form.
    pub(super) fn remark(&self, view: Option<&View>, look: &Look) -> (String, Style) {
        if let Some(busy) = self.form.busy {
            (format!("{busy} …"), look.accent)
        } else if let Some(message) = self.form.message.as_ref().or(self.error.as_ref()) {
            (message.clone(), look.bad)
        } else {
            (format!("{}\n{}", self.price(view), self.quota()), look.dim)
        }
    }
}

/// Where the second page's fields and editor are, inside of its box.
fn boot_area(inside: Rect) -> Rect {
    Rect {
        height: inside.height.saturating_sub(BELOW),
        ..inside
    }
}
