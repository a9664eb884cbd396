//! HTML escaping of text, and how the values of a template are escaped.

use std::borrow::Cow;
use std::fmt;

/// How the values of a template are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    Html,
    Markdown,
}

impl Escape {
    /// Writes a value. Values in Markdown are escaped later, when the Markdown becomes HTML.
    pub(super) fn push(self, out: &mut impl fmt::Write, value: &str) -> fmt::Result {
        match self {
            Self::None | Self::Markdown => out.write_str(value),
            Self::Html => push_html_escaped(out, value),
        }
    }
}

/// Reverses `push_html_escaped`.
pub(super) fn without_references(html: &str) -> Cow<'_, str> {
    if !html.contains('&') {
        return Cow::Borrowed(html);
    }
    let references =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = references.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to));
    Cow::Owned(text)
}

/// Whether `push_html_escaped` escapes a byte. A lookup takes a third of the time of comparisons.
const IS_ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut at = 0;
    while at < 5 {
        escaped[b"&<>\"'"[at] as usize] = true;
        at += 1;
    }
    escaped
};

/// Appends text, escaped for HTML elements and quoted attributes.
pub(super) fn push_html_escaped(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| IS_ESCAPED[usize::from(byte)]) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)
}
