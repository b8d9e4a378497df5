//! The second page of the form for a new machine: what its first boot does, and the editor of an own
//! document.

use crate::fixtures::catalogue;
use crate::screen::Screen;
use twarga::core::Error;
use twarga::front::tui::{Event, Reply};
use twarga::model::{Field, FieldError, Role};

/// From the first field to the editor.
const TO_EDITOR: &str = "<BackTab>";

fn page(width: u16, height: u16) -> Screen {
    Screen::signed_in(Role::User, width, height)
        .keys("n")
        .reply(Reply::Catalogue(Ok(catalogue())))
        .keys("web-9<C-f>")
}

fn pasted(screen: Screen, text: &str) -> Screen {
    screen.event(Event::Paste(text.to_owned()))
}

const DOCUMENT: &str = "\
#cloud-config
packages: [nginx]
write_files:
  - path: /etc/motd
    content: |
      Welcome to 漢字.
";

#[test]
fn the_page_at_both_sizes() {
    for (width, height) in [(80, 24), (120, 40)] {
        let name = |name: &str| format!("first-boot-{name}@{width}x{height}");
        let empty = page(width, height);
        insta::assert_snapshot!(name("empty"), empty.text());
        let filled =
            page(width, height).keys("de_DE.UTF-8<Tab>Europe/Berlin<Tab>vim git<Tab>echo hello<Tab>");
        let filled = pasted(filled, DOCUMENT);
        insta::assert_snapshot!(name("filled"), filled.text());
        let broken = filled.keys("<Enter>runcmd: [");
        insta::assert_snapshot!(name("broken"), broken.text());
        let summary = broken.keys("<Esc>");
        insta::assert_snapshot!(name("summary"), summary.text());
    }
}

#[test]
fn what_is_written_is_asked_for() {
    let screen = page(100, 30).keys("C.UTF-8<Tab>UTC<Tab>vim, git  htop<Tab>");
    let screen = pasted(screen, "echo one\necho two\n");
    let screen = pasted(screen.keys("<Tab>"), DOCUMENT);
    assert!(screen.shows("✓ it can be read"), "{}", screen.text());
    let mut screen = screen.keys("<C-f>");
    assert!(
        screen.shows("C.UTF-8, UTC, 3 packages, 2 commands, user-data of 6 lines"),
        "{}",
        screen.text()
    );
    screen.wants();
    screen = screen.keys("<Enter>");
    let wants = screen.wants();
    let asked = r#"Provision { locale: Some("C.UTF-8"), timezone: Some("UTC"), packages: ["vim", "git", "htop"], .. }"#;
    assert!(wants.len() == 1 && wants[0].contains(asked), "{wants:?}");
    assert!(!wants[0].contains("motd"), "documents hold secrets");
}

#[test]
fn a_document_is_written_and_checked_as_it_is_typed() {
    let screen = page(100, 30)
        .keys(TO_EDITOR)
        .keys("#cloud-config<Enter>packages:<Enter>  - vim<Enter>foo: 1");
    assert!(screen.shows("✗ line 4"), "{}", screen.text());
    assert!(
        screen.line("│  4 ").contains("  foo: 1"),
        "it is indented as the line above"
    );
    // The machine is not asked for as long as the document is broken, and its place is shown.
    let mut refused = screen.keys("<C-f>");
    refused.wants();
    refused = refused.keys("<Enter>");
    assert!(refused.wants().is_empty());
    assert!(refused.shows("first boot (cloud-init)") && refused.shows("✗ line 4"));
    let mended = refused.keys("<Home><C-k><Up><Down>");
    assert!(mended.shows("✓ it can be read"), "{}", mended.text());
    let undone = mended.keys("<C-u>");
    assert!(
        undone.shows("foo: 1") && undone.shows("✗ line 4"),
        "{}",
        undone.text()
    );
    assert!(undone.keys("<C-r>").shows("✓ it can be read"));
}

#[test]
fn pasted_text_is_not_indented_and_what_is_no_text_is_refused() {
    let screen = pasted(
        page(100, 30)
            .keys(TO_EDITOR)
            .keys("#cloud-config<Enter>a:<Enter>  "),
        "- b\n- c\n",
    );
    assert!(screen.line("│  4 ").contains("4 - c"), "{}", screen.text());
    let refused = pasted(screen, "\u{1b}[31m");
    assert!(
        refused.shows("control characters; nothing was inserted"),
        "{}",
        refused.text()
    );
    let long = pasted(page(100, 30).keys(TO_EDITOR), &"x".repeat(65 * 1024));
    assert!(long.shows("too long; nothing was inserted"));
}

#[test]
fn escape_goes_back_and_asks_before_a_document_is_lost() {
    let screen = Screen::signed_in(Role::User, 80, 24)
        .keys("n<C-f>")
        .keys(TO_EDITOR);
    let screen = pasted(screen, "#!/bin/sh\n").keys("<Esc>");
    assert!(screen.shows("user-data of 1 line"), "{}", screen.text());
    let asked = screen.keys("<Esc>");
    assert!(asked.shows("Throw away"));
    let back = asked.keys("n<C-f>");
    assert!(back.shows("#!/bin/sh"), "{}", back.text());
    let untouched = Screen::signed_in(Role::User, 80, 24).keys("n<C-f><Esc><Esc>");
    assert!(!untouched.shows("New machine"));
}

#[test]
fn a_long_document_scrolls_and_keeps_its_cursor_in_sight() {
    let lines: String = (1..=300).map(|it| format!("# line {it}\n")).collect();
    let screen = pasted(page(80, 24).keys(TO_EDITOR), &format!("#cloud-config\n{lines}"));
    assert!(
        screen.shows("300 # line 299") && !screen.shows("# line 250"),
        "{}",
        screen.text()
    );
    let top = screen.keys("<PageUp><PageUp>");
    assert!(!top.shows("# line 299"), "{}", top.text());
    let wide = pasted(
        page(80, 24).keys(TO_EDITOR),
        &format!("#!{}the end", "x".repeat(200)),
    );
    assert!(wide.shows("xxthe end"), "{}", wide.text());
    assert!(wide.keys("<Home>").shows("#!xxx"));
}

#[test]
fn what_the_core_refuses_stands_on_its_page() {
    let asked = page(100, 30).keys("<Tab>Europe/Atlantis<C-f><Enter>");
    let refusal = FieldError::new(Field::Timezone, "there is no time zone `Europe/Atlantis`");
    let screen = asked.reply(Reply::Created {
        name: "web-9".into(),
        result: Err(Error::Invalid(vec![refusal])),
    });
    let line = screen.line("│ time zone ");
    assert!(line.contains("there is no time zone"), "{}", screen.text());
}

#[test]
fn only_a_new_machine_has_a_first_boot() {
    let screen = Screen::signed_in(Role::Admin, 100, 30).keys("D<C-f>");
    assert!(!screen.shows("cloud-init"), "{}", screen.text());
}
