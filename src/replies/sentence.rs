//! Splits a reply into sentences, and recognizes sentences that offer help.

use std::ops::Range;

/// The beginnings of sentences that only offer help to the reader.
const HELP: [&str; 27] = [
    "for more",
    "for further",
    "for help",
    "for details",
    "for explanation",
    "for information",
    "for assistance",
    "for instructions",
    "see ",
    "see:",
    "please see",
    "please visit",
    "please refer",
    "please read",
    "please go to",
    "visit ",
    "refer to",
    "learn more",
    "to learn",
    "more info",
    "more details",
    "if ",
    "questions",
    "note that",
    "note:",
    "read ",
    "go to ",
];

/// Abbreviations. The dot after an abbreviation does not end a sentence.
const SHORT: [&str; 5] = ["e.g", "i.e", "z.b", "cf", "p.ex"];

/// Whether the character `c` at position `at` ends a sentence.
pub(super) fn is_end(text: &str, at: usize, c: char) -> bool {
    match c {
        '。' | '！' | '？' | '；' => true,
        '.' | '!' | '?' | ';' => {
            let behind = &text[at + c.len_utf8()..];
            let is_short = || SHORT.iter().any(|short| text[..at].ends_with(short));
            (behind.is_empty() || behind.starts_with(' ')) && !(c == '.' && is_short())
        }
        _ => false,
    }
}

/// Returns the end of the first clause of a text.
pub(super) fn clause_end(text: &str) -> usize {
    let ends = |(at, c): &(usize, char)| {
        is_end(text, *at, *c) || *c == '，' || (*c == ',' && text[at + 1..].starts_with(' '))
    };
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

/// Returns the position of each sentence of a text.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if is_end(text, at, c) {
            found.push(start..at);
            start = at + c.len_utf8();
        }
    }
    found.push(start..text.len());
    found.retain(|range| !text[range.clone()].trim().is_empty());
    found
}

/// Whether a sentence only offers help.
pub(super) fn is_help(sentence: &str) -> bool {
    let sentence = sentence.trim_start();
    HELP.iter().any(|opener| sentence.starts_with(opener))
}

/// Whether the text at position `at` is part of a link.
pub(super) fn is_in_link(text: &str, at: usize) -> bool {
    let start = text[..at].rfind(' ').map_or(0, |space| space + 1);
    let end = text[at..].find(' ').map_or(text.len(), |space| at + space);
    let word = &text[start..end];
    word.contains("://") || word.contains("www.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_points_that_are_followed_by_a_space() {
        let text = "550 relay.example said: no (e.g. gone); see https://x.example/a.b. bye";
        let found: Vec<&str> =
            sentences(text).into_iter().map(|range| text[range].trim()).collect();
        assert_eq!(
            found,
            ["550 relay.example said: no (e.g. gone)", "see https://x.example/a.b", "bye"]
        );
        assert!(is_help(found[1]) && is_in_link(text, text.find("a.b").unwrap_or(0)));
        assert_eq!(sentences("; . !").len(), 0);
        assert_eq!(sentences("不存在。请").len(), 2);
    }
}
