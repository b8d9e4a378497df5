//! A user's own user-data document: what it is, whether it can be read, and what in it contradicts
//! what twarga promises.

use super::yaml::{self, Data, Entry, Flaw, MAX_BYTES, Node, Place};
use crate::model::text::visible_within;
use serde_json::{Map, Value};

/// How `#cloud-config` begins.
const CLOUD_CONFIG: &str = "#cloud-config";

/// The other kinds that cloud-init knows by their first line, and their MIME type.
const KINDS: [(&str, &str); 7] = [
    ("#!", "text/x-shellscript"),
    ("#cloud-config-archive", "text/cloud-config-archive"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("#include-once", "text/x-include-once-url"),
    ("#include", "text/x-include-url"),
    ("#part-handler", "text/part-handler"),
    ("## template: jinja", "text/jinja2"),
];

/// A document that can be used.
#[derive(Clone, Debug)]
pub enum Document {
    /// `#cloud-config`: its keys, which are merged with twarga's.
    Config(Map<String, Value>),
    /// Anything else that cloud-init takes, which stands beside twarga's.
    Part {
        /// Its MIME type.
        kind: &'static str,
        /// All of it.
        text: String,
    },
}

/// Reads a document for the machine `hostname`; one of blanks is none.
///
/// # Errors
/// The first thing that is wrong with it, and where.
pub fn read(text: &str, hostname: &str) -> Result<Option<Document>, Flaw> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let at = |line, reason: String| Flaw {
        place: Place { line, column: 1 },
        reason,
    };
    if text.len() > MAX_BYTES {
        return Err(at(1, format!("it is longer than {} KiB", MAX_BYTES / 1024)));
    }
    if text.contains('\0') {
        return Err(at(1, "it has a character that ends every text".to_owned()));
    }
    let first = text.lines().next().unwrap_or_default();
    if first.trim_end() == CLOUD_CONFIG {
        return config(text, hostname).map(|keys| Some(Document::Config(keys)));
    }
    let kind = KINDS.iter().find(|(begins, _)| first.starts_with(begins));
    match kind {
        Some((_, kind)) => Ok(Some(Document::Part {
            kind,
            text: text.to_owned(),
        })),
        None => {
            let known = "`#cloud-config`, or one of a script (`#!/bin/sh`), `#include`, `#cloud-boothook`, …";
            let shown = visible_within(first, 30);
            Err(at(1, format!("the first line must be {known}; it is `{shown}`")))
        }
    }
}

fn config(text: &str, hostname: &str) -> Result<Map<String, Value>, Flaw> {
    let node = yaml::read(text)?;
    let wrong = node.flaw("a mapping (`key: value`) is expected");
    let entries = match node.data {
        Data::Map(entries) => entries,
        Data::Plain(Value::Null) => Vec::new(),
        _ => return Err(wrong),
    };
    for entry in &entries {
        check(entry, hostname)?;
    }
    Ok(entries
        .into_iter()
        .map(|it| (it.key, it.value.into_value()))
        .collect())
}

/// What is merged must have its form, and what twarga promises must not be denied.
fn check(entry: &Entry, hostname: &str) -> Result<(), Flaw> {
    let refuse = |reason: String| {
        Err(Flaw {
            place: entry.place,
            reason,
        })
    };
    let (key, value) = (entry.key.as_str(), &entry.value);
    let text = match &value.data {
        Data::Plain(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match key {
        "hostname" if text != Some(hostname) => {
            refuse("the host name is the machine's name; leave it out".to_owned())
        }
        "fqdn" if text.and_then(|it| it.split('.').next()) != Some(hostname) => {
            refuse(format!("it must begin with the machine's name: `{hostname}.…`"))
        }
        "preserve_hostname" if !matches!(value.data, Data::Plain(Value::Bool(false))) => {
            refuse("the host name is the machine's name; leave it out".to_owned())
        }
        "user" | "password" => refuse(format!(
            "`{key}` is for the image's own account; list accounts in `users`, passwords in `chpasswd`"
        )),
        "merge_how" | "merge_type" => refuse("twarga merges: lists are appended".to_owned()),
        "users" => users(value),
        "packages" | "runcmd" | "ssh_authorized_keys" => match &value.data {
            Data::List(_) | Data::Plain(Value::Null) => Ok(()),
            _ => Err(value.flaw(format!("`{key}` is a list (`- …`)"))),
        },
        _ => Ok(()),
    }
}

fn users(value: &Node) -> Result<(), Flaw> {
    let users = match &value.data {
        Data::List(users) => users,
        Data::Plain(Value::Null) => return Ok(()),
        _ => return Err(value.flaw("`users` is a list (`- name: …`)")),
    };
    for user in users {
        let Data::Map(entries) = &user.data else {
            match &user.data {
                Data::Plain(Value::String(_)) => continue,
                _ => return Err(user.flaw("a user is a name or a mapping (`name: …`)")),
            }
        };
        let Some(name) = entries.iter().find(|it| it.key == "name") else {
            return Err(user.flaw("a user has a `name`"));
        };
        if !matches!(name.value.data, Data::Plain(Value::String(_))) {
            return Err(name.value.flaw("a name is a word"));
        }
        let keys = entries.iter().find(|it| it.key == "ssh_authorized_keys");
        if let Some(keys) = keys
            && !matches!(keys.value.data, Data::List(_) | Data::Plain(Value::Null))
        {
            return Err(keys.value.flaw("`ssh_authorized_keys` is a list (`- …`)"));
        }
    }
    Ok(())
}
