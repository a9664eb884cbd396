//! Reads events from mail: delivery status notifications (RFC 3464), bounces in free text, and
//! complaints (RFC 5965).
//!
//! A message is a bounce if it contains a machine-readable report of a failure, or if a mail system
//! wrote that a delivery failed. Replies by people and automatic replies are not bounces. A message
//! without events yields the reason why it has none.

mod addresses;
mod arf;
mod blank;
mod bounce;
mod correlation;
mod delay;
mod dissect;
mod dsn;
mod evidence;
mod headers;
mod listed;
mod mention;
mod mime;
mod origin;
mod parsed;
mod parts;
mod phrases;
mod receipt;
mod replies;
mod report;
mod returned;
mod said;
mod sentences;
mod subjects;
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

use bytes::Bytes;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use ring::digest;

use self::blank::{blank, shortened};
use self::bounce::in_text;
use self::correlation::{LONGEST_ID, verp};
pub use self::parsed::Parsed;
use self::parts::Parts;
use self::phrases::{List, holds};
use self::report::reported;
use self::subjects::is_forward;
use crate::message::token_of;
use crate::model::event::{Event, EventKind, Raw, Source};
use crate::replies::normal;

/// The maximum number of bytes to read of one message. A report about 100,000 recipients has 20 MB,
/// and it comes before the returned message.
pub(crate) const LOOKED_AT: usize = 64 << 20;

/// The byte order mark that some editors write before UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The maximum number of nested forwards to search for a report.
const DEEPEST: usize = 4;

/// Reads one message as it was received. An event without a date gets the time `now`.
pub fn read(raw: &[u8], now: Timestamp) -> Parsed {
    let raw = &raw[..raw.len().min(LOOKED_AT)];
    let raw = raw.strip_prefix(BYTE_ORDER_MARK).unwrap_or(raw);
    match read_lines(&with_line_feeds(raw), now) {
        // Event ids are derived from the original bytes, so later versions of mailbatch compute the
        // same ids.
        Parsed::Events(events) => Parsed::Events(named(events, raw)),
        nothing => nothing,
    }
}

/// Converts line ends to LF. A message may have CRLF (from a mailbox), LF (from a file) or CR CR LF
/// (after two text-mode conversions), and must always yield the same events.
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

/// Reads a message with LF line ends.
fn read_lines(raw: &Bytes, now: Timestamp) -> Parsed {
    if raw.iter().all(u8::is_ascii_whitespace) {
        return Parsed::Nothing("empty");
    }
    // A mail body may contain a single zero byte. Data with a zero byte near its beginning is not
    // mail.
    if raw.iter().take(64).any(|byte| *byte == 0)
        || raw.iter().take(4_096).filter(|byte| **byte == 0).count() > 64
    {
        return Parsed::Nothing("not a mail message");
    }
    let start = raw.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let line = raw[..start].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    read_within(&raw.slice(line..), now, 0)
}

/// Adds the raw message and an id to each event.
fn named(mut events: Vec<Event>, raw: &[u8]) -> Vec<Event> {
    let kept = std::sync::Arc::new(Raw::of(raw));
    let hash = digest::digest(&digest::SHA256, raw.trim_ascii());
    for (number, event) in events.iter_mut().enumerate() {
        if event.id.is_empty() {
            event.identify();
        } else {
            // For a message without a date, the id is derived only from its bytes, so that reading
            // it again yields the same id.
            event.id = format!("{}-{number}", HEXLOWER.encode(&hash.as_ref()[..16]));
        }
        event.raw = Some(kept.clone());
    }
    events
}

/// The maximum length of an address in a notification, in bytes.
const LONGEST: usize = 320;

fn read_within(raw: &Bytes, now: Timestamp, depth: usize) -> Parsed {
    let Some(parts) = Parts::of(raw) else { return Parsed::Nothing("not a mail message") };
    if let Some(complaint) = arf::read(&parts) {
        return complained(&parts, complaint, now);
    }
    if let Some(notified) = notified(&parts, now) {
        return Parsed::Events(notified);
    }
    let reported = reported(&parts, now);
    if !reported.is_empty() {
        return Parsed::Events(reported);
    }
    let reported = receipt::rejections(&parts, now);
    if !reported.is_empty() {
        return Parsed::Events(reported);
    }
    let from_system = origin::is_from_mail_system(&parts);
    let inner: Vec<&Bytes> = parts.nested.iter().filter(|_| depth < DEEPEST).collect();
    // Some gateways move the report into an attachment.
    if let Some(parsed) = inner
        .iter()
        .filter(|nested| has_status(nested))
        .find_map(|nested| events_of(nested, now, depth))
    {
        return parsed;
    }
    let in_text = in_text(&parts, now);
    if from_system || matches!(in_text, Parsed::Events(_)) {
        return in_text;
    }
    // An automatic reply may quote a report that was already received separately.
    if replies::why_no_feedback(&parts).is_some() {
        return in_text;
    }
    // Of a forwarded message only a report is trusted, because a person may have edited other text.
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
        Parsed::Nothing(_) if parts.is_cut_short => {
            Parsed::Nothing("no report; its parts are too many or nested too deep to read them all")
        }
        parsed => parsed,
    }
}

/// Reads notifications of SES that SNS mails as JSON. They are trusted only as much as other mail,
/// so their source is not the webhook.
fn notified(parts: &Parts, now: Timestamp) -> Option<Vec<Event>> {
    // A display name may contain another address, so every address in the field is checked.
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
    // Mail programs fold long lines, which is not valid in JSON.
    let text = text[text.find('{')?..].replace(['\r', '\n'], "");
    let value = serde_json::Deserializer::from_str(&text)
        .into_iter::<&serde_json::value::RawValue>()
        .next()?
        .ok()?;
    let mut events = crate::provider::table::read_export(value.get().as_bytes(), now).ok()?;
    if events.iter().any(|event| event.provider != "ses") {
        return None;
    }
    for event in &mut events {
        // Anyone can send such a mail, so an address longer than RFC 5321 section 4.5.3.1 allows is
        // dropped.
        event.recipient.take_if(|recipient| {
            recipient.len() > LONGEST
                || recipient.contains(char::is_control)
                || !recipient.contains('@')
        });
        event.reason = shortened(&event.reason);
        event.message_id = event.message_id.chars().take(LONGEST_ID).collect();
        event.source = Source::Dsn;
        event.provider.clear();
        event.id.clear();
    }
    Some(events)
}

fn events_of(raw: &Bytes, now: Timestamp, depth: usize) -> Option<Parsed> {
    Some(read_within(raw, now, depth + 1)).filter(|parsed| matches!(parsed, Parsed::Events(_)))
}

/// Reads a bounce that a person forwards as text. The bounce is unproven (hearsay) unless it names
/// a message of ours, because it may be about another sender's mail.
fn as_hearsay(raw: &Bytes, now: Timestamp, depth: usize) -> Option<Parsed> {
    let Parsed::Events(mut events) = events_of(raw, now, depth)? else { return None };
    for event in &mut events {
        event.is_hearsay |= token_of(&event.message_id).is_none();
    }
    Some(Parsed::Events(events))
}

/// Whether a nested message contains a delivery status (a message/delivery-status part).
fn has_status(raw: &Bytes) -> bool {
    Parts::of(raw).is_some_and(|parts| !parts.statuses.is_empty())
}

/// Whether a nested message was written by a mail system, or contains such a message.
fn is_report(raw: &Bytes, depth: usize) -> bool {
    Parts::of(raw).is_some_and(|parts| {
        !parts.statuses.is_empty()
            || !parts.complaints.is_empty()
            || origin::has_system_sender(&parts)
            || (depth < DEEPEST && parts.nested.iter().any(|inner| is_report(inner, depth + 1)))
    })
}

fn complained(parts: &Parts, complaint: arf::Complaint, now: Timestamp) -> Parsed {
    if complaint.is_no_complaint {
        return Parsed::Nothing("a report about authentication");
    }
    let kind = if complaint.is_opt_out { EventKind::Unsubscribed } else { EventKind::Complained };
    let mut event = blank(parts, kind, Source::Arf, now);
    event.class = Some(complaint.class);
    event.reason = shortened(&complaint.said);
    if event.message_id.is_empty() {
        event.message_id = complaint.message_id;
    }
    if complaint.recipients.is_empty() {
        event.recipient = verp(parts);
        return Parsed::Events(vec![event]);
    }
    Parsed::Events(
        complaint
            .recipients
            .into_iter()
            .map(|recipient| Event { recipient: Some(recipient), ..event.clone() })
            .collect(),
    )
}
