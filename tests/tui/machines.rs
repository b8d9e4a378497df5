//! Machines: listing, choosing, making, acting, destroying.

use crate::fixtures::{
    ago, booting, catalogue, ended, events, load, many, never_ready, operation, shared_view, view, vm,
};
use crate::screen::Screen;
use std::sync::Arc;
use twarga::core::{Action, Error, LogQuery};
use twarga::front::tui::{Effect, Event, Reply, Setup, Slot};
use twarga::model::{
    Field, FieldError, OperationId, OperationKind, OperationState, Preferences, Progress, Role, VmId,
    VmStatus,
};

/// The line of a form's field.
#[track_caller]
fn field(screen: &Screen, label: &str) -> String {
    screen.line(&format!("│ {label} "))
}

/// The name in the selected row.
fn selected(screen: &Screen) -> String {
    let line = screen.line("▸ ");
    line.split("▸ ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn the_selection_is_a_machine_and_not_a_row() {
    let screen = Screen::signed_in(Role::User, 80, 24).keys("jjj");
    assert_eq!(selected(&screen), "web-1");
    let mut changed = view();
    changed.machines.insert(0, vm(9, "aaa-first", VmStatus::Running));
    let screen = screen.see(changed.clone());
    assert_eq!(selected(&screen), "web-1");
    changed.machines.retain(|it| it.vm.name.as_str() != "web-1");
    // Gone: what took its place is selected.
    assert_eq!(selected(&screen.see(changed)), "web-2");
}

#[test]
fn until_somebody_chooses_the_first_row_is_selected() {
    let mut first = shared_view();
    let machines = std::mem::take(&mut first.machines);
    let screen = Screen::with(Setup::default(), Role::Admin, first.clone(), 80, 24);
    assert_eq!(selected(&screen), "win-build");
    first.machines = machines;
    assert_eq!(selected(&screen.see(first)), "alice/broken");
}

#[test]
fn moving_goes_to_both_ends_and_not_beyond() {
    let (width, height) = (80, 24);
    let screen = Screen::with(Setup::default(), Role::User, many(100), width, height);
    for (keys, name) in [
        ("k", "node-00001"),
        ("j", "node-00002"),
        ("G", "node-00100"),
        ("j", "node-00100"),
        ("g", "node-00001"),
        ("<End>", "node-00100"),
        ("<Home>", "node-00001"),
        ("<Down><Down><Up>", "node-00002"),
        ("<PageDown>", "node-00020"),
        ("<PageUp>", "node-00002"),
    ]
    .iter()
    .scan(String::new(), |all, (keys, name)| {
        all.push_str(keys);
        Some((all.clone(), *name))
    }) {
        let moved = Screen::with(Setup::default(), Role::User, many(100), width, height).keys(&keys);
        assert_eq!(selected(&moved), name, "after {keys}");
    }
    drop(screen);
}

#[test]
fn a_filter_works_as_it_is_typed_and_escape_clears_it() {
    let screen = Screen::signed_in(Role::User, 80, 24).keys("/web");
    assert!(screen.shows("web-1") && screen.shows("web-2") && !screen.shows("old-db"));
    let screen = screen.keys("<Enter>j");
    assert_eq!(selected(&screen), "web-2");
    assert!(screen.keys("<Esc>").shows("old-db"));
    // By state, image, address, and several words at once.
    for (words, found, not) in [
        ("stopped", "old-db", "web-1"),
        ("ubuntu", "build", "web-1"),
        ("122.32", "web-2", "web-1"),
        ("web 122.31", "web-1", "web-2"),
    ] {
        let screen = Screen::signed_in(Role::User, 80, 24).keys(&format!("/{words}"));
        assert!(
            screen.shows(found) && !screen.shows(not),
            "{words}: {}",
            screen.text()
        );
    }
    let bob = Screen::with(Setup::default(), Role::Admin, shared_view(), 120, 40).keys("/bob/<Enter>");
    assert!(bob.shows("bob/old-db") && !bob.shows("web-1"));
}

#[test]
fn sorting_goes_by_any_column_both_ways_and_is_kept() {
    let mut screen = Screen::signed_in(Role::User, 80, 24);
    assert_eq!(selected(&screen.keys("g")), "broken");
    screen = Screen::signed_in(Role::User, 80, 24).keys(">>>>g=g");
    let wants = screen.wants();
    assert!(
        wants.iter().any(|it| it.contains("sort: Some(\"ram\")")),
        "{wants:?}"
    );
    assert_eq!(selected(&screen), "build");
    let kept = Preferences {
        sort: Some("cpu".into()),
        sort_descending: true,
        ..Preferences::default()
    };
    let screen = Screen::signed_in(Role::User, 80, 24)
        .reply(Reply::Preferences(Ok(kept)))
        .keys("g");
    assert_eq!(selected(&screen), "web-1");
    assert!(screen.shows("cpu ▼"));
}

#[test]
fn an_unknown_sort_of_a_newer_program_changes_nothing() {
    let kept = Preferences {
        sort: Some("karma".into()),
        ..Preferences::default()
    };
    assert!(
        Screen::signed_in(Role::User, 80, 24)
            .reply(Reply::Preferences(Ok(kept)))
            .shows("name ▲")
    );
}

#[test]
fn actions_ask_for_the_selected_machine() {
    let web = |keys: &str| {
        let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjj").keys(keys);
        screen.wants()
    };
    assert_eq!(web("S"), ["Act { vm: VmId(1), name: \"web-1\", action: Stop }"]);
    assert_eq!(
        web("R"),
        ["Act { vm: VmId(1), name: \"web-1\", action: Restart }"]
    );
    assert_eq!(web("p"), ["Act { vm: VmId(1), name: \"web-1\", action: Pause }"]);
    let mut paused = view();
    paused.machines[0].status = VmStatus::Paused;
    let mut screen = Screen::with(Setup::default(), Role::User, paused, 80, 24).keys("jjjp");
    assert_eq!(
        screen.wants(),
        ["Act { vm: VmId(1), name: \"web-1\", action: Resume }"]
    );
}

#[test]
fn a_refused_key_says_why_and_asks_for_nothing() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjjs");
    assert!(screen.wants().is_empty());
    assert!(screen.shows("start: it runs already"));
}

#[test]
fn an_auditor_looks_and_changes_nothing() {
    let mut screen = Screen::signed_in(Role::Auditor, 120, 40).keys("n");
    assert!(screen.shows("an auditor changes nothing") && !screen.shows("New machine"));
    screen = screen.keys("jjjsSRpDX");
    assert!(screen.wants().is_empty());
    assert!(screen.shows("only its owner or an admin may") && !screen.shows("Cut the power"));
}

#[test]
fn foreign_domains_are_shown_marked_and_never_touched() {
    let mut screen = Screen::with(Setup::default(), Role::Admin, shared_view(), 80, 24).keys("G");
    assert!(screen.line("▸ win-build").contains("foreign"));
    for key in ["s", "S", "R", "p", "D", "X"] {
        screen = screen.keys(key);
        assert!(screen.shows("twarga leaves it alone"), "{key}");
        assert!(!screen.shows("Type its name") && !screen.shows("Cut the power"));
    }
    assert!(screen.wants().is_empty());
}

#[test]
fn destroying_needs_the_name_to_be_typed() {
    let mut screen = Screen::with(Setup::default(), Role::Admin, shared_view(), 80, 24).keys("GkD");
    let screen2 = {
        assert!(
            screen.shows("alice/web-2") || screen.shows("bob/old-db"),
            "{}",
            screen.text()
        );
        screen = screen.keys("<Enter>");
        assert!(screen.wants().is_empty());
        assert!(screen.shows("not yet the machine's name"));
        screen
    };
    let name = screen2
        .line("name to go on:")
        .split(": ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    let mut screen = screen2.keys(&name).keys("<Enter>");
    let wants = screen.wants();
    assert!(
        wants.len() == 1 && wants[0].ends_with("action: Destroy }"),
        "{wants:?}"
    );
    assert!(!screen.shows("Type its name"));
}

#[test]
fn escape_leaves_a_destroy_alone() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjjDweb-1<Esc>");
    assert!(screen.wants().is_empty() && !screen.shows("cannot be undone"));
}

#[test]
fn force_off_is_asked_and_offered_where_a_stop_failed() {
    let mut screen = Screen::signed_in(Role::User, 120, 40).keys("jjjX");
    assert!(screen.shows("Cut the power of web-1?"));
    assert!(screen.wants().is_empty());
    let mut screen = screen.keys("y");
    assert_eq!(
        screen.wants(),
        ["Act { vm: VmId(1), name: \"web-1\", action: Kill }"]
    );

    let mut idle = view();
    idle.operations.clear();
    let mut failed = ended(
        30,
        OperationKind::Stop,
        OperationState::Failed,
        Some("no reaction within 60 s"),
    );
    failed.vm = Some(VmId(1));
    failed.name = "web-1".to_owned();
    let id = failed.id;
    let screen = Screen::with(Setup::default(), Role::User, idle, 120, 40).reply(Reply::Operation {
        id,
        result: Ok(failed),
    });
    assert!(screen.shows("web-1: stop failed: no reaction within 60 s. X forces it off"));
    assert!(
        screen
            .line("web-1  ")
            .contains("does not power off · X forces it off"),
        "{}",
        screen.text()
    );
}

#[test]
fn stages_of_a_boot_show_with_their_time() {
    let mut view = view();
    let mut bytes = operation(17, OperationKind::Create, &view.machines[2]);
    bytes.steps[1].error = Some("downloading debian-12".to_owned());
    view.machines[2].operation = Some(bytes);
    let screen = Screen::with(Setup::default(), Role::User, view.clone(), 120, 40);
    let row = screen.line("build ");
    assert!(
        row.contains("download 231/378 MB: downloading debian-12"),
        "{row}"
    );
    let operation = booting("cloud-init is at work, address 192.168.122.36");
    view.operations = vec![operation.clone()];
    view.machines[2].operation = Some(operation);
    for (width, height) in [(80, 24), (120, 40)] {
        let screen = Screen::with(Setup::default(), Role::User, view.clone(), width, height);
        let row = screen.line("build ");
        assert!(row.contains("ready 19s: cloud-init is at work"), "{row}");
        let screen = screen.keys("O");
        assert!(
            screen
                .line("▶ ready")
                .contains("cloud-init is at work, address 192.168.122.36")
        );
        assert!(screen.line("▶ ready").contains("19s"));
    }
}

#[test]
fn a_guest_that_is_never_ready_is_kept_and_what_can_be_done_is_said() {
    let reason = "the guest was not ready after 300 s (booting); it wrote last: Kernel panic";
    let mut after = view();
    after.operations.clear();
    let machine = &mut after.machines[2];
    machine.operation = None;
    machine.status = VmStatus::Error;
    machine.reason = Some(reason.to_owned());
    machine.vm.unready = machine.reason.clone();
    let failed = never_ready(reason);
    let screen = Screen::with(Setup::default(), Role::User, after, 200, 40).reply(Reply::Operation {
        id: failed.id,
        result: Ok(failed),
    });
    assert!(
        screen.shows("build: create failed: the guest was not ready"),
        "{}",
        screen.text()
    );
    assert!(
        screen.shows("It is kept: c shows its console, s waits once more, D destroys it"),
        "{}",
        screen.text()
    );
    let row = screen.line("build ");
    assert!(
        row.contains("✗ error") && row.contains("the guest was not ready after 300 s"),
        "{row}"
    );
    let wants = screen.keys("/build<Enter>c").wants();
    assert!(
        wants[0].starts_with("OpenConsole") && wants[0].contains("VmId(3)"),
        "{wants:?}"
    );
}

#[test]
fn an_operation_that_leaves_the_view_is_looked_up_once_and_told() {
    let mut screen = Screen::signed_in(Role::User, 80, 24);
    let mut idle = view();
    idle.operations.clear();
    idle.machines[2].operation = None;
    screen = screen.see(idle.clone());
    assert_eq!(screen.wants(), ["LoadOperation(OperationId(17))"]);
    let mut done = operation(17, OperationKind::Create, &idle.machines[2]);
    done.state = OperationState::Done;
    let mut screen = screen
        .reply(Reply::Operation {
            id: done.id,
            result: Ok(done),
        })
        .see(idle);
    assert!(screen.wants().is_empty());
    assert!(screen.shows("build: created and started"));
}

#[test]
fn an_operation_that_ends_before_it_is_seen_is_told_too() {
    let mut idle = view();
    idle.operations.clear();
    let mut screen = Screen::with(Setup::default(), Role::User, idle.clone(), 80, 24).reply(Reply::Acted {
        name: "web-1".into(),
        action: Action::Pause,
        result: Ok(OperationId(31)),
    });
    screen = screen.see(idle);
    assert_eq!(screen.wants(), ["LoadOperation(OperationId(31))"]);
}

#[test]
fn the_rate_of_a_download_is_measured_between_views() {
    let mut later = view();
    let progress = Some(Progress {
        done: 255_000_000,
        total: Some(378_000_000),
    });
    later.operations[0].progress = progress;
    later.machines[2].operation = Some(later.operations[0].clone());
    let screen = Screen::signed_in(Role::User, 120, 40).wait(2).see(later);
    assert!(
        screen.line("build").contains("download 255/378 MB 12 MB/s"),
        "{}",
        screen.text()
    );
}

#[test]
fn a_new_machine_is_asked_for_when_every_field_is_valid() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("n");
    assert_eq!(screen.wants(), ["LoadCatalogue"]);
    screen = screen.reply(Reply::Catalogue(Ok(catalogue()))).keys("<Enter>");
    assert!(screen.wants().is_empty() && field(&screen, "name").contains("choose a name"));
    screen = screen.keys("web-9<Tab><Tab>+<Tab><C-u>2");
    assert!(
        screen.shows("you have 2 of 5 machines, 3072 of 8192 MiB; with this one 4608 MiB"),
        "{}",
        screen.text()
    );
    let effect = {
        let mut screen = screen;
        screen = screen.keys("<Enter>");
        let wants = screen.wants();
        assert!(
            wants.len() == 1 && wants[0].contains("name: \"web-9\", image: \"tiny\""),
            "{wants:?}"
        );
        assert!(screen.shows("asking for the machine"));
        screen
    };
    let created = Reply::Created {
        name: "web-9".into(),
        result: Ok((VmId(9), OperationId(40))),
    };
    let screen = effect.reply(created);
    assert!(!screen.shows("New machine") && screen.shows("web-9 is being created"));
    // It is selected as soon as it is there.
    let mut with = view();
    with.machines.push(vm(9, "web-9", VmStatus::Pending));
    assert_eq!(selected(&screen.see(with)), "web-9");
}

#[test]
fn the_form_says_what_is_wrong_as_it_is_typed() {
    let form = || {
        Screen::signed_in(Role::User, 100, 30)
            .keys("n")
            .reply(Reply::Catalogue(Ok(catalogue())))
    };
    assert!(field(&form().keys("A"), "name").contains("at least 3 characters"));
    assert!(field(&form().keys("web-1"), "name").contains("you have a machine of this name"));
    assert!(field(&form().keys("<Tab><Right>"), "image").contains("not on this host yet"));
    assert!(field(&form().keys("<Tab><Tab><C-u>100"), "RAM").contains("512 to 4096 MiB"));
    assert!(field(&form().keys("<Tab><Tab><Tab><C-u>9"), "vCPU").contains("1 to 4"));
    let keys = "<Tab>".repeat(7);
    assert!(field(&form().keys(&keys).keys("hello"), "SSH key").contains("not a public key"));
}

#[test]
fn a_number_steps_within_its_bounds_and_takes_digits_only() {
    let form = || {
        Screen::signed_in(Role::User, 100, 30)
            .keys("n")
            .reply(Reply::Catalogue(Ok(catalogue())))
    };
    let ram = |keys: &str| {
        let line = field(&form().keys("<Tab><Tab>").keys(keys), "RAM");
        line.split("RAM")
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(ram("+"), "1536");
    assert_eq!(ram("--------"), "512");
    assert_eq!(ram("++++++++++"), "4096");
    assert_eq!(ram("<C-u>1x2y00"), "1200");
    assert_eq!(ram("<C-u>1200+"), "1536");
    assert_eq!(ram("<C-u>1200-"), "1024");
}

#[test]
fn escape_asks_before_it_throws_away_what_was_typed() {
    let untouched = Screen::signed_in(Role::User, 80, 24).keys("n<Esc>");
    assert!(!untouched.shows("New machine"));
    let typed = Screen::signed_in(Role::User, 80, 24).keys("nweb<Esc>");
    assert!(typed.shows("Throw away"));
    assert!(typed.keys("n").shows("New machine"));
    let typed = Screen::signed_in(Role::User, 80, 24).keys("nweb<Esc>y");
    assert!(!typed.shows("New machine"));
}

#[test]
fn keys_are_pasted_one_per_line_and_other_fields_refuse_line_breaks() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ me";
    let form = || {
        Screen::signed_in(Role::User, 100, 30)
            .keys("n")
            .reply(Reply::Catalogue(Ok(catalogue())))
    };
    let pasted = form()
        .keys(&"<Tab>".repeat(7))
        .event(Event::Paste(format!("{key}\n{key}\n")));
    assert!(field(&pasted, "SSH key").contains("2 keys"), "{}", pasted.text());
    let refused = form().event(Event::Paste("web\n-1".to_owned()));
    assert!(refused.shows("nothing was inserted") && field(&refused, "name").contains("3 to 63"));
}

#[test]
fn what_the_core_refuses_stands_in_the_form() {
    let asked = || {
        let form = Screen::signed_in(Role::User, 100, 30)
            .keys("n")
            .reply(Reply::Catalogue(Ok(catalogue())));
        form.keys("web-9<Enter>")
    };
    let taken = Error::Invalid(vec![FieldError::new(Field::Name, "this name is taken")]);
    let screen = asked().reply(Reply::Created {
        name: "web-9".into(),
        result: Err(taken),
    });
    assert!(field(&screen, "name").contains("this name is taken"));
    let gone = Error::Conflict("the pool is full".to_owned());
    let screen = asked().reply(Reply::Created {
        name: "web-9".into(),
        result: Err(gone),
    });
    assert!(screen.shows("the pool is full") && screen.shows("New machine"));
}

#[test]
fn the_events_of_a_machine_are_read_when_their_page_is_opened() {
    let mut screen = Screen::signed_in(Role::User, 80, 24).keys("jjj<Right>");
    let wants = screen.wants();
    assert!(
        wants.len() == 1 && wants[0].contains("slot: Machine(VmId(1))"),
        "{wants:?}"
    );
    let query = LogQuery {
        vm: Some(VmId(1)),
        limit: 200,
        ..LogQuery::default()
    };
    let page = Reply::Events {
        slot: Slot::Machine(VmId(1)),
        query,
        result: Ok(events(40, 3)),
    };
    let screen = screen.reply(page);
    assert!(screen.shows("this process became the keeper") || screen.shows("web-1 was started"));
    // Another machine's page is another list.
    let mut screen = screen.keys("j");
    assert!(screen.wants()[0].contains("VmId(2)"));
}

#[test]
fn a_click_selects_a_row_a_heading_sorts_and_a_tab_opens() {
    let screen = Screen::signed_in(Role::User, 80, 24);
    let row =
        |screen: &Screen, text: &str| screen.text().lines().position(|it| it.contains(text)).unwrap() as u16;
    let at = row(&screen, "web-2");
    assert_eq!(selected(&screen.click(10, at)), "web-2");
    let screen = Screen::signed_in(Role::User, 80, 24);
    let headings = row(&screen, "NAME");
    let column = screen
        .text()
        .lines()
        .nth(headings.into())
        .unwrap()
        .chars()
        .position(|c| c == 'S')
        .unwrap() as u16;
    let screen = screen.click(column, headings);
    assert!(screen.shows("state ▲"));
    assert!(screen.click(column, headings).shows("state ▼"));
    assert!(
        Screen::signed_in(Role::User, 80, 24)
            .click(16, 0)
            .shows("all severities")
    );
}

#[test]
fn session_mode_shows_the_forwarded_port() {
    let mut session = view();
    session.machines[0].vm.address = None;
    session.machines[0].vm.ssh_port = Some(22001);
    let screen = Screen::with(Setup::default(), Role::User, session, 80, 24).keys("jjj");
    assert!(screen.line("▸ web-1").contains(":22001"));
    assert!(screen.shows("ssh -p 22001 debian@127.0.0.1"));
}

#[test]
fn what_is_unknown_is_a_dash_and_not_a_zero() {
    let mut unknown = view();
    unknown.machines[0].load = twarga::core::Load::default();
    let screen = Screen::with(Setup::default(), Role::User, unknown, 80, 24).keys("jjj");
    assert!(screen.line("▸ web-1").contains('–') && !screen.line("▸ web-1").contains("0 %"));
    let _ = (load(1.0), ago(1));
}

#[test]
fn ages_grow_without_a_new_view() {
    let mut young = view();
    young.machines[0].vm.started_at = Some(ago(5));
    let screen = Screen::with(Setup::default(), Role::User, young, 80, 24).wait(3);
    assert!(screen.line("web-1").contains("8s"), "{}", screen.text());
    let calm = many(3);
    let screen = Screen::with(Setup::default(), Role::User, calm, 80, 24);
    let wake = screen.state.next_wake().unwrap();
    assert_eq!((wake.as_second() - screen.now.as_second()), 60);
}

#[test]
fn an_effect_is_a_value_that_can_be_looked_at() {
    let asked = Effect::Act {
        vm: VmId(1),
        name: "web-1".into(),
        action: Action::Start,
    };
    assert_eq!(
        format!("{asked:?}"),
        "Act { vm: VmId(1), name: \"web-1\", action: Start }"
    );
    let _ = Arc::new(asked);
}
