//! Reads Mailgun's webhooks. The signature is an HMAC-SHA256 over a time and a token. The body
//! contains the time, the token and the signature.
//!
//! The signature does not cover the rest of the body. Each token is therefore accepted with one
//! body only, across all processes and paths. Documentation:
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>. The
//! events API returns the same objects without a signature.

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::event::{Class, Event, EventKind};
use crate::provider::webhook::reading::{
    Severity, bare, bounced, deferred, event, first, kind_of, object, recipient, text, time,
    token_in,
};
use crate::provider::webhook::scheme::{fresh, from_hex, hmac_fits, long_enough};
use crate::provider::webhook::{Log, Refusal, Webhook};
use crate::secret::Secret;

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "mailgun",
    verify: Some(verify),
    read,
    secret: "the HTTP webhook signing key",
    usable: long_enough,
    token: Some(token),
    log: Some(Log { read: |_, entry, raw, now| one(entry, raw, now), shares_ids: true }),
    looks_like: |value| {
        value.get("event-data").is_some()
            || (value.get("event").is_some()
                && value.get("log-level").is_some()
                && value.get("id").is_some())
    },
};

/// The maximum length of the signature object. Mailgun's has about 200 bytes.
const LONGEST_SIGNATURE: usize = 4096;

fn verify(
    secret: &Secret,
    _headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let value = signature(body).ok_or(Refusal::Unsigned("signature in the body"))?;
    let [at, token, signature] =
        ["/timestamp", "/token", "/signature"].map(|pointer| text(&value, pointer));
    if at.is_empty() || token.is_empty() || signature.is_empty() {
        return Err(Refusal::Unsigned("signature in the body"));
    }
    let tag = from_hex(&signature).ok_or(Refusal::Wrong)?;
    hmac_fits(secret.expose().as_bytes(), &[at.as_bytes(), token.as_bytes()], &tag)?;
    fresh(&at, now)
}

/// Reads the signature object. The rest of the body is skipped without building values, because
/// anyone can send a body that is not verified yet.
fn signature(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Signed<'b> {
        #[serde(borrow)]
        signature: &'b RawValue,
    }
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let signed: Signed<'_> = serde_json::from_slice(body).ok()?;
    let raw = signed.signature.get();
    if raw.len() > LONGEST_SIGNATURE { None } else { serde_json::from_str(raw).ok() }
}

fn token(body: &[u8]) -> Option<String> {
    signature(body).map(|value| text(&value, "/token"))
}

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let data = value.get("event-data").unwrap_or(&value);
    if !data.is_object() {
        return Err("event-data is not an object".to_owned());
    }
    Ok(vec![one(data, body, now)])
}

fn one(data: &Value, raw: &[u8], now: Timestamp) -> Event {
    let word = text(data, "/event");
    let at = time(data, &["/timestamp"]);
    let mut event = event(kind_of(&word), at.unwrap_or(now), raw);
    let said = first(
        data,
        &["/delivery-status/message", "/delivery-status/description", "/reject/reason", "/reason"],
    );
    let coded = format!("{} {said}", text(data, "/delivery-status/code"));
    let status = text(data, "/delivery-status/enhanced-code");
    let reason = text(data, "/reason");
    match (word.as_str(), text(data, "/severity").as_str()) {
        ("failed", "permanent") if reason.starts_with("suppress-") => {
            event.reason = format!("{reason}: {said}")
        }
        ("failed", "permanent") => {
            // `old` means that Mailgun gave up after its retry time. `generic` means that Mailgun
            // states no specific cause.
            let severity = match reason.as_str() {
                "bounce" => Severity::Hard,
                "old" => Severity::Soft,
                _ => Severity::Unsaid,
            };
            bounced(&mut event, severity, &status, coded.trim());
            if reason == "old" {
                event.class = Some(Class::Expired);
            }
        }
        ("failed", _) => {
            event.kind = EventKind::Deferred;
            deferred(&mut event, &status, coded.trim());
        }
        // Mailgun does not document this name of an event, but its meaning is clear.
        _ if event.kind == EventKind::Bounced => {
            bounced(&mut event, Severity::Unsaid, &status, coded.trim())
        }
        ("complained", _) => event.class = Some(Class::Abuse),
        ("clicked", _) => event.reason = text(data, "/url"),
        _ if event.kind == EventKind::Unknown => event.reason = word,
        _ => event.reason = said,
    }
    event.recipient = recipient(data, &["/recipient"]);
    event.token = token_in(data.get("user-variables"));
    event.message_id = bare(&text(data, "/message/headers/message-id"));
    event.provider_id.clone_from(&event.message_id);
    // Mailgun's ids are unique only within a day, so the time is added.
    event.id = match (text(data, "/id"), at) {
        (id, Some(at)) if !id.is_empty() => format!("{}-{id}", at.strftime("%Y%m%d")),
        _ => String::new(),
    };
    event
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::webhook::testing::{TOKEN, in_words, read, with};

    #[test]
    fn mailguns_types() {
        let base = json!({"id": "hTWCTD81RtiDN", "timestamp": 1534108637.153125, "recipient": "a@example.com", "log-level": "info",
            "user-variables": {"mailbatch_id": TOKEN}, "message": {"headers": {"message-id": "2018.1@acme.example"}}});
        for (more, expected) in [
            (json!({"event": "accepted"}), "queued - - a@example.com 2018.1@acme.example ours"),
            (
                json!({"event": "delivered", "delivery-status": {"code": 250, "message": "OK"}}),
                "delivered - - a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550,
                    "message": "5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking"}}),
                "bounced(hard) mailbox_gone 5.1.1 a@example.com 2018.1@acme.example ours => hard_bounce",
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "suppress-bounce", "delivery-status": {"code": 605, "message": "Not delivering"}}),
                "rejected - - a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "old", "delivery-status": {"code": 602, "message": "Too old"}}),
                "bounced(soft) expired - a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "failed", "severity": "permanent", "reason": "generic", "delivery-status": {"code": 550, "message": "5.7.1 spam"}}),
                "bounced(soft) policy 5.7.1 a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "failed", "severity": "temporary", "reason": "greylisted", "delivery-status": {"code": 450, "message": "4.2.0 Greylisted"}}),
                "deferred rate 4.2.0 a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "failed", "severity": "temporary", "delivery-status": null}),
                "deferred other - a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "rejected", "reject": {"reason": "Sandbox subdomains"}}),
                "rejected - - a@example.com 2018.1@acme.example ours",
            ),
            (json!({"event": "opened"}), "opened - - a@example.com 2018.1@acme.example ours"),
            (
                json!({"event": "clicked", "url": "https://acme.example/"}),
                "clicked - - a@example.com 2018.1@acme.example ours",
            ),
            (
                json!({"event": "unsubscribed"}),
                "unsubscribed - - a@example.com 2018.1@acme.example ours => unsubscribe",
            ),
            (
                json!({"event": "complained"}),
                "complained abuse - a@example.com 2018.1@acme.example ours => complaint",
            ),
            (
                json!({"event": "list_uploaded"}),
                "unknown - - a@example.com 2018.1@acme.example ours",
            ),
        ] {
            let data = with(base.clone(), more);
            assert_eq!(
                in_words("mailgun", &json!({"signature": {}, "event-data": data})),
                expected
            );
            // The event log contains the same objects without a signature.
            assert_eq!(in_words("mailgun", &data), expected);
        }
        // Mailgun's ids are unique only within a day.
        assert_eq!(
            read("mailgun", &with(base, json!({"event": "opened"})))[0].id,
            "20180812-hTWCTD81RtiDN"
        );
    }
}
