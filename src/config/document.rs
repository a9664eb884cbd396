//! The configuration file as a tree that stores a line number for every key, so that errors can
//! show the line.

use toml::de::{DeTable, DeValue};

use crate::model::error::{Error, Result};

/// The parsed file.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The file's name, as errors show it.
    pub(super) name: String,
    pub(super) root: Table,
}

/// A table with its keys in file order.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(Vec<(String, Node)>);

/// The value of a key, with its line number.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Table(Table),
    Value(toml::Value),
}

impl Document {
    /// Parses a configuration file. The error shows the line number but not the text, which may
    /// contain a secret.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let refused = |error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let what = error.message().lines().next().unwrap_or("not TOML").to_owned();
            Error::usage(format!("{name}:{line}: {what}"))
                .hint("the file is TOML: key = \"value\", tables as [name]")
        };
        let values: toml::Table = toml::from_str(text).map_err(refused)?;
        let spans = DeTable::parse(text).map_err(refused)?;
        Ok(Self { name: name.to_owned(), root: Table::build(text, values, spans.get_ref()) })
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

impl Table {
    fn build(text: &str, values: toml::Table, spans: &DeTable<'_>) -> Self {
        let node = |(key, value): (String, toml::Value)| {
            let (name, inner) = spans
                .get_key_value(key.as_str())
                .expect("both trees are parsed from the same text");
            let content = match (value, inner.get_ref()) {
                (toml::Value::Table(table), DeValue::Table(spans)) => {
                    Content::Table(Self::build(text, table, spans))
                }
                (value, _) => Content::Value(value),
            };
            (key, Node { line: line_of(text, name.span().start), content })
        };
        Self(values.into_iter().map(node).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(key, node)| (key.as_str(), node))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.iter().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// Returns the table under `key`, to change it.
    pub(super) fn table_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, Node { content: Content::Table(table), .. })) => Some(table),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(key, _)| keep(key));
    }

    /// Converts the table to TOML, without line numbers.
    pub(super) fn to_toml(&self) -> toml::Table {
        self.iter().map(|(key, node)| (key.to_owned(), node.to_toml())).collect()
    }

    /// Merges `over` into this table: tables are merged, other values are replaced. A reference to
    /// a secret (`{ env }`, `{ file }` or `{ command }`) is replaced as a whole.
    pub(super) fn overlay(&mut self, over: &Self) {
        for (key, node) in over.iter() {
            match self.0.iter_mut().find(|(name, _)| name == key) {
                Some((_, Node { content: Content::Table(below), .. })) if matches!(&node.content, Content::Table(above) if !above.names_a_secret()) => {
                    if let Content::Table(above) = &node.content {
                        below.overlay(above);
                    }
                }
                Some((_, below)) => *below = node.clone(),
                None => self.0.push((key.to_owned(), node.clone())),
            }
        }
    }

    /// Whether the node is a reference to a secret, such as `{ env = "NAME" }`.
    pub(super) fn names_a_secret(&self) -> bool {
        matches!(self.0.as_slice(), [(key, _)] if super::secrets::SOURCES.contains(&key.as_str()))
    }
}

impl Node {
    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.content {
            Content::Table(table) => toml::Value::Table(table.to_toml()),
            Content::Value(value) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Table {
        Document::parse("mailbatch.toml", text).unwrap().root
    }

    #[test]
    fn every_key_knows_its_line() {
        let root =
            parse("# a comment\n[list]\n\nemail = \"e\"\n[providers.relay]\nkind = \"smtp\"\n");
        let Content::Table(list) = &root.get("list").unwrap().content else { panic!("no table") };
        assert_eq!((root.get("list").unwrap().line, list.get("email").unwrap().line), (2, 4));
        assert_eq!(root.get("providers").unwrap().line, 5);
    }

    #[test]
    fn an_overlay_merges_tables_and_replaces_the_rest() {
        let mut base = parse("[p]\nurl = \"a\"\nrate = \"1/s\"\npassword = { env = \"A\" }\n");
        base.overlay(&parse("[p]\nurl = \"b\"\npassword = { file = \"f\" }\n[q]\nx = 1\n"));
        let expected: toml::Table = toml::from_str(
            "[p]\nurl = \"b\"\nrate = \"1/s\"\npassword = { file = \"f\" }\n[q]\nx = 1\n",
        )
        .unwrap();
        assert_eq!(base.to_toml(), expected);
    }

    #[test]
    fn what_is_not_toml_is_refused_with_its_line_and_without_its_text() {
        let error = Document::parse("mailbatch.toml", "a = 1\npassword = hunter2\n").unwrap_err();
        assert!(error.to_string().starts_with("mailbatch.toml:2: "), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(error.exit(), crate::model::exit::Exit::USAGE);
    }
}
