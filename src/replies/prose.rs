//! Text in the form in which phrases are looked for.

use std::borrow::Cow;

/// How much of a text is looked at, in bytes.
const MOST: usize = 16 * 1024;

/// Lowercase, with plain apostrophes, one space between words, and without mail addresses, which
/// may hold any word.
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
        // `<joe@acme.example>:` leaves `<>:`.
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

/// A text without local parts in quotes (`"ann lee"@x.example`), which may hold spaces.
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

/// What a server says by itself, without what it repeats of another one: `... host
/// mx.example[192.0.2.1] said: 550 ...`.
pub(super) fn own_words(text: &str) -> &str {
    ["said:", "responded:", "replied:", "in reply to"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .map_or(text, |at| &text[..at])
}

/// A text in the form of [`prose`] without enhanced status codes, which some servers repeat in each
/// line of a sentence.
pub(super) fn without_statuses(text: &str) -> Cow<'_, str> {
    if !text.split(' ').any(is_status) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split(' ').filter(|word| !is_status(word)).collect::<Vec<_>>().join(" "))
}

/// Whether an entry of the table is a status and no phrase.
pub(super) fn is_status(phrase: &str) -> bool {
    let parts: Vec<&str> = phrase.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
