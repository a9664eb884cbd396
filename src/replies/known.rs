//! Finds the entry of the table of known replies that matches a reply.
//!
//! Phrases are searched in lowercase text without mail addresses ([`super::prose`]). In a phrase,
//! `*` matches a few words within a clause, and `~` matches punctuation without words
//! ([`super::phrase`]).
//!
//! A status in the table decides first, and then the first sentence that contains a phrase. If
//! several entries match a sentence, the first in the table counts. The table therefore lists
//! phrases about one mailbox before phrases about the sender.

use super::prose::is_status;
use super::recipient::speaks_of_recipient;
use super::sentence::{is_help, is_in_link, sentences};
use super::table::{KNOWN, Known};
use super::{About, Meaning, Place, Status, phrase};

/// The meaning and the source of the matching entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) means: Meaning,
    pub(super) source: &'static str,
}

/// Finds the entry for a reply. `text` is normalized by [`super::prose`] or [`super::normal()`].
pub(super) fn at(code: u16, status: Option<Status>, text: &str, at: Place) -> Option<Hit> {
    let digit = match (code / 100, status) {
        (0, Some(status)) => status.class,
        (0, None) => 5,
        (digit, _) => digit,
    };
    let counts = |known: &&Known| {
        known.at.contains(&at) && known.digits.bytes().any(|d| u16::from(d - b'0') == digit)
    };
    let named = status.map(|status| status.to_string());
    if let Some(known) = KNOWN
        .iter()
        .filter(counts)
        .find(|known| is_status(known.says) && named.as_deref() == Some(known.says))
    {
        return Some(Hit { means: known.means, source: known.source });
    }
    let said: Vec<(usize, &Known)> = KNOWN
        .iter()
        .filter(counts)
        .filter(|known| {
            !(is_status(known.says)
                || is_of_mailbox(status) && matches!(known.means, Meaning::Rate | Meaning::Quota))
        })
        .filter_map(|known| Some((phrase::find(known.says, text)?, known)))
        .collect();
    if said.is_empty() { None } else { first_said(&said, text) }
}

/// Whether a status says that this mailbox is missing or full. The text's words about limits then
/// refer to the mailbox.
fn is_of_mailbox(status: Option<Status>) -> bool {
    status.is_some_and(|status| matches!((status.subject, status.detail), (1, 1 | 6 | 10) | (2, 2)))
}

/// Returns the first matching phrase. A phrase about the provider counts only if no earlier
/// sentence is about the recipient.
fn first_said(said: &[(usize, &'static Known)], text: &str) -> Option<Hit> {
    let sentences = sentences(text);
    let place =
        |at: usize| sentences.iter().position(|range| at < range.end).unwrap_or(sentences.len());
    let sentence = |place: usize| sentences.get(place).map_or("", |range| &text[range.clone()]);
    let of_recipient = sentences
        .iter()
        .position(|range| speaks_of_recipient(&text[range.clone()]))
        .unwrap_or(usize::MAX);
    let counts = |(at, known): &&(usize, &'static Known)| {
        let is_ours = matches!(known.means.about(), About::Provider | About::Session);
        // A phrase with a slash is a link to a block list, which means that the sender is listed.
        // Other phrases do not count in links and in sentences that only offer help.
        let is_told =
            known.says.contains('/') || !(is_in_link(text, *at) || is_help(sentence(place(*at))));
        !is_ours || (is_told && place(*at) <= of_recipient)
    };
    let first = said
        .iter()
        .filter(counts)
        .min_by_key(|(at, known)| if known.means == Meaning::Busy { 0 } else { place(*at) })?;
    let (at, known) = first;
    let is_limit = matches!(known.means, Meaning::Rate | Meaning::Quota);
    let means =
        if is_limit && is_of_recipient(sentence(place(*at))) { Meaning::Busy } else { known.means };
    Some(Hit { means, source: known.source })
}

/// Whether a limit is on the mail that the recipient receives, and not on the sender's mail.
fn is_of_recipient(sentence: &str) -> bool {
    const WHOSE: [&str; 12] = [
        "recipient's",
        "of the recipient",
        "of this recipient",
        "the recipient has",
        "recipient has exceeded",
        "recipient has reached",
        "this mailbox",
        "the mailbox",
        "mailbox's",
        "receiving limit",
        "receiving rate",
        "receiving quota",
    ];
    WHOSE.iter().any(|whose| sentence.contains(whose)) && !sentence.contains("sender")
}
