//! Decides whether a sentence reports that delivery to an address failed, or gives the address as a
//! contact.

use super::phrases::{List, holds};
use crate::replies::{gives_reason, normal, says_absent, says_undelivered};

/// Phrases that ask the reader to contact another person.
const ASKS: [&str; 17] = [
    "please",
    "contact",
    "write to",
    "instead",
    "help",
    "ask ",
    "reach",
    "turn to",
    "replac",
    "question",
    "assistance",
    "bitte",
    "wenden",
    "adresser",
    "favor",
    "scriv",
    "rivolg",
];

/// Phrases that precede the recipient of a message.
const ADDRESSED: [&str; 16] = [
    "addressed to",
    "sent mail to",
    "sent to",
    "your message to",
    "your mail to",
    "your email to",
    "your e-mail to",
    "message for",
    "delivery to",
    "deliver to",
    "delivering to",
    "delivering your mail to",
    "delivering your message to",
    "deliver your message to",
    "nachricht an",
    "message a",
];

/// Whether a sentence normalized by [`normal`] asks the reader to contact another person.
pub(super) fn asks(sentence: &str) -> bool {
    // "Could not reach" reports a failure. It does not ask the reader to reach someone.
    let sentence = sentence.replace("not reach", "").replace("not be reached", "");
    ASKS.iter().any(|word| sentence.contains(word))
}

/// Whether a sentence normalized by [`normal`] reports a failure.
fn says_failure(sentence: &str) -> bool {
    gives_reason(sentence)
        || [List::Sentences, List::Delays].iter().any(|list| holds(sentence, *list))
        || says_absent(sentence)
        || says_undelivered(sentence)
}

/// Returns the text before and after an address within its sentence, both normalized by [`normal`].
fn sentence_of(text: &str, address: &str) -> Option<(String, String)> {
    let at = text
        .find(address)
        .or_else(|| text.to_ascii_lowercase().find(&address.to_ascii_lowercase()))?;
    let start = [". ", ".\n", "\n\n"]
        .iter()
        .filter_map(|mark| text[..at].rfind(mark))
        .max()
        .map_or(0, |end| end + 2);
    let rest = &text[at + address.len()..];
    let end =
        [". ", ".\n", "\n\n"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
    Some((normal(&text[start..at]), normal(&rest[..end])))
}

/// Whether the first sentence that names an address reports a failed delivery to this address, and
/// does not ask the reader to contact it.
pub(super) fn is_said_of(text: &str, address: &str) -> bool {
    sentence_of(text, address).is_some_and(|(before, behind)| {
        let sentence = format!("{before} {behind}");
        if before.trim_end_matches(['<', '\'', '"', '(', ' ']).ends_with("mail from") {
            return false;
        }
        let before = before.trim_end_matches(['<', '\'', '"', '(', '`', ':', ' ']);
        (says_failure(&sentence) || ADDRESSED.iter().any(|words| before.ends_with(words)))
            && !asks(&sentence)
    })
}

/// Whether any sentence that names an address reports a failed delivery to this address.
pub(super) fn is_said_anywhere(text: &str, address: &str) -> bool {
    if !text.contains(address) {
        let (text, address) = (text.to_ascii_lowercase(), address.to_ascii_lowercase());
        return text.contains(&address) && is_said_anywhere(&text, &address);
    }
    let mut rest = text;
    while let Some(at) = rest.find(address) {
        if is_said_of(rest, address) {
            return true;
        }
        rest = &rest[at + address.len()..];
    }
    false
}

/// Whether a sentence asks to contact an address and gives no reason for a failure after it.
pub(super) fn is_asked_for(text: &str, address: &str) -> bool {
    sentence_of(text, address)
        .is_some_and(|(before, behind)| asks(&before) && !gives_reason(&behind))
}
