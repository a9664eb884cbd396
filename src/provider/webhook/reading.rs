//! Helps the webhook readers of all providers to read JSON fields, times and names of event types,
//! and to classify bounces.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::event::{Bounce, Class, Event, EventKind, Source};
use crate::replies::bounce::judge;

/// Returns the text or number at a JSON pointer; empty if it is missing.
pub(in crate::provider) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Returns the first non-empty text at these pointers.
pub(in crate::provider) fn first(value: &Value, pointers: &[&str]) -> String {
    pointers
        .iter()
        .map(|pointer| text(value, pointer))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Parses a body as a JSON object or array.
pub(in crate::provider) fn json(body: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body).map_err(|e| {
        format!("the body is not valid JSON: line {}, column {}", e.line(), e.column())
    })?;
    if value.is_object() || value.is_array() {
        Ok(value)
    } else {
        Err("the body is neither a JSON object nor an array".to_owned())
    }
}

/// Parses a body as a JSON object.
pub(in crate::provider) fn object(body: &[u8]) -> Result<Value, String> {
    let value = json(body)?;
    if value.is_object() { Ok(value) } else { Err("the body is no JSON object".to_owned()) }
}

/// Returns the first time at these pointers: RFC 3339, or seconds since 1970 as a number or text.
pub(in crate::provider) fn time(value: &Value, pointers: &[&str]) -> Option<Timestamp> {
    pointers.iter().find_map(|pointer| match value.pointer(pointer)? {
        Value::Number(number) => seconds(number.as_f64()?),
        // Some providers write a space between date and time, or an offset in hours only.
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .or_else(|| format!("{}:00", text.trim()).parse().ok())
            .or_else(|| seconds(text.trim().parse().ok()?)),
        _ => None,
    })
}

fn seconds(seconds: f64) -> Option<Timestamp> {
    // A number this large means milliseconds. As seconds, it would be a time after the year 5000.
    let seconds = if seconds > 1e11 { seconds / 1000.0 } else { seconds };
    (seconds.is_finite() && seconds > 0.0)
        .then(|| Timestamp::from_microsecond((seconds * 1e6) as i64).ok())?
}

/// Creates an event of this type with the provider's raw text and without a recipient.
pub(in crate::provider) fn event(kind: EventKind, at: Timestamp, raw: &[u8]) -> Event {
    let mut event = Event::new(kind, Source::Webhook, at);
    event.keep_raw(raw);
    event
}

/// Returns the recipient's address from the first of these fields that has an address.
pub(in crate::provider) fn recipient(value: &Value, pointers: &[&str]) -> Option<String> {
    Some(first(value, pointers)).filter(|address| !address.is_empty())
}

/// Returns the event type for a provider's word, with or without the prefix `email.` or `message.`.
pub(in crate::provider) fn kind_of(word: &str) -> EventKind {
    let word = word.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    let word =
        word.strip_prefix("email.").or_else(|| word.strip_prefix("message.")).unwrap_or(&word);
    match word {
        "accepted" | "queued" | "processed" | "scheduled" => EventKind::Queued,
        "sent" | "send" | "sending" => EventKind::Sent,
        "delivered" | "delivery" => EventKind::Delivered,
        "bounce" | "bounced" | "out_of_band_bounce" | "hard_bounced" | "soft_bounced"
        | "hard_bounce" | "soft_bounce" => EventKind::Bounced,
        "deferred" | "delivery_delayed" | "deliverydelay" | "delayed" => EventKind::Deferred,
        "complaint" | "complained" | "spamreport" => EventKind::Complained,
        "unsubscribe"
        | "unsubscribed"
        | "list_unsubscribed"
        | "group_unsubscribe"
        | "contact.unsubscribed" => EventKind::Unsubscribed,
        "open" | "opened" => EventKind::Opened,
        "click" | "clicked" => EventKind::Clicked,
        "rejected" | "reject" | "dropped" | "failed" | "suppressed" | "canceled"
        | "rendering_failure" => EventKind::Rejected,
        _ => EventKind::Unknown,
    }
}

/// The severity of a bounce, as the provider reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Severity {
    /// The address is unusable.
    Hard,
    /// The address may accept another message.
    Soft,
    /// The provider does not report the severity, so the status and text decide.
    Unsaid,
}

/// Makes an event a bounce. The provider's severity decides whether the address is unusable. A
/// policy refusal is never hard, because it concerns the sender.
pub(in crate::provider) fn bounced(
    event: &mut Event,
    severity: Severity,
    status: &str,
    said: &str,
) {
    let judged = judge(status, said, "");
    event.kind = EventKind::Bounced;
    event.status = judged.status;
    event.code = judged.code;
    event.class = Some(judged.class);
    event.reason = said.to_owned();
    event.bounce = Some(match severity {
        Severity::Hard if judged.class != Class::Policy => Bounce::Hard,
        Severity::Hard | Severity::Soft => Bounce::Soft,
        Severity::Unsaid => judged.bounce,
    });
    if event.bounce == Some(Bounce::Hard) && judged.class == Class::Other {
        event.class = Some(Class::MailboxGone);
    }
}

/// Sets the status and code of an event about a delayed message.
pub(in crate::provider) fn deferred(event: &mut Event, status: &str, said: &str) {
    let judged = judge(status, said, "");
    (event.status, event.code, event.class) = (judged.status, judged.code, Some(judged.class));
    event.reason = said.to_owned();
}

/// Returns the class of a complaint from its feedback type (RFC 5965).
pub(in crate::provider) fn complaint_class(word: &str) -> Class {
    match word.trim().to_ascii_lowercase().as_str() {
        "" | "abuse" => Class::Abuse,
        "fraud" => Class::Fraud,
        "virus" => Class::Virus,
        "not-spam" | "not_spam" => Class::NotSpam,
        _ => Class::Other,
    }
}

/// Returns the correlation id in the tags of a message. The tags may be an object, a list of names
/// and values, or an object of lists.
pub(in crate::provider) fn token_in(tags: Option<&Value>) -> String {
    const NAME: &str = "mailbatch_id";
    let found = match tags {
        Some(Value::Object(all)) => all
            .get(NAME)
            .map(|value| value.as_array().and_then(|list| list.first()).unwrap_or(value)),
        Some(Value::Array(all)) => {
            let named = all.iter().find(|tag| {
                ["/name", "/Name"]
                    .iter()
                    .any(|at| tag.pointer(at).and_then(Value::as_str) == Some(NAME))
            });
            named.and_then(|tag| tag.pointer("/value").or_else(|| tag.pointer("/Value")))
        }
        _ => None,
    };
    found
        .and_then(Value::as_str)
        .filter(|token| crate::message::is_token(token))
        .unwrap_or_default()
        .to_owned()
}

/// Returns a Message-ID without angle brackets.
pub(in crate::provider) fn bare(message_id: &str) -> String {
    message_id.trim().trim_matches(['<', '>']).to_owned()
}
