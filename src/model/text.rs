//! The sanitizer: text from guests, libvirt, files and users becomes safe to show or log.
//!
//! Every such text passes [`visible`] before it reaches a cell or a log. What would move the
//! cursor, change direction or hide is shown as what it is instead of acting.

use std::any::Any;
use std::borrow::Cow;

/// Makes control, bidirectional, zero-width and private-use characters visible.
///
/// C0 controls become their control pictures (U+2400 …), other suspects `\u{…}`. A text without
/// any comes back borrowed. Line breaks count as controls: a text is one line.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\x7f' => shown.push('\u{2421}'),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Like [`visible`], and no longer than `limit` characters: the rest becomes `…`.
pub fn visible_within(text: &str, limit: usize) -> String {
    let shown = visible(text);
    if shown.chars().count() <= limit {
        return shown.into_owned();
    }
    let mut cut: String = shown.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// What a panic said, for the error that it becomes.
pub fn of_panic(panic: &(dyn Any + Send)) -> String {
    let words = (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no words");
    format!("a bug in twarga: {}", visible_within(words, 200))
}

/// Characters that act, hide or reorder instead of showing (Unicode categories Cc, Cf and Co,
/// line and paragraph separators, variation selectors, tags and fillers).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_sequence_is_shown_not_obeyed() {
        assert_eq!(visible("a\x1b[2Jb\r\n"), "a␛[2Jb␍␊");
    }

    #[test]
    fn a_direction_override_is_named() {
        assert_eq!(visible("user\u{202e}gpj.exe"), "user\\u{202e}gpj.exe");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(visible("Grüße, 世界 ✓"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_hidden_survives(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(is_hidden));
        }

        #[test]
        fn a_limit_holds(text in any::<String>(), limit in 1usize..40) {
            prop_assert!(visible_within(&text, limit).chars().count() <= limit);
        }
    }
}
