//! Bird's webhooks, signed by Standard Webhooks.
//!
//! Documentation: <https://bird.com/docs/webhooks>. Only a bounce of type `hard` says that the
//! address is of no use.

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
