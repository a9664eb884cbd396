//! Marks around the values in a text that a template keeps.

use std::borrow::Cow;
use std::fmt;

use super::escape::Escape;

/// Unicode noncharacters, which no text to be exchanged may hold.
const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// Writes a value between marks.
pub(super) fn push(out: &mut impl fmt::Write, escape: Escape, value: &str) -> fmt::Result {
    out.write_char(OPEN)?;
    escape.push(out, &without(value))?;
    out.write_char(CLOSE)
}

/// Whether a text holds one.
pub(super) fn are_in(text: &str) -> bool {
    text.contains([OPEN, CLOSE])
}

/// A text without marks.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    if are_in(text) { Cow::Owned(text.replace([OPEN, CLOSE], "")) } else { Cow::Borrowed(text) }
}

/// Hands on the stretches of a text with marks, and whether each is a value.
pub(super) fn take_apart(
    text: &str,
    mut each: impl FnMut(&str, bool) -> fmt::Result,
) -> fmt::Result {
    let mut rest = text;
    while let Some((before, marked)) = rest.split_once(OPEN) {
        each(&without(before), false)?;
        let (value, after) = marked.split_once(CLOSE).unwrap_or((marked, ""));
        each(&without(value), true)?;
        rest = after;
    }
    each(&without(rest), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_part_what_a_template_kept() {
        let mut kept = "**Hi** ".to_owned();
        push(&mut kept, Escape::Html, "<Zoë\u{fdd1}>").expect("a String takes everything");
        let mut found = Vec::new();
        let each = |text: &str, is_value| {
            found.push((text.to_owned(), is_value));
            Ok(())
        };
        take_apart(&kept, each).expect("takes everything");
        let part = |text: &str, is_value| (text.to_owned(), is_value);
        assert_eq!(found, [part("**Hi** ", false), part("&lt;Zoë&gt;", true), part("", false)]);
    }
}
