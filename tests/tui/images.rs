//! The list of images.

use crate::fixtures::{catalogue, download, images, view};
use crate::screen::Screen;
use twarga::core::{Error, View};
use twarga::front::tui::{ImageReply, Reply, Setup};
use twarga::model::{OperationId, OperationState, Progress, Role};

fn listed(screen: Screen) -> Screen {
    screen.reply(Reply::Image(ImageReply::Listed(Ok(images()))))
}

fn opened(role: Role, width: u16, height: u16) -> Screen {
    listed(Screen::signed_in(role, width, height).keys("i"))
}

fn downloading() -> View {
    let mut view = view();
    view.operations.push(download(18, "arch"));
    view
}

fn told(screen: Screen, reply: ImageReply) -> Screen {
    screen.reply(Reply::Image(reply))
}

#[test]
fn images_are_listed_with_what_is_known_of_them() {
    for (width, height) in [(80, 24), (120, 40)] {
        let shot = |name: &str, screen: &Screen| {
            insta::assert_snapshot!(format!("images-{name}@{width}x{height}"), screen.text());
        };
        let admin = || opened(Role::Admin, width, height);
        shot("here", &admin().keys("j"));
        shot("ended", &admin().keys("jj"));
        shot("not-ready", &admin().keys("G"));
        shot("downloading", &admin().see(downloading()).wait(1).keys("kjjjjj"));
        shot("filtered", &admin().keys("/debian"));
        shot("user", &opened(Role::User, width, height).keys("j"));
        shot("auditor", &opened(Role::Auditor, width, height).keys("j"));
        shot("remove", &admin().keys("jjjjx"));
    }
}

#[test]
fn a_small_terminal_has_the_list_alone() {
    for height in [10, 14] {
        let screen = opened(Role::Admin, 40, height);
        assert!(screen.shows("debian-12"), "{}", screen.text());
        assert!(!screen.shows("security updates"), "{}", screen.text());
    }
}

#[test]
fn a_download_is_asked_for_shown_in_its_row_and_told_when_it_ends() {
    let mut screen = opened(Role::User, 120, 40).keys("jjjjj");
    screen.wants();
    screen = screen.keys("p");
    assert_eq!(screen.wants(), [r#"Image(Pull("arch"))"#]);
    let accepted = ImageReply::Pulled {
        id: "arch".to_owned(),
        result: Ok(OperationId(18)),
    };
    screen = told(screen, accepted);
    assert!(screen.shows("arch is being downloaded"), "{}", screen.text());
    screen = screen.see(downloading());
    let mut faster = downloading();
    faster.operations[1].progress = Some(Progress {
        done: 251_000_000,
        total: Some(378_000_000),
    });
    screen = screen.wait(2).see(faster);
    let line = screen.line("▸ arch");
    for part in ["66 %", "251/378 MB", "10 MB/s", "13s left"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    screen.wants();
    screen = screen.keys("p");
    assert!(screen.wants().is_empty(), "one download is enough");
    assert!(screen.shows("it is being downloaded"));
    // It ended: the list is read anew, and the end is told.
    screen = screen.see(view());
    let wants = screen.wants();
    assert!(wants.contains(&"Image(List)".to_owned()), "{wants:?}");
    assert!(
        wants.contains(&"LoadOperation(OperationId(18))".to_owned()),
        "{wants:?}"
    );
    let mut done = download(18, "arch");
    done.state = OperationState::Done;
    screen = screen.reply(Reply::Operation {
        id: done.id,
        result: Ok(done),
    });
    assert!(screen.shows("image arch: on this host"), "{}", screen.text());
}

#[test]
fn a_download_of_somebody_elses_is_no_error() {
    let busy = ImageReply::Pulled {
        id: "arch".to_owned(),
        result: Err(Error::Busy(OperationId(7))),
    };
    let screen = told(opened(Role::User, 120, 40), busy);
    assert!(
        screen.shows("operation 7 downloads it already"),
        "{}",
        screen.text()
    );
}

#[test]
fn what_a_machine_needs_is_not_removed_and_what_none_needs_after_a_question() {
    let mut screen = opened(Role::Admin, 120, 40).keys("j");
    screen.wants();
    screen = screen.keys("x");
    assert!(screen.wants().is_empty());
    assert!(
        screen.shows("needed by alice/web-1, alice/web-2, alice/broken"),
        "{}",
        screen.text()
    );
    screen = screen.keys("jjjx");
    assert!(
        screen.shows("Remove every version of appliance"),
        "{}",
        screen.text()
    );
    screen = screen.keys("n");
    assert!(screen.wants().is_empty(), "no means no");
    screen = screen.keys("xy");
    assert_eq!(screen.wants(), [r#"Image(Remove("appliance"))"#]);
    let id = || "appliance".to_owned();
    let refused = Error::Conflict("appliance is needed by bob/web-7; destroy those first".to_owned());
    screen = told(
        screen,
        ImageReply::Removed {
            id: id(),
            result: Err(refused),
        },
    );
    assert!(screen.shows("needed by bob/web-7"), "{}", screen.text());
    screen.wants();
    screen = told(
        screen,
        ImageReply::Removed {
            id: id(),
            result: Ok(5_000_000),
        },
    );
    assert!(screen.shows("5.0 MB are free"), "{}", screen.text());
    assert_eq!(screen.wants(), ["Image(List)"]);
    // Cleaning up is asked for, too.
    screen = screen.keys("Xy");
    assert_eq!(screen.wants(), ["Image(Clean)"]);
}

#[test]
fn an_image_is_verified_one_at_a_time_and_the_outcome_is_told() {
    let mut screen = opened(Role::Admin, 120, 40).keys("j");
    screen.wants();
    screen = screen.keys("v");
    assert_eq!(screen.wants(), [r#"Image(Verify("debian-12"))"#]);
    let id = || "debian-12".to_owned();
    let progress = Progress {
        done: 100_000_000,
        total: Some(350_000_000),
    };
    screen = told(screen, ImageReply::Verifying { id: id(), progress }).keys("v");
    assert!(screen.wants().is_empty());
    assert!(screen.line("▸ debian-12").contains("verifying 100/350 MB"));
    screen = told(
        screen,
        ImageReply::Verified {
            id: id(),
            result: Ok((2, 1)),
        },
    );
    assert!(
        screen.shows("1 of 2 versions are not what came"),
        "{}",
        screen.text()
    );
    assert!(!screen.line("▸ debian-12").contains("verifying"));
}

#[test]
fn whoever_may_not_sees_why() {
    let mut user = opened(Role::User, 120, 40).keys("jjjj");
    user.wants();
    user = user.keys("xvX");
    assert!(user.wants().is_empty());
    assert!(user.shows("only an admin may"), "{}", user.text());
    let mut auditor = opened(Role::Auditor, 120, 40).keys("jjjj");
    auditor.wants();
    auditor = auditor.keys("pxvX<Enter>");
    assert!(auditor.wants().is_empty());
    assert!(auditor.shows("an auditor changes nothing"), "{}", auditor.text());
}

#[test]
fn a_chosen_image_is_in_the_form_also_in_the_one_below() {
    let mut screen = opened(Role::User, 120, 40).keys("<Enter>");
    assert!(screen.shows("New machine"), "{}", screen.text());
    assert!(screen.wants().contains(&"LoadCatalogue".to_owned()));

    let mut with = catalogue();
    with.0 = images();
    screen = Screen::signed_in(Role::User, 120, 40)
        .keys("nweb-9<Tab>")
        .reply(Reply::Catalogue(Ok(with)));
    screen = listed(screen.keys("i"));
    assert!(screen.shows("Images ── 7"), "{}", screen.text());
    // What cannot be used is not chosen.
    screen = screen.keys("G<Enter>");
    assert!(screen.shows("Images ── 7"), "{}", screen.text());
    screen = screen.keys("gjjj<Enter>");
    assert!(screen.shows("web-9"), "what was typed is still there");
    assert!(screen.line("‹").contains("ubuntu-24.04"), "{}", screen.text());
    // The catalogue is read anew, and what was chosen stays chosen.
    let mut again = catalogue();
    again.0 = images();
    screen = screen.reply(Reply::Catalogue(Ok(again)));
    assert!(screen.line("‹").contains("ubuntu-24.04"), "{}", screen.text());
    // Elsewhere in the form the key is a letter.
    screen = screen.keys("<BackTab>i");
    assert!(screen.shows("web-9i"), "{}", screen.text());
}

#[test]
fn a_filter_is_typed_accepted_and_cleared() {
    let mut screen = opened(Role::User, 80, 24).keys("/bulls");
    assert!(
        screen.shows("debian-11") && !screen.shows("debian-12"),
        "{}",
        screen.text()
    );
    screen = screen.keys("<Enter>j");
    assert!(screen.shows("Images ── 7 ── /bulls"), "{}", screen.text());
    screen = screen.keys("<Esc>");
    assert!(screen.shows("debian-12"), "{}", screen.text());
    screen = screen.keys("/zzz");
    assert!(screen.shows("no image has these words"), "{}", screen.text());
    screen = screen.keys("<Enter>pvx<Esc><Esc>");
    assert!(!screen.shows("Images ──"), "{}", screen.text());
}

#[test]
fn a_list_that_cannot_be_read_says_so() {
    let screen = Screen::with(Setup::default(), Role::User, view(), 80, 24).keys("i");
    assert!(screen.shows("reading …"), "{}", screen.text());
    let failed = ImageReply::Listed(Err(Error::Conflict("the disk is gone".to_owned())));
    assert!(told(screen, failed).shows("the disk is gone"));
}
