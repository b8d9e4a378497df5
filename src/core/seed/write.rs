//! Writes data so that every reader of YAML, 1.1 and 1.2, and of JSON reads the same.
//!
//! JSON is YAML, but for characters that YAML takes for line breaks or refuses, and for numbers with
//! an exponent, which YAML 1.1 takes for words.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// The data in one line.
pub fn line(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Everywhere);
    // Writing to memory does not fail, and a value's keys are text.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct Everywhere;

impl Formatter for Everywhere {
    /// Escapes what is JSON but not YAML as it stands.
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_special) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let special = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(special))?;
            rest = &rest[at + special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let digits = value.to_string();
        let end = if digits.contains('.') { "" } else { ".0" };
        write!(writer, "{digits}{end}")
    }
}

/// Controls that JSON leaves as they are, line breaks of YAML 1.1, and what YAML does not print. All
/// are in the plane that `\u` and four digits reach.
fn is_special(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}
