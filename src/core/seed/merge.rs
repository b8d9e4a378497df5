//! User-data: what twarga tells cloud-init, and the user's own document.
//!
//! A `#cloud-config` is merged here, as data. twarga's account, keys and host name always hold; the
//! user's lists come first and twarga's entries are appended; what was named for this machine (locale,
//! time zone, password) goes before the document's, and the document goes before twarga's defaults.
//!
//! A document of another kind cannot be merged before the guest has read it. It becomes the first part
//! of a MIME multi-part document, and twarga's come after it with rules for cloud-init's own merging
//! to the same end. Not vendor-data, which NoCloud reads too: any user-data may switch that off, its
//! scripts come after the user's, and a user's document is what user-data is for.

use super::document::Document;
use super::{Seed, write};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Between two parts. No line of base64 begins with `-`.
const BOUNDARY: &str = "twarga-part";
/// How much base64 a line has, as mail has it.
const LINE: usize = 76;

type Config = Map<String, Value>;

/// The whole document.
pub fn user_data(seed: &Seed<'_>, own: Option<Document>) -> String {
    match own {
        None => cloud_config(merged(seed, Config::new())),
        Some(Document::Config(own)) => cloud_config(merged(seed, own)),
        Some(Document::Part { kind, text }) => multi_part(seed, kind, &text),
    }
}

fn cloud_config(config: Config) -> String {
    format!("#cloud-config\n{}\n", write::line(&Value::Object(config)))
}

/// The user's keys and twarga's.
fn merged(seed: &Seed<'_>, mut own: Config) -> Config {
    let loose_keys = list(own.remove("ssh_authorized_keys"));
    let mut users = list(own.remove("users"));
    let is_account = |user: &Value| user.as_str() == Some(seed.user) || user["name"] == seed.user;
    let mut account = account(seed);
    for more in users.iter().filter(|it| is_account(it)) {
        settle(&mut account, more, seed.password_hash.is_some());
    }
    append(&mut account, "ssh_authorized_keys", loose_keys);
    users.retain(|it| !is_account(it));
    users.insert(0, Value::Object(account));
    own.insert("users".to_owned(), Value::Array(users));
    for (key, value) in lists(seed) {
        append(&mut own, &key, list(Some(value)));
    }
    own.extend(named(seed));
    for (key, value) in defaults(seed) {
        own.entry(key).or_insert(value);
    }
    own
}

/// twarga's account.
fn account(seed: &Seed<'_>) -> Config {
    let mut account = object(json!({
        "name": seed.user,
        "ssh_authorized_keys": seed.ssh_keys,
        "lock_passwd": seed.password_hash.is_none(),
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": "/bin/bash",
    }));
    if let Some(hash) = seed.password_hash {
        account.insert("passwd".to_owned(), json!(hash));
    }
    account
}

/// What the document says of the same account: its keys are appended, a password that was asked for
/// this machine stays, and nothing keeps twarga out.
fn settle(account: &mut Config, more: &Value, has_password: bool) {
    let passwords = ["passwd", "hashed_passwd", "plain_text_passwd", "lock_passwd"];
    for (key, value) in more.as_object().into_iter().flatten() {
        match key.as_str() {
            "name" | "ssh_redirect_user" | "snapuser" => {}
            "ssh_authorized_keys" => append(account, key, list(Some(value.clone()))),
            key if has_password && passwords.contains(&key) => {}
            _ => {
                account.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Lists that twarga's entries are appended to.
fn lists(seed: &Seed<'_>) -> Config {
    let mut lists = Config::new();
    let provision = seed.provision;
    if !provision.packages.is_empty() {
        lists.insert("packages".to_owned(), json!(provision.packages));
    }
    if !provision.commands.is_empty() {
        lists.insert("runcmd".to_owned(), json!(provision.commands));
    }
    lists
}

/// What was named for this machine.
fn named(seed: &Seed<'_>) -> Config {
    let mut named = object(json!({ "hostname": seed.hostname }));
    if seed.password_hash.is_some() {
        named.insert("ssh_pwauth".to_owned(), json!(true));
    }
    let provision = seed.provision;
    for (key, value) in [("locale", &provision.locale), ("timezone", &provision.timezone)] {
        if let Some(value) = value {
            named.insert(key.to_owned(), json!(value));
        }
    }
    named
}

/// What holds where nobody says otherwise.
fn defaults(seed: &Seed<'_>) -> Config {
    let mut defaults = object(json!({
        "ssh_pwauth": seed.password_hash.is_some(),
        "disable_root": true,
        "growpart": { "mode": "auto", "devices": ["/"] },
    }));
    if !seed.provision.packages.is_empty() {
        // A fresh image has no package lists, or old ones.
        defaults.insert("package_update".to_owned(), json!(true));
    }
    defaults
}

/// The user's part, then twarga's. cloud-init merges a part into those before it: what stays unless the
/// user's says otherwise, the lists at their ends, the account at the head of `users` (of two entries of
/// one name the first holds), and what holds in any case.
fn multi_part(seed: &Seed<'_>, kind: &str, text: &str) -> String {
    let users = object(json!({ "users": [account(seed)] }));
    let mut document =
        format!("Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\nMIME-Version: 1.0\n\n");
    part(&mut document, kind, "own", text, None);
    let stays = "dict(no_replace)+list()+str()";
    let config = [
        ("defaults", defaults(seed), Some(stays)),
        (
            "lists",
            lists(seed),
            Some("dict(no_replace,recurse_list)+list(append)+str()"),
        ),
        (
            "account",
            users,
            Some("dict(no_replace,recurse_list)+list(prepend)+str()"),
        ),
        ("machine", named(seed), None),
    ];
    for (name, config, merging) in config {
        if !config.is_empty() {
            part(
                &mut document,
                "text/cloud-config",
                name,
                &cloud_config(config),
                merging,
            );
        }
    }
    document.push_str(&format!("--{BOUNDARY}--\n"));
    document
}

fn part(document: &mut String, kind: &str, name: &str, text: &str, merging: Option<&str>) {
    // Writing to memory does not fail.
    let _ = write!(
        document,
        "--{BOUNDARY}\nContent-Type: {kind}; charset=\"utf-8\"\nMIME-Version: 1.0\n\
         Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"twarga-{name}\"\n"
    );
    if let Some(merging) = merging {
        let _ = writeln!(document, "X-Merge-Type: {merging}");
    }
    document.push('\n');
    let encoded = STANDARD.encode(text);
    for at in (0..encoded.len()).step_by(LINE) {
        document.push_str(&encoded[at..encoded.len().min(at + LINE)]);
        document.push('\n');
    }
}

fn object(value: Value) -> Config {
    match value {
        Value::Object(map) => map,
        _ => Config::new(),
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    }
}

fn append(config: &mut Config, key: &str, more: Vec<Value>) {
    let entry = config.entry(key).or_insert(Value::Null);
    let mut values = list(Some(entry.take()));
    for value in more {
        // Packages and keys that both name are named once; a command may run twice.
        if key == "runcmd" || !values.contains(&value) {
            values.push(value);
        }
    }
    *entry = Value::Array(values);
}
