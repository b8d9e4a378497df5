//! What is wrong right now, in words: the lines below the header.

use super::session::Session;
use crate::core::{Health, KeeperKind, Keeping};
use crate::front::tui::widgets::units;
use jiff::Timestamp;

/// Everything that is wrong, the worst first.
pub(crate) fn alerts(session: &Session, now: Timestamp) -> Vec<String> {
    let Some(view) = session.view.as_deref() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let age = match view.as_of {
        Some(as_of) => format!(
            "; machines as they were {} ago",
            units::span(units::seconds(as_of, now))
        ),
        None => "; no machine was seen yet".to_owned(),
    };
    match &view.health {
        Health::Up => {}
        Health::Connecting => lines.push("libvirt: connecting …".to_owned()),
        Health::Silent { since } => {
            lines.push(format!(
                "libvirt: not responding since {}{age}",
                units::span(units::seconds(*since, now))
            ));
        }
        Health::Down { since, reason } => {
            let down = units::span(units::seconds(*since, now));
            lines.push(format!("libvirt: down since {down}: {reason}{age}"));
        }
    }
    match &view.keeping {
        Keeping::Nobody if session.waits_for_keeper(now) => {
            lines.push("no keeper: operations wait until one takes over".to_owned());
        }
        Keeping::Elsewhere {
            pid,
            kind,
            silent_since: Some(since),
        } => {
            let silent = units::span(units::seconds(*since, now));
            let who = kind_word(*kind);
            lines.push(format!(
                "keeper {who} {pid}: silent for {silent}; if it is stopped, `kill -CONT {pid}`"
            ));
        }
        _ => {}
    }
    lines.extend(view.problems.iter().cloned());
    lines
}

/// Who keeps, in a word or two.
pub(crate) fn keeper(keeping: &Keeping) -> String {
    match keeping {
        Keeping::Nobody => "no keeper".to_owned(),
        Keeping::Here { .. } => "keeper here".to_owned(),
        Keeping::Elsewhere {
            pid,
            kind,
            silent_since,
        } => {
            let silent = if silent_since.is_some() { " silent" } else { "" };
            format!("keeper {} {pid}{silent}", kind_word(*kind))
        }
    }
}

fn kind_word(kind: KeeperKind) -> &'static str {
    match kind {
        KeeperKind::Command => "command",
        KeeperKind::Tui => "tui",
        KeeperKind::Serve => "serve",
    }
}
