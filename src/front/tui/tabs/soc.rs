//! The log, live: newest first, older pages as one scrolls down.

use super::super::state::events::EventList;
use crate::core::LogQuery;
use crate::front::tui::event::{Effect, Slot};
use crate::front::tui::state::State;
use crate::front::tui::theme::Look;
use crate::front::tui::widgets::frame;
use crate::front::tui::widgets::pen::{Pen, row, wrap};
use crate::model::{Event as LogEvent, EventId, EventType, Severity};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The tab's state.
#[derive(Clone, Debug)]
pub(crate) struct Soc {
    pub(crate) list: EventList,
    /// Warnings and worse since the tab was last looked at.
    pub(crate) unseen: usize,
    /// The newest event that was there when the tab was last looked at.
    seen: Option<EventId>,
    counting: bool,
}

impl Default for Soc {
    fn default() -> Self {
        Self {
            list: EventList::new(Slot::Log, LogQuery::default()),
            unseen: 0,
            seen: None,
            counting: false,
        }
    }
}

impl Soc {
    /// The log has a new newest event.
    pub(crate) fn grew(&mut self, newest: i64, shown: bool) -> Option<Effect> {
        if shown {
            self.look(newest);
            return self.list.follow();
        }
        match self.seen {
            // What was there before this session began is not news.
            None => self.look(newest),
            Some(_) if self.counting => {}
            Some(_) => {
                self.counting = true;
                let query = LogQuery {
                    at_least: Some(Severity::Warning),
                    limit: 100,
                    ..LogQuery::default()
                };
                return Some(Effect::LoadEvents {
                    slot: Slot::Unseen,
                    query,
                });
            }
        }
        None
    }

    /// The tab is looked at.
    pub(crate) fn look(&mut self, newest: i64) {
        self.seen = Some(EventId(newest));
        self.unseen = 0;
    }

    /// Counts what has not been looked at.
    pub(crate) fn count(&mut self, events: &[LogEvent]) {
        self.counting = false;
        self.unseen = events
            .iter()
            .filter(|it| self.seen.is_none_or(|seen| it.id > seen))
            .count();
    }

    /// Counting failed: the next change tries again.
    pub(crate) fn count_failed(&mut self) {
        self.counting = false;
    }

    /// All, warnings and worse, critical only.
    pub(crate) fn next_severity(&mut self) -> Option<Effect> {
        let next = match self.list.query.at_least {
            None | Some(Severity::Info) => Some(Severity::Warning),
            Some(Severity::Warning) => Some(Severity::Critical),
            Some(Severity::Critical) => None,
        };
        self.ask(LogQuery {
            at_least: next,
            ..self.list.query
        })
    }

    /// All types, then each of them.
    pub(crate) fn next_type(&mut self) -> Option<Effect> {
        let next = match self.list.query.event_type {
            None => EventType::ALL.first(),
            Some(now) => EventType::ALL.iter().skip_while(|it| **it != now).nth(1),
        };
        self.ask(LogQuery {
            event_type: next.copied(),
            ..self.list.query
        })
    }

    fn ask(&mut self, query: LogQuery) -> Option<Effect> {
        self.list = EventList::new(Slot::Log, query);
        self.list.newest()
    }
}

/// Where the rows and the text of the selected event stand.
pub(crate) fn places(body: Rect) -> (Rect, Option<Rect>) {
    let inside = frame::inside(body);
    if body.height < 12 {
        return (inside, None);
    }
    let rows = Rect {
        height: inside.height.saturating_sub(4),
        ..inside
    };
    (
        rows,
        Some(Rect {
            y: rows.bottom() + 1,
            height: 3,
            ..inside
        }),
    )
}

pub(crate) fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let session = state.session()?;
    let look = state.look();
    let list = &session.soc.list;
    frame::panel(buffer, area, &title(list), &look);
    let (at, below) = places(area);
    rows(state, list, at, true, buffer);
    if let Some(below) = below {
        frame::divider(buffer, area, below.y - 1, "", &look);
        if let Some(event) = list.items.get(list.at) {
            full(state, event, below, buffer);
        }
    }
    None
}

fn title(list: &EventList) -> String {
    let severity = match list.query.at_least {
        None | Some(Severity::Info) => "all severities",
        Some(Severity::Warning) => "warnings and worse",
        Some(Severity::Critical) => "critical",
    };
    let kind = list.query.event_type.map_or("all types", EventType::as_str);
    let live = if list.detached {
        "older events · g newest"
    } else {
        "live"
    };
    let loading = if list.loading && list.loaded {
        " · reading …"
    } else {
        ""
    };
    format!("SOC ── {severity} · {kind} ── {live}{loading}")
}

/// The events in sight.
pub(crate) fn rows(state: &State, list: &EventList, area: Rect, selectable: bool, buffer: &mut Buffer) {
    let look = state.look();
    let mut first = Pen::new(buffer, area);
    if let Some(error) = &list.error {
        first.skip(1).put(error, look.bad);
        return;
    }
    if list.items.is_empty() {
        first
            .skip(1)
            .put(if list.loaded { "no events" } else { "reading …" }, look.dim);
        return;
    }
    let dated = area.width >= 60;
    let typed = area.width >= 70;
    for ((index, event), line) in list
        .items
        .iter()
        .enumerate()
        .skip(list.offset)
        .zip(0..area.height)
    {
        let area = row(area, line);
        let chosen = selectable && index == list.at;
        if chosen {
            buffer.set_style(area, look.selected);
        }
        let tint = |style: Style| if chosen { Style::new() } else { style };
        let mut pen = Pen::new(buffer, area);
        pen.put(if chosen { "▸" } else { " " }, Style::new());
        pen.put(&moment(event.time, state.zone(), dated), tint(look.dim))
            .skip(1);
        pen.left(
            &severity(event.severity),
            10,
            tint(severity_style(event.severity, &look)),
        )
        .skip(1);
        if typed {
            pen.left(event.event_type.as_str(), 8, tint(look.dim)).skip(1);
        }
        pen.put(&event.message, Style::new());
    }
}

fn full(state: &State, event: &LogEvent, area: Rect, buffer: &mut Buffer) {
    let look = state.look();
    let mut facts = format!(
        "event {} · {} · {}",
        event.id,
        event.action,
        moment(event.time, state.zone(), true)
    );
    if let Some(vm) = event.vm {
        facts.push_str(&format!(" · machine {vm}"));
    }
    if let Some(user) = event.user {
        facts.push_str(&format!(" · user {user}"));
    }
    let lines = wrap(&event.message, area.width.saturating_sub(2));
    for (line, at) in lines.iter().zip(0..area.height.saturating_sub(1)) {
        Pen::new(buffer, row(area, at)).skip(1).put(line, Style::new());
    }
    Pen::new(buffer, row(area, area.height.saturating_sub(1)))
        .skip(1)
        .put(&facts, look.dim);
}

/// A moment in the viewer's zone.
pub(crate) fn moment(time: Timestamp, zone: &TimeZone, dated: bool) -> String {
    let format = if dated { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" };
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

/// A severity with its glyph.
pub(crate) fn severity(severity: Severity) -> String {
    let glyph = match severity {
        Severity::Info => '·',
        Severity::Warning => '▲',
        Severity::Critical => '◆',
    };
    format!("{glyph} {severity}")
}

fn severity_style(severity: Severity, look: &Look) -> Style {
    match severity {
        Severity::Info => look.dim,
        Severity::Warning => look.warn,
        Severity::Critical => look.bad,
    }
}
