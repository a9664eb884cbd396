//! Text in HTML, and how a template's values are written.

use std::borrow::Cow;
use std::fmt;

/// How a template's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    None,
    Html,
    Markdown,
}

impl Escape {
    /// Writes a value; Markdown's become text when it is made HTML.
    pub(super) fn push(self, out: &mut impl fmt::Write, value: &str) -> fmt::Result {
        match self {
            Self::None | Self::Markdown => out.write_str(value),
            Self::Html => push_html_escaped(out, value),
        }
    }
}

/// The text that `push_html_escaped` was given.
pub(super) fn without_references(html: &str) -> Cow<'_, str> {
    if !html.contains('&') {
        return Cow::Borrowed(html);
    }
    let references =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let text = references.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to));
    Cow::Owned(text)
}

/// Appends text so that it is text in HTML elements and in quoted attributes.
pub(super) fn push_html_escaped(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| matches!(b, b'&' | b'<' | b'>' | b'"' | b'\'')) {
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
