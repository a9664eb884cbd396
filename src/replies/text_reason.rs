//! The reason that a text gives about a recipient, in the languages of mail systems: the phrases of
//! `reasons.txt`, and sentences too varied for a list.

use super::absent::of_another;
use super::reasons::section;
use super::recipient::up_to_recipient;
use super::sentence::sentences;
use super::unknown::{is_about_many, says_absent};
use super::{Meaning, Place, Status, known, languages};

/// The reason in the text of a reply or a bounce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextReason {
    /// `None` where the words give no reason.
    pub(crate) means: Option<Meaning>,
    /// It cannot be a way of speaking.
    pub(crate) is_clear: bool,
    /// It says that the recipient does not exist, whatever else it says.
    pub(crate) says_absent: bool,
    /// Words of another language say it, and none of them is for a recipient: it counts in a bounce
    /// only, which is about nothing else.
    pub(crate) is_loose: bool,
    /// It names a cause that is not the recipient, or it only refuses ("rejected"), which any
    /// refusal does.
    pub(crate) names_cause: bool,
}

impl TextReason {
    fn clear(means: Meaning, says_absent: bool) -> Self {
        Self { means: Some(means), is_clear: true, says_absent, is_loose: false, names_cause: true }
    }
}

/// Reads words in the form of [`super::normal()`] without addresses. The code may be 0.
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
        // "Not found" is said of what is not there, and that is a thing.
        (Some(Meaning::Gone), _) if another.is_some() && !is_clear && !is_absent => another,
        // What may pass outranks what may be a way of speaking.
        (Some(Meaning::Gone) | None, Some(means @ (Meaning::Full | Meaning::Disabled))) => {
            Some(means)
        }
        // What is said about the mailbox is nearer to the cause than what is said about the way
        // there.
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

/// Whether a text in the form of [`super::normal()`] holds a phrase that gives a reason.
pub(crate) fn gives_reason(text: &str) -> bool {
    listed(text, 0, None).is_some() || languages::of_mailbox(text).is_some()
}

/// What the first phrase that is known means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    means: Meaning,
    /// It can mean nothing else.
    is_clear: bool,
    /// It is of another language than English.
    is_foreign: bool,
    /// It says no more than that something was refused.
    is_mere: bool,
}

impl Listed {
    fn known(means: Meaning, is_clear: bool) -> Self {
        Self { means, is_clear, is_foreign: false, is_mere: false }
    }
}

/// The meaning of the first phrase that is known; what is unmistakable comes first.
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

/// Whether a text says that we have asked for too many who are not there.
fn is_about_harvest(text: &str) -> bool {
    let is_so = |sentence: &str| {
        is_about_many(sentence)
            && section(sentence).is_some_and(|found| found.means == Meaning::Gone)
    };
    is_about_many(text) && sentences(text).into_iter().any(|range| is_so(&text[range]))
}

/// Whether a sentence leaves it open if the recipient is missing or the sender is not let in:
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
            // What was rejected stands before a colon, and the reasons behind it.
            let before = before.rsplit([':', '(']).next().unwrap_or(before);
            let behind = behind.split([',', ':', ')']).next().unwrap_or(behind);
            (holds(&ABSENT, before) && holds(&DENIED, behind))
                || (holds(&DENIED, before) && holds(&ABSENT, behind))
        })
    })
}

/// Whether a refusal is about the sender's address, which the receiving system tried to verify:
/// "unable to verify sender address: no such user". A word for the recipient makes it one about the
/// recipient again.
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

/// Whether a sentence says that a quota is used up, however it says it.
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
