//! Reads bounces in free text: their recipients, and the text about each.
//!
//! Only the text before the returned message is read, because the returned message contains
//! unrelated addresses.

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

/// The maximum length of text to read before the returned message. A text about 100,000 recipients
/// fits.
const MOST_SAID: usize = 16 << 20;

/// A bounce in free text.
#[derive(Debug, Default)]
pub(super) struct Bounce {
    /// Each recipient, with the text about it.
    pub(super) recipients: Vec<(String, String)>,
    /// The text before the returned message.
    pub(super) said: String,
    /// Whether the bounce contains the returned message or its header.
    pub(super) has_original: bool,
    /// The Message-ID of the returned message, if it is in the text; otherwise empty.
    pub(super) message_id: String,
    /// Whether the text names a recipient of the returned message.
    pub(super) names_recipient_of_original: bool,
}

/// Extracts a message that a person forwards as quoted text. Quotation marks are removed.
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

/// Reads a bounce from the texts of a message. `known` contains addresses that cannot be the
/// recipient, such as our own.
pub(super) fn read(parts: &Parts, known: &[String]) -> Bounce {
    let search = Search::new(parts, known);
    let recipients = search.recipients();
    let Search { said, original, sent_to, .. } = &search;
    let low = said.to_ascii_lowercase();
    let places = places(said);
    let people: HashSet<String> = recipients.iter().map(|address| address.to_lowercase()).collect();
    let recipients = recipients
        .into_iter()
        .map(|address| {
            let about = about(said, &places, &people, &address);
            let written_to = alias_of(&about).filter(|alias| search.is_addressed(alias));
            (written_to.unwrap_or(address), about)
        })
        .collect();
    let names_recipient_of_original = sent_to.iter().any(|to| {
        places.contains_key(&to.to_lowercase())
            || (sent_to.len() == 1 && low.contains(&to.to_ascii_lowercase()))
    });
    let message_id = get(original, "message-id").map(bare_id).unwrap_or_default();
    let has_original = !original.is_empty();
    Bounce { recipients, said: search.said, has_original, message_id, names_recipient_of_original }
}

/// Searches a bounce for its recipients.
struct Search<'p> {
    parts: &'p Parts,
    /// The text before the returned message.
    said: String,
    /// The header of the returned message; empty if there is none.
    original: Vec<(String, String)>,
    /// The recipients in the header of the returned message.
    sent_to: Vec<String>,
    addressed: HashSet<String>,
    senders: HashSet<String>,
    ours: HashSet<String>,
}

impl<'p> Search<'p> {
    fn new(parts: &'p Parts, known: &[String]) -> Self {
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
        let addresses_in = |names: &[&str]| -> Vec<String> {
            names.iter().filter_map(|name| get(&original, name)).flat_map(all_in).collect()
        };
        let low = |addresses: &[String]| -> HashSet<String> {
            addresses.iter().map(|address| address.to_ascii_lowercase()).collect()
        };
        let sent_to = addresses_in(&["to", "x-original-to", "envelope-to", "cc", "bcc"]);
        let from = addresses_in(&["from", "return-path", "sender", "reply-to", "errors-to"]);
        let (addressed, senders, ours) = (low(&sent_to), low(&from), low(known));
        Self { parts, said, original, sent_to, addressed, senders, ours }
    }

    /// Whether the returned message was sent to an address.
    fn is_addressed(&self, address: &str) -> bool {
        self.addressed.contains(&address.to_ascii_lowercase())
    }

    fn is_ours(&self, address: &str) -> bool {
        let low = address.to_ascii_lowercase();
        (self.ours.contains(&low) || self.senders.contains(&low)) && !self.addressed.contains(&low)
    }

    /// Whether the bounce itself was sent to an address. That address is usually not the failed
    /// recipient.
    fn is_report_to(&self, address: &str) -> bool {
        self.ours.contains(&address.to_ascii_lowercase())
    }

    fn is_candidate(&self, address: &str) -> bool {
        !is_daemon(address) && !self.is_ours(address) && !is_machine(address)
    }

    /// Returns the recipient of the returned message, if there is exactly one.
    fn only_addressee(&self) -> Option<&String> {
        match self.sent_to.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Returns the recipients found by the first method that finds any.
    fn recipients(&self) -> Vec<String> {
        let relevant = self.relevant();
        let methods: [&dyn Fn() -> Vec<String>; 7] = [
            &|| self.in_header(),
            &|| self.listed(relevant),
            &|| self.mentioned(relevant),
            &|| self.role(relevant),
            &|| self.postmaster(),
            &|| self.sender(),
            &|| {
                let named = in_subject(&self.parts.subject).into_iter();
                named.filter(|address| self.is_candidate(address)).collect()
            },
        ];
        methods
            .into_iter()
            .map(|method| method())
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn in_header(&self) -> Vec<String> {
        ["x-failed-recipients", "x-failed-recipient", "x-original-failed-recipient"]
            .iter()
            .filter_map(|name| self.parts.get(name))
            .flat_map(all_in)
            .collect()
    }

    /// Returns the part of the text that may list the failed recipients. Some texts show the sent
    /// message first, with its To field, and then list the recipients.
    fn relevant(&self) -> &str {
        const AFTER: [&str; 3] = [
            "did not reach the following recipient",
            "could not be delivered to the following",
            "cannot be delivered to the following recipients",
        ];
        let low = self.said.to_ascii_lowercase();
        AFTER
            .iter()
            .find_map(|words| low.find(words))
            .map(|at| &self.said[at..])
            .filter(|rest| rest.contains('@'))
            .unwrap_or(&self.said)
    }

    fn listed(&self, relevant: &str) -> Vec<String> {
        let listed = listed(relevant);
        // A list of five or more addresses contains no contacts.
        let may_ask = self.sent_to.len() == 1 && listed.len() < 5;
        let is_meant = |address: &str| {
            !may_ask || self.is_addressed(address) || !is_asked_for(relevant, address)
        };
        listed
            .into_iter()
            .filter(|(address, is_sure)| {
                *is_sure || (self.is_candidate(address) && is_meant(address))
            })
            .map(|(address, _)| address)
            .collect()
    }

    /// Returns the addresses in the text that were mailed. If there are none, returns an address
    /// that a sentence reports as failed, because other addresses may be contacts.
    fn mentioned(&self, relevant: &str) -> Vec<String> {
        let mentioned: Vec<String> =
            all_in(relevant).into_iter().filter(|address| self.is_candidate(address)).collect();
        let both: Vec<String> =
            mentioned.iter().filter(|address| self.is_addressed(address)).cloned().collect();
        if !both.is_empty() {
            return both;
        }
        let meant = mentioned.into_iter().take(20).find(|address| is_said_of(relevant, address));
        meant.map_or_else(|| self.addressee(), |meant| vec![meant])
    }

    fn addressee(&self) -> Vec<String> {
        let only = self.only_addressee();
        only.filter(|only| !is_daemon(only) && !self.is_report_to(only))
            .map_or_else(Vec::new, |only| vec![only.clone()])
    }

    /// Returns an address of a role, such as `info@`, if a sentence reports it as failed or if it
    /// follows a heading about a failure.
    fn role(&self, relevant: &str) -> Vec<String> {
        let below = below_heading(relevant);
        all_in(relevant)
            .into_iter()
            .take(20)
            .filter(|address| is_role(address) && !self.is_ours(address))
            .filter(|address| {
                is_said_anywhere(relevant, address) || below.as_ref() == Some(address)
            })
            .take(1)
            .collect()
    }

    /// Returns the only recipient of the returned message, even if it is a postmaster.
    fn postmaster(&self) -> Vec<String> {
        let only = self.only_addressee().filter(|only| {
            let all = all_in(&self.said);
            all.contains(only) || (!self.is_report_to(only) && all.is_empty())
        });
        only.map_or_else(Vec::new, |only| vec![only.clone()])
    }

    /// Returns a failed address even if it is the sender's own: people mail themselves, and lists
    /// bounce to themselves. Without the returned message, only an address at a recipient's
    /// position counts.
    fn sender(&self) -> Vec<String> {
        let said = &self.said;
        let is_meant = |address: &String| {
            !is_machine(address) && !is_daemon(address) && is_said_of(said, address)
        };
        let others = all_in(said)
            .into_iter()
            .take(if self.original.is_empty() { 0 } else { 20 })
            .filter(is_meant);
        listed(said)
            .into_iter()
            .map(|(address, _)| address)
            .filter(|address| !is_machine(address))
            .chain(others)
            .filter(|address| {
                self.is_addressed(address) || !self.senders.contains(&address.to_ascii_lowercase())
            })
            .take(1)
            .collect()
    }
}

/// Whether an address belongs to a help desk or another role.
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

/// Whether an address belongs to a help desk, or is a Message-ID, which looks like an address.
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
