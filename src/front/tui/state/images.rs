//! Images on the screen: listing, choosing, downloading, verifying, removing.

use super::State;
use super::notices::Level;
use super::session::Session;
use crate::core::Error;
use crate::front::tui::event::{Effect, ImageReply, ImageWish};
use crate::front::tui::keys::Command;
use crate::front::tui::popups::{Popup, confirm::Confirm, images::Images, new_vm::NewVm};
use crate::front::tui::widgets::units;

impl State {
    /// Opens the list, or asks for something about the selected image.
    pub(super) fn in_images(&mut self, command: Command, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        let Some(Popup::Images(list)) = session.popups.last_mut() else {
            if command == Command::Images {
                wanted.push(Effect::Image(ImageWish::List));
                session.popups.push(Popup::Images(Images::default()));
            }
            return;
        };
        let id = list.selected().map(|it| it.id.clone());
        match (command, id) {
            (Command::ImageFilter, _) => list.filtering = true,
            (Command::CleanImages, _) => session.popups.push(Popup::Confirm(Confirm::clean_images())),
            (Command::Open, Some(id)) => self.choose_image(&id, wanted),
            (Command::PullImage, Some(id)) => wanted.push(Effect::Image(ImageWish::Pull(id))),
            (Command::VerifyImage, Some(id)) => {
                list.verifies(&id, None);
                wanted.push(Effect::Image(ImageWish::Verify(id)));
            }
            (Command::RemoveImage, Some(id)) => {
                session.popups.push(Popup::Confirm(Confirm::remove_image(id)));
            }
            _ => {}
        }
    }

    /// Takes the image into the form below, or into a new one.
    fn choose_image(&mut self, id: &str, wanted: &mut Vec<Effect>) {
        let Some(session) = self.session_mut() else { return };
        session.popups.pop();
        // The form may have been filled before the image came.
        wanted.push(Effect::LoadCatalogue);
        if !matches!(session.popups.last(), Some(Popup::NewVm(_))) {
            session.popups.push(Popup::NewVm(Box::<NewVm>::default()));
        }
        if let Some(Popup::NewVm(form)) = session.popups.last_mut() {
            form.choose(id);
            form.judge(session.view.as_deref(), &session.me);
        }
    }

    pub(super) fn image_replied(&mut self, reply: ImageReply, wanted: &mut Vec<Effect>) {
        match reply {
            ImageReply::Listed(result) => {
                if let Some(list) = self.image_list() {
                    list.arrived(result);
                }
                return;
            }
            ImageReply::Verifying { id, progress } => {
                if let Some(list) = self.image_list() {
                    list.verifies(&id, Some(progress));
                }
                return;
            }
            ImageReply::Pulled { id, result } => match result {
                Ok(operation) => {
                    if let Some(session) = self.session_mut() {
                        session.work.accepted(operation);
                    }
                    self.tell(
                        Level::Note,
                        format!("{id} is being downloaded; O shows how far it is"),
                    );
                }
                Err(Error::Busy(operation)) => {
                    let text = format!("{id}: operation {operation} downloads it already");
                    self.tell(Level::Note, text);
                }
                Err(error) => self.fail(&format!("downloading {id}"), &error, wanted),
            },
            ImageReply::Verified { id, result } => {
                if let Some(list) = self.image_list() {
                    list.verified();
                }
                match result {
                    Ok((1, 0)) => self.tell(Level::Good, format!("{id}: every byte is what came")),
                    Ok((all, 0)) => {
                        self.tell(
                            Level::Good,
                            format!("{id}: every byte of {all} versions is what came"),
                        );
                    }
                    Ok((all, bad)) => {
                        let text = format!(
                            "{id}: {bad} of {all} versions are not what came; `twarga image verify {id}` says more"
                        );
                        self.tell(Level::Bad, text);
                    }
                    Err(error) => self.fail(&format!("verifying {id}"), &error, wanted),
                }
            }
            ImageReply::Removed { id, result } => match result {
                Ok(freed) => {
                    let freed = units::bytes(freed as f64);
                    self.tell(
                        Level::Good,
                        format!("{id} is gone from this host, {freed} are free"),
                    );
                }
                Err(error) => self.fail(&format!("removing {id}"), &error, wanted),
            },
            ImageReply::Cleaned(result) => match result {
                Ok(freed) => self.tell(Level::Good, format!("{} are free", units::bytes(freed as f64))),
                Err(error) => self.fail("cleaning up", &error, wanted),
            },
        }
        if self.image_list().is_some() {
            wanted.push(Effect::Image(ImageWish::List));
        }
    }

    fn image_list(&mut self) -> Option<&mut Images> {
        let popups = &mut self.session_mut()?.popups;
        popups.iter_mut().find_map(|it| match it {
            Popup::Images(list) => Some(list),
            _ => None,
        })
    }
}

/// Leaves the filter of the list of images, if it has one; false if there is nothing to leave.
pub(super) fn leave_filter(session: &mut Session) -> bool {
    match session.popups.last_mut() {
        Some(Popup::Images(list)) if list.filtering || !list.filter.value().is_empty() => {
            list.filtering = false;
            list.filter.reset();
            true
        }
        _ => false,
    }
}
