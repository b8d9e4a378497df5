//! One value per setting from many places, and where each came from, so that a refusal can name
//! the place: a file and line, a variable or a flag.

use super::file::File;
use super::{Error, seed};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// Settings being put together, weakest place first.
pub struct Layers {
    table: Table,
    places: BTreeMap<String, String>,
}

impl Layers {
    /// The defaults.
    ///
    /// # Errors
    /// A defect: defaults that TOML cannot express.
    pub fn defaults() -> Result<Self, Error> {
        let table = Table::try_from(File::default())
            .map_err(|error| Error::new("defaults", None, error.to_string()))?;
        Ok(Self {
            table,
            places: BTreeMap::new(),
        })
    }

    /// Lays a configuration file's text over what there is.
    ///
    /// # Errors
    /// The first thing in it that cannot be used, with its line.
    pub fn lay_file(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let place = |span: Option<std::ops::Range<usize>>| match span {
            Some(span) => format!("{}:{}", path.display(), line_of(text, span.start)),
            None => path.display().to_string(),
        };
        let refuse = |error: &toml::de::Error| {
            let key = error.span().and_then(|span| key_at(text, span.start));
            let reason = match key.as_deref() {
                Some("secret_key") => "a text in quotes".to_owned(),
                _ => error.message().trim().replace('\n', " "),
            };
            Error::new(&place(error.span()), key, reason)
        };
        toml::from_str::<File>(text).map_err(|error| refuse(&error))?;
        let spans = DeTable::parse(text).map_err(|error| refuse(&error))?;
        let given: Table = toml::from_str(text).map_err(|error| refuse(&error))?;
        for (key, at) in leaves(spans.get_ref()) {
            if let Some(value) = look_up(&given, &key) {
                self.put(&key, value.clone(), place(Some(at)));
            }
        }
        Ok(())
    }

    /// Lays the environment over what there is: first the seed's names, then twarga's own.
    ///
    /// Returns the names that begin with `TWARGA_` and mean nothing.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn lay_environment(&mut self, variables: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
        for (name, value) in variables {
            if let Some((key, text)) = seed::alias(name, value)? {
                self.put_text(key, &text, format!("variable {name}"))?;
            }
        }
        let known: BTreeMap<String, String> = keys(&self.table)
            .into_iter()
            .map(|key| (variable_name(&key), key))
            .collect();
        let mut unknown = Vec::new();
        for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("TWARGA_")) {
            match known.get(name).map(String::as_str).or_else(|| short(name)) {
                Some(key) => self.put_text(key, value, format!("variable {name}"))?,
                None => unknown.push(name.clone()),
            }
        }
        Ok(unknown)
    }

    /// Lays one value given as text over what there is, read as the setting's default is.
    ///
    /// # Errors
    /// What would be accepted.
    pub fn put_text(&mut self, key: &str, text: &str, place: String) -> Result<(), Error> {
        let refuse = |reason: &str| Error::new(&place, Some(key.to_owned()), reason);
        let value = match look_up(&self.table, key) {
            Some(Value::Boolean(_)) => {
                Value::Boolean(seed::truth(text).ok_or_else(|| refuse("`true` or `false`"))?)
            }
            Some(Value::Integer(_)) => {
                Value::Integer(text.trim().parse().map_err(|_| refuse("a whole number"))?)
            }
            _ => Value::String(text.to_owned()),
        };
        self.put(key, value, place.clone());
        self.read().map_err(|error| match key {
            "secret_key" => refuse("a text"),
            _ => refuse(error.message().trim()),
        })?;
        Ok(())
    }

    /// The settings, checked.
    ///
    /// # Errors
    /// The first that cannot be used, with where it came from.
    pub fn finish(self) -> Result<File, Error> {
        let file = self
            .read()
            .map_err(|error| Error::new("settings", None, error.message()))?;
        file.check().map_err(|(key, reason)| {
            let place = self.places.get(key).map_or("defaults", String::as_str);
            Error::new(place, Some(key.to_owned()), reason)
        })?;
        Ok(file)
    }

    fn read(&self) -> Result<File, toml::de::Error> {
        File::deserialize(Value::Table(self.table.clone()))
    }

    fn put(&mut self, key: &str, value: Value, place: String) {
        let slot = match key.split_once('.') {
            None => self.table.get_mut(key),
            Some((section, key)) => self.table.get_mut(section).and_then(|table| table.get_mut(key)),
        };
        if let Some(slot) = slot {
            *slot = value;
            self.places.insert(key.to_owned(), place);
        }
    }
}

/// The variable that sets a setting: `limits.max_vcpus` is `TWARGA_LIMITS_MAX_VCPUS`.
pub fn variable_name(key: &str) -> String {
    format!("TWARGA_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Short names for what is set often.
fn short(name: &str) -> Option<&'static str> {
    match name {
        "TWARGA_URI" => Some("hypervisor.uri"),
        "TWARGA_THEME" => Some("screen.theme"),
        _ => None,
    }
}

/// Every setting's name, sections joined with a dot.
pub fn keys(table: &Table) -> Vec<String> {
    let inside = |(section, value): (&String, &Value)| match value {
        Value::Table(table) => table.keys().map(|key| format!("{section}.{key}")).collect(),
        _ => vec![section.clone()],
    };
    table.iter().flat_map(inside).collect()
}

fn look_up<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((section, key)) => table.get(section)?.get(key),
    }
}

/// Settings of a document and where each begins.
fn leaves(table: &DeTable<'_>) -> Vec<(String, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    for (key, value) in table.iter() {
        match value.get_ref() {
            DeValue::Table(section) => found.extend(
                section
                    .keys()
                    .map(|inner| (format!("{}.{}", key.get_ref(), inner.get_ref()), inner.span())),
            ),
            _ => found.push((key.get_ref().to_string(), Spanned::span(key))),
        }
    }
    found
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The name before `=` on the line that holds `at`.
fn key_at(text: &str, at: usize) -> Option<String> {
    let line = text.lines().nth(line_of(text, at) - 1)?;
    let (key, _) = line.split_once('=')?;
    Some(key.trim().to_owned())
}
