//! Addresses that stand in a text where mail systems put the recipient.

use std::collections::HashSet;

use super::addresses::{MOST, all_in};

/// Words before a recipient.
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

/// Whether such a word stands in the middle of a line, before a bracket.
fn is_behind_word(low: &str) -> bool {
    low.match_indices('<').any(|(at, _)| {
        WORDS.iter().any(|word| {
            let before = low[..at].strip_suffix(' ').unwrap_or(&low[..at]);
            before.strip_suffix(word).is_some_and(|before| before.ends_with(' '))
        })
    })
}

/// A line without the marks of a quotation or a list before it. A mark right before a letter may be part of an address.
fn without_marks(line: &str) -> &str {
    let mut line = line.trim_start_matches(['>', ' ', '\t', '•']);
    while let Some(rest) = line.strip_prefix(['*', '-', '|']).filter(|rest| rest.starts_with([' ', '\t', '*', '-', '|'])) {
        line = rest.trim_start_matches(['>', ' ', '\t', '•']);
    }
    line
}

/// Addresses that stand where mail systems put the recipient: alone on a line, in brackets before a colon, behind a word for recipient. Each
/// with whether nothing else can be meant: in brackets before a colon stands a recipient even where its name is that of a help desk.
pub(super) fn listed(text: &str) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |address: String, is_sure: bool| {
        if found.len() < MOST && seen.insert(address.to_ascii_lowercase()) {
            found.push((address, is_sure));
        }
    };
    for whole in text.lines() {
        let line = without_marks(whole).trim_end();
        if !line.contains('@') {
            continue;
        }
        let low = line.to_lowercase();
        let addresses = all_in(line);
        let Some(first) = addresses.first() else { continue };
        let bare = first.to_ascii_lowercase();
        let starts = low.trim_start_matches(['<', '"', '\'', '(', '[']).trim_start_matches("smtp:").trim_start_matches("mailto:").starts_with(&bare);
        let rest = low
            .trim_start_matches(['<', '"', '\'', '(', '['])
            .get(bare.len()..)
            .unwrap_or_default()
            .trim_start_matches(['>', '"', '\'', ')', ']', ' ']);
        let is_alone = starts
            && addresses.len() == 1
            && (rest.is_empty()
                || rest.starts_with([':', '(', '[', '.', ',', ';', '-', '<', '…'])
                || rest.starts_with("on ")
                || rest.starts_with("mailto:"));
        let is_named = WORDS.iter().any(|word| low.starts_with(word)) || is_behind_word(&low);
        // Sendmail's transcript: 550 <ann@example.com>... User unknown
        let is_answer = low.get(..3).is_some_and(|code| code.bytes().all(|b| b.is_ascii_digit()))
            && low.get(3..).is_some_and(|rest| rest.starts_with(' ') && rest.contains("..."))
            && low.contains(&format!("{bare}>..."));
        if is_alone || is_named || is_answer {
            let is_sure = low.strip_prefix('<').and_then(|rest| rest.strip_prefix(bare.as_str())).is_some_and(|rest| rest.starts_with(">:"));
            // A line that goes on with what the remote system said is indented, and that may name the sender.
            let is_sure = is_sure && whole.starts_with('<');
            add(first.clone(), is_sure || is_answer);
        }
    }
    found
}
