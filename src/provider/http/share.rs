//! Splits the messages of one request into shared text and variables, for services that insert the
//! variables themselves.
//!
//! Inserting a message's variables into the shared text gives exactly the text that mailbatch
//! rendered for that message. Templates may therefore use every feature of the engine. The adapter
//! must check whether the rendered texts contain anything that its service would read as a
//! variable.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::content::Content;

/// The syntax of a variable in a service's templates.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Mark {
    /// The text before a variable's name. `after` is the text after the name.
    pub(in crate::provider) before: String,
    pub(in crate::provider) after: &'static str,
    /// Characters that the shared text must not have next to a variable. The service could read
    /// them as part of the variable, or no longer recognize the variable.
    pub(in crate::provider) edges: &'static [char],
}

/// The variables of each message of a request.
pub(in crate::provider) struct Shared {
    mark: Mark,
    variables: Vec<Map<String, Value>>,
}

impl Shared {
    /// Creates empty variables for this number of messages.
    pub(in crate::provider) fn new(members: usize, mark: Mark) -> Self {
        Self { mark, variables: vec![Map::new(); members] }
    }

    /// Returns the shared text of a field. The parts that differ between the messages are replaced
    /// by a variable.
    pub(in crate::provider) fn field(
        &mut self,
        name: &str,
        of: impl Fn(usize) -> String,
    ) -> String {
        let texts: Vec<String> = (0..self.variables.len()).map(of).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut out = String::new();
        self.push(&mut out, name, &texts);
        out
    }

    /// Like [`Self::field`], for a longer text. If the text has the same number of lines in all
    /// messages, each line is shared separately.
    pub(in crate::provider) fn lines<'a>(
        &mut self,
        name: &str,
        of: impl Fn(usize) -> &'a str,
    ) -> String {
        let texts: Vec<&str> = (0..self.variables.len()).map(of).collect();
        let split: Vec<Vec<&str>> =
            texts.iter().map(|text| text.split_inclusive('\n').collect()).collect();
        let count = split.first().map_or(0, Vec::len);
        let mut out = String::new();
        if split.iter().any(|lines| lines.len() != count) {
            self.push(&mut out, name, &texts);
            return out;
        }
        for line in 0..count {
            let texts: Vec<&str> = split.iter().map(|lines| lines[line]).collect();
            self.push(&mut out, &format!("{name}{line}"), &texts);
        }
        out
    }

    /// Appends the text that all messages share. The differing part is replaced by a variable
    /// called `name`.
    fn push(&mut self, out: &mut String, name: &str, texts: &[&str]) {
        let Some((first, others)) = texts.split_first() else { return };
        if others.iter().all(|other| other == first) {
            out.push_str(first);
            return;
        }
        // Shared characters next to the variable that the service could read as part of it become
        // part of its value.
        let edges = self.mark.edges;
        let mut start = others
            .iter()
            .fold(first.len(), |length, other| common(first[..length].chars(), other.chars()));
        start = first[..start].trim_end_matches(edges).len();
        let least = texts.iter().map(|text| text.len() - start).min().unwrap_or(0);
        let mut end = others.iter().fold(least, |length, other| {
            let tails = (first[start..].chars().rev(), other[start..].chars().rev());
            common(tails.0, tails.1).min(length)
        });
        while !first.is_char_boundary(first.len() - end) {
            end -= 1;
        }
        end = first[first.len() - end..].trim_start_matches(edges).len();
        out.push_str(&first[..start]);
        let variable = format!("{}{name}{}", self.mark.before, self.mark.after);
        out.push_str(&variable);
        out.push_str(&first[first.len() - end..]);
        for (variables, text) in self.variables.iter_mut().zip(texts) {
            variables.insert(name.to_owned(), text[start..text.len() - end].into());
        }
    }

    /// Returns the variables of each message by name. They are empty if all texts are equal.
    pub(in crate::provider) fn variables(self) -> Vec<Map<String, Value>> {
        self.variables
    }
}

/// Returns a hash of the structure of a message: its number of lines, its parts, the names of its
/// headers, and its attachments. Messages with equal hashes differ in little more than their
/// values.
pub(in crate::provider) fn shape(content: &Content) -> u64 {
    let lines = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    let mut hash = DefaultHasher::new();
    (lines(&content.text), content.html.as_deref().map(lines), !content.reply_to.is_empty())
        .hash(&mut hash);
    content.headers.iter().for_each(|(name, _)| name.hash(&mut hash));
    for file in content.attachments.iter() {
        (&file.name, &file.content_type, xxh3_64(file.data.as_bytes())).hash(&mut hash);
    }
    hash.finish()
}

/// Returns the length in bytes of the common beginning of both iterators.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    one.zip(other).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates texts that contain variables of services, or text that looks similar.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a",
            "%",
            "%%",
            "%recipient.t0%",
            "-",
            "-k.t0-",
            "k.",
            "t0",
            "{{",
            "}}",
            "é",
            "\n",
            "\r\n",
            " ",
            "$1",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// Replaces each variable as a service does, wherever the variable occurs. The variables can be
    /// replaced in either order.
    fn put_together(
        shared: &str,
        mark: &Mark,
        variables: &Map<String, Value>,
        backwards: bool,
    ) -> String {
        let mut all: Vec<(&String, &Value)> = variables.iter().collect();
        if backwards {
            all.reverse();
        }
        let replaced = |text: String, (name, value): (&String, &Value)| {
            text.replace(
                &format!("{}{name}{}", mark.before, mark.after),
                value.as_str().expect("a text"),
            )
        };
        all.into_iter().fold(shared.to_owned(), replaced)
    }

    proptest! {
        #[test]
        fn what_a_service_puts_together_is_what_was_rendered(texts in prop::collection::vec(hostile(), 1..6)) {
            for mark in [
                Mark { before: "%recipient.".into(), after: "%", edges: &['%'] },
                Mark { before: "-0123456789ab.".into(), after: "-", edges: &['-'] },
                Mark { before: "{{".into(), after: "}}", edges: &['{', '}', '\\'] },
            ] {
                // The adapters never put texts that contain the beginning of a variable into a
                // shared request.
                if texts.iter().any(|text| text.contains(mark.before.as_str())) {
                    continue;
                }
                let mut shared = Shared::new(texts.len(), mark.clone());
                let text = shared.lines("t", |member| texts[member].as_str());
                for (member, variables) in shared.variables().iter().enumerate() {
                    for backwards in [false, true] {
                        prop_assert_eq!(&put_together(&text, &mark, variables, backwards), &texts[member]);
                    }
                }
            }
        }
    }
}
