//! Reads the events of machine-readable reports. Each recipient is judged by its fields and by the
//! text about it.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::blank::{blank, shortened};
use super::correlation::{own_addresses, verp};
use super::dsn::{self, Recipient};
use super::listed::alias_of;
use super::parts::Parts;
use super::subjects::{is_answer, is_bounce_subject};
use super::{addresses, headers, origin, text};
use crate::model::event::{Bounce, Event, EventKind, Source};
use crate::replies::bounce::Judge;

/// Reads the events of machine-readable reports.
pub(super) fn reported(parts: &Parts, now: Timestamp) -> Vec<Event> {
    let human = text::read(parts, &own_addresses(parts));
    let (recipients, is_hearsay) = recipients(parts, &human);
    let report = Report::new(parts, &human, &recipients);
    let mut judge = Judge::default();
    let blanks = [EventKind::Bounced, EventKind::Deferred, EventKind::Delivered]
        .map(|kind| blank(parts, kind, Source::Dsn, now));
    recipients
        .iter()
        .filter_map(|recipient| {
            let kind = kind_of(recipient)?;
            let blank = blanks.iter().find(|blank| blank.kind == kind)?;
            let event = Event { is_hearsay, ..blank.clone() };
            report.event(recipient, event, &mut judge, now)
        })
        .collect()
}

/// Returns the recipients that the reports name. The flag is true if they are unproven (hearsay).
fn recipients(parts: &Parts, human: &text::Bounce) -> (Vec<Recipient>, bool) {
    let mut recipients: Vec<Recipient> =
        parts.statuses.iter().flat_map(|status| dsn::recipients(status)).collect();
    let is_reported = parts.report_type == "delivery-status" || origin::is_from_mail_system(parts);
    let mut is_hearsay = false;
    if recipients.is_empty()
        && (is_reported || (is_bounce_subject(&parts.subject) && !is_answer(&parts.subject)))
    {
        // Some gateways convert the machine-readable part to text.
        recipients = parts
            .texts
            .iter()
            .filter(|text| dsn::is_status(text))
            .flat_map(|text| dsn::recipients(text))
            .collect();
        is_hearsay = parts.report_type != "delivery-status"
            && !origin::is_from_program(parts)
            && parts.original.is_empty();
    }
    if recipients.is_empty() && human.recipients.len() == 1 {
        // The report names no recipient. The address is in the text or in a header field.
        recipients =
            parts.statuses.iter().filter_map(|status| dsn::nameless(status)).take(1).collect();
    }
    (recipients, is_hearsay)
}

/// The data that all recipients of one report share.
struct Report<'p> {
    parts: &'p Parts,
    /// The bounce read from the report's text for people.
    human: &'p text::Bounce,
    /// The addresses that the report itself was sent to.
    own: HashSet<String>,
    /// The recipients of the returned message.
    sent_to: Vec<String>,
    addressed: HashSet<String>,
    /// The addresses to which mail was delivered according to the report.
    arrived: HashSet<String>,
    /// The text about each address. The addresses are in lowercase.
    known: HashMap<String, &'p str>,
    /// Whether the report names only one recipient.
    alone: bool,
}

impl<'p> Report<'p> {
    fn new(parts: &'p Parts, human: &'p text::Bounce, recipients: &[Recipient]) -> Self {
        // The addresses that the report itself was sent to, such as a list, are not recipients of
        // the message.
        let own: HashSet<String> =
            own_addresses(parts).iter().map(|own| own.to_ascii_lowercase()).collect();
        let mut sent_to: Vec<String> =
            headers::get(&parts.original, "to").map(addresses::all_in).unwrap_or_default();
        sent_to.retain(|to| !own.contains(&to.to_ascii_lowercase()));
        let addressed: HashSet<String> = sent_to.iter().map(|to| to.to_ascii_lowercase()).collect();
        // If mail to some addresses was delivered, the failed addresses are members of a list or an
        // alias. The recipient that we mailed did not fail.
        let arrived: HashSet<String> = recipients
            .iter()
            .filter(|recipient| kind_of(recipient) == Some(EventKind::Delivered))
            .flat_map(Recipient::addresses)
            .map(|address| address.to_ascii_lowercase())
            .collect();
        let mut known: HashMap<String, &str> = HashMap::new();
        for (address, about) in human.recipients.iter().rev() {
            // The text may name a forwarding target, and the report the alias that we mailed, so
            // the text is stored under both.
            known.extend(alias_of(about).map(|alias| (alias.to_lowercase(), about.as_str())));
            known.insert(address.to_lowercase(), about);
        }
        let alone = recipients.len() == 1;
        Self { parts, human, own, sent_to, addressed, arrived, known, alone }
    }

    fn has_arrived(&self, address: &str) -> bool {
        self.arrived.contains(&address.to_ascii_lowercase())
    }

    /// Builds the event about a recipient from `event`, which has the shared fields. Returns `None`
    /// if the report says nothing about the recipient.
    fn event(
        &self,
        recipient: &Recipient,
        mut event: Event,
        judge: &mut Judge,
        now: Timestamp,
    ) -> Option<Event> {
        let kind = event.kind;
        let address = self.address(recipient, kind);
        let is_unreadable =
            address.is_none() && (recipient.is_unreadable() || is_mailbox(recipient));
        if address.is_none() && recipient.status.is_empty() && recipient.diagnostic.is_empty() {
            return None;
        }
        if is_unreadable {
            // The field names a recipient (RFC 3464 section 2.3.2) that cannot be parsed. It may
            // differ from the recipient of the message, so the event must not be linked to that
            // message.
            event.message_id.clear();
            event.token.clear();
        }
        let about = address.as_ref().and_then(|address| self.known.get(&address.to_lowercase()));
        let around = match about {
            Some(about) if !about.is_empty() => *about,
            _ if self.alone => &self.human.said,
            _ => "",
        };
        let judged = judge.of(&recipient.status, recipient.said(), around);
        event.status = judged.status;
        event.code = judged.code;
        event.reason =
            shortened(if recipient.said().is_empty() { around } else { recipient.said() });
        if let Some(at) = recipient.at.filter(|at| *at <= now) {
            event.at = at;
            event.id.clear();
        }
        if kind == EventKind::Bounced {
            event.bounce = Some(judged.bounce);
        }
        if kind != EventKind::Delivered {
            event.class = Some(judged.class);
        }
        if kind != EventKind::Delivered && !self.arrived.is_empty() {
            unlink_unless_addressed(
                &mut event,
                address.as_ref().filter(|address| !self.has_arrived(address)),
                &self.addressed,
            );
        }
        event.recipient = address;
        Some(event)
    }

    /// Finds the address of a recipient in its fields, the text or the returned message.
    fn address(&self, recipient: &Recipient, kind: EventKind) -> Option<String> {
        let mut named = recipient.addresses();
        if kind != EventKind::Delivered && named.iter().any(|address| !self.has_arrived(address)) {
            named.retain(|address| !self.has_arrived(address));
        }
        let is_addressed = |address: &str| self.addressed.contains(&address.to_ascii_lowercase());
        // Some servers write the sender's address into the field, and the recipient's into the
        // text.
        let is_own = |address: &str| {
            self.own.contains(&address.to_ascii_lowercase()) && !is_addressed(address)
        };
        let people = &self.human.recipients;
        if self.alone
            && kind != EventKind::Delivered
            && people.len() == 1
            && !people.iter().any(|(person, _)| is_own(person))
        {
            named.retain(|address| !is_own(address));
        }
        let ours = named.iter().find(|address| is_addressed(address)).or(named.first());
        let others =
            || whole(recipient, people, &self.sent_to, self.alone).or_else(|| verp(self.parts));
        let address =
            ours.cloned().or_else(|| if recipient.is_unreadable() { None } else { others() });
        address.filter(|address| !is_another(recipient, address))
    }
}

/// Returns the kind of event for a recipient, or `None` if the report says nothing about it.
fn kind_of(recipient: &Recipient) -> Option<EventKind> {
    Some(match (recipient.action.as_str(), recipient.status.trim_start().chars().next()) {
        ("failed" | "fail" | "failure" | "expired", _) | ("", Some('5')) => EventKind::Bounced,
        ("delayed" | "delay", _) => EventKind::Deferred,
        ("delivered" | "relayed" | "expanded" | "deliverable", _) | (_, Some('2')) => {
            EventKind::Delivered
        }
        ("", Some('4')) => EventKind::Bounced,
        _ if recipient.status.is_empty() && recipient.diagnostic.is_empty() => return None,
        _ => EventKind::Bounced,
    })
}

/// Removes the link to the message's recipient, unless the failure names that recipient. `named` is
/// the failed address, or `None` if the report says that mail to it was delivered.
fn unlink_unless_addressed(event: &mut Event, named: Option<&String>, addressed: &HashSet<String>) {
    if named.is_some_and(|named| addressed.contains(&named.to_ascii_lowercase())) {
        return;
    }
    event.message_id.clear();
    event.token.clear();
    if named.is_none() && event.bounce.is_some() {
        event.bounce = Some(Bounce::Soft);
    }
}

/// Completes an address that has no domain or only a local host name, from the text or the returned
/// message. An address without a dot that cannot be completed is used unchanged.
fn whole(
    recipient: &Recipient,
    human: &[(String, String)],
    sent_to: &[String],
    alone: bool,
) -> Option<String> {
    let undotted = recipient.undotted();
    let local = undotted
        .as_deref()
        .and_then(|address| address.split('@').next())
        .map(str::to_ascii_lowercase)
        .or_else(|| local(recipient));
    // The text may also name other addresses, such as a help desk's.
    let mut all = sent_to
        .iter()
        .filter(|_| sent_to.len() == 1)
        .chain(human.iter().map(|(address, _)| address))
        .chain(sent_to);
    let by_name = local.and_then(|local| {
        all.clone().find(|address| address.to_ascii_lowercase().starts_with(&format!("{local}@")))
    });
    by_name.cloned().or(undotted).or_else(|| if alone { all.next().cloned() } else { None })
}

/// Whether the report names a mailbox without a domain that differs from the mailbox of `address`.
/// Then the message was forwarded, and `address` itself may exist.
fn is_another(recipient: &Recipient, address: &str) -> bool {
    is_mailbox(recipient)
        && local(recipient)
            .is_some_and(|local| !address.to_ascii_lowercase().starts_with(&format!("{local}@")))
}

/// Whether the recipient field has the type `rfc822` but contains only a mailbox name.
fn is_mailbox(recipient: &Recipient) -> bool {
    let value = recipient
        .final_recipient
        .split_once(';')
        .filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("rfc822"));
    let name = value.map_or("", |(_, name)| name.trim());
    recipient.addresses().is_empty()
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
}

/// Extracts the mailbox name that a report gives without a domain.
fn local(recipient: &Recipient) -> Option<String> {
    [&recipient.final_recipient, &recipient.original_recipient]
        .into_iter()
        .map(|value| {
            value
                .split_once(';')
                .map_or(value.as_str(), |(_, rest)| rest)
                .trim()
                .trim_matches(['<', '>', '"', '\\'])
                .to_ascii_lowercase()
        })
        .find(|local| !local.is_empty())
}
