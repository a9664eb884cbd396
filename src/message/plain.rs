//! Plain templates: text and `{{ name }}`, nothing else. They are filled without the engine, with
//! what the engine would give.
//!
//! The rule it keeps: where the two could differ, a template is not plain or a row has no plain
//! values, and the engine does it.

use super::row::Row;

/// Names that mean something of their own in a template.
const RESERVED: &[&str] = &[
    "true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else",
    "loop", "self", "super",
];

/// A stretch of a plain template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// The value of a name, by its place among the template's names.
    Slot(usize),
}

/// A template of which every tag is `{{ name }}`.
#[derive(Debug)]
pub(super) struct Plain {
    names: Vec<String>,
    pieces: Vec<Piece>,
}

impl Plain {
    /// Reads a template that the engine has compiled; `None` where it is not plain.
    pub(super) fn parse(source: &str) -> Option<Self> {
        if source.contains("{%") || source.contains("{#") {
            return None;
        }
        // The engine takes one line break off the end of every template.
        let source = source.strip_suffix('\n').unwrap_or(source);
        let mut rest = source.strip_suffix('\r').unwrap_or(source);
        let mut plain = Self { names: Vec::new(), pieces: Vec::new() };
        while let Some((text, after)) = rest.split_once("{{") {
            let (tag, after) = after.split_once("}}")?;
            let name = tag.trim_matches([' ', '\t', '\r', '\n']);
            if !is_name(name) {
                return None;
            }
            plain.push_text(text);
            plain.push_slot(name);
            rest = after;
        }
        plain.push_text(rest);
        Some(plain)
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    fn push_slot(&mut self, name: &str) {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.pieces.push(Piece::Slot(place));
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The value of each name for a row; `None` where one of them is for the engine to find or to
    /// miss.
    pub(super) fn values<'a>(&self, row: &Row<'a>) -> Option<Vec<&'a str>> {
        self.names.iter().map(|name| row.text(name)).collect()
    }

    /// Whether `values` would find them all.
    pub(super) fn is_filled_by(&self, row: &Row<'_>) -> bool {
        self.names.iter().all(|name| row.text(name).is_some())
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !RESERVED.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_names_are_plain_and_nothing_else_is() {
        let plain = Plain::parse("Hi {{ name }},\r\n{{name}} {{\tid }}\r\n").expect("plain");
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(
            plain.pieces(),
            [text("Hi "), Piece::Slot(0), text(",\r\n"), Piece::Slot(0), text(" "), Piece::Slot(1)]
        );
        assert_eq!(plain.names, ["name", "id"]);
        assert_eq!(Plain::parse("").expect("plain").pieces(), []);
        for source in [
            "{{ a.b }}",
            "{{ a | upper }}",
            "{{ 'x' }}",
            "{{- a }}",
            "{{ a -}}",
            "{% if a %}{% endif %}",
            "{# a #}",
            "{{ true }}",
            "{{ 1 }}",
            "{{ ä }}",
            "{{ a",
        ] {
            assert!(Plain::parse(source).is_none(), "{source}");
        }
    }
}
