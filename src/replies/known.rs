//! Looks a reply up in the table of what services are known to say.
//!
//! A phrase is looked for in lowercase prose without mail addresses ([`super::prose`]); `*` in it
//! stands for a few words of a clause, `~` for none ([`super::phrase`]). A status decides; then the
//! first sentence with a phrase does, and in a sentence the first entry that fits, so what is about
//! one mailbox stands before what is about us.

use super::prose::is_status;
use super::recipient::speaks_of_recipient;
use super::sentence::{is_help, is_in_link, sentences};
use super::table::{KNOWN, Known};
use super::{About, Meaning, Place, Status, phrase};

/// What an entry says in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) means: Meaning,
    pub(super) source: &'static str,
}

/// The entry that fits a text in the form of [`super::prose`] or [`super::normal()`].
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

/// Whether a status says that it is this mailbox that is gone or full, whatever the words about
/// limits mean.
fn is_of_mailbox(status: Option<Status>) -> bool {
    status.is_some_and(|status| matches!((status.subject, status.detail), (1, 1 | 6 | 10) | (2, 2)))
}

/// The first of the phrases that a text says; those about the provider only as far as nothing was
/// said of the recipient before.
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
        // A link to a list of addresses says that ours is on it.
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

/// Whether a limit is one of what the recipient may get.
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
