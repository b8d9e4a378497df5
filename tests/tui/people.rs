//! Coming in, being locked out, going.

use crate::fixtures::{ago, noon, view};
use crate::screen::Screen;
use jiff::SignedDuration;
use std::time::Duration;
use twarga::core::{Door, Error};
use twarga::front::tui::{Effect, Event, Exit, Reply, Setup};
use twarga::model::{Field, FieldError, Role};

#[test]
fn the_first_account_is_made_and_enters() {
    let mut screen = Screen::at_door(Door::FirstAccount, 80, 24);
    assert_eq!(screen.wants(), ["AskDoor"]);
    let mut screen =
        screen.keys("alice<Enter>alice@example.org<Enter>tr0ubador&9horse<Enter>tr0ubador&9horse<Enter>");
    assert_eq!(
        screen.wants(),
        ["Register { username: \"alice\", email: \"alice@example.org\", password: … }"]
    );
    let mut screen = screen.reply(Reply::SignedIn(Ok(crate::fixtures::somebody(Role::Admin))));
    assert_eq!(screen.wants(), ["Follow"]);
    assert!(screen.see(view()).shows("web-1"));
}

#[test]
fn a_weak_password_is_refused_with_its_reason_and_nothing_is_asked() {
    let mut screen = Screen::at_door(Door::FirstAccount, 80, 24);
    screen.wants();
    let mut screen = screen.keys("alice<Tab>alice@example.org<Tab>short<Tab>short<Enter>");
    assert!(screen.wants().is_empty());
    assert!(
        screen.line("password").contains("8 characters"),
        "{}",
        screen.text()
    );
}

#[test]
fn passwords_are_never_shown() {
    let typed =
        Screen::at_door(Door::FirstAccount, 120, 40).keys("al<Tab>a@b<Tab>sesame-open<Tab>sesame-close");
    assert!(!typed.shows("sesame"));
    assert!(typed.shows("•••••••••••"));
}

#[test]
fn a_refusal_of_the_core_stands_beside_its_field() {
    let taken = Error::Invalid(vec![FieldError::new(Field::Username, "this name is taken")]);
    let screen = Screen::at_door(Door::Open, 80, 24)
        .keys("<C-n>alice<Tab>alice@example.org<Tab>tr0ubador&9horse<Tab>tr0ubador&9horse<Enter>")
        .reply(Reply::SignedIn(Err(taken)));
    assert!(screen.line("name").contains("this name is taken"));
}

#[test]
fn after_too_many_failures_the_door_counts_down_and_asks_nothing() {
    let until = noon() + SignedDuration::from_secs(552);
    let mut screen = Screen::at_door(Door::Open, 80, 24)
        .keys("alice<Tab>nope<Enter>")
        .reply(Reply::SignedIn(Err(Error::LockedOut { until })));
    assert!(screen.shows("the next one is heard in 9m 12s"));
    screen.wants();
    let mut screen = screen.wait(12).keys("again<Enter>");
    assert!(screen.shows("9m 0s"));
    assert!(screen.wants().is_empty());
    let mut screen = screen.wait(541).keys("<Enter>");
    assert_eq!(screen.wants().len(), 1);
}

#[test]
fn a_token_that_is_no_longer_good_leads_to_the_door() {
    let mut screen = Screen::opened(
        Setup {
            resume: true,
            ..Setup::default()
        },
        80,
        24,
    );
    assert_eq!(screen.wants(), ["Resume"]);
    let mut screen = screen.reply(Reply::SignedIn(Err(Error::NotSignedIn("the session expired"))));
    assert_eq!(screen.wants(), ["AskDoor"]);
}

#[test]
fn the_lock_keeps_everything_and_shows_none_of_it() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("nmine").wait(15 * 60);
    assert!(screen.wants().contains(&"Lock".to_owned()));
    assert!(screen.shows("alice is signed in") && !screen.shows("web-1") && !screen.shows("mine"));
    let mut screen = screen.keys("wrong<Enter>");
    assert_eq!(screen.wants(), ["Unlock(…)"]);
    let screen = screen.reply(Reply::Unlocked(Err(Error::WrongCredentials)));
    assert!(screen.shows("the password is wrong"));
    let screen = screen.keys("right<Enter>").reply(Reply::Unlocked(Ok(())));
    assert!(screen.shows("mine"));
}

#[test]
fn keys_put_the_lock_off_and_a_wall_of_an_auditor_has_none() {
    let mut busy = Screen::signed_in(Role::User, 80, 24);
    for _ in 0..4 {
        busy = busy.wait(5 * 60).keys("j");
    }
    assert!(busy.shows("web-1"));
    let kiosk = Setup {
        kiosk: true,
        ..Setup::default()
    };
    let wall = Screen::with(kiosk.clone(), Role::Auditor, view(), 80, 24).wait(24 * 3600);
    assert!(wall.shows("web-1"));
    let not_an_auditor = Screen::with(kiosk, Role::Admin, view(), 80, 24).wait(24 * 3600);
    assert!(!not_an_auditor.shows("web-1"));
    let never = Setup {
        idle_lock: None,
        ..Setup::default()
    };
    assert!(
        Screen::with(never, Role::User, view(), 80, 24)
            .wait(3600)
            .shows("web-1")
    );
    let short = Setup {
        idle_lock: Some(Duration::from_secs(5)),
        ..Setup::default()
    };
    assert!(
        !Screen::with(short, Role::User, view(), 80, 24)
            .wait(5)
            .shows("web-1")
    );
}

#[test]
fn a_session_that_ended_elsewhere_leads_to_the_door_and_late_replies_are_dropped() {
    let screen = Screen::signed_in(Role::User, 80, 24);
    let before = screen.state.generation();
    let mut screen = screen.reply(Reply::WatchEnded(Error::NotSignedIn(
        "the account was deactivated",
    )));
    assert_eq!(screen.wants(), ["AskDoor"]);
    let late = Event::Reply {
        generation: before,
        reply: Box::new(Reply::View(view().into())),
    };
    let screen = screen.reply(Reply::Door(Ok(Door::Open)));
    assert!(screen.shows("sign in") && !screen.shows("web-1"));
    // What belonged to the one must never be shown to the next.
    let next = screen
        .reply(Reply::SignedIn(Ok(crate::fixtures::somebody(Role::User))))
        .event(late);
    assert!(!next.shows("web-1"));
}

#[test]
fn signing_out_forgets_everything_also_from_the_lock() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("L<C-o>");
    assert_eq!(screen.wants(), ["Lock", "SignOut", "AskDoor"]);
    let screen = screen.reply(Reply::Door(Ok(Door::Open)));
    assert!(screen.shows("password") && !screen.shows("locked"));
}

#[test]
fn quitting_is_immediate_where_nothing_runs_and_asked_where_something_does() {
    let mut idle = view();
    idle.operations.clear();
    let screen = Screen::with(Setup::default(), Role::User, idle.clone(), 80, 24).keys("q");
    assert_eq!(screen.state.exit(), Some(Exit::Quit));

    let screen = Screen::signed_in(Role::User, 80, 24).keys("q");
    assert_eq!(screen.state.exit(), None);
    assert_eq!(screen.keys("l").state.exit(), Some(Exit::Quit));

    let screen = Screen::signed_in(Role::User, 80, 24).keys("qc");
    assert_eq!((screen.state.exit(), screen.shows("leave now")), (None, false));

    let screen = Screen::signed_in(Role::User, 80, 24).keys("qw");
    assert_eq!(screen.state.exit(), None);
    assert_eq!(screen.see(idle).state.exit(), Some(Exit::Quit));

    let twice = Screen::signed_in(Role::User, 80, 24).keys("<C-c><C-c>");
    assert_eq!(twice.state.exit(), Some(Exit::Quit));
}

#[test]
fn signals_and_a_terminal_that_is_gone_end_it_at_once() {
    let screen = Screen::signed_in(Role::User, 80, 24).event(Event::Terminate(15));
    assert_eq!(screen.state.exit(), Some(Exit::Signal(15)));
    let screen = Screen::signed_in(Role::User, 80, 24).event(Event::HungUp);
    assert_eq!(screen.state.exit(), Some(Exit::HungUp));
}

#[test]
fn ctrl_z_stops_the_group_and_a_signal_only_this_process() {
    let mut screen = Screen::signed_in(Role::User, 80, 24)
        .keys("<C-z>")
        .event(Event::Suspend);
    assert_eq!(
        screen.wants(),
        ["Suspend { group: true }", "Suspend { group: false }"]
    );
}

#[test]
fn a_clock_set_back_makes_nothing_younger() {
    let mut screen = Screen::signed_in(Role::User, 80, 24);
    let before = screen.text();
    screen.now = ago(9_000);
    assert_eq!(screen.event(Event::Tick).text(), before);
}

#[test]
fn debug_output_has_no_password() {
    let effect = Effect::Unlock(twarga::front::tui::Secret("hunter2".into()));
    assert!(!format!("{effect:?}").contains("hunter2"));
}
