//! What a server's answer says, read with suspicion: every part of it may be missing or a lie.

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// No validator anybody sends is longer.
const LONGEST_VALIDATOR: usize = 1024;

/// By what a server can tell whether a file is still the same, kept beside its first part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// `ETag`
    pub etag: Option<String>,
    /// `Last-Modified`
    pub last_modified: Option<String>,
}

impl Validators {
    /// Those of an answer.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name| text(headers, name).filter(|it| it.len() <= LONGEST_VALIDATOR);
        Self {
            etag: text(ETAG).map(str::to_owned),
            last_modified: text(LAST_MODIFIED).map(str::to_owned),
        }
    }

    /// What `If-Range` is sent with: a strong tag, else the date. A weak tag (`W/`) promises
    /// equal meaning, not equal bytes (RFC 9110, 13.1.5).
    pub fn if_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| tag.starts_with('"'));
        strong.or(self.last_modified.as_deref())
    }

    /// Whether an answer's validators deny that the file is the same.
    pub fn contradict(&self, now: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        differ(&self.etag, &now.etag) || differ(&self.last_modified, &now.last_modified)
    }
}

/// `Content-Range: bytes first-last/total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Offset of the first byte.
    pub first: u64,
    /// Length of the whole file, if the server knows it.
    pub total: Option<u64>,
}

impl Part {
    /// That of an answer; `None` if there is none or it makes no sense.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let (range, total) = text(headers, CONTENT_RANGE)?
            .strip_prefix("bytes ")?
            .split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        let sound = first <= last && total.is_none_or(|total| last.checked_add(1) == Some(total));
        // A range that ends early is no answer to one that asked for all the rest.
        sound.then_some(Self { first, total })
    }
}

/// How long the server asks to wait: seconds, or a date, which is read against the server's own
/// `Date`, so that nobody's wrong clock matters.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?;
    if let Some(seconds) = number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let (then, now) = (date(value)?, date(text(headers, DATE)?)?);
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Digits only: no sign, no white space, no overflow.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_range_is_believed_only_if_it_makes_sense() {
        let part = |text| Part::of(&headers(&[(CONTENT_RANGE, text)]));
        let good = |first, total| Some(Part { first, total });
        assert_eq!(part("bytes 5-9/10"), good(5, Some(10)));
        assert_eq!(part("bytes 5-9/*"), good(5, None));
        for nonsense in [
            "",
            "5-9/10",
            "bytes */10",
            "bytes 9-5/10",
            "bytes 5-9/5",
            "bytes 5-7/10",
            "bytes -9/10",
            "bytes +5-9/10",
            "bytes 5-18446744073709551616/*",
            "bytes 5-18446744073709551615/18446744073709551615",
        ] {
            assert_eq!(part(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn waiting_is_asked_for_in_seconds_or_by_date() {
        let asked = |pairs: &[_]| retry_after(&headers(pairs));
        assert_eq!(asked(&[(RETRY_AFTER, "120")]), Some(Duration::from_secs(120)));
        let date = (DATE, "Wed, 21 Oct 2015 07:28:00 GMT");
        let later = (RETRY_AFTER, "Wed, 21 Oct 2015 07:28:30 GMT");
        assert_eq!(
            asked(&[date.clone(), later.clone()]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(asked(&[later]), None);
        let past = (RETRY_AFTER, "Wed, 21 Oct 2015 07:00:00 GMT");
        assert_eq!(asked(&[date, past]), Some(Duration::ZERO));
        assert_eq!(asked(&[(RETRY_AFTER, "soon")]), None);
    }

    #[test]
    fn a_weak_tag_does_not_vouch_for_bytes() {
        let of = |pairs: &[_]| Validators::of(&headers(pairs));
        let weak = of(&[(ETAG, "W/\"1\""), (LAST_MODIFIED, "then")]);
        assert_eq!(weak.if_range(), Some("then"));
        assert_eq!(of(&[(ETAG, "\"1\"")]).if_range(), Some("\"1\""));
        assert!(of(&[(ETAG, "\"1\"")]).contradict(&of(&[(ETAG, "\"2\"")])));
        assert!(!of(&[(ETAG, "\"1\"")]).contradict(&of(&[])));
    }
}
