//! The form for a new machine: every field is checked as it is typed. Its second page is
//! [`FirstBoot`].

mod pages;
mod price;

use super::first_boot::FirstBoot;
use crate::core::{Allowance, Error, NewMachine, Result, View};
use crate::front::tui::event::{Effect, Entered};
use crate::front::tui::state::State;
use crate::front::tui::state::form::{Choice, Form, FormField, Kind};
use crate::front::tui::widgets::form as fields;
use crate::front::tui::widgets::frame::popup;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::front::tui::words;
use crate::model::{Field, FieldError, Image, Limits, NetworkChoice, NetworkInfo, Readiness};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const NAME: usize = 0;
const IMAGE: usize = 1;
const MEMORY: usize = 2;
const VCPUS: usize = 3;
const DISK: usize = 4;
const USER: usize = 5;
const PASSWORD: usize = 6;
const KEYS: usize = 7;
const NETWORK: usize = 8;

/// The form, and what the core says about images and bounds.
#[derive(Clone, Debug)]
pub(crate) struct NewVm {
    pub(crate) form: Form,
    boot: FirstBoot,
    /// The second page is shown.
    on_boot: bool,
    images: Vec<Image>,
    allowance: Option<Allowance>,
    error: Option<String>,
    /// The image that was chosen in the list of images.
    wanted: Option<String>,
}

impl Default for NewVm {
    fn default() -> Self {
        let limits = Limits::default();
        let number = |min, max, step, unit| Kind::Number { min, max, step, unit };
        let form = Form::new(vec![
            FormField::new(Field::Name, "name", Kind::Text).hint("3 to 63 of a-z 0-9 -"),
            FormField::new(
                Field::Image,
                "image",
                Kind::Choice {
                    options: Vec::new(),
                    at: 0,
                },
            ),
            FormField::new(
                Field::Memory,
                "RAM",
                number(limits.min_memory_mib, limits.max_memory_mib, 512, "MiB"),
            )
            .with("1024"),
            FormField::new(Field::Vcpus, "vCPU", number(1, limits.max_vcpus.into(), 1, "")).with("1"),
            FormField::new(
                Field::Disk,
                "disk",
                number(limits.min_disk_gib, limits.max_disk_gib, 5, "GiB"),
            )
            .with("10"),
            FormField::new(Field::GuestUser, "guest user", Kind::Text),
            FormField::new(Field::Password, "password", Kind::Secret).hint("for the console; may be empty"),
            FormField::new(Field::SshKey, "SSH key", Kind::Lines).hint("paste public keys"),
            FormField::new(
                Field::Network,
                "network",
                Kind::Choice {
                    options: Vec::new(),
                    at: 0,
                },
            ),
        ]);
        Self {
            form,
            boot: FirstBoot::default(),
            on_boot: false,
            images: Vec::new(),
            allowance: None,
            error: None,
            wanted: None,
        }
    }
}

impl NewVm {
    /// Images and bounds came.
    pub(crate) fn catalogue(
        &mut self,
        result: Result<(Vec<Image>, Allowance)>,
        view: Option<&View>,
        me: &Entered,
    ) {
        match result {
            Ok((images, allowance)) => {
                self.offer(&images);
                self.bound(&allowance.limits);
                self.offer_networks(&allowance.networks);
                self.images = images;
                self.allowance = Some(allowance);
                self.error = None;
            }
            Err(error) => self.error = Some(words::of(&error)),
        }
        self.judge(view, me);
    }

    /// Puts the images into the choice; the first that is ready is chosen.
    fn offer(&mut self, images: &[Image]) {
        let options: Vec<_> = images
            .iter()
            .map(|image| Choice {
                id: image.id.clone(),
                label: label(image),
                unavailable: image.refusal(),
            })
            .collect();
        let wanted = options.iter().position(|it| Some(&it.id) == self.wanted.as_ref());
        let at = wanted
            .or_else(|| options.iter().position(|it| it.unavailable.is_none()))
            .unwrap_or(0);
        if let Some(field) = self.form.fields.get_mut(IMAGE) {
            field.kind = Kind::Choice { options, at };
        }
    }

    /// Chooses an image, now or as soon as the catalogue is read.
    pub(crate) fn choose(&mut self, id: &str) {
        self.wanted = Some(id.to_owned());
        if let Some(FormField {
            kind: Kind::Choice { options, at },
            ..
        }) = self.form.fields.get_mut(IMAGE)
            && let Some(found) = options.iter().position(|it| it.id == id)
        {
            *at = found;
        }
    }

    /// Whether the keyboard is at the image.
    pub(crate) fn is_at_image(&self) -> bool {
        self.form.focus == IMAGE
    }

    /// Puts the networks into their choice; the configured one is chosen. Without any there is nothing
    /// to choose, and the configured one is taken.
    fn offer_networks(&mut self, networks: &[NetworkChoice]) {
        let options: Vec<_> = networks
            .iter()
            .map(|choice| {
                let NetworkInfo {
                    name, kind, active, ..
                } = &choice.network;
                let start = if *active { "" } else { ", will be started" };
                Choice {
                    id: name.clone(),
                    label: format!("{name} ({kind}{start})"),
                    unavailable: None,
                }
            })
            .collect();
        let at = networks.iter().position(|it| it.is_default).unwrap_or(0);
        if let Some(field) = self.form.fields.get_mut(NETWORK) {
            field.hint = match options.is_empty() {
                true => "the configured one, or QEMU's own".to_owned(),
                false => String::new(),
            };
            field.kind = Kind::Choice { options, at };
        }
    }

    /// Steps stay within the user's own bounds, not the defaults.
    fn bound(&mut self, limits: &Limits) {
        let bounds = [
            (MEMORY, limits.min_memory_mib, limits.max_memory_mib),
            (VCPUS, 1, limits.max_vcpus.into()),
            (DISK, limits.min_disk_gib, limits.max_disk_gib),
        ];
        for (index, least, most) in bounds {
            if let Some(field) = self.form.fields.get_mut(index)
                && let Kind::Number { min, max, .. } = &mut field.kind
            {
                (*min, *max) = (least, most.max(least));
            }
        }
    }

    fn image(&self) -> Option<&Image> {
        let chosen = self.form.choice(IMAGE)?;
        self.images.iter().find(|it| it.id == chosen.id)
    }

    /// What the fields say. A number that is none is 0, which no bound accepts.
    fn asked(&self) -> NewMachine {
        NewMachine {
            name: self.form.text(NAME).to_owned(),
            image: self
                .form
                .choice(IMAGE)
                .map(|it| it.id.clone())
                .unwrap_or_default(),
            memory_mib: self.form.number(MEMORY).unwrap_or(0),
            vcpus: self
                .form
                .number(VCPUS)
                .and_then(|it| u32::try_from(it).ok())
                .unwrap_or(0),
            disk_gib: self.form.number(DISK).unwrap_or(0),
            guest_user: self.form.text(USER).to_owned(),
            password: self.form.text(PASSWORD).to_owned(),
            ssh_keys: self.keys(),
            without_own_keys: false,
            provision: self.boot.provision(),
            network: self
                .form
                .choice(NETWORK)
                .map(|it| it.id.clone())
                .unwrap_or_default(),
        }
    }

    /// Checks every field after a change, by the core's own rules.
    pub(crate) fn judge(&mut self, view: Option<&View>, me: &Entered) {
        let limits = self
            .allowance
            .as_ref()
            .map(|it| it.limits.clone())
            .unwrap_or_default();
        let usage = self.allowance.as_ref().map(|it| it.usage).unwrap_or_default();
        let asked = self.asked();
        let mut problems = asked.problems(&limits, &self.images);
        problems.extend(limits.check_quota(usage, asked.memory_mib).err());
        problems.extend(view.and_then(|view| price::too_dear(view, asked.disk_gib)));
        let taken = view.is_some_and(|view| {
            view.machines
                .iter()
                .any(|it| it.vm.owner == me.user && it.vm.name.as_str() == asked.name)
        });
        if taken {
            problems.push(FieldError::new(Field::Name, "you have a machine of this name"));
        }
        if self.allowance.is_none() {
            problems.retain(|it| it.field != Field::Image);
            problems.push(FieldError::new(Field::Image, "the catalogue is being read"));
        }
        let first = |field: Option<Field>| {
            problems
                .iter()
                .find(|it| Some(it.field) == field)
                .map(|it| it.reason.clone())
        };
        let errors = self.form.fields.iter().map(|it| first(it.field)).collect();
        self.form.judge(errors);
        self.boot.judge(&problems);
        self.hint();
    }

    /// What is said beside fields that are not wrong.
    fn hint(&mut self) {
        let default_user = self.image().map(|it| it.default_user.clone());
        let title = self.image().map(|it| it.title.clone());
        let keys = self.keys().len();
        if let Some(field) = self.form.fields.get_mut(USER) {
            field.hint = default_user.map_or_else(String::new, |it| format!("empty: {it}"));
        }
        if let Some(field) = self.form.fields.get_mut(IMAGE) {
            field.hint = title.unwrap_or_default();
            // Why an image is not ready must be seen without touching the field.
            field.touched |= matches!(&field.kind, Kind::Choice { options, .. } if !options.is_empty());
        }
        let owned = self.allowance.as_ref().map_or(0, |it| it.ssh_keys);
        if let Some(field) = self.form.fields.get_mut(KEYS) {
            let pasted = match keys {
                0 => None,
                1 => Some("1 key".to_owned()),
                more => Some(format!("{more} keys")),
            };
            field.hint = match (pasted, owned) {
                (None, 0) => "paste public keys".to_owned(),
                (None, 1) => "1 of your keys goes in".to_owned(),
                (None, owned) => format!("{owned} of your keys go in"),
                (Some(pasted), 0) => pasted,
                (Some(pasted), owned) => format!("{pasted}, and {owned} of yours"),
            };
        }
    }

    fn keys(&self) -> Vec<String> {
        self.form
            .text(KEYS)
            .lines()
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Asks for the machine if every field is valid.
    pub(crate) fn submit(&mut self, view: Option<&View>, me: &Entered) -> Option<Effect> {
        if self.form.busy.is_some() {
            return None;
        }
        self.form.message = None;
        self.judge(view, me);
        let fits = self.form.accepts();
        self.on_boot = fits && !self.boot.accepts();
        if !fits || self.on_boot {
            return None;
        }
        self.set_busy(Some("asking for the machine"));
        Some(Effect::Create(Box::new(self.asked())))
    }

    /// The core said no.
    pub(crate) fn refused(&mut self, error: &Error) {
        self.set_busy(None);
        match error {
            Error::Invalid(errors) => self.refuse(errors),
            other => self.form.message = Some(words::of(other)),
        }
    }

    pub(super) fn draw(&self, state: &State, screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        if self.on_boot {
            return self.draw_first_boot(screen, buffer, &look);
        }
        let inside = popup(buffer, screen, (88, 16), "New machine", &look);
        let gap = u16::from(inside.height >= 13);
        let fields_area = Rect {
            y: inside.y + gap,
            height: inside.height.saturating_sub(3 + gap),
            ..inside
        };
        let (cursor, _) = fields::draw(&self.form, fields_area, buffer, &look);
        let below = Rect {
            y: fields_area.bottom(),
            height: 3.min(inside.height),
            ..inside
        };
        self.draw_summary(row(below, 0), buffer, &look);
        let view = state.session().and_then(|it| it.view.as_deref());
        let (text, style) = match fields::tight_reason(&self.form, fields_area) {
            Some(reason) if self.form.busy.is_none() => (format!("✗ {reason}"), look.bad),
            _ => self.remark(view, &look),
        };
        let lines = text.lines().flat_map(|line| wrap(line, below.width));
        for (line, at) in lines.zip(1..below.height) {
            Pen::new(buffer, row(below, at)).put(&line, style);
        }
        cursor
    }
}

/// `debian-12 12, 325 MB to download`
fn label(image: &Image) -> String {
    let mut label = image.id.clone();
    if !image.version.is_empty() {
        label.push_str(&format!(" {}", image.version));
    }
    if image.readiness == Readiness::Remote {
        match image.size {
            Some(size) => label.push_str(&format!(", {} MB to download", size / 1_000_000)),
            None => label.push_str(", to download"),
        }
    }
    label
}
