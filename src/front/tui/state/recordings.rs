//! Recordings on the screen: listing, playing, removing.

use super::State;
use crate::core::Result;
use crate::core::consoles::Played;
use crate::front::tui::event::Effect;
use crate::front::tui::keys::Command;
use crate::front::tui::popups::{Popup, confirm::Confirm, recordings::Recordings, replay::Replay};
use crate::model::Recording;

impl State {
    /// Opens the list, or asks whether the selected one is to go.
    pub(super) fn in_recordings(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let popup = match (command, session.popups.last()) {
            (Command::RemoveRecording, Some(Popup::Recordings(list))) => match list.selected() {
                Some(recording) => Popup::Confirm(Confirm::remove_recording(recording)),
                None => return,
            },
            (Command::Recordings, _) => {
                wanted.push(Effect::LoadRecordings);
                Popup::Recordings(Recordings::default())
            }
            _ => return,
        };
        session.popups.push(popup);
    }

    pub(super) fn recordings_came(&mut self, result: Result<Vec<Recording>>) {
        if let Some(session) = self.session_mut()
            && let Some(Popup::Recordings(list)) = session
                .popups
                .iter_mut()
                .find(|it| matches!(it, Popup::Recordings(_)))
        {
            list.arrived(result);
        }
    }

    /// Reads the selected one.
    pub(super) fn play_listed(&mut self, wanted: &mut Vec<Effect>) {
        if let Some(Popup::Recordings(list)) = self.session().and_then(|it| it.popups.last())
            && let Some(recording) = list.selected()
        {
            wanted.push(Effect::Play(recording.id));
        }
    }

    pub(super) fn recording_came(&mut self, result: Result<Box<Played>>, wanted: &mut Vec<Effect>) {
        let now = self.now;
        match result {
            Ok(played) => {
                // Whoever closed the list meanwhile does not want it any more.
                if let Some(session) = self.session_mut()
                    && matches!(session.popups.last(), Some(Popup::Recordings(_)))
                {
                    session.popups.push(Popup::Replay(Replay::new(*played, now)));
                }
            }
            Err(error) => self.fail("playing a recording", &error, wanted),
        }
    }

    pub(super) fn steer_replay(&mut self, command: Command) {
        if let Some(Popup::Replay(replay)) = self.session_mut().and_then(|it| it.popups.last_mut()) {
            replay.steer(command);
        }
    }

    /// What is played goes on to now.
    pub(super) fn play_on(&mut self) {
        let now = self.now;
        if let Some(Popup::Replay(replay)) = self.session_mut().and_then(|it| it.popups.last_mut()) {
            replay.play_to(now);
        }
    }
}
