//! Reads bounces in free text: their recipients, and the text about each.
//!
//! Only the text before the returned message is read, because the returned message contains
//! addresses and words of its own.

use std::collections::HashSet;

use super::addresses::{all_in, is_daemon, places};
use super::correlation::bare_id;
use super::headers::{fields, get};
use super::listed::{alias_of, below_heading, in_subject, listed};
use super::mention::{is_asked_for, is_said_anywhere, is_said_of};
use super::parts::Parts;
use super::phrases::{List, holds};
use super::returned::{split_original, without_footer, without_rule};
use super::said::about;
use crate::replies::normal;

/// How much of the text before the returned message is read: enough for a hundred thousand
/// recipients.
const MOST_SAID: usize = 16 << 20;

/// A bounce in free text.
#[derive(Debug, Default)]
pub(super) struct Bounce {
    /// Each recipient with the text about it.
    pub(super) recipients: Vec<(String, String)>,
    /// The text before the returned message.
    pub(super) said: String,
    /// The bounce contains the returned message or its header.
    pub(super) has_original: bool,
    /// The Message-ID of the returned message, if it is in the text; otherwise empty.
    pub(super) message_id: String,
    /// The text names a recipient of the returned message.
    pub(super) names_recipient_of_original: bool,
}

/// A message that a person forwards as quoted text, without the quotation marks.
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

/// Reads a bounce from the texts of a message. `known` are addresses that cannot be the recipient,
/// such as our own.
pub(super) fn read(parts: &Parts, known: &[String]) -> Bounce {
    let mut said = String::new();
    let mut original: Vec<(String, String)> = parts.original.clone();
    for text in &parts.texts {
        let (before, after) = split_original(without_footer(text));
        if original.is_empty() && !after.is_empty() {
            original = fields(without_rule(after));
        }
        let end = before.floor_char_boundary(MOST_SAID.saturating_sub(said.len()));
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
    // The address that the bounce itself was sent to is not the recipient, unless it stands where a
    // recipient is expected.
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
    let mut relevant: &str = &said;
    if recipients.is_empty() {
        // Some texts first show the sent message with its To field, and then list the failed
        // recipients.
        const AFTER: [&str; 3] = [
            "did not reach the following recipient",
            "could not be delivered to the following",
            "cannot be delivered to the following recipients",
        ];
        let low = said.to_ascii_lowercase();
        relevant = AFTER
            .iter()
            .find_map(|words| low.find(words))
            .map(|at| &said[at..])
            .filter(|rest| rest.contains('@'))
            .unwrap_or(&said);
        let listed = listed(relevant);
        // In a long list no address is a contact.
        let may_ask = sent_to.len() == 1 && listed.len() < 5;
        let is_meant =
            |address: &String| !may_ask || is_to(address) || !is_asked_for(relevant, address);
        let listed = listed
            .into_iter()
            .filter(|(address, is_sure)| *is_sure || (candidate(address) && is_meant(address)));
        recipients = listed.map(|(address, _)| address).collect();
    }
    if recipients.is_empty() {
        let mentioned: Vec<String> =
            all_in(relevant).into_iter().filter(|address| candidate(address)).collect();
        let both: Vec<String> =
            mentioned.iter().filter(|address| is_to(address)).cloned().collect();
        // An address that is only mentioned may be a colleague to contact instead. The address that
        // was mailed is preferred.
        recipients = match sent_to.as_slice() {
            _ if !both.is_empty() => both,
            [only] if !is_daemon(only) && !is_report_to(only) => {
                let meant =
                    mentioned.into_iter().take(20).find(|address| is_said_of(relevant, address));
                vec![meant.unwrap_or_else(|| only.clone())]
            }
            _ => mentioned
                .into_iter()
                .take(20)
                .find(|address| is_said_of(relevant, address))
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
        // An address with the name of a role may be the recipient, if a sentence says so or if it
        // stands where a recipient is expected.
        let below = below_heading(relevant);
        recipients = all_in(relevant)
            .into_iter()
            .take(20)
            .filter(|address| is_role(address) && !is_ours(address))
            .filter(|address| {
                is_said_anywhere(relevant, address) || below.as_ref() == Some(address)
            })
            .take(1)
            .collect();
    }
    if recipients.is_empty()
        && let [only] = sent_to.as_slice()
        && (all_in(&said).contains(only) || (!is_report_to(only) && all_in(&said).is_empty()))
    {
        // Some messages are sent to a postmaster.
        recipients.clone_from(&sent_to);
    }
    if recipients.is_empty() {
        // A sender may have mailed himself, or a list may bounce to itself. Without the returned
        // message, only the position of an address shows whether it is the recipient.
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
    let message_id = get(&original, "message-id").map(bare_id).unwrap_or_default();
    Bounce {
        recipients,
        said,
        has_original: !original.is_empty(),
        message_id,
        names_recipient_of_original,
    }
}

/// Whether an address is that of a help desk or another role.
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

/// Whether an address is that of a help desk, or a Message-ID, which looks like an address.
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
