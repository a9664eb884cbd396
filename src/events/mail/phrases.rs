//! What mail systems say in prose, in the languages they speak, and which class it means: the phrases of `phrases.txt`.
//!
//! A phrase may end in a space, where only the end of the word makes it one. Accents make no difference: many systems write none.

use std::sync::LazyLock;

use super::classify::unaccented;
use crate::events::Class;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| Phrases::read(include_str!("phrases.txt")));

/// The sections up to this one mean what they say whatever the status.
const LAST_CLEAR: &str = "rate";

/// The phrases by what they are for.
#[derive(Debug, Default)]
struct Phrases {
    /// In the order in which they are asked; whether each means the same beside any status.
    reasons: Vec<(Class, bool, Vec<String>)>,
    lists: Vec<(&'static str, Vec<String>)>,
}

impl Phrases {
    fn read(text: &'static str) -> Self {
        let mut phrases = Self::default();
        let mut is_clear = true;
        let mut in_reasons = true;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let (word, name) = name.split_once(' ').unwrap_or((name, ""));
                in_reasons = word != "=";
                if in_reasons {
                    // A test makes sure that every section names a class.
                    phrases.reasons.push((word.parse().unwrap_or(Class::Other), is_clear, Vec::new()));
                    is_clear &= name != LAST_CLEAR;
                } else {
                    phrases.lists.push((name, Vec::new()));
                }
            } else if !line.is_empty() && !line.starts_with('#') {
                let section =
                    if in_reasons { phrases.reasons.last_mut().map(|(.., list)| list) } else { phrases.lists.last_mut().map(|(_, list)| list) };
                if let Some(section) = section {
                    section.push(unaccented(line));
                }
            }
        }
        phrases
    }
}

/// The class of the first phrase that a text in the form of `classify::normal` holds, and whether it can mean nothing else.
pub(super) fn reason(text: &str) -> Option<(Class, bool)> {
    let found = PHRASES.reasons.iter().find(|(.., phrases)| phrases.iter().any(|phrase| text.contains(phrase.as_str())));
    found.map(|(class, is_clear, _)| (*class, *is_clear))
}

/// What a message is told by.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    /// Lines after which the returned message stands.
    OriginalFollows,
    /// What the sender of a bounce is called.
    Senders,
    /// Subjects of bounces.
    Subjects,
    /// Sentences that only a mail system writes.
    Sentences,
    /// Subjects of absences and automatic answers.
    Absences,
    Challenges,
    Receipts,
    /// What mail programs write above a message that is passed on.
    Forwards,
}

/// The phrases of a list.
pub(super) fn list(list: List) -> &'static [String] {
    let wanted = match list {
        List::OriginalFollows => "original-follows",
        List::Senders => "senders",
        List::Subjects => "subjects",
        List::Sentences => "sentences",
        List::Absences => "absences",
        List::Challenges => "challenges",
        List::Receipts => "receipts",
        List::Forwards => "forwards",
    };
    PHRASES.lists.iter().find(|(name, _)| *name == wanted).map_or(&[], |(_, phrases)| phrases)
}

/// Whether a text in the form of `classify::normal` holds a phrase of a list.
pub(super) fn holds(text: &str, of: List) -> bool {
    list(of).iter().any(|phrase| text.contains(phrase.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_in_the_form_in_which_they_are_looked_for() {
        for line in include_str!("phrases.txt").lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line, line.to_lowercase());
            assert!(line.is_empty() || (line.len() > 2 && !line.contains("  ") && !line.starts_with(' ')), "{line}");
        }
        let sections = include_str!("phrases.txt").lines().filter_map(|line| line.strip_prefix('['));
        for word in sections.filter_map(|name| name.split([' ', ']']).next()).filter(|word| *word != "=") {
            assert!(word.parse::<Class>().is_ok(), "{word}");
        }
        use List::{Absences, Challenges, Forwards, OriginalFollows, Receipts, Senders, Sentences, Subjects};
        for each in [OriginalFollows, Senders, Subjects, Sentences, Absences, Challenges, Receipts, Forwards] {
            assert!(list(each).len() > 5, "{each:?}");
        }
    }

    #[test]
    fn what_is_unmistakable_comes_first() {
        assert_eq!(reason("user unknown, mailbox full"), Some((Class::MailboxFull, true)));
        assert_eq!(reason("554 refused, user unknown"), Some((Class::MailboxGone, false)));
        assert_eq!(reason("hello"), None);
    }
}
