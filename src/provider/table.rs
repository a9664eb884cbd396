//! Lists all kinds of provider. Each kind has one line here, and its row in its own folder.

use jiff::Timestamp;
use serde_json::Value;

use super::ProviderSpec;
use super::webhook::Webhook;
use crate::model::event::{Event, Source};

/// All kinds of provider.
pub const PROVIDERS: &[&ProviderSpec] = &[
    &super::sandbox::SPEC,
    &super::smtp::SPEC,
    &super::resend::SPEC,
    &super::sendgrid::SPEC,
    &super::postmark::SPEC,
    &super::mailgun::SPEC,
    &super::bird::SPEC,
    &super::emitlo::SPEC,
    &super::drin::SPEC,
    &super::mailersio::SPEC,
    &super::ses::SPEC,
];

/// Returns the row for `kind`.
pub fn find(kind: &str) -> Option<&'static ProviderSpec> {
    PROVIDERS.iter().copied().find(|spec| spec.kind == kind)
}

/// Returns the webhook readers of all services that send events.
pub fn webhooks() -> impl Iterator<Item = &'static Webhook> {
    PROVIDERS.iter().filter_map(|spec| spec.webhooks.first().copied())
}

/// Returns the webhook reader for this kind of provider. Returns `None` if the kind sends no
/// events.
pub(crate) fn webhook(kind: &str) -> Option<&'static Webhook> {
    find(kind)?.webhooks.first().copied()
}

/// Reads the events of one JSON object from a provider's export or log. Each event's provider is
/// the kind until the configured name is known. The object is not signed, so the operator who
/// ingests it vouches for it.
pub fn read_export(raw: &[u8], now: Timestamp) -> Result<Vec<Event>, &'static str> {
    let value: Value =
        serde_json::from_slice(raw).map_err(|_| "a JSON object that cannot be read")?;
    let webhook = recognise(&value).ok_or("a JSON object that matches no known provider")?;
    let mut events =
        webhook.read(raw, now).map_err(|_| "a provider's JSON object that cannot be read")?;
    for event in &mut events {
        event.source = Source::Export;
        webhook.kind.clone_into(&mut event.provider);
    }
    if events.is_empty() {
        Err("a provider's notification that reports no mail event")
    } else {
        Ok(events)
    }
}

/// The order in which the formats of an export are tried, because some formats also match objects
/// of other providers. The order must not change between versions, so that an object is always
/// attributed to the same provider.
const TRIED: [&str; 9] =
    ["ses", "sendgrid", "mailgun", "postmark", "bird", "emitlo", "drin", "mailersio", "resend"];

/// Returns the reader whose format a JSON value from an export has. Returns `None` if no format
/// matches.
pub fn recognise(value: &Value) -> Option<&'static Webhook> {
    let of = |kind: &&str| PROVIDERS.iter().find(|spec| spec.kind == *kind);
    let specs = || TRIED.iter().filter_map(of);
    let first = specs().filter_map(|spec| spec.webhooks.first().copied());
    let others = specs().flat_map(|spec| spec.webhooks.iter().skip(1).copied());
    first.chain(others).find(|webhook| (webhook.looks_like)(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_fits_several_forms_stays_the_same_providers() {
        let mut tried = TRIED.to_vec();
        tried.sort_unstable();
        let with = PROVIDERS.iter().filter(|spec| !spec.webhooks.is_empty());
        let mut with: Vec<&str> = with.map(|spec| spec.kind).collect();
        with.sort_unstable();
        assert_eq!(tried, with, "each kind with webhooks is tried");
        let both = serde_json::json!({
            "id": "evt_1", "type": "email.bounced", "created_at": "2026-11-21T03:45:00Z",
            "data": { "email_id": "e", "email": "ann@example.com" },
        });
        assert_eq!(recognise(&both).map(|webhook| webhook.kind), Some("drin"));
    }
}
