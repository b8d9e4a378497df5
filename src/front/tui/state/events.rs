//! A list of events, newest first, that grows at both ends: live at the top, by keyset pages at
//! the bottom. It holds a bounded window.

use crate::core::{LogQuery, Result};
use crate::front::tui::event::{Effect, Slot};
use crate::front::tui::words;
use crate::model::Event as LogEvent;

/// Events asked for at a time.
const PAGE: u32 = 200;
/// Most that are held; older pages push newer ones out, and `g` brings those back.
const WINDOW: usize = 2_000;

/// Events of one query.
#[derive(Clone, Debug)]
pub(crate) struct EventList {
    pub(crate) slot: Slot,
    pub(crate) query: LogQuery,
    pub(crate) items: Vec<LogEvent>,
    pub(crate) at: usize,
    pub(crate) offset: usize,
    /// The newest were pushed out: what is shown is not live.
    pub(crate) detached: bool,
    pub(crate) loading: bool,
    pub(crate) error: Option<String>,
    /// Something newer came while a page was under way.
    stale: bool,
    /// There is nothing older.
    complete: bool,
    /// A page came at least once.
    pub(crate) loaded: bool,
}

impl EventList {
    pub(crate) fn new(slot: Slot, query: LogQuery) -> Self {
        Self {
            slot,
            query,
            items: Vec::new(),
            at: 0,
            offset: 0,
            detached: false,
            loading: false,
            error: None,
            stale: false,
            complete: false,
            loaded: false,
        }
    }

    /// Asks for the newest page, now or as soon as the one under way has come.
    pub(crate) fn newest(&mut self) -> Option<Effect> {
        if self.loading {
            self.stale = true;
            return None;
        }
        self.load(LogQuery {
            before: None,
            limit: PAGE,
            ..self.query
        })
    }

    /// Asks for the newest page unless the list has been scrolled away from it.
    pub(crate) fn follow(&mut self) -> Option<Effect> {
        if self.detached { None } else { self.newest() }
    }

    fn load(&mut self, query: LogQuery) -> Option<Effect> {
        self.loading = true;
        self.stale = false;
        Some(Effect::LoadEvents {
            slot: self.slot,
            query,
        })
    }

    /// A page came.
    pub(crate) fn arrived(&mut self, query: LogQuery, result: Result<Vec<LogEvent>>) -> Option<Effect> {
        let same = query.vm == self.query.vm
            && query.at_least == self.query.at_least
            && query.event_type == self.query.event_type;
        if !same {
            return None;
        }
        self.loading = false;
        match result {
            Ok(page) => self.take(query, page),
            Err(error) => self.error = Some(words::of(&error)),
        }
        if self.stale { self.follow() } else { None }
    }

    fn take(&mut self, query: LogQuery, page: Vec<LogEvent>) {
        self.error = None;
        self.loaded = true;
        let full = page.len() >= PAGE as usize;
        if query.before.is_some() {
            self.complete = !full;
            let last = self.items.last().map(|it| it.id);
            self.items
                .extend(page.into_iter().filter(|it| last.is_none_or(|last| it.id < last)));
            let over = self.items.len().saturating_sub(WINDOW);
            if over > 0 {
                self.items.drain(..over);
                self.at = self.at.saturating_sub(over);
                self.offset = self.offset.saturating_sub(over);
                self.detached = true;
            }
            return;
        }
        let selected = self.items.get(self.at).map(|it| it.id).filter(|_| self.at > 0);
        let (before_at, before_offset) = (self.at, self.offset);
        // What is held continues the page if they overlap; otherwise there is a gap: start anew.
        let oldest = page.last().map(|it| it.id);
        let joins = !self.detached
            && oldest.is_some_and(|oldest| self.items.first().is_some_and(|first| oldest <= first.id));
        let rest: Vec<_> = if joins && full {
            self.items
                .drain(..)
                .filter(|it| oldest.is_some_and(|oldest| it.id < oldest))
                .collect()
        } else {
            self.complete = !full;
            Vec::new()
        };
        self.items = page;
        self.items.extend(rest);
        self.items.truncate(WINDOW);
        self.detached = false;
        self.at = selected
            .and_then(|id| self.items.iter().position(|it| it.id == id))
            .unwrap_or(0);
        self.offset = (before_offset + self.at).saturating_sub(before_at);
    }

    /// Moves the selection; asks for older events near the end.
    pub(crate) fn go(&mut self, to: usize) -> Option<Effect> {
        self.at = to.min(self.items.len().saturating_sub(1));
        let near = self.at + PAGE as usize / 4 >= self.items.len();
        if !near || self.complete || self.loading {
            return None;
        }
        let before = self.items.last()?.id;
        self.load(LogQuery {
            before: Some(before),
            limit: PAGE,
            ..self.query
        })
    }

    /// Back to the newest.
    pub(crate) fn first(&mut self) -> Option<Effect> {
        self.at = 0;
        self.offset = 0;
        if self.detached { self.newest() } else { None }
    }

    /// Brings the selection into a window of `height` rows.
    pub(crate) fn settle(&mut self, height: usize) {
        self.offset = scrolled(self.offset, self.at, height, self.items.len());
    }
}

/// The first row to show so that row `at` of `count` is among `height` rows.
pub(crate) fn scrolled(offset: usize, at: usize, height: usize, count: usize) -> usize {
    let height = height.max(1);
    let lowest = (at + 1).saturating_sub(height);
    offset
        .clamp(lowest, at.max(lowest))
        .min(count.saturating_sub(height).max(lowest))
}
