use super::*;

fn read(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::read(
        std::iter::once("twarga")
            .chain(line.split_whitespace())
            .map(OsString::from),
    )
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn no_words_open_the_screen() {
    assert!(read("").unwrap().wants_screen());
    assert!(read("tui").unwrap().wants_screen());
    assert!(!read("vm list").unwrap().wants_screen());
}

#[test]
fn the_screens_flags_stand_before_or_after_tui() {
    assert!(read("--tenant").unwrap().screen.tenant);
    assert!(read("tui --tenant").unwrap().screen.tenant);
    assert!(read("--tenant tui").unwrap().screen.tenant);
    assert_eq!(read("tui --theme mono").unwrap().screen.theme, Some(Theme::Mono));
}

#[test]
fn a_tenant_overrides_nothing() {
    for flag in ["--config x", "--state-dir x", "--uri x", "--demo", "-v"] {
        let refused = read(&format!("tui --tenant {flag}")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ArgumentConflict, "{flag}");
    }
}

#[test]
fn a_tenant_has_no_commands() {
    assert!(read("--tenant vm list").is_err());
    // Least of all those that name files.
    for command in [
        "image import /etc/shadow --id x --user y",
        "image import https://example.org/x.img --id x --user y",
        "key add --file /etc/shadow",
        "vm create web-1 --ssh-key /etc/shadow",
    ] {
        let refused = read(&format!("--tenant {command}")).unwrap_err();
        assert!(refused.to_string().contains("--tenant"), "{command}: {refused}");
    }
}

#[test]
fn the_last_of_wait_and_no_wait_holds() {
    let waits = |line: &str| match read(line).unwrap().command {
        Some(Command::Vm(VmCommand::Start(act))) => act.wait.waits(),
        other => panic!("{other:?}"),
    };
    assert!(waits("vm start web"));
    assert!(!waits("vm start web --no-wait"));
    assert!(waits("vm start web --no-wait --wait"));
}

#[test]
fn a_password_is_never_an_argument() {
    fn walk(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let takes_value = argument.get_action().takes_values();
            assert!(
                !(name.contains("password") && takes_value),
                "{} {name}",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(walk);
    }
    walk(&Arguments::command());
}
