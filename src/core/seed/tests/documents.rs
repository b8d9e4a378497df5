//! Users' own documents: what is merged, what is refused and where, and what no document does.

use super::super::yaml::{self, Flaw, Place};
use super::*;
use proptest::prelude::*;
use serde_json::json;

/// What cloud-init gets of an own document.
fn merged(own: &str, provision: Provision) -> Value {
    let provision = Provision {
        user_data: Some(own.to_owned()),
        ..provision
    };
    let keys = ["ssh-ed25519 AAAA twarga".to_owned()];
    parsed(&user_data(&plain(&keys, &provision)).unwrap())
}

fn flaw(own: &str) -> Flaw {
    read(own, "web-1").unwrap_err()
}

#[test]
fn an_own_document_is_merged_with_what_was_asked_for() {
    let own = "\
#cloud-config
# a comment
users:
  - default
  - name: bob
    groups: [video]
  - name: debian
    shell: /bin/zsh
    lock_passwd: yes
    ssh_redirect_user: true
    ssh_authorized_keys: [ssh-rsa BBBB debian]
ssh_authorized_keys:
  - ssh-rsa CCCC loose
packages: [vim, git]
runcmd:
  - [echo, 'no']
locale: C
timezone: UTC
disable_root: off
write_files:
  - path: /etc/motd
    permissions: 0644
    content: |
      Hello: #world
";
    let provision = Provision {
        timezone: Some("Europe/Berlin".to_owned()),
        packages: vec!["git".to_owned(), "htop".to_owned()],
        commands: vec!["echo done".to_owned()],
        ..Provision::default()
    };
    let document = merged(own, provision);
    assert_eq!(document["hostname"], "web-1");
    let users = &document["users"];
    assert_eq!(users[0]["name"], "debian", "twarga's account is the first");
    assert_eq!(users[0]["shell"], "/bin/zsh", "the document goes before defaults");
    assert_eq!(users[0]["sudo"], "ALL=(ALL) NOPASSWD:ALL");
    assert_eq!(
        users[0]["ssh_redirect_user"],
        json!(null),
        "which would keep twarga out"
    );
    assert_eq!(
        users[0]["ssh_authorized_keys"],
        json!([
            "ssh-ed25519 AAAA twarga",
            "ssh-rsa BBBB debian",
            "ssh-rsa CCCC loose"
        ])
    );
    assert_eq!((&users[1], &users[2]["name"]), (&json!("default"), &json!("bob")));
    assert_eq!(users.as_array().unwrap().len(), 3);
    assert_eq!(document["ssh_authorized_keys"], json!(null));
    assert_eq!(document["packages"], json!(["vim", "git", "htop"]));
    assert_eq!(document["runcmd"], json!([["echo", "no"], "echo done"]));
    assert_eq!(
        (&document["locale"], &document["timezone"]),
        (&json!("C"), &json!("Europe/Berlin"))
    );
    assert_eq!(document["disable_root"], false);
    assert_eq!(document["growpart"]["mode"], "auto");
    assert_eq!(
        document["write_files"][0]["permissions"], 0o644,
        "as cloud-init reads it"
    );
    assert_eq!(document["write_files"][0]["content"], "Hello: #world\n");
}

#[test]
fn a_password_that_was_asked_for_stays() {
    let own =
        "#cloud-config\nusers:\n- name: debian\n  lock_passwd: true\n  passwd: other\nssh_pwauth: false\n";
    let provision = Provision {
        user_data: Some(own.to_owned()),
        ..Provision::default()
    };
    let seed = Seed {
        password_hash: Some("$6$asked"),
        ..plain(&[], &provision)
    };
    let document = parsed(&user_data(&seed).unwrap());
    assert_eq!(document["users"][0]["passwd"], "$6$asked");
    assert_eq!(document["users"][0]["lock_passwd"], false);
    assert_eq!(document["ssh_pwauth"], true);
    let document = parsed(&user_data(&plain(&[], &provision)).unwrap());
    assert_eq!(
        document["users"][0]["passwd"], "other",
        "asked for by the document"
    );
}

#[test]
fn nothing_is_a_document_too() {
    for own in [
        "",
        "\n \n",
        "#cloud-config",
        "#cloud-config\n",
        "#cloud-config\n# nothing\n",
        "#cloud-config \r\n---\n",
    ] {
        let document = merged(own, Provision::default());
        assert_eq!(document["users"][0]["name"], "debian", "{own:?}");
    }
}

#[test]
fn a_refusal_names_its_place() {
    for (own, line, column, why) in [
        ("packages: [vim]\n", 1, 1, "the first line must be"),
        (
            "#cloud-config\npackages:\n- vim\n foo: [\n",
            4,
            5,
            "mapping values",
        ),
        ("#cloud-config\na: 1\na: 2\n", 3, 1, "second time"),
        ("#cloud-config\na: \"x\n", 2, 4, "quoted"),
        ("#cloud-config\nx: a\u{7}b\n", 2, 5, "cannot be printed"),
        ("#cloud-config\na: 1\n---\nb: 1\n", 3, 1, "second document"),
        ("#cloud-config\n- a\n", 2, 1, "a mapping"),
        ("#cloud-config\njust words\n", 2, 1, "a mapping"),
        ("#cloud-config\npackages: vim\n", 2, 11, "is a list"),
        (
            "#cloud-config\nx: 1\nhostname: other\n",
            3,
            1,
            "the machine's name",
        ),
        ("#cloud-config\nfqdn: other.example.org\n", 2, 1, "`web-1.…`"),
        (
            "#cloud-config\npreserve_hostname: yes\n",
            2,
            1,
            "the machine's name",
        ),
        ("#cloud-config\npassword: x\n", 2, 1, "chpasswd"),
        ("#cloud-config\nusers: bob\n", 2, 8, "is a list"),
        ("#cloud-config\nusers:\n- groups: x\n", 3, 3, "`name`"),
        ("#cloud-config\nx: !!binary aGk=\n", 2, 4, "b64"),
        ("#cloud-config\nx: !!python/object:os.system ls\n", 2, 4, "a tag"),
        ("#cloud-config\nx: .inf\n", 2, 4, "a number"),
        ("#cloud-config\n? [a]\n: b\n", 2, 3, "a key"),
        ("#cloud-config\nx: *y\n", 2, 4, ""),
    ] {
        let flaw = flaw(own);
        assert_eq!(flaw.place, Place { line, column }, "{own:?}: {flaw}");
        assert!(flaw.reason.contains(why), "{own:?}: {flaw}");
    }
    assert!(
        read(
            "#cloud-config\nhostname: web-1\nfqdn: web-1.example.org\n",
            "web-1"
        )
        .is_ok()
    );
}

#[test]
fn aliases_and_merges_stand_for_what_they_name() {
    let own = "#cloud-config\nbase: &b {a: 1, b: [x]}\nmore: {<<: *b, a: 2}\nlist: [*b]\nboth: {<<: [{c: 3, a: 4}, *b]}\n";
    let document = merged(own, Provision::default());
    assert_eq!(document["more"], json!({ "a": 2, "b": ["x"] }));
    assert_eq!(document["list"], json!([{ "a": 1, "b": ["x"] }]));
    assert_eq!(document["both"], json!({ "c": 3, "a": 4, "b": ["x"] }));
    assert!(document.get("<<").is_none());
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "#cloud-config\na0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..40 {
        let last = level - 1;
        laughs.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{last}"); 9].join(", ")
        ));
    }
    let long = format!(
        "#cloud-config\na: &a {}\nb: [{}]\n",
        "x".repeat(30_000),
        vec!["*a"; 100].join(", ")
    );
    let deep = format!("#cloud-config\nx: {}{}\n", "[".repeat(30_000), "]".repeat(30_000));
    let block: String = (0..300)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    let steps: String = (0..40)
        .map(|it| {
            format!(
                "s{it}: &s{it} [{}]\n",
                if it == 0 {
                    "x".into()
                } else {
                    format!("[*s{}]", it - 1)
                }
            )
        })
        .collect();
    let itself = "#cloud-config\na: &a [*a]\n".to_owned();
    let many = format!("#cloud-config\nx: [{}]\n", "1,".repeat(30_000));
    let keys: String = (0..9_000).map(|it| format!("{it:x}:\n")).collect();
    assert!(
        read(&format!("#cloud-config\n{keys}"), "web-1").is_ok(),
        "many are no bomb"
    );
    for bomb in [
        laughs,
        long,
        deep,
        format!("#cloud-config\n{block}"),
        format!("#cloud-config\n{steps}"),
        itself,
        many,
    ] {
        let began = std::time::Instant::now();
        assert!(read(&bomb, "web-1").is_err(), "{}", &bomb[..60]);
        assert!(began.elapsed().as_secs() < 5, "{}", &bomb[..60]);
    }
}

#[test]
fn other_documents_become_the_first_part_of_several() {
    for (own, kind) in [
        ("#!/bin/sh\necho hi\n", "text/x-shellscript"),
        ("#cloud-boothook\n#!/bin/sh\n", "text/cloud-boothook"),
        ("#include\nhttps://example.org/x\n", "text/x-include-url"),
        (
            "#include-once\nhttps://example.org/x\n",
            "text/x-include-once-url",
        ),
        (
            "#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    users: [default, {name: debian, shell: /bin/zsh}, {name: bob}]\n    packages: [vim]\n    ssh_pwauth: true\n    hostname: other\n- type: text/x-shellscript\n  content: '#!/bin/sh'\n",
            "text/cloud-config-archive",
        ),
        ("#part-handler\n", "text/part-handler"),
        ("## template: jinja\n#cloud-config\n", "text/jinja2"),
    ] {
        let provision = Provision {
            user_data: Some(own.to_owned()),
            packages: vec!["git".to_owned()],
            ..Provision::default()
        };
        let text = user_data(&plain(&[], &provision)).unwrap();
        assert!(
            text.starts_with("Content-Type: multipart/mixed; boundary=\"twarga-part\"\n"),
            "{text}"
        );
        let kinds: Vec<_> = text
            .lines()
            .filter(|it| it.starts_with("Content-Type: text/"))
            .collect();
        assert_eq!(
            kinds[0],
            format!("Content-Type: {kind}; charset=\"utf-8\""),
            "{own}"
        );
        assert!(kinds.len() > 2, "twarga's follow");
        assert!(text.ends_with("--twarga-part--\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]
    #[test]
    fn no_document_makes_the_parser_fall_over(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "b:", ": ", "- ", "? ", "\n", "\n  ", "\n\t", "[", "]", "{", "}", ",", "&a ", "*a", "!!str ", "!x ",
            "!<tag:x> ", "|", ">", "|2-", "'", "\"", "\\", "#", " #", "---", "...", "%YAML 1.1\n", "%TAG ! x\n", "<<: ",
            "é", "😀", "\u{85}", "\u{2028}", "\r\n", "0", "~", "key: value\n", "  nested:\n",
        ]), 0..60),
    ) {
        let text = format!("#cloud-config\n{}", parts.concat());
        let _ = read(&text, "web-1");
        let _ = yaml::read(&parts.concat());
    }
}
