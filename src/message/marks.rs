//! Marks around the values in text that a template captures, for example with `{% set %}`.

use std::borrow::Cow;
use std::fmt;

use super::escape::Escape;

/// Unicode noncharacters, which are not meant for text that programs exchange.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// Writes a value between marks.
pub(super) fn push(out: &mut impl fmt::Write, escape: Escape, value: &str) -> fmt::Result {
    out.write_char(OPEN)?;
    escape.push(out, &without(value))?;
    out.write_char(CLOSE)
}

/// Whether a text contains a mark.
pub(super) fn are_in(text: &str) -> bool {
    text.contains([OPEN, CLOSE])
}

/// Returns the text without its marks.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    if are_in(text) { Cow::Owned(text.replace([OPEN, CLOSE], "")) } else { Cow::Borrowed(text) }
}

/// Calls `each` with every part of a text with marks, and with whether that part is a value. A
/// value inside another value is part of the outer one. If the marks are unbalanced, the whole text
/// counts as one value.
pub(super) fn take_apart(
    text: &str,
    mut each: impl FnMut(&str, bool) -> fmt::Result,
) -> fmt::Result {
    let mut stretches = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for (at, mark) in text.match_indices([OPEN, CLOSE]) {
        let is_open = mark.starts_with(OPEN);
        if depth == usize::from(!is_open) {
            stretches.push((&text[from..at], !is_open));
            from = at + mark.len();
        }
        let Some(now) = (if is_open { depth.checked_add(1) } else { depth.checked_sub(1) }) else {
            return each(&without(text), true);
        };
        depth = now;
    }
    if depth > 0 {
        return each(&without(text), true);
    }
    stretches.push((&text[from..], false));
    stretches.into_iter().try_for_each(|(stretch, is_value)| each(&without(stretch), is_value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(text: &str) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        let each = |text: &str, is_value| {
            found.push((text.to_owned(), is_value));
            Ok(())
        };
        take_apart(text, each).expect("takes everything");
        found
    }

    #[test]
    fn a_value_in_a_value_is_part_of_it_and_without_a_mark_all_are_values() {
        let part = |text: &str, is_value| (text.to_owned(), is_value);
        assert_eq!(
            stretches("a\u{fdd0}b\u{fdd0}c\u{fdd1}d\u{fdd1}e"),
            [part("a", false), part("bcd", true), part("e", false)]
        );
        for text in ["a\u{fdd0}b", "a\u{fdd1}b", "a\u{fdd1}b\u{fdd0}", "\u{fdd1}a\u{fdd0}b"] {
            assert_eq!(stretches(text), [part(&without(text), true)], "{text:?}");
        }
    }

    #[test]
    fn marks_part_what_a_template_kept() {
        let mut kept = "**Hi** ".to_owned();
        push(&mut kept, Escape::Html, "<Zoë\u{fdd1}>").expect("a String takes everything");
        let part = |text: &str, is_value| (text.to_owned(), is_value);
        assert_eq!(
            stretches(&kept),
            [part("**Hi** ", false), part("&lt;Zoë&gt;", true), part("", false)]
        );
    }
}
