//! Typed access to one table of the configuration. Each key is read by name. Each error shows the
//! file and the line, and suggests a fix.

use super::document::{Content, Document, Node, Table};
use crate::model::error::{Error, Result};

/// A table of the configuration that is being read.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    file: &'a str,
    /// The full name of the table, such as `providers.relay`; empty for the whole file.
    path: String,
    /// The line of the table's heading.
    pub(super) line: usize,
    pub(super) table: &'a Table,
}

impl<'a> Section<'a> {
    pub(super) fn root(document: &'a Document) -> Self {
        Self { file: &document.name, path: String::new(), line: 1, table: &document.root }
    }

    /// Returns the full name of a key, such as `providers.relay.rate`.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn error(&self, node: &Node, what: impl std::fmt::Display) -> Error {
        self.error_on(node.line, what)
    }

    pub(super) fn error_on(&self, line: usize, what: impl std::fmt::Display) -> Error {
        Error::usage(format!("{}:{line}: {what}", self.file))
    }

    /// Builds the error for a key that a later version of mailbatch may support.
    pub(super) fn not_built(&self, node: &Node, what: &str, instead: &str) -> Error {
        self.error(node, format!("{what} is known, but not built yet")).hint(instead)
    }

    /// Refuses every key that is not in `known`, and suggests a similar one. Keys in `not_built`
    /// are refused as not built yet.
    pub(super) fn check_keys(&self, known: &[&str], not_built: &[&str]) -> Result<()> {
        for (key, node) in self.table.iter() {
            if not_built.contains(&key) {
                return Err(self.not_built(node, &self.name(key), "leave it out"));
            }
            if !known.contains(&key) {
                return Err(self.unknown(key, node, known));
            }
        }
        Ok(())
    }

    fn unknown(&self, key: &str, node: &Node, known: &[&str]) -> Error {
        let place =
            if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
        let hint = match suggestion(key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "leave it out".to_owned(),
            None => format!("known here: {}", known.join(", ")),
        };
        self.error(node, format!("unknown key `{key}`{place}")).hint(hint)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.table.get(key)
    }

    /// Returns the table under `key`.
    pub(super) fn section(&self, key: &str) -> Result<Option<Section<'a>>> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.content {
            Content::Table(table) => {
                Ok(Some(Section { file: self.file, path: self.name(key), line: node.line, table }))
            }
            Content::Value(_) => {
                let name = self.name(key);
                Err(self
                    .error(node, format!("{name} is a table"))
                    .hint(format!("write [{name}] and its keys below")))
            }
        }
    }

    /// Returns all tables inside this one, for tables whose keys are chosen by the operator.
    pub(super) fn sections(&self) -> Result<Vec<(&'a str, Section<'a>)>> {
        let mut all = Vec::new();
        for (key, _) in self.table.iter() {
            all.extend(self.section(key)?.map(|section| (key, section)));
        }
        Ok(all)
    }

    /// Returns the string under `key`. If the value has another type, the error shows `example`.
    pub(super) fn text(&self, key: &str, example: &str) -> Result<Option<&'a str>> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.content {
            Content::Value(toml::Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            _ => Err(self
                .error(node, format!("{} is not a text (a string in quotes)", self.name(key)))
                .hint(format!("write {key} = \"{example}\""))),
        }
    }

    /// Returns the string under `key`, parsed as `T`.
    pub(super) fn read<T>(
        &self,
        key: &str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(text) = self.text(key, example)? else { return Ok(None) };
        let node = self.get(key).expect("the text was parsed from this node");
        parse(text).map(Some).map_err(|why| {
            self.error(node, format!("{}: {why}", self.name(key)))
                .hint(format!("write {key} = \"{example}\""))
        })
    }

    /// Returns the strings in the array under `key`, parsed as `T`; `None` if the key is absent.
    pub(super) fn read_all<T>(
        &self,
        key: &str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>> {
        let Some(node) = self.get(key) else { return Ok(None) };
        let hint = || format!("write {key} = [\"{example}\"]");
        let wrong = || {
            self.error(
                node,
                format!("{} is not a list of texts (strings in quotes)", self.name(key)),
            )
            .hint(hint())
        };
        let Content::Value(toml::Value::Array(items)) = &node.content else { return Err(wrong()) };
        let read = |(at, item): (usize, &toml::Value)| {
            let text = item.as_str().ok_or_else(wrong)?;
            parse(text).map_err(|why| {
                self.error(node, format!("{}, entry {}: {why}", self.name(key), at + 1))
                    .hint(hint())
            })
        };
        items.iter().enumerate().map(read).collect::<Result<_>>().map(Some)
    }

    /// Returns the `true` or `false` under `key`.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.content {
            Content::Value(toml::Value::Boolean(flag)) => Ok(Some(*flag)),
            _ => Err(self
                .error(node, format!("{} is neither true nor false", self.name(key)))
                .hint(format!("write {key} = true"))),
        }
    }

    /// Returns the integer under `key`, which must be in `range`.
    pub(super) fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>> {
        let Some(node) = self.get(key) else { return Ok(None) };
        let number = match &node.content {
            Content::Value(toml::Value::Integer(number)) => usize::try_from(*number).ok(),
            _ => None,
        };
        let wrong = || {
            self.error(
                node,
                format!(
                    "{} is not a whole number from {} to {}",
                    self.name(key),
                    range.start(),
                    range.end()
                ),
            )
        };
        number
            .filter(|n| range.contains(n))
            .map(Some)
            .ok_or_else(|| wrong().hint(format!("write {key} = {}", range.end().min(&8))))
    }
}

/// Returns the name in `known` that is most similar to `word`.
fn suggestion<'k>(typed: &str, known: &[&'k str]) -> Option<&'k str> {
    let typed = typed.to_lowercase().replace('-', "_");
    let nearest = known
        .iter()
        .map(|word| (strsim::jaro_winkler(&typed, word), *word))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (nearest.0 > 0.8).then_some(nearest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let known = ["rate", "caps", "in_flight", "per_domain"];
        assert_eq!(suggestion("in-flight", &known), Some("in_flight"));
        assert_eq!(suggestion("Rates", &known), Some("rate"));
        assert_eq!(suggestion("colour", &known), None);
    }
}
