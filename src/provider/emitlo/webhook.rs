//! Reads Emitlo's webhooks. The header `X-Emitlo-Signature: sha256=<hex>` contains an HMAC-SHA256
//! over the body.
//!
//! The signature does not cover the time, so a copy of an old request also verifies. The copy
//! contains the same event, and each event is counted once. Documentation:
//! <https://emitlo-docs.pages.dev/guides/webhooks/>.

use axum::http::HeaderMap;
use jiff::Timestamp;

use crate::model::event::{Class, Event, EventKind};
use crate::provider::webhook::reading::{
    Severity, bounced, deferred, event, first, kind_of, object, recipient, text, time,
};
use crate::provider::webhook::scheme::{from_hex, header, hmac_fits, long_enough};
use crate::provider::webhook::{Refusal, Webhook};
use crate::secret::Secret;

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "emitlo",
    verify: Some(verify),
    read,
    secret: "the webhook's secret",
    usable: long_enough,
    token: None,
    log: None,
    looks_like: |value| {
        value.get("event_type").is_some() && value.pointer("/data/message_id").is_some()
    },
};

fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    _now: Timestamp,
) -> Result<(), Refusal> {
    let given = header(headers, "x-emitlo-signature")?;
    let tag = given.strip_prefix("sha256=").and_then(from_hex).ok_or(Refusal::Wrong)?;
    hmac_fits(secret.expose().as_bytes(), &[body], &tag)
}

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let word = text(&value, "/event_type");
    let mut event = event(kind_of(&word), time(&value, &["/timestamp"]).unwrap_or(now), body);
    let said = first(&value, &["/data/dsn_message", "/data/reason"]);
    let status = text(&value, "/data/dsn_status");
    match event.kind {
        EventKind::Bounced => {
            let severity = match word.as_str() {
                "hard_bounced" => Severity::Hard,
                "soft_bounced" => Severity::Soft,
                _ => Severity::Unsaid,
            };
            bounced(&mut event, severity, &status, &said);
        }
        EventKind::Deferred => deferred(&mut event, &status, &said),
        EventKind::Complained => event.class = Some(Class::Abuse),
        EventKind::Clicked => event.reason = first(&value, &["/data/url", "/data/link"]),
        EventKind::Unknown => event.reason = word,
        _ => {}
    }
    event.recipient = recipient(&value, &["/data/to_email", "/data/email"]);
    event.provider_id = text(&value, "/data/message_id");
    Ok(vec![event])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::webhook::testing::{in_words, with};

    #[test]
    fn emitlos_types() {
        for (word, more, expected) in [
            ("delivered", json!({"tls": true}), "delivered - -"),
            (
                "soft_bounced",
                json!({"dsn_status": "4.2.2", "dsn_message": "full"}),
                "bounced(soft) mailbox_full 4.2.2",
            ),
            (
                "hard_bounced",
                json!({"dsn_status": "5.1.1", "dsn_action": "failed", "dsn_message": "unknown"}),
                "bounced(hard) mailbox_gone 5.1.1",
            ),
            ("bounced", json!({"dsn_status": "5.1.1"}), "bounced(hard) mailbox_gone 5.1.1"),
            ("complained", json!({}), "complained abuse -"),
            ("opened", json!({}), "opened - -"),
            ("clicked", json!({}), "clicked - -"),
            ("unsubscribed", json!({}), "unsubscribed - -"),
            ("deferred", json!({"dsn_status": "4.4.1"}), "deferred routing 4.4.1"),
            ("new", json!({}), "unknown - -"),
        ] {
            let data = with(
                json!({"message_id": "uuid", "to_email": "a@example.com", "subject": "s"}),
                more,
            );
            let said = in_words(
                "emitlo",
                &json!({"event_type": word, "timestamp": "2026-11-21T10:00:00Z", "data": data}),
            );
            assert!(said.starts_with(&format!("{expected} a@example.com uuid")), "{word}: {said}");
        }
    }
}
