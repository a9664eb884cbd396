//! Finds the returned message in the text of a bounce. It begins below a line that introduces it,
//! or at the first line of its header.

use super::headers::{field, fields};
use super::listed::listed;
use super::phrases::{List, holds};
use super::sentences::has_signature;
use crate::replies::{gives_reason, normal};

/// Removes the footer of a mailing list: a line of underscores, and the list's name, address and
/// page.
pub(super) fn without_footer(text: &str) -> &str {
    let is_rule = |line: &str| line.len() >= 20 && line.bytes().all(|byte| byte == b'_');
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_rule(line.trim_end()) {
            let below = text[at + line.len()..].lines().take(4).collect::<String>().to_lowercase();
            if ["mailing list", "listinfo", "/lists/"].iter().any(|word| below.contains(word)) {
                return &text[..at];
            }
        }
        at += line.len();
    }
    text
}

/// Header fields that relays and mail programs add.
const TRANSPORT: [&str; 6] =
    ["received", "return-path", "mime-version", "content-type", "dkim-signature", "x-mailer"];

/// Header fields that may also appear in the text of a bounce.
const WRITTEN: [&str; 8] =
    ["message-id", "date", "from", "to", "subject", "reply-to", "delivered-to", "envelope-to"];

/// Splits a text where the returned message begins. The second part is empty if there is no
/// returned message.
pub(super) fn split_original(text: &str) -> (&str, &str) {
    let mut at = 0;
    let mut headers = 0;
    let mut first_header = 0;
    // Some texts list date, sender and subject of the message and then continue. The header of a
    // returned message also has fields that relays add.
    let mut is_transport = false;
    let mut names: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches(['>', '|', ' ', '\t']).trim_end();
        if bare.is_empty() && !names.is_empty() {
            if ["from", "to", "subject", "date"]
                .iter()
                .all(|name| names.iter().any(|known| known == name))
                && names_recipient(&text[..first_header])
            {
                return (&text[..first_header], &text[first_header..]);
            }
            names.clear();
        }
        let low = bare.to_lowercase();
        if at > 0 && introduces_original(bare, &low) {
            let rest = &text[at + line.len()..];
            // Some texts introduce the message and then continue with the reason. So a header must
            // follow, unless the line itself says that the message is below.
            if low.contains("below this line is a copy")
                || fields(rest.trim_start_matches(['\n', '\r', '-', ' '])).len() >= 2
            {
                return (&text[..at], rest);
            }
        }
        let is_header = field(bare).is_some_and(|(name, _)| {
            TRANSPORT.contains(&name.as_str()) || WRITTEN.contains(&name.as_str())
        });
        if is_header {
            if headers == 0 {
                first_header = at;
                is_transport = false;
                names.clear();
            }
            names.extend(field(line).map(|(name, _)| name));
            headers += 1;
            is_transport |= field(bare).is_some_and(|(name, _)| TRANSPORT.contains(&name.as_str()));
            if headers >= 4 && is_transport {
                return reason_below(&text[first_header..])
                    .unwrap_or((&text[..first_header], &text[first_header..]));
            }
        } else if !line.starts_with([' ', '\t', '>']) && !bare.is_empty() {
            headers = 0;
            names.clear();
        }
        at += line.len();
    }
    (text, "")
}

/// Whether a line says that the returned message follows. `low` is the line in lowercase.
fn introduces_original(line: &str, low: &str) -> bool {
    let is_ruled =
        low.starts_with(['-', '=', '*', '_', '+', '#']) || low.ends_with([':', '-', '.', '=', '*']);
    is_ruled && low.len() < 120 && holds(&normal(line), List::OriginalFollows) && !low.contains('@')
}

/// Removes leading empty lines and ruled lines, but keeps indentation.
pub(super) fn without_rule(text: &str) -> &str {
    let text = text.trim_start_matches(['\n', '\r']);
    if text.starts_with([' ', '\t']) {
        text
    } else {
        text.trim_start_matches(['\n', '\r', '-', ' '])
    }
}

/// Some reports begin with an indented header and give the reason below it. Returns the text below
/// the header, and the header.
fn reason_below(text: &str) -> Option<(&str, &str)> {
    const FIRST: usize = 4_096;
    let length: usize = text
        .split_inclusive('\n')
        .take_while(|line| line.starts_with([' ', '\t']))
        .map(str::len)
        .sum();
    let (header, rest) = text.split_at(length);
    let first = &rest[..rest.floor_char_boundary(FIRST)];
    (has_signature(first) && first.contains('@')).then_some((rest, header))
}

/// Whether the text above a header names a recipient and gives a reason. Then the header is that of
/// the returned message.
fn names_recipient(before: &str) -> bool {
    const LAST: usize = 4_096;
    let last = &before[before.floor_char_boundary(before.len().saturating_sub(LAST))..];
    gives_reason(&normal(last)) && !listed(last).is_empty()
}
