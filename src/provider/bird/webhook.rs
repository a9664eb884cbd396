//! Reads Bird's webhooks, which are signed as the Standard Webhooks specification describes.
//!
//! Documentation: <https://bird.com/docs/webhooks>. Only a bounce of type `hard` means that the
//! address is unusable.

use jiff::Timestamp;

use crate::model::event::{Class, Event, EventKind};
use crate::provider::webhook::Webhook;
use crate::provider::webhook::reading::{
    Severity, bounced, complaint_class, deferred, event, first, kind_of, object, recipient, text,
    time, token_in,
};
use crate::provider::webhook::scheme::{standard, standard_key_fits};

pub(super) const WEBHOOK: Webhook = Webhook {
    kind: "bird",
    verify: Some(standard),
    read,
    secret: "the webhook's secret, whsec_...",
    usable: standard_key_fits,
    token: None,
    log: None,
    looks_like: |value| {
        value.get("type").is_some()
            && value.get("timestamp").is_some()
            && value.pointer("/data/workspace_id").is_some()
    },
};

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let word = text(&value, "/type");
    let mut event = event(kind_of(&word), time(&value, &["/timestamp"]).unwrap_or(now), body);
    let said = [
        text(&value, "/data/bounce_code"),
        first(&value, &["/data/bounce_description", "/data/reason", "/data/description"]),
    ]
    .join(" ");
    match event.kind {
        EventKind::Bounced => {
            let how = text(&value, "/data/bounce_type");
            bounced(
                &mut event,
                if how == "hard" { Severity::Hard } else { Severity::Soft },
                "",
                said.trim(),
            );
            if how == "block" {
                event.class = Some(Class::Policy);
            }
        }
        EventKind::Deferred => deferred(&mut event, "", said.trim()),
        EventKind::Complained => {
            event.class = Some(complaint_class(&text(&value, "/data/feedback_type")))
        }
        EventKind::Clicked => event.reason = text(&value, "/data/url"),
        EventKind::Rejected => event.reason = text(&value, "/data/rejection_reason"),
        EventKind::Unknown if word == "email_suppression.created" => {
            match text(&value, "/data/reason").as_str() {
                "hard_bounce" => bounced(&mut event, Severity::Hard, "", "hard_bounce"),
                "complaint" => {
                    (event.kind, event.class) = (EventKind::Complained, Some(Class::Abuse))
                }
                "unsubscribe" => event.kind = EventKind::Unsubscribed,
                other => event.reason = format!("{word}: {other}"),
            }
        }
        EventKind::Unknown => event.reason = word,
        _ => {}
    }
    event.recipient =
        recipient(&value, &["/data/recipient", "/data/recipient/email", "/data/email"]);
    event.provider_id = text(&value, "/data/email_id");
    event.token =
        [token_in(value.pointer("/data/metadata")), token_in(value.pointer("/data/tags"))]
            .into_iter()
            .find(|t| !t.is_empty())
            .unwrap_or_default();
    Ok(vec![event])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::provider::webhook::testing::{TOKEN, in_words, with};

    #[test]
    fn birds_types() {
        let payload = |word: &str, more: Value| {
            let data = with(
                json!({"email_id": "em_1", "workspace_id": "w", "recipient": "a@example.com", "metadata": {"mailbatch_id": TOKEN}}),
                more,
            );
            json!({"type": word, "timestamp": "2026-11-21T10:00:00Z", "data": data})
        };
        for (word, more, expected) in [
            ("email.accepted", json!({}), "queued - -"),
            ("email.scheduled", json!({}), "queued - -"),
            ("email.processed", json!({}), "queued - -"),
            ("email.delivered", json!({}), "delivered - -"),
            (
                "email.deferred",
                json!({"bounce_code": "451", "bounce_description": "4.7.1 try later"}),
                "deferred policy 4.7.1",
            ),
            (
                "email.bounced",
                json!({"bounce_type": "hard", "bounce_code": "550", "bounce_description": "5.1.1 unknown"}),
                "bounced(hard) mailbox_gone 5.1.1",
            ),
            (
                "email.bounced",
                json!({"bounce_type": "soft", "bounce_description": "mailbox full"}),
                "bounced(soft) mailbox_full -",
            ),
            ("email.bounced", json!({"bounce_type": "block"}), "bounced(soft) policy -"),
            ("email.bounced", json!({"bounce_type": "admin"}), "bounced(soft) other -"),
            ("email.bounced", json!({"bounce_type": "undetermined"}), "bounced(soft) other -"),
            (
                "email.out_of_band_bounce",
                json!({"bounce_type": "hard"}),
                "bounced(hard) mailbox_gone -",
            ),
            ("email.rejected", json!({"rejection_reason": "recipient_suppressed"}), "rejected - -"),
            ("email.canceled", json!({}), "rejected - -"),
            ("email.complained", json!({"feedback_type": "abuse"}), "complained abuse -"),
            ("email.complained", json!({"feedback_type": "not-spam"}), "complained not_spam -"),
            ("email.opened", json!({}), "opened - -"),
            ("email.clicked", json!({"url": "https://acme.example"}), "clicked - -"),
            ("email.unsubscribed", json!({}), "unsubscribed - -"),
            ("email.list_unsubscribed", json!({}), "unsubscribed - -"),
            ("email.received", json!({}), "unknown - -"),
            (
                "email_suppression.created",
                json!({"reason": "hard_bounce"}),
                "bounced(hard) mailbox_gone -",
            ),
            ("email_suppression.created", json!({"reason": "complaint"}), "complained abuse -"),
            ("email_suppression.created", json!({"reason": "unsubscribe"}), "unsubscribed - -"),
            ("email_suppression.created", json!({"reason": "manual"}), "unknown - -"),
            ("domain.verified", json!({}), "unknown - -"),
        ] {
            let said = in_words("bird", &payload(word, more));
            assert!(
                said.starts_with(&format!("{expected} a@example.com em_1 ours")),
                "{word}: {said}"
            );
        }
    }
}
