//! Consoles on the screen: what is shown, where keys go, and that nothing of a guest's gets out.

use crate::fixtures::shared_view;
use crate::screen::Screen;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use twarga::core::Error;
use twarga::core::consoles::asciicast::Cast;
use twarga::core::consoles::{End, Line, Occupant, Played};
use twarga::front::tui::console::Words;
use twarga::front::tui::{ConsoleReply, Event, Reply, Setup, draw};
use twarga::model::{
    ConsoleId, ConsoleKind, ConsoleSession, Ending, Recording, RecordingId, RecordingMode, Role, UserId, VmId,
};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn told(screen: Screen, reply: ConsoleReply) -> Screen {
    screen.reply(Reply::Console { pane: 1, reply })
}

fn words(bytes: &[u8], past: bool) -> ConsoleReply {
    let turn = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    ConsoleReply::Wrote(Words {
        bytes: bytes.to_vec(),
        past,
        turn,
    })
}

fn wrote(screen: Screen, bytes: &[u8]) -> Screen {
    told(screen, words(bytes, false))
}

/// A machine's serial console is open and attached.
fn opened(width: u16, height: u16) -> Screen {
    let screen = Screen::with(Setup::default(), Role::Admin, shared_view(), width, height).keys("jjc");
    let screen = told(screen, ConsoleReply::Opened(Ok(ConsoleId(7))));
    told(screen, ConsoleReply::Line(Line::Attached))
}

const GREETING: &[u8] = b"Debian GNU/Linux 12 web-1 ttyS0\r\n\r\nweb-1 login: \x1b[31mroot\x1b[0m\r\n\
    \x1b(0lqqk\x1b(B \xe4\xb8\x96\xe7\x95\x8c e\xcc\x81\r\n$ ";

#[test]
fn a_console_fills_the_screen_or_shares_it() {
    for (width, height) in SIZES {
        let name = |what| format!("console-{what}@{width}x{height}");
        let live = wrote(opened(width, height), GREETING).wait(20);
        insta::assert_snapshot!(name("live"), live.text());
        let leader = live.keys("<C-]>");
        insta::assert_snapshot!(name("leader"), leader.text());
        let split = leader.keys("z");
        insta::assert_snapshot!(name("split"), split.text());
        let copy = split.keys("<C-]>[kkV");
        insta::assert_snapshot!(name("copy"), copy.text());
        let search = wrote(opened(width, height), GREETING).keys("<C-]>/login");
        insta::assert_snapshot!(name("search"), search.text());
        let recorded = told(
            wrote(opened(width, height), GREETING),
            ConsoleReply::Line(Line::Recording(RecordingMode::Input)),
        );
        insta::assert_snapshot!(name("recorded"), recorded.text());
        let waiting = told(
            recorded,
            ConsoleReply::Line(Line::Waiting("the machine is off".to_owned())),
        );
        insta::assert_snapshot!(name("waiting"), waiting.text());
    }
}

#[test]
fn who_has_a_console_is_asked_about_and_listed() {
    for (width, height) in SIZES {
        let occupant = Occupant {
            who: "bob".to_owned(),
            source: Some("tenant 192.0.2.7".to_owned()),
            since: None,
        };
        let asked = Screen::with(Setup::default(), Role::Admin, shared_view(), width, height).keys("jjc");
        let mut asked = told(asked, ConsoleReply::Opened(Err(Error::Occupied(occupant))));
        insta::assert_snapshot!(format!("console-busy@{width}x{height}"), asked.text());
        asked.wants();
        let mut taken = asked.keys("y");
        let wanted = taken.wants();
        assert!(
            wanted.iter().any(|it| it.contains("takeover: true")),
            "{wanted:?}"
        );
        let mut listed = opened(width, height).keys("<C-]>qC");
        assert!(listed.wants().iter().any(|it| it == "LoadConsoles"));
        let listed = listed.reply(Reply::Consoles(Ok(vec![session(7, "alice"), session(8, "bob")])));
        insta::assert_snapshot!(format!("consoles@{width}x{height}"), listed.text());
        let mut ended = listed.keys("jxy");
        assert!(
            ended
                .wants()
                .iter()
                .any(|it| it == "EndConsoles(Some(ConsoleId(8)))")
        );
    }
}

fn session(id: i64, who: &str) -> ConsoleSession {
    ConsoleSession {
        id: ConsoleId(id),
        vm: VmId(3),
        vm_name: "web-1".to_owned(),
        owner: UserId(1),
        user: UserId(id),
        username: who.to_owned(),
        kind: ConsoleKind::Serial,
        source: "local".to_owned(),
        opened_at: crate::fixtures::ago(300),
        last_input_at: crate::fixtures::ago(100),
        ended: None,
    }
}

#[test]
fn every_key_goes_to_the_guest_but_one_which_goes_there_when_pressed_twice() {
    let mut screen = opened(80, 24);
    screen.wants();
    let mut screen = screen.keys("q:<C-c><Esc>");
    let typed = "Type { pane: 1, bytes: [113] }, Type { pane: 1, bytes: [58] }, \
                 Type { pane: 1, bytes: [3] }, Type { pane: 1, bytes: [27] }";
    assert_eq!(screen.wants().join(", "), typed);
    let mut screen =
        wrote(screen, b"\x1b[?1h").event(Event::Key(KeyEvent::new(KeyCode::Up, KeyModifiers::NONE)));
    assert_eq!(
        screen.wants(),
        ["Type { pane: 1, bytes: [27, 79, 65] }"],
        "application mode"
    );
    let mut screen = screen.keys("<C-]><C-]>");
    assert_eq!(screen.wants(), ["Type { pane: 1, bytes: [29] }"]);
    let mut screen = screen.event(Event::Paste("x".repeat(1_000_000)));
    let wanted = screen.wants();
    assert_eq!(wanted.len(), 1);
    assert!(
        wanted[0].matches("120").count() >= 1_000_000,
        "a paste is one piece and whole"
    );
    let mut screen = screen.keys("<C-]>s");
    assert!(screen.wants()[0].contains("115, 116, 116, 121"), "stty");
    let screen = screen.keys("<C-]>q");
    assert!(screen.shows("VMs ──"), "back at the machines");
}

#[test]
fn dragging_marks_text_unless_the_guest_wants_the_mouse() {
    let screen = wrote(opened(120, 40), b"one two\r\nthree");
    let mut screen = screen.drag((4, 1), (2, 2)).keys("y");
    assert!(screen.wants().contains(&"CopyOut(\"two\\nthr\")".to_owned()));
    let mut screen = screen.drag((4, 1), (6, 1)).click(3, 1).keys("y");
    assert_eq!(
        screen.wants(),
        ["Type { pane: 1, bytes: [121] }"],
        "a click goes back to the guest"
    );
    let mut screen = wrote(screen, b"\x1b[?1002h\x1b[?1006h").drag((4, 1), (6, 1));
    assert_eq!(screen.wants().len(), 3, "pressed, moved, released");
    assert!(screen.keys("y").wants()[0].contains("121"), "nothing is marked");
}

#[test]
fn a_guest_hears_the_cursors_place_and_nothing_to_what_it_asked_long_ago() {
    let questions = b"\x1b[6n\x1b[5n\x1b[c\x1b]52;c;?\x07\x1b[21t\x1bP$qm\x1b\\\x1b[14t\x1b]11;?\x07";
    let mut screen = opened(80, 24);
    screen.wants();
    let mut screen = told(screen, words(questions, true));
    assert_eq!(
        screen.wants(),
        Vec::<String>::new(),
        "it was asked before anybody listened"
    );
    let mut screen = wrote(screen, questions);
    // ESC [ 1 ; 1 R and ESC [ 0 n, and nothing else.
    assert_eq!(
        screen.wants(),
        ["Answer { pane: 1, bytes: [27, 91, 49, 59, 49, 82, 27, 91, 48, 110] }"]
    );
}

#[test]
fn the_end_of_a_console_says_who_and_leaves_its_picture() {
    let end = End {
        ending: Ending::Taken,
        by: Some("carol".to_owned()),
        code: None,
        reason: None,
    };
    let mut screen = told(wrote(opened(80, 24), GREETING), ConsoleReply::Ended(end));
    assert!(screen.shows("✗ carol took it over"), "{}", screen.text());
    assert!(screen.shows("login:"), "the picture stays");
    screen.wants();
    let mut screen = screen.keys("x");
    assert_eq!(screen.wants(), Vec::<String>::new(), "nothing is typed into it");
}

#[test]
fn a_flood_is_taken_in_by_turns_and_the_screen_wakes_for_the_next_one() {
    // Each of these clears the whole screen: three bytes that cost two thousand cells.
    let expensive = b"\x1b[2J".repeat(30_000);
    let screen = wrote(opened(80, 24), &expensive);
    assert_eq!(screen.state.next_wake(), Some(screen.now), "there is more to do");
    let mut screen = wrote(screen, b"\x1b[Hthe end");
    let mut turns = 0;
    while screen.state.next_wake() == Some(screen.now) {
        screen = screen.event(Event::Tick);
        turns += 1;
        assert!(turns < 10_000, "it ends");
    }
    assert!(turns > 3 && screen.shows("the end"), "{turns}");
}

/// Whatever a guest writes: the terminal around gets only what twarga itself draws with.
#[test]
fn nothing_of_a_guests_reaches_the_terminal_around() {
    let hostile: &[u8] =
        b"\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\x1bPq#0\x1b\\\x1b[8;1;1t\x1b[?1000h\x1b[?1049h\
        \x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x9b31m\xc2\x9b31m\x1b_Gx\x1b\\\x07\x05\x0e\x1bc\x1b[!p\
        \xe2\x80\xae\xe2\x80\x8b\xef\xbb\xbf plain \x1b[5m\x1b[38;2;1;2;3mcolour\x1b#8\x1b[H";
    let mut screen = opened(100, 30);
    for piece in hostile.chunks(7) {
        screen = wrote(screen, piece);
    }
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let backend = CrosstermBackend::new(Capture(bytes.clone()));
    let size = Size::new(100, 30);
    let viewport = Viewport::Fixed(Rect::new(0, 0, size.width, size.height));
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    terminal.draw(|frame| draw(&screen.state, frame)).unwrap();
    drop(terminal);
    let bytes = bytes.lock().unwrap().clone();
    let text = String::from_utf8(bytes).expect("UTF-8");
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_control()) {
        let sequence = &rest[at..];
        let length = allowed(sequence)
            .unwrap_or_else(|| panic!("{:?}", &sequence.chars().take(20).collect::<String>()));
        rest = &sequence[length..];
    }
    for hidden in ['\u{202e}', '\u{200b}', '\u{feff}', '\u{9b}'] {
        assert!(!text.contains(hidden), "{hidden:?}");
    }
}

/// The length of a sequence that twarga draws with: colours and attributes (SGR), the cursor's place,
/// and the cursor shown or hidden.
fn allowed(sequence: &str) -> Option<usize> {
    let body = sequence.strip_prefix("\x1b[")?;
    let (private, body) = match body.strip_prefix('?') {
        Some(rest) => (true, rest),
        None => (false, body),
    };
    let end = body.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    let last = body[end..].chars().next()?;
    let known = match (private, last) {
        (false, 'm' | 'H') => true,
        (true, 'h' | 'l') => &body[..end] == "25",
        _ => false,
    };
    known.then(|| 2 + usize::from(private) + end + 1)
}

#[derive(Clone)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn recording(id: i64) -> Recording {
    Recording {
        id: RecordingId(id),
        vm: VmId(3),
        vm_name: "web-1".to_owned(),
        owner: UserId(1),
        user: UserId(1),
        username: "alice".to_owned(),
        input: id == 2,
        started_at: crate::fixtures::ago(3_600),
        ended_at: Some(crate::fixtures::ago(3_000)),
        bytes: Some(4_711),
    }
}

fn played() -> Box<Played> {
    let text = "{\"version\":2,\"width\":80,\"height\":24}\n[0.5,\"o\",\"first\\r\\n\"]\n[20,\"o\",\"second \"]\n\
                [60,\"o\",\"\\u001b]0;x\\u0007third\\r\\n\"]\n";
    Box::new(Played {
        recording: recording(1),
        text: text.to_owned(),
        cast: Cast::read(text).unwrap(),
    })
}

#[test]
fn a_recording_is_played_at_its_own_pace_or_anothers() {
    for (width, height) in SIZES {
        let mut screen = Screen::signed_in(Role::Admin, width, height).keys("P");
        assert!(screen.wants().iter().any(|it| it == "LoadRecordings"));
        let listed = screen.reply(Reply::Recordings(Ok(vec![recording(2), recording(1)])));
        insta::assert_snapshot!(format!("recordings@{width}x{height}"), listed.text());
        let mut listed = listed.keys("j<Enter>");
        assert!(listed.wants().iter().any(|it| it == "Play(RecordingId(1))"));
        let screen = listed.reply(Reply::Played(Ok(played()))).wait(1);
        assert!(
            screen.shows("first") && !screen.shows("second"),
            "{}",
            screen.text()
        );
        // Long pauses are shortened.
        let screen = screen.wait(4);
        assert!(
            screen.shows("second") && !screen.shows("third"),
            "{}",
            screen.text()
        );
        let screen = screen.keys(" ").wait(30);
        assert!(!screen.shows("third"), "it stands still");
        insta::assert_snapshot!(format!("replay@{width}x{height}"), screen.text());
        let screen = screen.keys(" ++<Right>").wait(2);
        assert!(screen.shows("third"), "{}", screen.text());
        let screen = screen.keys("g ");
        assert!(!screen.shows("first"), "{}", screen.text());
        let mut screen = screen.keys("qxy");
        assert!(
            screen
                .wants()
                .iter()
                .any(|it| it == "RemoveRecording(RecordingId(1))")
        );
    }
}
