//! What a guest's first boot does reaches its seed, and nothing of it is kept afterwards.

use crate::bench::{Bench, finish, small};
use crate::images::image;
use twarga::core::{Core, Ctx, Error, NewMachine, OperationQuery};
use twarga::hypervisor::Hypervisor;
use twarga::model::{Field, OperationState, Provision};

const SECRET: &str = "tell-nobody-7431";

/// An image of a distribution that lies on this host.
fn with_distribution(bench: &Bench) {
    let file = bench.state_dir().join("disk.qcow2");
    std::fs::write(&file, image(1)).unwrap();
    let own = format!(
        "[[image]]\nid = \"debian\"\ntitle = \"Debian\"\nformat = \"qcow2\"\ndefault_user = \"debian\"\nfile = {file:?}\n"
    );
    std::fs::write(bench.state_dir().join("images.toml"), own).unwrap();
}

fn wanted(provision: Provision) -> NewMachine {
    NewMachine {
        image: "debian".to_owned(),
        provision,
        ..small("web-1")
    }
}

/// The fields that are refused.
async fn refused(core: &Core, ctx: &Ctx, machine: NewMachine) -> Vec<Field> {
    match core.create_vm(ctx, machine).await {
        Err(Error::Invalid(errors)) => errors.into_iter().map(|it| it.field).collect(),
        other => panic!("it must be refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_says_what_was_asked_for_and_the_database_forgets_it() {
    let bench = Bench::new();
    let (core, keeper, alice) = bench.kept().await;
    with_distribution(&bench);
    let provision = Provision {
        locale: Some("de_DE.UTF-8".to_owned()),
        timezone: Some("UTC".to_owned()),
        packages: vec!["nginx".to_owned()],
        commands: vec![format!("echo {SECRET}")],
        user_data: Some("#cloud-config\npackages: [vim]\nwrite_files:\n- path: /etc/motd\n".to_owned()),
    };
    let (_, operation) = core.create_vm(&alice, wanted(provision)).await.unwrap();
    let done = finish(&core, &alice, operation).await;
    assert_eq!(done.state, OperationState::Done, "{done:?}");
    let volumes = bench.left_behind().volumes;
    let seed = volumes.iter().find(|it| it.ends_with(".seed")).unwrap();
    let bytes = bench.sim.tail(seed, 2 << 20).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for part in [
        r#""locale":"de_DE.UTF-8""#,
        r#""timezone":"UTC""#,
        r#""packages":["vim","nginx"]"#,
        r#""runcmd":["echo tell-nobody-7431"]"#,
        r#""write_files":[{"path":"/etc/motd"}]"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let database = rusqlite::Connection::open(bench.state_dir().join("twarga.db")).unwrap();
    let kept: i64 = database
        .query_row(
            "SELECT (SELECT count(*) FROM operations WHERE input LIKE ?1)
                  + (SELECT count(*) FROM events WHERE details LIKE ?1 OR message LIKE ?1)",
            [format!("%{SECRET}%")],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(kept, 0, "an operation's input is forgotten with its end");
    keeper.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_guest_could_do_is_refused_before_anything_is_made() {
    let bench = Bench::new();
    let core = bench.core().await;
    let alice = crate::bench::register(&core, "alice").await;
    with_distribution(&bench);
    let everything = Provision {
        locale: Some("not a locale".to_owned()),
        timezone: Some("../etc".to_owned()),
        packages: vec!["--help".to_owned()],
        commands: vec![String::new()],
        user_data: Some("packages: []".to_owned()),
    };
    let fields = refused(&core, &alice, wanted(everything)).await;
    assert_eq!(
        fields,
        [
            Field::Locale,
            Field::Timezone,
            Field::UserData,
            Field::Command,
            Field::Package
        ]
    );
    let named = Provision {
        user_data: Some("#cloud-config\nhostname: other\n".to_owned()),
        ..Provision::default()
    };
    assert_eq!(refused(&core, &alice, wanted(named)).await, [Field::UserData]);
    let atlantis = Provision {
        timezone: Some("Europe/Atlantis".to_owned()),
        ..Provision::default()
    };
    assert_eq!(refused(&core, &alice, wanted(atlantis)).await, [Field::Timezone]);
    let for_tiny = NewMachine {
        provision: Provision {
            commands: vec!["true".to_owned()],
            ..Provision::default()
        },
        ..small("web-1")
    };
    assert_eq!(
        refused(&core, &alice, for_tiny).await,
        [Field::Command],
        "it has no cloud-init"
    );
    assert!(
        core.operations(&alice, OperationQuery::default())
            .await
            .unwrap()
            .is_empty()
    );
}
