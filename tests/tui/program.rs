//! Help, palette, footer, log, operations, and the loop itself.

use crate::fixtures::{ended, events, noon, somebody, view};
use crate::screen::{Screen, named};
use ratatui::backend::TestBackend;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use twarga::core::{Door, Error, LogQuery, OperationQuery};
use twarga::front::tui::keys::{TABLE, markdown, names};
use twarga::front::tui::{Effect, Event, Exit, Reply, Setup, Slot, Stage, State, run_loop};
use twarga::model::{EventId, OperationId, OperationKind, OperationState, Role, Severity};

fn page(before: Option<i64>, newest: i64, count: i64) -> Reply {
    let query = LogQuery {
        before: before.map(EventId),
        limit: 200,
        ..LogQuery::default()
    };
    Reply::Events {
        slot: Slot::Log,
        query,
        result: Ok(events(newest, count)),
    }
}

#[test]
fn the_help_has_every_row_of_the_table() {
    // Scrolled through on a narrow screen, so that nothing depends on all of it fitting.
    let mut screen = Screen::signed_in(Role::User, 100, 12).keys("?");
    let mut seen = String::new();
    for _ in 0..40 {
        seen.push_str(&screen.text());
        screen = screen.keys("<PageDown>");
    }
    for row in TABLE {
        let first = row.keys[0].name();
        assert!(seen.contains(row.help.split(' ').next().unwrap()), "{}", row.help);
        assert!(seen.contains(&first), "{first}");
    }
    assert!(!screen.keys("<Esc>").shows("Keys ──"));
}

#[test]
fn the_readme_table_has_every_row() {
    let table = markdown();
    for row in TABLE {
        assert!(table.contains(row.help), "{}", names(row));
    }
}

#[test]
fn every_command_of_a_tab_can_be_found_by_its_name() {
    for row in TABLE {
        use twarga::front::tui::keys::{Command as C, Focus};
        let on_a_tab = row.places.iter().any(|it| matches!(it, Focus::Vms | Focus::Soc));
        let moves = matches!(
            row.command,
            C::Up | C::Down | C::PageUp | C::PageDown | C::First | C::Last
        );
        if on_a_tab && !moves && !matches!(row.command, C::Back | C::Palette) {
            let screen = Screen::signed_in(Role::User, 80, 24).keys(":").keys(row.name);
            assert!(screen.shows(row.name), "{}", row.name);
            assert!(!screen.shows("no command has these letters"), "{}", row.name);
        }
    }
}

#[test]
fn the_palette_runs_what_is_selected_and_says_why_not() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjj:restart<Enter>");
    assert_eq!(
        screen.wants(),
        ["Act { vm: VmId(1), name: \"web-1\", action: Restart }"]
    );
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjj:start");
    assert!(screen.shows("(it runs already)"));
    screen = screen.keys("<Enter>");
    assert!(screen.wants().is_empty() && screen.shows("start: it runs already"));
    // On another tab a machine's command must not act on what is not seen.
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjj2");
    screen.wants();
    let mut screen = screen.keys(":restart<Enter>");
    assert!(screen.wants().is_empty() && screen.shows("not on this tab"));
}

#[test]
fn the_footer_says_what_works_and_why_something_does_not() {
    let screen = Screen::signed_in(Role::User, 160, 40).keys("jjj");
    let footer = screen.text().lines().last().unwrap().to_owned();
    assert!(
        footer.contains("start (it runs already)") && footer.contains("S stop"),
        "{footer}"
    );
    // Where not all fits, the way to the rest stays.
    let narrow = Screen::signed_in(Role::User, 40, 10);
    let footer = narrow.text().lines().last().unwrap().to_owned();
    assert!(
        footer.contains("? help") && footer.contains(": command"),
        "{footer}"
    );
}

#[test]
fn the_log_follows_live_at_its_top_and_pages_at_its_end() {
    let mut screen = Screen::signed_in(Role::Admin, 80, 24).keys("2");
    assert_eq!(screen.wants().len(), 1);
    let mut screen = screen.reply(page(None, 1000, 200)).keys("G");
    let wants = screen.wants();
    assert!(
        wants.len() == 1 && wants[0].contains("before: Some(EventId(801))"),
        "{wants:?}"
    );
    screen = screen.reply(page(Some(801), 800, 200)).keys("j");
    assert!(screen.shows("event 800 "), "{}", screen.text());
    // News at the top do not move what is being read.
    let mut newer = view();
    newer.last_event = 1001;
    screen = screen.see(newer);
    assert_eq!(screen.wants().len(), 1);
    let screen = screen.reply(page(None, 1001, 200));
    assert!(screen.shows("event 800 "), "{}", screen.text());
    assert!(screen.keys("g").shows("event 1001 "));
}

#[test]
fn filters_of_the_log_ask_anew_and_drop_answers_to_old_questions() {
    let mut screen = Screen::signed_in(Role::Admin, 80, 24)
        .keys("2")
        .reply(page(None, 40, 30));
    screen.wants();
    let mut screen = screen.keys("f");
    assert!(screen.shows("warnings and worse"));
    assert!(screen.wants()[0].contains("at_least: Some(Warning)"));
    let screen = screen.reply(page(None, 40, 30));
    assert!(screen.shows("reading …") && !screen.shows("alice signed in"));
    let mut screen = screen.keys("ft");
    assert!(screen.shows("critical · vm"));
    assert!(screen.wants().last().unwrap().contains("event_type: Some(Vm)"));
}

#[test]
fn what_was_not_looked_at_is_counted_in_the_header() {
    let mut newer = view();
    newer.last_event = 43;
    let mut screen = Screen::signed_in(Role::Admin, 80, 24).see(newer);
    let wants = screen.wants();
    assert!(
        wants[0].contains("slot: Unseen") && wants[0].contains("Warning"),
        "{wants:?}"
    );
    let query = LogQuery {
        at_least: Some(Severity::Warning),
        limit: 100,
        ..LogQuery::default()
    };
    let bad: Vec<_> = events(43, 10)
        .into_iter()
        .filter(|it| it.severity > Severity::Info)
        .collect();
    let screen = screen.reply(Reply::Events {
        slot: Slot::Unseen,
        query,
        result: Ok(bad),
    });
    // Only event 43 is newer than what was there at sign-in.
    assert!(screen.shows("SOC ●1"), "{}", screen.text());
    assert!(!screen.keys("2").shows("●1"));
}

#[test]
fn a_failed_page_says_so() {
    let query = LogQuery {
        limit: 200,
        ..LogQuery::default()
    };
    let failed = Reply::Events {
        slot: Slot::Log,
        query,
        result: Err(Error::Internal("it broke".into())),
    };
    assert!(
        Screen::signed_in(Role::Admin, 80, 24)
            .keys("2")
            .reply(failed)
            .shows("it broke")
    );
}

#[test]
fn operations_can_be_cancelled_after_a_question() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("O");
    assert!(screen.wants()[0].contains("LoadOperations"));
    let mut screen = screen.keys("x");
    assert!(screen.shows("Cancel operation 17 (create build)"));
    screen = screen.keys("y");
    assert_eq!(screen.wants(), ["Cancel(OperationId(17))"]);
    let screen = screen.reply(Reply::Cancelled {
        id: OperationId(17),
        result: Ok(()),
    });
    assert!(screen.shows("operation 17 is being cancelled"));
}

#[test]
fn an_operation_that_is_over_cannot_be_cancelled() {
    let query = OperationQuery {
        active: false,
        before: None,
        limit: 100,
    };
    let past = vec![ended(15, OperationKind::Start, OperationState::Done, None)];
    let mut screen = Screen::signed_in(Role::User, 80, 24)
        .keys("O")
        .reply(Reply::Operations {
            query,
            result: Ok(past),
        });
    screen.wants();
    let mut screen = screen.keys("Gx");
    assert!(screen.wants().is_empty() && screen.shows("cancel: it is over"));
}

#[test]
fn the_theme_is_changed_and_kept() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("T");
    assert!(screen.wants()[0].contains("theme: Some(Light)"));
    let none = Setup {
        no_color: true,
        ..Setup::default()
    };
    let mut screen = Screen::with(none, Role::User, view(), 80, 24).keys("T");
    assert!(screen.wants().is_empty() && screen.shows("NO_COLOR is set"));
}

#[test]
fn a_message_goes_after_a_while_and_stays_in_the_list() {
    let error = Error::Conflict("the pool is full".to_owned());
    let failed = Reply::Failed {
        what: "keeping your preferences",
        error,
    };
    let screen = Screen::signed_in(Role::User, 80, 24).reply(failed);
    assert!(screen.shows("keeping your preferences: the pool is full"));
    let screen = screen.wait(16);
    assert!(!screen.shows("the pool is full"));
    assert!(screen.keys("E").shows("the pool is full"));
}

#[test]
fn tabs_turn_both_ways_and_a_switched_off_one_is_not_there() {
    let soc = |screen: &Screen| screen.shows("all severities");
    let screen = Screen::signed_in(Role::User, 80, 24).keys("<Tab>");
    assert!(soc(&screen));
    assert!(!soc(&screen.keys("<BackTab>")));
    let mut off = Setup::default();
    off.features.soc = false;
    let mut screen = Screen::with(off, Role::User, view(), 80, 24).keys("2<Tab>");
    assert!(!soc(&screen) && !screen.shows("SOC"));
    assert!(screen.wants().is_empty());
}

/// A stage that only notes what it is asked.
#[derive(Default)]
struct Notes {
    asked: Vec<String>,
    restored: usize,
    suspended: usize,
}

impl Stage for Notes {
    fn start(&mut self, _: u64, effect: Effect) {
        self.asked.push(format!("{effect:?}"));
    }
    async fn suspend(&mut self, _: bool) -> io::Result<()> {
        self.suspended += 1;
        Ok(())
    }
    fn restore(&mut self) -> io::Result<()> {
        self.restored += 1;
        Ok(())
    }
}

fn terminal(width: u16, height: u16) -> Terminal<TestBackend> {
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(TestBackend::new(width, height), TerminalOptions { viewport }).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_loop_takes_events_in_draws_and_ends() {
    let (sender, mut events) = mpsc::channel(16);
    let mut terminal = terminal(80, 24);
    let mut notes = Notes::default();
    let clock: twarga::core::Clock = Arc::new(noon);
    let opened = State::new(Setup::default(), Size::new(80, 24), noon());
    let reply = |generation, reply| Event::Reply {
        generation,
        reply: Box::new(reply),
    };
    let told = async {
        sender.send(reply(0, Reply::Door(Ok(Door::Open)))).await.unwrap();
        sender
            .send(reply(0, Reply::SignedIn(Ok(somebody(Role::User)))))
            .await
            .unwrap();
        sender
            .send(reply(1, Reply::View(Arc::new(view()))))
            .await
            .unwrap();
        sender.send(Event::Key(named("C-z"))).await.unwrap();
        sender.send(Event::Continued).await.unwrap();
        // Time for a frame; the clock of the runtime is paused and jumps.
        tokio::time::sleep(Duration::from_millis(50)).await;
        sender.send(Event::Terminate(15)).await.unwrap();
    };
    let (exit, ()) = tokio::join!(
        run_loop(&mut terminal, &mut events, opened, &mut notes, &clock),
        told
    );
    assert_eq!(exit.unwrap(), Exit::Signal(15));
    assert_eq!(notes.asked, ["AskDoor", "Follow"]);
    assert_eq!((notes.suspended, notes.restored), (1, 2));
    assert!(terminal.backend().to_string().contains("web-1"));
}

#[tokio::test(start_paused = true)]
async fn the_loop_draws_a_flood_in_few_frames_and_nothing_when_nothing_happens() {
    let (sender, mut events) = mpsc::channel(256);
    let mut terminal = terminal(80, 24);
    let clock: twarga::core::Clock = Arc::new(noon);
    let opened = State::new(Setup::default(), Size::new(80, 24), noon());
    let flood = async {
        for _ in 0..5_000 {
            sender.send(Event::Key(named("Down"))).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(sender);
    };
    let mut notes = Notes::default();
    let (exit, ()) = tokio::join!(
        run_loop(&mut terminal, &mut events, opened, &mut notes, &clock),
        flood
    );
    assert_eq!(exit.unwrap(), Exit::HungUp);
    // The paused clock stands still during the flood, so one frame before and one after it.
    let frames = terminal.get_frame().count();
    assert!(frames <= 3, "{frames} frames");
}
