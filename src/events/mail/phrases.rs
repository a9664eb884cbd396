//! What separates a bounce, an absence or a receipt from other mail, in the languages of mail
//! systems: the phrases of `phrases.txt`. What the reasons in them mean is known to
//! [`crate::replies`].
//!
//! A phrase may end in a space, where only the end of the word makes it one. Accents make no
//! difference: many systems write none.

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

/// What a message is known by.
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
    /// Subjects of warnings that a message is late.
    DelaySubjects,
    /// Sentences of systems that go on trying.
    Delays,
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
        List::DelaySubjects => "delay-subjects",
        List::Delays => "delays",
    };
    LISTS.iter().find(|(name, _)| *name == wanted).map_or(&[], |(_, phrases)| phrases)
}

/// Whether a text in the form of [`crate::replies::normal()`] holds a phrase of a list.
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
