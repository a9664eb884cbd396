//! Events out of mail: delivery status notifications (RFC 3464), bounces in free text, complaints
//! (RFC 5965).
//!
//! The rule it keeps: what a person or a program answered is no bounce. A message counts as one
//! when a machine's report says so, or when a mail system wrote it and it says that something could
//! not be delivered; everything else is nothing, with a reason.

mod addresses;
mod arf;
mod bounce;
mod delay;
mod dsn;
mod evidence;
mod headers;
mod listed;
mod mention;
mod mime;
mod parts;
mod phrases;
mod receipt;
mod replies;
mod report;
mod text;

#[cfg(test)]
mod answers;
#[cfg(test)]
mod field;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod systems;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest;

use self::bounce::in_text;
use self::parts::Parts;
use self::phrases::{List, holds};
use self::report::reported;
use crate::message::{is_token, token_of};
use crate::model::event::{Event, EventKind, Raw, Source};
use crate::replies::normal;

/// How much of one message is looked at: what reports something stands before the message that is
/// returned with it, and a report about a hundred thousand people has 20 MB.
pub(crate) const LOOKED_AT: usize = 64 << 20;

/// What some editors put before UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reports in forwards are looked for this deep.
const DEEPEST: usize = 4;

/// What a message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// One event for each recipient that it is about, at least one.
    Events(Vec<Event>),
    /// Nothing to learn from, and why.
    Nothing(&'static str),
}

/// Reads one message as it was received. `now` is the time of events whose message does not tell
/// one.
pub fn read(raw: &[u8], now: Timestamp) -> Told {
    let raw = &raw[..raw.len().min(LOOKED_AT)];
    let raw = raw.strip_prefix(BYTE_ORDER_MARK).unwrap_or(raw);
    match read_lines(&with_line_feeds(raw), now) {
        // The ids are those of the bytes as they were received, so that a message keeps its ids
        // from version to version.
        Told::Events(events) => Told::Events(named(events, raw)),
        nothing => nothing,
    }
}

/// The message with every line ended by a line feed alone. A report has to mean the same whether it
/// was read from a mailbox (CRLF), from a file of a mail store (LF) or from a file that was written
/// in text mode twice (CR CR LF); what takes a message apart does not treat the three alike in
/// damaged messages.
fn with_line_feeds(raw: &[u8]) -> Bytes {
    if memchr::memchr(b'\r', raw).is_none() {
        return Bytes::copy_from_slice(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            out.extend_from_slice(line);
            continue;
        };
        let end = text.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
        out.extend_from_slice(&text[..end]);
        out.push(b'\n');
    }
    out.into()
}

/// Reads a message whose lines end with line feeds.
fn read_lines(raw: &Bytes, now: Timestamp) -> Told {
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Told::Nothing("empty");
    }
    // In a message a zero may stray into the body; what begins with one is something else.
    if raw.iter().take(64).any(|byte| *byte == 0)
        || raw.iter().take(4_096).filter(|byte| **byte == 0).count() > 64
    {
        return Told::Nothing("not a mail message");
    }
    let start = raw.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let line = raw[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    read_within(&raw.slice(line..), now, 0)
}

/// Gives the events what they share: the raw message and ids.
fn named(mut events: Vec<Event>, raw: &[u8]) -> Vec<Event> {
    let kept = std::sync::Arc::new(Raw::of(raw));
    let hash = digest::digest(&digest::SHA256, raw.trim_ascii());
    for (number, event) in events.iter_mut().enumerate() {
        if event.id.is_empty() {
            event.identify();
        } else {
            // The message has no date, so the time of reading must not make it another event.
            event.id = format!("{}-{number}", HEXLOWER.encode(&hash.as_ref()[..16]));
        }
        event.raw = Some(kept.clone());
    }
    events
}

/// The most bytes of an address in a notification.
const LONGEST: usize = 320;

fn read_within(raw: &Bytes, now: Timestamp, depth: usize) -> Told {
    let Some(parts) = Parts::of(raw) else { return Told::Nothing("not a mail message") };
    if let Some(complaint) = arf::read(&parts) {
        return complained(&parts, complaint, now);
    }
    if let Some(notified) = notified(&parts, now) {
        return Told::Events(notified);
    }
    let reported = reported(&parts, now);
    if !reported.is_empty() {
        return Told::Events(reported);
    }
    let reported = receipt::rejections(&parts, now);
    if !reported.is_empty() {
        return Told::Events(reported);
    }
    let from_system = evidence::is_from_mail_system(&parts);
    let inner: Vec<&Bytes> = parts.nested.iter().filter(|_| depth < DEEPEST).collect();
    // A gateway has put the report into an attachment.
    if let Some(told) = inner
        .iter()
        .filter(|nested| has_status(nested))
        .find_map(|nested| events_of(nested, now, depth))
    {
        return told;
    }
    let in_text = in_text(&parts, now);
    if from_system || matches!(in_text, Told::Events(_)) {
        return in_text;
    }
    // Whatever a program quotes in its answer has been told before.
    if replies::why_no_feedback(&parts).is_some() {
        return in_text;
    }
    // Only a report is believed in a forward; the words of a message that somebody passes on prove
    // nothing.
    let forwarded = inner
        .iter()
        .filter(|nested| is_report(nested, depth))
        .find_map(|nested| events_of(nested, now, depth));
    let is_forward = is_forward(&parts.subject)
        || parts.texts.iter().any(|text| holds(&normal(text), List::Forwards));
    let quoted = || {
        text::forwarded(&parts)
            .map(Bytes::from)
            .filter(|_| is_forward && depth < DEEPEST)
            .filter(|raw| is_report(raw, depth))
            .and_then(|raw| as_hearsay(&raw, now, depth))
    };
    match forwarded.or_else(quoted).unwrap_or(in_text) {
        Told::Nothing(_) if parts.is_cut_short => {
            Told::Nothing("no report; its parts are too many or nested too deep to read them all")
        }
        told => told,
    }
}

/// What SES says by way of SNS, which mails its notifications as JSON to whoever subscribed with an
/// address. They are no more believed than other mail, and never taken for those of the webhook.
fn notified(parts: &Parts, now: Timestamp) -> Option<Vec<Event>> {
    // A name may be anything, so the address is looked at, and where there are several, each.
    let from = addresses::all_in(parts.get("from")?);
    let is_of_sns = |address: &String| {
        address
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain.eq_ignore_ascii_case("sns.amazonaws.com"))
    };
    if from.is_empty() || !from.iter().all(is_of_sns) {
        return None;
    }
    let text = parts.texts.first()?;
    // Long lines are folded, which no JSON is.
    let text = text[text.find('{')?..].replace(['\r', '\n'], "");
    let value = serde_json::Deserializer::from_str(&text)
        .into_iter::<&serde_json::value::RawValue>()
        .next()?
        .ok()?;
    let mut events = super::webhook::read_export(value.get().as_bytes(), now).ok()?;
    if events.iter().any(|event| event.provider != "ses") {
        return None;
    }
    for event in &mut events {
        // No address has so many bytes (RFC 5321, 4.5.3.1), and anybody can write this.
        event
            .recipient
            .take_if(|recipient| recipient.len() > LONGEST || recipient.contains(char::is_control));
        event.source = Source::Dsn;
        event.provider.clear();
        event.id.clear();
    }
    Some(events)
}

fn events_of(raw: &Bytes, now: Timestamp, depth: usize) -> Option<Told> {
    Some(read_within(raw, now, depth + 1)).filter(|told| matches!(told, Told::Events(_)))
}

/// What somebody passes on as text. It may be about mail of his own, unless it names a message of
/// ours.
fn as_hearsay(raw: &Bytes, now: Timestamp, depth: usize) -> Option<Told> {
    let Told::Events(mut events) = events_of(raw, now, depth)? else { return None };
    for event in &mut events {
        event.is_hearsay |= token_of(&event.message_id).is_none();
    }
    Some(Told::Events(events))
}

/// Whether a nested message holds a machine's report.
fn has_status(raw: &Bytes) -> bool {
    Parts::of(raw).is_some_and(|parts| !parts.statuses.is_empty())
}

/// Whether a nested message is a mail system's own, or holds one that is.
fn is_report(raw: &Bytes, depth: usize) -> bool {
    Parts::of(raw).is_some_and(|parts| {
        !parts.statuses.is_empty()
            || !parts.complaints.is_empty()
            || text::is_from_mail_system(&parts)
            || (depth < DEEPEST && parts.nested.iter().any(|inner| is_report(inner, depth + 1)))
    })
}

/// The event that all others of a message are made of.
fn blank(parts: &Parts, kind: EventKind, source: Source, now: Timestamp) -> Event {
    let date = parts
        .get("date")
        .and_then(mail_parser::DateTime::parse_rfc822)
        .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
    // A clock that is far off must not move an event out of every window.
    let at = date
        .filter(|at| *at <= now + jiff::SignedDuration::from_hours(24))
        .filter(|at| at.as_second() > 0);
    let mut event = Event::new(kind, source, at.unwrap_or(now));
    if at.is_none() {
        event.id = "undated".to_owned();
    }
    event.message_id = headers::get(&parts.original, "message-id").map(bare_id).unwrap_or_default();
    if token_of(&event.message_id).is_none() {
        // Some return only a text, and some give the message another id and name ours as a
        // reference.
        let names = ["references", "in-reply-to", "x-original-message-id"];
        if let Some(ours) = names
            .iter()
            .filter_map(|name| parts.get(name))
            .flat_map(str::split_whitespace)
            .find(|id| token_of(id).is_some())
        {
            event.message_id = bare_id(ours);
        }
    }
    event.token = token(parts).unwrap_or_default();
    event
}

fn bare_id(text: &str) -> String {
    let id = text.trim();
    id.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or(id, |(inner, _)| inner)
        .trim()
        .chars()
        .take(250)
        .collect()
}

/// The addresses that the message itself was sent to.
fn own_addresses(parts: &Parts) -> Vec<String> {
    ["delivered-to", "x-original-to", "envelope-to", "to", "x-envelope-to"]
        .iter()
        .filter_map(|name| parts.get(name))
        .flat_map(addresses::all_in)
        .collect()
}

/// The token of a bounce address: what is between the last + or - and the @.
fn token(parts: &Parts) -> Option<String> {
    own_addresses(parts).iter().find_map(|address| {
        let local = address.rsplit_once('@')?.0;
        local
            .split(['+', '-', '=', '.', '_'])
            .map(str::to_ascii_lowercase)
            .find(|piece| is_token(piece))
    })
}

fn complained(parts: &Parts, complaint: arf::Complaint, now: Timestamp) -> Told {
    if complaint.is_no_complaint {
        return Told::Nothing("a report about authentication");
    }
    let kind = if complaint.is_opt_out { EventKind::Unsubscribed } else { EventKind::Complained };
    let mut event = blank(parts, kind, Source::Arf, now);
    event.class = Some(complaint.class);
    event.reason = complaint.said;
    if event.message_id.is_empty() {
        event.message_id = complaint.message_id;
    }
    if complaint.recipients.is_empty() {
        event.recipient =
            own_addresses(parts).iter().find_map(|address| addresses::of_verp(address));
        return Told::Events(vec![event]);
    }
    Told::Events(
        complaint
            .recipients
            .into_iter()
            .map(|recipient| Event { recipient: Some(recipient), ..event.clone() })
            .collect(),
    )
}

fn verp(parts: &Parts) -> Option<String> {
    own_addresses(parts).iter().find_map(|address| addresses::of_verp(address))
}

/// Whether a subject is that of an answer or a forward.
fn is_answer(subject: &str) -> bool {
    let subject = normal(subject);
    ["re:", "fw:", "fwd:", "aw:", "wg:", "tr:", "rv:", "sv:"]
        .iter()
        .any(|prefix| subject.starts_with(prefix))
}

/// Whether a subject is that of a forward.
fn is_forward(subject: &str) -> bool {
    let subject = normal(subject);
    ["fw:", "fwd:", "wg:", "tr:", "rv:", "i:", "enc:", "vs:", "doorst:", "转发"]
        .iter()
        .any(|prefix| subject.starts_with(prefix))
}

/// Whether a message comes from the very person whom it says to be out of reach, as an answer does
/// and no bounce.
fn is_own_answer(parts: &Parts, bounce: &text::Bounce) -> bool {
    let from = parts.get("from").map(addresses::all_in).unwrap_or_default();
    let from: HashSet<String> = from.iter().map(|own| own.to_ascii_lowercase()).collect();
    bounce.recipients.iter().any(|(address, _)| from.contains(&address.to_ascii_lowercase()))
}

/// One line of at most 300 characters.
fn shortened(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.len() + word.len() > 300 {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.is_empty() { text.trim().chars().take(300).collect() } else { out }
}
