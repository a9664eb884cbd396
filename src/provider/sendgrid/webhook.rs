//! Reads SendGrid's signed event webhook. The signature is ECDSA on P-256 with SHA-256, over the
//! timestamp header and the raw body.
//!
//! Documentation: <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>. A
//! body is an array of events, and the `custom_args` set by mailbatch are at the top level of each
//! event. A `bounce` of type `blocked` is a temporary refusal.

use axum::http::HeaderMap;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::event::{Bounce, Class, Event, EventKind};
use crate::provider::webhook::reading::{
    Severity, bare, bounced, deferred, event, first, kind_of, recipient, text, time, token_in,
};
use crate::provider::webhook::scheme::{fresh, header};
use crate::provider::webhook::{Log, Refusal, Webhook};
use crate::secret::Secret;

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "sendgrid",
    verify: Some(verify),
    read,
    secret: "the verification key of the signed event webhook",
    usable: |secret| point(secret).map(drop),
    token: None,
    log: Some(Log { read: logged, shares_ids: false }),
    looks_like: |value| value.get("sg_event_id").is_some(),
};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// The bytes of a P-256 SubjectPublicKeyInfo before its uncompressed point (RFC 5480 section 2).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Returns the uncompressed point of a public key. Fails if the text is not such a key, because no
/// request could be verified with it.
fn point(secret: &str) -> Result<Vec<u8>, &'static str> {
    const UNCOMPRESSED: u8 = 4;
    let key: String =
        secret.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let key = BASE64_STANDARD.decode(&key).map_err(|_| "it is not base64")?;
    let point = key.strip_prefix(&SPKI).ok_or("it is not a P-256 public key")?;
    if point.len() == 65 && point[0] == UNCOMPRESSED {
        Ok(point.to_vec())
    } else {
        Err("it is not a whole P-256 public key")
    }
}

fn verify(
    secret: &Secret,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let (signature, at) = (header(headers, SIGNATURE)?, header(headers, TIMESTAMP)?);
    let point =
        point(secret.expose()).map_err(|_| Refusal::Secret("a P-256 public key in base64"))?;
    let signature = BASE64_STANDARD.decode(signature).map_err(|_| Refusal::Wrong)?;
    let signed = [at.as_bytes(), body].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&signed, &signature)
        .map_err(|_| Refusal::Wrong)?;
    fresh(at, now)
}

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let broken = |e: serde_json::Error| {
        format!("the body is not a JSON array of events: line {}, column {}", e.line(), e.column())
    };
    let items: Vec<&RawValue> = match body.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(body).map_err(broken)?,
        _ => vec![serde_json::from_slice(body).map_err(broken)?],
    };
    items.into_iter().map(|item| one(item.get(), now)).collect()
}

/// Reads an entry of a list: `{"created":1443651125,"email":"…","reason":"550 5.1.1
/// …","status":"5.1.1"}`.
fn logged(list: &str, entry: &Value, raw: &[u8], now: Timestamp) -> Event {
    let kind = match list {
        "spam_reports" => EventKind::Complained,
        "unsubscribes" => EventKind::Unsubscribed,
        _ => EventKind::Bounced,
    };
    let mut event = event(kind, time(entry, &["/created"]).unwrap_or(now), raw);
    let (status, said) = (text(entry, "/status"), text(entry, "/reason"));
    match list {
        "spam_reports" => event.class = Some(Class::Abuse),
        "unsubscribes" => {}
        "blocks" => bounced(&mut event, Severity::Soft, &status, &said),
        _ => bounced(&mut event, Severity::Hard, &status, &said),
    }
    if list == "invalid_emails" {
        (event.bounce, event.class) = (Some(Bounce::Hard), Some(Class::BadAddress));
    }
    event.recipient = recipient(entry, &["/email"]);
    event
}

fn one(raw: &str, now: Timestamp) -> Result<Event, String> {
    let item: Value =
        serde_json::from_str(raw).map_err(|e| format!("an event is not valid JSON: {e}"))?;
    if !item.is_object() {
        return Err("an event is no JSON object".to_owned());
    }
    let word = text(&item, "/event");
    let mut event =
        event(kind_of(&word), time(&item, &["/timestamp"]).unwrap_or(now), raw.as_bytes());
    let said = first(&item, &["/reason", "/response"]);
    let status = text(&item, "/status");
    match event.kind {
        EventKind::Bounced => {
            let severity =
                if text(&item, "/type") == "blocked" { Severity::Soft } else { Severity::Hard };
            bounced(&mut event, severity, &status, &said);
        }
        EventKind::Deferred => deferred(&mut event, &status, &said),
        EventKind::Complained => event.class = Some(Class::Abuse),
        EventKind::Clicked => event.reason = text(&item, "/url"),
        EventKind::Unknown => event.reason = word,
        _ => event.reason = said,
    }
    event.recipient = recipient(&item, &["/email"]);
    event.token = token_in(Some(&item));
    event.message_id = bare(&first(&item, &["/smtp-id"]));
    // The part before the first dot is the id of the request. The rest identifies the message.
    event.provider_id =
        text(&item, "/sg_message_id").split('.').next().unwrap_or_default().to_owned();
    event.id = text(&item, "/sg_event_id");
    Ok(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::webhook::testing::{TOKEN, in_words, read, with};

    #[test]
    fn sendgrids_types() {
        let base = json!({"email": "a@example.com", "timestamp": 1513299569, "sg_event_id": "sg", "sg_message_id": "14c5d75ce93.filter0001.16648.0",
            "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "mailbatch_id": TOKEN});
        for (more, expected) in [
            (json!({"event": "processed"}), "queued - - a@example.com 14c5d75ce93 ours"),
            (
                json!({"event": "deferred", "response": "400 try again later", "attempt": "5"}),
                "deferred routing - a@example.com 14c5d75ce93 ours",
            ),
            (
                json!({"event": "delivered", "response": "250 OK"}),
                "delivered - - a@example.com 14c5d75ce93 ours",
            ),
            (
                json!({"event": "bounce", "type": "bounce", "reason": "550 5.1.1 no such user", "status": "5.1.1"}),
                "bounced(hard) mailbox_gone 5.1.1 a@example.com 14c5d75ce93 ours => hard_bounce",
            ),
            (
                json!({"event": "bounce", "type": "bounce", "reason": "500 unknown recipient", "status": "5.0.0"}),
                "bounced(hard) mailbox_gone 5.0.0 a@example.com 14c5d75ce93 ours => hard_bounce",
            ),
            (
                json!({"event": "bounce", "type": "bounce", "reason": "550 5.7.1 blocked by policy", "status": "5.7.1"}),
                "bounced(soft) policy 5.7.1 a@example.com 14c5d75ce93 ours",
            ),
            (
                json!({"event": "bounce", "type": "blocked", "reason": "552 5.2.2 over quota", "status": "5.2.2"}),
                "bounced(soft) mailbox_full 5.2.2 a@example.com 14c5d75ce93 ours",
            ),
            (
                json!({"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}),
                "rejected - - a@example.com 14c5d75ce93 ours",
            ),
            (
                json!({"event": "spamreport"}),
                "complained abuse - a@example.com 14c5d75ce93 ours => complaint",
            ),
            (
                json!({"event": "unsubscribe"}),
                "unsubscribed - - a@example.com 14c5d75ce93 ours => unsubscribe",
            ),
            (
                json!({"event": "group_unsubscribe", "asm_group_id": 10}),
                "unsubscribed - - a@example.com 14c5d75ce93 ours => unsubscribe",
            ),
            (
                json!({"event": "group_resubscribe", "asm_group_id": 10}),
                "unknown - - a@example.com 14c5d75ce93 ours",
            ),
            (json!({"event": "open"}), "opened - - a@example.com 14c5d75ce93 ours"),
            (
                json!({"event": "click", "url": "https://acme.example/"}),
                "clicked - - a@example.com 14c5d75ce93 ours",
            ),
            (json!({"event": "brand_new"}), "unknown - - a@example.com 14c5d75ce93 ours"),
        ] {
            assert_eq!(in_words("sendgrid", &json!([with(base.clone(), more)])), expected);
        }
        let events = read(
            "sendgrid",
            &json!([
                with(base.clone(), json!({"event": "open"})),
                with(base, json!({"event": "click", "sg_event_id": "b"}))
            ]),
        );
        assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["sg", "b"]);
        assert_eq!(events[0].at, "2017-12-15T00:59:29Z".parse().unwrap());
        assert_eq!(events[0].message_id, "14c5d75ce93.dfd.64b469@ismtpd-555");
    }
}
