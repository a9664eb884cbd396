//! Mailers.io's webhooks. It publishes the kinds of events and neither their form nor their
//! signature: what is read here is the form that its batches are assumed to have, signed by
//! Standard Webhooks.
//!
//! `batch.progress` and `batch.completed` are about no recipient and become events of type
//! `unknown`.

use jiff::Timestamp;

use crate::model::event::{Event, EventKind};
use crate::provider::webhook::Webhook;
use crate::provider::webhook::reading::{
    Told, bounced, complaint_class, deferred, event, first, kind_of, object, recipient, text, time,
    token_in,
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
        value.get("type").is_some()
            && (value.get("batch_id").is_some() || value.pointer("/data/batch_id").is_some())
    },
};

fn read(body: &[u8], now: Timestamp) -> Result<Vec<Event>, String> {
    let value = object(body)?;
    let word = first(&value, &["/type", "/event"]);
    let data = value.get("data").unwrap_or(&value);
    let mut event = event(
        kind_of(&word),
        time(&value, &["/timestamp", "/created_at", "/data/timestamp"]).unwrap_or(now),
        body,
    );
    let said = first(data, &["/diagnostic", "/reason", "/message"]);
    match event.kind {
        EventKind::Bounced => {
            let told = match first(data, &["/bounce_type", "/bounce/type"])
                .to_ascii_lowercase()
                .as_str()
            {
                "hard" | "permanent" => Told::Hard,
                "soft" | "transient" => Told::Soft,
                _ => Told::Unsaid,
            };
            bounced(&mut event, told, &text(data, "/status"), &said);
        }
        EventKind::Deferred => deferred(&mut event, "", &said),
        EventKind::Complained => event.class = Some(complaint_class(&text(data, "/feedback_type"))),
        EventKind::Clicked => event.reason = text(data, "/url"),
        EventKind::Unknown => event.reason = word,
        _ => event.reason = said,
    }
    event.recipient = recipient(data, &["/email", "/recipient", "/to"]);
    event.provider_id = first(data, &["/message_id", "/id"]);
    event.token = token_in(data.get("metadata"));
    event.id = text(&value, "/id");
    Ok(vec![event])
}
