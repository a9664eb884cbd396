//! Finds addresses at the positions in a bounce where mail systems name the recipient.

use std::collections::HashSet;

use super::addresses::{MOST, all_in};
use super::mention::asks;
use super::phrases::{List, holds};
use crate::replies::{
    Meaning, labels_recipient, normal, says_undelivered, text_reason, without_addresses,
};

/// Labels that mail systems write before a recipient.
const WORDS: &[&str] = &[
    "recipient:",
    "recipients:",
    "failed address:",
    "failed recipient:",
    "failed recipients:",
    "failed recipient(s):",
    "error-for:",
    "unknown user:",
    "user unknown:",
    "invalid recipient:",
    "intended recipient:",
    "original address:",
    "recipient address:",
    "to:",
    "rcpt to:",
    "final-recipient:",
    "original-recipient:",
    "address:",
    "user:",
    "an:",
    "à:",
    "para:",
    "destinatario:",
    "destinataire :",
    "empfänger:",
    "aan:",
    "a:",
    "кому:",
    "宛先:",
    "收件人:",
    "收件人：",
    "mail to:",
];

/// Whether a label from [`WORDS`] precedes an angle bracket in the middle of a line.
fn is_behind_word(low: &str) -> bool {
    low.match_indices('<').any(|(at, _)| {
        WORDS.iter().any(|word| {
            let before = low[..at].strip_suffix(' ').unwrap_or(&low[..at]);
            before.strip_suffix(word).is_some_and(|before| before.ends_with(' '))
        })
    })
}

/// Removes quotation and list marks from the beginning of a line. A mark directly before a letter
/// may be part of an address and is kept.
fn without_marks(line: &str) -> &str {
    let mut line = line.trim_start_matches(['>', ' ', '\t', '•']);
    while let Some(rest) = line
        .strip_prefix(['*', '-', '|'])
        .filter(|rest| rest.starts_with([' ', '\t', '*', '-', '|']))
    {
        line = rest.trim_start_matches(['>', ' ', '\t', '•']);
    }
    without_number(line)
}

/// Removes the item number from a line: `1. `, `2) `, `[3] `.
fn without_number(line: &str) -> &str {
    let inner = line.strip_prefix('[').unwrap_or(line);
    let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
    let rest = inner[digits..]
        .strip_prefix(['.', ')', ']'])
        .filter(|rest| (1..4).contains(&digits) && rest.starts_with(' '));
    rest.map_or(line, str::trim_start)
}

/// Whether a text begins with the reply code of a refusal.
fn begins_with_code(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 3 && text.starts_with(['4', '5'])
}

/// Phrases that mail systems write at the beginning of a line, directly before a recipient.
const BEFORE: &[&str] = &[
    "re: message to ",
    "message to ",
    "message for ",
    "mail to ",
    "your message to ",
    "your mail to ",
];

/// Returns the addresses at positions where mail systems name the recipient: alone on a line, in
/// angle brackets before a colon, after a label for a recipient, or after a heading that reports a
/// failure.
///
/// The flag is true if the address is certainly a recipient. An address in angle brackets before a
/// colon certainly is, even if it looks like a help desk's.
pub(super) fn listed(text: &str) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |address: String, is_sure: bool| {
        if found.len() < MOST && seen.insert(address.to_ascii_lowercase()) {
            found.push((address, is_sure));
        }
    };
    let mut is_below_heading = false;
    for whole in text.lines() {
        let line = without_marks(whole).trim_end();
        if !line.contains('@') {
            is_below_heading = is_heading(line) || (is_below_heading && line.is_empty());
            continue;
        }
        let addresses = all_in(line);
        let Some(first) = addresses.first() else { continue };
        let place = Place::of(line, first, &addresses);
        if place.is_alone()
            || place.is_named()
            || place.is_answer()
            || place.is_entry()
            || (is_below_heading && place.is_with_name())
        {
            let count = if place.is_enumeration(&addresses) { addresses.len() } else { 1 };
            add(first.clone(), (place.is_sure() && whole.starts_with('<')) || place.is_answer());
            addresses.into_iter().take(count).skip(1).for_each(|address| add(address, false));
        } else if let Some(inner) = addresses.iter().find(|address| place.is_inner_entry(address)) {
            add(inner.clone(), false);
        } else if place.is_behind_failure() {
            for address in addresses {
                add(address, false);
            }
        }
    }
    found
}

/// Returns the first address that is alone on a line directly below a heading about a failure.
pub(super) fn below_heading(text: &str) -> Option<String> {
    let mut is_below = false;
    for line in
        text.lines().map(|line| without_marks(line).trim_end()).filter(|line| !line.is_empty())
    {
        let addresses = if is_below { all_in(line) } else { Vec::new() };
        if let [address] = addresses.as_slice()
            && Place::of(line, address, &addresses).behind.is_some_and(|rest| rest.is_empty())
        {
            return Some(address.clone());
        }
        is_below = is_heading(line)
            || line.strip_suffix('.').is_some_and(|sentence| is_heading(&format!("{sentence}:")));
    }
    None
}

/// The maximum length of a heading.
const LONGEST_HEADING: usize = 300;

/// Whether a line announces a list of failed recipients: it ends with a colon and does not ask the
/// reader to contact someone.
fn is_heading(line: &str) -> bool {
    if line.len() > LONGEST_HEADING {
        return false;
    }
    let Some(clause) = line.trim_end().strip_suffix([':', '\u{ff1a}']) else { return false };
    // Only the last sentence of the line describes the list that follows.
    let last = normal(clause.rsplit_once(". ").map_or(clause, |(_, last)| last));
    // In scripts with spaces between words, a single word before a colon is a field name, not a
    // heading.
    (last.contains(' ') || !last.is_ascii()) && says_failure_of_recipient(&last) && !asks(&last)
}

/// Whether a sentence says that a message was not delivered, or that a mailbox is missing or full.
/// Sentences about other failures may name other addresses.
fn says_failure_of_recipient(sentence: &str) -> bool {
    holds(sentence, List::Sentences)
        || holds(sentence, List::Delays)
        || says_undelivered(sentence)
        || is_about_mailbox(sentence)
}

/// Whether a sentence says that a mailbox is missing or full.
fn is_about_mailbox(sentence: &str) -> bool {
    let is_of_mailbox = |means: Meaning| {
        matches!(means, Meaning::Gone | Meaning::Domain | Meaning::Full | Meaning::Disabled)
    };
    text_reason(sentence, 0, None).means.is_some_and(is_of_mailbox)
}

/// Returns the address in a subject that reports its failure: `User ann@example.com not listed in
/// Domino Directory`. If the subject contains several addresses, some may come from the returned
/// message's subject, so none is returned.
pub(super) fn in_subject(subject: &str) -> Option<String> {
    let mut addresses = all_in(subject);
    let text = normal(subject);
    (addresses.len() == 1 && is_about_mailbox(&without_addresses(&text)) && !asks(&text))
        .then(|| addresses.remove(0))
}

/// A line that contains an address, with the details of its first address.
struct Place<'l> {
    low: String,
    /// The first address, in lowercase.
    bare: String,
    /// If the line begins with the address, the text after it. Brackets and quotation marks are
    /// removed.
    behind: Option<String>,
    line: &'l str,
    /// The number of addresses in the line. An alias from which the address was expanded is not
    /// counted.
    count: usize,
}

impl<'l> Place<'l> {
    fn of(line: &'l str, first: &str, addresses: &[String]) -> Self {
        let (low, bare) = (line.to_lowercase(), first.to_ascii_lowercase());
        let is_sign =
            |c: char| matches!(c, '<' | '\'' | '(' | '[') || (c == '"' && !bare.starts_with('"'));
        // Accepts lines such as `SMTP <ann@example.com>`.
        let opened = low
            .strip_prefix("smtp ")
            .filter(|rest| rest.starts_with('<'))
            .unwrap_or(&low)
            .trim_start_matches(is_sign);
        let named = opened.trim_start_matches("smtp:").trim_start_matches("mailto:");
        let rest = named.strip_prefix(bare.as_str());
        let behind =
            rest.map(|rest| rest.trim_start_matches(['>', '"', '\'', ')', ']', ' ']).to_owned());
        let count = addresses.len() - usize::from(addresses.len() == 2 && alias_of(line).is_some());
        Self { bare, behind, line, count, low }
    }

    fn is_alone(&self) -> bool {
        self.count == 1
            && self.behind.as_ref().is_some_and(|rest| {
                rest.is_empty()
                    || rest.starts_with([':', '(', '[', '.', ',', ';', '-', '<', '…'])
                    || begins_with_code(rest)
                    || ["on ", "mailto:", "at remote "].iter().any(|words| rest.starts_with(words))
            })
    }

    fn is_named(&self) -> bool {
        let is_before = |word: &str| {
            let rest = self
                .low
                .strip_prefix(word)
                .map(|rest| rest.trim_start_matches(['<', '\'', '(', '[']));
            rest.is_some_and(|rest| rest.starts_with(self.bare.as_str()))
        };
        WORDS.iter().any(|word| self.low.starts_with(word))
            || is_behind_word(&self.low)
            || BEFORE.iter().any(|word| is_before(word))
            || self.is_labelled()
    }

    /// Whether the line is a label with several addresses, separated only by punctuation.
    fn is_enumeration(&self, addresses: &[String]) -> bool {
        let rest = &self.low[self.low.find(self.bare.as_str()).unwrap_or(self.low.len())..];
        let rest = addresses
            .iter()
            .fold(rest.to_owned(), |rest, address| rest.replace(&address.to_lowercase(), ""));
        addresses.len() > 1
            && self.is_labelled()
            && rest.chars().all(|c| c.is_whitespace() || ",;<>\"'()[]".contains(c))
    }

    /// Whether a short label for a recipient, in any language, precedes the address:
    /// `Empfängeradresse: `, `Rcpt=[`, `收件人：`.
    fn is_labelled(&self) -> bool {
        const MOST_WORDS: usize = 5;
        let before = self.low.split(self.bare.as_str()).next().unwrap_or_default();
        let before = before
            .trim_end_matches(['<', '"', '\'', '(', '[', ' ', '\t'])
            .trim_end_matches("smtp:")
            .trim_end_matches(['<', '[', ' ']);
        let Some(label) = before.strip_suffix([':', '=', '|', '\u{ff1a}']) else { return false };
        let label = label.rsplit([':', ';', ',', '|', ']', '\u{ff1a}']).next().unwrap_or(label);
        let label = normal(label.rsplit(". ").next().unwrap_or(label));
        label.split(' ').count() <= MOST_WORDS && labels_recipient(&label)
    }

    /// Whether the line is from a Sendmail transcript: `550 <ann@example.com>... User unknown`.
    fn is_answer(&self) -> bool {
        self.low.get(..3).is_some_and(|code| code.bytes().all(|b| b.is_ascii_digit()))
            && self.low.get(3..).is_some_and(|rest| rest.starts_with(' ') && rest.contains("..."))
            && self.low.contains(&format!("{}>...", self.bare))
    }

    /// Whether the line is a ZMailer entry with channel, host, user and number: `<local
    /// ann@example.com ann 38>:`.
    fn is_entry(&self) -> bool {
        let inner = self
            .low
            .strip_prefix('<')
            .and_then(|rest| rest.split_once(">:"))
            .map_or("", |(inner, _)| inner);
        let words: Vec<&str> = inner.split(' ').collect();
        words.len() > 2
            && words[0].bytes().all(|b| b.is_ascii_lowercase())
            && words[1..].contains(&self.bare.as_str())
    }

    /// Whether the line begins with the address in angle brackets and a colon, or is a Postfix
    /// entry with an alias. Indented lines below it may name the sender instead.
    fn is_sure(&self) -> bool {
        self.low
            .strip_prefix('<')
            .and_then(|rest| rest.strip_prefix(self.bare.as_str()))
            .is_some_and(|rest| {
                [">:", "> (expanded from", "> (generated from"]
                    .iter()
                    .any(|behind| rest.starts_with(behind))
            })
    }

    /// Whether the line contains a Postfix entry that is not at its beginning, because the lines of
    /// the report were joined: `... <ann@example.com>: host mx.example.com`.
    fn is_inner_entry(&self, address: &str) -> bool {
        self.low.contains(&format!(" <{}>: host ", address.to_lowercase()))
    }

    /// Whether a name precedes the address, as in `Ann Lee (ann@example.com)`.
    fn is_with_name(&self) -> bool {
        const WORDS_OF_NAME: usize = 6;
        let before = self.low.split(self.bare.as_str()).next().unwrap_or_default();
        let name =
            before.trim_end_matches("mailto:").strip_suffix(['(', '<', '[']).unwrap_or_default();
        self.count == 1
            && self.line.ends_with([')', '>', ']'])
            && (1..=WORDS_OF_NAME).contains(&name.split_whitespace().count())
            && !asks(&normal(name))
    }

    /// Whether a failure precedes the address on its line, as in `The following recipients could
    /// not be reached: ann@example.com`.
    fn is_behind_failure(&self) -> bool {
        let before = self.low.split(self.bare.as_str()).next().unwrap_or_default();
        is_heading(before.trim_end_matches(['<', '"', '\'', '(', '[', ' ']))
    }
}

/// Returns the alias that we mailed, if the text says that the address was expanded from it.
pub(super) fn alias_of(about: &str) -> Option<String> {
    let low = about.to_ascii_lowercase();
    let at = ["expanded from", "generated from"].iter().find_map(|words| low.find(words))?;
    all_in(&about[at..]).into_iter().next()
}
