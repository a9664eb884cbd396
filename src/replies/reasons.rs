//! Loads `reasons.txt`: phrases in many languages with which mail servers give the reason for a
//! refusal.

use std::sync::LazyLock;

use super::Meaning;
use super::normal::forms;

static REASONS: LazyLock<Vec<Section>> = LazyLock::new(|| sections(include_str!("reasons.txt")));

/// The phrases of all sections up to and including this one are unambiguous.
const LAST_CLEAR: &str = "rate";

/// Phrases that have the same meaning.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) means: Meaning,
    /// Whether the phrases have this meaning even with a status that contradicts them.
    pub(super) is_clear: bool,
    /// Whether the phrases are in languages other than English.
    pub(super) is_foreign: bool,
    /// Whether the phrases only say that the message was refused, without a reason.
    pub(super) is_mere: bool,
    phrases: Vec<String>,
}

/// Returns the first section that has a phrase in the text.
pub(super) fn section(text: &str) -> Option<&'static Section> {
    REASONS
        .iter()
        .find(|section| section.phrases.iter().any(|phrase| text.contains(phrase.as_str())))
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut is_clear = true;
    for line in text.lines() {
        if let Some((word, name)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|rest| rest.split_once(' '))
        {
            // A test ensures that the name of every section is known.
            let means = meaning(word).unwrap_or(Meaning::Session);
            sections.push(Section {
                means,
                is_clear,
                is_foreign: name == "foreign",
                is_mere: name == "refusal",
                phrases: Vec::new(),
            });
            is_clear &= name != LAST_CLEAR;
        } else if !line.is_empty()
            && !line.starts_with('#')
            && let Some(section) = sections.last_mut()
        {
            section.phrases.extend(forms(line));
        }
    }
    sections
}

/// Returns the meaning for the name of a section.
fn meaning(word: &str) -> Option<Meaning> {
    Some(match word {
        "full" => Meaning::Full,
        "size" => Meaning::Size,
        "gone" => Meaning::Gone,
        "domain" => Meaning::Domain,
        "disabled" => Meaning::Disabled,
        "address" => Meaning::Address,
        "policy" => Meaning::Policy,
        "rate" => Meaning::Rate,
        "content" => Meaning::Content,
        "routing" => Meaning::Routing,
        "expired" => Meaning::Expired,
        "system" => Meaning::System,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies::Place;
    use crate::replies::phrase::find;
    use crate::replies::table::KNOWN;

    #[test]
    fn phrases_are_in_the_form_in_which_they_are_looked_for() {
        for line in include_str!("reasons.txt").lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line, line.to_lowercase());
            assert!(
                line.is_empty()
                    || (line.len() > 2 && !line.contains("  ") && !line.starts_with(' ')),
                "{line}"
            );
        }
        let mut sections =
            include_str!("reasons.txt").lines().filter_map(|line| line.strip_prefix('['));
        assert!(sections.all(|section| {
            section.split_once(' ').is_some_and(|(word, _)| meaning(word).is_some())
        }));
    }

    #[test]
    fn a_phrase_is_written_down_once() {
        let everywhere =
            KNOWN.iter().filter(|known| known.digits == "45" && known.at.contains(&Place::Bounce));
        for known in everywhere {
            let again: Vec<&String> = REASONS
                .iter()
                .flat_map(|section| &section.phrases)
                .filter(|phrase| find(known.says, phrase).is_some())
                .collect();
            assert!(again.is_empty(), "{}: {again:?}", known.says);
        }
    }
}
