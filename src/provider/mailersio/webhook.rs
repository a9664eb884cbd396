//! Reads Mailers.io's webhooks. The service documents the kinds of events, but not their form or
//! signature. This code assumes the same form as in batches, and signatures as the Standard
//! Webhooks specification describes.
//!
//! `batch.progress` and `batch.completed` concern no recipient. They become events of type
//! `unknown`.

use jiff::Timestamp;

use super::names::posted;
use crate::model::event::{Event, EventKind};
use crate::provider::webhook::Webhook;
use crate::provider::webhook::reading::{
    Severity, bounced, complaint_class, deferred, event, first, kind_of, object, recipient, text,
    time, token_in,
};
use crate::provider::webhook::scheme::{standard, standard_key_fits};

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "mailersio",
    verify: Some(standard),
    read,
    secret: "the webhook's secret, whsec_...",
    usable: standard_key_fits,
    token: None,
    log: None,
    looks_like: |value| {
        value.pointer(posted::KIND[0]).is_some()
            && posted::BATCH.iter().any(|place| value.pointer(place).is_some())
    },
};

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let word = first(&value, &posted::KIND);
    let data = value.pointer(posted::DATA).unwrap_or(&value);
    let mut event = event(kind_of(&word), time(&value, &posted::AT).unwrap_or(now), body);
    let said = first(data, &posted::SAID);
    match event.kind {
        EventKind::Bounced => {
            let how = first(data, &posted::BOUNCE_TYPE).to_ascii_lowercase();
            let severity = if posted::HARD.contains(&how.as_str()) {
                Severity::Hard
            } else if posted::SOFT.contains(&how.as_str()) {
                Severity::Soft
            } else {
                Severity::Unsaid
            };
            bounced(&mut event, severity, &text(data, posted::STATUS), &said);
        }
        EventKind::Deferred => deferred(&mut event, "", &said),
        EventKind::Complained => {
            event.class = Some(complaint_class(&text(data, posted::FEEDBACK_TYPE)))
        }
        EventKind::Clicked => event.reason = text(data, posted::URL),
        EventKind::Unknown => event.reason = word,
        _ => event.reason = said,
    }
    event.recipient = recipient(data, &posted::RECIPIENT);
    event.provider_id = first(data, &posted::MESSAGE_ID);
    event.token = token_in(data.pointer(posted::METADATA));
    event.id = text(&value, posted::ID);
    Ok(vec![event])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::provider::webhook::testing::{TOKEN, in_words, with};

    #[test]
    fn mailersios_types() {
        for (word, more, expected) in [
            ("message.delivered", json!({}), "delivered - -"),
            ("message.bounced", json!({"bounce_type": "hard"}), "bounced(hard) mailbox_gone -"),
            ("message.bounced", json!({"reason": "mailbox full"}), "bounced(soft) mailbox_full -"),
            ("message.complained", json!({}), "complained abuse -"),
            ("message.opened", json!({}), "opened - -"),
            ("message.clicked", json!({}), "clicked - -"),
            ("message.unsubscribed", json!({}), "unsubscribed - -"),
            ("batch.progress", json!({}), "unknown - -"),
            ("batch.completed", json!({}), "unknown - -"),
        ] {
            let data = with(
                json!({"batch_id": "b", "message_id": "m", "email": "a@example.com", "metadata": {"mailbatch_id": TOKEN}}),
                more,
            );
            let said = in_words(
                "mailersio",
                &json!({"id": "evt", "type": word, "timestamp": "2026-11-21T10:00:00Z", "data": data}),
            );
            assert!(
                said.starts_with(&format!("{expected} a@example.com m ours")),
                "{word}: {said}"
            );
        }
    }
}
