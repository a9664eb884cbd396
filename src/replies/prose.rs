//! Normalizes the text of a reply before it is searched for phrases.

use std::borrow::Cow;

/// The maximum length of text to examine, in bytes.
const MOST: usize = 16 * 1024;

/// Converts a text to lowercase with plain apostrophes and single spaces. Removes mail addresses,
/// because they may contain any word.
pub(crate) fn prose(text: &str) -> String {
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = without_quoted(&text[..end]);
    let mut out = String::with_capacity(end);
    for word in
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
    {
        if !out.is_empty() {
            out.push(' ');
        }
        // `<joe@acme.example>:` becomes `<>:`.
        let word = match word.rsplit_once('@') {
            Some((local, domain)) => {
                let before = local
                    .find(|c: char| !matches!(c, '<' | '(' | '[' | '"' | '\''))
                    .unwrap_or(local.len());
                let after = domain
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
                    .unwrap_or(domain.len());
                format!("{}{}", &local[..before], &domain[after..])
            }
            None => word.to_owned(),
        };
        out.extend(
            word.chars()
                .flat_map(char::to_lowercase)
                .map(|c| if matches!(c, '\u{2018}' | '\u{2019}') { '\'' } else { c }),
        );
    }
    out
}

/// Removes quoted local parts of addresses (`"ann lee"@x.example`), because they may contain
/// spaces.
fn without_quoted(text: &str) -> Cow<'_, str> {
    let Some(at) = text.find("\"@") else { return Cow::Borrowed(text) };
    let begins = text[..at].rfind('"').unwrap_or(at);
    let (mut out, mut rest) = (text[..begins].to_owned(), &text[at + 1..]);
    while let Some(at) = rest.find("\"@") {
        out.push_str(&rest[..rest[..at].rfind('"').unwrap_or(at)]);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the server's own words, which precede the quoted reply of another server: `... host
/// mx.example[192.0.2.1] said: 550 ...`.
pub(super) fn own_words(text: &str) -> &str {
    ["said:", "responded:", "replied:", "in reply to"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .map_or(text, |at| &text[..at])
}

/// Removes enhanced status codes from a text normalized by [`prose`]. Some servers repeat them in
/// each line of a sentence.
pub(super) fn without_statuses(text: &str) -> Cow<'_, str> {
    if !text.split(' ').any(is_status) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split(' ').filter(|word| !is_status(word)).collect::<Vec<_>>().join(" "))
}

/// Whether an entry of the table is a status and not a phrase.
pub(super) fn is_status(phrase: &str) -> bool {
    let parts: Vec<&str> = phrase.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
