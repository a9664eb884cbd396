//! Addresses as mail programs write them: in report fields, in angle brackets, in the middle of sentences, behind the sign of a VERP.

use std::collections::HashSet;

use crate::address::Address;

/// The longest text that can be an address (RFC 5321 section 4.5.3.1.3) with some room for brackets.
const LONGEST: usize = 320;

/// The address of a report's field: `rfc822; ann@example.com`, `<SMTP:ann@example.com>`, `rfc822;"ann"@example.com (Ann)`.
pub(super) fn of_field(value: &str) -> Option<String> {
    let value = value.trim();
    // RFC 3464 section 2.3.2: a type, a semicolon, the address; many leave the type out.
    let value = value.split_once(';').map_or(value, |(_, rest)| rest).trim();
    all_in(value).into_iter().next()
}

/// Every address in a text, in order, each once, with the letters as they stand there.
pub(super) fn all_in(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for (at, _) in text.match_indices('@') {
        if let Some(address) = around(text, at)
            && seen.insert(address.to_ascii_lowercase())
        {
            found.push(address);
        }
        if found.len() >= 20_000 {
            break;
        }
    }
    found
}

/// The address around an `@`.
fn around(text: &str, at: usize) -> Option<String> {
    let before = &text[..at];
    let start = if let Some(inner) = before.strip_suffix('"') {
        inner.rfind('"').filter(|open| before.len() - open < LONGEST)?
    } else {
        before.char_indices().rev().take_while(|(i, c)| is_local(*c) && at - i < LONGEST).last().map_or(at, |(i, _)| i)
    };
    let after = &text[at + 1..];
    let end = after.char_indices().take_while(|(i, c)| is_domain(*c) && *i < LONGEST).last().map_or(0, |(i, c)| i + c.len_utf8());
    let local = text[start..at].trim_start_matches(['\'', '`', '.', '=', '/', '*', '-', '|', '{', '#', '&', '!', '?']);
    // The form of X.400 holds the address that it was made of: `c=US;p=IKON;dda:SMTP=ann@example.com`.
    let local = local.get(..5).filter(|start| start.eq_ignore_ascii_case("smtp=")).map_or(local, |_| &local[5..]);
    let local = local.strip_prefix("3D").filter(|_| text[..start].ends_with('=')).unwrap_or(local);
    let domain = after[..end].trim_end_matches(['.', '-', '_']);
    if local.is_empty() || !domain.contains('.') || domain.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    Address::parse(&format!("{local}@{domain}")).ok().map(Address::into_string)
}

fn is_local(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c)
}

fn is_domain(c: char) -> bool {
    // Full-width signs end a sentence in Chinese and Japanese, where no space does.
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (c.is_alphabetic() && !c.is_ascii() && !('\u{3000}'..='\u{9fff}').contains(&c))
}

/// Whether an address belongs to a mail system and not to a person.
pub(super) fn is_daemon(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    const DAEMONS: &[&str] = &[
        "mailer-daemon",
        "post_master",
        "mailerdaemon",
        "mailer_daemon",
        "mailer.daemon",
        "postmaster",
        "mailsystem",
        "mail-system",
        "mail-daemon",
        "mailerd",
        "mdaemon",
        "microsoftexchange",
        "exchange_system",
        "double-bounce",
        "mailadm",
        "system administrator",
    ];
    DAEMONS.iter().any(|daemon| local.starts_with(daemon)) || matches!(local.as_str(), "maild" | "mdaemon" | "uucp" | "mmdf" | "root" | "daemon")
}

/// The recipient in an envelope sender of the common forms of VERP: `bounces+ann=example.com@acme.example`, `news-return-12-ann=example.com@…`.
pub(super) fn of_verp(envelope_sender: &str) -> Option<String> {
    let local = envelope_sender.rsplit_once('@')?.0;
    let (left, domain) = local.rsplit_once('=')?;
    if !domain.contains('.') || left.contains('=') {
        return None;
    }
    // What is before the address ends in the sign that separates it: + first, for a local part may well hold a hyphen.
    let local = match left.rsplit_once('+') {
        Some((_, local)) => local,
        None => left.rsplit_once('-').map_or(left, |(_, local)| local),
    };
    all_in(&format!("{local}@{domain}")).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_fields_and_sentences() {
        for (text, address) in [
            ("rfc822; ann@example.com", "ann@example.com"),
            ("RFC822;<SMTP:Ann@Example.com>", "Ann@example.com"),
            ("rfc822;\"ann b\"@example.com (Ann)", "\"ann b\"@example.com"),
            ("ann+x=y@example.com", "ann+x=y@example.com"),
            ("RCPT TO:<ann@example.com>...", "ann@example.com"),
            ("メールアドレスann@example.jpは存在しません。", "ann@example.jp"),
            ("`ann@example.com'", "ann@example.com"),
            ("ann@example.com: Benutzer", "ann@example.com"),
        ] {
            assert_eq!(of_field(text).as_deref(), Some(address), "{text}");
        }
        for text in ["", "rfc822;ann", "@example.com", "ann@", "ann@[192.0.2.1]", "ann@192.0.2.1", "@@@@", "x400;/S=Ann/"] {
            assert_eq!(of_field(text), None, "{text}");
        }
        assert_eq!(all_in("a@x.org, b@x.org A@x.org").len(), 2);
    }

    #[test]
    fn common_forms_of_verp_hold_the_recipient() {
        assert_eq!(of_verp("bounces+ann=example.com@acme.example").as_deref(), Some("ann@example.com"));
        assert_eq!(of_verp("news-return-12-ann=example.com@acme.example").as_deref(), Some("ann@example.com"));
        for none in ["ann@example.com", "bounces@acme.example", "a=b@acme.example", ""] {
            assert_eq!(of_verp(none), None, "{none}");
        }
    }
}
