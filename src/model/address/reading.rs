//! Parses addresses.
//!
//! Lists, suppression files, imports, commands, configuration and events all use this parser, so
//! that a text means the same mailbox everywhere.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::characters::{
    is_mark, is_unseen, is_word_for_nothing, plain_quote, plain_sign, refuse_foreign,
    refuse_loose_marks, refuse_punctuation, trim, without_letter_apostrophes,
};
use super::domain::{domain_to_ascii, unseen};
use super::scripts::{Mix, mix};
use super::spellings::fold;
use super::{AddressError, LONGEST, LONGEST_LOCAL};

/// Returns the address as it is sent to a server, and the index of its `@`.
pub(super) fn read(text: &str) -> Result<(String, u16), AddressError> {
    let text = text.trim_ascii();
    match plain(text.as_bytes()) {
        Some(at) => Ok((ordinary(text, at), at as u16)),
        None => careful(text),
    }
}

/// The classes of bytes that the fast path distinguishes: allowed in a local part, allowed in a
/// domain.
const LOCAL: u8 = 1;
const DOMAIN: u8 = 2;
/// A separator, which must not be adjacent to another one, and not at the beginning or end.
const JOINT: u8 = 4;

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => LOCAL | DOMAIN,
            b'.' | b'-' => LOCAL | DOMAIN | JOINT,
            b'+' | b'\'' => LOCAL,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// The fast path: returns the index of the `@` in an ordinary address. This consists of letters,
/// digits and common signs, one `@`, and a domain that ends in a letter. For any other text returns
/// `None`, and [`careful`] must parse it.
fn plain(text: &[u8]) -> Option<usize> {
    let at = memchr::memchr(b'@', text)?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let is_sound = |part: &[u8], kind: u8| {
        // The part must not begin with a separator, so the check starts as if after one.
        let mut before = JOINT;
        let mut all = kind;
        let mut beside = 0;
        for byte in part {
            let kinds = KINDS[usize::from(*byte)];
            all &= kinds;
            beside |= before & kinds & JOINT;
            before = kinds;
        }
        all != 0 && beside == 0 && before & JOINT == 0
    };
    let fits = (1..=LONGEST_LOCAL).contains(&local.len()) && (1..=63).contains(&domain.len());
    let is_plain = fits
        && local[0] != b'\''
        && domain[domain.len() - 1].is_ascii_alphabetic()
        && is_sound(local, LOCAL)
        && is_sound(domain, DOMAIN);
    is_plain.then_some(at)
}

fn ordinary(text: &str, at: usize) -> String {
    let mut whole = text.to_owned();
    whole[at + 1..].make_ascii_lowercase();
    whole
}

fn careful(text: &str) -> Result<(String, u16), AddressError> {
    let text = trim(text);
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if is_word_for_nothing(text) {
        return Err(AddressError::Nothing);
    }
    if text.contains('@') {
        refuse_wrapping(text)?;
    }
    let (local, domain) =
        if text.starts_with('"') { split_quoted(text)? } else { split_plain(text)? };
    let local = canonical(&local)?;
    // Suppressions are stored in lowercase, and some letters need more bytes in lowercase. The
    // lowercase form must not be too long either.
    let length = if local.is_ascii() { local.len() } else { local.len().max(fold(&local).len()) };
    if length > LONGEST_LOCAL {
        return Err(AddressError::LocalTooLong);
    }
    refuse_marked(&local)?;
    let domain = domain_to_ascii(domain)?;
    if length + 1 + domain.len() > LONGEST {
        return Err(AddressError::TooLong);
    }
    let at = u16::try_from(local.len()).map_err(|_| AddressError::LocalTooLong)?;
    Ok((format!("{local}@{domain}"), at))
}

/// Refuses characters that people and programs put around an address: brackets, quotation marks,
/// `mailto:`, the comma of a list.
fn refuse_wrapping(text: &str) -> Result<(), AddressError> {
    if text.ends_with('>') && text.contains('<') {
        return Err(AddressError::DisplayName);
    }
    if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
        return Err(AddressError::Mailto);
    }
    let (first, last) =
        (text.chars().next().unwrap_or_default(), text.chars().next_back().unwrap_or_default());
    if first == '"' && last == '"' && text.len() > 1 {
        return Err(AddressError::Wrapped('"'));
    }
    if matches!(first, '\'' | '`' | '<' | '(' | '[' | '{') || plain_quote(first).is_some() {
        return Err(AddressError::Wrapped(first));
    }
    if matches!(last, '\'' | '`' | '"' | '>' | ')' | ']' | '}') && !text.contains("@[")
        || plain_quote(last).is_some()
    {
        return Err(AddressError::Wrapped(last));
    }
    if matches!(last, '.' | ',' | ';' | ':' | '!' | '?')
        || plain_sign(last).is_some_and(|sign| sign == '.')
    {
        return Err(AddressError::Trailing(last));
    }
    Ok(())
}

/// Refuses characters that comment a row out, and the text mark of spreadsheets. A row with
/// `#ann@example.com` was not meant to be mailed.
fn refuse_marked(local: &str) -> Result<(), AddressError> {
    let local = local.strip_prefix('"').unwrap_or(local);
    for sign in ["#", "//", "--", "*", "!"] {
        if local.starts_with(sign) {
            return Err(AddressError::StruckOut(sign));
        }
    }
    match local.chars().next() {
        Some(c @ ('\'' | '`' | '{')) => Err(AddressError::Wrapped(c)),
        Some(c) if is_mark(c) => Err(AddressError::LeadingMark(c)),
        _ => Ok(()),
    }
}

/// The local part and the domain of an address without quotes.
fn split_plain(text: &str) -> Result<(Cow<'_, str>, &str), AddressError> {
    let Some((local, domain)) = text.split_once('@') else {
        let foreign = text.chars().find(|c| plain_sign(*c) == Some('@'));
        return Err(
            foreign.map_or(AddressError::NoAt, |c| AddressError::Sign { found: c, meant: '@' })
        );
    };
    if local.is_empty() {
        return Err(AddressError::NoLocalPart);
    }
    if let Some(c) = local.chars().find(|c| is_unseen(*c)) {
        return Err(unseen(c));
    }
    if domain.contains('@') {
        return Err(AddressError::SecondAt);
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(AddressError::Dots);
    }
    if !local.chars().all(|c| c == '.' || is_atext(c)) {
        return Err(AddressError::LocalCharacter);
    }
    Ok((Cow::Borrowed(local), domain))
}

/// The local part and the domain of an address with a quoted local part. Quotes are removed and
/// quoted pairs replaced (RFC 5321 section 4.1.2).
fn split_quoted(text: &str) -> Result<(Cow<'_, str>, &str), AddressError> {
    let mut content = String::with_capacity(text.len());
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if is_unseen(c) && c != ' ' {
            return Err(unseen(c));
        }
        match c {
            _ if escaped => {
                escaped = false;
                content.push(c);
            }
            '\\' => escaped = true,
            '"' => {
                let domain = text[i + 1..].strip_prefix('@').ok_or(AddressError::Quotes)?;
                return if content.is_empty() {
                    Err(AddressError::NoLocalPart)
                } else {
                    Ok((Cow::Owned(content), domain))
                };
            }
            c => content.push(c),
        }
    }
    Err(AddressError::Quotes)
}

/// Whether the character is `atext` of RFC 5322, or non-ASCII (RFC 6531).
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

/// Converts the local part to its normal form: NFC, with quotes and backslashes only where they are
/// needed.
fn canonical(content: &str) -> Result<String, AddressError> {
    let content: Cow<'_, str> =
        if content.is_ascii() { Cow::Borrowed(content) } else { international(content)? };
    let needs_no_quotes = !content.starts_with('.')
        && !content.ends_with('.')
        && !content.contains("..")
        && { content.chars().all(|c| c == '.' || is_atext(c)) };
    if needs_no_quotes {
        return Ok(content.into_owned());
    }
    let mut quoted = String::with_capacity(content.len() + 2);
    quoted.push('"');
    for c in content.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Ok(quoted)
}

/// Checks a non-ASCII local part and converts it to NFC.
fn international(content: &str) -> Result<Cow<'_, str>, AddressError> {
    let content = ComposingNormalizerBorrowed::new_nfc().normalize(content);
    refuse_foreign(&without_letter_apostrophes(&content))?;
    refuse_punctuation(&content)?;
    refuse_loose_marks(&content)?;
    for word in content.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()) {
        if let Mix::Confusable(c) = mix(word) {
            return Err(AddressError::MixedScripts(c));
        }
    }
    Ok(content)
}
