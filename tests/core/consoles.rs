//! Guests' terminals: who has them, what is shown, how they end.

use crate::bench::{Bench, LOCAL, PASSWORD, PATIENCE, act, create, register, until};
use std::time::Duration;
use tokio::time::timeout;
use twarga::core::consoles::asciicast::Happening;
use twarga::core::consoles::{End, Line, Told, Typed};
use twarga::core::{Action, Console, Core, Ctx, Error, LogQuery, Opening};
use twarga::hypervisor::Hypervisor;
use twarga::model::{ConsoleKind, Ending, RecordingMode, VmId};

fn serial(vm: VmId) -> Opening {
    Opening {
        vm,
        kind: ConsoleKind::Serial,
        takeover: false,
        size: (80, 24),
    }
}

fn by_force(vm: VmId) -> Opening {
    Opening {
        takeover: true,
        ..serial(vm)
    }
}

/// What was told so far, until it has what is waited for.
struct Reader {
    console: Console,
    text: String,
    lines: Vec<Line>,
    end: Option<End>,
}

impl Reader {
    async fn open(core: &Core, ctx: &Ctx, opening: Opening) -> Self {
        let console = core.open_console(ctx, opening).await.unwrap();
        Self {
            console,
            text: String::new(),
            lines: Vec::new(),
            end: None,
        }
    }

    async fn until(&mut self, what: &str, has: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !has(self) {
                match self.console.told.recv().await {
                    Some(Told::Past(bytes) | Told::Bytes(bytes)) => {
                        self.text.push_str(&String::from_utf8_lossy(&bytes))
                    }
                    Some(Told::Line(line)) => self.lines.push(line),
                    Some(Told::Ended(end)) => self.end = Some(end),
                    None => return false,
                }
            }
            true
        };
        match timeout(PATIENCE, waiting).await {
            Ok(true) => {}
            Ok(false) if has(self) => {}
            _ => panic!("never {what}: {:?} {:?} {:?}", self.text, self.lines, self.end),
        }
    }

    async fn reads(&mut self, text: &str) {
        let text = text.to_owned();
        self.until(&format!("reads {text}"), |it| it.text.contains(&text))
            .await;
    }

    async fn ends(&mut self, ending: Ending) -> End {
        self.until("ends", |it| it.end.is_some()).await;
        let end = self.end.clone().unwrap();
        assert_eq!(end.ending, ending, "{end:?}");
        end
    }

    async fn types(&self, text: &str) {
        let typed = Typed::Bytes(text.as_bytes().to_vec());
        self.console.typed.send(typed).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_reaches_the_guest_and_its_answer_comes_back() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.reads("Linux version").await;
    reader.types("echo one two\r").await;
    reader.reads("\none two").await;
    assert_eq!(core.consoles(&alice).await.unwrap().len(), 1);
    drop(reader);
    until(&core, &alice, "left", |_| true).await;
    let began = std::time::Instant::now();
    while !core.consoles(&alice).await.unwrap().is_empty() {
        assert!(began.elapsed() < PATIENCE);
    }
    let log = core.events(&alice, LogQuery::default()).await.unwrap();
    for action in ["console.opened", "console.closed"] {
        assert!(log.iter().any(|it| it.action == action), "{action}: {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_a_busy_console_is_told_who_has_it_and_may_take_it() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let vm = create(&core, &bob, "web-1").await;
    let mut first = Reader::open(&core, &bob, serial(vm)).await;
    first.reads("Linux").await;
    let other = bench.core().await;
    let there = other.sign_in(LOCAL, "alice", PASSWORD).await.unwrap().ctx;
    let Err(Error::Occupied(occupant)) = other.open_console(&there, serial(vm)).await else {
        panic!("bob has it")
    };
    assert_eq!(
        (occupant.who.as_str(), occupant.source.as_deref()),
        ("bob", Some("local"))
    );
    let mut second = Reader::open(&other, &there, by_force(vm)).await;
    let end = first.ends(Ending::Taken).await;
    assert_eq!(end.by.as_deref(), Some("alice"), "bob is told who took it");
    second.reads("Linux").await;
    second.types("echo still here\r").await;
    second.reads("\nstill here").await;
    let log = core.events(&alice, LogQuery::default()).await.unwrap();
    assert!(log.iter().any(|it| it.action == "console.forced"), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_outside_is_an_occupant_too() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let domain = bench.sim.outside().find("user1-web-1").unwrap();
    let _virsh = bench.sim.attach_console(domain, false).unwrap();
    let Err(Error::Occupied(occupant)) = core.open_console(&alice, serial(vm)).await else {
        panic!("somebody has it")
    };
    assert_eq!(occupant.who, "somebody outside twarga");
    assert!(
        core.consoles(&alice).await.unwrap().is_empty(),
        "the try leaves nothing"
    );
    let mut reader = Reader::open(&core, &alice, by_force(vm)).await;
    reader.reads("Linux").await;
    let _again = bench.sim.attach_console(domain, true).unwrap();
    let end = reader.ends(Ending::Taken).await;
    assert_eq!(end.by.as_deref(), Some("somebody outside twarga"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_takes_its_consoles_with_it() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.reads("Linux").await;
    core.sign_out(&alice).await.unwrap();
    reader.ends(Ending::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_ends_anybodys_and_the_owner_their_own() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let bob = register(&core, "bob").await;
    let vm = create(&core, &bob, "web-1").await;
    let mut reader = Reader::open(&core, &bob, serial(vm)).await;
    reader.reads("Linux").await;
    let listed = core.consoles(&alice).await.unwrap();
    assert_eq!(
        (listed[0].username.as_str(), listed[0].vm_name.as_str()),
        ("bob", "web-1")
    );
    core.end_console(&alice, listed[0].id).await.unwrap();
    let end = reader.ends(Ending::Stopped).await;
    assert_eq!(end.by.as_deref(), Some("alice"));
    assert!(matches!(
        core.end_console(&alice, listed[0].id).await,
        Err(Error::Conflict(_))
    ));
    let mut one = Reader::open(&core, &bob, serial(vm)).await;
    one.reads("Linux").await;
    assert_eq!(core.end_consoles(&alice).await.unwrap(), 1);
    one.ends(Ending::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_nobody_types_into_is_closed() {
    let mut bench = Bench::new();
    bench.settings.consoles.idle = Some(Duration::from_millis(600));
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.reads("Linux").await;
    // What the terminal answers by itself keeps nothing open.
    let typed = reader.console.typed.clone();
    let answers = tokio::spawn(async move {
        while typed.send(Typed::Answer(b"\x1b[1;1R".to_vec())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    reader.ends(Ending::Idle).await;
    answers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_is_restarted_keeps_its_console() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.types("echo before\r").await;
    reader.reads("\nbefore").await;
    act(&core, &alice, vm, Action::Kill).await;
    reader
        .until("waits", |it| {
            it.lines.iter().any(|line| matches!(line, Line::Waiting(_)))
        })
        .await;
    act(&core, &alice, vm, Action::Start).await;
    reader
        .until("is attached again", |it| it.lines.last() == Some(&Line::Attached))
        .await;
    reader.types("echo after\r").await;
    reader.reads("\nafter").await;
    let boots = reader.text.matches("Linux version").count();
    assert_eq!(boots, 2, "each boot once: {}", reader.text);
    assert!(!reader.lines.contains(&Line::Missing(None)), "{:?}", reader.lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hypervisor_that_went_away_is_attached_again() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.types("echo before\r").await;
    reader.reads("\nbefore").await;
    bench.sim.go_away("the daemon died");
    reader
        .until("waits", |it| {
            it.lines.iter().any(|line| matches!(line, Line::Waiting(_)))
        })
        .await;
    bench.sim.come_back();
    reader
        .until("is attached again", |it| it.lines.last() == Some(&Line::Attached))
        .await;
    reader.types("echo after\r").await;
    reader.reads("\nafter").await;
    assert_eq!(reader.text.matches("\nbefore").count(), 1, "{}", reader.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbered_lines_are_whole_across_detaching_and_the_seam() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    let mut first = Reader::open(&core, &alice, serial(vm)).await;
    first.reads("Linux").await;
    first.types("flood 1500\r").await;
    first.reads("1500").await;
    drop(first);
    for _ in 0..3 {
        let mut again = Reader::open(&core, &alice, by_force(vm)).await;
        again.reads("1500").await;
        again.types("echo end of it\r").await;
        again.reads("\nend of it").await;
        let numbers: Vec<u32> = again
            .text
            .lines()
            .filter_map(|line| line.trim().rsplit(' ').next()?.parse().ok())
            .filter(|number| (1..=1500).contains(number))
            .collect();
        let flood: Vec<u32> = numbers.into_iter().skip_while(|it| *it != 1).take(1500).collect();
        assert_eq!(flood, (1..=1500).collect::<Vec<u32>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_process_has_no_console() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    keeper.end().await.unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let database = rusqlite::Connection::open(bench.state_dir().join("twarga.db")).unwrap();
    database
        .execute(
            "INSERT INTO consoles (vm, owner, user, session, kind, source, pid, pid_started, opened_at,
                                   last_input_at)
             VALUES (?1, 1, 1, '00000000-0000-0000-0000-000000000000', 'serial', 'local', ?2, 1, 0, 0)",
            [vm.0, i64::from(pid)],
        )
        .unwrap();
    assert!(
        core.consoles(&alice).await.unwrap().is_empty(),
        "it is not listed"
    );
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.reads("Linux").await;
    let log = core.events(&alice, LogQuery::default()).await.unwrap();
    assert!(log.iter().any(|it| it.message.ends_with("gone")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_recorded_where_it_was_asked_for_and_said() {
    let mut bench = Bench::new();
    bench.settings.consoles.longest_recording = 1 << 20;
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    core.set_recording_mode(&alice, vm, RecordingMode::Input)
        .await
        .unwrap();
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader
        .until("says so", |it| {
            it.lines.contains(&Line::Recording(RecordingMode::Input))
        })
        .await;
    reader.types("echo héllo\r").await;
    reader.reads("\nhéllo").await;
    let shown = reader.text.clone();
    drop(reader);
    core.leave_consoles().await;
    let recording = core.recordings(&alice).await.unwrap().remove(0);
    assert!(recording.input && recording.ended_at.is_some(), "{recording:?}");
    let played = core.play(&alice, recording.id).await.unwrap();
    let (mut output, mut input) = (String::new(), String::new());
    for moment in &played.cast.moments {
        match &moment.happening {
            Happening::Output(text) => output.push_str(text),
            Happening::Input(text) => input.push_str(text),
            Happening::Size(..) => {}
        }
    }
    assert_eq!((output, input.as_str()), (shown, "echo héllo\r"));
    assert_eq!(recording.bytes, Some(played.text.len() as u64));
    core.remove_recording(&alice, recording.id).await.unwrap();
    assert!(matches!(
        core.play(&alice, recording.id).await,
        Err(Error::NotFound { .. })
    ));
    let folder = bench.state_dir().join("recordings");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_off_shows_its_log_and_waits() {
    let bench = Bench::new();
    let (core, _keeper, alice) = bench.kept().await;
    let vm = create(&core, &alice, "web-1").await;
    act(&core, &alice, vm, Action::Kill).await;
    let mut reader = Reader::open(&core, &alice, serial(vm)).await;
    reader.reads("Linux version").await;
    reader
        .until("waits", |it| {
            it.lines.contains(&Line::Waiting("the machine is off".to_owned()))
        })
        .await;
    act(&core, &alice, vm, Action::Start).await;
    reader
        .until("is attached", |it| it.lines.last() == Some(&Line::Attached))
        .await;
}
