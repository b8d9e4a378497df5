//! Images: what is on this host, what can be downloaded, and what came of which.

use crate::core::{Result, View};
use crate::front::tui::event::Entered;
use crate::front::tui::keys::{Command, Focus};
use crate::front::tui::layout;
use crate::front::tui::state::State;
use crate::front::tui::state::commands_target as target;
use crate::front::tui::state::events::scrolled;
use crate::front::tui::state::session::Session;
use crate::front::tui::tabs::vms::table::progress;
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::frame;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::front::tui::widgets::units;
use crate::front::tui::words;
use crate::model::{Image, Operation, Progress, Readiness};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use tui_input::Input;

/// Rows of the details.
const DETAILS: u16 = 7;
/// From this width on, a title and the end of the updates are shown.
const WIDE: u16 = 100;

/// The list, in the catalogue's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Images {
    images: Vec<Image>,
    /// Whether the filter is typed into.
    pub(crate) filtering: bool,
    pub(crate) filter: Input,
    selected: Option<String>,
    at: usize,
    offset: usize,
    loaded: bool,
    error: Option<String>,
    verifying: Option<(String, Option<Progress>)>,
}

impl Images {
    pub(super) fn focus(&self) -> Focus {
        match self.filtering {
            true => Focus::Filter,
            false => Focus::Images,
        }
    }

    /// The list came.
    pub(crate) fn arrived(&mut self, result: Result<Vec<Image>>) {
        match result {
            Ok(images) => {
                (self.loaded, self.error) = (true, None);
                self.images = images;
            }
            Err(error) => self.failed(words::of(&error)),
        }
    }

    /// The list cannot be read.
    pub(crate) fn failed(&mut self, reason: String) {
        self.error = Some(reason);
    }

    /// An image is read for its digest; how far that is, once it is known.
    pub(crate) fn verifies(&mut self, id: &str, progress: Option<Progress>) {
        self.verifying = Some((id.to_owned(), progress));
    }

    /// It was read.
    pub(crate) fn verified(&mut self) {
        self.verifying = None;
    }

    /// The image that is being verified.
    pub(crate) fn is_verifying(&self) -> bool {
        self.verifying.is_some()
    }

    fn rows(&self) -> Vec<&Image> {
        let words = self.filter.value().to_lowercase();
        let has = |image: &&Image| {
            let text = format!(
                "{} {} {} {}",
                image.id,
                image.title,
                image.aliases.join(" "),
                state(image)
            );
            let text = text.to_lowercase();
            words.split_whitespace().all(|word| text.contains(word))
        };
        self.images.iter().filter(has).collect()
    }

    /// The selected image.
    pub(crate) fn selected(&self) -> Option<&Image> {
        self.rows().get(self.at).copied()
    }

    pub(super) fn go(&mut self, command: Command, page: usize) {
        let rows = self.rows();
        let at = target(command, self.at, page, rows.len());
        let selected = rows.get(at).map(|it| it.id.clone());
        (self.at, self.selected) = (at, selected);
    }

    /// Finds the selection again, which is an image and not a row.
    pub(super) fn settle(&mut self, body: Rect) {
        let rows = self.rows();
        let found = self.selected.as_ref();
        let found = found.and_then(|id| rows.iter().position(|it| it.id == *id));
        let at = found.unwrap_or(self.at).min(rows.len().saturating_sub(1));
        let (selected, count) = (rows.get(at).map(|it| it.id.clone()), rows.len());
        if self.loaded {
            (self.at, self.selected) = (at, selected);
        }
        self.offset = scrolled(self.offset, self.at, places(body).0.height.into(), count);
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let look = state.look();
        let body = layout::areas(state).body;
        let rows = self.rows();
        let mut title = format!("Images ── {}", self.images.len());
        if self.filtering || !self.filter.value().is_empty() {
            title.push_str(&format!(" ── /{}", self.filter.value()));
        }
        frame::popup(buffer, body, (body.width, body.height), &title, &look);
        let (list, below) = places(body);
        if list.y > body.y + 1 {
            let line = Rect {
                y: list.y - 1,
                height: 1,
                ..list
            };
            heading(line, buffer, &look);
        }
        if let Some(error) = &self.error {
            Pen::new(buffer, list).put(error, look.bad);
        } else if rows.is_empty() {
            let text = if self.loaded {
                "no image has these words"
            } else {
                "reading …"
            };
            Pen::new(buffer, list).put(text, look.dim);
        }
        for ((index, image), at) in rows.iter().enumerate().skip(self.offset).zip(0..list.height) {
            let line = row(list, at);
            self.line(state, image, (line, index == self.at), buffer);
        }
        if let (Some(below), Some(image)) = (below, rows.get(self.at)) {
            frame::divider(buffer, body, below.y - 1, &image.id, &look);
            self.details(state, image, below, buffer);
        }
        None
    }

    fn line(&self, state: &State, image: &Image, (line, chosen): (Rect, bool), buffer: &mut Buffer) {
        let Some(session) = state.session() else { return };
        let look = state.look();
        if chosen {
            buffer.set_style(line, look.selected);
        }
        let tint = |style: Style| if chosen { Style::new() } else { style };
        let wide = line.width >= WIDE;
        let mut pen = Pen::new(buffer, line);
        pen.put(if chosen { "▸ " } else { "  " }, Style::new());
        pen.left(&image.id, 18, Style::new()).skip(1);
        if wide {
            pen.left(&image.title, 24, tint(look.dim)).skip(1);
        }
        if let Some(operation) = bringing(session, image) {
            return progress(state, operation, &mut pen, tint(look.accent), tint(look.dim));
        }
        if let Some((_, read)) = self.verifying.as_ref().filter(|(id, _)| *id == image.id) {
            pen.put(&verifying(*read), tint(look.accent));
            return;
        }
        let (glyph, style) = mark(image, &look);
        pen.left(&format!("{glyph} {}", self::state(image)), 13, tint(style))
            .skip(1);
        let size = image
            .size
            .map_or_else(|| "–".to_owned(), |it| units::bytes(it as f64));
        pen.right(&size, 7, Style::new()).skip(1);
        pen.left(image.trust.as_str(), 8, tint(look.dim)).skip(1);
        let age = image.brought_at;
        let age = age.map(|it| units::calm_span(units::seconds(it, state.now())));
        pen.right(age.as_deref().unwrap_or("–"), 8, tint(look.dim))
            .skip(1);
        pen.right(
            &users(session.view.as_deref(), image).len().to_string(),
            4,
            Style::new(),
        )
        .skip(1);
        let ended = image.is_past_end(today(state));
        let updates = match image.end_of_life {
            Some(end) if wide && ended => format!("ended {end}"),
            Some(end) if wide => format!("until {end}"),
            Some(_) if ended => "ended".to_owned(),
            _ => String::new(),
        };
        pen.put(&updates, tint(if ended { look.warn } else { look.dim }));
    }

    fn details(&self, state: &State, image: &Image, area: Rect, buffer: &mut Buffer) {
        let Some(session) = state.session() else { return };
        let look = state.look();
        let mut lines = Vec::new();
        if let Readiness::Unavailable(reason) = &image.readiness {
            lines.extend(
                wrap(reason, area.width)
                    .into_iter()
                    .take(2)
                    .map(|it| (it, look.bad)),
            );
        }
        let version = match image.version.as_str() {
            "" => String::new(),
            version => format!(" · version {version}"),
        };
        lines.push((format!("{}{version}", image.title), look.ground));
        if !image.aliases.is_empty() {
            lines.push((format!("also {}", image.aliases.join(", ")), look.dim));
        }
        lines.push(match image.end_of_life {
            Some(end) if image.is_past_end(today(state)) => {
                (format!("its security updates ended on {end}"), look.warn)
            }
            Some(end) => (format!("security updates until {end}"), look.dim),
            None => ("it says nothing of the end of its updates".to_owned(), look.dim),
        });
        let came = image.brought_at.map(|it| {
            let ago = units::calm_span(units::seconds(it, state.now()));
            format!(", came {ago} ago")
        });
        let trust = format!("what vouches for its bytes: {}", image.trust.as_str());
        lines.push((format!("{trust}{}", came.unwrap_or_default()), look.dim));
        let least = image.min_disk_gib;
        lines.push((
            format!("signs in as {} · least disk {least} GiB", image.default_user),
            look.dim,
        ));
        let machines = users(session.view.as_deref(), image);
        let used = match machines.is_empty() {
            true => format!("no machine {} was made from it", of_whom(&session.me)),
            false => format!("used by {}", machines.join(", ")),
        };
        lines.extend(wrap(&used, area.width).into_iter().map(|it| (it, look.ground)));
        for ((text, style), at) in lines.iter().zip(0..area.height) {
            Pen::new(buffer, row(area, at)).put(text, *style);
        }
    }
}

/// List and details; where there is no room, the list alone.
fn places(body: Rect) -> (Rect, Option<Rect>) {
    let inside = frame::inside(body).inner(Margin::new(1, 0));
    if body.height < 8 {
        return (inside, None);
    }
    let below_heading = Rect {
        y: inside.y + 1,
        height: inside.height.saturating_sub(1),
        ..inside
    };
    if body.height < 16 {
        return (below_heading, None);
    }
    let list = Rect {
        height: below_heading.height.saturating_sub(DETAILS + 1),
        ..below_heading
    };
    let below = Rect {
        y: list.bottom() + 1,
        height: DETAILS,
        ..inside
    };
    (list, Some(below))
}

fn heading(line: Rect, buffer: &mut Buffer, look: &Look) {
    let wide = line.width >= WIDE;
    let mut pen = Pen::new(buffer, line);
    pen.skip(2).left("IMAGE", 18, look.dim).skip(1);
    if wide {
        pen.left("TITLE", 24, look.dim).skip(1);
    }
    pen.left("STATE", 13, look.dim).skip(1);
    pen.right("SIZE", 7, look.dim).skip(1);
    pen.left("TRUST", 8, look.dim).skip(1);
    pen.right("CAME", 8, look.dim).skip(1);
    pen.right("USED", 4, look.dim).skip(1);
    pen.put(if wide { "UPDATES" } else { "UPD." }, look.dim);
}

fn state(image: &Image) -> &'static str {
    match image.readiness {
        Readiness::Ready => "here",
        Readiness::Remote => "to download",
        Readiness::Unavailable(_) => "not ready",
    }
}

fn mark(image: &Image, look: &Look) -> (char, Style) {
    match image.readiness {
        Readiness::Ready => ('●', look.good),
        Readiness::Remote => ('○', look.dim),
        Readiness::Unavailable(_) => ('✗', look.bad),
    }
}

fn verifying(progress: Option<Progress>) -> String {
    match progress {
        Some(Progress {
            done,
            total: Some(total),
        }) => format!("verifying {}", units::of(done, total)),
        _ => "verifying …".to_owned(),
    }
}

/// Whether a download of it is at work.
pub(crate) fn pulling(session: &Session, image: &Image) -> bool {
    let view = session.view.as_deref();
    let operations = view.map_or(&[][..], |it| &it.operations);
    operations
        .iter()
        .any(|it| it.kind.is_on_image() && it.name == image.id)
}

/// What brings the image to this host just now: a download, or a machine's creation.
fn bringing<'a>(session: &'a Session, image: &Image) -> Option<&'a Operation> {
    let view = session.view.as_deref()?;
    let pulls = view
        .operations
        .iter()
        .find(|it| it.kind.is_on_image() && it.name == image.id);
    let creations = view.machines.iter().filter(|it| it.vm.image == image.id);
    let creation = creations.filter_map(|it| it.operation.as_ref()).find(|it| {
        let at_image = it.current_step().is_some_and(|step| step.name == "image");
        at_image && it.progress.is_some()
    });
    pulls.or(creation)
}

/// The machines that were made from it, of those that may be seen: `web-1`, `bob/web-2`.
pub(crate) fn users(view: Option<&View>, image: &Image) -> Vec<String> {
    let machines = view.map_or(&[][..], |it| &it.machines);
    let made = machines.iter().filter(|it| it.vm.image == image.id);
    made.map(|it| format!("{}/{}", it.owner, it.vm.name)).collect()
}

/// The day, as ends of updates are told.
fn today(state: &State) -> Date {
    state.now().to_zoned(TimeZone::UTC).date()
}

/// Whose machines are seen at all.
fn of_whom(me: &Entered) -> &'static str {
    match me.role {
        crate::model::Role::User => "of yours",
        _ => "here",
    }
}
