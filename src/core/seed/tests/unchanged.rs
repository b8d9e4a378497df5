//! Random text through every field comes back unchanged, from parsers that others wrote.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

/// Strings in all.
const STRINGS: usize = 100_000;
/// Strings of one machine: host name, account, hash, locale, zone, and ten in each list.
const ONES: usize = 5;
const LIST: usize = 10;
const LISTS: usize = 5;
const EACH: usize = ONES + LISTS * LIST;

/// Any Unicode; every third string is made of what parsers stumble over.
fn hostile() -> impl Strategy<Value = String> {
    let stumbles = prop::sample::select(vec![
        "\0",
        "\n",
        "\r",
        "\t",
        "\u{1b}",
        "\u{7f}",
        "\u{85}",
        "\u{9f}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10ffff}",
        "😀",
        "é",
        "\"",
        "'",
        "\\",
        "\\u0041",
        ": ",
        " #",
        "- ",
        "? ",
        "---",
        "...",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a",
        "*a",
        "!x",
        "|",
        ">",
        "%",
        "@",
        "`",
        "<<",
        "~",
        "no",
        "0644",
        "1:30",
        "1e3",
        " ",
        "x",
        "#cloud-config\n",
        "--twarga-part",
    ]);
    prop_oneof![
        2 => vec(any::<char>(), 0..24).prop_map(String::from_iter),
        1 => vec(stumbles, 0..8).prop_map(|parts| parts.concat()),
    ]
}

/// A machine made of them, and where each of them has to come back from.
struct Told {
    strings: Vec<String>,
    keys: Vec<String>,
    provision: Provision,
}

impl Told {
    fn new(strings: Vec<String>, own: impl Fn(&[String]) -> String) -> Self {
        let list = |at: usize| strings[ONES + at * LIST..][..LIST].to_vec();
        Self {
            keys: list(0),
            provision: Provision {
                locale: Some(strings[3].clone()),
                timezone: Some(strings[4].clone()),
                packages: list(1),
                commands: list(2),
                user_data: Some(own(&strings[ONES + 3 * LIST..])),
            },
            strings,
        }
    }

    fn seed(&self) -> Seed<'_> {
        Seed {
            hostname: &self.strings[0],
            user: &self.strings[1],
            password_hash: Some(&self.strings[2]),
            ..plain(&self.keys, &self.provision)
        }
    }
}

/// The account comes first; what two lists have in common is there once.
fn come_back(told: &Told, document: &Value) -> std::result::Result<(), TestCaseError> {
    let account = &document["users"][0];
    for (found, wanted) in [
        (&document["hostname"], 0),
        (&account["name"], 1),
        (&account["passwd"], 2),
        (&document["locale"], 3),
        (&document["timezone"], 4),
    ] {
        prop_assert_eq!(found, &json!(told.strings[wanted]));
    }
    prop_assert_eq!(&account["ssh_authorized_keys"], &json!(told.keys));
    let ends_with = |found: &Value, wanted: &[String]| {
        let found = found.as_array().cloned().unwrap_or_default();
        found.len() >= wanted.len() && json!(found[found.len() - wanted.len()..]) == json!(wanted)
    };
    prop_assert!(ends_with(&document["runcmd"], &told.provision.commands));
    for package in &told.provision.packages {
        prop_assert!(document["packages"].as_array().unwrap().contains(&json!(package)));
    }
    Ok(())
}

/// Every field, and the values and entries of an own `#cloud-config`.
#[test]
fn a_hundred_thousand_strings_come_back_from_a_yaml_parser() {
    let cases = u32::try_from(STRINGS.div_ceil(EACH)).unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    let run = TestRunner::new(config).run(&vec(hostile(), EACH), |strings| {
        // Written by the serializer under test, read by both sides of the merge.
        let told = Told::new(strings, |own| {
            let document = json!({ "runcmd": own[..LIST], "write_files": own[LIST..] });
            format!("#cloud-config\n{}\n", write::line(&document))
        });
        let own = read(told.provision.user_data.as_deref().unwrap(), "").unwrap();
        let text = merge::user_data(&told.seed(), own);
        let document = parsed(&text);
        come_back(&told, &document)?;
        let own = &told.strings[ONES + 3 * LIST..];
        prop_assert_eq!(&document["write_files"], &json!(own[LIST..]));
        prop_assert_eq!(
            &json!(document["runcmd"].as_array().unwrap()[..LIST]),
            &json!(own[..LIST])
        );
        let json: Value = serde_json::from_str(&text["#cloud-config\n".len()..]).unwrap();
        prop_assert_eq!(json, document, "it is JSON, too");
        let printable = |c: char| !is_unprintable(c) || c == '\n';
        prop_assert!(
            text.chars().all(printable),
            "YAML 1.1 takes every character: {:?}",
            text
        );
        Ok(())
    });
    run.unwrap();
}

/// What cloud-init's parser (PyYAML's reader) refuses or takes for a line break.
fn is_unprintable(c: char) -> bool {
    !matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// A script's bytes are the guest's as they were, beside what twarga says.
#[test]
fn a_script_comes_back_byte_by_byte() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    };
    let run = TestRunner::new(config).run(&vec(hostile(), EACH), |strings| {
        let told = Told::new(strings, |own| {
            format!("#!/bin/sh\n{}", own.concat().replace('\0', ""))
        });
        let own = read(told.provision.user_data.as_deref().unwrap(), "").unwrap();
        let parts = parts(&merge::user_data(&told.seed(), own));
        prop_assert_eq!(parts[0].0, "text/x-shellscript");
        prop_assert_eq!(Some(&parts[0].1), told.provision.user_data.as_ref());
        let mut whole = json!({});
        for (kind, part) in &parts[1..] {
            prop_assert_eq!(*kind, "text/cloud-config");
            let keys = parsed(part);
            whole
                .as_object_mut()
                .unwrap()
                .extend(keys.as_object().unwrap().clone());
        }
        come_back(&told, &whole)
    });
    run.unwrap();
}

/// The parts of a MIME document: type and content.
fn parts(document: &str) -> Vec<(&'static str, String)> {
    let parts = document.split("--twarga-part\n").skip(1);
    let decode = |part: &str| {
        let (head, body) = part.split_once("\n\n").unwrap();
        let body: String = body.lines().take_while(|it| !it.starts_with("--")).collect();
        let kinds = ["text/x-shellscript", "text/cloud-config"];
        let kind = kinds
            .into_iter()
            .find(|it| head.contains(&format!("Content-Type: {it};")));
        let text = String::from_utf8(STANDARD.decode(body).unwrap()).unwrap();
        (kind.unwrap(), text)
    };
    parts.map(decode).collect()
}
