//! Reads events from bounces in free text, which have no machine-readable report.

use jiff::Timestamp;

use super::blank::{blank, shortened};
use super::correlation::{own_addresses, token, verp};
use super::delay::is_delay;
use super::evidence::{self, Evidence};
use super::origin::is_from_mail_system;
use super::parsed::Parsed;
use super::parts::Parts;
use super::subjects::{is_bounce_subject, is_delay_subject};
use super::{replies, text};
use crate::model::event::{Bounce, EventKind, Source};
use crate::replies::bounce::{Judge, codes_in};

/// Reads the events of a bounce in free text.
pub(super) fn in_text(parts: &Parts, now: Timestamp) -> Parsed {
    let from_system = is_from_mail_system(parts);
    let has_failed = parts.get("x-failed-recipients").is_some();
    let subject =
        is_bounce_subject(&parts.subject) || (from_system && is_delay_subject(&parts.subject));
    let is_system_report = from_system && subject && !replies::is_absence(&parts.subject);
    let why = replies::why_no_feedback(parts).filter(|_| !has_failed && !is_system_report);
    let may_refuse =
        from_system && parts.receipts.is_empty() && !replies::is_absence(&parts.subject);
    if let Some(why) = why.filter(|_| !may_refuse) {
        return Parsed::Nothing(why);
    }
    let bounce = text::read(parts, &own_addresses(parts));
    // A short refusal of an address is a bounce, even if its header marks it as an automatic reply.
    if let Some(why) = why.filter(|_| !evidence::is_refusal(&bounce, &bounce.said)) {
        return Parsed::Nothing(why);
    }
    let evidence = if why.is_some() {
        Evidence::Words
    } else if has_failed {
        Evidence::Program
    } else {
        evidence::of_text(parts, &bounce, subject)
    };
    if evidence == Evidence::None {
        return Parsed::Nothing("no report about a delivery");
    }
    // No token, returned message or Message-ID identifies the recipient.
    let is_lost =
        token(parts).is_none() && parts.original.is_empty() && bounce.message_id.is_empty();
    let recipients = match (bounce.recipients.is_empty(), verp(parts)) {
        (true, Some(address)) => vec![(address, String::new())],
        (true, None) if is_lost && !(evidence == Evidence::Program && bounce.has_original) => {
            return Parsed::Nothing("a bounce that names no recipient");
        }
        (true, None) => vec![(String::new(), String::new())],
        _ => bounce.recipients,
    };
    let kind = if is_delay(&parts.subject, &bounce.said) {
        EventKind::Deferred
    } else {
        EventKind::Bounced
    };
    let alone = recipients.len() == 1;
    let mut judge = Judge::default();
    let events = recipients.into_iter().map(|(address, about)| {
        let said = reason_of(&about);
        // If the text about this recipient quotes the server's refusal, only that text is judged.
        // The rest of the message is the same in every bounce of that server.
        let is_quoted = !codes_in(said).code.is_empty();
        let around = match () {
            () if is_quoted || !(alone || about.is_empty()) => about.clone(),
            () => format!("{} {}", shortest(&bounce.said), parts.subject),
        };
        let around = around.as_str();
        let judged = judge.of("", said, around);
        let mut event = blank(parts, kind, Source::Dsn, now);
        if event.message_id.is_empty() {
            event.message_id.clone_from(&bounce.message_id);
        }
        event.is_hearsay = evidence == Evidence::Words;
        event.recipient = (!address.is_empty()).then_some(address);
        let names_no_recipient = is_lost && event.recipient.is_none();
        event.bounce = (kind == EventKind::Bounced).then_some(if names_no_recipient {
            Bounce::Soft
        } else {
            judged.bounce
        });
        event.class = Some(judged.class);
        (event.status, event.code) = (judged.status, judged.code);
        event.reason = shortened(if about.is_empty() { around } else { &about });
        event
    });
    Parsed::Events(events.collect())
}

/// Extracts the remote server's reply. Sendmail encloses it in brackets and adds its own text
/// below.
fn reason_of(about: &str) -> &str {
    let reason = about.split_once("(reason: ").and_then(|(_, rest)| {
        rest.rsplit_once(')').map(|(reason, _)| reason.split(") ").next().unwrap_or(reason))
    });
    reason.filter(|reason| !reason.trim().is_empty()).unwrap_or(about)
}

/// Returns the beginning of a text, where the reason is.
fn shortest(said: &str) -> &str {
    &said[..said.floor_char_boundary(64 << 10)]
}
