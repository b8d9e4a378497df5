//! Hostile names, and whatever keys and sizes: it never panics, and nothing hidden is shown.

use crate::fixtures::{catalogue, ended, events, shared_view, somebody, view};
use crate::screen::Screen;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use ratatui::layout::Size;
use std::sync::Arc;
use twarga::core::{Door, Error, Health, LogQuery, OperationQuery, View};
use twarga::front::tui::{Event, Reply, Setup, Slot};
use twarga::model::text::visible;
use twarga::model::{EventId, OperationId, OperationKind, OperationState, Role};

const EVIL: &str = "\x1b[2J\x1b]0;owned\x07\u{202e}txt.exe\u{200b}\u{feff}世界\r\n\u{1f469}\u{200d}\u{1f680}";

/// The fixtures with hostile text wherever text comes from elsewhere.
fn evil_view() -> View {
    let mut view = shared_view();
    for machine in &mut view.machines {
        machine.owner = EVIL.to_owned();
        machine.vm.image = EVIL.to_owned();
        machine.vm.guest_user = EVIL.to_owned();
        machine.reason = Some(EVIL.repeat(9));
        if let Some(operation) = &mut machine.operation {
            operation.steps[1].name = EVIL.to_owned();
            operation.name = EVIL.to_owned();
            operation.error = Some(EVIL.to_owned());
        }
    }
    view.operations = view
        .machines
        .iter()
        .filter_map(|it| it.operation.clone())
        .collect();
    view.foreign[0].name = EVIL.to_owned();
    view.health = Health::Down {
        since: crate::fixtures::ago(9),
        reason: EVIL.to_owned(),
    };
    view.problems = vec![EVIL.to_owned()];
    view
}

#[track_caller]
fn assert_clean(screen: &Screen) {
    for symbol in screen.symbols() {
        assert_eq!(
            visible(&symbol),
            symbol,
            "hidden characters in a cell of\n{}",
            screen.text()
        );
    }
}

#[test]
fn hostile_text_is_shown_and_never_acts() {
    for (width, height) in [(80, 24), (120, 40), (40, 10), (200, 60)] {
        for keys in [
            "", "<Enter>", "G", "G<Enter>", "O", "q", "E", "D", "X", "/x", "n", "2", ":a", "?",
        ] {
            let mut screen = Screen::with(Setup::default(), Role::Admin, evil_view(), width, height);
            let query = LogQuery {
                limit: 200,
                ..LogQuery::default()
            };
            let mut log = events(40, 30);
            for event in &mut log {
                event.message = EVIL.to_owned();
                event.action = EVIL.to_owned();
            }
            let mut failed = ended(3, OperationKind::Stop, OperationState::Failed, Some(EVIL));
            failed.name = EVIL.to_owned();
            screen = screen
                .keys(keys)
                .reply(Reply::Catalogue(Err(Error::Conflict(EVIL.to_owned()))))
                .reply(Reply::Events {
                    slot: Slot::Log,
                    query,
                    result: Ok(log),
                })
                .reply(Reply::Operation {
                    id: failed.id,
                    result: Ok(failed),
                });
            assert_clean(&screen);
        }
    }
}

#[test]
fn typed_and_pasted_text_is_shown_for_what_it_is() {
    let screen = Screen::at_door(Door::Open, 80, 24).keys("a\u{202e}b");
    assert_clean(&screen);
    assert!(screen.shows("\\u{202e}"));
    let screen = Screen::signed_in(Role::User, 80, 24)
        .keys("/")
        .event(Event::Paste(EVIL.to_owned()));
    assert_clean(&screen);
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        8 => prop::sample::select("nsSRpDX/:?OETL12fgGjkhlvxqyw=<>+- 0aZ".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down,
            KeyCode::Left, KeyCode::Right, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End,
            KeyCode::Backspace, KeyCode::Delete, KeyCode::F(1),
        ]),
    ];
    let modifiers = prop_oneof![
        9 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::CONTROL),
        1 => Just(KeyModifiers::ALT),
    ];
    (code, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

fn any_reply() -> impl Strategy<Value = u8> {
    0u8..18
}

/// Replies of the core, good and bad, asked for or not.
fn reply(number: u8) -> Reply {
    let query = LogQuery {
        limit: 200,
        ..LogQuery::default()
    };
    let past = OperationQuery {
        active: false,
        before: None,
        limit: 100,
    };
    match number {
        0 => Reply::Door(Ok(Door::Open)),
        1 => Reply::Door(Ok(Door::FirstAccount)),
        2 => Reply::Door(Err(Error::Internal(EVIL.into()))),
        3 => Reply::SignedIn(Ok(somebody(Role::Admin))),
        4 => Reply::SignedIn(Err(Error::WrongCredentials)),
        5 => Reply::View(Arc::new(view())),
        6 => Reply::View(Arc::new(evil_view())),
        7 => Reply::View(Arc::new(View {
            machines: Vec::new(),
            operations: Vec::new(),
            ..view()
        })),
        8 => Reply::WatchEnded(Error::NotSignedIn("it ended")),
        9 => Reply::Catalogue(Ok(catalogue())),
        10 => Reply::Unlocked(Ok(())),
        11 => Reply::Unlocked(Err(Error::WrongCredentials)),
        12 => Reply::Events {
            slot: Slot::Log,
            query,
            result: Ok(events(300, 200)),
        },
        13 => {
            let older = LogQuery {
                before: Some(EventId(101)),
                ..query
            };
            Reply::Events {
                slot: Slot::Log,
                query: older,
                result: Ok(events(100, 99)),
            }
        }
        14 => Reply::Operations {
            query: past,
            result: Ok(vec![ended(
                2,
                OperationKind::Stop,
                OperationState::Failed,
                Some(EVIL),
            )]),
        },
        15 => Reply::Operation {
            id: OperationId(17),
            result: Err(Error::Internal(EVIL.into())),
        },
        16 => Reply::Created {
            name: EVIL.into(),
            result: Err(Error::Conflict(EVIL.into())),
        },
        _ => Reply::Failed {
            what: "asking",
            error: Error::Conflict(EVIL.into()),
        },
    }
}

#[derive(Clone, Debug)]
enum Act {
    Key(KeyEvent),
    Click(u16, u16),
    Wheel(bool),
    Paste(String),
    Resize(u16, u16),
    Reply(u8),
    Wait(i64),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        20 => any_key().prop_map(Act::Key),
        2 => (0u16..130, 0u16..45).prop_map(|(x, y)| Act::Click(x, y)),
        1 => any::<bool>().prop_map(Act::Wheel),
        1 => any::<String>().prop_map(Act::Paste),
        2 => (1u16..140, 1u16..50).prop_map(|(w, h)| Act::Resize(w, h)),
        5 => any_reply().prop_map(Act::Reply),
        1 => (0i64..1000).prop_map(Act::Wait),
    ]
}

fn perform(screen: Screen, act: Act) -> Screen {
    let mouse = |kind, column, row| {
        Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    match act {
        Act::Key(key) => screen.event(Event::Key(key)),
        Act::Click(x, y) => screen.event(mouse(MouseEventKind::Down(MouseButton::Left), x, y)),
        Act::Wheel(true) => screen.event(mouse(MouseEventKind::ScrollUp, 1, 1)),
        Act::Wheel(false) => screen.event(mouse(MouseEventKind::ScrollDown, 1, 1)),
        Act::Paste(text) => screen.event(Event::Paste(text)),
        Act::Resize(width, height) => screen.event(Event::Resize(Size::new(width, height))),
        Act::Reply(number) => screen.reply(reply(number)),
        Act::Wait(seconds) => screen.wait(seconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_never_panics_and_shows_nothing_hidden(
        acts in prop::collection::vec(any_act(), 1..80),
        role in prop::sample::select(Role::ALL.to_vec()),
    ) {
        let mut screen = Screen::with(Setup::default(), role, evil_view(), 80, 24);
        for act in acts {
            screen = perform(screen, act);
            assert_clean(&screen);
        }
    }
}
