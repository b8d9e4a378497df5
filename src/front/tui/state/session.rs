//! What is on the screen of somebody who is signed in.

use super::Features;
use super::door::Lock;
use super::work::Work;
use crate::core::{Health, Keeping, View};
use crate::front::tui::console::panes::Panes;
use crate::front::tui::event::{Effect, Entered, ImageWish};
use crate::front::tui::keys::Focus;
use crate::front::tui::popups::Popup;
use crate::front::tui::tabs;
use crate::front::tui::tabs::soc::Soc;
use crate::front::tui::tabs::vms::Vms;
use crate::model::Preferences;
use jiff::Timestamp;
use ratatui::layout::Rect;
use std::sync::Arc;

/// The keeper may be nobody for a moment while one takes over: no alert before that has passed.
const TAKEOVER_SECONDS: i64 = 5;

/// A session's screen.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) me: Entered,
    pub(crate) view: Option<Arc<View>>,
    pub(crate) preferences: Preferences,
    /// Which of the enabled tabs is shown.
    pub(crate) tab: usize,
    pub(crate) vms: Vms,
    pub(crate) soc: Soc,
    pub(crate) consoles: Panes,
    /// The last one is on top and has the keyboard.
    pub(crate) popups: Vec<Popup>,
    pub(crate) lock: Option<Lock>,
    pub(crate) work: Work,
    /// Since when nobody keeps.
    keeperless: Option<Timestamp>,
    last_event: Option<i64>,
    /// When the machine that was started last was started: its age changes every second.
    youngest: Option<Timestamp>,
}

impl Session {
    pub(crate) fn new(me: Entered) -> Self {
        Self {
            me,
            view: None,
            preferences: Preferences::default(),
            tab: 0,
            vms: Vms::default(),
            soc: Soc::default(),
            consoles: Panes::default(),
            popups: Vec::new(),
            lock: None,
            work: Work::default(),
            keeperless: None,
            last_event: None,
            youngest: None,
        }
    }

    /// What has the keyboard.
    pub(crate) fn focus(&self, features: &Features) -> Focus {
        if self.lock.is_some() {
            return Focus::Lock;
        }
        if let Some(popup) = self.popups.last() {
            return popup.focus();
        }
        if let Some(focus) = self.consoles.focus() {
            return focus;
        }
        let focus = self.tab_focus(features);
        if focus == Focus::Vms && self.vms.filtering {
            Focus::Filter
        } else {
            focus
        }
    }

    /// When the recording that is played has something new to show.
    pub(crate) fn next_frame(&self, now: Timestamp) -> Option<Timestamp> {
        match self.popups.last() {
            Some(Popup::Replay(replay)) if self.lock.is_none() => replay.next_wake(now),
            _ => None,
        }
    }

    /// What has the keyboard when no popup is open.
    pub(crate) fn tab_focus(&self, features: &Features) -> Focus {
        tabs::enabled(features)
            .get(self.tab)
            .map_or(Focus::Vms, |it| it.focus)
    }

    /// Takes in a new view of the world.
    pub(crate) fn see(&mut self, view: Arc<View>, features: &Features, now: Timestamp) -> Vec<Effect> {
        let mut wanted = self.work.observe(&view, self.me.user, now);
        self.keeperless = match view.keeping {
            Keeping::Nobody => self.keeperless.or(Some(now)),
            _ => None,
        };
        self.youngest = view.machines.iter().filter_map(|it| it.vm.started_at).max();
        self.vms.list(&view, self.me.role);
        if self.last_event != Some(view.last_event) {
            self.last_event = Some(view.last_event);
            if features.soc {
                let shown = self.shows_log(features);
                wanted.extend(self.soc.grew(view.last_event, shown));
            }
            wanted.extend(self.vms.events.as_mut().and_then(|it| it.follow()));
        }
        if !wanted.is_empty()
            && let Some(Popup::Operations(list)) = self
                .popups
                .iter_mut()
                .find(|it| matches!(it, Popup::Operations(_)))
        {
            wanted.extend(list.newest());
        }
        let at_work = |view: &View| view.operations.iter().map(|it| it.id).collect::<Vec<_>>();
        let before = self.view.as_deref().map(at_work);
        if before.is_some_and(|before| before != at_work(&view))
            && self.popups.iter().any(|it| matches!(it, Popup::Images(_)))
        {
            // What ended may have brought an image.
            wanted.push(Effect::Image(ImageWish::List));
        }
        wanted.extend(self.vms.wanted(&view));
        self.view = Some(view);
        wanted
    }

    /// Whether the log is the shown tab.
    pub(crate) fn shows_log(&self, features: &Features) -> bool {
        self.tab_focus(features) == Focus::Soc
    }

    /// The newest event that may be read.
    pub(crate) fn last_event(&self) -> i64 {
        self.last_event.unwrap_or(0)
    }

    /// Whether nobody has kept for longer than a change of keepers takes.
    pub(crate) fn waits_for_keeper(&self, now: Timestamp) -> bool {
        self.keeperless
            .is_some_and(|since| now.duration_since(since).as_secs() >= TAKEOVER_SECONDS)
    }

    /// Whether something is shown that changes every second.
    pub(crate) fn counts_seconds(&self, now: Timestamp) -> bool {
        let Some(view) = self.view.as_deref() else {
            return false;
        };
        view.health != Health::Up
            || !view.operations.is_empty()
            || matches!(
                view.keeping,
                Keeping::Nobody
                    | Keeping::Elsewhere {
                        silent_since: Some(_),
                        ..
                    }
            )
            || self
                .youngest
                .is_some_and(|it| now.duration_since(it).as_secs() < 60)
    }

    /// Brings every selection into sight.
    pub(crate) fn settle(&mut self, body: Rect, messages: usize) {
        self.vms.settle(body);
        let (rows, _) = tabs::soc::places(body);
        self.soc.list.settle(rows.height.into());
        let view = self.view.clone();
        for popup in &mut self.popups {
            popup.settle(view.as_deref(), body, messages);
        }
    }
}
