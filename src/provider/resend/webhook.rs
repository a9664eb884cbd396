//! Reads Resend's webhooks, which Svix signs.
//!
//! Documentation: <https://resend.com/docs/dashboard/webhooks/event-types>. Only a bounce of type
//! `Permanent` means that the address is unusable.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::event::{Event, EventKind};
use crate::provider::webhook::reading::{
    Severity, bare, bounced, complaint_class, deferred, event, first, kind_of, object, recipient,
    text, time, token_in,
};
use crate::provider::webhook::scheme::{standard, standard_key_fits};
use crate::provider::webhook::{Log, Webhook};

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "resend",
    verify: Some(standard),
    read,
    secret: "the webhook's signing secret, whsec_...",
    usable: standard_key_fits,
    token: None,
    log: Some(Log { read: logged, shares_ids: false }),
    looks_like: |value| {
        value.get("type").is_some()
            && value.get("created_at").is_some()
            && value.pointer("/data/email_id").is_some()
    },
};

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let word = text(&value, "/type");
    let mut event = event(
        kind_of(&word),
        time(&value, &["/created_at", "/data/created_at"]).unwrap_or(now),
        body,
    );
    match event.kind {
        EventKind::Bounced => {
            let severity = if text(&value, "/data/bounce/type") == "Permanent" {
                Severity::Hard
            } else {
                Severity::Soft
            };
            let said = first(&value, &["/data/bounce/diagnosticCode/0", "/data/bounce/message"]);
            bounced(&mut event, severity, "", &said);
        }
        EventKind::Deferred => deferred(
            &mut event,
            "",
            &first(&value, &["/data/delivery_delayed/reason", "/data/reason"]),
        ),
        EventKind::Complained => {
            event.class = Some(complaint_class(&text(&value, "/data/complaint/type")))
        }
        EventKind::Clicked => event.reason = text(&value, "/data/click/link"),
        EventKind::Rejected => {
            event.reason = first(
                &value,
                &["/data/failed/reason", "/data/suppressed/reason", "/data/suppressed/message"],
            )
        }
        EventKind::Unknown
            if word == "contact.updated"
                && value.pointer("/data/unsubscribed").and_then(Value::as_bool) == Some(true) =>
        {
            event.kind = EventKind::Unsubscribed;
        }
        EventKind::Unknown => event.reason = word,
        _ => {}
    }
    event.recipient = recipient(&value, &["/data/to/0", "/data/to", "/data/email"]);
    event.provider_id = text(&value, "/data/email_id");
    event.message_id = bare(&text(&value, "/data/message_id"));
    event.token = token_in(value.pointer("/data/tags"));
    let is_about_one =
        value.pointer("/data/to").and_then(Value::as_array).is_none_or(|to| to.len() <= 1);
    if is_about_one {
        event.id = id_of(event.kind, &event.provider_id);
    }
    Ok(vec![event])
}

/// Returns the id of an event that can happen only once to an email. It is built from the email's
/// id, so that the webhook and the list of emails report the same event.
fn id_of(kind: EventKind, email: &str) -> String {
    let happens_once = matches!(
        kind,
        EventKind::Sent
            | EventKind::Delivered
            | EventKind::Bounced
            | EventKind::Complained
            | EventKind::Rejected
    );
    if happens_once && !email.is_empty() { format!("{email}-{kind}") } else { String::new() }
}

/// Reads an entry of the sent emails:
/// `{"id":"…","to":["…"],"created_at":"…","last_event":"delivered"}`. The entry does not show
/// whether a bounce is hard. The webhook's event for the same bounce therefore stays a separate
/// event, which can still suppress the address.
fn logged(_list: &str, entry: &Value, raw: &[u8], now: Timestamp) -> Event {
    let (email, word) = (text(entry, "/id"), text(entry, "/last_event"));
    let kind = kind_of(&word);
    let mut event = event(kind, time(entry, &["/created_at"]).unwrap_or(now), raw);
    event.id = match id_of(kind, &email) {
        named if !named.is_empty() && kind != EventKind::Bounced => named,
        _ if !email.is_empty() => format!("{email}-last-{word}"),
        _ => String::new(),
    };
    match kind {
        EventKind::Bounced => {
            bounced(&mut event, Severity::Soft, "", "");
            event.reason = "the list of emails does not state the reason".to_owned();
        }
        EventKind::Complained => event.class = Some(complaint_class("")),
        EventKind::Unknown => event.reason = word,
        _ => {}
    }
    event.recipient = recipient(entry, &["/to/0", "/to"]);
    event.provider_id = email;
    event.message_id = bare(&text(entry, "/message_id"));
    event.token = token_in(entry.get("tags"));
    event
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::provider::webhook::testing::{TOKEN, in_words, with};

    #[test]
    fn resends_types() {
        let payload = |word: &str, more: Value| {
            let data = with(
                json!({"email_id": "56761188", "to": ["a@example.com"], "created_at": "2026-11-22T23:41:11.894719+00:00",
                "tags": {"mailbatch_id": TOKEN}}),
                more,
            );
            json!({"type": word, "created_at": "2026-11-22T23:41:12.126Z", "data": data})
        };
        let bounce = |kind: &str, message: &str| json!({"bounce": {"type": kind, "subType": "General", "message": message, "diagnosticCode": []}});
        for (word, more, expected) in [
            ("email.sent", json!({}), "sent - -"),
            ("email.delivered", json!({}), "delivered - -"),
            ("email.delivery_delayed", json!({}), "deferred other -"),
            ("email.scheduled", json!({}), "queued - -"),
            (
                "email.bounced",
                bounce("Permanent", "The recipient does not exist"),
                "bounced(hard) mailbox_gone -",
            ),
            (
                "email.bounced",
                bounce("Transient", "The mailbox is full"),
                "bounced(soft) mailbox_full -",
            ),
            ("email.bounced", bounce("Undetermined", ""), "bounced(soft) other -"),
            ("email.complained", json!({}), "complained abuse -"),
            ("email.opened", json!({}), "opened - -"),
            ("email.clicked", json!({"click": {"link": "https://acme.example"}}), "clicked - -"),
            ("email.failed", json!({"failed": {"reason": "reached_daily_quota"}}), "rejected - -"),
            (
                "email.suppressed",
                json!({"suppressed": {"reason": "previous_bounce"}}),
                "rejected - -",
            ),
            ("email.received", json!({}), "unknown - -"),
            ("domain.updated", json!({}), "unknown - -"),
            ("contact.updated", json!({"unsubscribed": true}), "unsubscribed - -"),
            ("contact.updated", json!({"unsubscribed": false}), "unknown - -"),
        ] {
            let said = in_words("resend", &payload(word, more));
            assert!(
                said.starts_with(&format!("{expected} a@example.com 56761188 ours")),
                "{word}: {said}"
            );
        }
        let listed =
            payload("email.sent", json!({"tags": [{"name": "mailbatch_id", "value": TOKEN}]}));
        assert_eq!(in_words("resend", &listed), "sent - - a@example.com 56761188 ours");
    }
}
