//! Headers for mailing lists: List-Id (RFC 2919), List-Unsubscribe (RFC 2369 and RFC 8058), and
//! Feedback-ID, by which Gmail groups complaints.

use std::borrow::Cow;

use crate::model::address::Address;

use super::tags::without_tags;
use super::{header, ident, link};

/// The most characters of a list identifier (RFC 2919 section 2).
const LONGEST_LIST_ID: usize = 255;
/// The subject of a mail that unsubscribes, unless the configuration sets another.
const QUERY: &str = "subject=unsubscribe";
const TOKEN: &str = super::TOKEN;
/// A token of the usual length, for checks.
const SAMPLE: &str = "0123456789abcdef01234567";

/// Returns the encoded value of List-Id. `text` is an identifier, or a name with the identifier in
/// angle brackets. The error is a sentence fragment.
pub(super) fn list_id(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (name, id) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, id)) => (name.trim(), id),
        None => ("", text),
    };
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    if id.len() > LONGEST_LIST_ID || !id.contains('.') || !id.split('.').all(is_word) {
        return Err("must contain an identifier under your own domain, such as news.acme.example, of at most 255 characters".to_owned());
    }
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    if name.contains(['<', '>', '"', '\\']) || name.chars().any(char::is_control) {
        return Err("has a name that contains < > \" \\ or a line break".to_owned());
    }
    let mut value = String::new();
    if !name.is_empty() {
        let column = header::push_name(&mut value, "List-Id: ".len(), name);
        value.push_str(if column + id.len() + 3 > 76 { "\r\n " } else { " " });
    }
    value.push_str(&format!("<{id}>"));
    Ok(value)
}

/// Returns a folded header value on one line (RFC 5322 section 2.2.3).
pub(super) fn unfolded(value: &str) -> Cow<'_, str> {
    if value.contains("\r\n") { value.replace("\r\n", "").into() } else { value.into() }
}

/// Checks the value of Feedback-ID: three identifiers, which may be empty, and a sender name of 5
/// to 15 characters.
pub(super) fn check_feedback_id(value: &str) -> Result<(), &'static str> {
    let fields: Vec<&str> = value.split(':').collect();
    let [_, _, _, sender] = fields.as_slice() else {
        return Err(
            "must have four fields with a colon between two, such as spring:acme:news:acmemail",
        );
    };
    if !value.bytes().all(|b| matches!(b, 33..=126)) {
        return Err("contains a space or a non-ASCII character; use {{ name | urlencode }}");
    }
    if !(5..=15).contains(&sender.len()) {
        return Err("has a last field (the sender) that is not 5 to 15 characters long");
    }
    if value.len() > header::LONGEST_TOKEN {
        return Err("is longer than 900 bytes");
    }
    Ok(())
}

/// Splits `unsubscribe_mailto` into the address and the text after its `?`, such as
/// `subject=leave`. The error is a sentence fragment.
pub(super) fn split_mailto(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    let text = text.trim();
    let text = match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &text[7..],
        _ => text,
    };
    // Question marks in template tags are ignored.
    let tags = text.rfind("}}").map_or(0, |at| at + 2);
    match text[tags..].find('?') {
        None if without_tags(text).contains('?') => {
            Err("has a template tag after its ?, where only {token} may stand there")
        }
        None => Ok((text, None)),
        Some(at) => {
            let (address, query) = text.split_at(tags + at);
            let query = &query[1..];
            if query.contains('{') && query.replace(TOKEN, "").contains('{')
                || !query.replace(TOKEN, "").bytes().all(is_of_a_query)
            {
                return Err(
                    "has a character after its ? that is not allowed in a URL, or a template tag; of placeholders, only {token} may stand there",
                );
            }
            Ok((address, Some(query)))
        }
    }
}

fn is_of_a_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte)
}

/// Returns the `mailto:` URL for unsubscribing. The error is a sentence fragment.
pub(super) fn mailto(
    address: &str,
    query: Option<&str>,
    message_id: &str,
) -> Result<String, String> {
    let token = ident::token_of(message_id).unwrap_or(SAMPLE);
    let address = address.replace(TOKEN, token);
    let address = Address::parse(&address).map_err(|why| why.to_string())?;
    let mut url = "mailto:".to_owned();
    for byte in address.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$'*+@".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url.push('?');
    url.push_str(&query.unwrap_or(QUERY).replace(TOKEN, token));
    Ok(url)
}

/// Returns the headers for unsubscribing, with each value on one line.
pub(super) fn unsubscribe_headers<'u>(
    url: Option<&'u str>,
    mailto: Option<&'u str>,
) -> impl Iterator<Item = (&'static str, String)> + use<'u> {
    let places = [url, mailto].into_iter().flatten().map(|url| format!("<{url}>"));
    let places = places.collect::<Vec<_>>().join(", ");
    let is_one_click = url.is_some_and(link::is_https);
    let post =
        is_one_click.then(|| ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    (!places.is_empty()).then_some(("List-Unsubscribe", places)).into_iter().chain(post)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_id_is_what_rfc_2919_allows() {
        for (text, expected) in [
            ("news.acme.example", "<news.acme.example>"),
            ("<news.acme.example>", "<news.acme.example>"),
            ("Spring news <news.acme.example>", "Spring news <news.acme.example>"),
            ("\"Acme, Inc.\" <a_b-1.acme.example>", "\"Acme, Inc.\" <a_b-1.acme.example>"),
            ("Zoë <news.acme.example>", "=?utf-8?q?Zo=C3=AB?= <news.acme.example>"),
        ] {
            assert_eq!(list_id(text).as_deref(), Ok(expected), "{text}");
        }
        let long = format!("{} <news.acme.example>", "é".repeat(90));
        let value = list_id(&long).expect("long");
        assert!(
            value.split("\r\n").all(|line| line.len() <= 76) && !unfolded(&value).contains('\n')
        );
        for text in [
            "",
            "news",
            "news..acme.example",
            ".acme.example",
            "news@acme.example",
            "a b.acme.example",
            "zoë.acme.example",
            "A <news.acme.example> B",
            "A\r\nBcc: x <news.acme.example>",
            &format!("{}.example", "x".repeat(255)),
        ] {
            assert!(list_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_feedback_id_has_four_fields() {
        for value in ["spring:acme:news:acmemail", ":::acmemail", "a::c:12345"] {
            assert_eq!(check_feedback_id(value), Ok(()), "{value}");
        }
        for value in [
            "",
            "acmemail",
            "a:b:acmemail",
            "a:b:c:d:acmemail",
            "a:b:c:acme",
            "a:b:c:acmemailacmemail",
            "a b:b:c:acmemail",
            "é:b:c:acmemail",
            "a:b:c:acmemail\r\nBcc: x",
            &format!("{}:b:c:acmemail", "x".repeat(900)),
        ] {
            assert!(check_feedback_id(value).is_err(), "{value}");
        }
    }

    #[test]
    fn an_address_for_unsubscribing_becomes_a_url() {
        let id = format!("{SAMPLE}@acme.example");
        let made = |text: &str| {
            let (address, query) = split_mailto(text).map_err(str::to_owned)?;
            mailto(address, query, &id)
        };
        for (text, expected) in [
            ("leave@acme.example", "mailto:leave@acme.example?subject=unsubscribe"),
            (
                "mailto:leave@acme.example?subject=Leave%20us",
                "mailto:leave@acme.example?subject=Leave%20us",
            ),
            (
                "u+{token}@acme.example?subject={token}",
                "mailto:u+0123456789abcdef01234567@acme.example?subject=0123456789abcdef01234567",
            ),
            ("a?b&c@acme.example", "address has no @"),
            ("zoë@exämple.com", "mailto:zo%C3%AB@xn--exmple-cua.com?subject=unsubscribe"),
        ] {
            assert_eq!(made(text).unwrap_or_else(|why| why), expected, "{text}");
        }
        for text in [
            "",
            "acme.example",
            "a@x.example,b@x.example",
            "a@x.example?subject=a b",
            "a@x.example?subject={{ x }}",
        ] {
            assert!(made(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_click_is_for_https() {
        let all = |url, mailto| unsubscribe_headers(url, mailto).collect::<Vec<_>>();
        assert_eq!(all(None, None), []);
        let both = all(Some("https://acme.example/u"), Some("mailto:u@acme.example"));
        assert_eq!(both[0].1, "<https://acme.example/u>, <mailto:u@acme.example>");
        assert_eq!(both[1].0, "List-Unsubscribe-Post");
        assert_eq!(all(None, Some("mailto:u@acme.example")).len(), 1);
        assert_eq!(all(Some("http://acme.example/u"), None).len(), 1);
    }
}
