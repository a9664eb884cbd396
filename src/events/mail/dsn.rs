//! Reads delivery status notifications (RFC 3464). The first block of fields is about the message,
//! and each further block is about one recipient.

use jiff::Timestamp;

use super::addresses;
use super::headers::field;

/// The fields of a report about one recipient.
#[derive(Clone, Debug, Default)]
pub(super) struct Recipient {
    pub(super) final_recipient: String,
    pub(super) original_recipient: String,
    pub(super) actual_recipient: String,
    pub(super) action: String,
    pub(super) status: String,
    pub(super) diagnostic: String,
    pub(super) remote_mta: String,
    pub(super) at: Option<Timestamp>,
}

impl Recipient {
    fn says_nothing(&self) -> bool {
        self.action.is_empty() && self.status.is_empty() && self.diagnostic.is_empty()
    }

    /// Returns the remote server's reply, or else the comment in the status field.
    pub(super) fn said(&self) -> &str {
        if self.diagnostic.is_empty() {
            self.status.split_once([' ', '(']).map_or("", |(_, comment)| comment)
        } else {
            &self.diagnostic
        }
    }

    /// Whether the report names an address that cannot be parsed, and no valid address.
    pub(super) fn is_unreadable(&self) -> bool {
        let named = [&self.original_recipient, &self.final_recipient];
        named.iter().any(|value| addresses::is_unreadable(value)) && self.addresses().is_empty()
    }

    /// Returns an address whose host name has no dot, if the report names no other address.
    pub(super) fn undotted(&self) -> Option<String> {
        if !self.addresses().is_empty() {
            return None;
        }
        [&self.original_recipient, &self.final_recipient]
            .iter()
            .find_map(|value| addresses::undotted(value))
    }

    /// Returns the valid addresses in the report's fields: original (the address we mailed, RFC
    /// 3464 section 2.3.1), final, actual.
    pub(super) fn addresses(&self) -> Vec<String> {
        let named = [&self.original_recipient, &self.final_recipient, &self.actual_recipient];
        let mut found: Vec<String> = Vec::new();
        let plain = named.iter().filter_map(|value| addresses::of_field(value));
        // Some servers copy the encoded `ORCPT` value. Both the encoded and the decoded value may
        // be valid addresses, so both are returned.
        let (foreign, rest): (Vec<String>, Vec<String>) = named
            .iter()
            .filter_map(|value| addresses::of_xtext(value))
            .partition(|address| !address.is_ascii());
        for address in foreign.into_iter().chain(plain).chain(rest) {
            if !found.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                found.push(address);
            }
        }
        found
    }
}

/// Whether a text contains the fields of a report, even if its part has another type.
pub(super) fn is_status(text: &str) -> bool {
    let lines = || text.lines().map(str::trim_start);
    let begins = |line: &str, name: &str| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    lines().any(|line| begins(line, "final-recipient:") || begins(line, "original-recipient:"))
        && lines().any(|line| {
            begins(line, "action:") || begins(line, "status:") || begins(line, "diagnostic-code:")
        })
}

/// Returns the recipients that a report names, in order.
///
/// The fields of a recipient may have any order. If an empty line between two recipients is
/// missing, the field that usually begins a block separates them. If an extra empty line separates
/// fields from their recipient, they are added to the recipient next to them.
pub(super) fn recipients(text: &str) -> Vec<Recipient> {
    let mut found: Vec<Recipient> = Vec::new();
    let mut astray = Recipient::default();
    let mut is_filled_from_above = false;
    for block in blocks(text) {
        for fields in people(block) {
            let mut recipient = Recipient::default();
            for (name, value) in &fields {
                set(&mut recipient, name, value);
            }
            let is_named =
                !recipient.final_recipient.is_empty() || !recipient.original_recipient.is_empty();
            match found.last_mut() {
                _ if is_named => {
                    is_filled_from_above = false;
                    if recipient.says_nothing() && !astray.says_nothing() {
                        let rest = std::mem::take(&mut astray);
                        is_filled_from_above = true;
                        recipient = Recipient {
                            final_recipient: recipient.final_recipient,
                            original_recipient: recipient.original_recipient,
                            ..rest
                        };
                    }
                    found.push(recipient);
                }
                // Fields usually follow the name of their recipient. They replace fields that stood
                // above the name.
                Some(last) if last.says_nothing() || is_filled_from_above => {
                    is_filled_from_above = false;
                    let named = std::mem::take(last);
                    *last = Recipient {
                        final_recipient: named.final_recipient,
                        original_recipient: named.original_recipient,
                        ..recipient
                    };
                }
                _ => astray = recipient,
            }
        }
    }
    found
}

/// Collects the fields about a recipient that the report does not name.
pub(super) fn nameless(text: &str) -> Option<Recipient> {
    let mut recipient = Recipient::default();
    for (name, value) in blocks(text).iter().flatten() {
        set(&mut recipient, name, value);
    }
    Some(recipient).filter(|recipient| !recipient.says_nothing())
}

/// Splits a report into blocks, each a list of unfolded fields.
fn blocks(text: &str) -> Vec<Vec<(String, String)>> {
    let mut blocks: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines() {
        let line = line.trim_end();
        if line.trim().is_empty() {
            blocks.push(Vec::new());
            continue;
        }
        let Some(block) = blocks.last_mut() else { continue };
        let read = field(line.trim());
        // Some servers indent the whole report. If an indented line begins with a known field name,
        // it is a new field and not a continuation.
        if (line.starts_with([' ', '\t']) || read.is_none())
            && read.as_ref().is_none_or(|(name, _)| !is_known(name))
            && let Some((_, value)) = block.last_mut()
        {
            if value.len() < 4_000 {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        block.extend(read);
    }
    blocks
}

/// Splits a block before each field that names another recipient.
fn people(block: Vec<(String, String)>) -> Vec<Vec<(String, String)>> {
    let mut people: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (name, value) in block {
        let Some(open) = people.last_mut() else { break };
        let is_there = |known: &str| open.iter().any(|(name, _)| name == known);
        let begins = match name.as_str() {
            "final-recipient" => is_there("final-recipient"),
            "original-recipient" => {
                is_there("original-recipient")
                    || (is_there("final-recipient") && is_there("status") && is_there("action"))
            }
            _ => false,
        };
        if begins {
            people.push(vec![(name, value)]);
        } else {
            open.push((name, value));
        }
    }
    people
}

fn is_known(name: &str) -> bool {
    [
        "final-recipient",
        "original-recipient",
        "action",
        "status",
        "diagnostic-code",
        "remote-mta",
        "last-attempt-date",
        "reporting-mta",
    ]
    .contains(&name)
}

fn set(recipient: &mut Recipient, name: &str, value: &str) {
    let slot = match name {
        "final-recipient" => &mut recipient.final_recipient,
        "original-recipient" => &mut recipient.original_recipient,
        "x-actual-recipient" => &mut recipient.actual_recipient,
        "action" => {
            recipient.action =
                value.split([' ', '(', ';']).next().unwrap_or_default().to_ascii_lowercase();
            return;
        }
        "status" => &mut recipient.status,
        "diagnostic-code" | "x-supplementary-info" | "x-display-name-of-the-error" => {
            &mut recipient.diagnostic
        }
        "remote-mta" => &mut recipient.remote_mta,
        "last-attempt-date" => {
            recipient.at = mail_parser::DateTime::parse_rfc822(value)
                .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
            return;
        }
        _ => return,
    };
    if slot.is_empty() {
        value.clone_into(slot);
    } else if slot.len() < 4_000 {
        slot.push(' ');
        slot.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_a_recipient_and_folded_fields_go_on() {
        let text = "Reporting-MTA: dns; mx.example.com\n\nOriginal-Recipient: rfc822; ann@example.com\nFinal-Recipient: rfc822; ann@mx.example.com\n\
            Action: FAILED (gone)\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1\n <ann@example.com>: no such user\n\n\
            Final-Recipient: rfc822; bob@example.com\nAction: delayed\nStatus: 4.4.1\nLast-Attempt-Date: Sat, 21 Nov 2026 12:00:00 +0100\n";
        assert!(is_status(text));
        let found = recipients(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].action.as_str(), found[0].status.as_str()), ("failed", "5.1.1"));
        assert_eq!(found[0].diagnostic, "smtp; 550 5.1.1 <ann@example.com>: no such user");
        assert_eq!(found[0].addresses(), ["ann@example.com", "ann@mx.example.com"]);
        assert_eq!(found[1].at.unwrap().to_string(), "2026-11-21T11:00:00Z");
        let stray = "Action: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; bob@example.com\n";
        assert_eq!(recipients(stray)[0].action, "failed");
        let both = recipients(&format!("{stray}\nAction: delivered\nStatus: 2.0.0\n"));
        assert_eq!(
            (both.len(), both[0].action.as_str(), both[0].status.as_str()),
            (1, "delivered", "2.0.0")
        );
        assert!(!is_status("Final-Recipient: of what?") && recipients("").is_empty());
    }
}
