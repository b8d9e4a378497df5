//! What a plain word of YAML means to cloud-init, whose parser reads YAML 1.1.
//!
//! The patterns are those of the YAML 1.1 type repository as PyYAML has them (`resolver.py`). Dates
//! stay text: cloud-init wants them so.

use serde_json::{Number, Value};

/// What a plain word stands for.
///
/// # Errors
/// A number that no field of cloud-init takes.
pub fn meaning(word: &str) -> Result<Value, String> {
    Ok(match word {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => match number(word)? {
            Some(number) => Value::Number(number),
            None => Value::from(word),
        },
    })
}

fn number(word: &str) -> Result<Option<Number>, String> {
    let (minus, digits) = match word.as_bytes().first() {
        Some(b'-') => (true, &word[1..]),
        Some(b'+') => (false, &word[1..]),
        _ => (false, word),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(word, ".nan" | ".NaN" | ".NAN") {
        return Err("a number that is none; cloud-init has no use for it".to_owned());
    }
    if let Some(whole) = integer(digits) {
        let whole = whole.ok_or_else(|| "a number that is too large".to_owned())?;
        let signed = if minus { -whole } else { whole };
        let number = Number::from_i128(signed).ok_or_else(|| "a number that is too large".to_owned())?;
        return Ok(Some(number));
    }
    let Some(real) = real(digits) else {
        return Ok(None);
    };
    let signed = if minus { -real } else { real };
    match Number::from_f64(signed) {
        Some(number) => Ok(Some(number)),
        None => Err("a number that is too large".to_owned()),
    }
}

/// An integer without its sign; the inner `None` is one that is too large.
fn integer(digits: &str) -> Option<Option<i128>> {
    let based = |digits: &str, radix: u32| {
        let plain: String = digits.chars().filter(|&c| c != '_').collect();
        let fits = !plain.is_empty() && plain.chars().all(|c| c.is_digit(radix));
        fits.then(|| i128::from_str_radix(&plain, radix).ok())
    };
    if let Some(bits) = digits.strip_prefix("0b") {
        return based(bits, 2);
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return based(hex, 16);
    }
    match digits.as_bytes() {
        [b'0', ..] => based(digits, 8),
        [b'1'..=b'9', ..] if digits.contains(':') => sixties(digits),
        [b'1'..=b'9', ..] => based(digits, 10),
        _ => None,
    }
}

/// `1:30` is ninety.
fn sixties(digits: &str) -> Option<Option<i128>> {
    let mut parts = digits.split(':');
    let first: String = parts.next()?.chars().filter(|&c| c != '_').collect();
    if !first.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let mut sum = first.parse::<i128>().ok();
    for part in parts {
        let fits = (1..=2).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
        let value: i128 = part.parse().ok().filter(|&it| fits && it < 60)?;
        sum = sum.and_then(|it| it.checked_mul(60)?.checked_add(value));
    }
    Some(sum)
}

/// A real number without its sign: it has a dot, and its exponent a sign.
fn real(digits: &str) -> Option<f64> {
    let (whole, rest) = digits.split_once('.')?;
    let (part, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let only = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let sane = only(part) && (begins(whole) || whole.is_empty() && begins(part));
    if let Some(exponent) = exponent {
        let sign = exponent.strip_prefix(['-', '+'])?;
        if sign.is_empty() || !sign.chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
    }
    if sane && whole.contains(':') && exponent.is_none() {
        let fraction: f64 = format!("0.{}", part.replace('_', "")).parse().ok()?;
        return sixties(whole)?.map(|it| it as f64 + fraction);
    }
    if !sane || !only(whole) {
        return None;
    }
    digits.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_mean_what_cloud_init_reads() {
        // As PyYAML 6.0 reads them.
        for (word, wanted) in [
            ("no", json!(false)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("yES", json!("yES")),
            ("~", json!(null)),
            ("0644", json!(420)),
            ("0o644", json!("0o644")),
            ("0899", json!("0899")),
            ("0x1F", json!(31)),
            ("-0b101", json!(-5)),
            ("1_000", json!(1000)),
            ("1:30", json!(90)),
            ("12:61", json!("12:61")),
            ("1e3", json!("1e3")),
            ("1.5e+3", json!(1500.0)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("1.2.3", json!("1.2.3")),
            ("2026-01-02", json!("2026-01-02")),
            ("+", json!("+")),
            ("-", json!("-")),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("0_", json!(0)),
            ("=", json!("=")),
        ] {
            assert_eq!(meaning(word), Ok(wanted), "{word}");
        }
        assert!(meaning("99999999999999999999").is_err());
        assert!(meaning(".inf").is_err());
        assert!(meaning("-.INF").is_err());
    }
}
