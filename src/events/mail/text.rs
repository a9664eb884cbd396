//! Bounces in free text: whether a message is one, whom it is about, and what was said about each.
//!
//! The text before the returned message is read, never the returned message itself, which holds
//! addresses and words of its own.

use std::collections::{HashMap, HashSet};

use super::addresses::{all_in, is_daemon, places};
use super::headers::{field, fields, get};
use super::listed::{below_heading, in_subject, listed};
use super::mention::{is_asked_for, is_said_anywhere, is_said_of};
use super::parts::Parts;
use super::phrases::{List, holds};
use crate::replies::bounce::{Codes, codes_in};
use crate::replies::{gives_reason, normal, says_undelivered, without_addresses};

/// How much of what stands before the returned message is read: a hundred thousand recipients.
const MOST_SAID: usize = 16 << 20;

/// A bounce in free text.
#[derive(Debug, Default)]
pub(super) struct Bounce {
    /// Each recipient with what was said about it.
    pub(super) recipients: Vec<(String, String)>,
    /// The text before the returned message.
    pub(super) said: String,
    /// The message that it is about, or its header, came with it.
    pub(super) has_original: bool,
    /// The Message-ID of that message, where it stands in the text; empty where it does not.
    pub(super) message_id: String,
    /// The text names somebody whom that message went to.
    pub(super) names_recipient_of_original: bool,
}

/// Whether a mail system wrote a message, by its sender's address or name.
pub(super) fn is_from_mail_system(parts: &Parts) -> bool {
    let from = parts.get("from").unwrap_or_default();
    let sender = parts.get("sender").unwrap_or_default();
    let by_address = all_in(from).iter().chain(&all_in(sender)).any(|address| is_daemon(address))
        || is_daemon(from.trim_start_matches(['<', '"', ' ']));
    let low = normal(from);
    let path = parts.get("return-path").unwrap_or_default().trim_start_matches(['<', ' ']);
    by_address || holds(&low, List::Senders) || is_daemon(path) || (low.is_empty() || low == "<>")
}

/// Whether it left with the null path, as bounces do, and automatic answers too.
pub(super) fn has_null_path(parts: &Parts) -> bool {
    parts.get("return-path").is_some_and(|path| path.trim() == "<>")
}

/// A message that somebody passes on as quoted text, with the marks of the quotation taken off.
pub(super) fn forwarded(parts: &Parts) -> Option<Vec<u8>> {
    for text in &parts.texts {
        let mut lines = text.lines().enumerate();
        let start = lines.find_map(|(number, line)| {
            let bare = line.trim_start_matches(['>', '|', ' ', '\t', '*']).to_lowercase();
            let value = bare
                .strip_prefix("from:")
                .or_else(|| bare.strip_prefix("von:"))
                .or_else(|| bare.strip_prefix("de:"))?;
            holds(&normal(value), List::Senders).then_some(number)
        });
        let Some(start) = start else { continue };
        let quotes = text
            .lines()
            .nth(start)
            .unwrap_or_default()
            .chars()
            .take_while(|c| matches!(c, '>' | '|' | ' ' | '\t'))
            .collect::<String>();
        let mut raw = String::new();
        for line in text.lines().skip(start) {
            raw.push_str(
                line.strip_prefix(&quotes).unwrap_or_else(|| line.trim_start_matches(['>', '|'])),
            );
            raw.push('\n');
        }
        return Some(raw.into_bytes());
    }
    None
}

/// Whether the subject is that of a bounce.
pub(super) fn is_bounce_subject(subject: &str) -> bool {
    let subject = normal(subject);
    holds(&subject, List::Subjects) || says_undelivered(&subject)
}

/// A text without the lines that it quotes. The marks of a transcript, `>>> RCPT TO:`, are none of
/// an answer.
pub(super) fn unquoted(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('>') || line.starts_with(">>>"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Whether a text holds a sentence of a mail system.
pub(super) fn has_signature(text: &str) -> bool {
    holds(&normal(text), List::Sentences)
}

/// Whether a text says in whatever words that a message was not delivered.
pub(super) fn says_failure(text: &str) -> bool {
    has_signature(text) || says_undelivered(&normal(text))
}

/// Whether a text quotes what an SMTP server answered: a reply code and an enhanced status side by
/// side, or a code behind "said".
pub(super) fn quotes_reply(text: &str) -> bool {
    let Codes { status, code } = codes_in(text);
    let low = normal(text);
    !code.is_empty()
        && (!status.is_empty()
            || ["said: ", "responded: ", "response: ", "replied: ", ">>> ", "<<< ", "error: "]
                .iter()
                .any(|word| low.contains(&format!("{word}{code}"))))
}

/// A text without what a mailing list puts below each message: a line of underscores, the list's
/// name, address and page.
fn without_footer(text: &str) -> &str {
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

/// Cuts a text where the returned message begins. The second part is empty where none follows.
pub(super) fn split_original(text: &str) -> (&str, &str) {
    let mut at = 0;
    let mut headers = 0;
    let mut first_header = 0;
    // Some list the message's date, sender and subject and go on; only a real header has what
    // relays put in.
    let mut is_transport = false;
    let mut names: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches(['>', '|', ' ', '\t']).trim_end();
        if bare.is_empty() && !names.is_empty() {
            if ["from", "to", "subject", "date"]
                .iter()
                .all(|name| names.iter().any(|known| known == name))
                && tells_who(&text[..first_header])
            {
                return (&text[..first_header], &text[first_header..]);
            }
            names.clear();
        }
        let low = bare.to_lowercase();
        let is_ruled = low.starts_with(['-', '=', '*', '_', '+', '#'])
            || low.ends_with([':', '-', '.', '=', '*']);
        if at > 0
            && is_ruled
            && low.len() < 120
            && holds(&normal(bare), List::OriginalFollows)
            && !low.contains('@')
        {
            let rest = &text[at + line.len()..];
            // Some announce the message and go on with the reason; what follows must look like a
            // header, unless they say that it is below.
            if low.contains("below this line is a copy")
                || fields(rest.trim_start_matches(['\n', '\r', '-', ' '])).len() >= 2
            {
                return (&text[..at], rest);
            }
        }
        let is_header = field(bare).is_some_and(|(name, _)| {
            [
                "received",
                "return-path",
                "message-id",
                "mime-version",
                "date",
                "from",
                "to",
                "subject",
                "content-type",
                "dkim-signature",
                "x-mailer",
                "reply-to",
                "delivered-to",
                "envelope-to",
            ]
            .contains(&name.as_str())
        });
        if is_header {
            if headers == 0 {
                first_header = at;
                is_transport = false;
                names.clear();
            }
            names.extend(field(line).map(|(name, _)| name));
            headers += 1;
            is_transport |= field(bare).is_some_and(|(name, _)| {
                [
                    "received",
                    "return-path",
                    "mime-version",
                    "content-type",
                    "dkim-signature",
                    "x-mailer",
                ]
                .contains(&name.as_str())
            });
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

/// A text without what may stand before its first line: empty lines, a ruled one. An indent that
/// all its lines may have is kept.
fn without_rule(text: &str) -> &str {
    let text = text.trim_start_matches(['\n', '\r']);
    if text.starts_with([' ', '\t']) {
        text
    } else {
        text.trim_start_matches(['\n', '\r', '-', ' '])
    }
}

/// What stands below an indented header, and that header, where a report begins with it and gives
/// its reason afterwards.
fn reason_below(text: &str) -> Option<(&str, &str)> {
    const FIRST: usize = 4_096;
    let length: usize = text
        .split_inclusive('\n')
        .take_while(|line| line.starts_with([' ', '\t']))
        .map(str::len)
        .sum();
    let (header, rest) = text.split_at(length);
    let first = &rest[..beginning(rest, rest.len().min(FIRST))];
    (has_signature(first) && first.contains('@')).then_some((rest, header))
}

/// Whether what stands above a header names somebody and gives a reason, so that the header is that
/// of the message. Some list the message's sender and subject first.
fn tells_who(before: &str) -> bool {
    const LAST: usize = 4_096;
    let last = &before[beginning(before, before.len().saturating_sub(LAST))..];
    gives_reason(&normal(last)) && !listed(last).is_empty()
}

/// Reads the bounce out of the texts; `known` are addresses that cannot be meant, such as our own.
pub(super) fn read(parts: &Parts, known: &[String]) -> Bounce {
    let mut said = String::new();
    let mut original: Vec<(String, String)> = parts.original.clone();
    for text in &parts.texts {
        let (before, after) = split_original(without_footer(text));
        if original.is_empty() && !after.is_empty() {
            original = fields(without_rule(after));
        }
        let mut end = before.len().min(MOST_SAID.saturating_sub(said.len()));
        while !before.is_char_boundary(end) {
            end -= 1;
        }
        said.push_str(&before[..end]);
        said.push('\n');
    }
    let sent_to: Vec<String> = ["to", "x-original-to", "envelope-to", "cc", "bcc"]
        .iter()
        .filter_map(|name| get(&original, name))
        .flat_map(all_in)
        .collect();
    let from: Vec<String> = ["from", "return-path", "sender", "reply-to", "errors-to"]
        .iter()
        .filter_map(|name| get(&original, name))
        .flat_map(all_in)
        .collect();
    let addressed: HashSet<String> = sent_to.iter().map(|to| to.to_ascii_lowercase()).collect();
    let senders: HashSet<String> = from.iter().map(|own| own.to_ascii_lowercase()).collect();
    let ours: HashSet<String> = known.iter().map(|own| own.to_ascii_lowercase()).collect();
    let is_to = |address: &String| addressed.contains(&address.to_ascii_lowercase());
    let is_ours = |address: &String| {
        let low = address.to_ascii_lowercase();
        (ours.contains(&low) || senders.contains(&low)) && !addressed.contains(&low)
    };
    // Whom the report itself was sent to is not the person, unless it stands where a recipient
    // does.
    let is_report_to = |address: &str| ours.contains(&address.to_ascii_lowercase());
    let candidate =
        |address: &String| !is_daemon(address) && !is_ours(address) && !is_machine(address);

    let named: Vec<String> =
        ["x-failed-recipients", "x-failed-recipient", "x-original-failed-recipient"]
            .iter()
            .filter_map(|name| parts.get(name))
            .flat_map(all_in)
            .collect();
    let mut recipients: Vec<String> = named;
    let mut told: &str = &said;
    if recipients.is_empty() {
        // Some tell first what was sent, To included, and then who did not get it.
        const AFTER: [&str; 3] = [
            "did not reach the following recipient",
            "could not be delivered to the following",
            "cannot be delivered to the following recipients",
        ];
        let low = said.to_ascii_lowercase();
        told = AFTER
            .iter()
            .find_map(|words| low.find(words))
            .map(|at| &said[at..])
            .filter(|rest| rest.contains('@'))
            .unwrap_or(&said);
        let listed = listed(told);
        // Of a long list nobody is asked for.
        let may_ask = sent_to.len() == 1 && listed.len() < 5;
        let is_meant =
            |address: &String| !may_ask || is_to(address) || !is_asked_for(told, address);
        let listed = listed
            .into_iter()
            .filter(|(address, is_sure)| *is_sure || (candidate(address) && is_meant(address)));
        recipients = listed.map(|(address, _)| address).collect();
    }
    if recipients.is_empty() {
        let mentioned: Vec<String> =
            all_in(told).into_iter().filter(|address| candidate(address)).collect();
        let both: Vec<String> =
            mentioned.iter().filter(|address| is_to(address)).cloned().collect();
        // Who is only mentioned may be a colleague who is to be asked instead, and who was written
        // to is known.
        recipients = match sent_to.as_slice() {
            _ if !both.is_empty() => both,
            [only] if !is_daemon(only) && !is_report_to(only) => {
                let meant =
                    mentioned.into_iter().take(20).find(|address| is_said_of(told, address));
                vec![meant.unwrap_or_else(|| only.clone())]
            }
            _ => mentioned
                .into_iter()
                .take(20)
                .find(|address| is_said_of(told, address))
                .into_iter()
                .collect(),
        };
    }
    if recipients.is_empty()
        && let [only] = sent_to.as_slice()
        && !is_daemon(only)
        && !is_report_to(only)
    {
        recipients.clone_from(&sent_to);
    }
    if recipients.is_empty() {
        // Somebody may be called by a role, where the sentence says so in as many words, or where a
        // recipient stands.
        let below = below_heading(told);
        recipients = all_in(told)
            .into_iter()
            .take(20)
            .filter(|address| is_role(address) && !is_ours(address))
            .filter(|address| is_said_anywhere(told, address) || below.as_ref() == Some(address))
            .take(1)
            .collect();
    }
    if recipients.is_empty()
        && let [only] = sent_to.as_slice()
        && (all_in(&said).contains(only) || (!is_report_to(only) && all_in(&said).is_empty()))
    {
        // Some write to a postmaster.
        recipients.clone_from(&sent_to);
    }
    if recipients.is_empty() {
        // Somebody who wrote to himself, or a list that bounces to itself. Without that message
        // only its place tells it from a mention.
        let is_meant = |address: &String| {
            !is_machine(address) && !is_daemon(address) && is_said_of(&said, address)
        };
        let others = all_in(&said)
            .into_iter()
            .take(if original.is_empty() { 0 } else { 20 })
            .filter(is_meant);
        recipients = listed(&said)
            .into_iter()
            .map(|(address, _)| address)
            .filter(|address| !is_machine(address))
            .chain(others)
            .filter(|address| is_to(address) || !senders.contains(&address.to_ascii_lowercase()))
            .take(1)
            .collect();
    }
    if recipients.is_empty() {
        recipients = in_subject(&parts.subject).into_iter().filter(&candidate).collect();
    }
    let low = said.to_ascii_lowercase();
    let places = places(&said);
    let people: HashSet<String> = recipients.iter().map(|address| address.to_lowercase()).collect();
    let recipients = recipients
        .into_iter()
        .map(|address| {
            let about = about(&said, &places, &people, &address);
            let written_to = alias_of(&about).filter(&is_to);
            (written_to.unwrap_or(address), about)
        })
        .collect();
    let names_recipient_of_original = sent_to.iter().any(|to| {
        places.contains_key(&to.to_lowercase())
            || (sent_to.len() == 1 && low.contains(&to.to_ascii_lowercase()))
    });
    let message_id = get(&original, "message-id").map(super::bare_id).unwrap_or_default();
    Bounce {
        recipients,
        said,
        has_original: !original.is_empty(),
        message_id,
        names_recipient_of_original,
    }
}

/// The address that was written to, where a system names the one that it was forwarded to and where
/// that came from.
pub(super) fn alias_of(about: &str) -> Option<String> {
    let low = about.to_ascii_lowercase();
    let at = ["expanded from", "generated from"].iter().find_map(|words| low.find(words))?;
    all_in(&about[at..]).into_iter().next()
}

/// Addresses of help desks and the like.
fn is_role(address: &str) -> bool {
    let low = address.to_ascii_lowercase();
    let local = low.split('@').next().unwrap_or_default();
    matches!(
        local,
        "abuse"
            | "support"
            | "helpdesk"
            | "hostmaster"
            | "webmaster"
            | "noreply"
            | "no-reply"
            | "spam"
            | "unblock"
            | "feedback"
    )
}

/// Addresses of help desks, and Message-IDs, which look like addresses.
fn is_machine(address: &str) -> bool {
    let low = address.to_ascii_lowercase();
    let local = low.split('@').next().unwrap_or_default();
    let is_id =
        local.len() > 30 && local.bytes().filter(u8::is_ascii_digit).count() * 3 > local.len();
    is_id
        || is_role(address)
        || low.contains(".prod.outlook.com")
        || low.strip_prefix("bounce").is_some_and(|rest| {
            rest.trim_start_matches('s').starts_with(['@', '+', '-', '=', '.', '_'])
        })
}

/// How many lines about one address are read.
const MOST_LINES: usize = 12;

/// How much of one of these is read, in bytes.
const MOST_OF_LINE: usize = 1_000;

/// The end of a character at a place or right before it.
fn beginning(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The beginning of a line.
fn shortened(line: &str) -> &str {
    &line[..beginning(line, line.len().min(2 * MOST_OF_LINE))]
}

/// What a text says about an address: from the line that names it to the next address of `people`,
/// all in lowercase. `places` says where each address stands first.
fn about(
    text: &str,
    places: &HashMap<String, usize>,
    people: &HashSet<String>,
    address: &str,
) -> String {
    let Some(at) =
        places.get(&address.to_lowercase()).copied().filter(|at| text.is_char_boundary(*at))
    else {
        return String::new();
    };
    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let below =
        below(&text[line.max(beginning(text, at.saturating_sub(MOST_OF_LINE)))..], people, address);
    match above(&text[..line]).filter(|(_, is_free)| *is_free || !says_something(&below)) {
        Some((above, _)) => format!("{above} {below}"),
        None => below,
    }
}

/// The lines of an address and behind it. Some put several addresses above one reason.
fn below(text: &str, people: &HashSet<String>, address: &str) -> String {
    let mut out = String::new();
    for (number, line) in text.lines().map(shortened).enumerate() {
        let is_of_another = || {
            let mut others =
                all_in(line).into_iter().filter(|other| !other.eq_ignore_ascii_case(address));
            let is_person = |other: String| {
                people.contains(&other.to_lowercase()) || gives_reason(&normal(&out))
            };
            others.any(is_person)
        };
        if number > 0 && alias_of(line).is_none() && is_of_another() && says_something(&out) {
            break;
        }
        if number > MOST_LINES || out.len() > 2_000 {
            break;
        }
        out.push_str(line.trim());
        out.push(' ');
    }
    out.trim().to_owned()
}

/// The line right above an address, if it gives a reason, and whether it can belong to no other
/// address above it.
fn above(text: &str) -> Option<(&str, bool)> {
    let mut lines = text.trim_end_matches('\n').rsplit('\n').map(shortened).take(MOST_LINES);
    let above = lines.next().filter(|line| {
        !text.ends_with("\n\n") && all_in(line).is_empty() && gives_reason(&normal(line))
    })?;
    let is_free =
        lines.take_while(|line| !line.trim().is_empty()).all(|line| all_in(line).is_empty());
    Some((above.trim(), is_free))
}

/// Whether there is a word beside the addresses.
fn says_something(text: &str) -> bool {
    without_addresses(text).chars().filter(|c| c.is_alphanumeric()).count() > 3
}
