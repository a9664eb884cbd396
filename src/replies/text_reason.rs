//! Finds the reason for a refusal in a text in any of many languages: by the phrases of
//! `reasons.txt`, and by words near each other.

use super::absent::of_another;
use super::reasons::section;
use super::recipient::up_to_recipient;
use super::sentence::sentences;
use super::unknown::{is_about_many, says_absent};
use super::{Meaning, Place, Status, known, languages};

/// The reason that the text of a reply or a bounce gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextReason {
    /// The meaning of the reason, or `None` if the text gives no reason.
    pub(crate) means: Option<Meaning>,
    /// Whether the reason is unambiguous.
    pub(crate) is_clear: bool,
    /// Whether the text says that the recipient does not exist. It may give other reasons too.
    pub(crate) says_absent: bool,
    /// Whether only words of another language give the reason, and no word means a recipient. Such
    /// a reason counts only in a bounce, because a bounce is always about a recipient.
    pub(crate) is_loose: bool,
    /// Whether the text names a cause. False if it only refuses, as in "rejected".
    pub(crate) names_cause: bool,
}

impl TextReason {
    fn clear(means: Meaning, says_absent: bool) -> Self {
        Self { means: Some(means), is_clear: true, says_absent, is_loose: false, names_cause: true }
    }
}

/// Finds the reason in a text that was normalized by [`super::normal()`] and has no addresses.
/// `code` may be 0.
pub(crate) fn text_reason(text: &str, code: u16, status: Option<Status>) -> TextReason {
    let another = if says_absent(text) { None } else { of_another(text) };
    if is_about_sender(text) || another == Some(Meaning::Sender) {
        return TextReason::clear(Meaning::Sender, false);
    }
    if is_either(text) || is_about_harvest(text) {
        return TextReason::clear(Meaning::Policy, false);
    }
    let text = up_to_recipient(text);
    let foreign = languages::of_mailbox(text);
    let is_absent = says_absent(text);
    if foreign == Some(Meaning::Sender) && !is_absent {
        return TextReason::clear(Meaning::Sender, false);
    }
    if is_about_room(text) {
        return TextReason::clear(Meaning::Full, is_absent);
    }
    let is_absent = is_absent || foreign == Some(Meaning::Gone);
    let found = listed(text, code, status);
    let is_clear = found.is_some_and(|found| found.is_clear);
    let means = match (found.map(|found| found.means), foreign) {
        // An object of the receiving system was not found. The sentence is not about the recipient.
        (Some(Meaning::Gone), _) if another.is_some() && !is_clear && !is_absent => another,
        // A temporary state of the mailbox takes precedence over an ambiguous phrase.
        (Some(Meaning::Gone) | None, Some(means @ (Meaning::Full | Meaning::Disabled))) => {
            Some(means)
        }
        // A statement about the mailbox is closer to the cause than a statement about routing or
        // policy.
        (
            Some(
                Meaning::Content
                | Meaning::Routing
                | Meaning::Expired
                | Meaning::System
                | Meaning::Policy,
            )
            | None,
            _,
        ) if is_absent && !is_clear => Some(Meaning::Gone),
        (None, _) => languages::in_single_words(text),
        (means, _) => means,
    };
    let is_loose = foreign.is_none() && !is_absent && found.is_none_or(|found| found.is_foreign);
    let names_cause = found.is_some_and(|found| !found.is_mere);
    TextReason { means, is_clear, says_absent: is_absent, is_loose, names_cause }
}

/// Whether a text normalized by [`super::normal()`] gives a reason.
pub(crate) fn gives_reason(text: &str) -> bool {
    listed(text, 0, None).is_some() || languages::of_mailbox(text).is_some()
}

/// The meaning of the first known phrase in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    means: Meaning,
    /// Whether the phrase is unambiguous.
    is_clear: bool,
    /// Whether the phrase is in a language other than English.
    is_foreign: bool,
    /// Whether the phrase only says that the message was refused, without a reason.
    is_mere: bool,
}

impl Listed {
    fn known(means: Meaning, is_clear: bool) -> Self {
        Self { means, is_clear, is_foreign: false, is_mere: false }
    }
}

/// Finds the first known phrase of a text. Unambiguous phrases take precedence.
fn listed(text: &str, code: u16, status: Option<Status>) -> Option<Listed> {
    let known = known::at(code, status, text, Place::Bounce).map(|known| known.means);
    if let Some(means) = known.filter(|means| !matches!(means, Meaning::Gone | Meaning::Address)) {
        return Some(Listed::known(means, true));
    }
    match (section(text), known) {
        (Some(found), Some(means)) if !found.is_clear => Some(Listed::known(means, false)),
        (Some(found), _) => Some(Listed {
            means: found.means,
            is_clear: found.is_clear,
            is_foreign: found.is_foreign,
            is_mere: found.is_mere,
        }),
        (None, known) => known.map(|means| Listed::known(means, false)),
    }
}

/// Whether a text says that the sender has sent mail to too many unknown recipients.
fn is_about_harvest(text: &str) -> bool {
    let is_so = |sentence: &str| {
        is_about_many(sentence)
            && section(sentence).is_some_and(|found| found.means == Meaning::Gone)
    };
    is_about_many(text) && sentences(text).into_iter().any(|range| is_so(&text[range]))
}

/// Whether a sentence names a missing recipient and a refused sender as alternatives, as in
/// "mailbox unavailable or access denied".
fn is_either(text: &str) -> bool {
    const ABSENT: [&str; 8] = [
        "unavailable",
        "not found",
        "unknown",
        "not exist",
        "invalid",
        "no such",
        "nonexistent",
        "non-existent",
    ];
    const DENIED: [&str; 9] = [
        "denied",
        "denined",
        "no access",
        "blocked",
        "rejected",
        "refused",
        "not allowed",
        "prohibited",
        "restricted",
    ];
    let holds = |words: &[&str], text: &str| words.iter().any(|word| text.contains(word));
    sentences(text).into_iter().any(|range| {
        let sentence = &text[range];
        sentence.match_indices(" or ").any(|(at, _)| {
            let (before, behind) = (&sentence[..at], &sentence[at + 4..]);
            // Only the text between the colon and "or" is the first alternative.
            let before = before.rsplit([':', '(']).next().unwrap_or(before);
            let behind = behind.split([',', ':', ')']).next().unwrap_or(behind);
            (holds(&ABSENT, before) && holds(&DENIED, behind))
                || (holds(&DENIED, before) && holds(&ABSENT, behind))
        })
    })
}

/// Whether the receiving server refused because it could not verify the sender's address, as in
/// "unable to verify sender address: no such user". A text with the word "recipient" is not about
/// the sender.
fn is_about_sender(said: &str) -> bool {
    const CHECKS: [&str; 14] = [
        "to sender failed",
        "verification failed for",
        "verification of your",
        "verify your domain",
        "verify sender",
        "verify the sender",
        "verify your address",
        "sender verif",
        "sender address verif",
        "sender address rejected",
        "sender callback",
        "sender callout",
        "sender check",
        "callback verification",
    ];
    CHECKS.iter().any(|check| said.contains(check)) && !said.contains("recipient")
}

/// Whether a sentence says that a mailbox's quota is used up.
fn is_about_room(text: &str) -> bool {
    const USED_UP: [&str; 8] =
        ["exceed", "over", "full", "reached", "exhausted", "violat", "used up", "limit"];
    let mut sentences =
        text.split(['.', ';', '!', '?']).filter(|sentence| sentence.contains("quota"));
    sentences.any(|sentence| {
        USED_UP.iter().any(|word| sentence.contains(word))
            && !["sending", "sender", "daily", "hourly"].iter().any(|word| sentence.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unmistakable_comes_first() {
        let means = |text: &str| listed(text, 0, None).map(|found| (found.means, found.is_clear));
        assert_eq!(means("user unknown, mailbox full"), Some((Meaning::Full, true)));
        assert_eq!(means("554 refused, user unknown"), Some((Meaning::Gone, false)));
        assert_eq!(
            means("requested action not taken: mailbox unavailable, see spamcop"),
            Some((Meaning::Policy, true))
        );
        assert_eq!(means("hello"), None);
    }
}
