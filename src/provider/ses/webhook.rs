//! Reads SES's events as SNS delivers them: the envelope's field `Message` is a JSON text that
//! contains the event.
//!
//! Documentation:
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>. An
//! envelope may concern several recipients. SNS's own subscription messages are not events. A
//! complaint of type `not-spam` means that the recipient does not complain. The signature covers
//! only certain fields of the envelope, so only those are read.

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
    secret: "not needed: set webhook_topic to the ARN of the SNS topic instead",
    usable: |_| Ok(()),
    token: None,
    log: None,
    looks_like: |value| value.get("TopicArn").is_some() && value.get("MessageId").is_some(),
};

/// Reads events without their envelope, as in an export or log. Such an event is not signed, so no
/// endpoint accepts it.
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
        // SNS sends a sentence instead of an event to a new subscription.
        _ => {
            let mut said = event(EventKind::Unknown, posted_at.unwrap_or(now), body);
            said.reason = envelope.message;
            said.id = envelope.id;
            Ok(vec![said])
        }
    }
}

/// Returns the recipients of an event: those named in the part for its type, else the mail's
/// destination.
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

/// Reads a change of the recipient's subscriptions.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::table::webhook;
    use crate::provider::webhook::testing::{NOW, TOKEN, exported, in_words, line, read, with};

    #[test]
    fn sess_types() {
        let mail = json!({"messageId": "0000", "timestamp": "2016-01-27T14:59:38.237Z", "destination": ["a@example.com"], "tags": {"mailbatch_id": [TOKEN]},
            "headers": [{"name": "Message-ID", "value": "<x@acme.example>"}]});
        let bounce = |kind: &str, sub: &str, status: &str, said: &str| {
            json!({"eventType": "Bounce", "bounce": {"bounceType": kind, "bounceSubType": sub, "timestamp": "2016-01-27T14:59:44.101Z",
                "bouncedRecipients": [{"emailAddress": "a@example.com", "status": status, "diagnosticCode": said}]}})
        };
        let greeting = json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn",
            "Message": "Successfully validated SNS topic for Amazon SES event publishing."});
        let complaint = |kind: &str| json!({"notificationType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "a@example.com"}], "complaintFeedbackType": kind}});
        for (payload, expected) in [
            (json!({"eventType": "Send", "send": {}}), "sent - - a@example.com 0000 ours"),
            (
                json!({"eventType": "Delivery", "delivery": {"recipients": ["a@example.com"], "smtpResponse": "250 ok"}}),
                "delivered - - a@example.com 0000 ours",
            ),
            (
                bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 unknown"),
                "bounced(hard) mailbox_gone 5.1.1 a@example.com 0000 ours => hard_bounce",
            ),
            (
                bounce("Permanent", "OnAccountSuppressionList", "", ""),
                "bounced(hard) mailbox_gone - a@example.com 0000 ours => hard_bounce",
            ),
            (
                bounce("Permanent", "General", "5.7.1", "smtp; 550 5.7.1 blocked"),
                "bounced(soft) policy 5.7.1 a@example.com 0000 ours",
            ),
            (
                bounce("Transient", "MailboxFull", "4.2.2", ""),
                "bounced(soft) mailbox_full 4.2.2 a@example.com 0000 ours",
            ),
            (
                bounce("Undetermined", "Undetermined", "", ""),
                "bounced(soft) other - a@example.com 0000 ours",
            ),
            (complaint("abuse"), "complained abuse - a@example.com 0000 ours => complaint"),
            (complaint("fraud"), "complained fraud - a@example.com 0000 ours => complaint"),
            (complaint("virus"), "complained virus - a@example.com 0000 ours => complaint"),
            (complaint("auth-failure"), "complained other - a@example.com 0000 ours => complaint"),
            (complaint("other"), "complained other - a@example.com 0000 ours => complaint"),
            (complaint("not-spam"), "complained not_spam - a@example.com 0000 ours"),
            (
                json!({"eventType": "Reject", "reject": {"reason": "Bad content"}}),
                "rejected - - a@example.com 0000 ours",
            ),
            (
                json!({"eventType": "Open", "open": {"timestamp": "2017-08-09T22:00:19.652Z"}}),
                "opened - - a@example.com 0000 ours",
            ),
            (
                json!({"eventType": "Click", "click": {"link": "https://acme.example"}}),
                "clicked - - a@example.com 0000 ours",
            ),
            (
                json!({"eventType": "Rendering Failure", "failure": {"errorMessage": "no such"}}),
                "rejected - - a@example.com 0000 ours",
            ),
            (
                json!({"eventType": "DeliveryDelay", "deliveryDelay": {"delayType": "TransientCommunicationFailure",
                    "delayedRecipients": [{"emailAddress": "a@example.com", "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 timeout"}]}}),
                "deferred routing 4.4.1 a@example.com 0000 ours",
            ),
            (
                json!({"eventType": "Subscription", "subscription": {"source": "UnsubscribeHeader", "newTopicPreferences": {"unsubscribeAll": true}}}),
                "unsubscribed - - a@example.com 0000 ours => unsubscribe",
            ),
            (
                json!({"eventType": "Subscription", "subscription": {"newTopicPreferences": {"unsubscribeAll": false}}}),
                "unknown - - a@example.com 0000 ours",
            ),
        ] {
            let event = with(payload, json!({"mail": mail}));
            assert_eq!(exported(&event).iter().map(line).collect::<Vec<_>>(), [expected]);
            assert!(
                webhook("ses")
                    .unwrap()
                    .read(event.to_string().as_bytes(), NOW.parse().unwrap())
                    .is_err(),
                "it carries no signature"
            );
            let envelope = json!({"Type": "Notification", "MessageId": "19ba9823", "TopicArn": "arn", "Message": event.to_string() + "\n",
                "Timestamp": "2018-03-26T17:58:59.675Z"});
            assert_eq!(in_words("ses", &envelope), expected);
            let read = read("ses", &envelope);
            assert_eq!(
                (read[0].id.as_str(), read[0].message_id.as_str()),
                ("19ba9823", "x@acme.example")
            );
            // These fields are not covered by the signature, so changing them has no effect.
            let forged = with(
                complaint("abuse"),
                json!({"mail": {"messageId": "0001", "destination": ["victim@example.com"]}}),
            );
            for (said, expected) in [
                (with(envelope.clone(), forged.clone()), expected),
                (with(greeting.clone(), forged), "unknown - - - "),
            ] {
                assert_eq!(
                    (in_words("ses", &said), exported(&said).iter().map(line).collect::<Vec<_>>()),
                    (expected.to_owned(), vec![expected.to_owned()])
                );
            }
        }
        let two = json!({"Type": "Notification", "MessageId": "m", "Message": json!({"notificationType": "Bounce", "mail": mail, "bounce":
            {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "a@example.com"}, {"emailAddress": "b@example.com"}]}}).to_string()});
        let both: Vec<_> = read("ses", &two)
            .into_iter()
            .map(|event| (event.id, event.recipient.unwrap()))
            .collect();
        assert_eq!(
            both,
            [
                ("m-0".to_owned(), "a@example.com".to_owned()),
                ("m-1".to_owned(), "b@example.com".to_owned())
            ]
        );
        assert_eq!(in_words("ses", &greeting), "unknown - - - ");
        assert!(
            read("ses", &json!({"Type": "SubscriptionConfirmation", "MessageId": "m"})).is_empty()
        );
    }
}
