//! Finds reply codes and enhanced status codes in a text, such as `550 5.1.1`, `#5.1.1` or `Status:
//! 5.1.1 (bad mailbox)`.

/// An enhanced status (RFC 3463) and an SMTP reply code. A field is empty if the code was not
/// found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Codes {
    pub(crate) status: String,
    pub(crate) code: String,
}

/// Returns the first reply code in a text, and the first of the most specific enhanced statuses. A
/// status with a detail is more specific than X.1.0.
pub(crate) fn codes_in(text: &str) -> Codes {
    Codes { status: status_in(text), code: code_in(text) }
}

/// Whether a status names no cause: it is empty or X.0.0.
pub(super) fn is_generic(status: &str) -> bool {
    status.is_empty() || status.ends_with(".0.0")
}

/// Whether a status has no detail, such as X.1.0.
fn is_vague(status: &str) -> bool {
    status.ends_with(".0")
}

fn status_in(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut generic = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, b'2' | b'4' | b'5')
            || bytes.get(at + 1) != Some(&b'.')
            || !may_begin(bytes, at)
        {
            continue;
        }
        let rest = &bytes[at + 2..];
        let subject = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=3).contains(&subject) || rest.get(subject) != Some(&b'.') {
            continue;
        }
        let detail = rest[subject + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        let end = at + 2 + subject + 1 + detail;
        // A fourth number would make it an IP address, and a letter a version.
        let ends = bytes.get(end).is_none_or(|b| {
            !(b.is_ascii_alphanumeric()
                || *b == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))
        });
        if !(1..=3).contains(&detail) || !ends {
            continue;
        }
        let status = &text[at..end];
        if !is_vague(status) {
            return status.to_owned();
        }
        if generic.is_empty() || (is_generic(&generic) && !is_generic(status)) {
            generic = status.to_owned();
        }
    }
    generic
}

/// Whether a status code may begin at this position. It may not be part of another number, a word
/// or an address.
fn may_begin(bytes: &[u8], at: usize) -> bool {
    at == 0
        || !(bytes[at - 1].is_ascii_alphanumeric()
            || matches!(bytes[at - 1], b'.' | b'_' | b'@' | b'/'))
}

fn code_in(text: &str) -> String {
    let bytes = text.as_bytes();
    for at in 0..bytes.len().saturating_sub(2) {
        let three = &bytes[at..at + 3];
        let is_code = matches!(three[0], b'4' | b'5')
            && matches!(three[1], b'0'..=b'7')
            && three[2].is_ascii_digit();
        let ends = bytes.get(at + 3).is_none_or(|b| {
            matches!(
                b,
                b' ' | b'-'
                    | b'\r'
                    | b'\n'
                    | b':'
                    | b'<'
                    | b')'
                    | b','
                    | b'"'
                    | b'\''
                    | b'_'
                    | b'#'
                    | b';'
                    | b'/'
            )
        });
        // Times, sizes and ports are numbers too. A reply code begins a line or a phrase.
        let begins = at == 0
            || matches!(
                bytes[at - 1],
                b' ' | b'\n'
                    | b'\t'
                    | b';'
                    | b'<'
                    | b'('
                    | b'"'
                    | b'\''
                    | b':'
                    | b'#'
                    | b'>'
                    | b'='
            );
        if is_code && ends && begins && is_smtp(three) {
            return text[at..at + 3].to_owned();
        }
    }
    String::new()
}

/// Whether a number is a reply code of RFC 5321 section 4.2.3, of an SMTP extension, or in common
/// use.
fn is_smtp(three: &[u8]) -> bool {
    const KNOWN: [&[u8; 3]; 27] = [
        b"421", b"422", b"431", b"441", b"442", b"446", b"447", b"449", b"450", b"451", b"452",
        b"454", b"455", b"500", b"501", b"502", b"503", b"504", b"521", b"530", b"535", b"541",
        b"542", b"550", b"551", b"552", b"556",
    ];
    KNOWN.iter().any(|known| known[..] == *three)
        || matches!(
            three,
            b"553" | b"554" | b"555" | b"471" | b"472" | b"557" | b"570" | b"571" | b"572"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_out_of_prose_and_addresses_are_not_taken_for_them() {
        for (text, status, code) in [
            ("550 5.1.1 <ann@example.com>: no such user", "5.1.1", "550"),
            ("smtp; 550-5.1.1 The email account", "5.1.1", "550"),
            ("#<mx.example.com #5.1.10 smtp;550 5.1.10 gone>", "5.1.10", "550"),
            ("554 5.0.0 then 5.2.2 full", "5.2.2", "554"),
            ("5.0.0", "5.0.0", ""),
            ("host 5.1.1.7 said: 421 try later", "", "421"),
            ("552 messages of 450 people in 5.1 days", "", "552"),
            ("version 4.5.6b", "", ""),
            ("", "", ""),
        ] {
            assert_eq!(
                codes_in(text),
                Codes { status: status.into(), code: code.into() },
                "{text}"
            );
        }
    }
}
