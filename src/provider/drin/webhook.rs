//! Reads Drin's webhooks. The header `Drin-Signature: t=<seconds>,v1=<hex>` contains an HMAC-SHA256
//! over the time, a dot and the body.
//!
//! Documentation: <https://drin.run/docs/webhooks>. It contains two forms of events: `delivery`
//! with `data.messageId`, and `email.delivered` with `data.id`. This code reads both. The
//! documentation does not say exactly which bytes are signed; this code assumes the scheme that
//! usually has this header format. A bounce is hard unless the event says otherwise, because Drin
//! suppresses every address that bounces.

use axum::http::HeaderMap;
use jiff::Timestamp;

use crate::model::event::{Event, EventKind};
use crate::provider::webhook::reading::{
    Severity, bounced, complaint_class, deferred, event, first, kind_of, object, recipient, text,
    time, token_in,
};
use crate::provider::webhook::scheme::{any_hmac_fits, fresh, from_hex, header, long_enough};
use crate::provider::webhook::{Refusal, Webhook};
use crate::secret::Secret;

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "drin",
    verify: Some(verify),
    read,
    secret: "the endpoint's signing secret, whsec_...",
    usable: long_enough,
    token: None,
    log: None,
    looks_like: |value| {
        let dated = value.get("createdAt").is_some() || value.get("created_at").is_some();
        dated
            && value.get("id").is_some()
            && value.get("type").is_some()
            && value.get("data").is_some()
    },
};

fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let given = header(headers, "drin-signature")?;
    let fields = || given.split(',').filter_map(|field| field.trim().split_once('='));
    let at = fields()
        .find(|(name, _)| *name == "t")
        .map(|(_, at)| at)
        .ok_or(Refusal::Unsigned("time in drin-signature"))?;
    let tags = fields().filter(|(name, _)| *name == "v1").filter_map(|(_, tag)| from_hex(tag));
    any_hmac_fits(secret.expose().as_bytes(), &[at.as_bytes(), b".", body], tags)?;
    fresh(at, now)
}

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let word = text(&value, "/type");
    let mut event =
        event(kind_of(&word), time(&value, &["/createdAt", "/created_at"]).unwrap_or(now), body);
    let said = first(
        &value,
        &[
            "/data/diagnostic",
            "/data/diagnosticCode",
            "/data/reason",
            "/data/message",
            "/data/error/message",
        ],
    );
    match event.kind {
        EventKind::Bounced => {
            let how = first(&value, &["/data/bounceType", "/data/bounce/type", "/data/severity"])
                .to_ascii_lowercase();
            let severity =
                if ["soft", "transient", "temporary", "undetermined"].contains(&how.as_str()) {
                    Severity::Soft
                } else {
                    Severity::Hard
                };
            bounced(&mut event, severity, &text(&value, "/data/status"), &said);
        }
        EventKind::Deferred => deferred(&mut event, "", &said),
        EventKind::Complained => {
            event.class = Some(complaint_class(&first(
                &value,
                &["/data/feedbackType", "/data/complaintType"],
            )))
        }
        EventKind::Clicked => event.reason = first(&value, &["/data/url", "/data/link"]),
        EventKind::Unknown => event.reason = word,
        _ => event.reason = said,
    }
    event.recipient = recipient(
        &value,
        &["/data/email", "/data/recipient", "/data/to/0/email", "/data/to/0", "/data/to"],
    );
    event.provider_id = first(&value, &["/data/messageId", "/data/id", "/data/message_id"]);
    event.token = token_in(value.pointer("/data/tags"));
    event.id = text(&value, "/id");
    Ok(vec![event])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::webhook::testing::{TOKEN, in_words, read, with};

    #[test]
    fn drins_types_in_both_published_forms() {
        for (guide, product, more, expected) in [
            ("accepted", "email.accepted", json!({}), "queued - -"),
            ("queued", "email.queued", json!({}), "queued - -"),
            ("sending", "email.sending", json!({}), "sent - -"),
            ("sent", "email.sent", json!({}), "sent - -"),
            ("delivery", "email.delivered", json!({}), "delivered - -"),
            ("delivery_delayed", "email.delivery_delayed", json!({}), "deferred other -"),
            ("bounce", "email.bounced", json!({}), "bounced(hard) mailbox_gone -"),
            (
                "bounce",
                "email.bounced",
                json!({"bounceType": "Transient"}),
                "bounced(soft) other -",
            ),
            (
                "bounce",
                "email.bounced",
                json!({"reason": "550 5.7.1 refused by policy"}),
                "bounced(soft) policy 5.7.1",
            ),
            ("complaint", "email.complained", json!({}), "complained abuse -"),
            ("open", "email.opened", json!({}), "opened - -"),
            ("click", "email.clicked", json!({}), "clicked - -"),
            ("rejected", "email.rejected", json!({}), "rejected - -"),
            ("rendering_failure", "email.rendering_failure", json!({}), "rejected - -"),
            ("failed", "email.failed", json!({}), "rejected - -"),
            ("inbound_received", "inbound.received", json!({}), "unknown - -"),
            ("inbound_rejected", "inbound.rejected", json!({}), "unknown - -"),
            ("contact.unsubscribed", "contact.unsubscribed", json!({}), "unsubscribed - -"),
        ] {
            let data = with(
                json!({"email": "a@example.com", "tags": [{"name": "mailbatch_id", "value": TOKEN}]}),
                more,
            );
            let first = json!({"id": "evt_1", "type": guide, "createdAt": "2026-11-21T10:00:00Z", "data": with(data.clone(), json!({"messageId": "msg_1"}))});
            let second = json!({"id": "evt_1", "type": product, "created_at": "2026-11-21T10:00:00Z", "data": with(data, json!({"id": "msg_1"}))});
            for payload in [first, second] {
                let said = in_words("drin", &payload);
                assert!(
                    said.starts_with(&format!("{expected} a@example.com msg_1 ours")),
                    "{payload}: {said}"
                );
                assert_eq!(read("drin", &payload)[0].id, "evt_1");
            }
        }
    }
}
