//! Makes file names and foreign text safe to print.
//!
//! A file name must not control a terminal or imitate a line of mailbatch's output. Control
//! characters, and characters that change the text direction, are printed as escapes.

use std::borrow::Cow;
use std::path::Path;

/// Whether a character controls a terminal or the text direction.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Replaces every harmful character by an escape, including line breaks.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Like `visible`, but keeps line breaks and tabs, for text of several lines.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// Shortens very long lines by removing their middle, because an error may quote a value of any
/// length.
pub(crate) fn bounded_lines(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 4_000;
    const BEGINNING: usize = 2_000;
    const END: usize = 500;
    if text.lines().all(|line| line.len() <= LONGEST) {
        return Cow::Borrowed(text);
    }
    let bounded = |line: &str| {
        if line.len() <= LONGEST {
            return line.to_owned();
        }
        let (first, last) =
            (line.floor_char_boundary(BEGINNING), line.ceil_char_boundary(line.len() - END));
        format!("{} … ({} bytes) … {}", &line[..first], last - first, &line[last..])
    };
    Cow::Owned(text.split('\n').map(bounded).collect::<Vec<_>>().join("\n"))
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_harmful = |c: char| is_harmful(c) && !stays(c);
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Formats a path for display. The result must not be used to open the file.
pub(crate) trait Shown {
    /// The path with harmful characters replaced by escapes.
    fn shown(&self) -> String;
}

impl Shown for Path {
    fn shown(&self) -> String {
        visible(&self.to_string_lossy()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_in_its_middle_and_nothing_else_is_changed() {
        let ordinary = "one\ntwo\n";
        assert_eq!(bounded_lines(ordinary), ordinary);
        let long = format!("before\nkey = {}é end\nafter", "é".repeat(500_000));
        let bounded = bounded_lines(&long);
        assert!(bounded.len() < 3_000, "{}", bounded.len());
        assert!(bounded.starts_with("before\nkey = é") && bounded.ends_with("é end\nafter"));
        assert!(bounded.contains(" bytes) … "));
    }

    #[test]
    fn a_name_can_neither_command_a_terminal_nor_forge_a_line() {
        let name = "a\u{1b}]0;owned\u{7}\nhint: rm\t\u{202e}vsc.\u{9b}2J é山";
        assert_eq!(
            Path::new(name).shown(),
            "a\\u{1b}]0;owned\\u{7}\\nhint: rm\\t\\u{202e}vsc.\\u{9b}2J é山"
        );
        assert_eq!(visible_lines("a\n\tb\r\u{7f}"), "a\n\tb\\r\\u{7f}");
        assert!(matches!(visible("山田太郎 שלום"), Cow::Borrowed(_)));
    }
}
