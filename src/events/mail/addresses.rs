//! Finds addresses as mail programs write them: in report fields, in angle brackets, within
//! sentences, and in VERP envelope senders.
//!
//! An address is read completely or not at all, because a shorter address may belong to another
//! person. An address is therefore skipped if a foreign letter, a joining sign or an unreadable
//! escape (RFC 6533) touches it.

use std::collections::HashSet;

use crate::model::address::Address;

/// The maximum length of an address (RFC 5321 section 4.5.3.1.3), with room for brackets.
const LONGEST: usize = 320;

/// The maximum number of addresses to read from one text. A report about 100,000 recipients fits.
pub(super) const MOST: usize = 200_000;

/// Extracts the address from a report's field, such as `rfc822; ann@example.com`,
/// `<SMTP:ann@example.com>` or `utf-8; m\x{FC}ller@example.com`.
pub(super) fn of_field(value: &str) -> Option<String> {
    let value = unescaped(value_of(value));
    let bare = bare(&value);
    is_mailable(bare)
        .then(|| Address::parse(bare).ok())
        .flatten()
        .map(Address::into_string)
        .or_else(|| all_in(&value).into_iter().next())
}

/// Decodes the address of a field that was left in the `ORCPT` encoding (RFC 3461 section 4.2:
/// `+2B` is a plus). Returns `None` if decoding changes nothing.
pub(super) fn of_xtext(value: &str) -> Option<String> {
    let plain = from_xtext(value_of(value))?;
    of_field(&format!("utf-8;{plain}"))
}

/// Extracts an address whose host name has no dot, as in local networks: `rfc822; ann@intranet`.
pub(super) fn undotted(value: &str) -> Option<String> {
    let value = unescaped(value_of(value));
    let bare = bare(&value);
    let is_whole =
        bare.len() + 2 >= value.trim().len() && !bare.contains(char::REPLACEMENT_CHARACTER);
    let domain =
        bare.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.contains('.'))?;
    let is_name = is_whole && domain.bytes().any(|b| b.is_ascii_alphabetic());
    is_name.then(|| Address::parse(bare).ok()).flatten().map(Address::into_string)
}

/// Whether a field contains an address that cannot be parsed.
pub(super) fn is_unreadable(value: &str) -> bool {
    let kind = typed(value).map_or("", |(kind, _)| kind).trim().to_ascii_lowercase();
    (kind.is_empty() || kind == "rfc822" || kind.starts_with("utf-8"))
        && value.contains('@')
        && of_field(value).is_none()
        && undotted(value).is_none()
}

/// Returns the address part of a field. RFC 3464 section 2.3.2 requires a type and a semicolon
/// before the address, but many servers omit them.
fn value_of(value: &str) -> &str {
    typed(value).map_or(value, |(_, rest)| rest).trim()
}

/// Splits a field into type and value. A type contains only letters, digits, hyphens and dots, so
/// `m&uuml;ller@example.com` is not split at its semicolon.
fn typed(value: &str) -> Option<(&str, &str)> {
    value.split_once(';').filter(|(kind, _)| {
        kind.trim().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    })
}

/// Removes brackets, the protocol name and a trailing comment from a field's address.
fn bare(value: &str) -> &str {
    let value = value
        .strip_prefix('<')
        .map_or(value, |inner| inner.split_once('>').map_or(inner, |(inner, _)| inner))
        .trim();
    let value = ["smtp:", "mailto:", "rfc822:"]
        .iter()
        .find_map(|name| {
            value
                .get(..name.len())
                .filter(|start| start.eq_ignore_ascii_case(name))
                .map(|_| &value[name.len()..])
        })
        .unwrap_or(value);
    if value.starts_with('"') {
        let end = value.rfind('@').and_then(|at| value[at..].find([' ', '(']).map(|end| at + end));
        return value[..end.unwrap_or(value.len())].trim();
    }
    value.split([' ', '\t', '(']).next().unwrap_or_default()
}

/// Whether mail can be sent to an address: its domain contains a dot and is not an IP address.
fn is_mailable(address: &str) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && !top.bytes().all(|b| b.is_ascii_digit())
        && !address.contains(char::REPLACEMENT_CHARACTER)
}

/// Decodes the escapes of RFC 6533 section 3 (`\x{FC}`). Leaves escapes of control characters and
/// white space unchanged.
pub(super) fn unescaped(text: &str) -> String {
    const OPENS: &str = "\\x{";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPENS) {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let read = escape[OPENS.len()..]
            .split_once('}')
            .filter(|(digits, _)| (2..=6).contains(&digits.len()));
        let letter = read
            .and_then(|(digits, _)| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match (letter.filter(|c| !c.is_control() && !c.is_whitespace()), read) {
            (Some(letter), Some((_, behind))) => {
                out.push(letter);
                rest = behind;
            }
            _ => {
                out.push_str(OPENS);
                rest = &escape[OPENS.len()..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Decodes `+HH` sequences. Returns `None` if there are none, or if the result is not valid text.
fn from_xtext(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|digits| {
            *byte == b'+' && digits.iter().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(b))
        });
        let read = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(read.unwrap_or(*byte));
        rest = &behind[if read.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8(bytes).ok().filter(|plain| plain != text)
}

/// Returns every address in a text once, in order, in its original spelling.
pub(super) fn all_in(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for (at, _) in text.match_indices('@') {
        if let Some((_, address)) = around(text, at)
            && seen.insert(address.to_lowercase())
        {
            found.push(address);
        }
        if found.len() >= MOST {
            break;
        }
    }
    found
}

/// Maps every address in a text, in lowercase, to its first position.
pub(super) fn places(text: &str) -> std::collections::HashMap<String, usize> {
    let mut found = std::collections::HashMap::new();
    for (at, _) in text.match_indices('@') {
        if let Some((start, address)) = around(text, at) {
            found.entry(address.to_lowercase()).or_insert(start);
        }
    }
    found
}

/// Returns the address around the `@` at position `at`, and the position where it starts.
fn around(text: &str, at: usize) -> Option<(usize, String)> {
    let before = &text[..at];
    let start = if let Some(inner) = before.strip_suffix('"') {
        open_quote(inner)
            .filter(|open| before.len() - open < LONGEST && !is_behind_program(&before[..*open]))?
    } else {
        before
            .char_indices()
            .rev()
            .take_while(|(i, c)| is_local(*c) && at - i < LONGEST)
            .last()
            .map_or(at, |(i, _)| i)
    };
    let after = &text[at + 1..];
    let end = end_of_domain(after);
    let domain = after[..end].trim_end_matches(['.', '-', '_']);
    let behind = text[at + 1 + domain.len()..].trim_start_matches(['.', '-', '_']).chars().next();
    // In `"ann@example.com"@example.net` the quoted text is only the local part.
    if text[at + 1 + domain.len()..]
        .strip_prefix("\"@")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
    {
        return None;
    }
    // An escape or a joining sign directly next to the address means that it is incomplete.
    if goes_on_before(&before[..start])
        || matches!(behind, Some('@' | '#' | '+' | '%' | '$' | '^' | '~'))
        || goes_on_behind(&text[end + at + 1..])
    {
        return None;
    }
    let local = within_signs(&text[start..at], behind);
    if runs_into_sentence(local, behind) || runs_into_word(domain) {
        return None;
    }
    // An X.400 address may contain an Internet address: `c=US;p=IKON;dda:SMTP=ann@example.com`.
    let local = local
        .get(..5)
        .filter(|start| start.eq_ignore_ascii_case("smtp="))
        .map_or(local, |_| &local[5..]);
    let local = local.strip_prefix("=3D").unwrap_or(local);
    let address = format!("{local}@{domain}");
    if local.is_empty() || !is_mailable(&address) {
        return None;
    }
    Address::parse(&address).ok().map(|address| (at - local.len(), address.into_string()))
}

/// Removes the quotation mark that opens `'ann@example.com'` from the local part. `behind` is the
/// character after the address; it must be the matching closing mark.
fn within_signs(local: &str, behind: Option<char>) -> &str {
    const PAIRS: [(char, &[char]); 7] = [
        ('\'', &['\'']),
        ('`', &['\'', '`']),
        ('*', &['*']),
        ('{', &['}']),
        ('|', &['|']),
        ('/', &['/']),
        ('=', &['=']),
    ];
    PAIRS
        .iter()
        .find(|(open, close)| {
            local.starts_with(*open) && behind.is_some_and(|behind| close.contains(&behind))
        })
        .map_or(local, |(open, _)| local.trim_start_matches(*open))
}

/// Whether the local part may begin further left than `before` ends: `before` ends with an escape
/// or a joining sign, as in `m&uuml;ller@` and `o’brien@`.
fn goes_on_before(before: &str) -> bool {
    let mut chars = before.chars().rev();
    let Some(last) = chars.next() else { return false };
    let is_word = chars.next().is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
    match last {
        '@' | '\\' => true,
        ';' => near(before).rsplit_once('&').is_some_and(|(_, name)| is_letter(name)),
        '\u{2019}' | '\u{b7}' | '\u{2010}'..='\u{2015}' | '\u{2024}'..='\u{2027}' => is_word,
        // An escape of bytes in hexadecimal: `m<C3><BC>ller@`.
        '>' => {
            let hex = near(before).rsplit('<').next().unwrap_or_default();
            matches!(hex.len(), 2 | 4 | 6)
                && hex.trim_start_matches("U+").bytes().all(|b| b.is_ascii_hexdigit())
        }
        _ => false,
    }
}

/// Returns the last 16 bytes of a text, without closing `;` and `>`. An escape is shorter.
fn near(before: &str) -> &str {
    let mut start = before.len().saturating_sub(16);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    before[start..].trim_end_matches([';', '>'])
}

/// Whether the text after a domain begins with an escaped letter.
fn goes_on_behind(behind: &str) -> bool {
    let is_entity = |rest: &str| {
        rest.bytes()
            .take(16)
            .position(|byte| byte == b';')
            .is_some_and(|end| is_letter(&rest[..end]))
    };
    behind.starts_with("\\x") || behind.strip_prefix('&').is_some_and(is_entity)
}

/// Whether an HTML entity represents a letter. Entities that are not listed here count as letters.
fn is_letter(entity: &str) -> bool {
    const SIGNS: [&str; 13] = [
        "lt", "gt", "quot", "amp", "apos", "nbsp", "laquo", "raquo", "ldquo", "rdquo", "#34",
        "#39", "#60",
    ];
    (2..10).contains(&entity.len())
        && entity.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
        && !SIGNS.contains(&entity)
}

/// Whether the text ends within angle brackets, as in `<bin/vacation "Vacation Mail"@host>`. That
/// is a program with its argument, not an address.
fn is_behind_program(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.rsplit_once('<').is_some_and(|(_, inner)| !inner.contains('>') && !inner.trim().is_empty())
}

/// Finds the quotation mark that opens the quoted local part at the end of `inner`. Escaped
/// quotation marks belong to the local part.
fn open_quote(inner: &str) -> Option<usize> {
    let is_escaped =
        |at: usize| inner[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    inner.rmatch_indices('"').map(|(at, _)| at).find(|at| !is_escaped(*at))
}

/// Whether it is unclear where the address ends and the sentence continues, because the script has
/// no spaces between words. A wrong end may yield another person's address.
fn runs_into_sentence(local: &str, behind: Option<char>) -> bool {
    behind.is_some_and(is_unspaced) && local.chars().any(is_unspaced)
}

/// Whether a word directly follows the domain: `ann@example.comThe mailbox is full`.
fn runs_into_word(domain: &str) -> bool {
    let top = domain.rsplit('.').next().unwrap_or_default();
    let small = top.bytes().take_while(u8::is_ascii_lowercase).count();
    let rest = &top.as_bytes()[small..];
    small >= 2
        && rest.first().is_some_and(u8::is_ascii_uppercase)
        && rest.get(1).is_some_and(u8::is_ascii_lowercase)
}

/// Whether a character belongs to a script without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{ff66}'..='\u{ff9f}' | '\u{e00}'..='\u{e7f}')
}

/// Whether a character ends a word in any script: white space, quotation marks, dashes, Chinese and
/// Japanese punctuation.
fn is_mark(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ab}' | '\u{bb}' | '\u{b7}' | '\u{bf}' | '\u{a1}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{feff}')
        || matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}')
}

fn is_local(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+/=?^_`{|}~.-".contains(c)
        || (!c.is_ascii() && !is_mark(c))
}

/// Finds the end of the domain at the beginning of a text. In `例え.jp` the Japanese letters belong
/// to the domain, because they begin a label. In `example.jpは` the Japanese letter ends the domain.
fn end_of_domain(text: &str) -> usize {
    let mut is_foreign = true;
    for (at, c) in text.char_indices() {
        let is_part = if c.is_ascii() {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
        } else {
            !is_mark(c)
        };
        if at >= LONGEST || !is_part {
            return at;
        }
        match c {
            '.' => is_foreign = true,
            c if is_unspaced(c) && !is_foreign => return at,
            c => is_foreign &= is_unspaced(c),
        }
    }
    text.len()
}

/// Whether an address belongs to a mail system, such as `mailer-daemon@`, and not to a person.
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
    DAEMONS.iter().any(|daemon| local.starts_with(daemon))
        || matches!(local.as_str(), "maild" | "mdaemon" | "uucp" | "mmdf" | "root" | "daemon")
}

/// Decodes the recipient from a VERP envelope sender, such as
/// `bounces+ann=example.com@acme.example` or `news-return-12-ann=example.com@…`.
pub(super) fn of_verp(envelope_sender: &str) -> Option<String> {
    let local = envelope_sender.rsplit_once('@')?.0;
    let (left, domain) = local.rsplit_once('=')?;
    if !domain.contains('.') || left.contains('=') {
        return None;
    }
    // The encoded address follows a plus or a hyphen. The plus is tried first, because the local
    // part may contain a hyphen.
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
            ("メールアドレス ann@example.jpは存在しません。", "ann@example.jp"),
            ("`ann@example.com'", "ann@example.com"),
            ("ann@example.com: Benutzer", "ann@example.com"),
            ("utf-8; müller@example.com", "müller@example.com"),
            ("utf-8; m\\x{FC}ller@example.com", "müller@example.com"),
            ("utf-8; \\x{7528}\\x{6237}@example.com", "用户@example.com"),
            ("utf-8; 用户ann@example.cn", "用户ann@example.cn"),
            ("rfc822; =ann@example.com", "=ann@example.com"),
        ] {
            assert_eq!(of_field(text).as_deref(), Some(address), "{text}");
        }
        for text in [
            "",
            "rfc822;ann",
            "@example.com",
            "ann@",
            "ann@[192.0.2.1]",
            "ann@192.0.2.1",
            "@@@@",
            "x400;/S=Ann/",
        ] {
            assert_eq!(of_field(text), None, "{text}");
        }
        assert_eq!(all_in("a@x.org, b@x.org A@x.org").len(), 2);
    }

    #[test]
    fn an_address_is_read_whole_or_not_at_all() {
        for (text, address) in [
            ("<müller@example.com>: no such user", "müller@example.com"),
            ("jösé.garcía@example.com does not exist", "jösé.garcía@example.com"),
            ("‘иван@example.com’ unknown", "иван@example.com"),
            ("'ann@example.com' unknown", "ann@example.com"),
            (
                "mu\u{308}ller@example.com",
                &Address::parse("mu\u{308}ller@example.com")
                    .map(Address::into_string)
                    .unwrap_or_default(),
            ),
            ("无法送达（用户@example.cn）", "用户@example.cn"),
            ("ann@例え.jpは存在しません", "ann@xn--r8jz45g.jp"),
            ("邮箱“ann@example.cn”不存在", "ann@example.cn"),
            ("L’adresse «ann@example.com» est inconnue", "ann@example.com"),
            ("a;ann@example.com", "ann@example.com"),
            ("\"a\\\"nn\"@example.com", "\"a\\\"nn\"@example.com"),
            ("“ann@example.com”", "ann@example.com"),
            ("for*ann@example.com", "for*ann@example.com"),
        ] {
            let found = all_in(text);
            assert_eq!(found.first().map_or("", String::as_str), address, "{text}");
        }
        for text in [
            "ann@#example.com",
            "ann@example.com#x",
            "a@ann@example.com",
            "m\\x{D800}ller@example.com",
            "m\\x{110000}ller@example.com",
            "m\\x{A}ller@example.com",
            "m\u{fffd}ller@example.com",
            "m\\xller@example.com",
            "m&uuml;ller@example.com",
            "m&#252;ller@example.com",
            "m&#xfc;ller@example.com",
            "m<C3><BC>ller@example.com",
            "m<U+FC>ller@example.com",
            "m\\303\\274ller@example.com",
            "ann@mail.ex&auml;mple.com",
            "ann@mail.ex\\x{D800}mple.com",
            ".ann@example.com",
            "'ann@example.com",
            "{ann@example.com",
        ] {
            assert!(
                all_in(&unescaped(text)).is_empty() && of_field(text).is_none(),
                "{text}: {:?}",
                all_in(&unescaped(text))
            );
            assert!(is_unreadable(&format!("rfc822;{text}")), "{text}");
        }
        // In a sentence none of these addresses has a clear beginning and end, so none is found.
        for text in [
            "o\u{2019}brien@example.com",
            "ann\u{2013}bea@example.com",
            "col\u{b7}legi@example.com",
            "用户ann@example.cn不存在",
            "ann@example.comThe mailbox is full",
            "メールアドレスann@example.jpは存在しません",
            "ผู้ใช้ann@example.comไม่พบ",
        ] {
            assert!(all_in(text).is_empty(), "{text}: {:?}", all_in(text));
        }
        assert_eq!(
            all_in("&lt;ann@example.com&gt;, &quot;bea@example.com&quot;"),
            ["ann@example.com", "bea@example.com"]
        );
        assert!(!is_unreadable("rfc822;ann") && !is_unreadable("x400;/S=Ann@x/"));
        assert_eq!(
            of_xtext("rfc822;ann+2Bnews@example.com").as_deref(),
            Some("ann+news@example.com")
        );
        assert_eq!(
            of_xtext("utf-8;m+C3+BCller@example.com").as_deref(),
            Some("müller@example.com")
        );
        assert_eq!(
            (of_xtext("rfc822;ann@example.com"), of_xtext("rfc822;ann+FF@example.com")),
            (None, None)
        );
    }

    #[test]
    fn common_forms_of_verp_hold_the_recipient() {
        assert_eq!(
            of_verp("bounces+ann=example.com@acme.example").as_deref(),
            Some("ann@example.com")
        );
        assert_eq!(
            of_verp("news-return-12-ann=example.com@acme.example").as_deref(),
            Some("ann@example.com")
        );
        for none in ["ann@example.com", "bounces@acme.example", "a=b@acme.example", ""] {
            assert_eq!(of_verp(none), None, "{none}");
        }
    }
}
