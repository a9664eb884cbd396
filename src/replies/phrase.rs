//! Searches a text for a phrase of the table.
//!
//! A phrase begins at the beginning of a word. In a phrase, `*` matches a few words within one
//! clause. `~` matches only punctuation and spaces, also at the end of a sentence.
//!
//! A denied or conditional phrase does not match: "no rate limit", "the daily limit was not
//! reached", "if you exceed the daily limit".

use super::sentence::{clause_end, is_end};

/// The maximum number of words that a `*` matches.
const GAP: usize = 5;

/// Words that deny the phrase after them.
const DENIALS: [&str; 21] = [
    "not", "no", "never", "nobody", "none", "nothing", "without", "nor", "neither", "cannot",
    "isn't", "wasn't", "aren't", "weren't", "hasn't", "haven't", "doesn't", "don't", "didn't",
    "avoid", "prevent",
];
/// Words that may be between a denial and the denied phrase.
const BETWEEN: [&str; 20] = [
    "a",
    "an",
    "the",
    "any",
    "been",
    "be",
    "being",
    "yet",
    "currently",
    "your",
    "our",
    "its",
    "their",
    "in",
    "on",
    "of",
    "because",
    "due",
    "to",
    "ever",
];
/// Words that may be between a phrase and a later denial, as in "the rate limit was not reached".
const BEHIND: [&str; 15] = [
    "is", "was", "are", "were", "has", "have", "had", "been", "does", "did", "do", "be", "which",
    "that", "yet",
];
/// Words that make a sentence conditional.
const CONDITIONS: [&str; 4] = ["if", "unless", "whether", "whenever"];
/// Words that make a phrase hypothetical if they occur in the gap of a `*`.
const IMAGINED: [&str; 6] = ["will", "would", "may", "might", "could", "should"];

/// Finds the first position of a phrase in a lowercase text.
pub(super) fn find(phrase: &str, text: &str) -> Option<usize> {
    let first = phrase.split(['*', '~']).next().unwrap_or_default();
    if first.is_empty() {
        return None;
    }
    text.match_indices(first).map(|(at, _)| at).find(|at| {
        let begins = !first.starts_with(char::is_alphanumeric)
            || !text[..*at].ends_with(char::is_alphanumeric);
        begins && rest_follows(phrase, text, *at).is_some_and(|end| is_said(text, *at, end))
    })
}

/// Returns the end of the phrase that begins at `at`, if the whole phrase matches.
fn rest_follows(phrase: &str, text: &str, at: usize) -> Option<usize> {
    let mut end = at;
    let mut mark = None;
    for part in phrase.split_inclusive(['*', '~']) {
        let word = part.trim_end_matches(['*', '~']);
        let rest = &text[end..];
        let gap = match mark {
            None => 0,
            Some('~') => rest.find(char::is_alphanumeric).unwrap_or(rest.len()),
            Some(_) => few_words(&rest[..clause_end(rest)], word)?,
        };
        if !rest[gap..].starts_with(word) {
            return None;
        }
        end += gap + word.len();
        mark = part.chars().last().filter(|last| matches!(last, '*' | '~'));
    }
    Some(end)
}

/// Returns the number of bytes before `word` in a clause. Returns `None` if there are too many
/// words, or if one of them denies the phrase or makes it hypothetical.
fn few_words(clause: &str, word: &str) -> Option<usize> {
    let at = clause.find(word)?;
    let words = || words_of(&clause[..at]);
    let is_denied = words().any(|word| DENIALS.contains(&word) || IMAGINED.contains(&word));
    (words().count() <= GAP && !is_denied).then_some(at)
}

/// Whether the phrase from `at` to `end` is neither denied nor conditional.
fn is_said(text: &str, at: usize, end: usize) -> bool {
    let before = since_last(&text[..at], |_, c| c == ',');
    let denied = words_of(before)
        .rev()
        .find(|word| !BETWEEN.contains(word))
        .is_some_and(|word| DENIALS.contains(&word) && is_near(before, word));
    let sentence = since_last(&text[..at], |_, _| false);
    let behind = &text[end..];
    let mut words = words_of(&behind[..clause_end(behind)]).peekable();
    let mut passed = 0;
    while passed < 4 && words.next_if(|word| BEHIND.contains(word)).is_some() {
        passed += 1;
    }
    let denied_behind = passed > 0 && words.next().is_some_and(|word| DENIALS.contains(&word));
    let is_verb_denied = words_of(behind)
        .next()
        .is_some_and(|word| word.ends_with("n't") && behind.starts_with(' '));
    !(denied
        || denied_behind
        || is_verb_denied
        || words_of(sentence).any(|word| CONDITIONS.contains(&word)))
}

/// Whether no colon or bracket is between the last occurrence of `word` and the end of the text.
fn is_near(before: &str, word: &str) -> bool {
    before.rfind(word).is_some_and(|at| !before[at..].contains([':', '(', '[', ']', ')']))
}

/// Returns the text after the end of its last complete sentence, or after the last character for
/// which `ends` is true.
fn since_last(text: &str, ends: impl Fn(usize, char) -> bool) -> &str {
    let last = text.char_indices().rev().find(|(at, c)| ends(*at, *c) || is_end(text, *at, *c));
    last.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

fn words_of(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '-'))
        .filter(|word| word.contains(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_star_stays_within_a_clause_and_few_words() {
        let says = |text: &str| find("daily*limit*exceeded", text).is_some();
        assert!(
            says("the daily limit was exceeded")
                && says("daily user sending limit exceeded")
                && says("daily limit: exceeded")
        );
        assert!(says("a daily digest. the daily limit is exceeded"));
        for text in [
            "this list has a daily digest, and its members know the limit, which nobody exceeded",
            "a daily digest. the limit is exceeded",
            "daily one two three four five six limit exceeded",
            "a daily digest; limit exceeded",
        ] {
            assert!(!says(text), "{text}");
        }
    }

    #[test]
    fn what_is_denied_or_imagined_is_not_said() {
        for text in [
            "no rate limit",
            "not because of a rate limit",
            "the rate limit was not reached",
            "the rate limit has never been reached",
            "the rate limit doesn't apply",
            "if you exceed the rate limit, mail is refused",
            "the moderate limit",
            "to avoid the rate limit send less",
        ] {
            assert_eq!(find("rate limit", text), None, "{text}");
        }
        for text in [
            "mail not accepted: rate limit exceeded",
            "mail not accepted, rate limit exceeded",
            "your message cannot be sent due to a rate limit",
            "you are not known. rate limit exceeded",
            "rate limit exceeded, not accepted",
        ] {
            assert!(find("rate limit", text).is_some(), "{text}");
        }
        assert_eq!(find("daily*limit*reached", "the daily limit was not reached"), None);
        assert_eq!(find("your ip*blocked using", "your ip will be blocked using our list"), None);
    }

    #[test]
    fn a_tilde_stands_for_no_word() {
        let says = |text: &str| find("mailbox unavailable~try again later", text).is_some();
        assert!(
            says("mailbox unavailable try again later")
                && says("mailbox unavailable. try again later")
        );
        assert!(!says("mailbox unavailable and gone, try again later"));
    }

    #[test]
    fn hostile_texts_end() {
        for text in [
            "",
            "daily",
            "daily*",
            &"daily ".repeat(5_000),
            &"daily limit ".repeat(3_000),
            "ß daily ß limit ß",
        ] {
            find("daily*limit*exceeded", text);
        }
    }
}
