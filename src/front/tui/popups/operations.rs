//! Running and past operations, and the steps of the selected one.

use crate::core::{OperationQuery, Result, View};
use crate::front::tui::event::Effect;
use crate::front::tui::keys::Command;
use crate::front::tui::layout;
use crate::front::tui::state::State;
use crate::front::tui::state::commands_target as target;
use crate::front::tui::state::events::scrolled;
use crate::front::tui::tabs::vms::table::progress;
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::frame;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::front::tui::widgets::units;
use crate::front::tui::words;
use crate::model::{Operation, OperationId, OperationState, StepState};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;

/// Operations asked for at a time.
const PAGE: u32 = 100;
/// Most that are held.
const WINDOW: usize = 2_000;

/// The list: what runs comes from the view, what is over is read in pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    past: Vec<Operation>,
    selected: Option<OperationId>,
    at: usize,
    offset: usize,
    loading: bool,
    complete: bool,
    loaded: bool,
    error: Option<String>,
}

impl Operations {
    /// Reads the newest page.
    pub(crate) fn newest(&mut self) -> Option<Effect> {
        self.load(None)
    }

    fn load(&mut self, before: Option<OperationId>) -> Option<Effect> {
        if self.loading {
            return None;
        }
        self.loading = true;
        Some(Effect::LoadOperations(OperationQuery {
            active: false,
            before,
            limit: PAGE,
        }))
    }

    /// A page came.
    pub(crate) fn arrived(&mut self, query: OperationQuery, result: Result<Vec<Operation>>) {
        self.loading = false;
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                self.error = Some(words::of(&error));
                return;
            }
        };
        self.error = None;
        self.loaded = true;
        if query.before.is_none() {
            self.past.clear();
        }
        self.complete = page.len() < PAGE as usize || self.past.len() >= WINDOW;
        self.past.extend(page);
        self.past.truncate(WINDOW);
    }

    /// What is listed, newest first.
    fn rows<'a>(&'a self, view: Option<&'a View>) -> Vec<&'a Operation> {
        let active = view.map_or(&[][..], |it| &it.operations);
        let past = self
            .past
            .iter()
            .filter(|it| active.iter().all(|active| active.id != it.id));
        active.iter().rev().chain(past).collect()
    }

    /// The selected operation.
    pub(crate) fn selected<'a>(&'a self, view: Option<&'a View>) -> Option<&'a Operation> {
        self.rows(view).get(self.at).copied()
    }

    pub(super) fn go(&mut self, command: Command, view: Option<&View>, page: usize) -> Option<Effect> {
        let rows = self.rows(view);
        let at = target(command, self.at, page, rows.len());
        let selected = rows.get(at).map(|it| it.id);
        let near_end = at + 20 >= rows.len();
        self.at = at;
        self.selected = selected;
        let before = self.past.last().map(|it| it.id);
        if near_end && self.loaded && !self.complete && before.is_some() {
            self.load(before)
        } else {
            None
        }
    }

    /// Finds the selection again, which is an operation and not a row.
    pub(super) fn settle(&mut self, view: Option<&View>, body: Rect) {
        let rows = self.rows(view);
        let found = self
            .selected
            .and_then(|id| rows.iter().position(|it| it.id == id));
        let at = found.unwrap_or(self.at).min(rows.len().saturating_sub(1));
        let (selected, count) = (rows.get(at).map(|it| it.id), rows.len());
        self.at = at;
        self.selected = selected;
        self.offset = scrolled(self.offset, at, places(body).0.height.into(), count);
    }

    pub(super) fn draw(&self, state: &State, _screen: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
        let session = state.session()?;
        let look = state.look();
        let body = layout::areas(state).body;
        let view = session.view.as_deref();
        let running = view.map_or(0, |it| it.operations.len());
        let title = format!("Operations ── {running} at work");
        frame::popup(buffer, body, (body.width, body.height), &title, &look);
        let (list, below) = places(body);
        let rows = self.rows(view);
        if let Some(error) = &self.error {
            Pen::new(buffer, list).put(error, look.bad);
        } else if rows.is_empty() {
            Pen::new(buffer, list).put(if self.loaded { "none yet" } else { "reading …" }, look.dim);
        }
        for ((index, operation), at) in rows.iter().enumerate().skip(self.offset).zip(0..list.height) {
            let line = row(list, at);
            let chosen = index == self.at;
            if chosen {
                buffer.set_style(line, look.selected);
            }
            let mut pen = Pen::new(buffer, line);
            let tint = |style: Style| if chosen { Style::new() } else { style };
            pen.put(if chosen { "▸ " } else { "  " }, Style::new());
            pen.right(&operation.id.to_string(), 5, tint(look.dim)).skip(1);
            pen.left(operation.kind.as_str(), 8, Style::new()).skip(1);
            pen.left(
                &operation.subject(),
                if line.width >= 70 { 20 } else { 10 },
                Style::new(),
            )
            .skip(1);
            let (glyph, style) = mark(operation.state, &look);
            pen.left(&format!("{glyph} {}", operation.state), 11, tint(style))
                .skip(1);
            if operation.state.is_final() {
                let ended = operation.finished_at.unwrap_or(operation.created_at);
                let ago = units::calm_span(units::seconds(ended, state.now()));
                let took = units::span(units::seconds(operation.created_at, ended));
                pen.put(&format!("{ago} ago, took {took}"), tint(look.dim));
            } else {
                progress(state, operation, &mut pen, tint(look.accent), tint(look.dim));
            }
        }
        if let (Some(below), Some(operation)) = (below, rows.get(self.at)) {
            frame::divider(
                buffer,
                body,
                below.y - 1,
                &format!("operation {}", operation.id),
                &look,
            );
            steps(operation, state.now(), below, buffer, &look);
        }
        None
    }
}

fn places(body: Rect) -> (Rect, Option<Rect>) {
    let inside = frame::inside(body).inner(Margin::new(1, 0));
    if body.height < 12 {
        return (inside, None);
    }
    let height = (inside.height / 2).min(10);
    let list = Rect {
        height: inside.height.saturating_sub(height + 1),
        ..inside
    };
    (
        list,
        Some(Rect {
            y: list.bottom() + 1,
            height,
            ..inside
        }),
    )
}

fn mark(state: OperationState, look: &Look) -> (char, Style) {
    match state {
        OperationState::Queued => ('◌', look.dim),
        OperationState::Running => ('▶', look.accent),
        OperationState::Undoing => ('◀', look.warn),
        OperationState::Done => ('✓', look.good),
        OperationState::Failed => ('✗', look.bad),
        OperationState::Cancelled => ('⊘', look.dim),
    }
}

/// The steps with their durations, and what went wrong.
fn steps(operation: &Operation, now: Timestamp, area: Rect, buffer: &mut Buffer, look: &Look) {
    let mut at = 0;
    if let Some(error) = &operation.error {
        for line in wrap(error, area.width).iter().take(3) {
            Pen::new(buffer, row(area, at)).put(line, look.bad);
            at += 1;
        }
    }
    let room = usize::from(area.height.saturating_sub(at));
    // The latest steps are the interesting ones where not all fit.
    let hidden = operation.steps.len().saturating_sub(room);
    for step in operation.steps.iter().skip(hidden) {
        let (glyph, style) = match step.state {
            StepState::Running => ('▶', look.accent),
            StepState::Done => ('✓', look.good),
            StepState::Undone => ('◀', look.warn),
            StepState::Failed => ('✗', look.bad),
        };
        let took = units::span(units::seconds(step.started_at, step.finished_at.unwrap_or(now)));
        let mut pen = Pen::new(buffer, row(area, at));
        pen.put(&glyph.to_string(), style)
            .skip(1)
            .left(&step.name, 14, look.ground)
            .skip(1);
        pen.right(&took, 8, look.dim).skip(2);
        match (step.failure(), step.remark()) {
            (Some(failure), _) => pen.put(failure, look.bad),
            (None, remark) => pen.put(remark.unwrap_or_default(), look.dim),
        };
        at += 1;
    }
    let begun = operation.steps.len();
    if operation.state == OperationState::Running && operation.step_count > begun {
        Pen::new(buffer, row(area, at)).put(
            &format!("  {} more to come", operation.step_count - begun),
            look.dim,
        );
    }
}
