//! What the members of a request share, and what differs and goes into `recipient-variables`.
//!
//! The rule it keeps: putting a member's variables back into the shared text gives exactly that member's text.

use serde_json::{Map, Value};

/// The variables of each member.
pub(super) struct Shared {
    variables: Vec<Map<String, Value>>,
}

impl Shared {
    /// For so many members, who share everything so far.
    pub(super) fn new(members: usize) -> Self {
        Self { variables: vec![Map::new(); members] }
    }

    /// The text of a field that all members have: itself where it is the same for all, else one with a variable.
    pub(super) fn field(&mut self, name: &str, of: impl Fn(usize) -> String) -> String {
        let texts: Vec<String> = (0..self.variables.len()).map(of).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut out = String::new();
        self.push(&mut out, name, &texts);
        out
    }

    /// The same for a longer text, line by line where all members have as many lines.
    pub(super) fn lines<'a>(&mut self, name: &str, of: impl Fn(usize) -> &'a str) -> String {
        let texts: Vec<&str> = (0..self.variables.len()).map(of).collect();
        let split: Vec<Vec<&str>> = texts.iter().map(|text| text.split_inclusive('\n').collect()).collect();
        let count = split.first().map_or(0, Vec::len);
        let mut out = String::new();
        if split.iter().any(|lines| lines.len() != count) {
            self.push(&mut out, name, &texts);
            return out;
        }
        for line in 0..count {
            let texts: Vec<&str> = split.iter().map(|lines| lines[line]).collect();
            self.push(&mut out, &format!("{name}{line}_"), &texts);
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
        // A percent sign right beside the variable could be taken for a part of it, so it goes into the variable.
        let mut start = others.iter().fold(first.len(), |length, other| common(first[..length].chars(), other.chars()));
        start = first[..start].trim_end_matches('%').len();
        let least = texts.iter().map(|text| text.len() - start).min().unwrap_or(0);
        let mut end = others.iter().fold(least, |length, other| {
            let tails = (first[start..].chars().rev(), other[start..].chars().rev());
            common(tails.0, tails.1).min(length)
        });
        while !first.is_char_boundary(first.len() - end) {
            end -= 1;
        }
        end = first[first.len() - end..].trim_start_matches('%').len();
        out.push_str(&first[..start]);
        out.push_str("%recipient.");
        out.push_str(name);
        out.push('%');
        out.push_str(&first[first.len() - end..]);
        for (variables, text) in self.variables.iter_mut().zip(texts) {
            variables.insert(name.to_owned(), text[start..text.len() - end].into());
        }
    }

    /// The value of `recipient-variables`: an object for each address, empty where nothing differs.
    pub(super) fn variables<'a>(self, address: impl Fn(usize) -> &'a str) -> String {
        let all = self.variables.into_iter().enumerate().map(|(member, variables)| (address(member).to_owned(), Value::Object(variables)));
        Value::Object(all.collect()).to_string()
    }
}

/// The octets of the characters that two texts begin with in common.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    one.zip(other).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}
