//! A question with yes and no.

use crate::core::consoles::Occupant;
use crate::front::tui::state::State;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::model::{ConsoleId, ConsoleSession, OperationId, Recording, RecordingId, VmId};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What a yes does.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    ForceOff(VmId, String),
    Cancel(OperationId),
    /// A guest's serial line is taken for the pane of that number; else the pane goes.
    TakeConsole(u64),
    /// This console is ended; all if `None`.
    EndConsoles(Option<ConsoleId>),
    /// What was recorded is removed.
    RemoveRecording(RecordingId),
    /// An image is removed from this host.
    RemoveImage(String),
    /// Images that nobody needs are removed.
    CleanImages,
    /// The form below is closed with what was typed.
    Discard,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Confirm {
    title: &'static str,
    text: String,
    pub(crate) then: Then,
}

impl Confirm {
    pub(crate) fn force_off(vm: VmId, name: String) -> Self {
        Self {
            title: "Force off",
            text: format!("Cut the power of {name}? What its guest has not written to disk is lost."),
            then: Then::ForceOff(vm, name),
        }
    }

    pub(crate) fn cancel(id: OperationId, words: &str) -> Self {
        Self {
            title: "Cancel",
            text: format!("Cancel operation {id} ({words}) and undo what it has done?"),
            then: Then::Cancel(id),
        }
    }

    pub(crate) fn take_console(pane: u64, name: &str, occupant: &Occupant) -> Self {
        Self {
            title: "Take the console",
            text: format!("{name}: {occupant}. Take it from them? They will be told."),
            then: Then::TakeConsole(pane),
        }
    }

    pub(crate) fn end_console(console: &ConsoleSession) -> Self {
        Self {
            title: "End the console",
            text: format!(
                "End {}'s {} console of {}? What runs in the guest goes on; they will be told.",
                console.username,
                console.kind.title(),
                console.vm_name
            ),
            then: Then::EndConsoles(Some(console.id)),
        }
    }

    pub(crate) fn end_consoles(count: usize) -> Self {
        Self {
            title: "End all consoles",
            text: format!("End all {count} consoles that you may end? Everybody will be told."),
            then: Then::EndConsoles(None),
        }
    }

    pub(crate) fn remove_recording(recording: &Recording) -> Self {
        Self {
            title: "Remove the recording",
            text: format!(
                "Remove recording {} of {}? It cannot be brought back.",
                recording.id, recording.vm_name
            ),
            then: Then::RemoveRecording(recording.id),
        }
    }

    pub(crate) fn remove_image(id: String) -> Self {
        Self {
            title: "Remove the image",
            text: format!(
                "Remove every version of {id} from this host? What was downloaded can be downloaded again; what was imported cannot."
            ),
            then: Then::RemoveImage(id),
        }
    }

    pub(crate) fn clean_images() -> Self {
        Self {
            title: "Clean up",
            text:
                "Remove old versions of images that no machine needs, and downloads that nobody went on with?"
                    .to_owned(),
            then: Then::CleanImages,
        }
    }

    pub(crate) fn discard() -> Self {
        Self {
            title: "Close the form",
            text: "Throw away what you have typed?".to_owned(),
            then: Then::Discard,
        }
    }

    pub(super) fn draw(&self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let width = screen.width.min(60);
        let lines = wrap(&self.text, width.saturating_sub(4));
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
        let inside = popup(buffer, screen, (width, height), self.title, &look);
        for (line, at) in lines.iter().zip(0..inside.height) {
            Pen::new(buffer, row(inside, at)).put(line, Style::new());
        }
        let last = row(inside, inside.height.saturating_sub(1));
        Pen::new(buffer, last)
            .put("y", look.key)
            .put(" yes   ", look.ground)
            .put("n", look.key)
            .put(" no", look.ground);
        None
    }
}
