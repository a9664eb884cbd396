//! SES's events, as SNS delivers them: the envelope's `Message` is a JSON text that holds the
//! event.
//!
//! Documentation:
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>. An
//! envelope may be about several recipients. Of what SNS says by itself nothing becomes an event.
//! `not-spam` is a complaint that complains of nothing.
//!
//! The rule it keeps: the signature covers the fields of the envelope and nothing beside them, so
//! of an envelope nothing is read but those.

use jiff::Timestamp;
use serde_json::Value;

use super::sns::{Envelope, Purpose};
use crate::model::event::{Event, EventKind};
use crate::provider::webhook::Webhook;
use crate::provider::webhook::reading::{
    Severity, bare, bounced, complaint_class, deferred, event, first, kind_of, object, text, time,
    token_in,
};

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "ses",
    verify: None,
    read,
    secret: "not needed: write webhook_topic, the ARN of the SNS topic",
    usable: |_| Ok(()),
    token: None,
    log: None,
    looks_like: |value| value.get("TopicArn").is_some() && value.get("MessageId").is_some(),
};

/// An event without its envelope, as an export or a log keeps it. It is not signed, so no endpoint
/// reads it.
pub(super) const BARE: Webhook = Webhook {
    read: |body, now| Ok(each(&object(body)?, "", None, body, now)),
    looks_like: |value| {
        (value.get("eventType").is_some() || value.get("notificationType").is_some())
            && value.get("mail").is_some()
    },
    ..WEBHOOK
};

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let envelope = Envelope::parse(body)?;
    if envelope.purpose != Purpose::Notification {
        return Ok(Vec::new());
    }
    let posted_at = envelope.time();
    match serde_json::from_str::<Value>(&envelope.message) {
        Ok(event) if event.get("mail").is_some() => {
            Ok(each(&event, &envelope.id, posted_at, body, now))
        }
        // A new subscription is greeted with a sentence.
        _ => {
            let mut said = event(EventKind::Unknown, posted_at.unwrap_or(now), body);
            said.reason = envelope.message;
            said.id = envelope.id;
            Ok(vec![said])
        }
    }
}

/// The recipients that an event is about: those that its own part names, else the destination.
fn recipients(value: &Value) -> Vec<Value> {
    let named = [
        "/bounce/bouncedRecipients",
        "/complaint/complainedRecipients",
        "/delivery/recipients",
        "/deliveryDelay/delayedRecipients",
    ];
    let found = named
        .iter()
        .find_map(|pointer| value.pointer(pointer)?.as_array().filter(|list| !list.is_empty()));
    found.or_else(|| value.pointer("/mail/destination")?.as_array()).cloned().unwrap_or_default()
}

fn each(
    value: &Value,
    id: &str,
    posted_at: Option<Timestamp>,
    raw: &[u8],
    now: Timestamp,
) -> Vec<Event> {
    let mut who = recipients(value);
    if who.is_empty() {
        who.push(Value::Null);
    }
    let of = |(place, recipient): (usize, &Value)| {
        let mut event = one(value, recipient, posted_at, raw, now);
        if !id.is_empty() {
            event.id = if who.len() == 1 { id.to_owned() } else { format!("{id}-{place}") };
        }
        event
    };
    who.iter().enumerate().map(of).collect()
}

fn one(
    value: &Value,
    recipient: &Value,
    posted_at: Option<Timestamp>,
    raw: &[u8],
    now: Timestamp,
) -> Event {
    let word = first(value, &["/eventType", "/notificationType"]);
    let own = ["bounce", "complaint", "delivery", "deliveryDelay", "open", "click", "subscription"]
        .map(|part| format!("/{part}/timestamp"));
    let at = time(value, &own.each_ref().map(String::as_str))
        .or(posted_at)
        .or_else(|| time(value, &["/mail/timestamp"]));
    let mut event = event(kind_of(&word), at.unwrap_or(now), raw);
    let (status, said) = (text(recipient, "/status"), text(recipient, "/diagnosticCode"));
    match event.kind {
        EventKind::Bounced => {
            let severity = if text(value, "/bounce/bounceType") == "Permanent" {
                Severity::Hard
            } else {
                Severity::Soft
            };
            bounced(&mut event, severity, &status, &said);
            let kind = format!(
                "{} {}",
                text(value, "/bounce/bounceType"),
                text(value, "/bounce/bounceSubType")
            );
            event.reason = if said.is_empty() { kind } else { format!("{kind}: {said}") };
        }
        EventKind::Deferred => {
            deferred(&mut event, &status, &said);
            event.reason =
                format!("{} {said}", text(value, "/deliveryDelay/delayType")).trim().to_owned();
        }
        EventKind::Complained => {
            event.class = Some(complaint_class(&text(value, "/complaint/complaintFeedbackType")))
        }
        EventKind::Delivered => event.reason = text(value, "/delivery/smtpResponse"),
        EventKind::Clicked => event.reason = text(value, "/click/link"),
        EventKind::Rejected => {
            event.reason = first(value, &["/reject/reason", "/failure/errorMessage"])
        }
        EventKind::Unknown if word == "Subscription" => subscription(&mut event, value),
        EventKind::Unknown => event.reason = word,
        _ => {}
    }
    event.recipient =
        Some(recipient.as_str().map_or_else(|| text(recipient, "/emailAddress"), str::to_owned))
            .filter(|address| !address.is_empty());
    event.provider_id = text(value, "/mail/messageId");
    event.message_id = header(value, "Message-ID");
    event.token = token_in(value.pointer("/mail/tags"));
    event
}

/// A recipient has changed what they are subscribed to.
fn subscription(event: &mut Event, value: &Value) {
    let all =
        value.pointer("/subscription/newTopicPreferences/unsubscribeAll").and_then(Value::as_bool)
            == Some(true);
    let topics = value
        .pointer("/subscription/newTopicPreferences/topicSubscriptionStatus")
        .and_then(Value::as_array);
    let one =
        topics.into_iter().flatten().any(|topic| text(topic, "/subscriptionStatus") == "OptOut");
    if all || one {
        event.kind = EventKind::Unsubscribed;
    }
    event.reason = first(value, &["/subscription/source"]);
}

fn header(value: &Value, name: &str) -> String {
    let headers = value.pointer("/mail/headers").and_then(Value::as_array);
    let found = headers
        .into_iter()
        .flatten()
        .find(|header| text(header, "/name").eq_ignore_ascii_case(name));
    bare(&found.map(|header| text(header, "/value")).unwrap_or_default())
}
