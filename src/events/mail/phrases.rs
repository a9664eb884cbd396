//! Loads `phrases.txt`: phrases in many languages that distinguish bounces, absences and receipts
//! from other mail. The phrases for reasons of a failure are in [`crate::replies`].
//!
//! A phrase that ends with a space matches only at the end of a word. Accents are ignored, because
//! many systems omit them.

use std::sync::LazyLock;

use crate::replies::forms;

static LISTS: LazyLock<Vec<(&str, Vec<String>)>> =
    LazyLock::new(|| lists(include_str!("phrases.txt")));

fn lists(text: &'static str) -> Vec<(&'static str, Vec<String>)> {
    let mut lists: Vec<(&str, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("[= ").and_then(|rest| rest.strip_suffix(']')) {
            lists.push((name, Vec::new()));
        } else if !line.is_empty()
            && !line.starts_with('#')
            && let Some((_, phrases)) = lists.last_mut()
        {
            phrases.extend(forms(line));
        }
    }
    lists
}

/// The names of the lists in `phrases.txt`.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    /// Lines that introduce the returned message.
    OriginalFollows,
    /// Names of senders of bounces.
    Senders,
    /// Subjects of bounces.
    Subjects,
    /// Sentences that only mail systems write.
    Sentences,
    /// Subjects of absences and automatic replies.
    Absences,
    Challenges,
    Receipts,
    /// Lines that mail programs write above a forwarded message.
    Forwards,
    /// Subjects of warnings that a message is delayed.
    DelaySubjects,
    /// Sentences which say that the server is still trying.
    Delays,
}

/// Returns the phrases of a list.
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
        List::DelaySubjects => "delay-subjects",
        List::Delays => "delays",
    };
    LISTS.iter().find(|(name, _)| *name == wanted).map_or(&[], |(_, phrases)| phrases)
}

/// Whether a text normalized by [`crate::replies::normal()`] contains a phrase of a list.
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
            assert!(
                line.is_empty()
                    || (line.len() > 2 && !line.contains("  ") && !line.starts_with(' ')),
                "{line}"
            );
        }
        use List::{
            Absences, Challenges, DelaySubjects, Delays, Forwards, OriginalFollows, Receipts,
            Senders, Sentences, Subjects,
        };
        for each in [
            OriginalFollows,
            Senders,
            Subjects,
            Sentences,
            Absences,
            Challenges,
            Receipts,
            Forwards,
            DelaySubjects,
            Delays,
        ] {
            assert!(list(each).len() > 5, "{each:?}");
        }
    }
}
