//! Plain templates contain only text and `{{ name }}`. Their fixed text is the same for every row,
//! so they are filled without the template engine. The result equals the engine's.
//!
//! The rule it keeps: wherever the result could differ from the engine's, the template is not
//! treated as plain, or the row is left to the engine.

use super::escape::Escape;
use super::piece::{As, Piece, Values, push_text};
use super::row::Row;

/// Names with a special meaning in templates.
const RESERVED: &[&str] = &[
    "true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else",
    "loop", "self", "super",
];

/// A template whose only tags are `{{ name }}`.
#[derive(Debug)]
pub(super) struct Plain {
    names: Vec<String>,
    pub(super) pieces: Vec<Piece>,
}

impl Plain {
    /// Parses a template that the engine has compiled. Returns `None` if it is not plain.
    pub(super) fn parse(source: &str, escape: Escape) -> Option<Self> {
        // In Markdown, a value after `<` may or may not form a link.
        if source.contains("{%")
            || source.contains("{#")
            || (escape == Escape::Markdown && source.contains("<{{"))
        {
            return None;
        }
        let how = if escape == Escape::Html { As::Html } else { As::Text };
        // The engine removes one line break from the end of every template.
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

    /// Returns the value of each name for a row. `None` if the engine must look up a name or report
    /// it as undefined.
    pub(super) fn values(&self, row: &Row<'_>) -> Option<Values> {
        let mut values = Values::for_values(self.names.len());
        for name in &self.names {
            values.push(row.text(name)?);
        }
        Some(values)
    }

    /// Whether `values` would return a value for every name.
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
