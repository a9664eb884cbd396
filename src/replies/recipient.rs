//! Finds the sentence of a reply that gives a reason concerning the recipient.
//!
//! The first such sentence takes precedence over later sentences, links and help about the
//! provider. A reply may go on to explain which other reasons are possible.

use super::normal::unaccented;
use super::reasons::section;
use super::sentence::sentences;
use super::table::KNOWN;
use super::unknown::{is_about_many, says_absent};
use super::{Meaning, languages, phrase};

/// Whether a lowercase sentence says that the recipient is missing, or that the mailbox is full or
/// closed. "Mailbox unavailable" does not count, because any reason may follow it (RFC 5321 section
/// 4.2.3). Statements about the sender do not count.
pub(super) fn speaks_of_recipient(sentence: &str) -> bool {
    const OURS: [&str; 8] =
        ["sender", "sending", "your ", "client", "helo", "from ", "relay", "authenticat"];
    let sentence = unaccented(sentence);
    if languages::of_mailbox(&sentence) == Some(Meaning::Sender) {
        return false;
    }
    let is_ours = || OURS.iter().any(|word| sentence.contains(word));
    let Some(found) = section(&sentence) else {
        return says_absent(&sentence) || (says_full(&sentence) && !is_ours());
    };
    match found.means {
        Meaning::Gone | Meaning::Full | Meaning::Disabled | Meaning::Address => {
            says_absent(&sentence)
                || !(sentence.contains("unavailable") || is_about_many(&sentence) || is_ours())
        }
        _ => says_absent(&sentence) && !found.is_clear,
    }
}

/// Returns the text up to the end of the first sentence that gives a reason concerning the
/// recipient, or the whole text if there is none.
pub(super) fn up_to_recipient(text: &str) -> &str {
    let sentences = sentences(text);
    if sentences.len() < 2 {
        return text;
    }
    let first = sentences.into_iter().find(|range| speaks_of_recipient(&text[range.clone()]));
    first.map_or(text, |range| &text[..range.end])
}

/// Whether a lowercase sentence contains a phrase of the table that means a full mailbox.
fn says_full(sentence: &str) -> bool {
    KNOWN
        .iter()
        .any(|known| known.means == Meaning::Full && phrase::find(known.says, sentence).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_the_recipient_ends_what_counts() {
        for (text, counts) in [
            ("no such user. daily limit exceeded", "no such user"),
            ("sorry; the mailbox is full; rate limit", "sorry; the mailbox is full"),
            (
                "requested action not taken: mailbox unavailable. rate limit",
                "requested action not taken: mailbox unavailable. rate limit",
            ),
            (
                "sender address does not exist. rate limit",
                "sender address does not exist. rate limit",
            ),
            ("your account is disabled. rate limit", "your account is disabled. rate limit"),
        ] {
            assert_eq!(up_to_recipient(text), counts);
        }
    }
}
