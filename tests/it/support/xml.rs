//! XML read strictly: what is not well-formed by XML 1.0 is refused with its place.

use std::collections::BTreeMap;

/// An element with what is in it; its text is that of its own, joined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

impl Element {
    /// Reads a document.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.chars().all(is_character), "a character that XML 1.0 does not have: {text:?}");
        let mut rest = text.trim_start();
        if let Some(behind) = rest.strip_prefix("<?xml ") {
            rest = behind.split_once("?>").expect("the declaration ends").1.trim_start();
        }
        let (root, rest) = element(rest);
        assert_eq!(rest.trim(), "", "behind the document");
        root
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no attribute {name}: {self:?}"))
    }

    /// The elements of this name in it, at any depth, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&Self> {
        let deeper = self.children.iter().flat_map(|child| child.all(name));
        (self.name == name).then_some(self).into_iter().chain(deeper).collect()
    }
}

fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The element at the beginning of a text, and what is behind it.
#[track_caller]
fn element(text: &str) -> (Element, &str) {
    let inner = text.strip_prefix('<').unwrap_or_else(|| panic!("an element begins here: {text}"));
    let (tag, mut rest) = inner.split_once('>').expect("a tag ends");
    let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
    let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut element = Element {
        name: name.to_owned(),
        attributes: read_attributes(attributes),
        ..Element::default()
    };
    if is_empty {
        return (element, rest);
    }
    loop {
        let (own, next) =
            rest.split_at(rest.find('<').unwrap_or_else(|| panic!("<{name}> does not end")));
        assert!(!own.contains("]]>"), "]]> in a text: {own}");
        element.text.push_str(&unescaped(own));
        if let Some(end) = next.strip_prefix("</") {
            let behind = end
                .strip_prefix(name)
                .and_then(|end| end.strip_prefix('>'))
                .unwrap_or_else(|| panic!("<{name}> ends here: {next}"));
            return (element, behind);
        }
        let (child, behind) = self::element(next);
        element.children.push(child);
        rest = behind;
    }
}

#[track_caller]
fn read_attributes(mut text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    while !text.trim_start().is_empty() {
        let (name, rest) =
            text.trim_start().split_once("=\"").unwrap_or_else(|| panic!("an attribute: {text}"));
        let (value, rest) = rest.split_once('"').expect("its value ends");
        assert!(!value.contains('<'), "< in {name}");
        assert!(found.insert(name.to_owned(), unescaped(value)).is_none(), "{name} twice");
        text = rest;
    }
    found
}

#[track_caller]
fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap_or_else(|| panic!("a lone &: {text}"));
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" | "#39" => '\'',
            other => panic!("an entity that XML does not have: {other}"),
        });
        out.push_str(rest);
    }
    out
}
