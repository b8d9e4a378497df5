//! Every core operation, asked for by everybody. The operations are found by parsing the core: one
//! that the table below does not name fails the test.

use crate::bench::{Bench, LOCAL, PASSWORD, create, register, small};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use twarga::core::{
    Action, Core, Ctx, Error, Import, LogQuery, Opening, OperationQuery, Registration, StatementQuery,
};
use twarga::model::{
    ConsoleId, ConsoleKind, Credits, OperationId, Preferences, RecordingId, RecordingMode, Role, VmId,
    WantedForward,
};

/// What carol owns: a machine with two recordings (one will be removed), and a console of hers.
#[derive(Clone, Copy)]
struct Goods {
    vm: VmId,
    /// Final, so that nobody waits for it.
    operation: OperationId,
}

impl Goods {
    fn console(self, kind: ConsoleKind) -> Opening {
        Opening {
            vm: self.vm,
            kind,
            takeover: true,
            size: (80, 24),
        }
    }
}

fn somebody() -> Registration {
    Registration {
        username: "somebody".to_owned(),
        email: "somebody@example.org".to_owned(),
        password: PASSWORD.to_owned(),
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// One operation: its name, how it is asked for, and the answers to a caller whose session has
/// ended, a stranger, the owner, an auditor and an admin.
type Row = (&'static str, fn(Core, Ctx, Goods) -> Asked, [&'static str; 5]);

/// Asks, and drops what comes back.
macro_rules! ask {
    ($core:ident, $ctx:ident, $goods:ident => $call:expr) => {
        |$core, $ctx, $goods| {
            let _ = $goods;
            Box::pin(async move { $call.await.map(drop) })
        }
    };
}

const KEY: &str = include_str!("../fixtures/keys/ed25519.pub");
const OTHER_KEY: &str = include_str!("../fixtures/keys/rsa2048.pub");

const OUT: &str = "not signed in";
const NONE: &str = "not found";
const NO: &str = "not permitted";
const YES: &str = "yes";

const TABLE: &[Row] = &[
    (
        "images",
        ask!(core, ctx, it => core.images(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "find_image",
        ask!(core, ctx, it => core.find_image(&ctx, "tiny")),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "image_uses",
        ask!(core, ctx, it => core.image_uses(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "pull_image",
        ask!(core, ctx, it => core.pull_image(&ctx, "tiny")),
        [OUT, YES, YES, NO, YES],
    ),
    (
        "local_image",
        ask!(core, ctx, it => core.local_image(&ctx, "tiny")),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "import_image",
        ask!(core, ctx, it => core.import_image(&ctx, taken_id(), &mut |_, _| {})),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "verify_image",
        ask!(core, ctx, it => core.verify_image(&ctx, "tiny", &mut |_| {})),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "check_images",
        ask!(core, ctx, it => core.check_images(&ctx, &mut |_| {})),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "clean_images",
        ask!(core, ctx, it => core.clean_images(&ctx)),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "remove_image",
        ask!(core, ctx, it => core.remove_image(&ctx, "tiny")),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "accounts",
        ask!(core, ctx, it => core.accounts(&ctx)),
        [OUT, NO, NO, YES, YES],
    ),
    (
        "set_role",
        ask!(core, ctx, it => core.set_role(&ctx, "carol", Role::User)),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "set_active",
        ask!(core, ctx, it => core.set_active(&ctx, "carol", true)),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "unlock_account",
        ask!(core, ctx, it => core.unlock_account(&ctx, "carol")),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "reset_password",
        ask!(core, ctx, it => core.reset_password(&ctx, "nobody", "tall ginger otter sings".to_owned())),
        [OUT, NO, NO, NO, NONE],
    ),
    (
        "end_sessions",
        ask!(core, ctx, it => core.end_sessions(&ctx, "nobody")),
        [OUT, NO, NO, NO, NONE],
    ),
    (
        "create_account",
        ask!(core, ctx, it => core.create_account(&ctx, somebody(), Role::User)),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "purse",
        ask!(core, ctx, it => core.purse(&ctx, Some("carol"))),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "statement",
        ask!(core, ctx, it => core.statement(&ctx, StatementQuery {
            username: Some("carol".to_owned()),
            ..StatementQuery::default()
        })),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "adjust_credits",
        ask!(core, ctx, it => core.adjust_credits(&ctx, vec!["carol".to_owned()], Credits::whole(5), "a gift")),
        [OUT, NO, NO, NO, YES],
    ),
    (
        "verify_ledger",
        ask!(core, ctx, it => core.verify_ledger(&ctx)),
        [OUT, NO, NO, YES, YES],
    ),
    (
        "networks",
        ask!(core, ctx, it => core.networks(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "allowance",
        ask!(core, ctx, it => core.allowance(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "create_vm",
        ask!(core, ctx, it => core.create_vm(&ctx, small("one-more"))),
        [OUT, YES, YES, NO, YES],
    ),
    (
        "act",
        ask!(core, ctx, it => core.act(&ctx, it.vm, Action::Stop)),
        [OUT, NONE, YES, NO, YES],
    ),
    // Here machines have addresses, so whoever may is refused for that.
    (
        "add_forwards",
        ask!(core, ctx, it => core.add_forwards(&ctx, it.vm, forwards())),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "remove_forwards",
        ask!(core, ctx, it => core.remove_forwards(&ctx, it.vm, forwards())),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "find_vm",
        ask!(core, ctx, it => core.find_vm(&ctx, "carol/box")),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "operations",
        ask!(core, ctx, it => core.operations(&ctx, OperationQuery::default())),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "operation",
        ask!(core, ctx, it => core.operation(&ctx, it.operation)),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "wait",
        ask!(core, ctx, it => core.wait(&ctx, it.operation, |_| {})),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "cancel",
        ask!(core, ctx, it => core.cancel(&ctx, it.operation)),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "events",
        ask!(core, ctx, it => core.events(&ctx, LogQuery::default())),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "verify_log",
        ask!(core, ctx, it => core.verify_log(&ctx)),
        [OUT, NO, NO, YES, YES],
    ),
    (
        "watch",
        ask!(core, ctx, it => core.watch(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "lock",
        ask!(core, ctx, it => core.lock(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "unlock",
        ask!(core, ctx, it => core.unlock(&ctx, PASSWORD)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "preferences",
        ask!(core, ctx, it => core.preferences(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "set_preferences",
        ask!(core, ctx, it => core.set_preferences(&ctx, Preferences::default())),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "change_password",
        ask!(core, ctx, it => core.change_password(&ctx, PASSWORD, PASSWORD)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "open_console",
        ask!(core, ctx, it => core.open_console(&ctx, it.console(ConsoleKind::Serial))),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "ssh_command",
        ask!(core, ctx, it => core.ssh_command(&ctx, it.vm)),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "consoles",
        ask!(core, ctx, it => core.consoles(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "end_console",
        ask!(core, ctx, it => core.end_console(&ctx, ConsoleId(1))),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "end_consoles",
        ask!(core, ctx, it => core.end_consoles(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "recordings",
        ask!(core, ctx, it => core.recordings(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "play",
        ask!(core, ctx, it => core.play(&ctx, RecordingId(1))),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "recording_mode",
        ask!(core, ctx, it => core.recording_mode(&ctx, it.vm)),
        [OUT, NONE, YES, YES, YES],
    ),
    (
        "set_recording_mode",
        ask!(core, ctx, it => core.set_recording_mode(&ctx, it.vm, RecordingMode::Off)),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "remove_recording",
        ask!(core, ctx, it => core.remove_recording(&ctx, removable(&ctx))),
        [OUT, NONE, YES, NO, YES],
    ),
    (
        "ssh_keys",
        ask!(core, ctx, it => core.ssh_keys(&ctx)),
        [OUT, YES, YES, YES, YES],
    ),
    (
        "add_ssh_keys",
        ask!(core, ctx, it => core.add_ssh_keys(&ctx, KEY, None)),
        [OUT, YES, YES, NO, YES],
    ),
    // Carol's: nobody else has one of this number, whatever their role.
    (
        "remove_ssh_key",
        ask!(core, ctx, it => core.remove_ssh_key(&ctx, "1")),
        [OUT, NONE, YES, NONE, NONE],
    ),
    // The last one: it ends the session. One that has ended stays so, which is no error.
    (
        "sign_out",
        ask!(core, ctx, it => core.sign_out(&ctx)),
        [YES, YES, YES, YES, YES],
    ),
];

fn forwards() -> Vec<WantedForward> {
    vec![WantedForward::parse("8080:80").unwrap()]
}

/// An import that ends at its id.
fn taken_id() -> Import {
    Import {
        from: "/nowhere".to_owned(),
        id: "debian-12".to_owned(),
        title: String::new(),
        format: None,
        default_user: "debian".to_owned(),
        firmware: twarga::core::Firmware::Either,
        expect: None,
    }
}

/// Each of the two recordings can be removed once: by the owner, and by the admin.
fn removable(ctx: &Ctx) -> RecordingId {
    let owner = ctx.username().as_str() == "carol";
    RecordingId(if owner { 2 } else { 1 })
}

/// What the core offers to somebody who is not signed in, or to whoever assembled it.
const WITHOUT_CALLER: &[&str] = &[
    "assemble",
    "door",
    "leave_consoles",
    "prices",
    "register",
    "resume",
    "sign_in",
    "ssh_identity",
];

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let bench = Bench::new();
    let (core, keeper, admin) = bench.kept().await;
    let mut people = Vec::new();
    for name in ["ended", "stranger", "carol", "auditor"] {
        people.push(register(&core, name).await);
    }
    let vm = create(&core, &people[2], "box").await;
    let operations = core
        .operations(&people[2], OperationQuery::default())
        .await
        .unwrap();
    let goods = Goods {
        vm,
        operation: operations[0].id,
    };
    core.add_ssh_keys(&people[2], OTHER_KEY, None).await.unwrap();
    // Left as soon as they are open: their rows and recordings stay.
    core.set_recording_mode(&people[2], vm, RecordingMode::Output)
        .await
        .unwrap();
    for _ in 0..2 {
        drop(
            core.open_console(&people[2], goods.console(ConsoleKind::Serial))
                .await
                .unwrap(),
        );
    }
    // Nobody works any more: what is asked for stays queued, so that answers do not depend on it.
    keeper.end().await.unwrap();
    core.sign_out(&people[0]).await.unwrap();
    let database = rusqlite::Connection::open(bench.state_dir().join("twarga.db")).unwrap();
    database
        .execute("UPDATE users SET role = 'auditor' WHERE username = 'auditor'", [])
        .unwrap();
    people.push(admin);
    let mut wrong = Vec::new();
    for (name, ask, expected) in TABLE {
        for (ctx, expected) in people.iter().zip(expected) {
            let answer = word(ask(core.clone(), ctx.clone(), goods).await);
            if answer != *expected {
                wrong.push(format!("{name} by {}: {answer}, not {expected}", ctx.username()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_counts_at_once_and_a_deactivated_account_for_nothing() {
    let bench = Bench::new();
    let core = bench.core().await;
    register(&core, "alice").await;
    let bob = register(&core, "bob").await;
    let change = |sql: &str| {
        let database = rusqlite::Connection::open(bench.state_dir().join("twarga.db")).unwrap();
        database.execute(sql, []).unwrap();
    };
    core.create_vm(&bob, small("web-1")).await.unwrap();
    change("UPDATE users SET role = 'auditor' WHERE username = 'bob'");
    let answer = core.create_vm(&bob, small("web-2")).await;
    assert_eq!(word(answer.map(drop)), NO, "his old Ctx says user still");
    core.verify_log(&bob).await.unwrap();
    change("UPDATE users SET active = 0 WHERE username = 'bob'");
    for (name, ask, _) in TABLE.iter().filter(|row| row.0 != "sign_out") {
        let goods = Goods {
            vm: VmId(1),
            operation: OperationId(1),
        };
        let answer = word(ask(core.clone(), bob.clone(), goods).await);
        let expected = if ["unlock", "change_password"].contains(name) {
            "wrong credentials"
        } else {
            OUT
        };
        assert_eq!(answer, expected, "{name}");
    }
    let answer = core.sign_in(LOCAL, "bob", PASSWORD).await;
    assert_eq!(
        word(answer.map(drop)),
        "wrong credentials",
        "which of it is not told"
    );
}

#[test]
fn the_table_has_every_operation_of_the_core() {
    let found = operations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core"));
    let named: BTreeSet<String> = TABLE
        .iter()
        .map(|row| row.0)
        .chain(WITHOUT_CALLER.iter().copied())
        .map(str::to_owned)
        .collect();
    assert_eq!(found, named);
}

/// An answer. Who is refused because of the object's state was let in.
fn word(answer: Result<(), Error>) -> &'static str {
    match answer {
        Ok(()) | Err(Error::Busy(_) | Error::Conflict(_)) => YES,
        Err(Error::NotSignedIn(_)) => OUT,
        Err(Error::NotFound { .. }) => NONE,
        Err(Error::NotPermitted(_)) => NO,
        Err(Error::WrongCredentials) => "wrong credentials",
        Err(other) => panic!("{other:?}"),
    }
}

/// The public functions of every `impl Core` below a folder.
fn operations(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(operations(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            found.extend(file.items.iter().flat_map(public_functions));
        }
    }
    found
}

fn public_functions(item: &syn::Item) -> Vec<String> {
    let syn::Item::Impl(block) = item else {
        return Vec::new();
    };
    let syn::Type::Path(of) = block.self_ty.as_ref() else {
        return Vec::new();
    };
    if block.trait_.is_some() || !of.path.is_ident("Core") {
        return Vec::new();
    }
    let functions = block.items.iter().filter_map(|item| match item {
        syn::ImplItem::Fn(function) if matches!(function.vis, syn::Visibility::Public(_)) => {
            Some(function.sig.ident.to_string())
        }
        _ => None,
    });
    functions.collect()
}
