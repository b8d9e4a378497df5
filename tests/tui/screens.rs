//! Every screen, as it looks.

use crate::fixtures::{catalogue, ended, events, shared_view, view};
use crate::screen::Screen;
use twarga::core::{Door, Error, Health, KeeperKind, Keeping, LogQuery, OperationQuery};
use twarga::front::tui::{Event, Reply, Setup, Slot};
use twarga::model::{OperationKind, OperationState, Role, Theme};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// Compares a screen at both sizes with what is kept in `snapshots/`.
fn at_both_sizes(name: &str, screen: impl Fn(u16, u16) -> Screen) {
    for (width, height) in SIZES {
        insta::assert_snapshot!(format!("{name}@{width}x{height}"), screen(width, height).text());
    }
}

fn log(screen: Screen) -> Screen {
    let query = LogQuery {
        limit: 200,
        ..LogQuery::default()
    };
    screen.reply(Reply::Events {
        slot: Slot::Log,
        query,
        result: Ok(events(40, 30)),
    })
}

fn history(screen: Screen) -> Screen {
    let query = OperationQuery {
        active: false,
        before: None,
        limit: 100,
    };
    let past = vec![
        ended(
            16,
            OperationKind::Stop,
            OperationState::Failed,
            Some("the guest did not power off within 60 s"),
        ),
        ended(15, OperationKind::Start, OperationState::Done, None),
        ended(14, OperationKind::Create, OperationState::Cancelled, None),
    ];
    screen.reply(Reply::Operations {
        query,
        result: Ok(past),
    })
}

#[test]
fn doors() {
    at_both_sizes("welcome", |w, h| Screen::at_door(Door::FirstAccount, w, h));
    at_both_sizes("welcome-filled", |w, h| {
        Screen::at_door(Door::FirstAccount, w, h)
            .keys("Al<Tab>alice@example.org<Tab>correct horse battery<Tab>correct horse")
    });
    at_both_sizes("not-set-up", |w, h| Screen::at_door(Door::NotSetUp, w, h));
    at_both_sizes("sign-in", |w, h| Screen::at_door(Door::Open, w, h));
    at_both_sizes("sign-in-refused", |w, h| {
        Screen::at_door(Door::Open, w, h)
            .keys("alice<Tab>wrong password<Enter>")
            .reply(Reply::SignedIn(Err(Error::WrongCredentials)))
    });
    at_both_sizes("register", |w, h| Screen::at_door(Door::Open, w, h).keys("<C-n>"));
    at_both_sizes("cannot-begin", |w, h| {
        Screen::opened(Setup::default(), w, h)
            .reply(Reply::Door(Err(Error::Internal("the core is gone".into()))))
    });
    at_both_sizes("locked", |w, h| Screen::signed_in(Role::Admin, w, h).keys("L"));
}

#[test]
fn machines() {
    at_both_sizes("vms", |w, h| Screen::signed_in(Role::User, w, h));
    at_both_sizes("vms-admin", |w, h| {
        Screen::with(Setup::default(), Role::Admin, shared_view(), w, h).keys("G")
    });
    at_both_sizes("vms-empty", |w, h| {
        let mut empty = view();
        empty.machines.clear();
        empty.operations.clear();
        Screen::with(Setup::default(), Role::User, empty, w, h)
    });
    at_both_sizes("vms-filter", |w, h| {
        Screen::signed_in(Role::User, w, h).keys("/web")
    });
    at_both_sizes("vms-detail", |w, h| {
        Screen::signed_in(Role::User, w, h).keys("G<Enter>")
    });
    at_both_sizes("vms-waiting", |w, h| {
        Screen::at_door(Door::Open, w, h).reply(Reply::SignedIn(Ok(crate::fixtures::somebody(Role::User))))
    });
    at_both_sizes("vms-trouble", |w, h| {
        let mut trouble = view();
        trouble.health = Health::Silent {
            since: crate::fixtures::ago(12),
        };
        trouble.as_of = Some(crate::fixtures::ago(14));
        trouble.keeping = Keeping::Elsewhere {
            pid: 4711,
            kind: KeeperKind::Serve,
            silent_since: Some(crate::fixtures::ago(30)),
        };
        trouble.problems = vec![
            "the pool twarga is full".to_owned(),
            "the network default is off".to_owned(),
        ];
        Screen::with(Setup::default(), Role::Admin, trouble, w, h)
    });
}

#[test]
fn popups() {
    let user = |w, h| Screen::signed_in(Role::User, w, h);
    at_both_sizes("new-vm", |w, h| {
        user(w, h).keys("n").reply(Reply::Catalogue(Ok(catalogue())))
    });
    at_both_sizes("new-vm-refused", |w, h| {
        let form = user(w, h).keys("n").reply(Reply::Catalogue(Ok(catalogue())));
        form.keys("web-1<Tab><Right><Tab><C-u>9000<Tab>+++++<Tab>-<Tab><Tab>x<Tab>nonsense")
    });
    at_both_sizes("destroy", |w, h| user(w, h).keys("Dweb"));
    at_both_sizes("force-off", |w, h| user(w, h).keys("jjX"));
    at_both_sizes("help", |w, h| user(w, h).keys("?"));
    at_both_sizes("palette", |w, h| user(w, h).keys(":sta"));
    at_both_sizes("operations", |w, h| history(user(w, h).keys("O")));
    at_both_sizes("operation-failed", |w, h| history(user(w, h).keys("O")).keys("j"));
    at_both_sizes("messages", |w, h| {
        let failed = ended(
            16,
            OperationKind::Stop,
            OperationState::Failed,
            Some("the guest did not power off"),
        );
        let id = failed.id;
        user(w, h)
            .keys("T")
            .reply(Reply::Operation {
                id,
                result: Ok(failed),
            })
            .keys("E")
    });
    at_both_sizes("quit-with-work", |w, h| user(w, h).keys("q"));
}

#[test]
fn the_log() {
    at_both_sizes("soc", |w, h| log(Screen::signed_in(Role::Admin, w, h).keys("2")));
}

#[test]
fn small_screens() {
    let small = |name: &str, screen: Screen| insta::assert_snapshot!(name, screen.text());
    small(
        "welcome@40x10",
        Screen::at_door(Door::FirstAccount, 40, 10).keys("al<Tab>x"),
    );
    small("sign-in@40x10", Screen::at_door(Door::Open, 40, 10));
    small("vms@40x10", Screen::signed_in(Role::User, 40, 10));
    small(
        "new-vm@40x10",
        Screen::signed_in(Role::User, 40, 10)
            .keys("n")
            .reply(Reply::Catalogue(Ok(catalogue()))),
    );
    small("help@40x10", Screen::signed_in(Role::User, 40, 10).keys("?"));
    small("soc@40x10", log(Screen::signed_in(Role::User, 40, 10).keys("2")));
    small(
        "operations@40x10",
        history(Screen::signed_in(Role::User, 40, 10).keys("O")),
    );
    small("vms@39x9", Screen::signed_in(Role::User, 39, 9));
    let grown = Screen::signed_in(Role::User, 39, 9).event(Event::Resize(ratatui::layout::Size::new(80, 24)));
    assert_eq!(grown.text(), Screen::signed_in(Role::User, 80, 24).text());
}

#[test]
fn monochrome_has_no_colours_and_says_the_same() {
    let setup = Setup {
        theme: Some(Theme::Light),
        no_color: true,
        ..Setup::default()
    };
    let mono = Screen::with(setup, Role::User, view(), 80, 24);
    assert_eq!(mono.text(), Screen::signed_in(Role::User, 80, 24).text());
    let backend = ratatui::backend::TestBackend::new(80, 24);
    let mut terminal = ratatui::Terminal::new(backend).unwrap();
    terminal
        .draw(|frame| twarga::front::tui::draw(&mono.state, frame))
        .unwrap();
    let reset = ratatui::style::Color::Reset;
    assert!(
        terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .all(|it| it.fg == reset && it.bg == reset)
    );
}

#[test]
fn every_theme_and_switched_off_part() {
    for theme in [Theme::Dark, Theme::Light, Theme::Mono] {
        let setup = Setup {
            theme: Some(theme),
            ..Setup::default()
        };
        assert!(Screen::with(setup, Role::User, view(), 80, 24).shows("web-1"));
    }
    let mut setup = Setup {
        demo: true,
        ..Setup::default()
    };
    setup.features.soc = false;
    setup.features.monitoring = false;
    insta::assert_snapshot!(
        "vms-bare@120x40",
        Screen::with(setup, Role::User, view(), 120, 40).text()
    );
}
