//! Reads Postmark's webhooks. They are not signed but protected by HTTP Basic credentials.
//! `RecordType` is the type of an event.
//!
//! Documentation: <https://postmarkapp.com/developer/webhooks/webhooks-overview>. `Inactive: true`
//! means that Postmark will not deliver to the address again.

use axum::http::HeaderMap;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use serde_json::Value;

use crate::model::event::{Class, Event, EventKind};
use crate::provider::webhook::reading::{
    Severity, bounced, event, object, recipient, text, time, token_in,
};
use crate::provider::webhook::scheme::{equal, header, long_enough};
use crate::provider::webhook::{Log, Refusal, Webhook};
use crate::secret::Secret;

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "postmark",
    verify: Some(verify),
    read,
    secret: "user:password, as in the webhook's HTTP authentication",
    usable,
    token: None,
    log: Some(Log { read: logged, shares_ids: true }),
    looks_like: |value| value.get("RecordType").is_some(),
};

fn usable(secret: &str) -> Result<(), &'static str> {
    let (user, password) = secret.split_once(':').ok_or("it is not of the form user:password")?;
    if user.is_empty() {
        return Err("it has no user before the colon");
    }
    long_enough(password)
        .map_err(|_| "its password has fewer than 8 characters, and can be guessed")
}

fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    _body: &[u8],
    _now: Timestamp,
) -> Result<(), Refusal> {
    if !secret.expose().contains(':') {
        return Err(Refusal::Secret("of the form user:password"));
    }
    let given = header(headers, "authorization")?;
    let (scheme, given) = given.split_once(' ').ok_or(Refusal::Wrong)?;
    let given = if scheme.eq_ignore_ascii_case("basic") {
        BASE64_STANDARD.decode(given.trim()).ok()
    } else {
        None
    };
    if equal(secret.expose().as_bytes(), &given.unwrap_or_default()) {
        Ok(())
    } else {
        Err(Refusal::Wrong)
    }
}

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    Ok(vec![one(&text(&value, "/RecordType"), &value, body, now)])
}

/// Reads an entry of a log. An entry of the bounces has the same fields as the webhook, except for
/// the type. Every other entry is a sent message.
fn logged(list: &str, entry: &Value, raw: &[u8], now: Timestamp) -> Event {
    one(if list == "bounces" { "Bounce" } else { "Message" }, entry, raw, now)
}

fn one(word: &str, value: &Value, raw: &[u8], now: Timestamp) -> Event {
    let at =
        time(value, &["/BouncedAt", "/DeliveredAt", "/ReceivedAt", "/ChangedAt"]).unwrap_or(now);
    let mut event = event(EventKind::Unknown, at, raw);
    match word {
        "Delivery" => {
            event.kind = EventKind::Delivered;
            event.reason = text(value, "/Details");
        }
        "Bounce" => bounce(&mut event, value),
        "SpamComplaint" => complaint(&mut event),
        "SubscriptionChange" => subscription(&mut event, value),
        "Open" => event.kind = EventKind::Opened,
        "Click" => {
            event.kind = EventKind::Clicked;
            event.reason = text(value, "/OriginalLink");
        }
        "Message" => sent(&mut event, value),
        _ => event.reason = word.to_owned(),
    }
    event.recipient = recipient(value, &["/Email", "/Recipient", "/Recipients/0"]);
    event.provider_id = text(value, "/MessageID");
    event.token = token_in(value.get("Metadata"));
    let bounce = text(value, "/ID");
    if !bounce.is_empty() {
        event.id = format!("bounce-{bounce}");
    }
    event
}

/// Reads a sent message:
/// <https://postmarkapp.com/developer/api/messages-api#outbound-message-search>.
fn sent(event: &mut Event, value: &Value) {
    let (status, id) = (text(value, "/Status"), text(value, "/MessageID"));
    event.kind = match status.as_str() {
        "Sent" => EventKind::Sent,
        "Queued" | "Processed" => EventKind::Queued,
        _ => EventKind::Unknown,
    };
    if !id.is_empty() {
        event.id = format!("{}-{id}", event.kind);
    }
    event.reason = status;
}

fn complaint(event: &mut Event) {
    event.kind = EventKind::Complained;
    event.class = Some(Class::Abuse);
}

/// Reads a bounce: <https://postmarkapp.com/developer/api/bounce-api#bounce-types>.
fn bounce(event: &mut Event, value: &Value) {
    let kind = text(value, "/Type");
    let said = [text(value, "/Details"), text(value, "/Description")]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let is_inactive = value.get("Inactive").and_then(Value::as_bool) == Some(true);
    match kind.as_str() {
        "SpamComplaint" => return complaint(event),
        "Unsubscribe" => event.kind = EventKind::Unsubscribed,
        // Postmark could not render the template or process the SMTP message.
        "TemplateRenderingFailed" | "SMTPApiError" => event.kind = EventKind::Rejected,
        // Postmark reports automatic replies as bounces, but they are not bounces.
        "AutoResponder"
        | "ChallengeVerification"
        | "AddressChange"
        | "Subscribe"
        | "OpenRelayTest" => {
            event.reason = kind;
            return;
        }
        _ => {
            let severity = match kind.as_str() {
                "HardBounce" | "BadEmailAddress" => Severity::Hard,
                "Blocked" | "SpamNotification" | "DMARCPolicy" | "VirusNotification" => {
                    Severity::Soft
                }
                _ if is_inactive => Severity::Hard,
                _ => Severity::Soft,
            };
            bounced(event, severity, "", &said);
            match kind.as_str() {
                "BadEmailAddress" => event.class = Some(Class::BadAddress),
                "Blocked" | "SpamNotification" | "DMARCPolicy" => event.class = Some(Class::Policy),
                "VirusNotification" => event.class = Some(Class::Content),
                _ => {}
            }
        }
    }
    event.reason = if said.is_empty() { kind } else { format!("{kind}: {said}") };
}

fn subscription(event: &mut Event, value: &Value) {
    let reason = text(value, "/SuppressionReason");
    if value.get("SuppressSending").and_then(Value::as_bool) != Some(true) {
        event.reason = "reactivated".to_owned();
        return;
    }
    match reason.as_str() {
        "HardBounce" => bounced(event, Severity::Hard, "", "HardBounce"),
        "SpamComplaint" => complaint(event),
        _ => event.kind = EventKind::Unsubscribed,
    }
    event.reason = format!("{reason} by {}", text(value, "/Origin"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::webhook::testing::{TOKEN, in_words, read, with};

    #[test]
    fn postmarks_types() {
        let base = json!({"MessageID": "883953f4", "Metadata": {"mailbatch_id": TOKEN}, "Recipient": "a@example.com"});
        let bounce = |kind: &str, details: &str, inactive: bool| {
            json!({"RecordType": "Bounce", "ID": 42, "Type": kind, "TypeCode": 1, "MessageID": "883953f4", "Email": "a@example.com", "Inactive": inactive,
                "BouncedAt": "2019-11-05T16:33:54.9070259Z", "Details": details, "Metadata": {"mailbatch_id": TOKEN}})
        };
        for (payload, expected) in [
            (
                with(
                    base.clone(),
                    json!({"RecordType": "Delivery", "DeliveredAt": "2014-08-01T13:28:10.2735393-04:00", "Details": "Test"}),
                ),
                "delivered - -",
            ),
            (
                bounce("HardBounce", "smtp;550 5.1.1 unknown", true),
                "bounced(hard) mailbox_gone 5.1.1",
            ),
            (bounce("BadEmailAddress", "", true), "bounced(hard) bad_address -"),
            (
                bounce("SoftBounce", "smtp;452 4.2.2 full", false),
                "bounced(soft) mailbox_full 4.2.2",
            ),
            (bounce("Transient", "", false), "bounced(soft) other -"),
            (bounce("DnsError", "", false), "bounced(soft) other -"),
            (bounce("Blocked", "550 5.7.1 listed", false), "bounced(soft) policy 5.7.1"),
            (bounce("SpamNotification", "", true), "bounced(soft) policy -"),
            (bounce("DMARCPolicy", "", false), "bounced(soft) policy -"),
            (bounce("VirusNotification", "", false), "bounced(soft) content -"),
            (bounce("ManuallyDeactivated", "", true), "bounced(hard) mailbox_gone -"),
            (bounce("Unknown", "", false), "bounced(soft) other -"),
            (bounce("AutoResponder", "I am away", false), "unknown - -"),
            (bounce("ChallengeVerification", "", false), "unknown - -"),
            (bounce("AddressChange", "", false), "unknown - -"),
            (bounce("Unsubscribe", "", false), "unsubscribed - -"),
            (bounce("TemplateRenderingFailed", "", false), "rejected - -"),
            (bounce("SpamComplaint", "", true), "complained abuse -"),
            (
                with(base.clone(), json!({"RecordType": "SpamComplaint", "Type": "SpamComplaint"})),
                "complained abuse -",
            ),
            (
                with(
                    base.clone(),
                    json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "ManualSuppression", "Origin": "Recipient"}),
                ),
                "unsubscribed - -",
            ),
            (
                with(
                    base.clone(),
                    json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "HardBounce", "Origin": "Recipient"}),
                ),
                "bounced(hard) mailbox_gone -",
            ),
            (
                with(
                    base.clone(),
                    json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "SpamComplaint"}),
                ),
                "complained abuse -",
            ),
            (
                with(
                    base.clone(),
                    json!({"RecordType": "SubscriptionChange", "SuppressSending": false, "SuppressionReason": null}),
                ),
                "unknown - -",
            ),
            (
                with(
                    base.clone(),
                    json!({"RecordType": "Open", "ReceivedAt": "2014-06-01T12:00:00Z"}),
                ),
                "opened - -",
            ),
            (
                with(
                    base.clone(),
                    json!({"RecordType": "Click", "OriginalLink": "https://acme.example"}),
                ),
                "clicked - -",
            ),
            (with(base, json!({"RecordType": "New"})), "unknown - -"),
        ] {
            let said = in_words("postmark", &payload);
            assert!(
                said.starts_with(&format!("{expected} a@example.com 883953f4 ours")),
                "{said}: {payload}"
            );
        }
        assert_eq!(read("postmark", &bounce("HardBounce", "", true))[0].id, "bounce-42");
    }
}
