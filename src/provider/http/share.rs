//! What the members of a request share, and what differs and goes into a variable of each, for
//! services that put messages together.
//!
//! The rule it keeps: the messages as we render them are the truth, and putting a member's
//! variables back into the shared text gives exactly that member's text. So templates may hold
//! whatever the engine knows. What the texts themselves hold that a service would take for a
//! variable is for the adapter to look for.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::content::Content;

/// How a service writes a variable.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Mark {
    /// The text before and after a variable's name.
    pub(in crate::provider) before: String,
    pub(in crate::provider) after: &'static str,
    /// Right beside a variable these could be taken for a part of it, or keep it from being one.
    pub(in crate::provider) edges: &'static [char],
}

/// The variables of each member.
pub(in crate::provider) struct Shared {
    mark: Mark,
    variables: Vec<Map<String, Value>>,
}

impl Shared {
    /// For so many members, who share everything so far.
    pub(in crate::provider) fn new(members: usize, mark: Mark) -> Self {
        Self { mark, variables: vec![Map::new(); members] }
    }

    /// The text of a field that all members have: itself where it is the same for all, else one
    /// with a variable.
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

    /// The same for a longer text, line by line where all members have as many lines.
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

    /// Appends what the texts share, with a variable called `name` where they differ.
    fn push(&mut self, out: &mut String, name: &str, texts: &[&str]) {
        let Some((first, others)) = texts.split_first() else { return };
        if others.iter().all(|other| other == first) {
            out.push_str(first);
            return;
        }
        // What could be taken for a part of the variable goes into it.
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

    /// The variables of each member by their names, empty where nothing differs.
    pub(in crate::provider) fn variables(self) -> Vec<Map<String, Value>> {
        self.variables
    }
}

/// What members must have in common so that little more than their values differs: as many lines,
/// the same parts, headers and attachments.
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

/// The bytes of the characters that two texts begin with in common.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    one.zip(other).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts made of what services take for variables, and of what looks like it.
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

    /// What a service puts together that replaces each variable wherever it stands, in any order.
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
                // Texts that hold the beginning of a variable do not share a request.
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
