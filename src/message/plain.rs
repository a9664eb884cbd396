//! Plain templates: text and `{{ name }}`, nothing else. They have one variant, known beforehand,
//! and are filled without the engine, with what the engine would give.
//!
//! The rule it keeps: where the two could differ, a template is not plain or a row has no plain
//! values, and the engine does it.

use super::escape::Escape;
use super::piece::{As, Piece, Values, push_text};
use super::row::Row;

/// Names that mean something of their own in a template.
const RESERVED: &[&str] = &[
    "true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else",
    "loop", "self", "super",
];

/// A template of which every tag is `{{ name }}`.
#[derive(Debug)]
pub(super) struct Plain {
    names: Vec<String>,
    pub(super) pieces: Vec<Piece>,
}

impl Plain {
    /// Reads a template that the engine has compiled; `None` where it is not plain.
    pub(super) fn parse(source: &str, escape: Escape) -> Option<Self> {
        // What follows a `<` of Markdown can be a link or not.
        if source.contains("{%")
            || source.contains("{#")
            || (escape == Escape::Markdown && source.contains("<{{"))
        {
            return None;
        }
        let how = if escape == Escape::Html { As::Html } else { As::Text };
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
            push_text(&mut plain.pieces, text);
            let place = plain.names.iter().position(|known| known == name).unwrap_or_else(|| {
                plain.names.push(name.to_owned());
                plain.names.len() - 1
            });
            plain.pieces.push(Piece::Slot(place, how));
            rest = after;
        }
        push_text(&mut plain.pieces, rest);
        Some(plain)
    }

    /// The value of each name for a row; `None` where one of them is for the engine to find or to
    /// miss.
    pub(super) fn values(&self, row: &Row<'_>) -> Option<Values> {
        let mut values = Values::for_values(self.names.len());
        for name in &self.names {
            values.push(row.text(name)?);
        }
        Some(values)
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
        let parse = |source: &str| Plain::parse(source, Escape::None);
        let plain = parse("Hi {{ name }},\r\n{{name}} {{\tid }}\r\n").expect("plain");
        let text = |text: &str| Piece::Text(text.to_owned());
        let slot = |place| Piece::Slot(place, As::Text);
        assert_eq!(
            plain.pieces,
            [text("Hi "), slot(0), text(",\r\n"), slot(0), text(" "), slot(1)]
        );
        assert_eq!(plain.names, ["name", "id"]);
        assert_eq!(parse("").expect("plain").pieces, []);
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
            assert!(parse(source).is_none(), "{source}");
        }
    }
}
