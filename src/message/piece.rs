//! Texts as a sequence of pieces: fixed text, and slots for values.

use super::escape::push_html_escaped;

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// A slot: the index of a value, and how the value is written.
    Slot(usize, As),
}

/// How a value is written in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// Unchanged.
    Text,
    /// Unchanged. In Markdown, the value follows a `<` and has the form of a URL.
    Url,
    /// Unchanged. In Markdown, the value follows a `<` and has the form of an e-mail address.
    Mail,
    /// On one line: each line break becomes a space.
    Line,
    /// Escaped for HTML.
    Html,
    /// Escaped for HTML, with each line break as `<br>`.
    HtmlLines,
    /// Escaped for HTML and on one line, for a value inside a tag.
    HtmlLine,
}

impl As {
    /// Appends a value.
    pub(super) fn push(self, out: &mut String, value: &str) {
        let is_html = matches!(self, Self::Html | Self::HtmlLines | Self::HtmlLine);
        let put = |out: &mut String, text: &str| {
            if is_html {
                push_html_escaped(out, text).expect("a String takes everything");
            } else {
                out.push_str(text);
            }
        };
        let between = match self {
            Self::HtmlLines => "<br>",
            Self::Line | Self::HtmlLine => " ",
            Self::Text | Self::Url | Self::Mail | Self::Html => return put(out, value),
        };
        if !may_end_a_line(value) {
            return put(out, value);
        }
        let mut rest = value;
        while let Some(at) = rest.find(ends_a_line) {
            put(out, &rest[..at]);
            out.push_str(between);
            let length = if rest[at..].starts_with("\r\n") {
                2
            } else {
                rest[at..].chars().next().map_or(0, char::len_utf8)
            };
            rest = &rest[at + length..];
        }
        put(out, rest);
    }
}

/// Whether a text contains a byte with which the encoding of a line end begins. Reads all bytes
/// without a branch, because compilers turn this into vector instructions.
fn may_end_a_line(text: &str) -> bool {
    let begins = |byte: u8| (0x0a..=0x0d).contains(&byte) | (byte == 0xc2) | (byte == 0xe2);
    text.bytes().fold(false, |any, byte| any | begins(byte))
}

/// Whether a reader of mail or HTML may treat the character as the end of a line.
fn ends_a_line(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The values of a row, stored in one string.
#[derive(Debug, Default)]
pub(super) struct Values {
    text: String,
    ends: Vec<usize>,
}

impl Values {
    /// Reserves memory for `count` values of ordinary length.
    pub(super) fn for_values(count: usize) -> Self {
        Self { text: String::with_capacity(16 * count), ends: Vec::with_capacity(count) }
    }

    /// Adds the next value.
    pub(super) fn push(&mut self, value: &str) {
        self.text.push_str(value);
        self.ends.push(self.text.len());
    }

    /// Whether a value contains a text.
    pub(super) fn contain(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// Returns the value with this index, or an empty text if there is no such value.
    pub(super) fn get(&self, place: usize) -> &str {
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or(&0);
        self.ends.get(place).and_then(|end| self.text.get(*start..*end)).unwrap_or_default()
    }
}

/// Returns the text with its slots filled.
pub(super) fn fill(pieces: &[Piece], values: &Values) -> String {
    let fixed = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Slot(..) => 0,
    });
    let mut out = String::with_capacity(fixed.sum::<usize>() + 2 * values.text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Slot(place, how) => how.push(&mut out, values.get(*place)),
        }
    }
    out
}

/// Appends fixed text.
pub(super) fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_of_values_are_written_as_the_place_wants_them() {
        for (how, expected) in [
            (As::Text, "a\r\nb\u{2028}<c>\n"),
            (As::Html, "a\r\nb\u{2028}&lt;c&gt;\n"),
            (As::Line, "a b <c> "),
            (As::HtmlLine, "a b &lt;c&gt; "),
            (As::HtmlLines, "a<br>b<br>&lt;c&gt;<br>"),
        ] {
            let mut out = String::new();
            how.push(&mut out, "a\r\nb\u{2028}<c>\n");
            assert_eq!(out, expected, "{how:?}");
        }
    }
}
